//! Commands: a table in, a table out.

use std::cmp::Ordering;

use egret::esql::ast::{Aggregate, Assign, Command, CommandKind, Expr, ExprKind, NamePattern, Query, SortKey, Stats};

use super::expr::Scope;
use super::grok;
use super::value::{Cell, Row, Value, distinct};
use super::world::{Kind, World};

/// What a query gives.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// The columns that order the rows, and whether each does so downwards.
    pub(super) order: Vec<(String, bool)>,
    /// How many of the rows are given, which ones is not said where nothing orders them.
    pub(super) limit: Option<usize>,
}

/// Runs a query over events; `text` is what it was parsed from.
pub(super) fn run(query: &Query, text: &str, world: &World) -> Table {
    let mut machine = Machine { text, world, table: Table::default() };
    for command in &query.commands {
        machine.command(command);
    }
    machine.table
}

struct Machine<'a> {
    text: &'a str,
    world: &'a World,
    table: Table,
}

impl Machine<'_> {
    fn scope<'a>(&'a self, row: &'a Row) -> Scope<'a> {
        Scope { row, group: None, fields: &self.world.fields, now: self.world.now }
    }

    fn command(&mut self, command: &Command) {
        let cut = self.table.limit.is_some_and(|limit| limit < self.table.rows.len());
        let per_row = matches!(command.kind, CommandKind::Eval(_) | CommandKind::Keep(_) | CommandKind::Drop(_));
        assert!(!cut || per_row, "which rows a limit takes is not determined");
        match &command.kind {
            CommandKind::From { metadata, .. } => {
                let fields = self.world.fields.0.keys().cloned();
                self.table.columns = fields.chain(metadata.iter().map(|ident| ident.text.clone())).collect();
                self.table.rows = self.world.rows.iter().map(|row| self.stored(row)).collect();
            }
            CommandKind::Row(assigns) => {
                self.table.rows = vec![Row::new()];
                for assign in assigns {
                    self.assign(assign);
                }
            }
            CommandKind::Where(condition) => {
                let rows = std::mem::take(&mut self.table.rows);
                let kept = rows.into_iter().filter(|row| self.scope(row).truth(condition) == Some(true)).collect();
                self.table.rows = kept;
            }
            CommandKind::Eval(assigns) => assigns.iter().for_each(|assign| self.assign(assign)),
            CommandKind::Stats(stats) => self.stats(stats),
            CommandKind::InlineStats(stats) => self.inline_stats(stats),
            CommandKind::Keep(patterns) => self.keep(patterns),
            CommandKind::Drop(patterns) => {
                let gone = |name: &String| patterns.iter().any(|pattern| pattern.matches(name));
                self.table.columns.retain(|name| !gone(name));
            }
            CommandKind::Rename(renames) => {
                for rename in renames {
                    let (from, to) = (&rename.from.text, &rename.to.text);
                    self.table.columns.retain(|name| name != to || name == from);
                    self.table.columns.iter_mut().filter(|name| *name == from).for_each(|name| name.clone_from(to));
                    for row in &mut self.table.rows {
                        let cell = row.remove(from).unwrap_or_default();
                        row.insert(to.clone(), cell);
                    }
                    self.table.order.clear();
                }
            }
            CommandKind::Sort(keys) => self.sort(keys),
            CommandKind::Limit(limit) => {
                let limit = *limit as usize;
                self.table.limit = Some(self.table.limit.map_or(limit, |before| before.min(limit)));
            }
            CommandKind::MvExpand(name) => {
                let rows = std::mem::take(&mut self.table.rows);
                for row in rows {
                    let cell = row.get(&name.text).cloned().unwrap_or_default();
                    for value in alternatives(&cell) {
                        let mut row = row.clone();
                        row.insert(name.text.clone(), value);
                        self.table.rows.push(row);
                    }
                }
            }
            CommandKind::Grok { input, patterns } => {
                let patterns: Vec<_> = patterns.iter().map(|pattern| grok::grok(&pattern.value)).collect();
                let mut fields: Vec<String> = patterns.iter().flat_map(grok::fields).collect();
                fields.sort();
                fields.dedup();
                self.extract(input, &fields, |text| {
                    let found = patterns.iter().map(|pattern| grok::captured(pattern, text));
                    found.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
                });
            }
            CommandKind::Dissect { input, pattern, .. } => {
                let pieces = grok::pieces(&pattern.value);
                self.extract(input, &grok::keys(&pieces), |text| {
                    let found = grok::dissect(&pieces, text).unwrap_or_default();
                    found.into_iter().map(|(key, value)| (key, Value::Text(value))).collect()
                });
            }
            other => panic!("no command {other:?}"),
        }
    }

    /// An event as it is stored: keywords and addresses hold a value once.
    fn stored(&self, row: &Row) -> Row {
        let kind = |name: &String| self.world.fields.0.get(name).copied();
        let cell = |name: &String, cell: &Cell| match kind(name) {
            Some(Kind::Keyword | Kind::Ip) => distinct(cell),
            _ => cell.clone(),
        };
        row.iter().map(|(name, values)| (name.clone(), cell(name, values))).collect()
    }

    /// A column of a value for each row; a column of this name goes, the new one comes last.
    fn set(&mut self, name: &str, values: Vec<Cell>) {
        self.table.columns.retain(|column| column != name);
        self.table.columns.push(name.to_owned());
        self.table.order.retain(|(column, _)| column != name);
        for (row, value) in self.table.rows.iter_mut().zip(values) {
            row.insert(name.to_owned(), value);
        }
    }

    fn assign(&mut self, assign: &Assign) {
        let values = self.table.rows.iter().map(|row| self.scope(row).cell(&assign.value)).collect();
        let name = self.name(assign);
        self.set(&name, values);
    }

    /// The name of a column: an expression without one is called as it is written.
    fn name(&self, assign: &Assign) -> String {
        match (&assign.name, &assign.value.kind) {
            (Some(name), _) | (None, ExprKind::Field(name)) => name.text.clone(),
            _ => assign.value.span.text(self.text).to_owned(),
        }
    }

    fn extract(&mut self, input: &Expr, fields: &[String], find: impl Fn(&str) -> Vec<(String, Value)>) {
        let found: Vec<Vec<(String, Value)>> = self
            .table
            .rows
            .iter()
            .map(|row| self.scope(row).cell(input).iter().filter_map(Value::as_text).flat_map(&find).collect())
            .collect();
        for field in fields {
            self.set(field, found.iter().map(|found| grok::of_field(found, field)).collect());
        }
    }

    /// An exact name goes before a pattern, a pattern before `*`; among equals the last one decides.
    fn keep(&mut self, patterns: &[NamePattern]) {
        let rank = |pattern: &NamePattern| match (pattern.is_wildcard(), pattern.text.as_str()) {
            (false, _) => 2,
            (true, "*") => 0,
            (true, _) => 1,
        };
        let place = |name: &String| {
            let matching = patterns.iter().enumerate().filter(|(_, pattern)| pattern.matches(name));
            matching.map(|(at, pattern)| (rank(pattern), at)).max().map(|(_, at)| at)
        };
        let mut kept: Vec<(usize, usize, String)> = Vec::new();
        for (at, name) in self.table.columns.iter().enumerate() {
            kept.extend(place(name).map(|place| (place, at, name.clone())));
        }
        kept.sort();
        self.table.columns = kept.into_iter().map(|(_, _, name)| name).collect();
        let columns = &self.table.columns;
        if !self.table.order.iter().all(|(name, _)| columns.contains(name)) {
            self.table.order.clear();
        }
    }

    fn sort(&mut self, keys: &[SortKey]) {
        let mut rows = std::mem::take(&mut self.table.rows);
        rows.sort_by(|a, b| {
            let compared = keys.iter().map(|key| {
                let value = |row: &Row| extreme(&self.scope(row).cell(&key.value), key.descending);
                let nulls_first = key.nulls_first.unwrap_or(key.descending);
                match (value(a), value(b)) {
                    (None, None) => Ordering::Equal,
                    (None, Some(_)) => {
                        if nulls_first {
                            Ordering::Less
                        } else {
                            Ordering::Greater
                        }
                    }
                    (Some(_), None) => {
                        if nulls_first {
                            Ordering::Greater
                        } else {
                            Ordering::Less
                        }
                    }
                    (Some(a), Some(b)) => {
                        let order = a.order(&b).unwrap();
                        if key.descending { order.reverse() } else { order }
                    }
                }
            });
            compared.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        self.table.rows = rows;
        let field = |key: &SortKey| match &key.value.kind {
            ExprKind::Field(name) => Some((name.text.clone(), key.descending)),
            _ => None,
        };
        self.table.order = keys.iter().map(field).collect::<Option<_>>().unwrap_or_default();
    }

    fn stats(&mut self, stats: &Stats) {
        let keys: Vec<String> = stats.by.iter().map(|assign| self.name(assign)).collect();
        let mut groups: Vec<(Vec<Cell>, Vec<Row>)> = Vec::new();
        if keys.is_empty() {
            groups.push((Vec::new(), self.table.rows.clone()));
        }
        for row in self.keyed(&stats.by, &keys) {
            let values: Vec<Cell> = keys.iter().map(|key| row[key].clone()).collect();
            for key in products(&values) {
                if keys.is_empty() {
                    continue;
                }
                match groups.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, rows)) => rows.push(row.clone()),
                    None => groups.push((key, vec![row.clone()])),
                }
            }
        }
        let mut columns: Vec<String> = stats.aggregates.iter().map(|a| self.name(&a.assign)).collect();
        columns.extend(keys.iter().cloned());
        let rows = groups.iter().map(|(key, rows)| {
            let key: Row = keys.iter().cloned().zip(key.iter().cloned()).collect();
            let mut row = self.aggregated(&stats.aggregates, &key, rows);
            row.extend(key);
            row
        });
        self.table = Table { columns: last_of_each(&columns), rows: rows.collect(), ..Table::default() };
    }

    /// The rows with the keys of BY as columns.
    fn keyed(&self, by: &[Assign], keys: &[String]) -> Vec<Row> {
        let keyed = |row: &Row| {
            let mut with = row.clone();
            for (assign, key) in by.iter().zip(keys) {
                with.insert(key.clone(), self.scope(row).cell(&assign.value));
            }
            with
        };
        self.table.rows.iter().map(keyed).collect()
    }

    fn aggregated(&self, aggregates: &[Aggregate], key: &Row, rows: &[Row]) -> Row {
        let value = |aggregate: &Aggregate| {
            let counted: Vec<Row> = match &aggregate.filter {
                None => rows.to_vec(),
                Some(filter) => {
                    rows.iter().filter(|row| self.scope(row).truth(filter) == Some(true)).cloned().collect()
                }
            };
            let scope = Scope { group: Some(&counted), ..self.scope(key) };
            (self.name(&aggregate.assign), scope.cell(&aggregate.assign.value))
        };
        aggregates.iter().map(value).collect()
    }

    /// As STATS, with every row kept; a key with several values counts as none.
    fn inline_stats(&mut self, stats: &Stats) {
        let keys: Vec<String> = stats.by.iter().map(|assign| self.name(assign)).collect();
        let rows = self.keyed(&stats.by, &keys);
        let key_of = |row: &Row| -> Vec<Cell> {
            keys.iter().map(|key| if row[key].len() == 1 { row[key].clone() } else { Vec::new() }).collect()
        };
        let outputs: Vec<String> = stats.aggregates.iter().map(|a| self.name(&a.assign)).collect();
        let mut columns: Vec<String> = self.table.columns.clone();
        columns.retain(|name| !outputs.contains(name) && !keys.contains(name));
        columns.extend(outputs);
        columns.extend(keys.iter().cloned());
        let mut known: Vec<(Vec<Cell>, Row)> = Vec::new();
        let mut joined = Vec::new();
        for row in &rows {
            let key = key_of(row);
            if !known.iter().any(|(other, _)| *other == key) {
                let group: Vec<Row> = rows.iter().filter(|row| key_of(row) == key).cloned().collect();
                let named = keys.iter().cloned().zip(key.iter().cloned()).collect();
                known.push((key.clone(), self.aggregated(&stats.aggregates, &named, &group)));
            }
            let found = &known.iter().find(|(other, _)| *other == key).unwrap().1;
            let mut with = row.clone();
            with.extend(
                found.iter().filter(|(name, _)| !keys.contains(name)).map(|(n, cell)| (n.clone(), cell.clone())),
            );
            joined.push(with);
        }
        self.table = Table { columns: last_of_each(&columns), rows: joined, ..Table::default() };
    }
}

