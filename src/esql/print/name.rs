//! Names, index patterns and strings as the lexer reads them back.

use super::super::ast::{Name, NamePattern, StringLiteral};
use super::super::lexer::is_source_char;
use super::super::parser::is_reserved;

/// A name with backquotes around the parts that need them.
pub fn name(name: &Name) -> String {
    name.parts.iter().map(|part| part_of(part)).collect::<Vec<_>>().join(".")
}

/// A string in quotes: in the quotes that its author chose, where they can hold it.
pub fn string(literal: &StringLiteral) -> String {
    let value = &literal.value;
    if literal.raw && !value.contains(['\n', '\r']) && !value.contains("\"\"\"") {
        return format!("\"\"\"{value}\"\"\"");
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '"' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text in backquotes.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", text.replace('`', "``"))
}

pub(super) fn part_of(part: &str) -> String {
    if is_plain(part) && !is_reserved(part) { part.to_owned() } else { quoted(part) }
}

/// Whether the lexer reads the text as one word.
pub(super) fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || (matches!(c, '_' | '@') && text.len() > 1))
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A pattern of KEEP or DROP, its literal pieces in backquotes where they need them.
pub(super) fn pattern(pattern: &NamePattern) -> String {
    let last = pattern.pieces.len().saturating_sub(1);
    let pieces = pattern.pieces.iter().enumerate().map(|(at, piece)| piece_of(piece, at > 0, at < last));
    pieces.collect::<Vec<_>>().join("*")
}

/// A literal piece of a pattern, and whether a wildcard stands before and behind it.
fn piece_of(piece: &str, behind_star: bool, before_star: bool) -> String {
    let parts: Vec<&str> = piece.split('.').collect();
    let last = parts.len() - 1;
    // Beside a wildcard a part may be empty: there the piece is parted from its neighbour by its point.
    let may_be_empty = |at: usize| (at == 0 && behind_star) || (at == last && before_star);
    if parts.iter().enumerate().any(|(at, part)| part.is_empty() && !may_be_empty(at)) {
        return quoted(piece);
    }
    let shown = parts.iter().enumerate().map(|(at, part)| {
        let plain = part.is_empty() || is_plain(part) || (at == 0 && behind_star && is_body(part));
        if plain { (*part).to_owned() } else { quoted(part) }
    });
    shown.collect::<Vec<_>>().join(".")
}

/// Whether the text goes on with a name that a wildcard began.
fn is_body(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}

/// An index pattern, in quotes where it needs them.
pub(super) fn index(text: &str) -> String {
    let parts = text.replacen("::", "\n", 1);
    let (named, selector) = parts.split_once('\n').map_or((parts.as_str(), None), |(n, s)| (n, Some(s)));
    let (cluster, index) = named.split_once(':').map_or((None, named), |(c, i)| (Some(c), i));
    let plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(is_source_char)
            && !part.contains("//")
            && !part.contains("/*")
            && !part.ends_with(';')
            && !part.eq_ignore_ascii_case("metadata")
    };
    if plain(index) && cluster.is_none_or(plain) && selector.is_none_or(plain) {
        return text.to_owned();
    }
    string(&StringLiteral { value: text.to_owned(), raw: false, span: crate::diagnostic::Span::default() })
}
