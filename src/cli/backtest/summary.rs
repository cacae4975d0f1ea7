//! What a replay did: some lines on stderr, and JSON for programs.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use indicatif::HumanCount;
use serde::Serialize;

use crate::backtest::{Group, Progress, Span, Tally, Way};
use crate::cli::report::Console;
use crate::cli::summary::{Work, instant};
use crate::rule::Rule;

/// How many groups a summary names.
const TOP: usize = 10;

/// The summary of a replay. Field names are the keys of `--stats-file`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ReplaySummary {
    /// The rule's id.
    pub(super) rule_id: String,
    /// The rule's name.
    pub(super) name: String,
    /// Start of the range, RFC 3339; no execution.
    pub(super) from: DateTime<Utc>,
    /// End of the range, RFC 3339.
    pub(super) to: DateTime<Utc>,
    /// Seconds between executions.
    pub(super) interval_seconds: i64,
    /// The rule's `from` and `to` as date math against an execution.
    pub(super) window: [String; 2],
    /// Executions in the range.
    pub(super) executions: u64,
    /// Executions that are complete; fewer only where the replay ended early.
    pub(super) completed: u64,
    /// Executions that gave alerts.
    pub(super) executions_with_alerts: u64,
    /// Executions with more rows than `limit`.
    pub(super) executions_over_limit: u64,
    /// Alerts (or rows) that one execution gives at most; null where there is no limit.
    pub(super) limit: Option<u64>,
    /// Alerts or rows that were written.
    pub(super) alerts: u64,
    /// Alerts that the limit cut off.
    pub(super) alerts_lost: u64,
    /// Alerts of a group that had alerted in an earlier execution whose window overlaps; of a rule whose alerts are
    /// events, with `--as alerts`: events that were found again, for which no second alert is given.
    pub(super) duplicates: u64,
    /// Alerts that the rule's suppression lets another one stand for.
    pub(super) suppressed: u64,
    /// Events that were ingested after every execution that looks at their time; null unless `--late-arrivals` asks.
    pub(super) late_arrivals: Option<u64>,
    /// Alerts by day of their execution, UTC; days without are left out.
    pub(super) alerts_by_day: BTreeMap<NaiveDate, u64>,
    /// Distinct `egret.group_id` of the alerts.
    pub(super) groups: u64,
    /// The groups that alert most.
    pub(super) top_groups: Vec<TopGroup>,
    /// Seconds of the range that lie in no window.
    pub(super) uncovered_seconds: f64,
    /// Stretches that they fall into.
    pub(super) uncovered_gaps: u64,
    /// `one scan` for many executions, `one scan by panes` where windows are wide, or `one by one`.
    pub(super) way: &'static str,
    /// Why executions ran one by one; null where none did.
    pub(super) way_reason: Option<String>,
    /// Executions that ran one by one.
    pub(super) one_by_one: u64,
    /// Scans of the tables.
    pub(super) scans: u64,
    /// What it took and met.
    #[serde(flatten)]
    pub(super) work: Work,
}

/// A group that alerts often.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TopGroup {
    /// `egret.group_id`
    group_id: String,
    /// The columns of its key with their values.
    key: String,
    /// Its alerts.
    alerts: u64,
}

impl From<Group> for TopGroup {
    fn from(group: Group) -> Self {
        Self { group_id: group.id.to_string(), key: group.label, alerts: group.alerts }
    }
}

impl ReplaySummary {
    /// The summary of a replay of `executions` before it began.
    pub(super) fn new(rule: &Rule, span: &Span, executions: usize) -> Self {
        let uncovered = span.uncovered();
        Self {
            rule_id: rule.rule_id.to_string(),
            name: rule.name.clone(),
            from: span.from,
            to: span.to,
            interval_seconds: span.schedule.interval.length().num_seconds(),
            window: [span.schedule.from.to_string(), span.schedule.to.to_string()],
            executions: executions as u64,
            completed: 0,
            executions_with_alerts: 0,
            executions_over_limit: 0,
            limit: None,
            alerts: 0,
            alerts_lost: 0,
            duplicates: 0,
            suppressed: 0,
            late_arrivals: None,
            alerts_by_day: BTreeMap::new(),
            groups: 0,
            top_groups: Vec::new(),
            uncovered_seconds: uncovered.total.as_seconds_f64(),
            uncovered_gaps: uncovered.gaps as u64,
            way: "one scan",
            way_reason: None,
            one_by_one: 0,
            scans: 0,
            work: Work::default(),
        }
    }

