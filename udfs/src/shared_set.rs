//! The optimizer rule by which one set serves `collect_set(x)` and `count_distinct(x)` of the same aggregation.
//!
//! `SELECT count_distinct(a), collect_set(a) .. GROUP BY b` would build the same set twice. The count becomes the length
//! of the list, in a projection above that keeps names, types and order:
//!
//! ```text
//! Projection: b, coalesce(CAST(mv_count(collect_set(a)) AS Int64), 0) AS count_distinct(a), collect_set(a)
//!   Aggregate: groupBy=[[b]], aggr=[[collect_set(a)]]
//! ```

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection, cast, lit};
use datafusion::optimizer::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::collect_set::CollectSet;
use crate::count_distinct::CountDistinct;
use crate::mv::mv_count;

/// The rule; [`register_all`](crate::register_all) adds it to a session.
///
/// ```
/// use datafusion::optimizer::OptimizerRule;
///
/// assert_eq!(egret_udfs::SharedSet.name(), "shared_set");
/// ```
#[derive(Debug, Default)]
pub struct SharedSet;

impl OptimizerRule for SharedSet {
    fn name(&self) -> &'static str {
        "shared_set"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = plan else {
            return Ok(Transformed::no(plan));
        };
        let sets: Vec<Option<usize>> = aggregate.aggr_expr.iter().map(|count| set_of(count, &aggregate)).collect();
        if sets.iter().all(Option::is_none) {
            return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
        }
        share(aggregate, &sets).map(Transformed::yes)
    }
}

/// Returns which aggregate of the plan holds the values that this one counts, or `None` if it counts none of them.
fn set_of(count: &Expr, aggregate: &Aggregate) -> Option<usize> {
    let count = call(count).filter(|call| call.func.inner().is::<CountDistinct>())?;
    aggregate.aggr_expr.iter().position(|other| {
        call(other).is_some_and(|other| {
            other.func.inner().is::<CollectSet>()
                && other.params.args == count.params.args
                && other.params.filter == count.params.filter
        })
    })
}

fn call(expression: &Expr) -> Option<&AggregateFunction> {
    match expression {
        Expr::AggregateFunction(call) => Some(call),
        Expr::Alias(alias) => call(&alias.expr),
        _ => None,
    }
}

/// Drops the counts that have a set and puts a projection above that makes them of it.
fn share(aggregate: Aggregate, sets: &[Option<usize>]) -> Result<LogicalPlan> {
    let before: Arc<DFSchema> = Arc::clone(&aggregate.schema);
    let groups = before.fields().len() - aggregate.aggr_expr.len();
    let kept = aggregate.aggr_expr.iter().zip(sets).filter(|(_, set)| set.is_none());
    let kept: Vec<Expr> = kept.map(|(expression, _)| expression.clone()).collect();
    let smaller = Aggregate::try_new(aggregate.input, aggregate.group_expr, kept)?;
    let columns = before
        .iter()
        .enumerate()
        .map(|(at, (qualifier, field))| {
            let set = at.checked_sub(groups).and_then(|at| sets.get(at).copied().flatten());
            match set {
                None => Expr::Column(Column::from((qualifier, field))),
                Some(set) => {
                    let list = Expr::Column(Column::from(before.qualified_field(groups + set)));
                    let length = cast(mv_count().call(vec![list]), DataType::Int64);
                    coalesce(vec![length, lit(0_i64)]).alias_qualified(qualifier.cloned(), field.name())
                }
            }
        })
        .collect();
    Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(smaller))).map(LogicalPlan::Projection)
}
