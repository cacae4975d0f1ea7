//! `mv_dedupe(x)`: the values of a list without duplicates, each where it stands first.

use std::ops::Range;

use datafusion::arrow::array::{ArrayRef, DynComparator, make_comparator};
use datafusion::arrow::compute::SortOptions;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::unary::{Scalars, Shape, Unary};
use crate::documentation::documentation;
use crate::list::{Lists, without_null_elements};

/// Returns the function `mv_dedupe`.
pub(crate) fn mv_dedupe() -> ScalarUDF {
    Unary::udf(Shape {
        name: "mv_dedupe",
        returns: Clone::clone,
        lists: |array, _, _| deduplicate(&without_null_elements(array)?),
        scalars: Scalars::Same,
        documentation: describe,
        warnings: None,
    })
}

/// Returns the lists without duplicates and with empty ones null; the same array if that changes nothing.
pub(super) fn deduplicate(array: &ArrayRef) -> Result<ArrayRef> {
    let lists = Lists::try_new(array)?;
    let compare = make_comparator(&lists.values, &lists.values, SortOptions::default())?;
    let mut scratch = Vec::new();
    let changes = lists.ranges.iter().flatten().any(|range| match range.len() {
        0 => true,
        1 => false,
        length => {
            scratch.clear();
            distinct(range.clone(), &compare, &mut scratch);
            scratch.len() < length
        }
    });
    if !changes {
        return Ok(ArrayRef::clone(array));
    }
    lists.reorder(array.data_type(), |range, into| distinct(range, &compare, into))
}

/// Writes down the places of the values that no value before them equals.
fn distinct(range: Range<usize>, compare: &DynComparator, into: &mut Vec<usize>) {
    /// Up to this length, comparing each with each is faster than sorting.
    const SHORT: usize = 16;
    let before = into.len();
    if range.len() <= SHORT {
        for at in range {
            if into.iter().skip(before).all(|known| compare(*known, at).is_ne()) {
                into.push(at);
            }
        }
        return;
    }
    let mut sorted: Vec<usize> = range.collect();
    // Stable, so that of equals the first stays first.
    sorted.sort_by(|left, right| compare(*left, *right));
    sorted.dedup_by(|next, kept| compare(*next, *kept).is_eq());
    sorted.sort_unstable();
    into.append(&mut sorted);
}

fn describe() -> Documentation {
    documentation(
        "Returns a list without duplicates, keeping the first of each; anything else as it is.",
        "mv_dedupe(value)",
        "SELECT mv_dedupe(make_array('b', 'a', 'b'));",
    )
    .with_argument("value", "A list, or anything else.")
    .build()
}
