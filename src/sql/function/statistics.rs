//! MV_*: statistics of the numbers of a field.

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;

use super::{Call, Function, scalar};

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(
        ("mv_median", "mv_median(number) -> the same"),
        (1, 1),
        "the value in the middle, or the mean of the two there, rounded down to a whole number if they are such",
        ("mv_median([3, 7, 1, 6])", "4"),
        |lowering, call, _| kept(lowering, call, "mv_median"),
    ),
    scalar(
        ("mv_median_absolute_deviation", "mv_median_absolute_deviation(number) -> the same"),
        (1, 1),
        "the median of the values' distances from their median",
        ("mv_median_absolute_deviation([0.0, 2.0, 5.0, 6.0])", "2.0"),
        |lowering, call, _| kept(lowering, call, "mv_median_absolute_deviation"),
    ),
    scalar(
        ("mv_percentile", "mv_percentile(number, percent) -> the same"),
        (2, 2),
        "the value below which that percentage of the values lies",
        ("mv_percentile([5, 5, 10, 12, 5000], 50)", "10"),
        |lowering, call, _| kept(lowering, call, "mv_percentile"),
    ),
    scalar(
        ("mv_pseries_weighted_sum", "mv_pseries_weighted_sum(number, power) -> double"),
        (2, 2),
        "the sum of the values, each divided by its place to a power",
        ("mv_pseries_weighted_sum([70.0, 45.0, 21.0], 1)", "99.5"),
        |lowering, call, _| {
            let value = kept(lowering, call, "mv_pseries_weighted_sum")?;
            Some(Typed { ty: Type::Double, ..value })
        },
    ),
];

/// A statistic with the type of its numbers.
fn kept(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str) -> Option<Typed> {
    let (values, rest) = call.args.split_first()?;
    let value = lowering.numbers_argument(call, values);
    let parameter = rest.first().map(|parameter| lowering.double_argument(call, parameter));
    let value = value?;
    let args = match parameter {
        Some(parameter) => vec![value.sql, parameter?],
        None => vec![value.sql],
    };
    Some(Typed::single(build::call(name, args), value.ty))
}
