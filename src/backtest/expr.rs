//! Expressions for many executions: the execution's time for `now()`, and what must not stand in them.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, Volatility, cast};

use super::widen::{Widened, refuse};

/// Whether an expression's value depends on the time of the execution.
pub(super) fn asks_for_time(expr: &Expr) -> Widened<bool> {
    Ok(expr.exists(|part| {
        Ok(matches!(part, Expr::ScalarFunction(call)
            if matches!(call.func.name(), "now" | "current_date" | "current_time")))
    })?)
}

/// What an expression may not hold.
pub(super) fn check(expr: &Expr) -> Widened<()> {
    let mut found = None;
    expr.apply(|part| {
        found = match part {
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_) => {
                Some("a subquery in an expression".to_owned())
            }
            Expr::OuterReferenceColumn(..) => Some("a column of an outer query".to_owned()),
            Expr::ScalarFunction(call) if call.func.name() == "current_time" => Some("current_time()".to_owned()),
            Expr::ScalarFunction(call) if call.func.signature().volatility == Volatility::Volatile => {
                Some(format!("{}(), which is another value each time", call.func.name()))
            }
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        Ok(TreeNodeRecursion::Stop)
    })?;
    found.map_or(Ok(()), refuse)
}

/// The expression with the execution's time for `now()`.
pub(super) fn at_execution(expr: Expr, execution: Option<&Column>) -> Widened<Expr> {
    check(&expr)?;
    let Some(execution) = execution else { return Ok(expr) };
    let timed = expr.transform_up(|part| {
        let Expr::ScalarFunction(call) = &part else { return Ok(Transformed::no(part)) };
        let time = Expr::Column(execution.clone());
        Ok(match call.func.name() {
            "now" => Transformed::yes(time),
            "current_date" => Transformed::yes(cast(time, DataType::Date32)),
            _ => Transformed::no(part),
        })
    })?;
    Ok(timed.data)
}

/// The expression whose aggregates only look at rows where `present` is true.
pub(super) fn only_where(expr: Expr, present: &Expr) -> Widened<Expr> {
    let limited = expr.transform_up(|part| {
        let Expr::AggregateFunction(AggregateFunction { func, mut params }) = part else {
            return Ok(Transformed::no(part));
        };
        let filter = match params.filter.take() {
            Some(filter) => present.clone().and(*filter),
            None => present.clone(),
        };
        params.filter = Some(Box::new(filter));
        Ok(Transformed::yes(Expr::AggregateFunction(AggregateFunction { func, params })))
    })?;
    Ok(limited.data)
}
