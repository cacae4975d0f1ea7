//! KEEP and DROP: which columns stay, in which order.

use std::collections::{HashMap, HashSet};

use crate::diagnostic::Span;
use crate::esql::ast::{Name, NamePattern};

use crate::sql::build::Stage;
use crate::sql::lowering::Lowering;
use crate::sql::scope::{Column, Removal};

impl Lowering<'_> {
    pub(super) fn lower_keep(&mut self, patterns: &[NamePattern], span: Span) {
        let mut kept: Vec<Option<(u8, Column)>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for pattern in patterns {
            let rank = rank(pattern);
            let found = self.matching(pattern);
            for column in found {
                if rank == EXACT {
                    self.record(&column.definition, |_| ());
                }
                // An exact name goes before a pattern, and among equals the last one decides the place.
                if let Some(place) = places.get(&column.name).and_then(|at| kept.get_mut(*at)) {
                    if place.as_ref().is_some_and(|(other, _)| *other > rank) {
                        continue;
                    }
                    *place = None;
                }
                places.insert(column.name.clone(), kept.len());
                kept.push(Some((rank, column)));
            }
        }
        let columns: Vec<Column> = kept.into_iter().flatten().map(|(_, column)| column).collect();
        self.scope.open &= patterns.iter().any(|pattern| rank(pattern) == ALL);
        // Nothing goes and nothing moves.
        if columns.iter().map(|column| column.name.as_str()).eq(self.scope.names()) {
            return;
        }
        let gone: Vec<String> =
            self.scope.names().filter(|name| !places.contains_key(*name)).map(str::to_owned).collect();
        let carried = self.carried(&columns);
        let copies = self.release(&gone);
        let items = carried.into_iter().chain(copies).collect();
        self.push("keep", Stage { items, ..Stage::default() });
        self.scope.replace(columns, Removal { command: "KEEP", span });
    }

    pub(super) fn lower_drop(&mut self, patterns: &[NamePattern], span: Span) {
        let mut gone: Vec<String> = Vec::new();
        let mut names: HashSet<String> = HashSet::new();
        for pattern in patterns {
            let found = self.matching(pattern).into_iter().map(|column| column.name);
            gone.extend(found.filter(|name| names.insert(name.clone())));
        }
        if self.scope.columns.iter().any(|column| column.live && names.contains(&column.name)) {
            let star = self.star_except(&gone);
            let leaves_none = self.hidden.is_empty()
                && self.scope.columns.iter().all(|column| !column.live || names.contains(&column.name));
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
