//! SQL functions that only the lake's own plans call: they bring stored values to the form that a field promises.

mod instant;
mod list_leaf;
mod row_json;

pub(crate) use instant::{Unparsed, parse_instant};
pub(crate) use list_leaf::list_leaf;
pub(crate) use row_json::row_json;
