//! Aggregates that tell how numbers are spread: medians, percentiles, deviations. All are exact.

use datafusion::sql::sqlparser::ast::Expr as Sql;

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;

use super::aggregate::{finish, gathered};
use super::{Call, Function, aggregate};

pub(super) static FUNCTIONS: &[Function] = &[
    aggregate(
        ("median", "median(number) -> double"),
        (1, 1),
        "the value in the middle, or the mean of the two there",
        ("median(bytes)", "2.0"),
        |lowering, call| spread(lowering, call, Some("median"), "mv_median"),
    ),
    aggregate(
        ("median_absolute_deviation", "median_absolute_deviation(number) -> double"),
        (1, 1),
        "the median of the values' distances from their median",
        ("median_absolute_deviation(bytes)", "1.0"),
        |lowering, call| spread(lowering, call, None, "mv_median_absolute_deviation"),
    ),
    aggregate(
        ("percentile", "percentile(number, percent) -> double"),
        (2, 2),
        "the value below which that percentage of the values lies",
        ("percentile(bytes, 75)", "4.0"),
        percentile,
    ),
    aggregate(
        ("std_dev", "std_dev(number) -> double"),
        (1, 1),
        "the standard deviation of the values, taken as a whole and not as a sample",
        ("round(std_dev(bytes), 3)", "2.16"),
        |lowering, call| spread(lowering, call, Some("stddev_pop"), "mv_std_dev"),
    ),
    aggregate(
        ("variance", "variance(number) -> double"),
        (1, 1),
        "the variance of the values, taken as a whole and not as a sample",
        ("round(variance(bytes), 3)", "4.667"),
        |lowering, call| spread(lowering, call, Some("var_pop"), "mv_variance"),
    ),
    aggregate(
        ("weighted_avg", "weighted_avg(number, weight) -> double"),
        (2, 2),
        "the mean of the values, each as important as its weight",
        ("weighted_avg(bytes, bytes)", "4.555555555555555"),
        weighted_avg,
    ),
];

/// SQL's own aggregate where there is one; of lists, a function of all their values together.
fn spread(lowering: &mut Lowering<'_>, call: &Call<'_>, own: Option<&str>, of_list: &str) -> Option<Typed> {
    let value = lowering.numbers_argument(call, call.args.first()?)?;
    let sql = match own {
        Some(own) if !value.multi => {
            let number = if value.ty == Type::Double { value.sql } else { build::cast(value.sql, Type::Double.sql()) };
            finish(lowering, build::call(own, [number]))
        }
        _ => build::call(of_list, [doubles(lowering, value)]),
    };
    Some(Typed::single(sql, Type::Double))
}

fn percentile(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let [number, percent] = call.args else { return None };
    let (value, percent) = (lowering.numbers_argument(call, number), lowering.number_literal(call, percent));
    let (value, percent) = (value?, percent?);
    let all = doubles(lowering, value);
    Some(Typed::single(build::call("mv_percentile", [all, percent]), Type::Double))
}

/// All values of a group in one list, as numbers with fraction.
fn doubles(lowering: &Lowering<'_>, value: Typed) -> Sql {
    let all = gathered(lowering, value.sql, value.multi);
    if value.ty == Type::Double { all } else { build::call("mv_cast", [all, build::text("double")]) }
}

fn weighted_avg(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    use datafusion::sql::sqlparser::ast::BinaryOperator::{Divide, Multiply};
    let [number, weight] = call.args else { return None };
    let (value, weight) = (lowering.number_argument(call, number), lowering.number_argument(call, weight));
    let (value, weight) = (build::cast(value?.sql, Type::Double.sql()), build::cast(weight?.sql, Type::Double.sql()));
    let total = |sql| finish(lowering, build::call("sum", [sql]));
    let sum = build::binary(
        total(build::binary(value.clone(), Multiply, weight.clone())),
        Divide,
        // What has no value has no weight either.
        total(build::case(vec![(build::is_null(value, true), weight)], None)),
    );
    Some(Typed::single(lowering.labelled("finite", vec![sum], call.span), Type::Double))
}
