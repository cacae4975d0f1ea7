//! Sets of values by group: what `collect_set` and `count_distinct` share.
//!
//! Each distinct value is stored once for all groups and known by a number; a group's set is a set of numbers. Twenty
//! thousand groups with three host names each cost eight bytes and a few table slots a group, not a hash map a group.
//!
//! | file | what it does |
//! |---|---|
//! | `leaves.rs` | flattens lists, so that only plain values remain, each with its group |
//! | `interner.rs` | value to number and back, for any type |
//! | `words.rs`, `bytes.rs` | the two stores behind it: values of up to 64 bits, and byte strings |
//! | `groups.rs` | numbers by group, and the lists made of them |
//! | `accumulator.rs` | DataFusion's three kinds of accumulator |

mod accumulator;
mod bytes;
mod groups;
mod interner;
mod leaves;
mod words;

pub(crate) use self::accumulator::{GroupSets, Output, SingleSet, SlidingSet};
pub(crate) use self::leaves::leaf_type;
