//! `mv_count(x)`: how many values a field has; null if none.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::unary::{Scalars, Shape, Unary};
use crate::documentation::documentation;
use crate::list::{Lists, without_null_elements};

/// Returns the function `mv_count`. Its type is ES|QL's integer.
pub(crate) fn mv_count() -> ScalarUDF {
    Unary::udf(Shape {
        name: "mv_count",
        returns: |_| DataType::Int32,
        lists: |array, _, _| count(array),
        scalars: Scalars::Made(|_| DataType::Int32, |array| Ok(count_one(array))),
        documentation: describe,
        warnings: None,
    })
}

fn count(array: &ArrayRef) -> Result<ArrayRef> {
    let lists = Lists::try_new(&without_null_elements(array)?)?;
    let length = |range: &Option<std::ops::Range<usize>>| {
        let length = range.as_ref().map(ExactSizeIterator::len).filter(|length| *length > 0)?;
        i32::try_from(length).ok()
    };
    Ok(Arc::new(lists.ranges.iter().map(length).collect::<Int32Array>()))
}

fn count_one(array: &ArrayRef) -> ArrayRef {
    Arc::new(Int32Array::new(vec![1; array.len()].into(), array.logical_nulls()))
}

fn describe() -> Documentation {
    documentation(
        "Returns how many elements a list has, null if none; 1 for a value that is no list.",
        "mv_count(value)",
        "SELECT mv_count(make_array('a', 'b'));",
    )
    .with_argument("value", "A list, or anything else.")
    .build()
}
