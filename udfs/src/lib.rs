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
//! | `mv_min_version(list)` | the least version |
//! | `mv_max_version(list)` | the greatest version |
//! | `mv_sort_version(list[, order])` | the versions in order |
//! | `mv_slice(list, start, end)` | the elements from one place to another |
//! | `mv_zip(list, list, delimiter)` | the texts of two lists joined in pairs |
//! | `mv_append(list, list)` | the elements of both lists |
//! | `mv_union(list, list)` | the distinct elements of both lists |
//! | `mv_intersection(list, list)` | the distinct elements that both lists have |
//! | `mv_difference(list, list)` | the distinct elements of the first that the second has not |
//! | `mv_contains(list, list)` | whether the first has all elements of the second |
//! | `mv_intersects(list, list)` | whether the lists have an element in common |
//! | `mv_median(list)` | the median of the elements |
//! | `mv_median_absolute_deviation(list)` | the median of their distances from it |
//! | `mv_percentile(list, percentile)` | the element below which a share of them lies |
//! | `mv_variance(list)` | the variance of the elements |
//! | `mv_std_dev(list)` | their standard deviation |
//! | `mv_pseries_weighted_sum(list, power)` | their sum, each divided by its place to a power |
//! | `finite(number)` | the number, null if it is infinite or none |
//! | `date_diff(unit, start, end)` | whole units between two instants |
//! | `date_extract(part, instant)` | a part of an instant, as a number |
//! | `format_date(pattern, instant)` | the text of an instant |
//! | `parse_date(pattern, text)` | the instant that a text means |
//! | `from_base64(text)` | the text that base64 encodes |
//! | `url_decode(text)` | the text without the encoding of URLs |
//! | `url_encode(text)` | the text in the encoding of URLs, blanks as plus signs |
//! | `url_encode_component(text)` | the same, blanks as `%20` |
//! | `hash(algorithm, text)` | the digest of a text |
//! | `json_extract(json, path)` | what stands at a place of a JSON text |
//! | `split_text(text, delimiter)` | the parts of a text, as a list |
//! | `reverse_text(text)` | the text from its end |
//! | `ip_prefix(address, v4, v6)` | the first bits of an address |
//! | `version_key(text)` | the bytes by which versions order |
//! | `to_geopoint(text)` | a point on earth |
//! | `st_x(point)` | its longitude |
//! | `st_y(point)` | its latitude |
//! | `st_distance(point, point)` | the metres between two points |
//! | `collect_set(value)` | aggregate: the distinct values, sorted, as a list |
//! | `count_distinct(value)` | aggregate: how many distinct values |
//!
//! Null in, null out, unless a function says otherwise; null elements of lists do not count. Every function takes text
//! as `Utf8`, `LargeUtf8`, `Utf8View` or a dictionary of these, which it evaluates once a dictionary value. What a
//! function cannot take becomes null and is counted in [`Warnings`]; what is wrong with a literal is an error when the
//! query is planned.

mod warnings;

pub mod instant;
pub mod patterns;

mod address;
mod addresses;
mod cache;
mod compiled;
mod documentation;
mod dotted;
mod judge;
mod label;
mod list;
mod row;
mod text;

mod any;
mod arithmetic;
mod cidr;
mod completion;
mod date;
mod encode;
mod extract;
mod geo;
mod glob;
mod groups;
mod ip_key;
mod ip_prefix;
mod java;
mod json_extract;
mod mv;
mod number;
mod rlike;
mod split;
mod to_ip;
mod version_key;

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
        ip_prefix::ip_prefix(warnings),
        json_extract::json_extract(warnings),
        number::finite(warnings.clone()),
        version_key::version_key(warnings),
    ];
    functions.push(ScalarUDF::from(completion::Completion::new()));
    functions.extend(any::functions());
    functions.extend(extract::functions(warnings));
    functions.extend(date::functions(warnings));
    functions.extend(encode::functions(warnings));
    functions.extend(geo::functions(warnings));
    functions.extend(split::functions(warnings));
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
