//! What a run did: a line or two on stderr, and JSON for programs.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::open;
use super::report::Console;
use super::resource::peak_memory;
use crate::alert::sink::Staged;
use crate::engine::metrics::ScanMetrics;
use crate::engine::notices::Notices;
use crate::error::{Error, Kind, Result};
use crate::rule::{Execution, Rule};

/// What a run took and met: the part of a summary that every kind of run has.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Work {
    /// Events that the scans looked at.
    pub(super) events: u64,
    /// Bytes that were read from storage.
    pub(super) bytes: u64,
    /// Lines and documents of JSON that were parsed.
    pub(super) lines_parsed: u64,
    /// Lines and documents of JSON that were not parsed, since their bytes tell that the rule does not want them.
    pub(super) lines_skipped: u64,
    /// Files, row groups and pages that statistics ruled out.
    pub(super) pruned: u64,
    /// Rules that shared a scan; what it did (events, bytes, lines) is in the summary of each of them. 0 or 1 where the
    /// rule had its scans for itself.
    pub(super) shared_by: usize,
    /// Wall time from planning to the last row, in seconds.
    pub(super) seconds: f64,
    /// The largest amount of memory that the process held so far, in bytes; null where the system does not tell.
    pub(super) peak_memory_bytes: Option<u64>,
    /// Lines or documents that could not be read and were skipped.
    pub(super) bad_lines: u64,
    /// What the user should know, one text each.
    pub(super) warnings: Vec<String>,
}

impl Work {
    /// Takes over what the scans did.
    pub(super) fn finish(&mut self, scanned: ScanMetrics, elapsed: Duration) {
        self.events = scanned.events;
        self.bytes = scanned.bytes;
        self.lines_parsed = scanned.lines_parsed;
        self.lines_skipped = scanned.lines_skipped;
        self.pruned = scanned.pruned;
        self.seconds = elapsed.as_secs_f64();
        self.peak_memory_bytes = peak_memory();
    }

    /// Takes over what the run met.
    pub(super) fn notice(&mut self, notices: Notices) {
        self.bad_lines += notices.bad_lines;
        self.warnings.extend(notices.texts);
    }

    /// Tells people what they should know, but for what was told before.
    pub(super) fn warn(&self, console: Console, told: &mut HashSet<String>) {
        for warning in &self.warnings {
            if told.insert(warning.clone()) {
                console.warning(warning);
            }
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events", HumanCount(self.events))?;
        if self.lines_skipped > 0 {
            let (parsed, skipped) = (HumanCount(self.lines_parsed), HumanCount(self.lines_skipped));
            write!(f, " ({parsed} parsed, {skipped} skipped unparsed)")?;
        }
        write!(f, ", {} read", HumanBytes(self.bytes))?;
        if self.shared_by > 1 {
            write!(f, " by {} rules together", self.shared_by)?;
        }
        write!(f, ", {:.2} s", self.seconds)?;
        self.peak_memory_bytes.map_or(Ok(()), |bytes| write!(f, ", {} memory", HumanBytes(bytes)))
    }
}

/// The summary of one execution. Field names are the keys of `--stats-file`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Summary {
    /// The rule's id; null for a query that is no rule.
    pub(super) rule_id: Option<String>,
    /// The rule's name, or what stands for the query.
    pub(super) name: String,
    /// The execution's time, RFC 3339.
    pub(super) at: DateTime<Utc>,
    /// Start of the window, inclusive, RFC 3339; null where there is none.
    pub(super) window_from: Option<DateTime<Utc>>,
    /// End of the window, inclusive, RFC 3339; null where there is none.
    pub(super) window_to: Option<DateTime<Utc>>,
    /// Rows or alerts that were written.
    pub(super) rows: u64,
    /// Rows before the trailing LIMIT and `max_signals`.
    pub(super) total: u64,
    /// Alerts that the rule's suppression lets another one stand for.
    pub(super) suppressed: u64,
    /// Rows that may be written at most; null where there is no limit.
    pub(super) limit: Option<u64>,
    /// Time that the rule's operators computed, on all threads, and its part of a scan that it shares, in seconds.
    pub(super) cost_seconds: f64,
    /// What it took and met.
    #[serde(flatten)]
    pub(super) work: Work,
}

