//! `mv_rows(x)`: a list to unnest, one row a value, a field without value keeping one row with null.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::unary::{Scalars, Shape, Unary};
use crate::documentation::documentation;
use crate::list::{Lists, assemble, list_of, without_null_elements};

/// Returns the function `mv_rows`.
pub(crate) fn mv_rows() -> ScalarUDF {
    Unary::udf(Shape {
        name: "mv_rows",
        returns: nullable,
        lists: |array, _, _| pad(array),
        scalars: Scalars::Made(|value| list_of(value.clone()), wrap),
        documentation: describe,
        warnings: None,
    })
}

fn pad(array: &ArrayRef) -> Result<ArrayRef> {
    let array = without_null_elements(array)?;
    let lists = Lists::try_new(&array)?;
    let filled = |range: &Option<std::ops::Range<usize>>| range.as_ref().is_some_and(|range| !range.is_empty());
    if lists.ranges.iter().all(filled) {
        return if *array.data_type() == nullable(array.data_type()) {
            Ok(array)
        } else {
            Ok(cast(&array, &nullable(array.data_type()))?)
        };
    }
    let mut indices = Vec::with_capacity(lists.values.len() + lists.ranges.len());
    let mut lengths = Vec::with_capacity(lists.ranges.len());
    for range in lists.ranges {
        let range = range.unwrap_or_default();
        lengths.push(Some(range.len().max(1)));
        if range.is_empty() {
            indices.push(None);
        } else {
            indices.extend(range.map(|at| Some(at as u64)));
        }
    }
    assemble(&nullable(array.data_type()), take(&lists.values, &UInt64Array::from(indices), None)?, &lengths)
}

/// Returns the type of the lists with elements that may be null, whatever the input promises.
fn nullable(list: &DataType) -> DataType {
    let element = |field: &FieldRef| Arc::new(field.as_ref().clone().with_nullable(true));
    match list {
        DataType::List(field) => DataType::List(element(field)),
        DataType::LargeList(field) => DataType::LargeList(element(field)),
        other => other.clone(),
    }
}

fn wrap(array: &ArrayRef) -> Result<ArrayRef> {
    let ones = vec![Some(1); array.len()];
    assemble(&list_of(array.data_type().clone()), Arc::clone(array), &ones)
}

fn describe() -> Documentation {
    documentation(
        "Returns a list to unnest: a null or empty one becomes a list of one null, and a value that is no list a list of \
         that value.",
        "mv_rows(value)",
        "SELECT unnest(mv_rows(make_array('a', 'b')));",
    )
    .with_argument("value", "A list, or anything else.")
    .build()
}
