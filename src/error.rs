//! What went wrong outside of a rule's text, and the exit code that says so.
//!
//! ```
//! use egret::error::{Error, Kind};
//! let error = Error::new(Kind::Input, "events.ndjson: no such file").with_help("check the path");
//! assert_eq!(error.kind().exit_code(), 1);
//! ```

use std::fmt;

use crate::diagnostic::Report;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What kind of failure an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The command line asks for something that is not offered.
    Usage,
    /// A rule does not check; the error carries its reports.
    Rule,
    /// Events that cannot be found or read.
    Input,
    /// Rows that cannot be written.
    Output,
    /// Memory, disk or time ran out.
    Resource,
    /// The user stopped the run.
    Interrupted,
    /// The engine failed.
    Engine,
    /// Other machines cannot be reached, or do not do what they should.
    Cluster,
}

impl Kind {
    /// The exit code of a process that ends with this failure.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage | Self::Rule => 2,
            Self::Input | Self::Output | Self::Resource | Self::Engine | Self::Cluster => 1,
            Self::Interrupted => 130,
        }
    }
}

/// A failure: its kind, what happened, what to do, and the cause.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    help: Option<String>,
    reports: Vec<Report>,
    source: Option<Source>,
}

impl Error {
    /// A failure of `kind`, told by `message`: lower case, with what was found and expected.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), help: None, reports: Vec::new(), source: None }
    }

    /// A rule that does not check.
    pub fn rule(reports: Vec<Report>) -> Self {
        let names: Vec<_> = reports.iter().map(|r| r.name.as_str()).collect();
        Self { message: format!("{} does not check", names.join(", ")), reports, ..Self::new(Kind::Rule, "") }
    }

    /// The same, told of `name`.
    #[must_use]
    pub fn told_of(mut self, name: &str) -> Self {
        self.message = format!("{name}: {}", self.message);
        self
    }

    /// The same with what the user can do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// A copy of the failure of ours that caused `error`, if one did: layers in between carry it without knowing it.
    ///
    /// ```
    /// use egret::error::{Error, Kind};
    /// use datafusion::error::DataFusionError;
    /// let ours = Error::new(Kind::Input, "a.parquet: changed").with_help("run it again");
    /// let carried = DataFusionError::External(Box::new(ours));
    /// assert_eq!(Error::within(&carried).and_then(|e| e.help().map(str::to_owned)).as_deref(), Some("run it again"));
    /// ```
    pub fn within(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(current) = next {
            if let Some(ours) = current.downcast_ref::<Self>() {
                let copy = Self::new(ours.kind, ours.message.clone());
                return Some(Self { help: ours.help.clone(), ..copy });
            }
            next = current.source();
        }
        None
    }

    /// What kind of failure this is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What the user can do.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The reports of a rule that does not check.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_follow_the_contract() {
        assert_eq!(Kind::Rule.exit_code(), 2);
        assert_eq!(Kind::Interrupted.exit_code(), 130);
        let cause = std::io::Error::other("disk");
        let error = Error::new(Kind::Output, "out.csv: cannot write").with_source(cause);
        assert_eq!(std::error::Error::source(&error).map(ToString::to_string), Some("disk".into()));
    }
}
