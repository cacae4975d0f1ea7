//! Exceptions: events that a rule leaves out, as Elastic exports its lists: a JSON object a line.
//!
//! | line | is |
//! |---|---|
//! | has `entries` | an item: all of its entries must hold; belongs to the list `list_id` |
//! | has `list_id` and no `entries` | a list |
//! | has `exported_exception_list_count` | the end of an export |
//!
//! ```
//! use egret::rule::Exceptions;
//! let list = r#"{"list_id":"trusted","name":"Updates","entries":[
//!     {"field":"process.name","operator":"included","type":"match","value":"apt"}]}"#.replace('\n', "");
//! let exceptions = Exceptions::parse("lists.ndjson", &list)?;
//! assert_eq!(exceptions.of_list("trusted").collect::<Vec<_>>(), [r#"process.name: "apt""#]);
//! # Ok::<(), egret::error::Error>(())
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Rule;
use crate::error::{Error, Kind, Result};

/// The items of exception lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exceptions {
    /// The lists that the file tells of.
    lists: BTreeSet<String>,
    items: Vec<Item>,
    digest: Uuid,
}

/// An item: events for which this KQL is true are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    list: String,
    condition: String,
}

impl Exceptions {
    /// The lists in `text`; `name` is its file.
    ///
    /// # Errors
    /// The first line that is no list or item, with its place.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes());
        let mut exceptions = Self { digest, ..Self::default() };
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{name}:{}", at + 1);
            let object: Map<String, Value> = serde_json::from_str(line).map_err(|e| {
                Error::new(
                    Kind::Input,
                    format!("{place}:{}: expected a list or an item as a JSON object", e.column().max(1)),
                )
                .with_source(e)
                .with_help("export the lists with Kibana, or write one JSON object a line")
            })?;
            if object.contains_key("exported_exception_list_count") {
                continue;
            }
            let list = text_of(&object, "list_id", &place)?;
            if let Some(entries) = object.get("entries") {
                let item = object.get("name").and_then(Value::as_str).unwrap_or("without name");
                let condition = all(entries, "", &format!("{place}: item `{item}`"))?;
                exceptions.items.push(Item { list: list.clone(), condition });
            }
            exceptions.lists.insert(list);
        }
        Ok(exceptions)
    }

    /// The conditions of the lists that `rule` names, in KQL: events for which one is true are left out.
    pub fn of(&self, rule: &Rule) -> Vec<String> {
        names(rule).flat_map(|list| self.of_list(list)).map(str::to_owned).collect()
    }

    /// The conditions of one list.
    pub fn of_list<'a>(&'a self, list: &'a str) -> impl Iterator<Item = &'a str> {
        self.items.iter().filter(move |item| item.list == list).map(|item| item.condition.as_str())
    }

    /// The lists that `rule` names and this does not tell of.
    pub fn missing<'a>(&'a self, rule: &'a Rule) -> Vec<&'a str> {
        names(rule).filter(|list| !self.lists.contains(*list)).collect()
    }

    /// What tells its text from another one.
    pub fn digest(&self) -> String {
        self.digest.to_string()
    }
}

/// The lists of exceptions that a rule names.
fn names(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.exceptions_list.iter().filter_map(|list| list.get("list_id").and_then(toml::Value::as_str))
}

fn text_of(object: &Map<String, Value>, key: &str, place: &str) -> Result<String> {
    object.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
        let found = object.get(key).map_or_else(|| "none".to_owned(), Value::to_string);
        Error::new(Kind::Input, format!("{place}: expected a text for `{key}`, found {found}"))
    })
}

/// All of some entries, whose fields lie below `parent`.
fn all(entries: &Value, parent: &str, place: &str) -> Result<String> {
    let list = entries.as_array().filter(|list| !list.is_empty()).ok_or_else(|| {
        Error::new(Kind::Input, format!("{place}: expected a list of entries, found {entries}"))
            .with_help("an item without entries would leave out every event")
    })?;
    let conditions = list.iter().map(|one| entry(one, parent, place)).collect::<Result<Vec<_>>>()?;
    Ok(conditions.join(" and "))
}

