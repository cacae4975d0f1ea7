//! Detection rules over lake storage.

pub mod diagnostic;
pub mod error;
pub mod esql;
