//! Tables of the TOML files that say what a lake holds, read key by key; what is wrong is collected with its place.

use std::cell::RefCell;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ecs;
use crate::diagnostic::{Code, Diagnostic, Report, Span};
use crate::error::{Error, Result};

/// What is wrong so far.
pub(super) type Findings = RefCell<Vec<Diagnostic>>;

/// A value with its place.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A table of a file.
#[derive(Clone)]
pub(super) struct Sheet<'a> {
    /// The table's path, such as `tables.logs`; empty for the file.
    path: String,
    /// Where the table is named.
    pub(super) span: Span,
    table: &'a DeTable<'a>,
    findings: &'a Findings,
}

/// What `read` makes of the tables of a file named `name`.
///
/// # Errors
/// All that is wrong with the file, as one report.
pub(super) fn read<T>(name: &str, text: &str, read: impl FnOnce(&Sheet<'_>) -> T) -> Result<T> {
    let failed = |diagnostics| Err(Error::rule(vec![Report::new(name, text, diagnostics)]));
    let (root, errors) = DeTable::parse_recoverable(text);
    if let Some(first) = errors.first() {
        let span = first.span().unwrap_or_default();
        let message = first.message().trim_end_matches('.');
        return failed(vec![Diagnostic::error(Code::Toml, Span::new(span.start, span.end), message)]);
    }
    let findings = RefCell::new(Vec::new());
    let made = read(&Sheet { path: String::new(), span: Span::new(0, 0), table: root.get_ref(), findings: &findings });
    let found = findings.into_inner();
    if found.is_empty() { Ok(made) } else { failed(found) }
}

impl<'a> Sheet<'a> {
    /// Reports what is wrong at a place.
    pub(super) fn wrong(&self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.findings.borrow_mut().push(Diagnostic::error(Code::BadValue, span, message).with_help(help));
    }

    /// Reports every key that is not among `known`.
    pub(super) fn only(&self, known: &[&str]) {
        for key in self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref().as_ref();
            let place = if self.path.is_empty() { "the file".to_owned() } else { format!("`[{}]`", self.path) };
            let help = match ecs::near(name, known.iter().copied()) {
                Some(near) => format!("the nearest key is `{near}`; expected one of {}", known.join(", ")),
                None => format!("expected one of {}", known.join(", ")),
            };
            let message = format!("{place} has no key `{name}`");
            self.findings.borrow_mut().push(Diagnostic::error(Code::UnknownKey, span(key), message).with_help(help));
        }
    }

    /// Reports a key that must be there and is not.
    pub(super) fn missing(&self, key: &str, help: &str) {
        let message = format!("`[{}]` lacks the key `{key}`", self.path);
        self.findings.borrow_mut().push(Diagnostic::error(Code::MissingKey, self.span, message).with_help(help));
    }

    /// The keys with their places and values, in order of name.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Span, &'a Value<'a>)> + use<'a> {
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), span(key), value))
    }

    /// The value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value<'a>> {
        self.table.get(key)
    }

    /// Reports a value of a wrong type.
    pub(super) fn mistyped(&self, key: &str, value: &Value<'_>, expected: &str) {
        let found = match value.get_ref() {
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(flag) => format!("`{flag}`"),
            DeValue::String(text) => format!("the text `{text}`"),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        let message = format!("expected {expected} for `{key}`, found {found}");
        self.findings.borrow_mut().push(Diagnostic::error(Code::BadValue, span(value), message));
    }

    /// A text and its place.
    pub(super) fn text(&self, key: &str) -> Option<(&'a str, Span)> {
        let value = self.table.get(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.mistyped(key, value, "a text");
        }
        Some((text?, span(value)))
    }

    /// A text, or a list of texts, each with its place; none where the key is missing.
    pub(super) fn texts(&self, key: &str) -> Vec<(&'a str, Span)> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let one = |item: &'a Value<'a>| {
            let text = item.get_ref().as_str();
            if text.is_none() {
                self.mistyped(key, item, "a text");
            }
            Some((text?, span(item)))
        };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(one).collect(),
            DeValue::String(_) => one(value).into_iter().collect(),
            _ => {
                self.mistyped(key, value, "a text or a list of texts");
                Vec::new()
            }
        }
    }

    /// The table that a key holds.
    pub(super) fn sheet(&self, key: &str) -> Option<Self> {
        let (named, value) = self.table.get_key_value(key)?;
        self.below(key, span(named), value)
    }

    /// The table that a value is.
    pub(super) fn below(&self, key: &str, at: Span, value: &'a Value<'a>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            self.mistyped(key, value, "a table");
            return None;
        };
        let bare = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let name = if bare { key.to_owned() } else { format!("{key:?}") };
        let path = if self.path.is_empty() { name } else { format!("{}.{name}", self.path) };
        Some(Self { path, span: at, table, findings: self.findings })
    }
}

/// The place of a key or value.
pub(super) fn span<T>(spanned: &Spanned<T>) -> Span {
    Span::new(spanned.span().start, spanned.span().end)
}
