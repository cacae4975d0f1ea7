//! The plan of a query whose rows also carry the event that they come from, in columns behind the query's own.
//!
//! | node on the way from the events to the result | becomes |
//! |---|---|
//! | table | its columns, and every field once more under a name that no query writes |
//! | projection | the same, with these columns behind |
//! | filter, window function, unnest, LIMIT, ORDER BY | the same |
//! | join | the same, where one side alone has events as rows |
//! | aggregation, DISTINCT | refused; where groups are asked for: joined with the rows that went into each group |
//!
//! What no event passes through (the groups of INLINE STATS, subqueries) stays as it is.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, DataFusionError, JoinConstraint, JoinType, NullEquality, TableReference};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{
    Distinct, Expr, Filter, Join, Limit, LogicalPlan, LogicalPlanBuilder, Projection, Sort, SubqueryAlias, TableScan,
    Unnest, Window,
};

use super::unpack::Unpack;
use crate::alert::ORIGIN;
use crate::lake::PACKED;

/// Why the rows of a query cannot carry their events: what is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

impl From<DataFusionError> for Refusal {
    fn from(error: DataFusionError) -> Self {
        Self(format!("the engine cannot carry it: {}", error.strip_backtrace()))
    }
}

type Carried<T> = Result<T, Refusal>;

fn refuse<T>(what: impl Into<String>) -> Carried<T> {
    Err(Refusal(what.into()))
}

/// Which rows carry events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Those of a query whose rows are events.
    Rows,
    /// Also groups: each comes once for every event of it. Limits and orders above groups are left out.
    Groups,
}

/// The plan of `outline` with every field of the event behind its columns, each named [`ORIGIN`] and the field's name.
///
/// `tables` are the tables with all their fields, by name. Scans of the result, by the same names, have these columns.
pub(super) fn carry(outline: &LogicalPlan, tables: &BTreeMap<String, Schema>, of: Of) -> Carried<LogicalPlan> {
    let carry = Carry { tables, of, counter: Cell::new(0) };
    let carried = carry.node(outline, of == Of::Rows)?;
    let columns: Vec<Column> = outline.schema().columns().into_iter().chain(carried.event).collect();
    let plan = if carried.plan.schema().columns() == columns {
        carried.plan
    } else {
        project(carried.plan, columns.into_iter().map(Expr::Column).collect())?
    };
    // Scans that no event passes through read the same tables.
    let whole = plan.transform_up_with_subqueries(|node| match &node {
        LogicalPlan::TableScan(scan) => match tables.get(scan.table_name.table()) {
            Some(schema) if scan.projected_schema.fields().len() != schema.fields().len() => {
                Ok(Transformed::yes(narrowed(scan, schema)?))
            }
            _ => Ok(Transformed::no(node)),
        },
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(whole.data)
}

/// The plan over the tables themselves instead of scans that stand for them.
pub(super) fn over(plan: LogicalPlan, tables: &BTreeMap<String, LogicalPlan>) -> Result<LogicalPlan, DataFusionError> {
    let filled = plan.transform_up_with_subqueries(|node| match &node {
        LogicalPlan::TableScan(scan) => match tables.get(scan.table_name.table()) {
            Some(table) => {
                let table = LogicalPlanBuilder::from(table.clone()).alias(scan.table_name.clone())?.build()?;
                Ok(Transformed::yes(table))
            }
            None => Ok(Transformed::no(node)),
        },
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(filled.data)
}

/// Whether one event may become several rows of the plan.
pub(super) fn multiplies(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Unnest(_) | LogicalPlan::Join(_) => true,
        other => other.inputs().into_iter().any(multiplies),
    }
}

/// The scan of a table with all fields, and of it the columns that `scan` has.
fn narrowed(scan: &TableScan, schema: &Schema) -> Result<LogicalPlan, DataFusionError> {
    let columns: Vec<Expr> = scan.projected_schema.columns().into_iter().map(Expr::Column).collect();
    project(whole(&scan.table_name, schema)?, columns)
}

fn whole(name: &TableReference, schema: &Schema) -> Result<LogicalPlan, DataFusionError> {
    let table = EmptyTable::new(Arc::new(schema.clone()));
    LogicalPlanBuilder::scan(name.clone(), provider_as_source(Arc::new(table)), None)?.build()
}

/// A projection of columns that are resolved already: the builder would look up each in the whole plan, which takes
/// minutes where there are thousands.
fn project(plan: LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan, DataFusionError> {
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(plan))?))
}

/// A plan and the columns of it that are the event's.
struct Rows {
    plan: LogicalPlan,
    event: Vec<Column>,
}

struct Carry<'a> {
    tables: &'a BTreeMap<String, Schema>,
    of: Of,
    counter: Cell<usize>,
}

