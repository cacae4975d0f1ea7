//! `alert_suppression`: of the alerts that agree in some fields the first is given, and it counts the others.
//!
//! Without a duration alerts of one execution are compared; with one, an alert stays open for that long after the
//! execution that gave it, and what agrees with it within that time only raises its count.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{Field, TimestampMillisecondType, UInt64Type};
use datafusion::arrow::error::ArrowError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::constant::{instant, lists, records};
use super::encode::encode;
use super::value::texts;
use super::{LAST_DETECTED, SUPPRESSION_DOCS, SUPPRESSION_END, SUPPRESSION_START, SUPPRESSION_TERMS, UUID};
use crate::error::{Error, Kind, Result};
use crate::rule::{Rule, Suppression};

/// The fields that an alert is compared by, with their values in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grouping(Vec<(String, Vec<String>)>);

impl Grouping {
    /// The fields of each row; `None` for a row that lacks one and is to stay by itself.
    pub(super) fn of(suppression: &Suppression, rows: &RecordBatch) -> Result<Vec<Option<Self>>, ArrowError> {
        let grouping = |row| {
            let mut fields = Vec::with_capacity(suppression.group_by.len());
            for name in &suppression.group_by {
                let mut values = rows.column_by_name(name).map_or(Ok(Vec::new()), |column| texts(column, row))?;
                if values.is_empty() && !suppression.suppress_missing {
                    return Ok(None);
                }
                values.sort_unstable();
                fields.push((name.clone(), values));
            }
            Ok(Some(Self(fields)))
        };
        (0..rows.num_rows()).map(grouping).collect()
    }
}

/// The column of the fields and values: a list of records, null where a row stays by itself.
pub(super) fn terms(groupings: &[Option<Grouping>]) -> ArrayRef {
    let fields = || groupings.iter().flatten().flat_map(|grouping| &grouping.0);
    let names: ArrayRef = Arc::new(fields().map(|(name, _)| Some(name)).collect::<StringArray>());
    let values: ArrayRef = Arc::new(fields().flat_map(|(_, values)| values).map(Some).collect::<StringArray>());
    let records = records(vec![("field", names), ("value", lists(values, fields().map(|(_, values)| values.len())))]);
    let lengths = groupings.iter().map(|grouping| grouping.as_ref().map_or(0, |grouping| grouping.0.len()));
    let item = Arc::new(Field::new_list_field(records.data_type().clone(), true));
    let nulls: NullBuffer = groupings.iter().map(Option::is_some).collect();
    Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(lengths), records, Some(nulls)))
}

/// When the event of each row was, else its execution; null where a row stays by itself.
pub(super) fn times(
    groupings: &[Option<Grouping>],
    events: Option<&ArrayRef>,
    at: DateTime<Utc>,
) -> Result<ArrayRef, ArrowError> {
    let known = instant(None).data_type().clone();
    let events = events.filter(|column| column.data_type().is_temporal()).map(|column| cast(column, &known));
    let events = events.transpose()?;
    let time = |(row, grouping): (usize, &Option<Grouping>)| {
        grouping.as_ref()?;
        let events = events.as_ref().map(AsArray::as_primitive::<TimestampMillisecondType>);
        let event = events.filter(|events| events.is_valid(row)).map(|events| events.value(row));
        Some(event.unwrap_or_else(|| at.timestamp_millis()))
    };
    let times: TimestampMillisecondArray = groupings.iter().enumerate().map(time).collect();
    Ok(Arc::new(times.with_timezone("UTC")))
}

/// Compares the alerts of a rule, execution by execution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressor {
    /// In milliseconds; none where each execution is by itself.
    duration: Option<i64>,
    /// The execution at work, in milliseconds since 1970.
    at: i64,
    /// By fields and values: the alerts that count what agrees with them.
    open: HashMap<String, Open>,
    /// By `kibana.alert.uuid`: what alerts have counted.
    raised: HashMap<String, Raised>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    uuid: String,
    since: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Raised {
    docs: u64,
    start: i64,
    end: i64,
    last_detected: i64,
}

impl Suppressor {
    /// A suppressor of the alerts of `rule`, where it asks for one.
    pub fn of(rule: &Rule) -> Option<Self> {
        let suppression = rule.alert_suppression.as_ref()?;
        let duration = suppression.duration.as_ref().map(|duration| duration.length().num_milliseconds());
        Some(Self { duration, ..Self::default() })
    }

    /// Whether an alert may still count what later executions give.
    pub const fn spans_executions(&self) -> bool {
        self.duration.is_some()
    }

