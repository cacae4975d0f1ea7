//! Keeps conditions without columns above an aggregate without keys.
//!
//! DataFusion moves a condition below an aggregate if every column of it is a key, so also one that has no column, and on
//! its way there it puts constants in the place of columns. But an aggregate without keys has one row even for no input:
//! `SELECT * FROM (SELECT count(*) FROM a) WHERE false` would have that row. A limit of one row, which such an aggregate
//! has anyway, is where conditions stop.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
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
        let held = filter.input.as_ref().clone().transform_down(hold)?;
        if !held.transformed {
            return Ok(Transformed::no(plan));
        }
        plan.with_new_exprs(vec![filter.predicate.clone()], vec![held.data]).map(Transformed::yes)
    }
}

/// An aggregate without keys with a limit above it; no condition comes below a limit.
fn hold(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    Ok(match &plan {
        LogicalPlan::Limit(_) => Transformed::new(plan, false, TreeNodeRecursion::Jump),
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => {
            let limited = LogicalPlanBuilder::from(plan).limit(0, Some(1))?.build()?;
            Transformed::new(limited, true, TreeNodeRecursion::Jump)
        }
        _ => Transformed::no(plan),
    })
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
        // Through an aggregate with keys, a list that is spread, and a join.
        assert_eq!(count(&format!("SELECT * FROM (SELECT b, max(n) FROM {from} GROUP BY b) AS g WHERE b > 2")), 0);
        assert_eq!(count(&format!("SELECT * FROM (SELECT b, unnest([1, 2]) AS u FROM {from}) AS g WHERE b > 2")), 0);
        assert_eq!(
            count(&format!("SELECT * FROM {from} CROSS JOIN (SELECT max(n) AS m FROM {from}) AS j WHERE b > 2")),
            0
        );
        assert_eq!(
            count(&format!("SELECT * FROM {from} JOIN {} ON t.b = w.b WHERE w.b > 2", from.replace("AS t", "AS w"))),
            0
        );
    }
}
