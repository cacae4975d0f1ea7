//! The rows of an execution become alerts.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, UInt8Array, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::constant;
use super::id::{Identity, Keys, of_event};
use super::of_rule::of_rule;
use super::reason::reason;
use super::suppress::{self, Grouping};
use super::value::texts;
use super::{
    EVENT_METADATA, LAST_DETECTED, ORIGIN, SUPPRESSION_DOCS, SUPPRESSION_END, SUPPRESSION_START, SUPPRESSION_TERMS,
    UUID,
};
use crate::error::{Error, Kind, Result};
use crate::rule::{Execution, Rule, Severity};

const TIME: &str = "@timestamp";
const EVENT_KIND: &str = "event.kind";
const DEPTH: &str = "kibana.alert.depth";

/// What alerts say beside their rows.
#[derive(Debug, Clone)]
pub struct AlertContext {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Its execution.
    pub execution: Execution,
    /// What makes two rows the same alert.
    pub identity: Identity,
    /// How many columns behind those of the query only serve the identity and are left out.
    pub hidden: usize,
    /// The patterns of tables that the rule reads.
    pub indices: Vec<String>,
}

/// Turns the batches of one execution into alerts.
#[derive(Debug)]
pub struct Decorator {
    context: AlertContext,
    schema: SchemaRef,
    /// In the order of the alert's columns.
    parts: Vec<Part>,
    /// The columns of the query and, behind them, the fields of the event that none of them is named as.
    document: Vec<(Field, usize)>,
}

#[derive(Debug)]
enum Part {
    /// The same for every row.
    Constant(ArrayRef),
    /// A column of the rows.
    Column(usize, DataType),
    Uuid,
    Group,
    Reason,
    Severity,
    RiskScore,
    Name,
    Depth,
    Ancestors,
    Terms,
    SuppressionTime,
    SuppressedDocs,
}

impl Part {
    fn data_type(&self) -> DataType {
        match self {
            Self::Constant(row) => row.data_type().clone(),
            Self::Column(_, data_type) => data_type.clone(),
            Self::RiskScore => DataType::UInt8,
            Self::Depth => DataType::Int64,
            Self::SuppressedDocs => DataType::UInt64,
            Self::SuppressionTime => constant::instant(None).data_type().clone(),
            Self::Ancestors => constant::ancestors(&[]).data_type().clone(),
            Self::Terms => suppress::terms(&[]).data_type().clone(),
            Self::Uuid | Self::Group | Self::Reason | Self::Severity | Self::Name => DataType::Utf8,
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
        let document = document(schema, context.hidden);
        let own = |name: &str| document.iter().find(|(field, _)| field.name() == name);
        let column = |(field, at): &(Field, usize)| Part::Column(*at, field.data_type().clone());
        let mut columns: Vec<(Field, Part)> = Vec::new();
        for (name, part) in lead(&context) {
            columns.push((Field::new(name, part.data_type(), true), part));
            if name == "kibana.alert.risk_score" {
                // what the alert replaces stays under another name
                let kept = [(TIME, "kibana.alert.original_time"), (EVENT_KIND, "kibana.alert.original_event.kind")];
                let kept = kept.into_iter().filter_map(|(from, to)| Some((own(from)?, to)));
                columns.extend(kept.map(|(found, to)| (found.0.clone().with_name(to), column(found))));
            }
        }
        for found in &document {
            if columns.iter().all(|(known, _)| known.name() != found.0.name()) {
                columns.push((found.0.clone(), column(found)));
            }
        }
        let (fields, parts): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        Self { context, schema: Arc::new(Schema::new(fields)), parts, document }
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
        let rows = self.rows(batch).map_err(failed)?;
        let facts = (0..rows.num_rows()).map(|row| Fact::new(rule, &rows, row)).collect::<Result<Vec<_>, _>>();
        let facts = facts.map_err(failed)?;
        let groupings = match &rule.alert_suppression {
            Some(suppression) => Grouping::of(suppression, &rows).map_err(failed)?,
            None => Vec::new(),
        };
        let of_facts =
            |text: fn(&Fact) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(facts.iter().map(text))) };
        let column = |part: &Part| {
            Ok(match part {
                Part::Constant(row) => constant::repeat(row, batch.num_rows())?,
                Part::Column(at, _) => batch.columns().get(*at).cloned().ok_or_else(|| {
                    ArrowError::SchemaError(format!("expected {} columns, found {}", at + 1, batch.num_columns()))
                })?,
                Part::Uuid => Arc::new(StringArray::from_iter_values(ids.iter().map(|id| id.uuid.to_string()))),
                Part::Group => Arc::new(StringArray::from_iter_values(ids.iter().map(|id| id.group.to_string()))),
                Part::Reason => of_facts(|fact| &fact.reason),
                Part::Severity => of_facts(|fact| fact.severity.name()),
                Part::RiskScore => Arc::new(UInt8Array::from_iter_values(facts.iter().map(|fact| fact.risk_score))),
                Part::Name => of_facts(|fact| &fact.name),
                Part::Depth => Arc::new(Int64Array::from_iter_values(facts.iter().map(|fact| fact.depth))),
                Part::Ancestors => self.ancestors(batch)?,
                Part::Terms => suppress::terms(&groupings),
                Part::SuppressionTime => suppress::times(&groupings, rows.column_by_name(TIME), execution.at)?,
                Part::SuppressedDocs => {
                    let none = |grouping: &Option<Grouping>| grouping.as_ref().map(|_| 0);
                    Arc::new(groupings.iter().map(none).collect::<UInt64Array>())
                }
            })
        };
        let columns: Result<Vec<ArrayRef>, ArrowError> = self.parts.iter().map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        columns
            .and_then(|columns| RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options))
            .map_err(failed)
    }

    /// The rows with the fields of their events.
    fn rows(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let fields: Vec<Field> = self.document.iter().map(|(field, _)| field.clone()).collect();
        let places: Vec<usize> = self.document.iter().map(|(_, at)| *at).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.project(&places)?.columns().to_vec();
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
    }

    /// The event that each alert was made of; none where it was made of a group.
    fn ancestors(&self, batch: &RecordBatch) -> Result<ArrayRef, ArrowError> {
        let of_events = matches!(self.context.identity, Identity::Event(_));
        let told = |name: &str, row: usize| match of_event(batch, name).filter(|_| of_events) {
            Some(column) => Ok(texts(column, row)?.into_iter().next()),
            None => Ok::<_, ArrowError>(None),
        };
        let ancestor = |row| Ok(told("_id", row)?.zip(Some(told("_index", row)?)));
        let ancestors: Result<Vec<_>, ArrowError> = (0..batch.num_rows()).map(ancestor).collect();
        Ok(constant::ancestors(&ancestors?))
    }
}

