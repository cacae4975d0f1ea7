//! `mv_clean(x)`: a list as the fields of a document are, without nulls, and without duplicates for text and bytes.
//!
//! Elasticsearch keeps duplicates of numbers, booleans and dates, and none of keywords and addresses.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::dedupe::deduplicate;
use super::unary::{Scalars, Shape, Unary};
use crate::documentation::documentation;
use crate::list::{Lists, element_type, without_null_elements};
use crate::text::is_text;
use crate::warnings::Warnings;

/// Returns the function `mv_clean`.
pub(crate) fn mv_clean() -> ScalarUDF {
    Unary::udf(Shape {
        name: "mv_clean",
        returns: Clone::clone,
        lists: |array, _, _| clean(array),
        scalars: Scalars::Same,
        documentation: describe,
        warnings: Warnings::default(),
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

/// True if every list has one element, the commonest case by far, or is null.
fn longest_is_one(array: &ArrayRef) -> bool {
    use datafusion::arrow::array::Array;
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            list.null_count() == 0 && list.value_offsets().windows(2).all(|pair| pair[1] - pair[0] == 1)
        }
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
