//! Comparisons of a text with a number, which hand-written SQL may hold.
//!
//! DataFusion makes them comparisons of numbers: it converts the text of every event, and fails at the first that is no
//! number, or never, as the events have it. Whether a query is right must not hang on the events. A literal is
//! another matter (`destination.port = '443'`): it is converted, or refused, once.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{BinaryExpr, InList};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator};

use crate::error::{Error, Kind, Result};

/// Refuses `plan`, made of SQL and not yet optimised, where it compares a text of the events with a number.
pub(super) fn refuse(plan: &LogicalPlan) -> Result<()> {
    let mut found = None;
    let walked = plan.apply_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        node.inputs().into_iter().for_each(|input| schema.merge(input.schema()));
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                found = found.take().or_else(|| mixed(expr, &schema));
                Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    });
    // Whatever a walk cannot follow, planning judges.
    match found {
        Some(message) if walked.is_ok() => Err(Error::new(Kind::Engine, message)),
        _ => Ok(()),
    }
}

/// What is wrong with a comparison, if anything is.
fn mixed(expr: &Expr, schema: &DFSchema) -> Option<String> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(*op) => {
            against(left, right, schema).or_else(|| against(right, left, schema))
        }
        Expr::InList(InList { expr, list, .. }) => {
            list.iter().find_map(|item| against(expr, item, schema).or_else(|| against(item, expr, schema)))
        }
        Expr::Between(between) => [&between.low, &between.high]
            .into_iter()
            .find_map(|end| against(&between.expr, end, schema).or_else(|| against(end, &between.expr, schema))),
        _ => None,
    }
}

/// Says that `text` is a text, no literal, and `number` a number, if so.
fn against(text: &Expr, number: &Expr, schema: &DFSchema) -> Option<String> {
    let is_text = matches!(text.get_type(schema).ok()?, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    if !is_text || matches!(text, Expr::Literal(..)) || !number.get_type(schema).ok()?.is_numeric() {
        return None;
    }
    let (text, number) = (shown(text), shown(number));
    Some(format!("`{text}` is text, `{number}` is a number: write the number in quotes, or convert the text with CAST"))
}

const fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// An expression as a query may spell it: a column without its table.
fn shown(expr: &Expr) -> String {
    match expr {
        Expr::Column(column) => column.name.clone(),
        other => other.human_display().to_string(),
    }
}
