//! Rows that carry the events they come from: whether a query can give them, and the plans that do.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::Schema;
use datafusion::logical_expr::LogicalPlan;

use super::Engine;
use super::failure::engine_error;
use super::origin::{Of, Refusal, carry, has_events, multiplies, over, schema_without};
use super::plan::{self, Prepared};
use super::spread::not_carried;
use super::tables::{self, Columns, TimeField};
use crate::alert::ORIGIN;
use crate::error::Result;
use crate::lake::union_fields;
use crate::rule::Execution;
use crate::sql::lowered::{Lowered, TableUse};

impl Engine {
    /// The same query, each row with the event that it comes from in columns behind its own; or what stands against it.
    ///
    /// # Errors
    /// Where the tables cannot be read or the engine refuses the query.
    pub async fn carrying(&self, lowered: &Lowered, execution: &Execution) -> Result<Result<Lowered, Refusal>> {
        self.carrying_of(lowered, execution, Of::Rows).await
    }

    /// How many fields the tables of a query have, as far as they are known.
    pub fn field_count(&self, lowered: &Lowered) -> usize {
        let count = |used: &TableUse| {
            let selection = self.lake().select(&used.patterns);
            union_fields(&selection.tables.iter().map(AsRef::as_ref).collect::<Vec<_>>()).0.len()
        };
        lowered.tables.iter().map(count).sum()
    }

    async fn carrying_of(&self, lowered: &Lowered, execution: &Execution, of: Of) -> Result<Result<Lowered, Refusal>> {
        let (outline, whole) = self.outlines(lowered, execution).await?;
        let carried = match carry(&outline, &whole, of) {
            Ok(carried) => carried,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut carrying = lowered.clone();
        let names = carried.schema().fields().iter().filter_map(|field| field.name().strip_prefix(ORIGIN));
        carrying.origin = names.map(str::to_owned).collect();
        // DISTINCT, and what selects from groups: the text of the outermost SELECT does not tell.
        carrying.aggregating |= !has_events(&outline);
        if lowered.columns.is_empty() && multiplies(&outline) {
            // The text of SQL does not tell which columns tell apart the rows of one event.
            carrying.expanded = outline.schema().columns().into_iter().map(|column| column.name).collect();
        }
        Ok(Ok(carrying))
    }

    /// The plan of a query over stand-ins of its tables, and the columns of the whole tables.
    async fn outlines(
        &self,
        lowered: &Lowered,
        execution: &Execution,
    ) -> Result<(LogicalPlan, BTreeMap<String, Schema>)> {
        let (session, lake) = (self.session(), self.lake());
        let schemas = |plans: BTreeMap<String, LogicalPlan>| -> BTreeMap<String, Schema> {
            plans.into_iter().map(|(name, plan)| (name, schema_without(plan.schema(), ""))).collect()
        };
        let whole = schemas(tables::plans(session, lake, lowered, None, None, Columns::All).await?);
        let read = schemas(tables::plans(session, lake, lowered, None, None, Columns::Read).await?);
        Ok((self.stand_in(lowered, &read, execution).await?, whole))
    }

    /// The plan of one execution whose rows carry events.
    pub(super) async fn carried(
        &self,
        lowered: &Lowered,
        time: &TimeField,
        execution: &Execution,
        of: Of,
    ) -> Result<LogicalPlan> {
        let (outline, whole) = self.outlines(lowered, execution).await?;
        let carried = carry(&outline, &whole, of).map_err(not_carried)?;
        let tables = tables::at(self.session(), self.lake(), lowered, time, execution, Columns::All).await?;
        over(carried, &tables).map_err(engine_error)
    }

    /// The plan of one execution that gives each row once for every event behind it, with that event; without limit.
    /// Where the query's rows are groups, those are the events that went into the group.
    ///
    /// # Errors
    /// Where the tables cannot be read or the engine refuses the query.
    pub async fn prepare_evidence(
        &self,
        lowered: &Lowered,
        time: &TimeField,
        execution: &Execution,
    ) -> Result<Result<Prepared, Refusal>> {
        let carrying = match self.carrying_of(lowered, execution, Of::Groups).await? {
            Ok(carrying) => carrying,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let plan = self.carried(&carrying, time, execution, Of::Groups).await?;
        plan::prepare_plan(self.session(), carrying, plan, execution.at).await.map(Ok)
    }
}
