//! Random events for a query, biased towards what it asks for.

mod document;
mod draft;
mod fields;
mod groups;
pub(super) mod query;
pub(super) mod random;
mod sample;
mod solve;

use std::collections::{BTreeMap, BTreeSet};

use egret::esql::ast::{Expr, ExprKind, Query};

use self::draft::{Draft, Target, cell};
use self::fields::walk;
use self::groups::{Plan, Role, first_stage, plan};
use self::random::Random;
use self::solve::{END, Solver};
use super::value::{Cell, Row, Value, address};
use super::world::{Fields, Kind, World};

pub(super) use self::document::lines;

/// The time of every execution: some way into an hour.
const NOW: i64 = 1_790_000_000_000 + 1_234_567;
/// How many events a world has at most, more or less.
const MOST: usize = 1_100;

/// Events for a query; the same ones for the same name and seed.
pub(super) fn world(query: &Query, name: &str, seed: u64) -> World {
    let mut random = Random::new(name, seed);
    let mut fields = fields::of_source(query);
    fields.insert("labels.extra".to_owned(), Kind::Keyword);
    fields.insert("@timestamp".to_owned(), Kind::Date);
    let mut rows: Vec<Row> = Vec::new();
    for group in 0..5 {
        let plan = plan(query, &mut random);
        let mut maker = Maker::new(query, &fields, &mut random, group);
        let mut made = maker.group(&plan);
        let room = MOST.saturating_sub(rows.len());
        made.truncate(room);
        rows.extend(made);
    }
    finished(rows, Fields(fields), &format!("{name} {seed}"))
}

/// The fields that a query reads from its source, with their types.
pub(super) fn fields_of(query: &Query) -> BTreeMap<String, Kind> {
    fields::of_source(query)
}

/// An event with one value of each field.
pub(super) fn single_values(fields: &BTreeMap<String, Kind>, number: usize) -> Row {
    fields.iter().map(|(name, kind)| (name.clone(), numbered(Some(*kind), number))).collect()
}

/// A world of events, each with an id and its text.
pub(super) fn finished(mut rows: Vec<Row>, fields: Fields, name: &str) -> World {
    let mut random = Random::new(name, 1);
    let mut style = document::Style::default();
    for (at, row) in rows.iter_mut().enumerate() {
        style = style.next(&mut random);
        row.insert("_id".into(), vec![Value::Text(format!("event-{at}"))]);
        row.insert("_version".into(), vec![Value::Long(1)]);
        let index = row.entry("_index".into()).or_default();
        if index.is_empty() {
            *index = vec![Value::text("logs-default")];
        }
        let source = document::source(row, style, &fields, &mut random);
        row.insert("_source".into(), vec![Value::Text(source)]);
    }
    World { fields, rows, now: NOW }
}

struct Maker<'q, 'r> {
    query: &'q Query,
    fields: &'r BTreeMap<String, Kind>,
    random: &'r mut Random,
    /// What a field has in this group where nothing is wanted of it.
    usual: Row,
}

impl<'q, 'r> Maker<'q, 'r> {
    fn new(query: &'q Query, fields: &'r BTreeMap<String, Kind>, random: &'r mut Random, group: usize) -> Self {
        let mut usual = Row::new();
        for (name, kind) in fields {
            let first = value(random, *kind, group);
            let cell = match random.below(40) {
                0..=2 => Vec::new(),
                3 => vec![first, value(random, *kind, group + 1)],
                _ => vec![first],
            };
            usual.insert(name.clone(), cell);
        }
        Self { query, fields, random, usual }
    }

