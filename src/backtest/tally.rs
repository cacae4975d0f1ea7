//! What a replay found, summed up as its executions come.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::replay::Executed;
use crate::alert::{Identity, Keys, Suppressor};
use crate::error::{Error, Kind, Result};
use crate::rule::{Rule, Window};

/// Sums over the executions of a rule.
#[derive(Debug, Clone)]
pub struct Tally {
    identity: Identity,
    limit: Option<u64>,
    once: bool,
    sums: Sums,
    groups: HashMap<Uuid, Known>,
}

/// What executions come to, without regard to groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Executions so far.
    pub executions: u64,
    /// Executions that gave alerts.
    pub with_alerts: u64,
    /// Executions that had more rows than the limit.
    pub over_limit: u64,
    /// Alerts that were given.
    pub alerts: u64,
    /// Rows beyond the limit, of all executions.
    pub lost: u64,
    /// Alerts of a group that an earlier execution alerted on already, within a window that overlaps. Where alerts of
    /// events are given once: those that were not given again.
    pub duplicates: u64,
    /// Alerts that another one stands for, as the rule's suppression says.
    #[serde(default)]
    pub suppressed: u64,
    /// Alerts by the day of their execution, UTC.
    pub days: BTreeMap<NaiveDate, u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    label: Option<String>,
    alerts: u64,
    seen_to: Option<DateTime<Utc>>,
}

/// What a [`Tally`] knows, to be kept on disk.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Saved {
    sums: Sums,
    groups: BTreeMap<String, Known>,
    /// What the rule's suppression compares with.
    #[serde(default)]
    pub(crate) suppressor: Option<Suppressor>,
}

/// A group and how often it alerted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `egret.group_id`
    pub id: Uuid,
    /// The columns of its key with their values.
    pub label: String,
    /// How many alerts it gave.
    pub alerts: u64,
}

impl Tally {
    /// A tally of rows that `identity` tells apart, `limit` being the most that an execution gives.
    pub fn new(identity: Identity, limit: Option<u64>) -> Self {
        Self { identity, limit, once: false, sums: Sums::default(), groups: HashMap::new() }
    }

    /// The same, the alert of an event being given once, however many executions find the event.
    #[must_use]
    pub fn once_an_event(mut self) -> Self {
        self.once = matches!(self.identity, Identity::Event(_));
        self
    }

    /// The sums.
    pub const fn sums(&self) -> &Sums {
        &self.sums
    }

    /// What it knows, to be kept.
    pub fn saved(&self) -> Saved {
        let groups = self.groups.iter().map(|(id, known)| (id.to_string(), known.clone())).collect();
        Saved { sums: self.sums.clone(), groups, suppressor: None }
    }

    /// Goes on from what was kept.
    #[must_use]
    pub fn resumed(self, saved: &Saved) -> Self {
        let group = |(id, known): (&String, &Known)| Some((Uuid::parse_str(id).ok()?, known.clone()));
        Self { sums: saved.sums.clone(), groups: saved.groups.iter().filter_map(group).collect(), ..self }
    }

    /// Adds what an execution found; its rows that become alerts.
    ///
    /// # Errors
    /// Where a key column is missing.
    pub fn add(&mut self, executed: &Executed, rule: &Rule) -> Result<Vec<RecordBatch>> {
        let Executed { execution, batches, total } = executed;
        self.sums.executions += 1;
        self.sums.lost += total.saturating_sub(executed.rows());
        self.sums.over_limit += u64::from(self.limit.is_some_and(|limit| *total > limit));
        let mut met = Vec::new();
        let mut fresh = Vec::new();
        for batch in batches {
            let keys = Keys::of(batch, &self.identity)?;
            let mut given = Vec::with_capacity(batch.num_rows());
            for (row, ids) in keys.ids(rule, execution.window).enumerate() {
                let again = if self.once {
                    self.groups.contains_key(&ids.group)
                } else {
                    self.is_known(ids.group, execution.window)
                };
                self.sums.duplicates += u64::from(again);
                given.push(!(self.once && again));
                let label = match self.groups.get(&ids.group) {
                    Some(_) => None,
                    None => self.label(batch, row)?,
                };
                let known = self.groups.entry(ids.group).or_insert(Known { label, alerts: 0, seen_to: None });
                known.alerts += 1;
                met.push(ids.group);
            }
            if given.iter().all(|given| *given) {
                fresh.push(batch.clone());
            } else {
                let failed = |e| Error::new(Kind::Engine, "rows of an execution cannot be chosen").with_source(e);
                fresh.push(filter_record_batch(batch, &BooleanArray::from(given)).map_err(failed)?);
            }
        }
        // What one execution gives twice is no duplicate of an overlap.
        for group in met {
            if let (Some(known), Some(window)) = (self.groups.get_mut(&group), execution.window) {
                known.seen_to = known.seen_to.max(Some(window.to));
            }
        }
        Ok(fresh)
    }

