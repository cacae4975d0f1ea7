//! End to end: the functions as SQL sees them, over every encoding of text.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod address;
mod arithmetic;
mod encodings;
mod glob;
mod lists;
mod pruning;
mod registry;
mod sets;
mod shared;
mod spill;
