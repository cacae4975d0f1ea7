//! `mv_min(x)` and `mv_max(x)`: the least and greatest value of a list; text compares by its bytes.
//!
//! Addresses written as text do not, so `mv_min_ip(x)` and `mv_max_ip(x)` compare them as [`ip_key`](crate::ip_key) does.

use std::cmp::Ordering;

use datafusion::arrow::array::{ArrayRef, make_comparator};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::sort::version_keys;
use super::unary::{Scalars, Shape, Takes, Unary};
use crate::address::Address;
use crate::addresses::{address_argument, parse_all, unpack};
use crate::documentation::documentation;
use crate::list::{Lists, element_type, without_null_elements};
use crate::text::text_argument;
use crate::warnings::Warnings;

/// Returns the function `mv_min`.
pub(crate) fn mv_min() -> ScalarUDF {
    extreme("mv_min", |array, _, _| pick(array, Ordering::Less), || describe("min", "least"))
}

/// Returns the function `mv_max`.
pub(crate) fn mv_max() -> ScalarUDF {
    extreme("mv_max", |array, _, _| pick(array, Ordering::Greater), || describe("max", "greatest"))
}

/// Returns the function `mv_min_ip`.
pub(crate) fn mv_min_ip() -> ScalarUDF {
    let documentation = || describe_address("min", "least");
    Unary::of(shape("mv_min_ip", |array, _, _| pick_address(array, Ordering::Less), documentation), ADDRESSES)
}

/// Returns the function `mv_max_ip`.
pub(crate) fn mv_max_ip() -> ScalarUDF {
    let documentation = || describe_address("max", "greatest");
    Unary::of(shape("mv_max_ip", |array, _, _| pick_address(array, Ordering::Greater), documentation), ADDRESSES)
}

/// Returns the function `mv_min_version`.
pub(crate) fn mv_min_version() -> ScalarUDF {
    let documentation = || describe_version("min", "least");
    Unary::of(shape("mv_min_version", |array, _, _| pick_version(array, Ordering::Less), documentation), VERSIONS)
}

/// Returns the function `mv_max_version`.
pub(crate) fn mv_max_version() -> ScalarUDF {
    let documentation = || describe_version("max", "greatest");
    Unary::of(shape("mv_max_version", |array, _, _| pick_version(array, Ordering::Greater), documentation), VERSIONS)
}

const VERSIONS: Takes = Takes { value: text_argument, expected: "versions as text" };
const ADDRESSES: Takes = Takes { value: address_argument, expected: "addresses: text, UInt32 (IPv4), 4 or 16 bytes" };

fn extreme(
    name: &'static str,
    lists: fn(&ArrayRef, Option<&Warnings>, &str) -> Result<ArrayRef>,
    documentation: fn() -> Documentation,
) -> ScalarUDF {
    Unary::udf(shape(name, lists, documentation))
}

fn shape(
    name: &'static str,
    lists: fn(&ArrayRef, Option<&Warnings>, &str) -> Result<ArrayRef>,
    documentation: fn() -> Documentation,
) -> Shape {
    Shape {
        name,
        returns: |list| element_type(list).cloned().unwrap_or(DataType::Null),
        lists,
        scalars: Scalars::Same,
        documentation,
        warnings: None,
    }
}

fn pick(array: &ArrayRef, better: Ordering) -> Result<ArrayRef> {
    let lists = Lists::try_new(&without_null_elements(array)?)?;
    let compare = make_comparator(&lists.values, &lists.values, SortOptions::default())?;
    lists.pick(|range| range.reduce(|best, at| if compare(at, best) == better { at } else { best }))
}

/// What is no address is passed over.
fn pick_address(array: &ArrayRef, better: Ordering) -> Result<ArrayRef> {
    let lists = Lists::try_new(array)?;
    let keys = parse_all(&unpack(&lists.values)?)?;
    pick_by_keys(&lists, &keys.into_iter().map(|address| address.map(Address::bits)).collect::<Vec<_>>(), better)
}

fn pick_version(array: &ArrayRef, better: Ordering) -> Result<ArrayRef> {
    let lists = Lists::try_new(array)?;
    pick_by_keys(&lists, &version_keys(&lists.values)?, better)
}

fn pick_by_keys<K: Ord>(lists: &Lists, keys: &[Option<K>], better: Ordering) -> Result<ArrayRef> {
    lists.pick(|range| {
        let known = range.filter_map(|at| Some((keys.get(at)?.as_ref()?, at)));
        known.reduce(|best, next| if next.0.cmp(best.0) == better { next } else { best }).map(|(_, at)| at)
    })
}

fn describe_version(which: &str, meaning: &str) -> Documentation {
    documentation(
        &format!(
            "Returns the {meaning} version of a list, ordered as `version_key` orders them, null if there is none; \
             anything else as it is."
        ),
        &format!("mv_{which}_version(value)"),
        &format!("SELECT mv_{which}_version(make_array('1.10', '1.9'));"),
    )
    .with_argument("value", "A list of text, or text.")
    .build()
}

fn describe_address(which: &str, meaning: &str) -> Documentation {
    documentation(
        &format!(
            "Returns the {meaning} address of a list, ordered as `ip_key` orders them, null if there is none; anything \
             else as it is."
        ),
        &format!("mv_{which}_ip(value)"),
        &format!("SELECT mv_{which}_ip(make_array('10.0.0.1', '9.0.0.1'));"),
    )
    .with_argument("value", "A list of addresses, or one address: text, UInt32 (IPv4), 4 or 16 bytes.")
    .build()
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