/// The columns of the query and the fields of the event that it has no column of, with their places.
fn document(schema: &Schema, hidden: usize) -> Vec<(Field, usize)> {
    let is_carried = |field: &Field| field.name().starts_with(ORIGIN);
    let own = schema.fields().iter().take_while(|field| !is_carried(field)).count().saturating_sub(hidden);
    let named = schema.fields().iter().enumerate();
    let mut document: Vec<(Field, usize)> =
        named.clone().take(own).map(|(at, field)| (field.as_ref().clone(), at)).collect();
    for (at, field) in named {
        let Some(name) = field.name().strip_prefix(ORIGIN).filter(|name| !EVENT_METADATA.contains(name)) else {
            continue;
        };
        if document.iter().all(|(known, _)| known.name() != name) {
            document.push((field.as_ref().clone().with_name(name), at));
        }
    }
    document
}

/// What an alert says of its row.
struct Fact {
    name: String,
    severity: Severity,
    risk_score: u8,
    depth: i64,
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
        let depth = values(DEPTH)?.iter().filter_map(|depth| depth.parse().ok()).max().unwrap_or(0_i64);
        let risk_score = risk_score.unwrap_or(rule.risk_score);
        Ok(Self { name, severity, risk_score, depth: depth.saturating_add(1), reason })
    }
}

/// The risk score that a text spells.
fn score(text: &str) -> Option<u8> {
    let score: f64 = text.parse().ok()?;
    (0.0..=100.0).contains(&score).then_some(score.round() as u8)
}

/// The columns before those of the query.
fn lead(context: &AlertContext) -> Vec<(&'static str, Part)> {
    let AlertContext { rule, execution, indices, .. } = context;
    let text = |value: &str| Part::Constant(constant::text(Some(value)));
    let instant = |at| Part::Constant(constant::instant(at));
    let (at, window) = (Some(execution.at), execution.window);
    let mut columns = vec![
        (TIME, instant(at)),
        (UUID, Part::Uuid),
        ("egret.group_id", Part::Group),
        ("kibana.alert.reason", Part::Reason),
        ("kibana.alert.severity", Part::Severity),
        ("kibana.alert.risk_score", Part::RiskScore),
        ("kibana.alert.status", text("active")),
        ("kibana.alert.workflow_status", text("open")),
        (DEPTH, Part::Depth),
        ("kibana.alert.ancestors", Part::Ancestors),
        ("kibana.alert.start", instant(at)),
        (LAST_DETECTED, instant(at)),
        ("kibana.alert.intended_timestamp", instant(at)),
    ];
    if rule.alert_suppression.is_some() {
        columns.extend([
            (SUPPRESSION_TERMS, Part::Terms),
            (SUPPRESSION_START, Part::SuppressionTime),
            (SUPPRESSION_END, Part::SuppressionTime),
            (SUPPRESSION_DOCS, Part::SuppressedDocs),
        ]);
    }
    columns.push(("kibana.space_ids", Part::Constant(constant::texts(&["default".to_owned()]))));
    columns.push(("kibana.alert.rule.name", Part::Name));
    columns.extend(of_rule(rule, indices, execution).into_iter().map(|(name, row)| (name, Part::Constant(row))));
    columns.extend([
        ("egret.window.from", instant(window.map(|window| window.from))),
        ("egret.window.to", instant(window.map(|window| window.to))),
        (EVENT_KIND, text("signal")),
    ]);
    columns
}

#[cfg(test)]
#[path = "decorate_tests.rs"]
mod tests;
