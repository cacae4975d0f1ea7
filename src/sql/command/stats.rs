//! STATS: one stage that groups; before it, stages for keys that are computed or hold several values.
//!
//! ```esql
//! FROM logs | STATS events = count(*) BY event.category
//! ```
//! ```sql
//! by_2 AS (SELECT * EXCEPT ("event.category"), unnest(mv_rows("event.category")) AS "event.category" FROM from_1)
//! stats_2 AS (SELECT count(*) AS "events", "event.category" FROM by_2 GROUP BY "event.category")
//! ```

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::esql::ast::{Aggregate, Assign, ExprKind, Stats};

use crate::sql::build::{self, Stage};
use crate::sql::catalog::Type;
use crate::sql::expr::{Groups, Mode, Typed};
use crate::sql::lowering::{Lowering, SortBy, line_column};
use crate::sql::scope::{Column, Removal};

use super::eval::mentions;

/// A key of BY.
struct Key {
    name: String,
    /// The SQL column that is grouped by.
    column: String,
    value: Typed,
    /// Whether the values are those of a source's field, which repeats none.
    distinct: bool,
    /// Whether a stage must compute it first.
    computed: bool,
}

impl Lowering<'_> {
    pub(super) fn lower_stats(&mut self, stats: &Stats, span: Span) {
        let by: Vec<&Assign> = self.warn_shadowed(stats);
        let mut keys: Vec<Key> = by.into_iter().map(|assign| self.key(assign, &stats.aggregates)).collect();
        self.compute(&mut keys);
        let whole = self.take_apart(&keys, &stats.aggregates);

        let groups: HashMap<String, Typed> = keys
            .iter()
            .map(|key| (key.name.clone(), Typed::single(build::column(&key.column), key.value.ty)))
            .chain(keys.iter().map(|k| (k.column.clone(), Typed::single(build::column(&k.column), k.value.ty))))
            .collect();
        let mut outputs: Vec<(String, Typed)> = Vec::new();
        for aggregate in &stats.aggregates {
            let name = self.name_of(&aggregate.assign);
            let value = self.aggregate_value(aggregate, &groups, &whole).unwrap_or_else(Typed::null);
            outputs.retain(|(other, _)| *other != name);
            if keys.iter().all(|key| key.name != name) {
                outputs.push((name, value));
            }
        }

        let mut columns: Vec<Column> = outputs.iter().map(|(name, value)| self.new_column(name, value)).collect();
        for Key { name, value, .. } in &keys {
            let value = Typed::single(value.sql.clone(), value.ty);
            columns.push(self.new_column(name, &value));
        }
        let values = outputs.into_iter().map(|(name, value)| build::item(value.sql, &name));
        let named = keys.iter().map(|key| build::item(build::column(&key.column), &key.name));
        let items = values.chain(named).collect();
        let group_by = keys.iter().map(|key| build::column(&key.column)).collect();
        self.hidden.clear();
        self.push("stats", Stage { items, group_by, ..Stage::default() });

        self.scope.open = false;
        self.scope.replace(columns, Removal { command: "STATS", span });
        self.order.clear();
        self.ties = keys.iter().map(|Key { name, value, .. }| ascending(name, value.ty)).collect();
        self.keys = Some(keys.into_iter().map(|key| key.name).collect());
    }

    /// The keys that count, the last of each name; warns of what is replaced as Elasticsearch does.
    pub(super) fn warn_shadowed<'s>(&mut self, stats: &'s Stats) -> Vec<&'s Assign> {
        let place = |assign: &Assign| assign.name.as_ref().map_or(assign.value.span, |name| name.span);
        let aggregates: Vec<(String, Span)> =
            stats.aggregates.iter().map(|a| (self.name_of(&a.assign), place(&a.assign))).collect();
        let keys: Vec<(String, Span)> = stats.by.iter().map(|a| (self.name_of(a), place(a))).collect();
        let all: Vec<&(String, Span)> = aggregates.iter().chain(&keys).collect();
        for (at, (name, span)) in all.iter().enumerate() {
            let last = all.iter().skip(at + 1).rfind(|(other, _)| other == name);
            if let Some((_, by)) = last {
                let (line, column) = line_column(self.text, by.start);
                let message = format!("`{name}` is replaced by the column at line {line}, column {column}");
                let warning = Diagnostic::warning(Code::Shadowed, *span, message);
                self.diagnostics.push(warning.with_help("give one of them another name"));
            }
        }
        let mut kept = Vec::new();
        for (at, assign) in stats.by.iter().enumerate() {
            let later = keys.iter().skip(at + 1);
            if keys.get(at).is_some_and(|(name, _)| later.into_iter().all(|(other, _)| other != name)) {
                kept.push(assign);
            }
        }
        kept
    }

    fn key(&mut self, assign: &Assign, aggregates: &[Aggregate]) -> Key {
        let name = self.name_of(assign);
        let value = self.whole(&assign.value).unwrap_or_else(Typed::null);
        let field = match &assign.value.kind {
            ExprKind::Field(field) => Some(field.text.clone()),
            _ => None,
        };
        let origin = field.as_ref().and_then(|field| self.scope.find(field));
        let distinct = origin.is_some_and(|column| column.definition.command == 0)
            && value.ty != Type::Ip
            && value.ty.is_stored_as_text();
        let renamed = field.as_ref().is_some_and(|field| *field != name);
        let computed = field.is_none() || (renamed && (value.multi || any_mentions(aggregates, &name)));
        let column = if computed { name.clone() } else { field.unwrap_or_else(|| name.clone()) };
        Key { name, column, value, distinct, computed }
    }

    /// A stage for the keys that are computed.
    fn compute(&mut self, keys: &mut [Key]) {
        let names: Vec<String> = keys.iter().filter(|key| key.computed).map(|key| key.name.clone()).collect();
        if names.is_empty() {
            return;
        }
        let star = self.star_except(&names);
        let computed = keys.iter().filter(|key| key.computed);
        let items = std::iter::once(star)
            .chain(computed.map(|key| {
                let sql = key.value.sql.clone();
                let sql = if build::is_null_literal(&sql) { build::cast(sql, Type::Null.sql()) } else { sql };
                build::item(sql, &key.name)
            }))
            .collect();
        self.push("by", Stage { items, ..Stage::default() });
        for key in keys.iter_mut().filter(|key| key.computed) {
            key.value.sql = build::column(&key.name);
            let column = self.new_column(&key.name, &key.value);
            self.scope.append(column);
        }
    }

    /// A stage for each key that holds several values: the row goes into the group of each. What aggregates see of
    /// the key stays whole, under another name.
    fn take_apart(&mut self, keys: &[Key], aggregates: &[Aggregate]) -> HashMap<String, String> {
        let mut whole = HashMap::new();
        for key in keys.iter().filter(|key| key.value.multi) {
            let column = build::column(&key.column);
            let star = self.star_except(std::slice::from_ref(&key.column));
            let mut items = vec![star];
            if any_mentions(aggregates, &key.column) {
                let copy = self.hidden_name("whole");
                items.push(build::item(column.clone(), &copy));
                whole.insert(key.column.clone(), copy);
            }
            let values = if key.distinct { column } else { build::call("mv_dedupe", [column]) };
            items.push(build::item(build::call("unnest", [build::call("mv_rows", [values])]), &key.column));
            self.push("by", Stage { items, ..Stage::default() });
        }
        whole
    }

    pub(super) fn aggregate_value(
        &mut self,
        aggregate: &Aggregate,
        keys: &HashMap<String, Typed>,
        whole: &HashMap<String, String>,
    ) -> Option<Typed> {
        let filter = match &aggregate.filter {
            Some(filter) => {
                self.mode = Mode::Argument { whole: whole.clone() };
                let condition = self.condition(filter);
                self.mode = Mode::Rows;
                Some(condition?)
            }
            None => None,
        };
        self.aggregate_filter = filter;
        self.mode = Mode::Groups(Groups { keys: keys.clone(), whole: whole.clone(), aggregates: false });
        let value = self.whole(&aggregate.assign.value);
        let mode = std::mem::replace(&mut self.mode, Mode::Rows);
        self.aggregate_filter = None;
        let value = value?;
        if matches!(mode, Mode::Groups(Groups { aggregates: false, .. })) {
            let span = aggregate.assign.value.span;
            let help = "write an aggregate, such as count(*), or move the expression behind BY";
            return self.fail(Code::Arguments, span, "expected an aggregate", Some(help));
        }
        Some(value)
    }
}

fn any_mentions(aggregates: &[Aggregate], name: &str) -> bool {
    aggregates.iter().any(|aggregate| {
        mentions(&aggregate.assign.value, name) || aggregate.filter.as_ref().is_some_and(|f| mentions(f, name))
    })
}

fn ascending(name: &str, ty: Type) -> SortBy {
    SortBy { column: name.to_owned(), ty, multi: false, descending: false, nulls_first: false }
}