    /// The alerts of an execution at `at` that are to be given; the others are counted. Executions come in their order.
    ///
    /// # Errors
    /// An engine error where `alerts` are none of this rule.
    pub fn take(&mut self, alerts: &RecordBatch, at: DateTime<Utc>) -> Result<RecordBatch> {
        let at = at.timestamp_millis();
        if at != self.at {
            self.at = at;
            match self.duration {
                Some(duration) => self.open.retain(|_, open| open.since >= at.saturating_sub(duration)),
                None => self.open.clear(),
            }
        }
        self.first(alerts).map_err(failed)
    }

    fn first(&mut self, alerts: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let terms = column(alerts, SUPPRESSION_TERMS)?;
        let uuids = column(alerts, UUID)?;
        let (starts, ends) = (instants(alerts, SUPPRESSION_START)?, instants(alerts, SUPPRESSION_END)?);
        let mut given = Vec::with_capacity(alerts.num_rows());
        for row in 0..alerts.num_rows() {
            if terms.is_null(row) {
                given.push(true);
                continue;
            }
            let mut key = Vec::new();
            encode(terms, row, &mut key)?;
            let key = Uuid::new_v5(&Uuid::NAMESPACE_OID, &key).to_string();
            let Some(open) = self.open.get(&key) else {
                let uuid = texts(uuids, row)?.concat();
                self.open.insert(key, Open { uuid, since: self.at });
                given.push(true);
                continue;
            };
            let (start, end) = (starts.value(row), ends.value(row));
            let none = Raised { docs: 0, start, end, last_detected: self.at };
            let raised = self.raised.entry(open.uuid.clone()).or_insert(none);
            raised.docs += 1;
            raised.start = raised.start.min(start);
            raised.end = raised.end.max(end);
            raised.last_detected = self.at;
            given.push(false);
        }
        filter_record_batch(alerts, &BooleanArray::from(given))
    }

    /// The alerts with what they have counted by now.
    ///
    /// # Errors
    /// An engine error where `alerts` are none of this rule.
    pub fn complete(&self, alerts: &RecordBatch) -> Result<RecordBatch> {
        self.counted(alerts).map_err(failed)
    }

    /// Forgets what alerts have counted: those of an execution that no later one adds to.
    pub fn forget(&mut self) {
        self.raised.clear();
    }

    fn counted(&self, alerts: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let uuids = column(alerts, UUID)?;
        let raised = |row| Ok(self.raised.get(&texts(uuids, row)?.concat()));
        let raised: Result<Vec<_>, ArrowError> = (0..alerts.num_rows()).map(raised).collect();
        let raised = raised?;
        let times = |name: &str, of: fn(i64, &Raised) -> i64| -> Result<ArrayRef, ArrowError> {
            let known = instants(alerts, name)?;
            let time = |(known, raised): (Option<i64>, Option<&Raised>)| {
                known.map(|known| raised.map_or(known, |raised| of(known, raised)))
            };
            let times: TimestampMillisecondArray = known.iter().zip(raised.iter().copied()).map(time).collect();
            Ok(Arc::new(times.with_timezone("UTC")))
        };
        let docs = column(alerts, SUPPRESSION_DOCS)?.as_primitive::<UInt64Type>();
        let docs =
            docs.iter().zip(&raised).map(|(known, raised)| known.map(|n| raised.map_or(n, |raised| raised.docs)));
        let docs: ArrayRef = Arc::new(docs.collect::<UInt64Array>());
        let replaced = [
            (SUPPRESSION_DOCS, docs),
            (SUPPRESSION_START, times(SUPPRESSION_START, |known, raised| known.min(raised.start))?),
            (SUPPRESSION_END, times(SUPPRESSION_END, |known, raised| known.max(raised.end))?),
            (LAST_DETECTED, times(LAST_DETECTED, |_, raised| raised.last_detected)?),
        ];
        let schema = alerts.schema();
        let mut columns = alerts.columns().to_vec();
        for (name, values) in replaced {
            if let Some(place) = columns.get_mut(schema.index_of(name)?) {
                *place = values;
            }
        }
        RecordBatch::try_new(schema, columns)
    }
}

fn column<'a>(alerts: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    alerts
        .column_by_name(name)
        .ok_or_else(|| ArrowError::SchemaError(format!("expected the column {name}, found none")))
}

fn instants<'a>(alerts: &'a RecordBatch, name: &str) -> Result<&'a TimestampMillisecondArray, ArrowError> {
    let found = column(alerts, name)?;
    found.as_primitive_opt().ok_or_else(|| ArrowError::SchemaError(format!("expected instants in {name}")))
}