    fn group(&mut self, plan: &Plan<'q>) -> Vec<Row> {
        let flagged: usize = plan.roles.iter().map(|(_, count)| count).sum();
        let most = plan.distinct.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let count = plan.events.max(flagged).max(most).clamp(1, MOST);
        let mut roles: Vec<Option<Role<'q>>> = Vec::new();
        for (role, count) in &plan.roles {
            roles.extend(std::iter::repeat_n(Some(*role), *count));
        }
        roles.resize(count.max(roles.len()), None);
        let alike = self.random.percent(75);
        let recent = self.random.percent(80);
        let start = if recent { NOW - 180_000 } else { NOW - 86_400_000 * 3 };
        let start = start - start.rem_euclid(60_000);
        let span: i64 = *self.random.pick(&[4_000, 8_000, 50_000]);
        let step = (span / count as i64).max(1);
        let varied: Vec<(BTreeSet<String>, usize)> =
            plan.distinct.iter().map(|(expr, count)| (self.sources(expr), *count)).collect();

        let mut rows: Vec<Row> = Vec::new();
        let mut templates: Vec<(Option<usize>, Row)> = Vec::new();
        let mut slots: BTreeMap<(usize, usize), Row> = BTreeMap::new();
        for (at, role) in roles.iter().enumerate() {
            let is =
                |role: &Role<'q>| plan.roles.iter().position(|(known, _)| std::ptr::eq(expr_of(known), expr_of(role)));
            let which = role.as_ref().and_then(is);
            let known = templates.iter().find(|(known, _)| *known == which).map(|(_, row)| row.clone());
            let mut row = match known {
                Some(row) if alike => row,
                _ => {
                    let row = self.event(plan, *role).0;
                    let first = templates.first().map(|(_, row)| row.clone());
                    let row = match first {
                        Some(first) if alike => self.with_keys_of(plan, row, &first),
                        _ => row,
                    };
                    templates.push((which, row.clone()));
                    row
                }
            };
            for (number, (sources, different)) in varied.iter().enumerate() {
                let slot = at % (*different).max(1);
                if let Some(known) = slots.get(&(number, slot)) {
                    row.extend(known.iter().map(|(name, cell)| (name.clone(), cell.clone())));
                    continue;
                }
                let (fresh, draft) = self.event(plan, *role);
                let mut part = Row::new();
                for name in sources {
                    let many = numbered(self.fields.get(name).copied(), slot);
                    let number = many.first().and_then(Value::number).unwrap_or_default();
                    let open = |want: &Target| match want {
                        Target::Some | Target::Not(_) => true,
                        Target::Below(bound) => number < *bound,
                        Target::Least(bound) => number >= *bound,
                        _ => false,
                    };
                    let wanted = draft.wants.get(name).is_some_and(|wants| !wants.iter().all(open));
                    let cell = if wanted { fresh.get(name).cloned().unwrap_or_default() } else { many };
                    part.insert(name.clone(), cell);
                }
                row.extend(part.clone());
                slots.insert((number, slot), part);
            }
            row.insert("@timestamp".into(), vec![Value::Date(start + at as i64 * step)]);
            rows.push(row);
        }
        if self.random.percent(60) {
            for _ in 0..=self.random.below(3) {
                let mut row = self.random.pick(&rows).clone();
                self.spoil(&mut row);
                rows.push(row);
            }
        }
        rows
    }

    /// An event that the conditions before STATS let through, in a role if one is given.
    fn event(&mut self, plan: &Plan<'q>, role: Option<Role<'q>>) -> (Row, Draft) {
        let stage = first_stage(self.query);
        let mut draft = Draft::default();
        let mut solver = Solver::new(self.query, 0..stage, self.random);
        match role {
            Some(Role::Condition(condition)) => solver.satisfy(condition, true, END, &mut draft),
            Some(Role::Counts(expr)) => solver.assign(expr, &Target::Is(Value::Long(1)), END, &mut draft),
            Some(Role::Present(expr)) => solver.assign(expr, &Target::Some, END, &mut draft),
            None => {}
        }
        for (expr, target) in &plan.values {
            solver.assign(expr, target, END, &mut draft);
        }
        solver.solve(self.query, 0..stage, &mut draft);
        let mut row = self.usual.clone();
        for (name, wants) in &draft.wants {
            let kind = self.fields.get(name).copied().unwrap_or(Kind::Keyword);
            let usual = self.usual.get(name).and_then(|cell| cell.first()).cloned();
            let usual = usual.unwrap_or_else(|| value(self.random, kind, 0));
            row.insert(name.clone(), cell(self.random, kind, wants, usual));
        }
        (row, draft)
    }

    /// The row in the group of another one.
    fn with_keys_of(&self, plan: &Plan<'q>, mut row: Row, other: &Row) -> Row {
        for key in &plan.keys {
            for name in self.sources(key) {
                if let Some(cell) = other.get(&name) {
                    row.insert(name, cell.clone());
                }
            }
        }
        row
    }