impl Summary {
    /// The summary of an execution before it ran.
    pub(super) fn new(name: &str, rule: Option<&Rule>, execution: &Execution) -> Self {
        Self {
            rule_id: rule.map(|rule| rule.rule_id.to_string()),
            name: name.to_owned(),
            at: execution.at,
            window_from: execution.window.as_ref().map(|w| w.from),
            window_to: execution.window.as_ref().map(|w| w.to),
            rows: 0,
            total: 0,
            suppressed: 0,
            limit: None,
            cost_seconds: 0.0,
            work: Work::default(),
        }
    }

    /// Tells people.
    pub(super) fn tell(&self, console: Console, noun: &str) {
        self.tell_new(console, noun, &mut HashSet::new());
    }

    /// Tells people, but for the warnings that were told before.
    pub(super) fn tell_new(&self, console: Console, noun: &str, told: &mut HashSet<String>) {
        self.work.warn(console, told);
        // Whoever writes LIMIT into a query of their own knows of it.
        if self.rule_id.is_some() && self.limit.is_some_and(|limit| self.total > limit) {
            console.warning(&format!(
                "{}: {} of {} {noun}s are given, the limit is reached",
                self.name,
                HumanCount(self.rows + self.suppressed),
                HumanCount(self.total)
            ));
        }
        let window = match (self.window_from, self.window_to) {
            (Some(from), Some(to)) => format!("{} to {}", instant(from), instant(to)),
            _ => "all time".to_owned(),
        };
        let suppressed = match self.suppressed {
            0 => String::new(),
            count => format!(", {} suppressed", HumanCount(count)),
        };
        console.note(&format!(
            "{}: {} {noun}{} (total {}{suppressed}) at {}, {window}; {}",
            self.name,
            HumanCount(self.rows),
            if self.rows == 1 { "" } else { "s" },
            HumanCount(self.total),
            instant(self.at),
            self.work,
        ));
    }
}

/// Tells people of several rules, which took so long together: those that cost most, and those that gave nothing.
pub(super) fn tell_all(summaries: &[Summary], elapsed: Duration, console: Console, noun: &str) {
    let mut by_cost: Vec<_> = summaries.iter().collect();
    by_cost.sort_by(|a, b| b.cost_seconds.total_cmp(&a.cost_seconds).then_with(|| a.name.cmp(&b.name)));
    console.note(&format!("{} rules in {:.2} s, by cost:", summaries.len(), elapsed.as_secs_f64()));
    for summary in by_cost {
        let plural = if summary.total == 1 { "" } else { "s" };
        console.note(&format!("{:9.2} s {:>9} {noun}{plural}  {}", summary.cost_seconds, summary.total, summary.name));
    }
    let mut silent: Vec<_> = summaries.iter().filter(|summary| summary.total == 0).map(|s| s.name.as_str()).collect();
    silent.sort_unstable();
    if !silent.is_empty() {
        console.note(&format!("no {noun} from {} of them: {}", silent.len(), silent.join(", ")));
    }
}

/// The file of `--stats-file`, reserved before there is a summary, so that a wrong path costs no run.
pub(super) struct StatsFile<'a> {
    path: &'a Path,
    staged: Staged,
}

impl<'a> StatsFile<'a> {
    /// The file at `path`, where one is asked for.
    pub(super) fn reserve(path: Option<&'a Path>) -> Result<Option<Self>> {
        let staged = |path| match open::staged_in_store(path, true)? {
            Some(staged) => Ok(staged),
            None => Staged::create(path, true),
        };
        path.map(|path| Ok(Self { path, staged: staged(path)? })).transpose()
    }

    /// Writes the summaries as one JSON document with one `key`, whole or not at all.
    pub(super) fn write(self, key: &str, summaries: &[impl Serialize]) -> Result<()> {
        let Self { path, staged } = self;
        let failed = |e: std::io::Error| {
            Error::new(Kind::Output, format!("{}: the summary cannot be written", path.display())).with_source(e)
        };
        serde_json::to_writer_pretty(staged.writer()?, &std::collections::BTreeMap::from([(key, summaries)]))
            .map_err(|e| failed(e.into()))?;
        staged.commit()
    }
}

/// An instant as people read it.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}
