//! One table of a rule file, read key by key; what is wrong is collected with its place.

use std::cell::RefCell;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys;
use crate::diagnostic::{Code, Diagnostic, Span};

/// What is wrong so far.
pub(super) type Findings = RefCell<Vec<Diagnostic>>;

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Span,
}

/// A table of a rule file.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    /// The whole file.
    file: &'a str,
    /// The table's path, such as `rule.threat`; empty for the file.
    path: &'static str,
    /// Where the table is named.
    pub span: Span,
    table: &'a DeTable<'a>,
    findings: &'a Findings,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl<'a> Section<'a> {
    /// The table of the whole file.
    pub(super) fn root(file: &'a str, table: &'a DeTable<'a>, findings: &'a Findings) -> Self {
        Self { file, path: "", span: Span::new(0, 0), table, findings }
    }

    pub(super) fn add(&self, diagnostic: Diagnostic) {
        self.findings.borrow_mut().push(diagnostic);
    }

    /// Reports a wrong value.
    pub(super) fn wrong(&self, span: Span, message: impl Into<String>, help: &str) {
        self.add(Diagnostic::error(Code::BadValue, span, message).with_help(help));
    }

    /// Reports a key that must be there and is not.
    pub(super) fn missing(&self, key: &str, help: &str) {
        let message = if self.path.is_empty() {
            format!("expected a table `[{key}]`, found none")
        } else {
            format!("`[{}]` lacks the key `{key}`", self.path)
        };
        self.add(Diagnostic::error(Code::MissingKey, self.span, message).with_help(help));
    }

    /// Warns of every key that is not among `known`.
    pub(super) fn only(&self, known: &[&str]) {
        for key in self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            self.add(keys::unknown(self.path, key.get_ref(), span(key), known));
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The key's place, or the table's.
    pub(super) fn key_span(&self, key: &str) -> Span {
        self.table.get_key_value(key).map_or(self.span, |(key, _)| span(key))
    }

    fn mistyped(&self, key: &str, value: &Value<'_>, expected: &str) {
        let found = match value.get_ref() {
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(flag) => format!("`{flag}`"),
            other => article(other.type_str()),
        };
        let message = format!("expected {expected} for `{key}`, found {found}");
        self.add(Diagnostic::error(Code::BadValue, span(value), message));
    }

    /// A text.
    pub(super) fn text(&self, key: &str) -> Option<At<String>> {
        let value = self.table.get(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.mistyped(key, value, "a text");
            return None;
        };
        Some(At { value: text.to_owned(), span: span(value) })
    }

    /// A text that is neither missing nor blank.
    pub(super) fn required_text(&self, key: &str, help: &str) -> Option<At<String>> {
        if !self.has(key) {
            self.missing(key, help);
        }
        let text = self.text(key)?;
        if text.value.trim().is_empty() {
            self.wrong(text.span, format!("expected a text for `{key}`, found an empty one"), help);
            return None;
        }
        Some(text)
    }

    /// A text and what `read` makes of it; its diagnostics point into the text where the file holds it verbatim.
    pub(super) fn parsed<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, Diagnostic>) -> Option<At<T>> {
        let text = self.text(key)?;
        match read(&text.value) {
            Ok(value) => Some(At { value, span: text.span }),
            Err(mut diagnostic) => {
                diagnostic.span = match verbatim(self.file, text.span, &text.value) {
                    Some(offset) if !text.value.is_empty() => diagnostic.span.shift(offset),
                    _ => text.span,
                };
                self.add(diagnostic);
                None
            }
        }
    }

    /// A text and where it stands letter by letter, if it does.
    pub(super) fn offset(&self, text: &At<String>) -> Option<usize> {
        verbatim(self.file, text.span, &text.value)
    }

    /// A whole number.
    pub(super) fn integer(&self, key: &str) -> Option<At<i64>> {
        let value = self.table.get(key)?;
        let number = value.get_ref().as_integer();
        let Some(number) = number.and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok()) else {
            self.mistyped(key, value, "a whole number");
            return None;
        };
        Some(At { value: number, span: span(value) })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        let value = self.table.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.mistyped(key, value, "`true` or `false`");
        }
        flag
    }

    /// A list of texts, each with its place; none where the key is missing.
    pub(super) fn texts_at(&self, key: &str) -> Vec<At<String>> {
        self.list(key, "a list of texts")
            .filter_map(|item| {
                let text = item.get_ref().as_str();
                if text.is_none() {
                    self.mistyped(key, item, "a text");
                }
                Some(At { value: text?.to_owned(), span: span(item) })
            })
            .collect()
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.texts_at(key).into_iter().map(|text| text.value).collect()
    }

    /// A list of texts, or a single one.
    pub(super) fn text_or_texts(&self, key: &str) -> Vec<String> {
        match self.table.get(key).map(Spanned::get_ref) {
            Some(DeValue::String(text)) => vec![text.as_ref().to_owned()],
            _ => self.texts(key),
        }
    }

    /// A list of anything.
    pub(super) fn values(&self, key: &str) -> Vec<toml::Value> {
        self.list(key, "a list").filter_map(|item| plain(item.clone())).collect()
    }

    /// A table.
    pub(super) fn section(&self, key: &str, path: &'static str) -> Option<Section<'a>> {
        let value = self.table.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.mistyped(key, value, "a table");
            return None;
        };
        Some(Section { path, span: self.key_span(key), table, ..*self })
    }

    /// A list of tables.
    pub(super) fn sections(&self, key: &str, path: &'static str) -> Vec<Section<'a>> {
        let tables = self.list(key, "a list of tables");
        let section = |item: &'a Value<'a>| {
            let Some(table) = item.get_ref().as_table() else {
                self.mistyped(key, item, "a table");
                return None;
            };
            Some(Section { path, span: first_line(self.file, span(item)), table, ..*self })
        };
        tables.filter_map(section).collect()
    }

    fn list(&self, key: &str, expected: &str) -> impl Iterator<Item = &'a Value<'a>> + use<'a> {
        let value = self.table.get(key);
        let list = value.and_then(|value| value.get_ref().as_array());
        if let (Some(value), None) = (value, list) {
            self.mistyped(key, value, expected);
        }
        list.into_iter().flat_map(|list| list.iter())
    }
}

/// The place of a key or value.
pub(super) fn span<T>(spanned: &Spanned<T>) -> Span {
    Span::new(spanned.span().start, spanned.span().end)
}

/// The first line of a place: tables may be long.
fn first_line(file: &str, span: Span) -> Span {
    let length = span.text(file).find(['\r', '\n']).unwrap_or(span.end - span.start);
    Span::new(span.start, span.start + length)
}

/// Where the content of the literal at `span` begins, if the file holds it letter by letter.
fn verbatim(file: &str, span: Span, content: &str) -> Option<usize> {
    let literal = span.text(file);
    let quotes = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quotes| literal.starts_with(quotes))?;
    let inner = literal.get(quotes.len()..)?;
    // a line break right behind the opening quotes is not part of the text
    let skipped = match quotes.len() {
        3 if inner.starts_with("\r\n") => 2,
        3 if inner.starts_with('\n') => 1,
        _ => 0,
    };
    let offset = span.start + quotes.len() + skipped;
    (file.get(offset..offset + content.len()) == Some(content)).then_some(offset)
}

fn plain(value: Value<'_>) -> Option<toml::Value> {
    toml::Value::deserialize(value.into_deserializer()).ok()
}

fn article(noun: &str) -> String {
    let noun = if noun == "string" { "text" } else { noun };
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}
