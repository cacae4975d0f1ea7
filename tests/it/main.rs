//! Tests of the program as a whole, in one binary.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod bad_input;
mod cli;
mod corpora;
mod layering;
mod layouts;
mod program;
mod queries;
mod readme;
mod reference;
