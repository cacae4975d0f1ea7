//! `mv_clean(x)`: a list as the fields of a document are, without nulls, and without duplicates for text and bytes.
//!
//! Elasticsearch keeps duplicates of numbers, booleans and dates, and none of keywords and addresses.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::dedupe::deduplicate;
use super::unary::{Scalars, Shape, Unary};
use crate::documentation::documentation;
use crate::list::{Lists, element_type, without_null_elements};
use crate::text::is_text;

/// Returns the function `mv_clean`.
pub(crate) fn mv_clean() -> ScalarUDF {
    Unary::udf(Shape {
        name: "mv_clean",
        returns: Clone::clone,
        lists: |array, _, _| clean(array),
        scalars: Scalars::Same,
        documentation: describe,
        warnings: None,
    })
}

fn clean(array: &ArrayRef) -> Result<ArrayRef> {
    let array = without_null_elements(array)?;
    if longest_is_one(&array) {
        return Ok(array);
    }
    if element_type(array.data_type()).is_some_and(is_set) {
        return deduplicate(&array);
    }
    let lists = Lists::try_new(&array)?;
    if lists.ranges.iter().flatten().all(|range| !range.is_empty()) {
        return Ok(array);
    }
    lists.reorder(array.data_type(), |range, into| into.extend(range))
}

/// True if every list is null or has one element, the commonest case by far.
fn longest_is_one(array: &ArrayRef) -> bool {
    fn check<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> bool {
        let lengths = list.value_offsets().windows(2).map(|pair| pair[1] - pair[0]);
        match list.nulls() {
            None => lengths.into_iter().all(|length| length == O::one()),
            Some(nulls) => lengths.zip(nulls).all(|(length, known)| !known || length == O::one()),
        }
    }
    match array.data_type() {
        DataType::List(_) => check(array.as_list::<i32>()),
        DataType::LargeList(_) => check(array.as_list::<i64>()),
        _ => false,
    }
}

/// True for the types of which Elasticsearch keeps no duplicates.
fn is_set(element: &DataType) -> bool {
    match element {
        DataType::Dictionary(_, value) => is_set(value),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => true,
        other => is_text(other),
    }
}

fn describe() -> Documentation {
    documentation(
        "Returns a list without null elements and, of text and bytes, without duplicates, keeping the first; null if \
         nothing is left. Anything else is returned as it is.",
        "mv_clean(value)",
        "SELECT mv_clean(make_array('b', NULL, 'b'));",
    )
    .with_argument("value", "A list, or anything else.")
    .build()
}
