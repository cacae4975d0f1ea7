//! The lake over files that the tests write.

mod errors;
mod json;
mod layouts;
mod pruning;
mod support;
