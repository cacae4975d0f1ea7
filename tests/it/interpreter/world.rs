//! The events that both sides see: fields with types, and rows with values.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::value::Row;

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Keyword,
    Text,
    Boolean,
    Long,
    Double,
    Ip,
    Date,
}

/// The fields of the source with their types.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(pub(super) BTreeMap<String, Kind>);

impl Fields {
    /// Whether KQL takes a field for words.
    pub(super) fn is_text(&self, field: &str) -> bool {
        self.0.get(field) == Some(&Kind::Text)
    }

    /// Whether MATCH takes a field for words: also one whose type nobody was told.
    pub(super) fn is_analysed(&self, field: &str) -> bool {
        self.is_text(field) || ecs(field).is_none()
    }
}

/// What ECS says of a field.
pub(super) fn ecs(field: &str) -> Option<Kind> {
    static TABLE: OnceLock<BTreeMap<&str, Kind>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let kind = |ty: &str| match ty {
            "text" => Kind::Text,
            "boolean" => Kind::Boolean,
            "long" => Kind::Long,
            "double" => Kind::Double,
            "ip" => Kind::Ip,
            "date" => Kind::Date,
            _ => Kind::Keyword,
        };
        let lines = include_str!("../../../src/lake/ecs.csv").lines().skip(1);
        lines.map(|line| line.split(',').collect::<Vec<_>>()).map(|cells| (cells[0], kind(cells[1]))).collect()
    });
    table.get(field).copied()
}

/// Events and the time at which a query runs over them.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) fields: Fields,
    pub(super) rows: Vec<Row>,
    /// In milliseconds.
    pub(super) now: i64,
}
