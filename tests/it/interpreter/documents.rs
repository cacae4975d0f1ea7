//! Documents of others as events, with the fields that a query reads.

use std::path::Path;

use serde_json::Value as Json;

use super::generate::fields_of;
use super::value::{Cell, Row, Value, address, instant};
use super::world::{Fields, Kind, World};
use egret::esql::ast::Query;

/// The documents of a file of lines, each out of its envelope.
pub(super) fn read(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    let document = |line: &str| -> Json {
        let document: Json = serde_json::from_str(line).unwrap();
        document.get("_source").cloned().unwrap_or(document)
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(document).collect()
}

/// The events that a query sees of documents, one of so many of them.
pub(super) fn world(query: &Query, documents: &[Json], step: usize) -> World {
    let fields = fields_of(query);
    let rows = documents.iter().step_by(step).map(|document| {
        let mut row = Row::new();
        for (name, kind) in &fields {
            let mut cell = Cell::new();
            values(document, name, *kind, &mut cell);
            row.insert(name.clone(), cell);
        }
        row
    });
    super::generate::finished(rows.collect(), Fields(fields.clone()), "documents")
}

/// The values of a field, wherever its dotted name leads.
fn values(document: &Json, name: &str, kind: Kind, cell: &mut Cell) {
    match document {
        Json::Array(items) => items.iter().for_each(|item| values(item, name, kind, cell)),
        Json::Object(members) => {
            for (key, inner) in members {
                match name.strip_prefix(key.as_str()) {
                    Some("") => leaves(inner, kind, cell),
                    Some(rest) => {
                        if let Some(rest) = rest.strip_prefix('.') {
                            values(inner, rest, kind, cell);
                        }
                    }
                    None => {}
                }
            }
        }
        _ => {}
    }
}

fn leaves(value: &Json, kind: Kind, cell: &mut Cell) {
    if let Json::Array(items) = value {
        for item in items {
            leaves(item, kind, cell);
        }
        return;
    }
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(_) | Json::Bool(_) => value.to_string(),
        _ => return,
    };
    cell.extend(match kind {
        Kind::Keyword | Kind::Text => Some(Value::Text(text)),
        Kind::Boolean => text.parse().ok().map(Value::Boolean),
        Kind::Long => text.parse().ok().map(Value::Long),
        Kind::Double => text.parse().ok().map(Value::Double),
        Kind::Ip => address(&text).map(Value::Ip),
        Kind::Date => instant(&text).map(Value::Date),
    });
}
