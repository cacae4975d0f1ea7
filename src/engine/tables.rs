//! The tables of a query, cut to the window of an execution.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::datasource::ViewTable;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, cast};
use datafusion::physical_plan::collect;
use datafusion::sql::sqlparser::ast::{self, visit_expressions};

use super::catalog::kind_of;
use super::damaged::scan_error;
use super::failure::engine_error;
use super::session::Session;
use crate::alert::CORE_FIELDS;
use crate::alert::sink::{SOURCE, VALUES};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::lake::{self, Ask, Field, Kind, Known, Lake, OnTime, Table, Window};
use crate::rule::{self, Execution, Rule};
use crate::sql::lowered::{Lowered, TableUse};

/// The field that says when an event was, for the window of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeField {
    /// The field.
    pub name: String,
    /// The field that says it for events without the first.
    pub fallback: Option<String>,
    /// The field that says when an event was ingested, where an execution does not see what was ingested after it.
    pub ingested: Option<String>,
}

impl TimeField {
    /// The time field of a rule: its `timestamp_override` with `@timestamp` as fallback, unless that is switched off.
    pub fn of(rule: &Rule) -> Self {
        let timestamp = || "@timestamp".to_owned();
        match &rule.timestamp_override {
            Some(name) if name != "@timestamp" => {
                let fallback = (!rule.timestamp_override_fallback_disabled).then(timestamp);
                Self { name: name.clone(), fallback, ingested: None }
            }
            _ => Self { name: timestamp(), fallback: None, ingested: None },
        }
    }

    /// The same, for executions that do not see what was ingested after them.
    #[must_use]
    pub fn as_ingested(self) -> Self {
        Self { ingested: Some("event.ingested".to_owned()), ..self }
    }

    /// The window that an execution which sees what was known at `until` looks at.
    pub fn over(&self, window: &rule::Window, until: Option<DateTime<Utc>>) -> Window {
        let known = self.ingested.clone().map(|field| Known { field, until });
        Window { field: self.name.clone(), fallback: self.fallback.clone(), from: window.from, to: window.to, known }
    }

    /// The fields, the first one first.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.name).chain(&self.fallback)
    }
}

/// Which columns of its tables a query gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Those that it reads.
    Read,
    /// All, and what identifies an event. Of tables with very many: those that it reads and those that every alert tells.
    All,
}

/// Of tables with more fields than this a row carries a part of them: the planner's time grows with the square.
const MOST_CARRIED: usize = 1500;

/// The columns that identify an event.
const IDENTITY: [&str; 3] = ["_id", "_index", "_version"];

/// Gives the session the tables of a query, each as a view that only shows the execution's window.
pub(super) async fn register(
    session: &Session,
    lake: &Lake,
    lowered: &Lowered,
    time: &TimeField,
    execution: &Execution,
) -> Result<()> {
    for (name, plan) in at(session, lake, lowered, time, execution, Columns::Read).await? {
        let name = TableReference::bare(name.as_str());
        let context = session.context();
        context.deregister_table(name.clone()).map_err(engine_error)?;
        context.register_table(name, Arc::new(ViewTable::new(plan, None))).map_err(engine_error)?;
    }
    Ok(())
}

/// The tables of a query by name, each showing the execution's window.
pub(super) async fn at(
    session: &Session,
    lake: &Lake,
    lowered: &Lowered,
    time: &TimeField,
    execution: &Execution,
    columns: Columns,
) -> Result<BTreeMap<String, LogicalPlan>> {
    let window = execution.window.map(|window| time.over(&window, Some(execution.at)));
    plans(session, lake, lowered, window, None, columns).await
}

/// The tables of a query by name, each with a column more that a function makes of the time of an event.
pub(super) async fn on_time(
    session: &Session,
    lake: &Lake,
    lowered: &Lowered,
    time: &TimeField,
    window: &rule::Window,
    column: &OnTime,
) -> Result<BTreeMap<String, LogicalPlan>> {
    let columns = if lowered.origin.is_empty() { Columns::Read } else { Columns::All };
    plans(session, lake, lowered, Some(time.over(window, None)), Some(column.clone()), columns).await
}

/// The tables of a query by name.
pub(super) async fn plans(
    session: &Session,
    lake: &Lake,
    lowered: &Lowered,
    window: Option<Window>,
    on_time: Option<OnTime>,
    columns: Columns,
) -> Result<BTreeMap<String, LogicalPlan>> {
    let mut mentioned = mentioned(lowered);
    if columns == Columns::All {
        mentioned.extend(CORE_FIELDS.map(str::to_owned));
    }
    let mut plans = BTreeMap::new();
    for used in &lowered.tables {
        let mut used = used.clone();
        // What the query only carries along comes packed.
        let mut shows_all = used.all_fields && used.packed.is_empty();
        if columns == Columns::All {
            used.all_fields = are_few(lake, &used).await?;
            shows_all = used.all_fields;
            let missing = IDENTITY.iter().filter(|name| !used.metadata.iter().any(|known| known == *name));
            let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
            used.metadata.extend(missing);
        }
        let only = (!shows_all).then(|| mentioned.clone());
        let plan = table(session, lake, &used, only, window.clone(), on_time.clone()).await?;
        plans.insert(used.name, plan);
    }
    Ok(plans)
}

/// Whether the tables have no more fields than rows can carry.
async fn are_few(lake: &Lake, used: &TableUse) -> Result<bool> {
    let selection = lake.select(&used.patterns);
    let count = || lake::union_fields(&selection.tables.iter().map(AsRef::as_ref).collect::<Vec<_>>()).0.len();
    if count() > MOST_CARRIED {
        return Ok(false);
    }
    for table in &selection.tables {
        table.discover().await?;
    }
    Ok(count() <= MOST_CARRIED)
}

