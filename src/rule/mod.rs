//! Detection rules: a rule file becomes a [`Rule`], and its schedule the [`Execution`]s of it.
//!
//! | file | rule |
//! |---|---|
//! | `*.toml` | the format of Elastic's detection-rules; `language` is `esql` or, an addition of ours, `sql` |
//! | `*.esql`, `*.sql` | a bare query: no window, interval or `max_signals`; severity low, risk score 21, version 1 |
//!
//! A rule that exists is valid: severity, risk score, interval, window, identifiers and languages are of their types.
//! Whether its query parses is the business of the query's language.
//!
//! The `rule_id` of a bare file is a UUID (version 5) of its path below the working directory, that of a query from
//! standard input one of its text. So the same file is the same rule however its path is written.
//!
//! ```
//! use egret::rule::{Language, Rule};
//! let loaded = Rule::from_text("rules/dns.esql", "FROM logs-* | WHERE destination.port == 53")?;
//! assert_eq!(loaded.rule.name, "dns");
//! assert_eq!(loaded.rule.language, Language::Esql);
//! assert!(loaded.rule.schedule.is_none() && loaded.warnings.diagnostics.is_empty());
//! # Ok::<(), egret::diagnostic::Report>(())
//! ```

mod date_math;
mod exception;
mod file;
mod keys;
mod load;
mod schedule;
mod section;
mod threat;

use std::fmt;
use std::path::Path;

use uuid::Uuid;

pub use crate::interval::Interval;
pub use date_math::DateMath;
pub use exception::Exceptions;
pub use load::{Found, load, read};
pub use schedule::{Execution, Schedule, Window};
pub use threat::{Entry, Technique, Threat};

use crate::diagnostic::{Diagnostic, Report, Span};

/// The most alerts that one execution makes, whatever a rule file says.
pub const MAX_SIGNALS_CAP: u32 = 1000;

/// What `max_signals` is where a rule file does not say.
pub const MAX_SIGNALS_DEFAULT: u32 = 100;

/// Names that identifiers of bare rules are made in: a UUID that stands for Egret's rules.
const BARE_RULES: Uuid = Uuid::from_u128(0x0b0f_6d0a_7a0e_4d5c_9f57_2d0e_8a41_c3e6);

/// A detection rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The file that the rule was read from.
    pub origin: Origin,
    /// The identifier that stays when the rule changes.
    pub rule_id: Uuid,
    /// What it is called.
    pub name: String,
    /// What it finds.
    pub description: String,
    /// How much an alert matters.
    pub severity: Severity,
    /// How much an alert matters, from 0 to 100.
    pub risk_score: u8,
    /// The version of the rule; 1 where the file does not say.
    pub version: u64,
    /// How often its settings were changed; 0 where the file does not say.
    pub revision: u64,
    /// Whether it comes from a vendor and is not meant to be changed.
    pub immutable: bool,
    /// Labels.
    pub tags: Vec<String>,
    /// The ATT&CK mapping.
    pub threat: Vec<Threat>,
    /// The language of the query.
    pub language: Language,
    /// The query.
    pub query: Query,
    /// Interval and window; none for a bare query.
    pub schedule: Option<Schedule>,
    /// How many alerts one execution makes at most; without limit for a bare query.
    pub max_signals: Option<u32>,
    /// The field that the window looks at instead of `@timestamp`.
    pub timestamp_override: Option<String>,
    /// Whether events without that field are left out rather than judged by `@timestamp`.
    pub timestamp_override_fallback_disabled: bool,
    /// Who wrote it.
    pub author: Vec<String>,
    /// Under which licence.
    pub license: Option<String>,
    /// Pages to read.
    pub references: Vec<String>,
    /// What else may cause an alert.
    pub false_positives: Vec<String>,
    /// The guide for whoever gets the alert.
    pub note: Option<String>,
    /// What must be set up before.
    pub setup: Option<String>,
    /// Which alerts are one.
    pub alert_suppression: Option<Suppression>,
    /// References to lists of exceptions, as written.
    pub exceptions_list: Vec<toml::Value>,
    /// The fields to look at first.
    pub investigation_fields: Vec<String>,
    /// Severities that depend on the row.
    pub severity_mapping: Vec<SeverityMapping>,
    /// Risk scores that depend on the row.
    pub risk_score_mapping: Vec<RiskScoreMapping>,
    /// The field whose value replaces the rule's name in an alert.
    pub rule_name_override: Option<String>,
    /// `default` where alerts serve other rules and are not shown to people.
    pub building_block_type: Option<String>,
    /// Filters of Kibana's query bar, as written.
    pub filters: Vec<toml::Value>,
    /// Whether the rule is meant to run; true where the file does not say.
    pub enabled: bool,
    /// What the file says about itself.
    pub metadata: Metadata,
}

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The path, or what stands for one.
    pub name: String,
    /// The text of the file.
    pub text: String,
}