    /// Adds the alerts that the execution at `at` gave, and those that others stand for.
    pub fn given(&mut self, at: DateTime<Utc>, alerts: u64, suppressed: u64) {
        self.sums.alerts += alerts;
        self.sums.suppressed += suppressed;
        self.sums.with_alerts += u64::from(alerts > 0);
        if alerts > 0 {
            *self.sums.days.entry(at.date_naive()).or_default() += alerts;
        }
    }

    /// Whether an earlier execution alerted on the group and saw a part of this window.
    fn is_known(&self, group: Uuid, window: Option<Window>) -> bool {
        let seen_to = self.groups.get(&group).and_then(|known| known.seen_to);
        seen_to.zip(window).is_some_and(|(to, window)| window.from <= to)
    }

    /// The groups that alert most, at most `count`; none where a row is no group.
    pub fn top(&self, count: usize) -> Vec<Group> {
        let group =
            |(id, known): (&Uuid, &Known)| Some(Group { id: *id, label: known.label.clone()?, alerts: known.alerts });
        let mut groups: Vec<Group> = self.groups.iter().filter_map(group).collect();
        groups.sort_by(|a, b| b.alerts.cmp(&a.alerts).then_with(|| a.label.cmp(&b.label)).then(a.id.cmp(&b.id)));
        groups.truncate(count);
        groups
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The key of a row as text; none where a row is no group.
    fn label(&self, batch: &RecordBatch, row: usize) -> Result<Option<String>> {
        let Identity::Group(names) = &self.identity else { return Ok(None) };
        let failed = |e| Error::new(Kind::Engine, "cannot show the key of an alert").with_source(e);
        let options = FormatOptions::default().with_null("null");
        let mut parts = Vec::new();
        for name in names {
            if let Some(column) = batch.column_by_name(name) {
                let value = ArrayFormatter::try_new(column.as_ref(), &options).map_err(failed)?;
                parts.push(format!("{name}={}", value.value(row).try_to_string().map_err(failed)?));
            }
        }
        Ok(Some(if parts.is_empty() { "all events".to_owned() } else { parts.join(" ") }))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use std::sync::Arc;

    use chrono::TimeDelta;
    use datafusion::arrow::array::StringArray;

    use super::*;
    use crate::rule::Execution;

    fn executed(hour: i64, look_back: i64, paths: &[&str], total: u64) -> Executed {
        let start: DateTime<Utc> = "2026-10-01T00:00:00Z".parse().unwrap();
        let at = start + TimeDelta::hours(hour);
        let window = Some(Window { from: at - TimeDelta::minutes(look_back), to: at });
        let column = Arc::new(StringArray::from(paths.to_vec()));
        let batch = RecordBatch::try_from_iter([("path", column as _)]).unwrap();
        let batches = if paths.is_empty() { Vec::new() } else { vec![batch] };
        Executed { execution: Execution { at, window }, batches, total }
    }

    #[test]
    fn sums_and_duplicates() {
        let rule = Rule::from_text("a.esql", "FROM logs").unwrap().rule;
        let mut tally = Tally::new(Identity::Group(vec!["path".into()]), Some(2));
        let executions = [
            executed(1, 61, &["/a", "/b"], 5),
            executed(2, 61, &["/a"], 1),
            executed(3, 61, &[], 0),
            executed(4, 61, &["/b", "/b"], 2),
        ];
        for executed in &executions {
            let given = tally.add(executed, &rule).unwrap();
            assert_eq!(given, executed.batches);
            tally.given(executed.execution.at, executed.rows(), 0);
        }
        let sums = tally.sums();
        assert_eq!((sums.executions, sums.with_alerts, sums.over_limit), (4, 3, 1));
        assert_eq!((sums.alerts, sums.lost), (5, 3));
        // Only /a came again within a window that overlaps the one before.
        assert_eq!(sums.duplicates, 1);
        let top = tally.top(1);
        assert_eq!((top[0].label.as_str(), top[0].alerts), ("path=/b", 3));
        assert_eq!(sums.days.values().sum::<u64>(), 5);
        assert_eq!(tally.groups(), 2);
    }
    #[test]
    fn the_alert_of_an_event_is_given_once() {
        let rule = Rule::from_text("a.esql", "FROM logs").unwrap().rule;
        let identity = Identity::Event(vec!["path".into()]);
        let mut tally = Tally::new(identity, None).once_an_event();
        let mut given = |hour, paths: &[&str]| {
            let executed = executed(hour, 61, paths, paths.len() as u64);
            tally.add(&executed, &rule).unwrap().iter().map(RecordBatch::num_rows).sum::<usize>()
        };
        assert_eq!([given(1, &["/a", "/b", "/a"]), given(2, &["/b", "/c"]), given(9, &["/a"])], [2, 1, 0]);
        assert_eq!(tally.sums().duplicates, 3);
    }
}