/// A window over the time field, of what was known at an instant where the time field asks for that.
async fn table(
    session: &Session,
    lake: &Lake,
    used: &TableUse,
    only: Option<BTreeSet<String>>,
    window: Option<Window>,
    on_time: Option<OnTime>,
) -> Result<LogicalPlan> {
    let ask = Ask {
        wanted: used.wanted.iter().map(wanted).collect(),
        fixed: Vec::new(),
        metadata: used.metadata.clone(),
        only,
        packed: used.packed.clone(),
        all_fields: used.all_fields,
        window,
        on_time,
    };
    let made = ask.on_time.as_ref().map(|on_time| on_time.column.as_str());
    marked(view(session, lake, used, &ask).await?, made)
}

/// The table with a mark on each field that may hold several values, which tells its lists from those a query makes;
/// `made` is no field. A mark keeps what a scan need not give from being left out: no list gets one without need.
fn marked(plan: LogicalPlan, made: Option<&str>) -> Result<LogicalPlan> {
    let mark = mark();
    let column = |(qualifier, field): (Option<&TableReference>, &FieldRef)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        match field.data_type() {
            DataType::List(_) | DataType::LargeList(_) if made != Some(field.name()) => {
                column.alias_with_metadata(field.name(), Some(mark.clone()))
            }
            _ => column,
        }
    };
    let columns: Vec<Expr> = plan.schema().iter().map(column).collect();
    // The builder would look through the whole plan for each of the columns, of which there may be thousands.
    let fields = plan.schema().iter().zip(&columns).map(|((qualifier, field), column)| match column {
        Expr::Alias(_) => (None, Arc::new(mark.add_to_field(field.as_ref().clone()))),
        _ => (qualifier.cloned(), Arc::clone(field)),
    });
    let schema =
        DFSchema::new_with_metadata(fields.collect(), plan.schema().metadata().clone()).map_err(engine_error)?;
    let marked = Projection::try_new_with_schema(columns, Arc::new(plan), Arc::new(schema)).map_err(engine_error)?;
    Ok(LogicalPlan::Projection(marked))
}

/// The mark of a list that an event holds.
pub(super) fn mark() -> FieldMetadata {
    FieldMetadata::from(BTreeMap::from([(VALUES.to_owned(), SOURCE.to_owned())]))
}

/// Every name that a query writes.
fn mentioned(lowered: &Lowered) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let _ = visit_expressions(&lowered.query, |expr| {
        match expr {
            ast::Expr::Identifier(name) => _ = names.insert(name.value.clone()),
            ast::Expr::CompoundIdentifier(parts) => names.extend(parts.iter().map(|part| part.value.clone())),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    names
}

async fn view(session: &Session, lake: &Lake, used: &TableUse, ask: &Ask) -> Result<LogicalPlan> {
    let selection = lake.select(&used.patterns);
    let tables: Vec<&Table> = selection.tables.iter().map(AsRef::as_ref).collect();
    lake::plan(&tables, ask, &session.context().state()).await
}

/// A field that the lake does not list, as the lake's own kind of field.
fn wanted(field: &crate::sql::catalog::Field) -> Field {
    let kind = kind_of(field.ty);
    Field { name: field.name.clone(), kind, data_type: kind.data_type(), multi: field.multi }
}

/// The newest value of the time field over the tables of a query.
pub(super) async fn latest(
    session: &Session,
    lake: &Lake,
    tables: &[TableUse],
    time: &TimeField,
) -> Result<Option<DateTime<Utc>>> {
    let mut newest = None;
    for used in tables {
        let fields = time.names().map(|name| Field {
            name: name.clone(),
            kind: Kind::Date,
            data_type: Kind::Date.data_type(),
            multi: false,
        });
        let only = time.names().cloned().collect();
        let ask = Ask { wanted: fields.collect(), only: Some(only), ..Ask::default() };
        let plan = view(session, lake, used, &ask).await?;
        newest = newest.max(newest_in(session, plan, time).await?);
    }
    Ok(newest)
}

async fn newest_in(session: &Session, plan: LogicalPlan, time: &TimeField) -> Result<Option<DateTime<Utc>>> {
    let single = session.context().state().scalar_functions().get("single_value").cloned();
    let single = single.ok_or_else(|| Error::new(ErrorKind::Engine, "the session lacks the function single_value"))?;
    let value = |name: &String| single.call(vec![Expr::Column(Column::from_name(name.as_str()))]);
    let mut values: Vec<Expr> = time.names().map(value).collect();
    let instant = if values.len() == 1 { values.remove(0) } else { coalesce(values) };
    let instant = cast(instant, Kind::Date.data_type());
    let plan = LogicalPlanBuilder::from(plan)
        .aggregate(Vec::<Expr>::new(), vec![max(instant)])
        .and_then(LogicalPlanBuilder::build)
        .map_err(engine_error)?;
    let state = session.context().state();
    let plan = state.create_physical_plan(&plan).await.map_err(engine_error)?;
    let batches = match collect(Arc::clone(&plan), state.task_ctx()).await {
        Ok(batches) => batches,
        Err(error) => return Err(scan_error(&plan, state.runtime_env(), error).await),
    };
    let Some(column) = batches.first().map(|batch| batch.column(0)).filter(|column| !column.is_empty()) else {
        return Ok(None);
    };
    match ScalarValue::try_from_array(column, 0).map_err(engine_error)? {
        ScalarValue::TimestampMicrosecond(Some(micros), _) => Ok(DateTime::from_timestamp_micros(micros)),
        _ => Ok(None),
    }
}