/// The text of a query and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The query.
    pub text: String,
    /// Where it begins in the file, in bytes; none where the file spells it with escapes, so that offsets differ.
    pub offset: Option<usize>,
}

/// The language of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// ES|QL.
    Esql,
    /// SQL.
    Sql,
}

/// How much an alert matters, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Of interest.
    Low,
    /// Worth a look.
    Medium,
    /// Needs a look.
    High,
    /// Needs it now.
    Critical,
}

/// Which alerts are one: those that agree in some fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// One to three fields that must agree.
    pub group_by: Vec<String>,
    /// For how long; within one execution where there is none.
    pub duration: Option<Interval>,
    /// Whether rows that lack one of the fields are one alert too.
    pub suppress_missing: bool,
}

/// A severity for rows whose field has a certain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeverityMapping {
    /// The field.
    pub field: String,
    /// The value.
    pub value: String,
    /// The severity of such a row.
    pub severity: Severity,
}

/// A field whose number is the risk score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskScoreMapping {
    /// The field.
    pub field: String,
    /// The value that it must have, where that is said.
    pub value: Option<String>,
    /// The risk score of such a row, else the field's own number.
    pub risk_score: Option<u8>,
}

/// The `[metadata]` table of a rule file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// `2026/10/01`
    pub creation_date: Option<String>,
    /// `2026/10/01`
    pub updated_date: Option<String>,
    /// `production`, `development`, `deprecated` or the like.
    pub maturity: Option<String>,
    /// The integrations whose events it reads.
    pub integration: Vec<String>,
    /// The first version of Elastic's stack that runs it.
    pub min_stack_version: Option<String>,
}

/// A rule and what its author should know.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The rule.
    pub rule: Rule,
    /// Warnings only.
    pub warnings: Report,
}

impl Rule {
    /// The rule in `text`; `name` is its path, and its extension (`.toml`, `.esql`, `.sql`) says what the text is.
    ///
    /// # Errors
    /// Every mistake of a rule file, each with its place. A name of another extension is read as TOML.
    pub fn from_text(name: &str, text: &str) -> Result<Loaded, Report> {
        match Language::of_path(name) {
            Some(language) => Self::bare(name, text, language),
            None => file::parse(name, text),
        }
    }

    /// A rule without window that is only a query; `name` is the path of its file below the working directory.
    ///
    /// # Errors
    /// A report if there is no query in `text`.
    pub fn bare(name: &str, text: &str, language: Language) -> Result<Loaded, Report> {
        load::bare(name, text, language, &load::identity(Path::new(name), Path::new("")))
    }

    /// How many rows or alerts an execution gives at most, where the query's own last limit is `trailing`.
    pub fn limit(&self, trailing: Option<u64>) -> Option<u64> {
        [trailing, self.max_signals.map(u64::from)].into_iter().flatten().min()
    }

    /// The same rule with another query, which its file does not hold.
    #[must_use]
    pub fn with_query(&self, text: String) -> Self {
        Self { query: Query { text, offset: None }, ..self.clone() }
    }

    /// A report of what is wrong with the query; spans of `diagnostics` are offsets in it. It points into the file where
    /// that holds the query letter by letter, else into the query.
    pub fn report(&self, diagnostics: Vec<Diagnostic>) -> Report {
        let Origin { name, text } = &self.origin;
        match self.query.offset {
            Some(offset) => Report::new(name, text, diagnostics.into_iter().map(|d| d.shift(offset)).collect()),
            None => Report::new(format!("{name} (query)"), &self.query.text, diagnostics),
        }
    }
}

impl Origin {
    /// The place of the whole text.
    pub fn span(&self) -> Span {
        Span::new(0, self.text.len())
    }
}

impl Language {
    /// The name in a rule file: `esql` or `sql`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Esql => "esql",
            Self::Sql => "sql",
        }
    }

    /// The language that a path's extension names.
    pub fn of_path(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit_once('.')?;
        [Self::Esql, Self::Sql].into_iter().find(|language| extension.eq_ignore_ascii_case(language.name()))
    }
}

impl Severity {
    /// All of them, from least to most.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in rule files and alerts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_query_with_escapes_is_its_own_text() {
        let mut rule = Rule::from_text("a.sql", "SELECT x").unwrap().rule;
        let wrong = || vec![Diagnostic::error(Code::UnknownField, Span::new(7, 8), "no field `x`")];
        assert!(rule.report(wrong()).render(false).contains("a.sql:1:8"));
        rule.query.offset = None;
        assert_eq!(rule.report(wrong()).name, "a.sql (query)");
    }

    #[test]
    fn languages_by_extension() {
        assert_eq!(Language::of_path("rules/a.b.ESQL"), Some(Language::Esql));
        assert_eq!(Language::of_path("a.sql"), Some(Language::Sql));
        assert_eq!(Language::of_path("sql"), None);
        assert!(Severity::Low < Severity::Critical);
    }
}
