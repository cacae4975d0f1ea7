//! What an investigation asks of the events behind an alert first: when they were, and which values lead.
//!
//! ```
//! use std::sync::Arc;
//! use datafusion::arrow::array::{RecordBatch, StringArray};
//! use egret::alert::Investigation;
//!
//! let hosts = StringArray::from(vec!["a", "b", "a"]);
//! let events = RecordBatch::try_from_iter([("host.name", Arc::new(hosts) as _)])?;
//! let found = Investigation::of(&[events], "@timestamp", &[])?;
//! assert_eq!(found.events, 3);
//! assert_eq!((found.fields[0].name.as_str(), found.fields[0].top[0].count), ("host.name", 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::TimestampMillisecondType;
use datafusion::arrow::error::ArrowError;
use serde::Serialize;

use super::constant::instant;
use super::value::texts;
use crate::error::{Error, Kind, Result};

/// The fields that are asked for, in their order.
const FIELDS: [&str; 14] = [
    "destination.ip",
    "destination.domain",
    "destination.port",
    "source.ip",
    "host.name",
    "user.name",
    "process.executable",
    "process.name",
    "process.command_line",
    "process.parent.executable",
    "file.path",
    "dns.question.name",
    "url.full",
    "event.action",
];

/// How many values of a field are told.
const TOP: usize = 10;
/// How many stretches of time a timeline has at most.
const MOST: i64 = 24;
/// How long such a stretch is, in seconds.
const STRETCHES: [i64; 12] = [1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800];

/// The events behind an alert, summed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Investigation {
    /// How many there are.
    pub events: u64,
    /// The first instant.
    pub first: Option<DateTime<Utc>>,
    /// The last instant.
    pub last: Option<DateTime<Utc>>,
    /// Stretches of equal length that hold events: their starts and how many events they hold.
    pub timeline: Vec<Stretch>,
    /// The fields that have values.
    pub fields: Vec<TopValues>,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// When it begins.
    pub from: DateTime<Utc>,
    /// How many events lie in it.
    pub events: u64,
}

/// A field and the values that most events have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopValues {
    /// The field.
    pub name: String,
    /// How many different values there are.
    pub distinct: u64,
    /// The most frequent ones, first the one that most events have.
    pub top: Vec<Count>,
}

/// A value and how many events have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The value as text.
    pub value: String,
    /// The events.
    pub count: u64,
}

impl Investigation {
    /// The events of `batches`, `time` being the field that says when they were; `first` are fields to tell before others.
    ///
    /// # Errors
    /// An engine error where a column cannot be shown.
    pub fn of(batches: &[RecordBatch], time: &str, first: &[String]) -> Result<Self> {
        let failed = |e: ArrowError| Error::new(Kind::Engine, "the events cannot be summed up").with_source(e);
        let times = times(batches, time).map_err(failed)?;
        let mut names: Vec<&str> = first.iter().map(String::as_str).collect();
        names.extend(FIELDS.into_iter().filter(|name| !first.iter().any(|known| known == name)));
        let fields = names.into_iter().map(|name| top(batches, name)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        Ok(Self {
            events: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
            first: times.keys().next().and_then(|ms| DateTime::from_timestamp_millis(*ms)),
            last: times.keys().next_back().and_then(|ms| DateTime::from_timestamp_millis(*ms)),
            timeline: timeline(&times),
            fields: fields.into_iter().filter(|field| field.distinct > 0).collect(),
        })
    }
}

/// How many events there were at each millisecond.
fn times(batches: &[RecordBatch], time: &str) -> Result<BTreeMap<i64, u64>, ArrowError> {
    let mut times = BTreeMap::new();
    for column in batches.iter().filter_map(|batch| batch.column_by_name(time)) {
        if column.data_type().is_temporal() {
            let column = cast(column, instant(None).data_type())?;
            for ms in column.as_primitive::<TimestampMillisecondType>().iter().flatten() {
                *times.entry(ms).or_default() += 1;
            }
        }
    }
    Ok(times)
}

fn timeline(times: &BTreeMap<i64, u64>) -> Vec<Stretch> {
    let (Some(first), Some(last)) = (times.keys().next(), times.keys().next_back()) else { return Vec::new() };
    let stretches = |length: i64| last.div_euclid(length * 1000) - first.div_euclid(length * 1000) + 1;
    let length = STRETCHES.into_iter().find(|length| stretches(*length) <= MOST).unwrap_or(604_800);
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for (ms, count) in times {
        *counts.entry(ms.div_euclid(length * 1000) * length).or_default() += count;
    }
    let stretch = |(from, events): (i64, u64)| {
        Some(Stretch { from: DateTime::UNIX_EPOCH.checked_add_signed(TimeDelta::try_seconds(from)?)?, events })
    };
    counts.into_iter().filter_map(stretch).collect()
}

fn top(batches: &[RecordBatch], name: &str) -> Result<TopValues, ArrowError> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for column in batches.iter().filter_map(|batch| batch.column_by_name(name)) {
        for row in 0..column.len() {
            let mut values = texts(column, row)?;
            values.sort_unstable();
            values.dedup();
            for value in values {
                *counts.entry(value).or_default() += 1;
            }
        }
    }
    let distinct = counts.len() as u64;
    let mut top: Vec<Count> = counts.into_iter().map(|(value, count)| Count { value, count }).collect();
    top.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    top.truncate(TOP);
    Ok(TopValues { name: name.to_owned(), distinct, top })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, ListBuilder, StringArray, StringBuilder, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn times_and_values_are_counted() {
        let minute = 60_000_000;
        let at = TimestampMicrosecondArray::from(vec![0, minute, minute + 1, 30 * minute]).with_timezone("UTC");
        let ips = StringArray::from(vec![Some("1.1.1.1"), None, Some("8.8.8.8"), Some("1.1.1.1")]);
        let mut users = ListBuilder::new(StringBuilder::new());
        users.append_value([Some("a"), Some("b"), Some("a")]);
        users.append_null();
        users.append_value([Some("b")]);
        users.append_null();
        let events = RecordBatch::try_from_iter_with_nullable([
            ("@timestamp", Arc::new(at) as ArrayRef, true),
            ("destination.ip", Arc::new(ips) as ArrayRef, true),
            ("user.name", Arc::new(users.finish()) as ArrayRef, true),
        ])
        .unwrap();
        let found = Investigation::of(&[events], "@timestamp", &["user.name".to_owned()]).unwrap();
        assert_eq!(found.events, 4);
        let counts: Vec<_> = found.timeline.iter().map(|s| (s.from.timestamp() / 60, s.events)).collect();
        assert_eq!(counts, [(0, 3), (30, 1)], "stretches of five minutes");
        let shown: Vec<_> = found.fields.iter().map(|f| (f.name.as_str(), f.distinct)).collect();
        assert_eq!(shown, [("user.name", 2), ("destination.ip", 2)]);
        assert_eq!(found.fields[0].top[0], Count { value: "b".to_owned(), count: 2 });
        assert_eq!(found.fields[1].top[0], Count { value: "1.1.1.1".to_owned(), count: 2 });
    }

    #[test]
    fn no_event_is_no_time() {
        let found = Investigation::of(&[], "@timestamp", &[]).unwrap();
        assert!(found.timeline.is_empty() && found.fields.is_empty() && found.first.is_none());
    }
}
