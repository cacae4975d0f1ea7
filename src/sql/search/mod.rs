//! Searches: what asks for any value of a field, and takes a field without value for one that is not found.
//!
//! A comparison of ES|QL asks for the single value and is null without one; KQL, MATCH and `:` are true or false. So in
//! SQL `field = 'value'` comes with `field IS NOT NULL` where the column holds single values, which prunes, and as a
//! function over all values where it holds lists.

mod dates;
mod kql;
mod matching;
mod value;

pub(crate) use matching::Manner;
