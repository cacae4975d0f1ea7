//! Keeps conditions without columns above an aggregate without keys.
//!
//! DataFusion moves a condition below an aggregate if every column of it is a key, so also one that has no column. But an
//! aggregate without keys has one row even for no input: `SELECT * FROM (SELECT count(*) FROM a) WHERE false` would have
//! that row. A limit of one row, which such an aggregate has anyway, is where conditions stop.

use std::collections::BTreeSet;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule, to run before conditions are moved.
#[derive(Debug)]
pub(super) struct LoneGroup;

impl OptimizerRule for LoneGroup {
    fn name(&self) -> &'static str {
        "lone_group"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        let Some(constants) = constants(&filter.input) else { return Ok(Transformed::no(plan)) };
        let moves = split_conjunction(&filter.predicate).into_iter().any(|part| is_constant(part, &constants));
        if !moves {
            return Ok(Transformed::no(plan));
        }
        let input = held(&filter.input)?;
        plan.with_new_exprs(vec![filter.predicate.clone()], vec![input]).map(Transformed::yes)
    }
}

/// The columns of one value, where below them lies an aggregate without keys and nothing that stops a condition.
fn constants(plan: &LogicalPlan) -> Option<BTreeSet<String>> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty().then(BTreeSet::new),
        LogicalPlan::Projection(projection) => {
            let below = constants(&projection.input)?;
            let columns = projection.expr.iter().zip(projection.schema.fields());
            let constant = columns.filter(|(expr, _)| is_constant(expr, &below));
            Some(constant.map(|(_, field)| field.name().clone()).collect())
        }
        LogicalPlan::SubqueryAlias(alias) => constants(&alias.input),
        LogicalPlan::Filter(filter) => constants(&filter.input),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => constants(&sort.input),
        _ => None,
    }
}

fn is_constant(expr: &Expr, constants: &BTreeSet<String>) -> bool {
    expr.column_refs().iter().all(|column| constants.contains(&column.name))
}

/// The plan with a limit above its aggregate.
fn held(plan: &LogicalPlan) -> Result<LogicalPlan> {
    if matches!(plan, LogicalPlan::Aggregate(_)) {
        return LogicalPlanBuilder::from(plan.clone()).limit(0, Some(1))?.build();
    }
    let inputs = plan.inputs().into_iter().map(held).collect::<Result<Vec<_>>>()?;
    plan.with_new_exprs(plan.expressions(), inputs)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by it")]

    use std::num::NonZeroUsize;

    use super::super::session::{Options, Scan, Session};

    #[test]
    fn a_condition_without_columns_stays_above() {
        let options =
            Options { threads: NonZeroUsize::MIN, memory_limit: 64 << 20, spill_dir: None, scan: Scan::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let count = |query: &str| {
            let session = Session::try_new(&options).unwrap();
            let rows = async { session.context().sql(query).await.unwrap().count().await.unwrap() };
            runtime.block_on(rows)
        };
        let from = "(SELECT *, to_ip('::1') AS a, 2 AS b FROM (SELECT count(*) AS n FROM (VALUES (1), (2)) AS v(x)) AS s) AS t";
        assert_eq!(count(&format!("SELECT * FROM {from} WHERE a <> a")), 0);
        assert_eq!(count(&format!("SELECT * FROM {from} WHERE n > 1 AND b > 2")), 0);
        assert_eq!(count(&format!("SELECT * FROM {from} WHERE n > 1 AND b > 1")), 1);
        assert_eq!(count("SELECT count(*) FROM (VALUES (1), (2)) AS v(x) WHERE false"), 1);
    }
}
