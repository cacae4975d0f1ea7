//! Rows as documents of JSON: nested or with dotted keys, single values sometimes in an array of one.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use super::super::value::{Row, Value, instant_text};
use super::super::world::{Fields, Kind, ecs};
use super::random::Random;

/// How documents are written; some that follow each other are written alike.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    nests: bool,
    /// In how many of a hundred cases a single value stands in an array.
    arrays: usize,
}

impl Style {
    /// Another style, once in a while.
    pub(super) fn next(self, random: &mut Random) -> Self {
        if random.percent(94) {
            return self;
        }
        Self { nests: random.percent(60), arrays: *random.pick(&[0, 0, 15]) }
    }
}

/// The document of a row, as text.
pub(super) fn source(row: &Row, style: Style, fields: &Fields, random: &mut Random) -> String {
    let mut document = Map::new();
    for (name, cell) in row.iter().filter(|(name, _)| !name.starts_with('_')) {
        // Other spellings of a value say nothing of its type: only a field whose type is known has them.
        let known = ecs(name).filter(|kind| fields.0.get(name) == Some(kind));
        let json = |value: &Value, random: &mut Random| match known {
            Some(kind) if random.percent(4) => respelled(kind, value, random),
            _ => json(value),
        };
        let value = match cell.as_slice() {
            [] if random.percent(90) => continue,
            [] if random.percent(50) => Json::Null,
            [one] if !random.percent(style.arrays) => json(one, random),
            values => Json::Array(values.iter().map(|value| json(value, random)).collect()),
        };
        if !(style.nests && nested(&mut document, name, &value)) {
            document.insert(name.clone(), value);
        }
    }
    Json::Object(document).to_string()
}

/// Puts a value where the parts of its name lead to; not where another value is in the way.
fn nested(document: &mut Map<String, Json>, name: &str, value: &Json) -> bool {
    match name.split_once('.') {
        None => {
            let free = !document.contains_key(name);
            if free {
                document.insert(name.to_owned(), value.clone());
            }
            free
        }
        Some((first, rest)) => match document.entry(first).or_insert_with(|| json!({})) {
            Json::Object(inner) => nested(inner, rest, value),
            _ => false,
        },
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Boolean(b) => json!(b),
        Value::Integer(n) | Value::Long(n) => json!(n),
        Value::Double(n) => json!(n),
        Value::Date(millis) => json!(instant_text(*millis)),
        other => json!(other.written()),
    }
}

/// The same value in another form of JSON.
fn respelled(kind: Kind, value: &Value, random: &mut Random) -> Json {
    match (kind, value) {
        (Kind::Keyword, Value::Text(text)) => match text.parse::<i64>() {
            Ok(number) if number.to_string() == *text => json!(number),
            _ => json!(text),
        },
        (Kind::Long, Value::Long(number)) if random.percent(50) => json!(*number as f64),
        (Kind::Long | Kind::Boolean, value) => json!(value.written()),
        (Kind::Double, Value::Double(number)) if number.fract() == 0.0 => json!(*number as i64),
        (Kind::Double, Value::Double(number)) => json!(number.to_string()),
        (Kind::Date, Value::Date(millis)) if random.percent(50) => json!(millis),
        (Kind::Date, Value::Date(millis)) => json!(instant_text(*millis).replace('Z', "+00:00")),
        (Kind::Ip, Value::Ip(address)) => match std::net::Ipv6Addr::from(*address).to_ipv4_mapped() {
            Some(v4) => json!(format!("::ffff:{v4}")),
            None => json!(value.written().to_uppercase()),
        },
        (_, value) => json(value),
    }
}

/// The rows as lines of an export, each with its metadata around its document.
pub(crate) fn lines(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let text = |name: &str| row.get(name).and_then(|cell| cell.first()).map(Value::written).unwrap_or_default();
        let ignored: Vec<String> = row.get("_ignored").into_iter().flatten().map(Value::written).collect();
        let ignored = if ignored.is_empty() { String::new() } else { format!(",\"_ignored\":{}", json!(ignored)) };
        let (index, id, source) = (json!(text("_index")), json!(text("_id")), text("_source"));
        let _ = writeln!(out, "{{\"_index\":{index},\"_id\":{id},\"_version\":1{ignored},\"_source\":{source}}}");
    }
    out
}
