//! The rules of the optimiser: DataFusion's, with what they need to be right and quick for rules.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, Optimizer, OptimizerConfig, OptimizerRule};

use super::lone_group::LoneGroup;
use crate::lake::Inverse;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The rules in their order.
pub(super) fn rules() -> Vec<Rule> {
    let own: Rule = Arc::new(LoneGroup);
    let theirs = Optimizer::new().rules.into_iter().map(|rule| -> Rule {
        if rule.name() == "eliminate_join" { Arc::new(WithJoins(rule)) } else { rule }
    });
    // A filter meets what a mapping makes once it was pushed down to the table.
    let inverse: Rule = Arc::new(Inverse);
    std::iter::once(own).chain(theirs).chain([inverse]).collect()
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
    fn the_rule_about_joins_is_found() {
        let names: Vec<String> = Optimizer::new().rules.iter().map(|rule| rule.name().to_owned()).collect();
        assert!(names.iter().any(|name| name == "eliminate_join"), "{names:?}");
    }
}
