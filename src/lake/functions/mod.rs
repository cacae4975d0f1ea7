//! SQL functions that only the lake's own plans call: they bring stored values to the form that a field promises.

mod instant;
mod list_leaf;
#[cfg(feature = "cluster")]
mod made_of;
mod object_text;
mod row_json;
mod row_struct;
mod value_map;

pub(crate) use instant::{Unparsed, parse_instant};
pub(crate) use list_leaf::list_leaf;
#[cfg(feature = "cluster")]
pub(crate) use made_of::LakeFunction;
pub(crate) use object_text::object_text;
pub(crate) use row_json::row_json;
pub(crate) use row_struct::{Row, row_struct};
pub(crate) use value_map::{Values, mapped, value_map};
