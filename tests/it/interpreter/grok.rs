//! GROK and DISSECT: what a pattern takes out of a text.

use std::fmt::Write;

use super::backtrack::Regex;
use super::pattern::Dialect;
use super::value::{Cell, Value};

/// The part of the library that rules use, in the words of its documentation.
const LIBRARY: [(&str, &str); 13] = [
    ("DATA", ".*?"),
    ("GREEDYDATA", ".*"),
    ("NOTSPACE", "\\S+"),
    ("WORD", "\\b\\w+\\b"),
    ("INT", "(?:[+-]?(?:[0-9]+))"),
    ("POSINT", "\\b(?:[1-9][0-9]*)\\b"),
    ("HOSTNAME", "\\b[0-9A-Za-z][0-9A-Za-z-]{0,62}(?:\\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*(?:\\.?|\\b)"),
    ("IPV4", "(?<![0-9])%{OCTET}[.]%{OCTET}[.]%{OCTET}[.]%{OCTET}(?![0-9])"),
    ("OCTET", "(?:[0-1]?[0-9]{1,2}|2[0-4][0-9]|25[0-5])"),
    ("IP", "(?:%{IPV6}|%{IPV4})"),
    ("IPORHOST", "(?:%{IP}|%{HOSTNAME})"),
    ("URIPROTO", "[A-Za-z][A-Za-z0-9+\\-.]+"),
    ("URIHOST", "%{IPORHOST}(?::%{POSINT})?"),
];

/// Eight groups of digits, or fewer around one `::`; the longest form comes first.
fn ipv6() -> String {
    let digits = "[0-9A-Fa-f]{1,4}";
    let mut arms = vec![format!("(?:{digits}:){{7}}{digits}")];
    for before in (1..=6).rev() {
        arms.push(format!("(?:{digits}:){{{before}}}(?::{digits}){{1,{}}}", 7 - before));
    }
    arms.push(format!(":(?::{digits}){{1,7}}"));
    format!("(?:{})", arms.join("|"))
}

/// The expression that a pattern stands for, with the name and type of each group that captures.
fn expanded(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(start) = rest.find("%{") {
        let end = start + rest[start..].find('}').unwrap();
        out.push_str(&rest[..start]);
        let mut parts = rest[start + 2..end].splitn(2, ':');
        let name = parts.next().unwrap();
        let own = ipv6();
        let inner = if name == "IPV6" {
            own.as_str()
        } else {
            LIBRARY.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no pattern {name}")).1
        };
        let inner = expanded(inner);
        match parts.next() {
            Some(field) => _ = write!(out, "(?<{field}>{inner})"),
            None => _ = write!(out, "(?:{inner})"),
        }
        rest = &rest[end + 1..];
    }
    out + rest
}

/// A pattern as an expression of Ruby's.
pub(super) fn grok(pattern: &str) -> Regex {
    Regex::new(&expanded(pattern), Dialect::Ruby)
}

/// The fields of a pattern, each once, by name, as the columns of GROK are.
pub(super) fn fields(regex: &Regex) -> Vec<String> {
    let mut names: Vec<String> = regex.names.iter().flatten().map(|name| split(name).0.to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((name, ty @ ("int" | "long" | "float" | "double" | "boolean"))) => (name, ty),
        _ => (name, ""),
    }
}

/// What the first match captures for each field; nothing where there is none.
pub(super) fn captured(regex: &Regex, text: &str) -> Vec<(String, Value)> {
    let text: Vec<char> = text.chars().collect();
    let Some(groups) = regex.find(&text, 0) else { return Vec::new() };
    let named = regex.names.iter().zip(&groups[1..]);
    let found = named.filter_map(|(name, group)| Some((name.as_ref()?, (*group)?)));
    found
        .filter_map(|(name, (start, end))| {
            let (name, ty) = split(name);
            let text: String = text[start..end].iter().collect();
            let value = match ty {
                "int" => Value::Integer(text.parse().ok()?),
                "long" => Value::Long(text.parse().ok()?),
                "float" | "double" => Value::Double(text.parse().ok()?),
                "boolean" => Value::Boolean(text.parse().ok()?),
                _ => Value::Text(text),
            };
            Some((name.to_owned(), value))
        })
        .collect()
}

/// A piece of a pattern of DISSECT.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Delimiter(String),
    /// A key; empty where what it takes is skipped.
    Key(String),
}

/// The pieces of a pattern.
pub(super) fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(start) = rest.find("%{") {
        let end = start + rest[start..].find('}').unwrap();
        if start > 0 {
            pieces.push(Piece::Delimiter(rest[..start].to_owned()));
        }
        let key = &rest[start + 2..end];
        assert!(!key.contains(['+', '/', '*', '&', '>']), "{key}");
        pieces.push(Piece::Key(if key.starts_with('?') { String::new() } else { key.to_owned() }));
        rest = &rest[end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Delimiter(rest.to_owned()));
    }
    pieces
}

/// What each key takes of a text that is as the pattern says, from its start to its end.
pub(super) fn dissect(pieces: &[Piece], text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut pieces = pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Delimiter(delimiter) => rest = rest.strip_prefix(delimiter.as_str())?,
            Piece::Key(key) => {
                let end = match pieces.peek() {
                    Some(Piece::Delimiter(delimiter)) => rest.find(delimiter.as_str())?,
                    _ => rest.len(),
                };
                if !key.is_empty() {
                    found.push((key.clone(), rest[..end].to_owned()));
                }
                rest = &rest[end..];
            }
        }
    }
    Some(found)
}

/// The keys of a pattern that are kept.
pub(super) fn keys(pieces: &[Piece]) -> Vec<String> {
    let named = pieces.iter().filter_map(|piece| match piece {
        Piece::Key(key) if !key.is_empty() => Some(key.clone()),
        _ => None,
    });
    named.collect()
}

/// The values of one field out of the captures of several texts.
pub(super) fn of_field(found: &[(String, Value)], field: &str) -> Cell {
    found.iter().filter(|(name, _)| name == field).map(|(_, value)| value.clone()).collect()
}

#[test]
fn takes_apart() {
    let regex = grok("%{URIPROTO:p}://%{URIHOST:h}");
    let found = captured(&regex, "curl https://a.example.org:8080/x");
    assert_eq!(found, [("p".into(), Value::text("https")), ("h".into(), Value::text("a.example.org:8080"))]);
    assert_eq!(captured(&regex, "ftp://::1/"), [("p".into(), Value::text("ftp")), ("h".into(), Value::text("::1"))]);
    assert_eq!(captured(&grok("(?<a.b>[0-9]+)%{INT:n:int}"), "12")[1].1, Value::Integer(2));
    let parts = pieces("{%{?k}=%{v}, %{w}}");
    assert_eq!(dissect(&parts, "{a=1, b=2}"), Some(vec![("v".into(), "1".into()), ("w".into(), "b=2".into())]));
    assert_eq!(dissect(&parts, "{a=1,b=2}"), None);
}
