//! MV_EXPAND: one row a value, and one row where there is none.

use crate::esql::ast::Name;

use crate::sql::build::{self, Stage};
use crate::sql::lowering::{Lowering, SortBy};

impl Lowering<'_> {
    pub(super) fn lower_mv_expand(&mut self, name: &Name) {
        let Some(column) = self.resolve(name) else { return };
        self.record(&column.definition, |used| used.whole = true);
        if !column.multi {
            return;
        }
        let expanded = std::slice::from_ref(&column.name);
        let star = self.star_except(expanded);
        let alone =
            self.hidden.is_empty() && self.scope.columns.iter().all(|other| !other.live || other.name == column.name);
        let copies = self.release(expanded);
        let rows = build::call("unnest", [build::call("mv_rows", [build::column(&column.name)])]);
        let star = (!alone).then_some(star);
        let items = star.into_iter().chain(copies).chain([build::item(rows, &column.name)]).collect();
        self.push("mv_expand", Stage { items, ..Stage::default() });

        let definition = self.definition(&column.name);
        for other in self.scope.columns.iter_mut().filter(|other| other.name == column.name) {
            other.multi = false;
            other.list = false;
            other.definition = definition.clone();
        }
        // The rows that one row became are told apart, and ordered, by the value.
        if let Some(keys) = &mut self.keys {
            keys.push(column.name.clone());
        } else {
            self.expanded.push(column.name.clone());
        }
        let (ty, name) = (column.ty, column.name);
        self.ties.push(SortBy { column: name, ty, multi: false, descending: false, nulls_first: false });
    }
}
