//! What people read on stderr: errors with excerpts, warnings, notes.

use std::io::{self, IsTerminal, Write};

use crate::diagnostic::Report;
use crate::error::{Error, Kind, Result};

/// The one writer to stderr.
#[derive(Debug, Clone, Copy)]
pub(super) struct Console {
    colour: bool,
    quiet: bool,
}

impl Console {
    /// A console with colour where stderr is a terminal and NO_COLOR is not set.
    pub(super) fn new(quiet: bool) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: io::stderr().is_terminal() && !no_colour, quiet }
    }

    /// Whether progress may be drawn.
    pub(super) fn draws_progress(self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Writes an error: its reports with excerpts, or its message, help and causes.
    pub(super) fn error(self, error: &Error) {
        if error.reports().is_empty() {
            self.line("error", "31", &safe(&error.to_string()));
        }
        for report in error.reports() {
            self.report(report);
        }
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            self.line("  cause", "2", &safe(&inner.to_string()));
            cause = inner.source();
        }
        if let Some(help) = error.help() {
            self.line("  help", "36", &safe(help));
        }
    }

    /// Writes the diagnostics of a text.
    pub(super) fn report(self, report: &Report) {
        if !report.diagnostics.is_empty() {
            write(&format!("{}\n", report.render(self.colour)));
        }
    }

    /// Writes something the user should know.
    pub(super) fn warning(self, text: &str) {
        self.line("warning", "33", &safe(text));
    }

    /// Writes a line that only those want who did not ask for quiet.
    pub(super) fn note(self, text: &str) {
        if !self.quiet {
            write(&format!("{}\n", safe(text)));
        }
    }

    fn line(self, label: &str, colour: &str, text: &str) {
        if self.colour {
            write(&format!("\x1b[1;{colour}m{label}\x1b[0m: {text}\n"));
        } else {
            write(&format!("{label}: {text}\n"));
        }
    }
}

/// Nobody is left to tell where stderr is gone.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The text without control characters: events are written by attackers, and a terminal obeys escapes.
fn safe(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// Ends quietly where the reader of stdout went away, else tells that it cannot be written.
pub(super) fn stdout_error(error: io::Error) -> Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(Error::new(Kind::Output, "cannot write to stdout").with_source(error))
}

/// Writes data to stdout.
pub(super) fn print(text: &str) -> Result<()> {
    io::stdout().write_all(text.as_bytes()).or_else(stdout_error)
}
