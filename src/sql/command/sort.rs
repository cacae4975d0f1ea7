//! SORT: remembered until rows are cut off or shown; only keys that are computed make a stage of their own.

use crate::esql::ast::{ExprKind, SortKey};

use crate::sql::build::{self, Stage};
use crate::sql::lowering::{Lowering, SortBy};

impl Lowering<'_> {
    pub(super) fn lower_sort(&mut self, keys: &[SortKey]) {
        let mut order = Vec::new();
        let mut computed = Vec::new();
        for key in keys {
            let Some(value) = self.whole(&key.value) else { continue };
            let column = if let ExprKind::Field(name) = &key.value.kind {
                name.text.clone()
            } else {
                let name = self.hidden_name("sort");
                computed.push(build::item(value.sql, &name));
                self.hidden.push(name.clone());
                name
            };
            let nulls_first = key.nulls_first.unwrap_or(key.descending);
            let (ty, multi) = (value.ty, value.multi);
            order.push(SortBy { column, ty, multi, descending: key.descending, nulls_first });
        }
        if !computed.is_empty() {
            let items = std::iter::once(build::star_except(&[])).chain(computed).collect();
            self.push("sort", Stage { items, ..Stage::default() });
        }
        self.order = order;
    }
}
