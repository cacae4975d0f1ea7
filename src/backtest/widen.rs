//! The plan of one execution, widened to the plan of many: every row says which execution it belongs to.
//!
//! | node | becomes |
//! |---|---|
//! | table | its events, each once for every execution that sees it |
//! | `now()` | the execution's time |
//! | aggregation | one by the execution too; without keys, a row for executions without events as well |
//! | window function, DISTINCT | partitioned by the execution |
//! | join | on the execution too |
//! | LIMIT | the first rows of each execution, by their number |
//! | ORDER BY | the execution first |
//!
//! Expressions are widened in `expr`, ORDER BY and LIMIT in `order`.
//!
//! Where windows are so wide that an event belongs to many executions, the first aggregation works by panes (`panes`).
//!
//! A node that is none of these is a [`Refusal`]: then nothing is known of what widening would change, and the executions
//! run one by one. Each node's columns are checked against those it had before.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{
    Column, DFSchema, DataFusionError, JoinType, NullHandling, ScalarValue, TableReference, UnnestOptions,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Filter, Join, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias, Union, Unnest,
    Window, lit,
};

use super::expr::{asks_for_time, at_execution, check, only_where};
use super::order::keeps_order;
use super::times::Panes;
use crate::engine::Unpack;

/// The column of a table that lists the executions that see an event.
pub(super) const EXECUTIONS: &str = "__executions";
/// The column that says which execution a row belongs to; a number behind it tells relations apart.
const EXECUTION: &str = "__execution";

/// Why a plan cannot be widened: what is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

impl From<DataFusionError> for Refusal {
    fn from(error: DataFusionError) -> Self {
        Self(format!("the engine cannot widen it: {}", error.strip_backtrace()))
    }
}

pub(super) type Widened<T> = Result<T, Refusal>;

pub(super) fn refuse<T>(what: impl Into<String>) -> Widened<T> {
    Err(Refusal(what.into()))
}

/// The plan of all executions at once: the columns of `outline`, then the execution's time, ordered by that.
///
/// `tables` stand for the scans of `outline` by name; each event of them lists its executions in [`EXECUTIONS`].
/// `executions` is the list of all of them. With `panes` that column is the pane of an event instead, and the first
/// aggregation over the events works by them.
pub(super) fn widen(
    outline: &LogicalPlan,
    tables: &BTreeMap<String, LogicalPlan>,
    executions: &ScalarValue,
    panes: Option<&Panes>,
) -> Widened<LogicalPlan> {
    let widen = Widen { tables, executions, panes, counter: Cell::new(0) };
    let wide = widen.node(outline)?;
    if wide.pane {
        return refuse("there is no aggregation that panes could serve");
    }
    let Wide { plan, execution, .. } = widen.spread(wide)?;
    let execution = execution.ok_or_else(|| Refusal("no execution".to_owned()))?;
    let mut columns: Vec<Expr> = outline.schema().columns().into_iter().map(Expr::Column).collect();
    columns.push(Expr::Column(execution.clone()).alias(EXECUTION));
    let mut builder = LogicalPlanBuilder::from(plan).project(columns)?;
    if !keeps_order(outline) {
        builder = builder.sort(vec![Expr::Column(Column::from_name(EXECUTION)).sort(true, false)])?;
    }
    Ok(builder.build()?)
}

/// A plan and the column of its execution; none where its rows are the same in every execution.
pub(super) struct Wide {
    pub(super) plan: LogicalPlan,
    pub(super) execution: Option<Column>,
    /// Whether that column is the pane that an event lies in, instead.
    pub(super) pane: bool,
}

impl Wide {
    /// Rows that belong to executions, or to none in particular.
    pub(super) const fn new(plan: LogicalPlan, execution: Option<Column>) -> Self {
        Self { plan, execution, pane: false }
    }
}

pub(super) struct Widen<'a> {
    tables: &'a BTreeMap<String, LogicalPlan>,
    executions: &'a ScalarValue,
    pub(super) panes: Option<&'a Panes>,
    counter: Cell<usize>,
}

