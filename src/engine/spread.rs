//! A query whose plan somebody rewrites before it runs: its outline over tables that are only named, the tables
//! themselves with a column more that is made of the time of an event, and the way from the rewritten plan to rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{AggregateUDF, Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF};

use super::Engine;
use super::failure::engine_error;
use super::origin::{Of, Refusal, carry, schema_without};
use super::plan::{self, Prepared};
use super::tables::{self, Columns, TimeField};
use crate::error::{Error, Kind, Result};
use crate::lake::OnTime;
use crate::rule::{Execution, Window};
use crate::sql::lowered::Lowered;

impl Engine {
    /// The tables of a compiled rule by name: the events of `window`, with a column last that `function` makes of
    /// the instants that say when an event was: the first that is not null.
    ///
    /// # Errors
    /// Where the tables cannot be planned.
    pub async fn tables_on_time(
        &self,
        lowered: &Lowered,
        time: &TimeField,
        window: &Window,
        column: &str,
        function: Arc<ScalarUDF>,
    ) -> Result<BTreeMap<String, LogicalPlan>> {
        let on_time = OnTime { column: column.to_owned(), function };
        tables::on_time(self.session(), self.lake(), lowered, time, window, &on_time).await
    }

    /// Plans that give the whole events of a window for which `function` is true, one for each table of a compiled rule;
    /// the function takes when an event was ingested before the instants that say when it was.
    ///
    /// # Errors
    /// Where the tables cannot be planned.
    pub async fn events_on_time(
        &self,
        lowered: &Lowered,
        time: &TimeField,
        window: &Window,
        column: &str,
        function: Arc<ScalarUDF>,
        execution: &Execution,
    ) -> Result<Vec<Prepared>> {
        let on_time = OnTime { column: column.to_owned(), function };
        // A query that shows what an event is, and nothing else.
        let shown = Lowered { columns: Vec::new(), origin: vec!["_id".to_owned()], hidden: 0, ..lowered.clone() };
        let time = time.clone().as_ingested();
        let tables = tables::on_time(self.session(), self.lake(), &shown, &time, window, &on_time).await?;
        let mut prepared = Vec::with_capacity(tables.len());
        for table in tables.into_values() {
            let columns = table.schema().columns().into_iter().filter(|known| known.name != column).map(Expr::Column);
            let columns: Vec<Expr> = columns.collect();
            let plan = LogicalPlanBuilder::from(table)
                .filter(Expr::Column(Column::from_name(column)))
                .and_then(|plan| plan.project(columns))
                .and_then(LogicalPlanBuilder::build)
                .map_err(engine_error)?;
            prepared.push(plan::prepare_plan(self.session(), shown.clone(), plan, execution.at).await?);
        }
        Ok(prepared)
    }

    /// The plan of a compiled rule, as SQL gives it, over scans of `tables` that stand for them by name; the columns
    /// named `without` are left out.
    ///
    /// # Errors
    /// Where the engine refuses the query.
    pub async fn outline(
        &self,
        lowered: &Lowered,
        tables: &BTreeMap<String, LogicalPlan>,
        without: &str,
        execution: &Execution,
    ) -> Result<LogicalPlan> {
        let schemas =
            tables.iter().map(|(name, plan)| (name.clone(), schema_without(plan.schema(), without))).collect();
        if lowered.origin.is_empty() {
            return self.stand_in(lowered, &schemas, execution).await;
        }
        let read = tables::plans(self.session(), self.lake(), lowered, None, None, Columns::Read).await?;
        let read = read.iter().map(|(name, plan)| (name.clone(), schema_without(plan.schema(), without))).collect();
        let outline = self.stand_in(lowered, &read, execution).await?;
        carry(&outline, &schemas, Of::Rows).map_err(not_carried)
    }

    /// The plan of a compiled rule, as SQL gives it, over empty tables of these columns.
    pub(super) async fn stand_in(
        &self,
        lowered: &Lowered,
        tables: &BTreeMap<String, Schema>,
        execution: &Execution,
    ) -> Result<LogicalPlan> {
        let context = self.session().context();
        for (name, schema) in tables {
            let table = EmptyTable::new(Arc::new(schema.clone()));
            let name = TableReference::bare(name.as_str());
            context.deregister_table(name.clone()).map_err(engine_error)?;
            context.register_table(name, Arc::new(table)).map_err(engine_error)?;
        }
        let planned = plan::outline(self.session(), lowered, execution.at).await;
        for name in tables.keys() {
            context.deregister_table(TableReference::bare(name.as_str())).map_err(engine_error)?;
        }
        planned
    }

    /// A plan that was made of the outline of `lowered`, ready to run without a limit.
    ///
    /// # Errors
    /// Where the engine refuses the plan.
    pub async fn prepare_plan(&self, lowered: Lowered, plan: LogicalPlan, execution: &Execution) -> Result<Prepared> {
        plan::prepare_plan(self.session(), lowered, plan, execution.at).await
    }

    /// An aggregate function that queries can call.
    ///
    /// # Errors
    /// Where there is none of this name.
    pub fn aggregate(&self, name: &str) -> Result<Arc<AggregateUDF>> {
        let known = self.session().context().state().aggregate_functions().get(name).cloned();
        known.ok_or_else(|| Error::new(Kind::Engine, format!("the session lacks the function {name}")))
    }

    /// The bytes that operators, and whoever holds rows, have at the moment.
    pub fn held(&self) -> usize {
        self.session().context().runtime_env().memory_pool.reserved()
    }

    /// An account of memory outside of operators that is part of the memory limit; `what` names it in errors.
    pub fn hold(&self, what: &str) -> Held {
        Held(MemoryConsumer::new(what).register(&self.session().context().runtime_env().memory_pool))
    }
}

/// What stands against carrying events although it was possible before.
pub(super) fn not_carried(Refusal(why): Refusal) -> Error {
    Error::new(Kind::Engine, format!("the rows of the query cannot carry their events: {why}"))
}

/// Memory that counts against the limit until this is dropped.
#[derive(Debug)]
pub struct Held(MemoryReservation);

impl Held {
    /// Takes more.
    ///
    /// # Errors
    /// Where the limit does not allow it.
    pub fn more(&self, bytes: usize) -> Result<()> {
        self.0.try_grow(bytes).map_err(engine_error)
    }

    /// Gives back, at most what was taken.
    pub fn less(&self, bytes: usize) {
        self.0.shrink(bytes.min(self.0.size()));
    }
}
