//! Rules written in SQL: one read-only query whose fields are named as in ES|QL.
//!
//! | step | file |
//! |---|---|
//! | `process.executable`, `user.name`, `@timestamp` become names of columns | `tokens` |
//! | what is no single read-only query is refused | `guard` |
//! | tables and fields are looked up; a field that holds lists is wrapped where one value is asked for | `rewrite` |
//! | what the engine wants to know of the outermost query | `outermost` |

mod columns;
mod guard;
mod outermost;
mod relations;
mod rewrite;
mod tokens;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use crate::diagnostic::{Code, Diagnostic, Span};

use super::catalog::Catalog;
use super::lowered::Lowered;

use tokens::{Places, read};

/// The query of a rule written in SQL, with its fields named and its tables found.
///
/// A field is named as in ES|QL (`user.name`, `@timestamp`), or in double quotes; a table whose name is no word
/// stands in double quotes (`"logs-*"`). A field that holds several values in an event is its single value, else
/// null, except where a function takes lists, IS NULL is asked, or the field is selected as it is.
///
/// # Errors
/// Every mistake that is found, with its place: a text that is no SQL, anything but one query, a table that does not
/// exist.
///
/// ```
/// # use egret::diagnostic::Diagnostic;
/// # use egret::esql::ast::Ident;
/// # use egret::sql::catalog::{Catalog, Field, Source, Type};
/// # struct Logs;
/// # impl Catalog for Logs {
/// #     fn source(&self, _: &[Ident]) -> Result<Source, Diagnostic> {
/// #         let fields = vec![Field { name: "process.name".into(), ty: Type::Keyword, multi: true }];
/// #         Ok(Source { name: "logs-*".into(), fields, open: false })
/// #     }
/// #     fn ecs(&self, _: &str) -> Option<Type> { None }
/// #     fn near(&self, _: &Source, _: &str) -> Option<String> { None }
/// # }
/// let lowered = egret::sql::statement(r#"SELECT * FROM "logs-*" WHERE process.name = 'sh' LIMIT 5"#, &Logs).unwrap();
/// assert_eq!(lowered.query.to_string(), r#"SELECT * FROM "logs-*" WHERE single_value("process.name") = 'sh'"#);
/// assert_eq!(lowered.limit, Some(5));
///
/// let mistakes = egret::sql::statement("DROP TABLE logs", &Logs).unwrap_err();
/// assert_eq!(mistakes[0].code.name(), "E0301");
/// ```
pub fn statement(text: &str, catalog: &dyn Catalog) -> Result<Lowered, Vec<Diagnostic>> {
    let places = Places::new(text);
    let read = read(text, &places).map_err(|mistake| vec![mistake])?;
    let end = read.end;
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(read.tokens);
    let statements = parser.parse_statements().map_err(|error| vec![syntax(&error, text, &places, end)])?;
    let query = guard::query(statements, read.start, text, &places)?;
    rewrite::rewrite(query, &read.chains, &places, catalog)
}

/// A parser's complaint as a diagnostic. It names the place at its end.
fn syntax(error: &ParserError, text: &str, places: &Places, end: usize) -> Diagnostic {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => "the query is nested too deeply",
    };
    let (message, place) = match message.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, place.split_once(", Column: ")),
        None => (message, None),
    };
    let start = place
        .and_then(|(line, column)| Some(places.offset(line.trim().parse().ok()?, column.trim().parse().ok()?)))
        .unwrap_or(end);
    let message = message.replace("Expected: ", "expected ").replace(", found: EOF", ", found the end of the query");
    let message = message.replace(", found: ", ", found ");
    let length = text.get(start..).map_or(0, |rest| {
        rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '@'))).unwrap_or(rest.len()).max(1)
    });
    let stop = (start + length).min(text.len()).max(start);
    Diagnostic::error(Code::Syntax, Span::new(start, stop), message)
        .with_help("a rule is one SELECT; names that are no words stand in double quotes, texts in single quotes")
}