/// The value that a cell is sorted by: its greatest one downwards, its least one upwards.
pub(super) fn extreme(cell: &[Value], descending: bool) -> Option<Value> {
    let wanted = if descending { Ordering::Greater } else { Ordering::Less };
    cell.iter().cloned().reduce(|best, value| if value.order(&best) == Some(wanted) { value } else { best })
}

/// A cell for each value; one that is null where there is none.
fn alternatives(cell: &Cell) -> Vec<Cell> {
    if cell.is_empty() { vec![Vec::new()] } else { cell.iter().map(|value| vec![value.clone()]).collect() }
}

/// Every choice of one distinct value out of each cell.
fn products(cells: &[Cell]) -> Vec<Vec<Cell>> {
    cells.iter().fold(vec![Vec::new()], |choices, cell| {
        let with = |choice: &Vec<Cell>, value: Cell| [choice.clone(), vec![value]].concat();
        let values = alternatives(&distinct(cell));
        choices.iter().flat_map(|choice| values.iter().map(|value| with(choice, value.clone()))).collect()
    })
}

/// Each name once, at its last place.
fn last_of_each(names: &[String]) -> Vec<String> {
    let last = |(at, name): &(usize, &String)| !names[at + 1..].contains(name);
    names.iter().enumerate().filter(last).map(|(_, name)| name.clone()).collect()
}
