//! `mv_first(x)` and `mv_last(x)`: the value at an end of a list, in the order the list has.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::unary::{Scalars, Shape, Unary};
use crate::documentation::documentation;
use crate::list::{Lists, element_type, without_null_elements};
use crate::warnings::Warnings;

/// Returns the function `mv_first`.
pub(crate) fn mv_first() -> ScalarUDF {
    edge("mv_first", |array, _, _| pick(array, |range| range.start), || describe("first"))
}

/// Returns the function `mv_last`.
pub(crate) fn mv_last() -> ScalarUDF {
    edge("mv_last", |array, _, _| pick(array, |range| range.end - 1), || describe("last"))
}

fn edge(
    name: &'static str,
    lists: fn(&ArrayRef, Option<&Warnings>, &str) -> Result<ArrayRef>,
    documentation: fn() -> Documentation,
) -> ScalarUDF {
    Unary::udf(Shape {
        name,
        returns: |list| element_type(list).cloned().unwrap_or(DataType::Null),
        lists,
        scalars: Scalars::Same,
        documentation,
        warnings: None,
    })
}

/// No range that is asked for is empty.
fn pick(array: &ArrayRef, at: fn(std::ops::Range<usize>) -> usize) -> Result<ArrayRef> {
    Lists::try_new(&without_null_elements(array)?)?.pick(|range| Some(at(range)))
}

fn describe(which: &str) -> Documentation {
    documentation(
        &format!("Returns the {which} element of a list, null if there is none; anything else as it is."),
        &format!("mv_{which}(value)"),
        &format!("SELECT mv_{which}(make_array('b', 'a'));"),
    )
    .with_argument("value", "A list, or anything else.")
    .build()
}
