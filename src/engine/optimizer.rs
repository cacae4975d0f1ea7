//! The rules of the optimiser: DataFusion's, with what they need to be right and quick for rules.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, Optimizer, OptimizerConfig, OptimizerRule};

use super::lone_group::LoneGroup;
use super::one_of::OneOfAddresses;
use crate::lake::Inverse;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The rule that comes behind those that look at conditions which were pushed down.
const BEHIND_PUSHED: &str = "common_sub_expression_eliminate";

/// The rules in their order.
pub(super) fn rules() -> Vec<Rule> {
    let own: Rule = Arc::new(LoneGroup);
    let pushed: [Rule; 2] = [Arc::new(Inverse), Arc::new(OneOfAddresses)];
    let theirs = Optimizer::new().rules.into_iter().flat_map(|rule| -> Vec<Rule> {
        match rule.name() {
            "eliminate_join" => vec![Arc::new(WithJoins(rule))],
            // They meet what a view makes once filters were pushed down to the table, and before parts are pulled out.
            BEHIND_PUSHED => pushed.iter().cloned().chain([rule]).collect(),
            _ => vec![rule],
        }
    });
    std::iter::once(own).chain(theirs).collect()
}

/// A rule about joins, for plans that have one: looking for them takes time that grows with the square of the columns.
#[derive(Debug)]
struct WithJoins(Rule);

impl OptimizerRule for WithJoins {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let joins = plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_))))?;
        if joins { self.0.rewrite(plan, config) } else { Ok(Transformed::no(plan)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_that_ours_stand_by_are_found() {
        let names: Vec<String> = Optimizer::new().rules.iter().map(|rule| rule.name().to_owned()).collect();
        for known in ["eliminate_join", BEHIND_PUSHED] {
            assert!(names.iter().any(|name| name == known), "{known}: {names:?}");
        }
    }
}
