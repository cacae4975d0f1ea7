//! A rule's text to its canonical form, whatever its language.

use super::catalog::EcsCatalog;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Kind, Result};
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

/// The patterns of all tables that rules read; `None` where a rule does not compile by the names of ECS alone.
pub fn patterns(rules: &[Rule]) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for rule in rules {
        let lowered = compile(rule, &EcsCatalog::of(&rule.query.text)).ok()?;
        all.extend(lowered.tables.into_iter().flat_map(|used| used.patterns));
    }
    Some(all)
}

/// The rule without the events for which one of `conditions`, written in its language, is true; `lowered` is its
/// canonical form.
///
/// # Errors
/// A query that is recursive.
pub fn excluding(rule: &Rule, lowered: &Lowered, conditions: &[String]) -> Result<Rule> {
    let tables: Vec<String> = lowered.tables.iter().map(|used| used.name.clone()).collect();
    let text = match rule.language {
        Language::Esql => sql::exclude::from_esql(&rule.query.text, conditions),
        Language::Sql => sql::exclude::from_sql(&rule.query.text, &tables, conditions),
    };
    let text = text.ok_or_else(|| {
        Error::new(Kind::Usage, format!("{}: events cannot be excluded from this query", rule.origin.name))
            .with_help("write the exclusion into the query itself")
    })?;
    Ok(rule.with_query(text))
}

/// The rule without the events for which one of `conditions`, written in KQL, is true.
///
/// # Errors
/// A condition that does not fit the events; a query that events cannot be left out of.
pub fn excepting(rule: &Rule, lowered: &Lowered, conditions: &[String], catalog: &dyn Catalog) -> Result<Rule> {
    let patterns: Vec<String> = lowered.tables.iter().flat_map(|used| used.patterns.iter().cloned()).collect();
    let mut own = Vec::with_capacity(conditions.len());
    for condition in conditions {
        own.extend(match rule.language {
            Language::Esql => Some(sql::exclude::kql_in_esql(condition)),
            Language::Sql => sql::exclude::kql_in_sql(condition, &patterns, catalog).map_err(|diagnostics| {
                let told: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
                Error::new(Kind::Rule, format!("the exception `{condition}` does not fit: {}", told.join("; ")))
            })?,
        });
    }
    excluding(rule, lowered, &own)
}

fn lower(text: &str, catalog: &dyn Catalog) -> std::result::Result<Lowered, Vec<Diagnostic>> {
    match esql::parse(text) {
        (Some(query), _) => sql::lower(&query, text, catalog),
        (None, diagnostics) => Err(diagnostics),
    }
}
