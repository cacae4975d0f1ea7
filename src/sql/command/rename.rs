//! RENAME: a column keeps its place under its new name; a column that had that name is gone.

use std::collections::HashSet;

use crate::diagnostic::Span;
use crate::esql::ast::Rename;

use crate::sql::build::{self, Stage};
use crate::sql::lowering::Lowering;
use crate::sql::scope::{Column, Removal};

impl Lowering<'_> {
    pub(super) fn lower_rename(&mut self, renames: &[Rename], span: Span) {
        let removal = Removal { command: "RENAME", span };
        let before = self.scope.columns.clone();
        // Each column with the name it had before the command: the pairs apply one after the other.
        let mut columns: Vec<(Option<String>, Column)> =
            before.iter().map(|column| (Some(column.name.clone()), column.clone())).collect();
        for Rename { from, to } in renames {
            if !columns.iter().any(|(_, column)| column.name == from.text) {
                let Some(column) = self.resolve(from) else { continue };
                columns.push((Some(column.name.clone()), column));
            } else if before.iter().any(|column| column.name == from.text) {
                self.resolve(from);
            }
            if from.text == to.text {
                continue;
            }
            columns.retain(|(_, column)| column.name != to.text);
            for (_, column) in columns.iter_mut().filter(|(_, column)| column.name == from.text) {
                column.name.clone_from(&to.text);
            }
        }
        let moved: Vec<(String, Column)> = columns
            .iter()
            .filter_map(|(old, column)| Some((old.clone()?, column.clone())))
            .filter(|(old, column)| *old != column.name)
            .collect();
        let kept: HashSet<&String> = columns.iter().filter_map(|(old, _)| old.as_ref()).collect();
        let names = before.iter().map(|column| &column.name);
        let dropped: Vec<String> = names.filter(|name| !kept.contains(name)).cloned().collect();
        let leaving: Vec<String> = moved.iter().map(|(old, _)| old.clone()).chain(dropped.iter().cloned()).collect();
        if leaving.iter().any(|name| self.scope.find(name).is_some_and(|column| column.live)) {
            let star = self.star_except(&leaving);
            let named = moved.iter().filter(|(_, column)| column.live);
            let named: Vec<_> = named.map(|(old, column)| build::item(build::column(old), &column.name)).collect();
            let copies = self.release(&dropped);
            let alone = self.hidden.is_empty()
                && self.scope.columns.iter().all(|column| !column.live || leaving.contains(&column.name));
            let star = (!alone).then_some(star);
            let items = star.into_iter().chain(named).chain(copies).collect();
            self.push("rename", Stage { items, ..Stage::default() });
            self.follow(&moved);
        }
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        self.scope.replace(columns, removal);
    }

    /// Two steps, since columns may swap their names.
    fn follow(&mut self, moved: &[(String, Column)]) {
        for (at, (old, _)) in moved.iter().enumerate() {
            self.rename_references(old, &format!("\0{at}"));
        }
        for (at, (_, column)) in moved.iter().enumerate() {
            self.rename_references(&format!("\0{at}"), &column.name);
        }
    }
}
