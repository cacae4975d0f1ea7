//! Syntax tree to canonical text: one command a line, keywords and operators in upper case, no parenthesis that changes
//! nothing, backquotes only where a name needs them. Reading the text again gives the same tree.
//!
//! ```
//! use egret::esql::{parse, print};
//! let (query, _) = parse("from logs-* | where (a == 1) and not (b like \"x*\") | limit 10");
//! let text = query.map(|q| print(&q)).unwrap_or_default();
//! assert_eq!(text, "FROM logs-*\n| WHERE a == 1 AND NOT b LIKE \"x*\"\n| LIMIT 10");
//! ```

mod expr;
mod name;

use super::ast::{Assign, Command, CommandKind, Expr, ExprKind, Query, Stats};
use super::parser::level;
pub(super) use expr::write_expr;
use name::{index, pattern};
pub use name::{name, string};

/// The canonical text of a query, without an end of line behind it.
///
/// A column without a name is named by its text as the author wrote it, which the canonical text may change: use
/// [`print_named`] where the text is to be run.
pub fn print(query: &Query) -> String {
    write_query(query, None)
}

/// The canonical text of the query that `text` holds, with the names written out that the text gave to columns without
/// one, where the canonical text would give another: ``STATS count( * )`` becomes ``STATS `count( * )` = count(*)``.
///
/// ```
/// use egret::esql::{parse, print::print_named};
/// let text = "FROM a | STATS count( * ), max(b) BY c";
/// let (query, _) = parse(text);
/// let shown = query.map(|q| print_named(&q, text)).unwrap_or_default();
/// assert_eq!(shown, "FROM a\n| STATS `count( * )` = count(*), max(b) BY c");
/// ```
pub fn print_named(query: &Query, text: &str) -> String {
    write_query(query, Some(text))
}

/// The canonical text of one expression.
///
/// ```
/// use egret::esql::{ast::CommandKind, parse, print::print_expr};
/// let (query, _) = parse("FROM a | WHERE ((b+1)*2)>c");
/// if let Some(CommandKind::Where(condition)) = query.and_then(|mut q| q.commands.pop()).map(|c| c.kind) {
///     assert_eq!(print_expr(&condition), "(b + 1) * 2 > c");
/// }
/// ```
pub fn print_expr(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr, level::OR);
    out
}

fn write_query(query: &Query, source: Option<&str>) -> String {
    let lines: Vec<String> = query.commands.iter().map(|command| write_command(command, source)).collect();
    lines.join("\n| ")
}

fn write_command(command: &Command, source: Option<&str>) -> String {
    match &command.kind {
        CommandKind::From { patterns, metadata } => {
            let mut out = format!("FROM {}", join(patterns, |p| index(&p.text)));
            if !metadata.is_empty() {
                out.push_str(" METADATA ");
                out.push_str(&join(metadata, |m| m.text.clone()));
            }
            out
        }
        CommandKind::Row(columns) => format!("ROW {}", join(columns, |c| assign(c, source))),
        CommandKind::Show(what) => format!("SHOW {}", what.text.to_uppercase()),
        CommandKind::Where(condition) => format!("WHERE {}", print_expr(condition)),
        CommandKind::Eval(columns) => format!("EVAL {}", join(columns, |c| assign(c, source))),
        CommandKind::Stats(parts) => stats("STATS", parts, source),
        CommandKind::InlineStats(parts) => stats("INLINE STATS", parts, source),
        CommandKind::Keep(patterns) => format!("KEEP {}", join(patterns, pattern)),
        CommandKind::Drop(patterns) => format!("DROP {}", join(patterns, pattern)),
        CommandKind::Rename(renames) => {
            format!("RENAME {}", join(renames, |r| format!("{} AS {}", name(&r.from), name(&r.to))))
        }
        CommandKind::Sort(keys) => format!("SORT {}", join(keys, sort_key)),
        CommandKind::Limit(rows) => format!("LIMIT {rows}"),
        CommandKind::MvExpand(column) => format!("MV_EXPAND {}", name(column)),
        CommandKind::Dissect { input, pattern, append_separator } => {
            let mut out = format!("DISSECT {} {}", primary(input), string(pattern));
            if let Some(separator) = append_separator {
                out.push_str(" APPEND_SEPARATOR=");
                out.push_str(&string(separator));
            }
            out
        }
        CommandKind::Grok { input, patterns } => format!("GROK {} {}", primary(input), join(patterns, string)),
        CommandKind::Completion { target, prompt, options } => {
            let mut out = "COMPLETION ".to_owned();
            if let Some(target) = target {
                out.push_str(&name(target));
                out.push_str(" = ");
            }
            out.push_str(&primary(prompt));
            if !options.is_empty() {
                out.push_str(" WITH ");
                expr::write_options(&mut out, options);
            }
            out
        }
    }
}

fn join<T>(items: &[T], show: impl FnMut(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn primary(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr, level::PRIMARY);
    out
}

fn sort_key(key: &super::ast::SortKey) -> String {
    let mut out = print_expr(&key.value);
    if key.descending {
        out.push_str(" DESC");
    }
    match key.nulls_first {
        Some(true) => out.push_str(" NULLS FIRST"),
        Some(false) => out.push_str(" NULLS LAST"),
        None => {}
    }
    out
}

fn stats(keyword: &str, parts: &Stats, source: Option<&str>) -> String {
    let mut out = keyword.to_owned();
    if !parts.aggregates.is_empty() {
        out.push(' ');
        out.push_str(&join(&parts.aggregates, |aggregate| {
            let mut out = assign(&aggregate.assign, source);
            if let Some(filter) = &aggregate.filter {
                out.push_str(" WHERE ");
                out.push_str(&print_expr(filter));
            }
            out
        }));
    }
    if !parts.by.is_empty() {
        out.push_str(" BY ");
        out.push_str(&join(&parts.by, |key| assign(key, source)));
    }
    out
}

fn assign(assign: &Assign, source: Option<&str>) -> String {
    let value = print_expr(&assign.value);
    if let Some(target) = &assign.name {
        return format!("{} = {value}", name(target));
    }
    match source.map(|text| assign.value.span.text(text)) {
        Some(written) if written != value && !matches!(assign.value.kind, ExprKind::Field(_)) => {
            format!("{} = {value}", name::quoted(written))
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests;
