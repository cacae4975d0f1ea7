//! The rows of an execution become alerts.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, UInt8Array, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::constant;
use super::id::{Identity, Keys};
use super::reason::reason;
use super::value::texts;
use crate::error::{Error, Kind, Result};
use crate::rule::{Execution, Rule, Severity};

const TIME: &str = "@timestamp";
const EVENT_KIND: &str = "event.kind";

/// What alerts say beside their rows.
#[derive(Debug, Clone)]
pub struct AlertContext {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Its execution.
    pub execution: Execution,
    /// What makes two rows the same alert.
    pub identity: Identity,
    /// How many of the last columns only serve the identity and are left out.
    pub hidden: usize,
}

/// Turns the batches of one execution into alerts.
#[derive(Debug)]
pub struct Decorator {
    context: AlertContext,
    schema: SchemaRef,
    /// In the order of the alert's columns.
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    /// The same for every row.
    Constant(ArrayRef),
    /// A column of the query.
    Column(usize),
    Uuid,
    Group,
    Reason,
    Severity,
    RiskScore,
    Name,
}

impl Part {
    fn data_type(&self) -> DataType {
        match self {
            Self::Constant(row) => row.data_type().clone(),
            Self::RiskScore => DataType::UInt8,
            _ => DataType::Utf8,
        }
    }
}

/// The alerts of the rows of `batch`.
///
/// # Errors
/// An engine error if a column of the identity is missing.
///
/// See the example of this module; over several batches a [`Decorator`] does the common part once.
pub fn decorate(batch: &RecordBatch, context: &AlertContext) -> Result<RecordBatch> {
    Decorator::new(&batch.schema(), context.clone()).decorate(batch)
}

impl Decorator {
    /// A decorator of batches of `schema`.
    pub fn new(schema: &Schema, context: AlertContext) -> Self {
        let visible = schema.fields().len().saturating_sub(context.hidden);
        let column = |name: &str| schema.fields().iter().take(visible).position(|field| field.name() == name);
        let mut columns: Vec<(Field, Part)> = Vec::new();
        for (name, part) in lead(&context) {
            columns.push((Field::new(name, part.data_type(), true), part));
            if name == "kibana.alert.risk_score" {
                // what the alert replaces stays under another name
                let kept = [(TIME, "kibana.alert.original_time"), (EVENT_KIND, "kibana.alert.original_event.kind")];
                let kept = kept.into_iter().filter_map(|(from, to)| Some((column(from)?, to)));
                columns.extend(kept.map(|(at, to)| (schema.field(at).clone().with_name(to), Part::Column(at))));
            }
        }
        for (at, field) in schema.fields().iter().enumerate().take(visible) {
            if columns.iter().all(|(known, _)| known.name() != field.name()) {
                columns.push((field.as_ref().clone(), Part::Column(at)));
            }
        }
        let (fields, parts): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        Self { context, schema: Arc::new(Schema::new(fields)), parts }
    }

    /// The columns of the alerts.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The alerts of the rows of `batch`.
    ///
    /// # Errors
    /// An engine error if a column of the identity is missing or the batch is of another schema.
    pub fn decorate(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let AlertContext { rule, execution, identity, .. } = &self.context;
        let ids: Vec<_> = Keys::of(batch, identity)?.ids(rule, execution.window).collect();
        let failed = |e: ArrowError| Error::new(Kind::Engine, "cannot make alerts of the rows").with_source(e);
        let facts = self.facts(batch).map_err(failed)?;
        let column = |part: &Part| {
            Ok(match part {
                Part::Constant(row) => constant::repeat(row, batch.num_rows())?,
                Part::Column(at) => batch.columns().get(*at).cloned().ok_or_else(|| {
                    ArrowError::SchemaError(format!("expected {} columns, found {}", at + 1, batch.num_columns()))
                })?,
                Part::Uuid => Arc::new(StringArray::from_iter_values(ids.iter().map(|id| id.uuid.to_string()))),
                Part::Group => Arc::new(StringArray::from_iter_values(ids.iter().map(|id| id.group.to_string()))),
                Part::Reason => Arc::new(StringArray::from_iter_values(facts.iter().map(|fact| &fact.reason))),
                Part::Severity => {
                    Arc::new(StringArray::from_iter_values(facts.iter().map(|fact| fact.severity.name())))
                }
                Part::RiskScore => Arc::new(UInt8Array::from_iter_values(facts.iter().map(|fact| fact.risk_score))),
                Part::Name => Arc::new(StringArray::from_iter_values(facts.iter().map(|fact| &fact.name))),
            })
        };
        let columns: Result<Vec<ArrayRef>, ArrowError> = self.parts.iter().map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        columns
            .and_then(|columns| RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options))
            .map_err(failed)
    }

    fn facts(&self, batch: &RecordBatch) -> Result<Vec<Fact>, ArrowError> {
        let visible: Vec<usize> = (0..batch.num_columns().saturating_sub(self.context.hidden)).collect();
        let rows = batch.project(&visible)?;
        (0..rows.num_rows()).map(|row| Fact::new(&self.context.rule, &rows, row)).collect()
    }
}

