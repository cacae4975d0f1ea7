//! The pattern languages of the functions, to be checked before anything is planned: what is wrong, and where.
//!
//! ```
//! use egret_udfs::patterns;
//!
//! assert!(patterns::rlike("(curl|wget) .*").is_ok());
//! let mistake = patterns::rlike("(curl|wget .*").unwrap_err();
//! assert_eq!((mistake.at, mistake.message.as_str()), (0..1, "( without its closing )"));
//! ```

use std::ops::Range;

pub use crate::extract::dissect::keys as dissect;
pub use crate::extract::grok::captures as grok;
pub use crate::extract::{Capture, CaptureType};
pub use crate::java::{replacement, syntax as java};
pub use crate::rlike::{Rlike, syntax as rlike};

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes of the pattern.
    pub at: Range<usize>,
    /// What was found, lower case, without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<&'static str>,
}

impl Mistake {
    pub(crate) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: None }
    }

    pub(crate) fn with_help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    /// The mistake in one line, for whoever has no source to point into.
    pub(crate) fn told(&self, function: &str, pattern: &str) -> String {
        let character = pattern.get(..self.at.start).map_or(0, |before| before.chars().count()) + 1;
        let help = self.help.map(|help| format!("; {help}")).unwrap_or_default();
        format!("{function}: '{pattern}' is no pattern: {} at character {character}{help}", self.message)
    }
}
