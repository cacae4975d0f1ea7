//! KEEP and DROP: which columns stay, in which order.

use crate::diagnostic::Span;
use crate::esql::ast::{Name, NamePattern};

use crate::sql::build::Stage;
use crate::sql::lowering::Lowering;
use crate::sql::scope::{Column, Removal};

impl Lowering<'_> {
    pub(super) fn lower_keep(&mut self, patterns: &[NamePattern], span: Span) {
        let mut kept: Vec<(u8, Column)> = Vec::new();
        for pattern in patterns {
            let rank = rank(pattern);
            let found = self.matching(pattern);
            for column in found {
                if rank == EXACT {
                    self.record(&column.definition, |_| ());
                }
                // An exact name goes before a pattern, and among equals the last one decides the place.
                match kept.iter().position(|(_, other)| other.name == column.name) {
                    Some(at) if kept.get(at).is_some_and(|(other, _)| *other > rank) => continue,
                    Some(at) => drop(kept.remove(at)),
                    None => {}
                }
                kept.push((rank, column));
            }
        }
        let columns: Vec<Column> = kept.into_iter().map(|(_, column)| column).collect();
        let gone: Vec<String> = self
            .scope
            .names()
            .filter(|name| columns.iter().all(|column| column.name != *name))
            .map(str::to_owned)
            .collect();
        let carried = self.carried(&columns);
        let copies = self.release(&gone);
        let items = carried.into_iter().chain(copies).collect();
        self.push("keep", Stage { items, ..Stage::default() });
        self.scope.open &= patterns.iter().any(|pattern| rank(pattern) == ALL);
        self.scope.replace(columns, Removal { command: "KEEP", span });
    }

    pub(super) fn lower_drop(&mut self, patterns: &[NamePattern], span: Span) {
        let mut gone: Vec<String> = Vec::new();
        for pattern in patterns {
            for column in self.matching(pattern) {
                if !gone.contains(&column.name) {
                    gone.push(column.name);
                }
            }
        }
        let carried = |lowering: &Self| {
            lowering.scope.columns.iter().filter(|column| column.live && gone.contains(&column.name)).count()
        };
        if carried(self) > 0 {
            let star = self.star_except(&gone);
            let leaves_none = self.hidden.is_empty()
                && self.scope.columns.iter().all(|column| !column.live || gone.contains(&column.name));
            let copies = self.release(&gone);
            let star = (!leaves_none).then_some(star);
            let items = star.into_iter().chain(copies).collect();
            self.push("drop", Stage { items, ..Stage::default() });
        }
        self.scope.remove(&gone, Removal { command: "DROP", span });
    }

    /// The columns that a pattern selects, in the order of the scope; a name without wildcard must exist.
    fn matching(&mut self, pattern: &NamePattern) -> Vec<Column> {
        if pattern.is_wildcard() {
            return self.scope.columns.iter().filter(|column| pattern.matches(&column.name)).cloned().collect();
        }
        let text = pattern.pieces.first().cloned().unwrap_or_default();
        let name = Name { parts: vec![text.clone()], text, span: pattern.span };
        self.resolve(&name).into_iter().collect()
    }
}

const ALL: u8 = 0;
const EXACT: u8 = 2;

/// How strongly a pattern speaks for a column.
fn rank(pattern: &NamePattern) -> u8 {
    match pattern.is_wildcard() {
        false => EXACT,
        true if pattern.pieces.iter().all(String::is_empty) => ALL,
        true => 1,
    }
}
