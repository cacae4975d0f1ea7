//! Compares addresses without printing them.
//!
//! A field of addresses is read as `to_ip(column)`: its canonical text, so that equal addresses are equal text. To know
//! whether it is one of some addresses no text is needed: `to_ip(x) = '10.0.0.1'` and `to_ip(x) IN ('10.0.0.1', '::1')`
//! ask what `cidr_match(x, '10.0.0.1', '::1')` does, for blocks of one address, and that looks them up as numbers.

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, ScalarUDF};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule, to run when conditions are where they stay.
#[derive(Debug)]
pub(super) struct Addresses;

impl OptimizerRule for Addresses {
    fn name(&self) -> &'static str {
        "addresses"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        // Elsewhere the text of an expression is the name of a column.
        if !matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::TableScan(_)) {
            return Ok(Transformed::no(plan));
        }
        let Some(function) = config.function_registry().and_then(|known| known.udf("cidr_match").ok()) else {
            return Ok(Transformed::no(plan));
        };
        plan.map_expressions(|expr| expr.transform_up(|expr| Ok(looked_up(expr, &function))))
    }
}

/// A comparison of an address with constants as a lookup.
fn looked_up(expr: Expr, function: &Arc<ScalarUDF>) -> Transformed<Expr> {
    let (value, constants, negated) = match &expr {
        Expr::InList(InList { expr, list, negated }) => (expr.as_ref(), list.iter().collect(), *negated),
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Eq | Operator::NotEq), right }) => {
            let negated = *op == Operator::NotEq;
            match (left.as_ref(), right.as_ref()) {
                (value, constant @ Expr::Literal(..)) | (constant @ Expr::Literal(..), value) => {
                    (value, vec![constant], negated)
                }
                _ => return Transformed::no(expr),
            }
        }
        _ => return Transformed::no(expr),
    };
    let (Some(address), Some(blocks)) = (address(value), blocks(&constants)) else { return Transformed::no(expr) };
    let args = std::iter::once(address.clone()).chain(blocks).collect();
    let found = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), args));
    Transformed::yes(if negated { Expr::Not(Box::new(found)) } else { found })
}

/// What the text of an address is made of. With a label it tells of values of the query that are none, and stays.
fn address(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(call) if call.name() == "to_ip" => match call.args.as_slice() {
            [address] => Some(address),
            _ => None,
        },
        _ => None,
    }
}

/// The constants as blocks of one address; nothing if there is anything but texts among them, or no address. Text that
/// is no address in canonical form equals none.
fn blocks(constants: &[&Expr]) -> Option<Vec<Expr>> {
    let mut blocks = Vec::new();
    for constant in constants {
        let Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            _,
        ) = constant
        else {
            return None;
        };
        if text.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().to_string() == *text) {
            blocks.push(Expr::Literal(ScalarValue::Utf8(Some(text.clone())), None));
        }
    }
    (!blocks.is_empty()).then_some(blocks)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by it")]

    use std::num::NonZeroUsize;

    use datafusion::arrow::util::pretty::pretty_format_batches;

    use super::super::session::{Options, Scan, Session};

    #[test]
    fn comparisons_are_lookups_and_say_the_same() {
        let options =
            Options { threads: NonZeroUsize::MIN, memory_limit: 64 << 20, spill_dir: None, scan: Scan::default() };
        let session = Session::try_new(&options).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ask = |query: &str| {
            let batches = async { session.context().sql(query).await.unwrap().collect().await.unwrap() };
            pretty_format_batches(&runtime.block_on(batches)).unwrap().to_string()
        };
        ask("CREATE TABLE t AS SELECT x, row_number() OVER () AS n FROM (VALUES ('10.0.0.1'), ('::FFFF:10.0.0.1'), \
             ('2001:DB8::1'), ('2001:db8::2'), ('none'), (NULL), ('10.0.0.2')) AS v(x)");
        for (condition, rows) in [
            ("to_ip(x) = '10.0.0.1'", vec!["10.0.0.1", "::FFFF:10.0.0.1"]),
            ("'2001:db8::1' = to_ip(x)", vec!["2001:DB8::1"]),
            ("to_ip(x) <> '10.0.0.1'", vec!["2001:DB8::1", "2001:db8::2", "10.0.0.2"]),
            (
                "to_ip(x) IN ('10.0.0.2', '2001:DB8::1', '2001:db8::2', 'none', '10.0.0.3')",
                vec!["2001:db8::2", "10.0.0.2"],
            ),
            ("to_ip(x) NOT IN ('10.0.0.1', '10.0.0.2', '10.0.0.4', '10.0.0.3')", vec!["2001:DB8::1", "2001:db8::2"]),
        ] {
            let query = format!("SELECT x FROM t WHERE {condition} ORDER BY n");
            let plan = ask(&format!("EXPLAIN {query}"));
            assert!(plan.contains("cidr_match") && !plan.contains("to_ip"), "{plan}");
            let found = ask(&query);
            let found: Vec<&str> = found
                .lines()
                .skip(3)
                .filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'))
                .map(str::trim)
                .collect();
            assert_eq!(found, rows, "{condition}");
        }
        let plan =
            ask("EXPLAIN SELECT x FROM t WHERE to_ip(x) = '2001:DB8::1' OR to_ip(x) IN ('a', NULL, '1.2.3.4', 'b')");
        assert!(!plan.contains("cidr_match"), "{plan}");
    }
}
