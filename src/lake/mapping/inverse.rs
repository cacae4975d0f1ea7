//! Comparisons with the values that a mapping makes, as comparisons with those that are stored: `event.type = 'start'`
//! is `activity_id = 1`, which prunes by statistics.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{BinaryExpr, InList};
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, LogicalPlan, Operator, lit};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::super::functions::mapped;

/// A rule of the optimiser that compares stored values where a mapping's are compared.
///
/// Only conditions that must be true, not those under a NOT: where a value has no other, the mapping gives null and the
/// stored value compares as false, and both let no event pass.
#[derive(Debug, Default)]
pub struct Inverse;

impl OptimizerRule for Inverse {
    fn name(&self) -> &'static str {
        "inverse_of_mapping"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        match inverse(&filter.predicate, &filter.input) {
            Some(predicate) => {
                let filter = Filter::try_new(predicate, Arc::clone(&filter.input))?;
                Ok(Transformed::yes(LogicalPlan::Filter(filter)))
            }
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// The condition in other words, where there are some.
fn inverse(expr: &Expr, input: &LogicalPlan) -> Option<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (l, r) = (inverse(left, input), inverse(right, input));
            if l.is_none() && r.is_none() {
                return None;
            }
            let side = |new: Option<Expr>, old: &Expr| Box::new(new.unwrap_or_else(|| old.clone()));
            Some(Expr::BinaryExpr(BinaryExpr { left: side(l, left), op: *op, right: side(r, right) }))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            stored(left, std::slice::from_ref(right.as_ref()), input)
                .or_else(|| stored(right, std::slice::from_ref(left.as_ref()), input))
        }
        Expr::InList(InList { expr, list, negated: false }) => stored(expr, list, input),
        _ => None,
    }
}

/// That what `made` is made of has one of the values which become one of `wanted`.
fn stored(made: &Expr, wanted: &[Expr], input: &LogicalPlan) -> Option<Expr> {
    let (value, values) = mapped(made)?;
    let data_type = value.get_type(input.schema()).ok()?;
    if !(data_type.is_integer() || matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)) {
        return None;
    }
    let mut keys = Vec::new();
    for literal in wanted {
        let Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            _,
        ) = literal
        else {
            return None;
        };
        // A key that is no value of the column's type, as the mapping spells it, is in no event: `01` is not 1.
        let typed = |key: &&str| {
            let value = ScalarValue::try_from_string((*key).to_owned(), &data_type).ok()?;
            (!data_type.is_integer() || value.to_string() == **key).then_some(value)
        };
        keys.extend(values.becoming(text)?.iter().filter_map(typed).map(lit));
    }
    if keys.is_empty() {
        return Some(lit(false));
    }
    Some(value.clone().in_list(keys, false))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use datafusion::logical_expr::{LogicalPlanBuilder, col};

    use super::super::super::functions::{Values, value_map};
    use super::*;

    #[test]
    fn what_is_compared_is_what_is_stored() {
        let input = LogicalPlanBuilder::empty(true).project([lit(1_i32).alias("n"), lit("x").alias("t")]).unwrap();
        let input = input.build().unwrap();
        let named = [("1", "a"), ("01", "a"), ("x", "a"), ("2", "b")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let values = Arc::new(Values { named: named.into(), other: Some("c".to_owned()), missing: None });
        let of = |column: &str, wanted: &str| {
            inverse(&value_map(col(column), Arc::clone(&values)).eq(lit(wanted)), &input).map(|expr| expr.to_string())
        };
        assert_eq!(of("n", "a").as_deref(), Some("n IN ([Int32(1)])"));
        assert_eq!(of("t", "a").as_deref(), Some(r#"t IN ([Utf8("01"), Utf8("1"), Utf8("x")])"#));
        assert_eq!(of("n", "nothing").as_deref(), Some("Boolean(false)"));
        assert_eq!(of("n", "c"), None);
        let negated = Expr::Not(Box::new(value_map(col("n"), Arc::clone(&values)).eq(lit("a"))));
        assert_eq!(inverse(&negated, &input), None);
    }
}
