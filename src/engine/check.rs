//! Rules planned against the types of ECS, without events.

use chrono::{DateTime, Utc};

use super::catalog::EcsCatalog;
use super::compile::compile;
use super::many_fields::packed;
use super::needs::{column, needs};
use super::refusal::refused;
use super::session::{Options, Session};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::error::Result;
use crate::lake::Catalog;
use crate::rule::Rule;
use crate::sql::lowered::Lowered;

/// Checks rules, one after another.
pub struct Checker {
    session: Session,
    catalog: Option<Catalog>,
}

impl Checker {
    /// A checker with a session of its own, which warns of tables that `catalog` does not name.
    ///
    /// # Errors
    /// Where the session cannot be built.
    pub fn try_new(options: &Options, catalog: Option<Catalog>) -> Result<Self> {
        Ok(Self { session: Session::try_new(options)?, catalog })
    }

    /// What its author should know of a rule that checks.
    ///
    /// # Errors
    /// The rule's diagnostics where it does not check, also where only the engine refuses it.
    pub async fn check(&self, rule: &Rule) -> Result<Vec<Diagnostic>> {
        let catalog = EcsCatalog::of(&rule.query.text);
        let lowered = packed(compile(rule, &catalog)?);
        let columns = |_: &_| catalog.fields().iter().map(column).collect();
        let planned = needs(&self.session, &lowered, columns, DateTime::<Utc>::UNIX_EPOCH).await;
        planned.map_err(|error| refused(rule, error))?;
        // A field of an integration is in no table here, and that is no news.
        let fields = |warning: &Diagnostic| warning.code != Code::UnknownField;
        let tables = self.unknown_tables(rule, &lowered);
        Ok(lowered.warnings.into_iter().filter(fields).chain(tables).collect())
    }

    fn unknown_tables(&self, rule: &Rule, lowered: &Lowered) -> Vec<Diagnostic> {
        let Some(catalog) = &self.catalog else { return Vec::new() };
        let names = catalog.tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ");
        let patterns: Vec<&String> = lowered.tables.iter().flat_map(|used| &used.patterns).collect();
        let told = |pattern: String| {
            let start = rule.query.text.find(&pattern);
            let span = start.map_or_else(Span::default, |start| Span::new(start, start + pattern.len()));
            let message = format!("no table of the catalogue matches `{pattern}`");
            Diagnostic::warning(Code::UnknownTable, span, message).with_help(format!("the catalogue has {names}"))
        };
        catalog.unmatched(&patterns).into_iter().map(told).collect()
    }
}
