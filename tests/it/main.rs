//! Tests of the program as a whole, in one binary.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test may fail, and says what it skips")]

mod alerts;
mod backtest;
mod bad_input;
mod bench;
mod catalogue;
mod cli;
#[cfg(feature = "cluster")]
mod cluster;
mod conformance;
mod convert;
mod corpora;
mod delta;
mod evidence;
mod fitness;
mod functions;
mod interpreter;
mod layering;
mod layouts;
mod many;
mod mapping;
mod mutated;
mod nested;
mod program;
mod queries;
mod readme;
mod reference;
mod replay;
mod stores;
mod unparsed;
mod wide;
