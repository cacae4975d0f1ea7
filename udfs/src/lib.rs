//! DataFusion functions for detection rules: addresses, patterns, searches, fields of several values, sets.
//!
//! One call makes them known to a session; they give SQL the meaning ES|QL has for the same things.
//!
//! ```
//! use datafusion::prelude::SessionContext;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! let warnings = egret_udfs::register_all(&context)?;
//! let sql = "
//!     SELECT path, count_distinct(agent) AS agents, collect_set(ip) AS ips
//!     FROM (VALUES ('/tmp/x', 'a', '8.8.8.8'), ('/tmp/x', 'a', '10.0.0.1'), ('/tmp/x', 'a', 'n/a'),
//!                  ('/usr/bin/curl', 'b', '8.8.8.8')) AS events (path, agent, ip)
//!     WHERE glob_match(path, '/tmp/*', '/var/tmp/*') AND NOT cidr_match(ip, '10.0.0.0/8', '::1')
//!     GROUP BY path";
//! let rows = context.sql(sql).await?.collect().await?;
//! let table = datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string();
//! assert!(table.contains("| /tmp/x | 1      | [8.8.8.8] |"));
//! assert_eq!(warnings.take()[0].example, "n/a");
//! # Ok(())
//! # }
//! ```
//!
//! | function | returns |
//! |---|---|
//! | `cidr_match(ip, block, ...)` | true if an address is in any of the blocks |
//! | `glob_match(value, pattern, ...)` | true if a text matches any of the patterns, as LIKE of ES\|QL does |
//! | `rlike_match(value, pattern, ...)` | true if a text matches any of the regular expressions of Lucene |
//! | `java_replace(text, pattern, replacement)` | the text with the matches of a regular expression of Java replaced |
//! | `grok(text, pattern, ...)` | the fields that the first matching pattern captures, as a struct |
//! | `dissect(text, pattern[, separator])` | the fields that a pattern cuts a text into, as a struct |
//! | `captured(fields, name)` | one of the fields that `grok` or `dissect` found |
//! | `any_glob(value, pattern, ...)` | true if any value of a field matches any of the patterns |
//! | `any_cidr(value, block, ...)` | true if any address of a field is in any of the blocks |
//! | `text_match(value, text, operator[, edits])` | true if any value of a field holds the words of a text |
//! | `fuzzy_match(value, text, edits[, prefix])` | true if any value of a field is a text but for some letters |
//! | `completion(prompt, endpoint)` | stands for the answer of a model: an error over rows |
//! | `to_ip(value)` | the canonical text of an address |
//! | `ip_key(value)` | the 16 bytes by which addresses order |
//! | `single_value(list)` | the only element, null with a warning if there are several |
//! | `mv_clean(list)` | the list without nulls and, of text and bytes, without duplicates |
//! | `mv_rows(list)` | the list to unnest: one null for a list without elements |
//! | `mv_count(list)` | how many elements it has |
//! | `mv_min(list)` | the least element |
//! | `mv_max(list)` | the greatest element |
//! | `mv_first(list)` | the first element |
//! | `mv_last(list)` | the last element |
//! | `mv_dedupe(list)` | the list without duplicates |
//! | `mv_sort(list[, order])` | the list in order |
//! | `mv_concat(list, separator)` | the elements joined to one text |
//! | `mv_sum(list)` | the sum of the elements |
//! | `mv_avg(list)` | the mean of the elements |
//! | `mv_lower(list)` | the elements in lower case |
//! | `mv_upper(list)` | the elements in upper case |
//! | `mv_cast(list, type)` | the elements as another type, without those that do not convert |
//! | `mv_min_ip(list)` | the least address |
//! | `mv_max_ip(list)` | the greatest address |
//! | `mv_sort_ip(list[, order])` | the addresses in order |
//! | `checked_add(left, right[, type])` | the sum of whole numbers, null if it does not fit |
//! | `checked_sub(left, right[, type])` | their difference |
//! | `checked_mul(left, right[, type])` | their product |
//! | `checked_div(left, right[, type])` | their quotient, null if `right` is 0 |
//! | `checked_rem(left, right[, type])` | the remainder, null if `right` is 0 |
//! | `checked_neg(value[, type])` | the number with the other sign |
//! | `collect_set(value)` | aggregate: the distinct values, sorted, as a list |
//! | `count_distinct(value)` | aggregate: how many distinct values |
//!
//! Null in, null out, unless a function says otherwise; null elements of lists do not count. Every function takes text
//! as `Utf8`, `LargeUtf8`, `Utf8View` or a dictionary of these, which it evaluates once a dictionary value. What a
//! function cannot take becomes null and is counted in [`Warnings`]; what is wrong with a literal is an error when the
//! query is planned.

mod warnings;

pub mod patterns;

mod address;
mod addresses;
mod cache;
mod compiled;
mod documentation;
mod judge;
mod list;
mod text;

mod any;
mod arithmetic;
mod cidr;
mod completion;
mod extract;
mod glob;
mod ip_key;
mod java;
mod mv;
mod rlike;
mod to_ip;

mod collect_set;
mod count_distinct;
mod set;
mod shared_set;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

pub use self::shared_set::SharedSet;
pub use self::warnings::{Warning, Warnings};

/// Registers every function of this crate, and the optimizer rule [`SharedSet`], with a session; returns the warnings
/// the functions will record.
///
/// ```
/// use datafusion::prelude::SessionContext;
///
/// let context = SessionContext::new();
/// let warnings = egret_udfs::register_all(&context)?;
/// assert!(context.state().scalar_functions().contains_key("cidr_match"));
/// assert!(warnings.take().is_empty());
/// # Ok::<(), datafusion::error::DataFusionError>(())
/// ```
pub fn register_all(context: &SessionContext) -> Result<Warnings> {
    let warnings = Warnings::default();
    for function in scalar_functions(&warnings) {
        context.register_udf(function);
    }
    for function in aggregate_functions() {
        context.register_udaf(function);
    }
    context.add_optimizer_rule(Arc::new(SharedSet));
    Ok(warnings)
}

/// Returns the scalar functions, reporting to `warnings`: for registries other than a session's.
///
/// ```
/// let functions = egret_udfs::scalar_functions(&egret_udfs::Warnings::default());
/// assert!(functions.iter().any(|function| function.name() == "glob_match"));
/// ```
pub fn scalar_functions(warnings: &Warnings) -> Vec<ScalarUDF> {
    let mut functions = vec![
        ScalarUDF::from(cidr::CidrMatch::new(warnings.clone())),
        ScalarUDF::from(glob::GlobMatch::new(warnings.clone())),
        ScalarUDF::from(rlike::RlikeMatch::new(warnings.clone())),
        ScalarUDF::from(java::JavaReplace::new(warnings.clone())),
        ScalarUDF::from(to_ip::ToIp::new(warnings.clone())),
        ScalarUDF::from(ip_key::IpKey::new()),
    ];
    functions.push(ScalarUDF::from(completion::Completion::new()));
    functions.extend(any::functions());
    functions.extend(extract::functions(warnings));
    functions.extend(mv::functions(warnings));
    functions.extend(arithmetic::functions(warnings));
    functions
}

/// Returns the aggregate functions: for registries other than a session's.
///
/// ```
/// assert!(egret_udfs::aggregate_functions().iter().any(|function| function.name() == "collect_set"));
/// ```
pub fn aggregate_functions() -> Vec<AggregateUDF> {
    vec![AggregateUDF::from(collect_set::CollectSet::new()), AggregateUDF::from(count_distinct::CountDistinct::new())]
}
