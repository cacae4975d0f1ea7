//! Alerts that are asked about: JSON documents as Egret, or Elasticsearch after it, gives them.

use std::io::Read as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, Kind, Result};
use crate::rule::{Execution, Rule, Window};

/// One alert of a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alert {
    pub(super) uuid: Uuid,
    pub(super) execution: Execution,
}

/// The alerts of a file, in their order.
#[derive(Debug)]
pub(super) struct Asked(Vec<Alert>);

impl Asked {
    /// The alerts of `rule` in the file at `path`; `-` is stdin.
    pub(super) fn read(path: &Path, rule: &Rule) -> Result<Self> {
        let name = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
        let mut text = String::new();
        let read = if path == Path::new("-") {
            std::io::stdin().lock().read_to_string(&mut text).map(drop)
        } else {
            std::fs::read_to_string(path).map(|read| text = read)
        };
        read.map_err(|e| Error::new(Kind::Input, format!("{name}: the alerts cannot be read")).with_source(e))?;
        let mut alerts = Vec::new();
        for (place, document) in documents(&text, &name)? {
            // The action lines of bulk bodies.
            if document.get("create").or_else(|| document.get("index")).is_some_and(Value::is_object) {
                continue;
            }
            let document = document.get("_source").filter(|inner| inner.is_object()).unwrap_or(&document);
            alerts.push(alert(document, rule).map_err(|error| error.told_of(&place))?);
        }
        if alerts.is_empty() {
            return Err(Error::new(Kind::Input, format!("{name}: expected alerts, found none"))
                .with_help("write one JSON document a line, as egret run --as alerts --format ndjson does"));
        }
        Ok(Self(alerts))
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Alert> {
        self.0.iter()
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
}

/// The documents of a text with their places: one JSON value, or one a line.
fn documents(text: &str, name: &str) -> Result<Vec<(String, Value)>> {
    match serde_json::from_str(text) {
        Ok(Value::Array(all)) => {
            return Ok(all.into_iter().enumerate().map(|(n, one)| (format!("{name}: alert {}", n + 1), one)).collect());
        }
        Ok(one) => return Ok(vec![(name.to_owned(), one)]),
        Err(_) => {}
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let document = |(at, line): (usize, &str)| {
        let place = format!("{name}:{}", at + 1);
        match serde_json::from_str(line) {
            Ok(document) => Ok((place, document)),
            Err(error) => {
                Err(Error::new(Kind::Input, format!("{place}:{}: expected an alert as JSON", error.column()))
                    .with_source(error)
                    .with_help("write one JSON document a line"))
            }
        }
    };
    lines.map(document).collect()
}

fn alert(document: &Value, rule: &Rule) -> Result<Alert> {
    if let Some(found) = text(document, "kibana.alert.rule.rule_id")
        && found != rule.rule_id.to_string()
    {
        let message = format!("expected an alert of the rule {} ({}), found one of {found}", rule.rule_id, rule.name);
        return Err(Error::new(Kind::Input, message).with_help("name the rule that made the alert"));
    }
    let uuid = required(document, "kibana.alert.uuid")?;
    let uuid = Uuid::parse_str(&uuid).map_err(|e| {
        Error::new(Kind::Input, format!("kibana.alert.uuid: expected a UUID, found `{uuid}`")).with_source(e)
    })?;
    let at = instant(
        "kibana.alert.rule.execution.timestamp",
        &required(document, "kibana.alert.rule.execution.timestamp")?,
    )?;
    let end = |name: &str| text(document, name).map(|text| instant(name, &text)).transpose();
    let window = match (end("egret.window.from")?, end("egret.window.to")?) {
        (Some(from), Some(to)) => Some(Window { from, to }),
        // Who tells no window at all may still have had that of the schedule.
        _ if find(document, "egret.window.from").is_some() => None,
        _ => rule.schedule.as_ref().map(|schedule| schedule.window_at(at)),
    };
    Ok(Alert { uuid, execution: Execution { at, window } })
}

fn required(document: &Value, name: &str) -> Result<String> {
    text(document, name).ok_or_else(|| {
        Error::new(Kind::Input, format!("expected an alert with the field {name}, found none"))
            .with_help("make alerts with egret run --as alerts or egret backtest --as alerts")
    })
}

fn instant(name: &str, text: &str) -> Result<DateTime<Utc>> {
    let read = DateTime::parse_from_rfc3339(text);
    let read = read.map_err(|e| {
        Error::new(Kind::Input, format!("{name}: expected an instant of RFC 3339, found `{text}`")).with_source(e)
    })?;
    Ok(read.to_utc())
}

fn text(document: &Value, name: &str) -> Option<String> {
    find(document, name)?.as_str().map(str::to_owned)
}

/// The value of a dotted name, whose parts may be keys of nested objects.
fn find<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    if let Some(found) = document.get(name) {
        return Some(found);
    }
    let splits = name.match_indices('.').map(|(at, _)| name.split_at(at));
    splits.into_iter().find_map(|(head, tail)| find(document.get(head)?, tail.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_nested_in_any_way() {
        let document = serde_json::json!({ "a.b": { "c": { "d.e": 1 } }, "a": { "x": 2 } });
        assert_eq!(find(&document, "a.b.c.d.e"), Some(&Value::from(1)));
        assert_eq!(find(&document, "a.x"), Some(&Value::from(2)));
        assert_eq!(find(&document, "a.b.x"), None);
    }
}