    /// The fields of the source that an expression is made of.
    fn sources(&self, expr: &Expr) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![(expr, END)];
        let mut random = Random::new("", 0);
        let solver = Solver::new(self.query, 0..first_stage(self.query), &mut random);
        while let Some((expr, at)) = open.pop() {
            walk(expr, &mut |part| {
                if let ExprKind::Call { name, args, .. } = &part.kind
                    && name.text.eq_ignore_ascii_case("json_extract")
                {
                    found.extend(fields::text_of(args.get(1)).map(str::to_owned));
                } else if let ExprKind::Field(name) = &part.kind {
                    match solver.made_of(&name.text, at) {
                        Some((exprs, at)) => open.extend(exprs.into_iter().map(|expr| (expr, at))),
                        None if self.fields.contains_key(&name.text) => _ = found.insert(name.text.clone()),
                        None => {}
                    }
                }
            });
        }
        found.remove("@timestamp");
        found
    }

    /// Changes one field or two: a near miss.
    fn spoil(&mut self, row: &mut Row) {
        let names: Vec<String> =
            row.keys().filter(|name| !name.starts_with('_') && *name != "@timestamp").cloned().collect();
        for _ in 0..=self.random.below(2) {
            let name = self.random.pick(&names).clone();
            let kind = self.fields.get(&name).copied().unwrap_or(Kind::Keyword);
            let other = value(self.random, kind, 7);
            let cell = row.entry(name).or_default();
            match (self.random.below(6), cell.first_mut()) {
                (0, _) => cell.clear(),
                (1, Some(_)) => cell.push(other),
                (2, Some(_)) => cell.insert(0, other),
                (3, Some(Value::Text(text))) if self.random.percent(50) => *text = text.to_uppercase(),
                (3, Some(Value::Text(text))) => text.push_str(ODD[self.random.below(ODD.len())]),
                (4, Some(Value::Text(text))) => text.push('x'),
                (_, Some(Value::Text(text))) => *text = format!("-{text}"),
                (_, Some(Value::Long(n))) => *n += 1,
                (_, first) => {
                    let _ = first;
                    *cell = vec![other];
                }
            }
        }
    }
}

fn expr_of<'q>(role: &Role<'q>) -> &'q Expr {
    match role {
        Role::Condition(expr) | Role::Counts(expr) | Role::Present(expr) => expr,
    }
}

/// Texts with what is special in patterns, in JSON or to case.
const ODD: [&str; 9] =
    ["", "Straße ÄÖ é", "line\nbreak\ttab", "a*b?c\\d", "\"quoted\" 'x'", " lead", "null", "ﬁn İ🔥", "%41+b%2"];

/// A value of few, so that fields meet each other.
fn value(random: &mut Random, kind: Kind, group: usize) -> Value {
    match kind {
        Kind::Keyword | Kind::Text if random.percent(5) => Value::text(*random.pick(&ODD)),
        Kind::Keyword | Kind::Text => Value::text(["alpha", "beta", "Gamma d", "delta"][(group + random.below(2)) % 4]),
        Kind::Boolean => Value::Boolean(random.percent(50)),
        Kind::Long => Value::Long(*random.pick(&[0, 1, 7, 200, 443, 70_000])),
        Kind::Double => Value::Double(*random.pick(&[0.0, 0.25, 0.95, 1.0, 12.5])),
        Kind::Ip => {
            let addresses = ["10.1.2.3", "192.168.0.7", "8.8.4.4", "45.76.1.9", "2001:db8::1", "127.0.0.1", "::1"];
            Value::Ip(address(addresses[(group + random.below(2)) % addresses.len()]).unwrap())
        }
        Kind::Date => Value::Date(NOW - 1_000 * random.below(600) as i64),
    }
}

/// One of many different values.
fn numbered(kind: Option<Kind>, number: usize) -> Cell {
    vec![match kind.unwrap_or(Kind::Keyword) {
        Kind::Keyword | Kind::Text => Value::Text(format!("value-{number}")),
        Kind::Boolean => Value::Boolean(number.is_multiple_of(2)),
        Kind::Long => Value::Long(number as i64 + 20),
        Kind::Double => Value::Double(number as f64 + 0.5),
        Kind::Ip => Value::Ip(address("10.0.0.0").unwrap() + number as u128),
        Kind::Date => Value::Date(NOW - number as i64),
    }]
}