impl Widen<'_> {
    fn node(&self, plan: &LogicalPlan) -> Widened<Wide> {
        let wide = self.inner(plan)?;
        let execution = wide.execution.as_ref();
        let columns = wide.plan.schema().iter().filter(|(qualifier, field)| {
            execution.is_none_or(|e| *qualifier != e.relation.as_ref() || *field.name() != e.name)
        });
        let same = columns.map(shape).eq(plan.schema().iter().map(shape));
        if !same {
            return refuse(format!("{} changes its columns when it is widened", name_of(plan)));
        }
        Ok(wide)
    }

    /// The input of a node that needs to know the executions of its rows.
    pub(super) fn settled(&self, input: &LogicalPlan) -> Widened<Wide> {
        let wide = self.node(input)?;
        if wide.pane { refuse("events in panes reach more than an aggregation") } else { Ok(wide) }
    }

    fn inner(&self, plan: &LogicalPlan) -> Widened<Wide> {
        match plan {
            LogicalPlan::TableScan(scan) => self.table(scan.table_name.table()),
            LogicalPlan::SubqueryAlias(alias) => {
                let input = self.node(&alias.input)?;
                let execution = input.execution.map(|e| Column::new(Some(alias.alias.clone()), e.name));
                let plan = SubqueryAlias::try_new(Arc::new(input.plan), alias.alias.clone())?;
                Ok(Wide { plan: LogicalPlan::SubqueryAlias(plan), execution, pane: input.pane })
            }
            LogicalPlan::Projection(projection) => {
                let (mut exprs, input) = self.exprs(plan, &projection.expr, &projection.input)?;
                exprs.extend(input.execution.clone().map(Expr::Column));
                let plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input.plan))?);
                Ok(Wide { plan, execution: input.execution, pane: input.pane })
            }
            LogicalPlan::Filter(filter) => {
                let (exprs, input) = self.exprs(plan, std::slice::from_ref(&filter.predicate), &filter.input)?;
                let Some(predicate) = exprs.into_iter().next() else { return refuse("a filter without condition") };
                let plan = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input.plan))?);
                Ok(Wide { plan, execution: input.execution, pane: input.pane })
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(plan, aggregate),
            LogicalPlan::Window(window) => self.window(plan, window),
            LogicalPlan::Sort(sort) => match sort.fetch {
                None => self.sort(sort),
                Some(_) => refuse("an ORDER BY with a limit of its own"),
            },
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let input = self.settled(input)?;
                let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(input.plan)));
                Ok(Wide::new(plan, input.execution))
            }
            LogicalPlan::Join(join) => self.join(plan, join),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Unnest(unnest) => {
                let input = self.node(&unnest.input)?;
                let execution = input.execution;
                let plan = Unnest::try_new(Arc::new(input.plan), unnest.exec_columns.clone(), unnest.options.clone())?;
                Ok(Wide { plan: LogicalPlan::Unnest(plan), execution, pane: input.pane })
            }
            LogicalPlan::EmptyRelation(_) => Ok(Wide::new(plan.clone(), None)),
            LogicalPlan::Values(values) => {
                for expr in values.values.iter().flatten() {
                    if asks_for_time(expr)? {
                        return refuse("now() in VALUES");
                    }
                }
                Ok(Wide::new(plan.clone(), None))
            }
            other => match Unpack::of(other) {
                Some(unpack) => {
                    let input = self.settled(unpack.input())?;
                    Ok(Wide::new(unpack.over(input.plan)?, input.execution))
                }
                None => refuse(format!("{} is not known to widen", name_of(other))),
            },
        }
    }

    /// A name for the execution's column of one more relation.
    pub(super) fn fresh(&self) -> String {
        self.counter.set(self.counter.get() + 1);
        format!("{EXECUTION}_{}", self.counter.get())
    }

    /// The events of a table, each once for every execution that sees it.
    fn table(&self, name: &str) -> Widened<Wide> {
        let Some(table) = self.tables.get(name) else {
            return refuse(format!("the relation {name} is no table of the lake"));
        };
        let execution = self.fresh();
        let columns: Vec<Expr> = table
            .schema()
            .columns()
            .into_iter()
            .map(|column| {
                let is_list = column.name == EXECUTIONS;
                let column = Expr::Column(column);
                if is_list { column.alias(&execution) } else { column }
            })
            .collect();
        let column = Column::from_name(&execution);
        let builder = LogicalPlanBuilder::from(table.clone()).project(columns)?;
        let builder = match self.panes {
            Some(_) => builder.filter(Expr::Column(column).is_not_null())?,
            None => builder.unnest_column_with_options(column, dropping())?,
        };
        let plan = builder.alias(TableReference::bare(name))?.build()?;
        let execution = Some(Column::new(Some(TableReference::bare(name)), execution));
        Ok(Wide { plan, execution, pane: self.panes.is_some() })
    }

    /// One row for each execution, with one column of this name.
    fn executions(&self, name: &str) -> Widened<LogicalPlan> {
        let list = lit(self.executions.clone()).alias(name);
        let builder = LogicalPlanBuilder::empty(true).project(vec![list])?;
        Ok(builder.unnest_column_with_options(Column::from_name(name), dropping())?.build()?)
    }

    /// The same rows for every execution, where they do not belong to executions yet.
    pub(super) fn spread(&self, wide: Wide) -> Widened<Wide> {
        if wide.execution.is_some() {
            return Ok(wide);
        }
        let name = self.fresh();
        let plan = LogicalPlanBuilder::from(wide.plan).cross_join(self.executions(&name)?)?.build()?;
        Ok(Wide::new(plan, Some(Column::from_name(name))))
    }

    /// The expressions of a node over its widened input, with the execution's time for `now()`, named as before.
    fn exprs(&self, plan: &LogicalPlan, exprs: &[Expr], input: &LogicalPlan) -> Widened<(Vec<Expr>, Wide)> {
        self.timed(plan, exprs, self.node(input)?)
    }

    /// The same over an input that is widened already.
    pub(super) fn timed(&self, plan: &LogicalPlan, exprs: &[Expr], mut input: Wide) -> Widened<(Vec<Expr>, Wide)> {
        for expr in exprs {
            if asks_for_time(expr)? {
                if input.pane {
                    return refuse("now() over events that lie in panes");
                }
                input = self.spread(input)?;
            }
        }
        let preserver = NamePreserver::new(plan);
        let mut timed = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let name = preserver.save(expr);
            timed.push(name.restore(at_execution(expr.clone(), input.execution.as_ref())?));
        }
        Ok((timed, input))
    }

    fn aggregate(&self, plan: &LogicalPlan, aggregate: &Aggregate) -> Widened<Wide> {
        if aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
            return refuse("GROUPING SETS, CUBE or ROLLUP");
        }
        let all: Vec<Expr> = aggregate.group_expr.iter().chain(&aggregate.aggr_expr).cloned().collect();
        let (exprs, mut input) = self.exprs(plan, &all, &aggregate.input)?;
        let Some(mut execution) = input.execution.clone() else {
            return Ok(Wide::new(plan.clone(), None));
        };
        let (mut keys, mut values) = (exprs, Vec::new());
        values.extend(keys.drain(aggregate.group_expr.len()..));
        if let (true, Some(panes)) = (input.pane, self.panes) {
            return self.by_panes(aggregate, panes, input.plan, &execution, keys, &values);
        }
        if keys.is_empty() {
            let present = format!("{}_present", self.fresh());
            (input, execution) = self.with_every_execution(input.plan, execution, &present)?;
            for value in &mut values {
                let name = NamePreserver::new(plan).save(value);
                let counted = std::mem::replace(value, lit(0));
                *value = name.restore(only_where(counted, &Expr::Column(Column::from_name(&present)))?);
            }
        }
        keys.push(Expr::Column(execution.clone()));
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input.plan), keys, values)?);
        Ok(Wide::new(plan, Some(execution)))
    }

    /// The rows of a plan and one row of nulls for each execution, told apart by the column `present`: an aggregation
    /// without keys has a result also where there is no row.
    fn with_every_execution(&self, plan: LogicalPlan, execution: Column, present: &str) -> Widened<(Wide, Column)> {
        let schema = Arc::clone(plan.schema());
        let mut real: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
        real.push(lit(true).alias(present));
        let name = self.fresh();
        let mut phantom = Vec::new();
        let mut renamed = Vec::new();
        for (qualifier, field) in schema.iter() {
            let is_execution = qualifier == execution.relation.as_ref() && *field.name() == execution.name;
            let value = if is_execution {
                Expr::Column(Column::from_name(&name))
            } else {
                lit(ScalarValue::try_from(field.data_type())?)
            };
            phantom.push(value.alias_qualified(qualifier.cloned(), field.name()));
            renamed.push((qualifier.cloned(), field.name().clone()));
        }
        phantom.push(lit(false).alias(present));
        let real = LogicalPlanBuilder::from(plan).project(real)?.build()?;
        let phantom = LogicalPlanBuilder::from(self.executions(&name)?).project(phantom)?.build()?;
        let union = LogicalPlan::Union(Union::try_new(vec![Arc::new(real), Arc::new(phantom)])?);
        // A union may forget which relation its columns are of.
        let columns: Vec<Column> = union.schema().columns();
        let mut back: Vec<Expr> = columns
            .iter()
            .zip(renamed)
            .map(|(column, (qualifier, name))| Expr::Column(column.clone()).alias_qualified(qualifier, name))
            .collect();
        back.extend(columns.last().cloned().map(|column| Expr::Column(column).alias(present)));
        let plan = LogicalPlanBuilder::from(union).project(back)?.build()?;
        Ok((Wide::new(plan, Some(execution.clone())), execution))
    }

    fn window(&self, plan: &LogicalPlan, window: &Window) -> Widened<Wide> {
        let (exprs, input) = self.exprs(plan, &window.window_expr, &window.input)?;
        let Some(execution) = &input.execution else {
            return Ok(Wide::new(plan.clone(), None));
        };
        if input.pane {
            return refuse("a window function over events in panes");
        }
        let partitioned = |expr: Expr| {
            let name = NamePreserver::new(plan).save(&expr);
            let change = |inner: Expr| {
                Ok(match inner {
                    Expr::WindowFunction(mut function) => {
                        function.params.partition_by.push(Expr::Column(execution.clone()));
                        Transformed::yes(Expr::WindowFunction(function))
                    }
                    other => Transformed::no(other),
                })
            };
            Ok::<_, Refusal>(name.restore(expr.transform_up(change)?.data))
        };
        let exprs = exprs.into_iter().map(partitioned).collect::<Result<Vec<_>, _>>()?;
        let plan = LogicalPlan::Window(Window::try_new(exprs, Arc::new(input.plan))?);
        Ok(Wide::new(plan, input.execution))
    }

    fn join(&self, plan: &LogicalPlan, join: &Join) -> Widened<Wide> {
        let left = self.settled(&join.left)?;
        let right = self.settled(&join.right)?;
        let keys = join.on.iter().flat_map(|(left, right)| [left, right]).chain(&join.filter);
        for key in keys {
            if asks_for_time(key)? {
                return refuse("now() in the condition of a join");
            }
            check(key)?;
        }
        if left.execution.is_none() && right.execution.is_none() {
            return Ok(Wide::new(plan.clone(), None));
        }
        if join.null_aware {
            return refuse("NOT IN over a subquery");
        }
        let keeps_left = matches!(
            join.join_type,
            JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark
        );
        if join.join_type == JoinType::Full {
            return refuse("a FULL JOIN");
        }
        let (left, right) = (self.spread(left)?, self.spread(right)?);
        let (Some(on_left), Some(on_right)) = (left.execution, right.execution) else {
            return refuse("a join without executions");
        };
        let mut on = join.on.clone();
        on.push((Expr::Column(on_left.clone()), Expr::Column(on_right.clone())));
        let joined = LogicalPlan::Join(Join::try_new(
            Arc::new(left.plan),
            Arc::new(right.plan),
            on,
            join.filter.clone(),
            join.join_type,
            join.join_constraint,
            join.null_equality,
            false,
        )?);
        let (execution, other) = if keeps_left { (on_left, on_right) } else { (on_right, on_left) };
        let columns = joined.schema().columns().into_iter().filter(|column| *column != other).map(Expr::Column);
        let plan = LogicalPlanBuilder::from(joined.clone()).project(columns.collect::<Vec<_>>())?.build()?;
        Ok(Wide::new(plan, Some(execution)))
    }

    fn union(&self, union: &Union) -> Widened<Wide> {
        let inputs = union.inputs.iter().map(|input| self.settled(input)).collect::<Result<Vec<_>, _>>()?;
        if inputs.iter().all(|input| input.execution.is_none()) {
            return Ok(Wide::new(LogicalPlan::Union(union.clone()), None));
        }
        let name = self.fresh();
        let mut branches = Vec::with_capacity(inputs.len());
        for input in inputs {
            let Wide { plan, execution, .. } = self.spread(input)?;
            let Some(execution) = execution else { return refuse("a union without executions") };
            let others = plan.schema().columns().into_iter().filter(|column| *column != execution).map(Expr::Column);
            let mut columns: Vec<Expr> = others.collect();
            columns.push(Expr::Column(execution).alias(&name));
            branches.push(Arc::new(LogicalPlanBuilder::from(plan).project(columns)?.build()?));
        }
        let plan = LogicalPlan::Union(Union::try_new_with_loose_types(branches)?);
        let execution = find(plan.schema(), &name)?;
        Ok(Wide::new(plan, Some(execution)))
    }
}

/// What must not change of a column.
fn shape<'a>(
    (qualifier, field): (Option<&'a TableReference>, &'a FieldRef),
) -> (Option<&'a TableReference>, &'a str, &'a DataType) {
    (qualifier, field.name(), field.data_type())
}

fn find(schema: &DFSchema, name: &str) -> Widened<Column> {
    let found = schema.columns().into_iter().find(|column| column.name == name);
    found.ok_or_else(|| Refusal("the execution's column is lost".to_owned()))
}

/// How lists of executions are taken apart: an event that no execution sees is no row.
pub(super) fn dropping() -> UnnestOptions {
    UnnestOptions::new().with_null_handling(NullHandling::Drop)
}

fn name_of(plan: &LogicalPlan) -> String {
    let line = plan.display().to_string();
    let end = line.find([':', '(']).unwrap_or(line.len());
    line.get(..end).unwrap_or_default().trim().to_owned()
}
