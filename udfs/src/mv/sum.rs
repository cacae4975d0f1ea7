//! `mv_sum(x)` and `mv_avg(x)`: the sum and the mean of the numbers of a list.
//!
//! Whole numbers add up exactly, in 64 bits with the sign they have; a sum that does not fit is null, with a warning.
//! Numbers with fraction add up with the error of each step carried along, as Elasticsearch does it.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! let warnings = egret_udfs::register_all(&context)?;
//! context.sql("SELECT mv_sum(make_array(9223372036854775807, 1))").await?.collect().await?;
//! assert_eq!(warnings.take()[0].example, "[9223372036854775807, 1]");
//! # Ok(())
//! # }
//! ```

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::unary::{Scalars, Shape, Takes, Unary};
use crate::documentation::documentation;
use crate::list::{Lists, element_type, without_null_elements};
use crate::warnings::Warnings;

const SUM: &str = "mv_sum";

/// What a warning says of a sum that does not fit.
const OVERFLOW: &str = "sum does not fit 64 bits, taken as null";

/// Returns the function `mv_sum`, reporting to `warnings`.
pub(crate) fn mv_sum(warnings: Warnings) -> ScalarUDF {
    let shape = Shape {
        name: SUM,
        returns: |list| element_type(list).and_then(widest).unwrap_or(DataType::Null),
        lists: sum,
        scalars: Scalars::Made(Clone::clone, |array| Ok(Arc::clone(array))),
        documentation: describe_sum,
        warnings: Some(warnings),
    };
    Unary::of(shape, Takes { value: widest, expected: EXPECTED })
}

/// Returns the function `mv_avg`.
pub(crate) fn mv_avg() -> ScalarUDF {
    let shape = Shape {
        name: "mv_avg",
        returns: |_| DataType::Float64,
        lists: |array, _, _| mean(array),
        scalars: Scalars::Made(|_| DataType::Float64, |array| Ok(Arc::clone(array))),
        documentation: describe_avg,
        warnings: None,
    };
    Unary::of(shape, Takes { value: |value| widest(value).map(|_| DataType::Float64), expected: EXPECTED })
}

const EXPECTED: &str = "numbers or a list of numbers; convert text with mv_cast(..)";

/// The type of the sum of numbers of this type, and the type they are taken in.
fn widest(number: &DataType) -> Option<DataType> {
    match number {
        DataType::UInt64 => Some(DataType::UInt64),
        DataType::Null => Some(DataType::Int64),
        number if number.is_integer() => Some(DataType::Int64),
        number if number.is_floating() => Some(DataType::Float64),
        DataType::Dictionary(_, value) => widest(value),
        _ => None,
    }
}

fn sum(array: &ArrayRef, warnings: Option<&Warnings>, subject: &str) -> Result<ArrayRef> {
    let lists = Lists::try_new(&without_null_elements(array)?)?;
    let (sums, overflown) = match lists.values.data_type() {
        DataType::Int64 => whole::<Int64Type>(&lists, i64::checked_add),
        DataType::UInt64 => whole::<UInt64Type>(&lists, u64::checked_add),
        DataType::Float64 => return Ok(Arc::new(fractions(&lists, |sum, _| sum))),
        other => return exec_err!("{SUM}: found {other}, expected 64 bits"),
    };
    if let (Some(warnings), Some(row)) = (warnings, overflown.first()) {
        warnings.record(SUM, subject, OVERFLOW, overflown.len() as u64, || {
            array_value_to_string(array, *row).unwrap_or_default()
        });
    }
    Ok(sums)
}

/// The sums, and the rows whose sum does not fit.
fn whole<T: ArrowPrimitiveType>(
    lists: &Lists,
    add: impl Fn(T::Native, T::Native) -> Option<T::Native>,
) -> (ArrayRef, Vec<usize>) {
    let numbers = lists.values.as_primitive::<T>().values();
    let mut overflown = Vec::new();
    let sums = lists.ranges.iter().enumerate().map(|(row, range)| {
        let numbers = known(range.as_ref()).and_then(|range| numbers.get(range))?;
        let sum = numbers.iter().try_fold(T::Native::default(), |sum, number| add(sum, *number));
        if sum.is_none() {
            overflown.push(row);
        }
        sum
    });
    let sums: PrimitiveArray<T> = sums.collect();
    (Arc::new(sums), overflown)
}

fn mean(array: &ArrayRef) -> Result<ArrayRef> {
    let lists = Lists::try_new(&without_null_elements(array)?)?;
    let values = cast(&lists.values, &DataType::Float64)?;
    Ok(Arc::new(fractions(&Lists { values, ..lists }, |sum, count| sum / count as f64)))
}

/// What `finish` makes of each list's sum and length.
fn fractions(lists: &Lists, finish: impl Fn(f64, usize) -> f64) -> Float64Array {
    let numbers = lists.values.as_primitive::<Float64Type>().values();
    let finished = lists.ranges.iter().map(|range| {
        let numbers = known(range.as_ref()).and_then(|range| numbers.get(range))?;
        Some(finish(compensated(numbers), numbers.len()))
    });
    finished.collect()
}

fn known(range: Option<&Range<usize>>) -> Option<Range<usize>> {
    range.cloned().filter(|range| !range.is_empty())
}

/// Kahan's sum; infinities and what is no number pass through.
fn compensated(numbers: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for number in numbers {
        if !number.is_finite() {
            sum += number;
            continue;
        }
        if sum.is_finite() {
            let corrected = number - lost;
            let next = sum + corrected;
            lost = (next - sum) - corrected;
            sum = next;
        }
    }
    sum
}

fn describe_sum() -> Documentation {
    documentation(
        "Returns the sum of the numbers of a list, null if there is none; a number that is no list as it is. A sum of \
         whole numbers that does not fit 64 bits is null, with a warning.",
        "mv_sum(value[, label])",
        "SELECT mv_sum(make_array(1, 2, 3));",
    )
    .with_argument("value", "A list of numbers, or a number.")
    .build()
}

fn describe_avg() -> Documentation {
    documentation(
        "Returns the mean of the numbers of a list, with fraction, null if there is none; of a number that is no list, \
         the number.",
        "mv_avg(value)",
        "SELECT mv_avg(make_array(1, 2));",
    )
    .with_argument("value", "A list of numbers, or a number.")
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "the sums are exact")]
    fn small_errors_do_not_pile_up() {
        assert_eq!(compensated(&[0.1; 10]), 1.0);
        assert_eq!(compensated(&[]), 0.0);
        assert_eq!(compensated(&[1.0, f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(compensated(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }
}
