//! `mv_min(x)` and `mv_max(x)`: the least and greatest value of a list; text compares by its bytes.

use std::cmp::Ordering;

use datafusion::arrow::array::{ArrayRef, make_comparator};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::unary::{Scalars, Shape, Unary};
use crate::documentation::documentation;
use crate::list::{Lists, element_type, without_null_elements};
use crate::warnings::Warnings;

/// Returns the function `mv_min`.
pub(crate) fn mv_min() -> ScalarUDF {
    extreme("mv_min", |array, _, _| pick(array, Ordering::Less), || describe("min", "least"))
}

/// Returns the function `mv_max`.
pub(crate) fn mv_max() -> ScalarUDF {
    extreme("mv_max", |array, _, _| pick(array, Ordering::Greater), || describe("max", "greatest"))
}

fn extreme(
    name: &'static str,
    lists: fn(&ArrayRef, &Unary, &str) -> Result<ArrayRef>,
    documentation: fn() -> Documentation,
) -> ScalarUDF {
    Unary::udf(Shape {
        name,
        returns: |list| element_type(list).cloned().unwrap_or(DataType::Null),
        lists,
        scalars: Scalars::Same,
        documentation,
        warnings: Warnings::default(),
    })
}

fn pick(array: &ArrayRef, better: Ordering) -> Result<ArrayRef> {
    let lists = Lists::try_new(&without_null_elements(array)?)?;
    let compare = make_comparator(&lists.values, &lists.values, SortOptions::default())?;
    lists.pick(|range| range.reduce(|best, at| if compare(at, best) == better { at } else { best }))
}

fn describe(which: &str, meaning: &str) -> Documentation {
    documentation(
        &format!("Returns the {meaning} element of a list, null if there is none; anything else as it is."),
        &format!("mv_{which}(value)"),
        &format!("SELECT mv_{which}(make_array('b', 'a'));"),
    )
    .with_argument("value", "A list, or anything else.")
    .build()
}
