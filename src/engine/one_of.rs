//! Comparisons with constant addresses as tests of the stored ones: `to_ip(x) IN ('10.0.0.1', '::1')` is
//! `cidr_match(x, '10.0.0.1', '::1')`, which prints no canonical text of every address that it meets.
//!
//! True, false and null are the same: null and what is no address are null to both, with a warning of either.

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{BinaryExpr, InList, ScalarFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, LogicalPlan, Operator, ScalarUDF, lit};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule, to run behind the one that moves conditions down to what made the addresses.
#[derive(Debug)]
pub(super) struct OneOfAddresses;

impl OptimizerRule for OneOfAddresses {
    fn name(&self) -> &'static str {
        "one_of_addresses"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        let Some(cidr_match) = config.function_registry().and_then(|all| all.udf("cidr_match").ok()) else {
            return Ok(Transformed::no(plan));
        };
        let schema = filter.input.schema();
        let predicate = filter.predicate.clone().transform_down(|expr| {
            Ok(match tested(&expr, schema, &cidr_match) {
                Some(test) => Transformed::yes(test),
                None => Transformed::no(expr),
            })
        })?;
        if !predicate.transformed {
            return Ok(Transformed::no(plan));
        }
        Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate.data, Arc::clone(&filter.input))?)))
    }
}

/// The comparison as a test, where it is one of an address with constants.
fn tested(expr: &Expr, schema: &DFSchema, cidr_match: &Arc<ScalarUDF>) -> Option<Expr> {
    let (value, wanted, negated) = match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Eq | Operator::NotEq), right }) => {
            let (value, literal) = match stored(left, schema) {
                Some(value) => (value, right),
                None => (stored(right, schema)?, left),
            };
            (value, std::slice::from_ref(literal.as_ref()), *op == Operator::NotEq)
        }
        Expr::InList(InList { expr, list, negated }) => (stored(expr, schema)?, list.as_slice(), *negated),
        _ => return None,
    };
    let texts: Vec<&str> = wanted.iter().map(text).collect::<Option<_>>()?;
    // Any other spelling than the canonical one equals no canonical text.
    let addresses: Vec<Expr> = texts.into_iter().filter(|text| is_canonical(text)).map(lit).collect();
    if addresses.is_empty() {
        return None;
    }
    let args = std::iter::once(value.clone()).chain(addresses).collect();
    let test = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(cidr_match), args));
    Some(if negated { !test } else { test })
}

/// `x` of `to_ip(x)`, where it holds one text a row and warnings call it by its own name.
fn stored<'e>(expr: &'e Expr, schema: &DFSchema) -> Option<&'e Expr> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let [value] = call.args.as_slice() else { return None };
    let is_text = |data_type: &DataType| match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => matches!(**value, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
        _ => false,
    };
    (call.func.name() == "to_ip" && is_text(&value.get_type(schema).ok()?)).then_some(value)
}

fn text(literal: &Expr) -> Option<&str> {
    let Expr::Literal(scalar, _) = literal else { return None };
    match scalar {
        ScalarValue::Dictionary(_, value) => value.try_as_str()?,
        other => other.try_as_str()?,
    }
}

fn is_canonical(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().to_string() == text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by it")]

    use std::num::NonZeroUsize;

    use datafusion::arrow::util::display::array_value_to_string;

    use super::super::session::{Options, Scan, Session};

    const ROWS: &str = "(SELECT to_ip(x) AS ip FROM (VALUES ('10.0.0.1'), ('::ffff:10.0.0.1'), ('2001:DB8:0::1'), \
                        ('10.0.0.2'), ('nothing'), (NULL), ('')) AS t(x))";

    fn session() -> (Session, tokio::runtime::Runtime) {
        let options =
            Options { threads: NonZeroUsize::MIN, memory_limit: 64 << 20, spill_dir: None, scan: Scan::default() };
        (Session::try_new(&options).unwrap(), tokio::runtime::Builder::new_current_thread().build().unwrap())
    }

    #[test]
    fn rows_and_warnings_are_those_of_the_comparison() {
        let (session, runtime) = session();
        // As a column the comparison is left as it is.
        for condition in [
            "ip = '10.0.0.1'",
            "'10.0.0.1' = ip",
            "ip <> '10.0.0.1'",
            "ip IN ('10.0.0.1', '2001:db8::1', '10.0.0.9', '010.0.0.1', '::ffff:10.0.0.2')",
            "ip NOT IN ('10.0.0.1', '2001:db8::1', '10.0.0.9', '::ffff:10.0.0.2')",
            "ip IN ('2001:DB8::1', 'nothing')",
            "NOT (ip = '10.0.0.1' OR ip = '::1') AND ip IS NOT NULL",
        ] {
            let run = |sql: String| {
                let frame = runtime.block_on(session.context().sql(&sql)).unwrap();
                let plan = frame.clone().into_optimized_plan().unwrap().to_string();
                let batches = runtime.block_on(frame.collect()).unwrap();
                let texts = batches.iter().flat_map(|batch| {
                    (0..batch.num_rows()).map(|row| array_value_to_string(batch.column(0), row).unwrap())
                });
                let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
                // Of two functions that look at the same value both may say so.
                let mut warned: Vec<String> =
                    session.warnings().take().iter().map(|warning| warning.example.clone()).collect();
                warned.dedup();
                (texts, warned, plan)
            };
            let (rows, warned, plan) = run(format!("SELECT coalesce(ip, 'none') FROM {ROWS} AS a WHERE {condition}"));
            let as_value = format!("SELECT CASE WHEN {condition} THEN coalesce(ip, 'none') END FROM {ROWS} AS a");
            let (expected, expected_warned, _) = run(as_value);
            assert_eq!(rows, expected, "{condition}");
            assert_eq!(warned, expected_warned, "{condition}");
            assert_eq!(plan.contains("cidr_match"), !condition.contains("nothing"), "{condition}: {plan}");
        }
    }
}
