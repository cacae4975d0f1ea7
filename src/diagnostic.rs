//! What an author of a rule can fix: a code, the place in the text, what was found and expected, and help.
//!
//! ```
//! use egret::diagnostic::{Code, Diagnostic, Report, Span};
//! let report = Report::new("rule.esql", "FROM logs | WHERE", vec![
//!     Diagnostic::error(Code::Syntax, Span::new(17, 17), "expected an expression, found the end of the query")
//!         .with_help("write a condition after WHERE"),
//! ]);
//! assert!(report.render(false).contains("rule.esql"));
//! ```

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A range of bytes in the text that a diagnostic speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The span of the bytes `start..end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }

    /// The text below the span, or an empty text where the span lies outside.
    pub fn text(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or("")
    }

    /// The span moved by `offset` bytes: from a query to the file that holds it.
    #[must_use]
    pub const fn shift(self, offset: usize) -> Self {
        Self::new(self.start + offset, self.end + offset)
    }
}

/// What kind of mistake a diagnostic reports. A code is never reused for another mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A character that no token begins with.
    Character,
    /// A string, comment or quoted name without its end, or a wrong escape.
    Unclosed,
    /// A text that the grammar does not allow.
    Syntax,
    /// A command that the language does not have.
    UnknownCommand,
    /// A part of the language that is parsed and not run yet.
    Unsupported,
    /// A function that does not exist.
    UnknownFunction,
    /// Wrong number or kind of arguments.
    Arguments,
    /// Types that do not go together.
    TypeMismatch,
    /// A literal whose value is wrong: a CIDR block, a pattern, a date.
    BadLiteral,
    /// A field that neither the lake nor ECS knows.
    UnknownField,
    /// A column that an earlier command removed.
    UnknownColumn,
    /// FROM names no table.
    UnknownTable,
    /// A name that replaces another.
    Shadowed,
    /// A statement that is no single read-only SELECT.
    NotReadOnly,
    /// A rule file that is no TOML.
    Toml,
    /// A key that a rule file does not have.
    UnknownKey,
    /// A key that a rule file lacks.
    MissingKey,
    /// A value that a rule file must not hold.
    BadValue,
    /// A plan that the engine refused.
    Plan,
}

impl Code {
    /// The stable name that users see and search for.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Character => "E0101",
            Self::Unclosed => "E0102",
            Self::Syntax => "E0103",
            Self::UnknownCommand => "E0104",
            Self::Unsupported => "E0105",
            Self::UnknownFunction => "E0201",
            Self::Arguments => "E0202",
            Self::TypeMismatch => "E0203",
            Self::BadLiteral => "E0204",
            Self::UnknownField => "E0205",
            Self::UnknownColumn => "E0206",
            Self::UnknownTable => "E0207",
            Self::Shadowed => "E0208",
            Self::NotReadOnly => "E0301",
            Self::Toml => "E0401",
            Self::UnknownKey => "E0402",
            Self::MissingKey => "E0403",
            Self::BadValue => "E0404",
            Self::Plan => "E0501",
        }
    }
}

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The rule cannot run.
    Error,
    /// The rule runs, and its author should know.
    Warning,
}

/// One mistake or warning, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// Where, in bytes of the text that was given.
    pub span: Span,
    /// Found and expected, lower case, without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake that keeps the rule from running.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, span, message: message.into(), help: None }
    }

    /// Something the author should know.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// The same with a line of help.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, `offset` bytes further on.
    #[must_use]
    pub fn shift(mut self, offset: usize) -> Self {
        self.span = self.span.shift(offset);
        self
    }

    /// Whether it keeps the rule from running.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Diagnostics together with the text that they point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The name of the text: a path, or what stands for one.
    pub name: String,
    /// The text.
    pub text: String,
    /// What is wrong with it, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// A report over `text`, its diagnostics sorted by place.
    pub fn new(name: impl Into<String>, text: impl Into<String>, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|d| (d.span, d.severity));
        Self { name: name.into(), text: text.into(), diagnostics }
    }

    /// Whether one of the diagnostics is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Line and column, both from 1, of a byte offset; the column counts characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }

    /// Every diagnostic with an excerpt of the source and carets below the place.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        self.diagnostics.iter().map(|d| self.render_one(d, &renderer)).collect::<Vec<_>>().join("\n\n")
    }

    fn render_one(&self, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
        let level = if diagnostic.is_error() { Level::ERROR } else { Level::WARNING };
        let end = self.text.len();
        let (start, stop) = (diagnostic.span.start.min(end), diagnostic.span.end.min(end));
        let snippet = Snippet::source(self.text.as_str())
            .path(self.name.as_str())
            .annotation(AnnotationKind::Primary.span(start..stop.max(start)));
        let title = level.clone().primary_title(diagnostic.message.as_str()).id(diagnostic.code.name());
        let mut groups = vec![title.element(snippet)];
        if let Some(help) = &diagnostic.help {
            groups.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
        }
        renderer.render(&groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_place_and_help() {
        let text = "FROM logs\n| WHERE x ==";
        let report = Report::new(
            "a.esql",
            text,
            vec![Diagnostic::error(Code::Syntax, Span::new(22, 22), "expected an expression").with_help("add one")],
        );
        let shown = report.render(false);
        assert!(shown.contains("a.esql:2:13"), "{shown}");
        assert!(shown.contains("E0103") && shown.contains("add one"), "{shown}");
        assert_eq!(report.line_column(22), (2, 13));
    }
}