impl Carry<'_> {
    /// `ordered` says that somebody above counts on the order of the rows.
    fn node(&self, plan: &LogicalPlan, ordered: bool) -> Carried<Rows> {
        match plan {
            LogicalPlan::TableScan(scan) => self.table(scan),
            LogicalPlan::SubqueryAlias(alias) => {
                let Rows { plan, event } = self.node(&alias.input, ordered)?;
                let event = event.into_iter().map(|c| Column::new(Some(alias.alias.clone()), c.name)).collect();
                let plan = SubqueryAlias::try_new(Arc::new(plan), alias.alias.clone())?;
                Ok(Rows { plan: LogicalPlan::SubqueryAlias(plan), event })
            }
            LogicalPlan::Projection(projection) => {
                let Rows { plan, event } = self.node(&projection.input, ordered)?;
                let own = projection.expr.iter().cloned();
                let exprs = own.chain(event.iter().cloned().map(Expr::Column)).collect();
                Ok(Rows { plan: LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(plan))?), event })
            }
            LogicalPlan::Filter(filter) => {
                let Rows { plan, event } = self.node(&filter.input, ordered)?;
                let plan = Filter::try_new(filter.predicate.clone(), Arc::new(plan))?;
                Ok(Rows { plan: LogicalPlan::Filter(plan), event })
            }
            LogicalPlan::Sort(sort) => {
                let Rows { plan, event } = self.node(&sort.input, ordered)?;
                if !ordered && sort.fetch.is_none() {
                    return Ok(Rows { plan, event });
                }
                let plan = Sort { expr: sort.expr.clone(), input: Arc::new(plan), fetch: sort.fetch };
                Ok(Rows { plan: LogicalPlan::Sort(plan), event })
            }
            // A limit counts groups, not their events; which groups pass is known already.
            LogicalPlan::Limit(limit) if self.of == Of::Groups && !has_events(&limit.input) => {
                self.node(&limit.input, false)
            }
            LogicalPlan::Limit(limit) => {
                let Rows { plan, event } = self.node(&limit.input, true)?;
                let plan = Limit { skip: limit.skip.clone(), fetch: limit.fetch.clone(), input: Arc::new(plan) };
                Ok(Rows { plan: LogicalPlan::Limit(plan), event })
            }
            LogicalPlan::Window(window) => {
                let Rows { plan, event } = self.node(&window.input, ordered)?;
                let plan = Window::try_new(window.window_expr.clone(), Arc::new(plan))?;
                Ok(Rows { plan: LogicalPlan::Window(plan), event })
            }
            LogicalPlan::Unnest(unnest) => {
                let Rows { plan, event } = self.node(&unnest.input, ordered)?;
                let plan = Unnest::try_new(Arc::new(plan), unnest.exec_columns.clone(), unnest.options.clone())?;
                Ok(Rows { plan: LogicalPlan::Unnest(plan), event })
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Aggregate(aggregate) if self.of == Of::Groups => {
                if aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
                    return refuse("GROUPING SETS, CUBE or ROLLUP");
                }
                self.groups(plan, &aggregate.input, &aggregate.group_expr)
            }
            LogicalPlan::Distinct(Distinct::All(input)) if self.of == Of::Groups => {
                let keys: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
                self.groups(plan, input, &keys)
            }
            LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => refuse("a row of it stands for several events"),
            LogicalPlan::Union(_) => refuse("its rows come from several queries (UNION)"),
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => refuse("its rows come from no table"),
            other => match Unpack::of(other) {
                Some(unpack) => {
                    let Rows { plan, event } = self.node(unpack.input(), ordered)?;
                    Ok(Rows { plan: unpack.over(plan)?, event })
                }
                None => refuse(format!("{} is not known to carry events", name_of(other))),
            },
        }
    }

    /// The columns of a table as the query reads them, and all its fields.
    fn table(&self, scan: &TableScan) -> Carried<Rows> {
        let Some(schema) = self.tables.get(scan.table_name.table()) else {
            return refuse(format!("the relation {} is no table of the lake", scan.table_name));
        };
        let fields: Vec<&str> =
            schema.fields().iter().map(|field| field.name().as_str()).filter(|name| *name != PACKED).collect();
        let names: Vec<String> = fields.iter().map(|name| format!("{ORIGIN}{name}")).collect();
        let copies = fields
            .iter()
            .zip(&names)
            .map(|(field, name)| Expr::Column(Column::new(Some(scan.table_name.clone()), *field)).alias(name));
        let own = scan.projected_schema.columns().into_iter().map(Expr::Column);
        let exprs: Vec<Expr> = own.chain(copies).collect();
        let plan = project(whole(&scan.table_name, schema)?, exprs)?;
        Ok(Rows { plan, event: names.into_iter().map(Column::from_name).collect() })
    }

    /// Each group once for every row that went into it.
    fn groups(&self, plan: &LogicalPlan, input: &LogicalPlan, keys: &[Expr]) -> Carried<Rows> {
        let Rows { plan: rows, event } = self.node(input, false)?;
        self.counter.set(self.counter.get() + 1);
        let names: Vec<String> = (0..keys.len()).map(|at| format!("__group_{}_{at}", self.counter.get())).collect();
        let mut exprs: Vec<Expr> = keys.iter().zip(&names).map(|(key, name)| key.clone().alias(name)).collect();
        exprs.extend(event.iter().cloned().map(Expr::Column));
        let rows = project(rows, exprs)?;
        if keys.is_empty() {
            let plan = LogicalPlanBuilder::from(plan.clone()).cross_join(rows)?.build()?;
            return Ok(Rows { plan, event });
        }
        let groups = plan.schema().columns().into_iter().map(Expr::Column);
        let on = groups.zip(names.into_iter().map(|name| Expr::Column(Column::from_name(name)))).collect();
        let joined = Join::try_new(
            Arc::new(plan.clone()),
            Arc::new(rows),
            on,
            None,
            JoinType::Inner,
            JoinConstraint::On,
            NullEquality::NullEqualsNull,
            false,
        )?;
        Ok(Rows { plan: LogicalPlan::Join(joined), event })
    }

    fn join(&self, join: &Join) -> Carried<Rows> {
        let sides = (has_events(&join.left), has_events(&join.right));
        let carries_left = match (sides, join.join_type) {
            ((true, true), JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark) => true,
            ((true, false), JoinType::Right | JoinType::Full) => return refuse("an outer join"),
            ((true, false), _) => true,
            ((false, true), JoinType::Inner | JoinType::Right) => false,
            // INLINE STATS behind STATS.
            ((false, false), JoinType::Left) if self.of == Of::Groups => true,
            ((false, false), _) if self.of == Of::Groups && join.on.is_empty() && join.filter.is_none() => true,
            ((true, true), _) => return refuse("a join of events with events"),
            _ => return refuse("a join of groups"),
        };
        let Rows { plan, event } = self.node(if carries_left { &join.left } else { &join.right }, false)?;
        let carried = Arc::new(plan);
        let (left, right) =
            if carries_left { (carried, Arc::clone(&join.right)) } else { (Arc::clone(&join.left), carried) };
        let joined = Join::try_new(
            left,
            right,
            join.on.clone(),
            join.filter.clone(),
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?;
        Ok(Rows { plan: LogicalPlan::Join(joined), event })
    }
}

/// Whether the rows of a plan are events.
pub(super) fn has_events(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => false,
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => has_events(&join.left),
            _ => has_events(&join.left) || has_events(&join.right),
        },
        other => other.inputs().into_iter().any(has_events),
    }
}

fn name_of(plan: &LogicalPlan) -> String {
    let line = plan.display().to_string();
    line.split([':', '(']).next().unwrap_or_default().trim().to_owned()
}

/// The columns of a plan, without the one of this name.
pub(super) fn schema_without(schema: &DFSchema, without: &str) -> Schema {
    let fields = schema.as_arrow().fields().iter().filter(|field| field.name() != without).cloned();
    Schema::new(fields.collect::<Vec<_>>())
}
