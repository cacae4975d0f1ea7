//! A rule's query with events left out, as text: what an author would write to exclude them.

use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};

use super::catalog::Catalog;
use super::lowering::lower;
use crate::diagnostic::Diagnostic;
use crate::esql;

/// An ES|QL query that does not see the events for which one of `conditions` is true; `None` where the text is no query.
///
/// ```
/// let query = "FROM logs | STATS n = COUNT(*)";
/// let excluded = egret::sql::exclude::from_esql(query, &["a == 1".to_owned()]);
/// assert_eq!(excluded.as_deref(), Some("FROM logs\n| WHERE NOT COALESCE((a == 1), false)\n | STATS n = COUNT(*)"));
/// ```
pub fn from_esql(text: &str, conditions: &[String]) -> Option<String> {
    let (query, _) = esql::parse(text);
    let end = query?.commands.first()?.span.end;
    let (head, tail) = (text.get(..end)?, text.get(end..)?);
    let wheres = conditions.iter().map(|condition| format!("\n| WHERE NOT COALESCE(({condition}), false)"));
    Some(format!("{head}{}\n{tail}", wheres.collect::<String>()))
}

/// An SQL query whose `tables` do not show the events for which one of `conditions` is true; `None` where the text is
/// no query or a recursive one.
///
/// ```
/// let excluded = egret::sql::exclude::from_sql("SELECT a FROM logs", &["logs".to_owned()], &["a = 1".to_owned()]);
/// assert_eq!(
///     excluded.as_deref(),
///     Some("WITH \"logs\" AS (SELECT * FROM \"logs\" WHERE NOT coalesce((a = 1), false)) SELECT a FROM logs")
/// );
/// ```
pub fn from_sql(text: &str, tables: &[String], conditions: &[String]) -> Option<String> {
    let condition = conditions.iter().map(|condition| format!("NOT coalesce(({condition}), false)"));
    let condition = condition.collect::<Vec<_>>().join(" AND ");
    let table = |name: &String| {
        let name = name.replace('"', "\"\"");
        format!("\"{name}\" AS (SELECT * FROM \"{name}\" WHERE {condition})")
    };
    let tables = tables.iter().map(table).collect::<Vec<_>>().join(", ");
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().ok()?;
    let mut words = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let first = words.next()?;
    let is = |token: &Token, word: &str| matches!(token, Token::Word(w) if w.value.eq_ignore_ascii_case(word));
    if !is(&first.token, "WITH") {
        let at = offset(text, first.span.start)?;
        return Some(format!("{}WITH {tables} {}", text.get(..at)?, text.get(at..)?));
    }
    if words.next().is_some_and(|second| is(&second.token, "RECURSIVE")) {
        return None;
    }
    let at = offset(text, first.span.end)?;
    Some(format!("{} {tables}, {}", text.get(..at)?, text.get(at..)?))
}

/// The byte of a place that is told by line and column, both from 1.
fn offset(text: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let rest = text.get(start..)?;
    Some(start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at))
}

/// The ES|QL condition that KQL is true.
pub fn kql_in_esql(kql: &str) -> String {
    let mut text = String::from("KQL(\"");
    for c in kql.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    text + "\")"
}

/// The SQL condition that KQL is true of events of the tables that `patterns` select; `None` where the text that it is
/// lowered from has no condition.
///
/// # Errors
/// Every mistake of the query; places are those in `FROM "patterns" | WHERE KQL("..")`.
pub fn kql_in_sql(kql: &str, patterns: &[String], catalog: &dyn Catalog) -> Result<Option<String>, Vec<Diagnostic>> {
    let patterns: Vec<String> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
    let text = format!("FROM {} | WHERE {}", patterns.join(", "), kql_in_esql(kql));
    let lowered = match esql::parse(&text) {
        (Some(query), _) => lower(&query, &text, catalog)?,
        (None, diagnostics) => return Err(diagnostics),
    };
    let stages = lowered.query.with.into_iter().flat_map(|with| with.cte_tables);
    let conditions = stages.filter(|stage| stage.alias.name.value.starts_with("where")).filter_map(|stage| {
        let SetExpr::Select(select) = *stage.query.body else { return None };
        select.selection
    });
    Ok(conditions.map(|condition| condition.to_string()).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_table_expressions_come_behind() {
        let query = "-- é\nwith x as (select a from \"l-*\") select a from x";
        let excluded = from_sql(query, &["l-*".to_owned()], &["a = 1".to_owned(), "b".to_owned()]);
        let condition = "NOT coalesce((a = 1), false) AND NOT coalesce((b), false)";
        let table = format!("\"l-*\" AS (SELECT * FROM \"l-*\" WHERE {condition})");
        assert_eq!(excluded, Some(format!("-- é\nwith {table},  x as (select a from \"l-*\") select a from x")));
        assert_eq!(from_sql("WITH RECURSIVE x AS (SELECT 1) SELECT 1", &[], &[]), None);
        assert_eq!(from_sql("", &[], &[]), None);
    }
}
