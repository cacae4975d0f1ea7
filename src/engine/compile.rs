//! A rule's text to its canonical form, whatever its language.

use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::esql;
use crate::rule::{Language, Rule};
use crate::sql;
use crate::sql::catalog::Catalog;
use crate::sql::lowered::Lowered;

/// The canonical form of `rule` over the tables of `catalog`.
///
/// # Errors
/// All diagnostics of the rule, where one of them is an error.
pub fn compile(rule: &Rule, catalog: &dyn Catalog) -> Result<Lowered> {
    let text = &rule.query.text;
    let lowered = match rule.language {
        Language::Esql => lower(text, catalog),
        Language::Sql => sql::statement(text, catalog),
    };
    lowered.map_err(|diagnostics| Error::rule(vec![rule.report(diagnostics)]))
}

fn lower(text: &str, catalog: &dyn Catalog) -> std::result::Result<Lowered, Vec<Diagnostic>> {
    match esql::parse(text) {
        (Some(query), _) => sql::lower(&query, text, catalog),
        (None, diagnostics) => Err(diagnostics),
    }
}
