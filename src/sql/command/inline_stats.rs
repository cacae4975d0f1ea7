//! INLINE STATS: groups as STATS makes them, joined back to the rows that they are made of.
//!
//! ```esql
//! FROM logs | INLINE STATS hosts = count_distinct(host.id) BY rule.name
//! ```
//! ```sql
//! inline_2 AS (SELECT count_distinct("host.id") AS "hosts", "rule.name" AS "__key_1" FROM from_1 GROUP BY "rule.name")
//! inline_2_2 AS (SELECT from_1."host.id", inline_2."hosts", from_1."rule.name"
//!                FROM from_1 LEFT JOIN inline_2 ON from_1."rule.name" IS NOT DISTINCT FROM inline_2."__key_1")
//! ```

use std::collections::HashMap;

use crate::diagnostic::Span;
use crate::esql::ast::{Assign, ExprKind, Stats};

use crate::sql::build::{self, Join, Stage};
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;
use crate::sql::scope::{Column, Removal};

/// A key of BY.
struct Key {
    name: String,
    /// The SQL column whose single value is grouped by.
    column: String,
    /// The SQL column that is shown: the key's own, all its values included.
    shown: String,
    value: Typed,
}

impl Lowering<'_> {
    pub(super) fn lower_inline_stats(&mut self, stats: &Stats, span: Span) {
        let by: Vec<&Assign> = self.warn_shadowed(stats);
        let keys = self.inline_keys(&by);
        let groups: HashMap<String, Typed> = keys
            .iter()
            .map(|key| (key.name.clone(), Typed::single(build::column(&key.column), key.value.ty)))
            .collect();
        let mut outputs: Vec<(String, Typed)> = Vec::new();
        for aggregate in &stats.aggregates {
            let name = self.name_of(&aggregate.assign);
            let value = self.aggregate_value(aggregate, &groups, &HashMap::new()).unwrap_or_else(Typed::null);
            outputs.retain(|(other, _)| *other != name);
            if keys.iter().all(|key| key.name != name) {
                outputs.push((name, value));
            }
        }
        let columns: Vec<Column> = outputs.iter().map(|(name, value)| self.new_column(name, value)).collect();
        let replaced: Vec<String> =
            outputs.iter().map(|(name, _)| name.clone()).chain(keys.iter().map(|key| key.name.clone())).collect();
        self.keep_references(&replaced, &keys);

        let rows = self.from();
        let hidden: Vec<String> = keys.iter().map(|_| self.hidden_name("key")).collect();
        let values = outputs.into_iter().map(|(name, value)| build::item(value.sql, &name));
        let named = keys.iter().zip(&hidden).map(|(key, hidden)| build::item(build::column(&key.column), hidden));
        let items = values.chain(named).collect();
        let group_by = keys.iter().map(|key| build::column(&key.column)).collect();
        let grouped = self.push_beside("inline", Stage { items, group_by, ..Stage::default() });

        let on = keys.iter().zip(&hidden).map(|(key, hidden)| {
            build::not_distinct(build::qualified(&rows, &key.column), build::qualified(&grouped, hidden))
        });
        let join = Join { table: grouped.clone(), on: on.reduce(build::and) };
        let carried = self.carried_names().into_iter().filter(|name| !replaced.contains(name));
        let carried = carried.map(|name| build::item(build::qualified(&rows, &name), &name));
        let made = columns.iter().map(|column| build::item(build::qualified(&grouped, &column.name), &column.name));
        let shown = keys.iter().map(|key| build::item(build::qualified(&rows, &key.shown), &key.name));
        let items = carried.chain(made).chain(shown).collect();
        self.push_from("inline", rows, Stage { items, join: Some(join), ..Stage::default() });

        let moved: Vec<Column> = keys.iter().map(|key| self.new_column(&key.name, &key.value)).collect();
        let kept = self.scope.columns.iter().filter(|column| !replaced.contains(&column.name)).cloned();
        let all = kept.chain(columns).chain(moved).collect();
        self.scope.replace(all, Removal { command: "INLINE STATS", span });
    }

    /// The keys, those that are computed or hold several values by a stage of their own. The group of several values is
    /// that of none.
    fn inline_keys(&mut self, by: &[&Assign]) -> Vec<Key> {
        let mut keys = Vec::new();
        let mut items = Vec::new();
        for assign in by {
            let name = self.name_of(assign);
            let value = self.whole(&assign.value).unwrap_or_else(Typed::null);
            let field = match &assign.value.kind {
                ExprKind::Field(field) => Some(field.text.clone()),
                _ => None,
            };
            let computed = |lowering: &mut Self, items: &mut Vec<_>, sql| {
                let column = lowering.hidden_name("by");
                items.push(build::item(sql, &column));
                column
            };
            let null = build::is_null_literal(&value.sql);
            let sql = if null { build::cast(value.sql.clone(), value.ty.sql()) } else { value.sql.clone() };
            let shown = match &field {
                Some(field) => field.clone(),
                None => computed(self, &mut items, sql.clone()),
            };
            let column = if value.multi {
                computed(self, &mut items, build::call("single_value", [sql]))
            } else {
                shown.clone()
            };
            keys.push(Key { name, column, shown, value });
        }
        if !items.is_empty() {
            let items = std::iter::once(build::star_except(&[])).chain(items).collect();
            self.push("by", Stage { items, ..Stage::default() });
        }
        keys
    }

    /// Copies of the columns that order or identify the rows and that are replaced; a key stays what it is.
    fn keep_references(&mut self, replaced: &[String], keys: &[Key]) {
        let unchanged = |name: &String| keys.iter().any(|key| key.name == *name && key.shown == *name);
        let replaced: Vec<String> = replaced.iter().filter(|name| !unchanged(name)).cloned().collect();
        let copies = self.release(&replaced);
        if !copies.is_empty() {
            let items = std::iter::once(build::star_except(&[])).chain(copies).collect();
            self.push("inline", Stage { items, ..Stage::default() });
        }
    }
}