/// What an alert says of its row.
struct Fact {
    name: String,
    severity: Severity,
    risk_score: u8,
    reason: String,
}

impl Fact {
    fn new(rule: &Rule, rows: &RecordBatch, row: usize) -> Result<Self, ArrowError> {
        let values = |field: &str| rows.column_by_name(field).map_or(Ok(Vec::new()), |column| texts(column, row));
        let mut severity = None;
        for mapping in &rule.severity_mapping {
            if severity < Some(mapping.severity) && values(&mapping.field)?.contains(&mapping.value) {
                severity = Some(mapping.severity);
            }
        }
        let mut risk_score = None;
        for mapping in &rule.risk_score_mapping {
            let found = values(&mapping.field)?;
            let applies = mapping.value.as_ref().is_none_or(|value| found.contains(value));
            if risk_score.is_none() && applies && !found.is_empty() {
                risk_score = mapping.risk_score.or_else(|| found.iter().filter_map(|text| score(text)).max());
            }
        }
        let name = match &rule.rule_name_override {
            Some(field) => values(field)?.into_iter().find(|name| !name.is_empty()),
            None => None,
        };
        let (severity, name) = (severity.unwrap_or(rule.severity), name.unwrap_or_else(|| rule.name.clone()));
        let reason = reason(rows, row, severity.name(), &name)?;
        Ok(Self { name, severity, risk_score: risk_score.unwrap_or(rule.risk_score), reason })
    }
}

/// The risk score that a text spells.
fn score(text: &str) -> Option<u8> {
    let score: f64 = text.parse().ok()?;
    (0.0..=100.0).contains(&score).then_some(score.round() as u8)
}

/// The columns before those of the query.
fn lead(context: &AlertContext) -> Vec<(&'static str, Part)> {
    let AlertContext { rule, execution, .. } = context;
    let text = |value: Option<&str>| Part::Constant(constant::text(value));
    let instant = |at| Part::Constant(constant::instant(at));
    let (window, schedule) = (execution.window, rule.schedule.as_ref());
    vec![
        (TIME, instant(Some(execution.at))),
        ("kibana.alert.uuid", Part::Uuid),
        ("egret.group_id", Part::Group),
        ("kibana.alert.reason", Part::Reason),
        ("kibana.alert.severity", Part::Severity),
        ("kibana.alert.risk_score", Part::RiskScore),
        ("kibana.alert.rule.rule_id", text(Some(&rule.rule_id.to_string()))),
        ("kibana.alert.rule.name", Part::Name),
        ("kibana.alert.rule.severity", text(Some(rule.severity.name()))),
        ("kibana.alert.rule.risk_score", Part::Constant(Arc::new(UInt8Array::from(vec![rule.risk_score])))),
        ("kibana.alert.rule.version", Part::Constant(Arc::new(UInt64Array::from(vec![rule.version])))),
        ("kibana.alert.rule.tags", Part::Constant(constant::texts(&rule.tags))),
        ("kibana.alert.rule.threat", Part::Constant(constant::threats(&rule.threat))),
        ("kibana.alert.rule.from", text(schedule.map(|schedule| schedule.from.as_str()))),
        ("kibana.alert.rule.to", text(schedule.map(|schedule| schedule.to.as_str()))),
        ("kibana.alert.rule.execution.timestamp", instant(Some(execution.at))),
        ("egret.window.from", instant(window.map(|window| window.from))),
        ("egret.window.to", instant(window.map(|window| window.to))),
        (EVENT_KIND, text(Some("signal"))),
    ]
}

#[cfg(test)]
#[path = "decorate_tests.rs"]
mod tests;