fn entry(entry: &Value, parent: &str, place: &str) -> Result<String> {
    let wrong = |message: String| Error::new(Kind::Input, format!("{place}: {message}"));
    let Some(object) = entry.as_object() else { return Err(wrong(format!("expected an entry, found {entry}"))) };
    let field = format!("{parent}{}", text_of(object, "field", place)?);
    let named = word(&field);
    let value = || object.get("value").ok_or_else(|| wrong(format!("expected a value for `{field}`, found none")));
    let condition = match text_of(object, "type", place)?.as_str() {
        "match" => format!("{named}: {}", quoted(value()?).ok_or_else(|| wrong(no_value(&field, "one value", value)))?),
        "match_any" => {
            let values = value()?.as_array().and_then(|all| all.iter().map(quoted).collect::<Option<Vec<_>>>());
            let values = values.filter(|values| !values.is_empty());
            let values = values.ok_or_else(|| wrong(no_value(&field, "a list of values", value)))?;
            format!("{named}: ({})", values.join(" or "))
        }
        "exists" => format!("{named}: *"),
        "wildcard" => {
            let pattern = value()?.as_str().ok_or_else(|| wrong(no_value(&field, "a pattern", value)))?;
            if pattern.contains('?') {
                let message = format!("the pattern `{pattern}` for `{field}` holds `?`, which is not supported");
                return Err(wrong(message).with_help("write * instead, or an entry of the type match_any"));
            }
            format!("{named}: {}", word(pattern))
        }
        "nested" => match object.get("entries") {
            Some(entries) => format!("({})", all(entries, &format!("{field}."), place)?),
            None => return Err(wrong(format!("expected entries below `{field}`, found none"))),
        },
        "list" => {
            let message = format!("the entry for `{field}` names a value list, which this file does not hold");
            return Err(wrong(message).with_help("write the values as an entry of the type match_any"));
        }
        other => {
            let message = format!("expected an entry of a known type for `{field}`, found `{other}`");
            return Err(wrong(message).with_help("types are match, match_any, exists, wildcard and nested"));
        }
    };
    match object.get("operator").and_then(Value::as_str) {
        Some("included") | None => Ok(condition),
        Some("excluded") => Ok(format!("not ({condition})")),
        Some(other) => Err(wrong(format!("expected the operator included or excluded for `{field}`, found `{other}`"))),
    }
}

fn no_value<'a>(field: &str, what: &str, value: impl Fn() -> Result<&'a Value>) -> String {
    let found = value().map_or_else(|_| "none".to_owned(), Value::to_string);
    format!("expected {what} for `{field}`, found {found}")
}

/// A value between quotes, where no character has a meaning of its own.
fn quoted(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A field's name or a pattern: only `*` has a meaning of its own.
fn word(text: &str) -> String {
    if text.is_empty() {
        return "\"\"".to_owned();
    }
    // A word of KQL's own is one no more where a letter of it is escaped.
    let is_keyword = ["and", "or", "not"].iter().any(|word| word.eq_ignore_ascii_case(text));
    let mut word = String::new();
    for (at, c) in text.chars().enumerate() {
        match c {
            c if is_keyword && at == 0 => _ = write!(word, "\\u{:04x}", u32::from(c)),
            '*' | '.' | '_' | '@' | '-' => word.push(c),
            c if c.is_alphanumeric() || u32::from(c) > 0xffff => word.push(c),
            // Writing to a String cannot fail.
            c => _ = write!(word, "\\u{:04x}", u32::from(c)),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    fn condition(entries: &str) -> Result<String> {
        let line = format!(r#"{{"list_id":"l","name":"n","entries":{entries}}}"#);
        let exceptions =
            Exceptions::parse("x.ndjson", &format!("{{\"list_id\":\"l\",\"type\":\"detection\"}}\n{line}\n"))?;
        Ok(exceptions.of_list("l").collect())
    }

    #[test]
    fn entries_become_conditions() {
        for (entries, expected) in [
            (r#"[{"field":"a","type":"match","value":"x \"y\" \\z"}]"#, r#"a: "x \"y\" \\z""#),
            (r#"[{"field":"a.b","operator":"included","type":"match_any","value":["1","2"]}]"#, r#"a.b: ("1" or "2")"#),
            (
                r#"[{"field":"a","operator":"excluded","type":"exists"},{"field":"b","type":"match","value":5}]"#,
                r#"not (a: *) and b: "5""#,
            ),
            (r#"[{"field":"p","type":"wildcard","value":"C:\\Temp dir\\*"}]"#, r"p: C\u003a\u005cTemp\u0020dir\u005c*"),
            (r#"[{"field":"a","type":"wildcard","value":"And"}]"#, r"a: \u0041nd"),
            (r#"[{"field":"a","type":"wildcard","value":""}]"#, r#"a: """#),
            (
                r#"[{"field":"f","type":"nested","entries":[{"field":"x","type":"match","value":"1"},{"field":"y","type":"exists"}]}]"#,
                r#"(f.x: "1" and f.y: *)"#,
            ),
        ] {
            assert_eq!(condition(entries).unwrap(), expected);
        }
    }

    #[test]
    fn mistakes_tell_their_place() {
        for (entries, expected) in [
            ("[]", "x.ndjson:2: item `n`: expected a list of entries, found []"),
            (r#"[{"field":"a","type":"list","list":{"id":"v"}}]"#, "`a` names a value list"),
            (r#"[{"field":"a","type":"match"}]"#, "expected a value for `a`, found none"),
            (r#"[{"field":"a","type":"match","value":[1]}]"#, "expected one value for `a`, found [1]"),
            (r#"[{"field":"a","type":"equals","value":"1"}]"#, "found `equals`"),
            (r#"[{"field":"a","type":"wildcard","value":"x?"}]"#, "`x?`"),
            (r#"[{"type":"exists"}]"#, "expected a text for `field`, found none"),
        ] {
            let error = condition(entries).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = Exceptions::parse("x.ndjson", "{}\n[").unwrap_err().to_string();
        assert!(error.contains("x.ndjson:1: expected a text for `list_id`, found none"), "{error}");
        let error = Exceptions::parse("x.ndjson", "[").unwrap_err().to_string();
        assert!(error.contains("x.ndjson:1:1: expected a list or an item"), "{error}");
    }
}