fn failed(error: ArrowError) -> Error {
    Error::new(Kind::Engine, "cannot compare alerts").with_source(error)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;
    use crate::alert::{AlertContext, Identity, decorate};
    use crate::rule::Execution;

    fn rule(duration: &str, strategy: &str) -> Rule {
        let text = format!(
            "[metadata]\ncreation_date = \"2026/10/01\"\nupdated_date = \"2026/10/01\"\n[rule]\nauthor = [\"Egret\"]\n\
             description = \"d\"\nname = \"n\"\nrisk_score = 1\nrule_id = \"3d0c2b5e-7b0f-4f07-9d43-7a4bb4ad6c11\"\n\
             severity = \"low\"\ntype = \"esql\"\nlanguage = \"esql\"\nquery = \"FROM logs\"\n[rule.alert_suppression]\n\
             group_by = [\"host\"]\nmissing_fields_strategy = \"{strategy}\"\n{duration}"
        );
        Rule::from_text("rule.toml", &text).unwrap().rule
    }

    fn alerts(rule: &Rule, minute: i64, hosts: &[Option<&str>]) -> (RecordBatch, DateTime<Utc>) {
        let at = DateTime::from_timestamp(1_790_856_000 + minute * 60, 0).unwrap();
        let ids: Vec<String> = (0..hosts.len()).map(|n| format!("{minute}-{n}")).collect();
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("_id", Arc::new(StringArray::from_iter_values(ids)) as ArrayRef, true),
            ("host", Arc::new(StringArray::from(hosts.to_vec())) as ArrayRef, true),
        ])
        .unwrap();
        let context = AlertContext {
            rule: Arc::new(rule.clone()),
            execution: Execution { at, window: None },
            identity: Identity::Event(Vec::new()),
            hidden: 0,
            indices: Vec::new(),
        };
        (decorate(&rows, &context).unwrap(), at)
    }

    fn docs(alerts: &RecordBatch) -> Vec<Option<u64>> {
        alerts.column_by_name(SUPPRESSION_DOCS).unwrap().as_primitive::<UInt64Type>().iter().collect()
    }

    #[test]
    fn without_a_duration_executions_are_apart() {
        let rule = rule("", "suppress");
        let mut suppressor = Suppressor::of(&rule).unwrap();
        let (batch, at) = alerts(&rule, 0, &[Some("a"), Some("b"), Some("a"), None, Some("a"), None]);
        let given = suppressor.take(&batch, at).unwrap();
        assert_eq!(docs(&suppressor.complete(&given).unwrap()), [Some(2), Some(0), Some(1)]);
        suppressor.forget();
        let (batch, at) = alerts(&rule, 5, &[Some("a")]);
        let given = suppressor.take(&batch, at).unwrap();
        assert_eq!(docs(&suppressor.complete(&given).unwrap()), [Some(0)]);
    }

    #[test]
    fn what_lacks_a_field_may_stay_by_itself() {
        let rule = rule("", "doNotSuppress");
        let mut suppressor = Suppressor::of(&rule).unwrap();
        let (batch, at) = alerts(&rule, 0, &[None, Some("a"), None, Some("a")]);
        let given = suppressor.take(&batch, at).unwrap();
        assert_eq!(docs(&suppressor.complete(&given).unwrap()), [None, Some(1), None]);
        assert!(given.column_by_name(SUPPRESSION_TERMS).unwrap().is_null(0));
    }

    #[test]
    fn an_alert_is_open_for_the_duration() {
        let rule = rule("[rule.alert_suppression.duration]\nvalue = 10\nunit = \"m\"\n", "suppress");
        let mut suppressor = Suppressor::of(&rule).unwrap();
        let mut given = Vec::new();
        for minute in [0, 5, 10, 15, 20] {
            let (batch, at) = alerts(&rule, minute, &[Some("a")]);
            given.push(suppressor.take(&batch, at).unwrap());
            // What is kept on disk goes on as it was.
            suppressor = serde_json::from_str(&serde_json::to_string(&suppressor).unwrap()).unwrap();
        }
        let rows: Vec<usize> = given.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [1, 0, 0, 1, 0]);
        assert_eq!(docs(&suppressor.complete(&given[0]).unwrap()), [Some(2)]);
        assert_eq!(docs(&suppressor.complete(&given[3]).unwrap()), [Some(1)]);
        let complete = suppressor.complete(&given[0]).unwrap();
        let time = |name: &str| instants(&complete, name).unwrap().value(0);
        assert_eq!(time(LAST_DETECTED) - time("kibana.alert.start"), 600_000);
        assert_eq!(time(SUPPRESSION_END) - time(SUPPRESSION_START), 600_000);
    }
}
