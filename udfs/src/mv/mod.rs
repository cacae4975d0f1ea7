//! Functions on fields of several values: lists, a scalar being one value.
//!
//! Null elements do not exist for these functions: they skip them, and a list without any other element is null.

mod concat;
mod unary;

mod case;
mod cast;
mod clean;
mod combine;
mod count;
mod dedupe;
mod edge;
mod extreme;
mod rows;
mod single;
mod slice;
mod sort;
mod statistics;
mod sum;
mod zip;

use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};

use crate::warnings::Warnings;

/// Returns the functions of this module.
pub(crate) fn functions(warnings: &Warnings) -> Vec<ScalarUDF> {
    let mut functions = vec![
        single::single_value(warnings.clone()),
        clean::mv_clean(),
        rows::mv_rows(),
        count::mv_count(),
        extreme::mv_min(),
        extreme::mv_max(),
        edge::mv_first(),
        edge::mv_last(),
        dedupe::mv_dedupe(),
        extreme::mv_min_ip(),
        extreme::mv_max_ip(),
        sort::mv_sort(),
        sort::mv_sort_ip(),
        sum::mv_sum(warnings.clone()),
        sum::mv_avg(),
        case::mv_lower(),
        case::mv_upper(),
        cast::mv_cast(warnings.clone()),
        concat::mv_concat(),
        extreme::mv_min_version(),
        extreme::mv_max_version(),
        sort::mv_sort_version(),
        slice::mv_slice(),
        zip::mv_zip(),
    ];
    functions.extend(combine::functions());
    functions.extend(statistics::functions());
    functions
}

/// Returns the function `mv_count`, for rewrites that need it.
pub(crate) fn mv_count() -> ScalarUDF {
    count::mv_count()
}

/// Applies a function of arrays to an array or to a scalar, returning the same kind.
pub(crate) fn one_value_back(
    value: &ColumnarValue,
    apply: impl FnOnce(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    match value {
        ColumnarValue::Array(array) => Ok(ColumnarValue::Array(apply(array)?)),
        ColumnarValue::Scalar(_) => {
            let array = apply(&value.to_array(1)?)?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?))
        }
    }
}