    /// Takes over how the executions ran.
    pub(super) fn way(&mut self, way: &Way, alone: (u64, Option<&str>)) {
        match way {
            Way::Wide | Way::Panes => {
                if *way == Way::Panes {
                    self.way = "one scan by panes";
                }
                self.one_by_one = alone.0;
                self.way_reason = alone.1.map(str::to_owned);
            }
            Way::OneByOne(why) => {
                self.way = "one by one";
                self.way_reason = Some(why.clone());
            }
        }
    }

    /// Takes over what the replay found and did.
    pub(super) fn finish(&mut self, tally: &Tally, progress: Progress, elapsed: Duration) {
        let sums = tally.sums();
        self.completed = sums.executions;
        if self.way == "one by one" {
            self.one_by_one = sums.executions;
        }
        self.executions_with_alerts = sums.with_alerts;
        self.executions_over_limit = sums.over_limit;
        self.alerts = sums.alerts;
        self.alerts_lost = sums.lost;
        self.duplicates = sums.duplicates;
        self.suppressed = sums.suppressed;
        self.alerts_by_day.clone_from(&sums.days);
        self.groups = tally.groups() as u64;
        self.top_groups = tally.top(TOP).into_iter().map(TopGroup::from).collect();
        self.scans = progress.scans;
        self.work.finish(progress.scanned, elapsed);
    }

    /// Tells people.
    pub(super) fn tell(&self, console: Console, noun: &str) {
        self.work.warn(console, &mut HashSet::new());
        if self.uncovered_gaps > 0 {
            console.warning(&format!(
                "{}: {} of the range lie in no window, in {}: events of that time are never searched",
                self.name,
                length(TimeDelta::milliseconds((self.uncovered_seconds * 1e3) as i64)),
                counted(self.uncovered_gaps, "stretch", "stretches"),
            ));
        }
        if self.executions_over_limit > 0 {
            console.warning(&format!(
                "{}: {} reached the limit of {}; {} {noun}s are lost to it",
                self.name,
                counted(self.executions_over_limit, "execution", "executions"),
                self.limit.unwrap_or_default(),
                HumanCount(self.alerts_lost),
            ));
        }
        if let (Some(reason), true) = (&self.way_reason, self.one_by_one > 0) {
            let executions = counted(self.one_by_one, "execution ran by itself", "executions ran one by one");
            console.warning(&format!("{}: {executions}: {reason}", self.name));
        }
        let early = if self.completed < self.executions { format!(" of {}", self.executions) } else { String::new() };
        console.note(&format!(
            "{}: {} {noun}{} from {} of {}{early} executions, {} to {} every {}; {}; {}: {}",
            self.name,
            HumanCount(self.alerts),
            if self.alerts == 1 { "" } else { "s" },
            HumanCount(self.executions_with_alerts),
            HumanCount(self.completed),
            instant(self.from),
            instant(self.to),
            length(TimeDelta::seconds(self.interval_seconds)),
            counted(self.duplicates, "duplicate", "duplicates"),
            counted(self.scans, "scan", "scans"),
            self.work,
        ));
        if self.suppressed > 0 {
            console.note(&format!("  {} suppressed", counted(self.suppressed, noun, &format!("{noun}s"))));
        }
        if let Some(late) = self.late_arrivals {
            console.note(&format!("  {} too late for every execution", counted(late, "event came", "events came")));
        }
        if self.alerts > 0 {
            let days = (self.to - self.from).as_seconds_f64() / 86_400.0;
            let busiest = self.alerts_by_day.iter().max_by_key(|(day, alerts)| (**alerts, std::cmp::Reverse(**day)));
            let busiest = busiest.map_or_else(String::new, |(day, most)| format!(", most on {day} ({most})"));
            console.note(&format!("  {:.1} {noun}s a day{busiest}", self.alerts as f64 / days));
        }
        for group in &self.top_groups {
            console.note(&format!("  {:>6}  {}", group.alerts, group.key));
        }
    }
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{} {}", HumanCount(count), if count == 1 { one } else { several })
}

/// A length of time as people write it: days, hours, minutes, seconds.
fn length(time: TimeDelta) -> String {
    let seconds = time.num_seconds();
    let parts = [(seconds / 86_400, 'd'), (seconds / 3600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let shown: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if shown.is_empty() { format!("{} ms", time.num_milliseconds()) } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_as_people_write_them() {
        assert_eq!(length(TimeDelta::minutes(61)), "1h 1m");
        assert_eq!(length(TimeDelta::seconds(2 * 86_400 + 5)), "2d 5s");
        assert_eq!(length(TimeDelta::milliseconds(20)), "20 ms");
    }
}
