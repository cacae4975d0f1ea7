//! What the conditions behind STATS want of a group: how many events, how many different values, which of them flagged.

use egret::esql::ast::{Aggregate, CommandKind, Expr, ExprKind, Query, Stats};

use super::super::aggregate::is_aggregate;
use super::super::value::Value;
use super::super::world::Kind;
use super::draft::{Draft, Target, cell};
use super::fields::walk;
use super::random::Random;
use super::solve::Solver;

/// A condition that some events of a group fulfil.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role<'q> {
    Condition(&'q Expr),
    /// An expression that is to be what is counted.
    Counts(&'q Expr),
    /// An expression that is to have a value.
    Present(&'q Expr),
}

/// What a group is to be like.
#[derive(Debug, Default)]
pub(super) struct Plan<'q> {
    pub(super) events: usize,
    /// Expressions with how many different values they are to have.
    pub(super) distinct: Vec<(&'q Expr, usize)>,
    /// In the order in which they are to happen, each with how many events.
    pub(super) roles: Vec<(Role<'q>, usize)>,
    /// Values that some of the events are to have.
    pub(super) values: Vec<(&'q Expr, Target)>,
    /// What the events are grouped by.
    pub(super) keys: Vec<&'q Expr>,
}

/// Where the commands before the first STATS end.
pub(super) fn first_stage(query: &Query) -> usize {
    let stats = query.commands.iter().position(|command| matches!(command.kind, CommandKind::Stats(_)));
    stats.unwrap_or(query.commands.len())
}

/// A plan for a group of events.
pub(super) fn plan<'q>(query: &'q Query, random: &mut Random) -> Plan<'q> {
    let mut plan = Plan::default();
    let stages: Vec<usize> = query
        .commands
        .iter()
        .enumerate()
        .filter(|(_, command)| matches!(command.kind, CommandKind::Stats(_)))
        .map(|(at, _)| at)
        .collect();
    let mut wants = Draft::default();
    for (index, at) in stages.iter().enumerate().rev() {
        let end = stages.get(index + 1).copied().unwrap_or(query.commands.len());
        Solver::new(query, at + 1..end, random).solve(query, at + 1..end, &mut wants);
        let CommandKind::Stats(stats) = &query.commands[*at].kind else { continue };
        let below = if index > 0 { Some(&mut wants) } else { None };
        take(stats, below, &mut plan, random);
        if index == 0 {
            let before = std::mem::take(&mut wants);
            collect(stats, &before, &mut plan, random);
        }
    }
    // INLINE STATS before the first STATS is only asked for different values.
    let first = first_stage(query);
    for (at, command) in query.commands[..first].iter().enumerate() {
        if let CommandKind::InlineStats(stats) = &command.kind {
            let mut wants = Draft::default();
            Solver::new(query, at + 1..first, random).solve(query, at + 1..first, &mut wants);
            collect(stats, &wants, &mut plan, random);
        }
    }
    plan
}

/// What a later stage wants of its aggregates is wanted of their arguments.
fn take(stats: &Stats, wants: Option<&mut Draft>, plan: &mut Plan<'_>, random: &mut Random) {
    let Some(wants) = wants else { return };
    let mut passed = Draft::default();
    for aggregate in &stats.aggregates {
        let Some(name) = &aggregate.assign.name else { continue };
        let Some(targets) = wants.wants.get(&name.text) else { continue };
        let mut fields = Vec::new();
        walk(&aggregate.assign.value, &mut |part| {
            if let ExprKind::Field(name) = &part.kind {
                fields.push(name.text.clone());
            }
        });
        for field in fields {
            for target in targets {
                passed.want(&field, target.clone());
            }
        }
        if random.percent(50) {
            plan.events = plan.events.max(number(targets, random).min(40));
        }
    }
    *wants = passed;
}

fn collect<'q>(stats: &'q Stats, wants: &Draft, plan: &mut Plan<'q>, random: &mut Random) {
    plan.keys.extend(stats.by.iter().map(|by| &by.value));
    for by in &stats.by {
        if let ExprKind::Field(name) = &by.value.kind {
            for target in wants.wants.get(&name.text).into_iter().flatten() {
                match target {
                    // Different values of a key are wanted: by chance, every other event has another one.
                    Target::Least(_) => plan.distinct.push((&by.value, 3)),
                    other => plan.values.push((&by.value, other.clone())),
                }
            }
        }
    }
    for aggregate in &stats.aggregates {
        let name = aggregate.assign.name.as_ref().map(|name| name.text.as_str()).unwrap_or_default();
        let targets = wants.wants.get(name).cloned().unwrap_or_default();
        if let Some((call, args)) = innermost(&aggregate.assign.value) {
            aggregate_wants(aggregate, &call, args, &targets, plan, random);
        }
    }
}

fn aggregate_wants<'q>(
    aggregate: &'q Aggregate,
    call: &str,
    args: &'q [Expr],
    targets: &[Target],
    plan: &mut Plan<'q>,
    random: &mut Random,
) {
    let role = aggregate.filter.as_ref().map(Role::Condition);
    let wanted = |random: &mut Random| number(targets, random);
    match (call, args) {
        _ if targets.is_empty() => {}
        ("count", []) => match role {
            Some(role) => plan.roles.push((role, wanted(random))),
            None => plan.events = plan.events.max(wanted(random)),
        },
        ("count" | "sum", [arg, ..]) => plan.roles.push((role.unwrap_or(Role::Counts(arg)), wanted(random))),
        ("count_distinct", [arg, ..]) => {
            let count = wanted(random);
            plan.distinct.push((arg, count));
            // What is not a field has a value in some of the events only.
            let is_field = matches!(&arg.kind, ExprKind::Field(name) if name.text.contains('.'));
            let role = role.or_else(|| (!is_field).then_some(Role::Present(arg)));
            plan.roles.extend(role.map(|role| (role, count)));
        }
        ("max" | "min" | "values" | "top", [arg, ..]) => {
            for target in targets {
                plan.values.push((arg, target.clone()));
            }
        }
        _ => {}
    }
}

/// The aggregate of an expression over one.
fn innermost(expr: &Expr) -> Option<(String, &[Expr])> {
    let mut found = None;
    walk(expr, &mut |part| {
        if let ExprKind::Call { name, args, star, .. } = &part.kind {
            let name = name.text.to_lowercase();
            if is_aggregate(&name) {
                found = Some((name, if *star { &[][..] } else { args.as_slice() }));
            }
        }
    });
    found
}

/// A number as it is wanted, sometimes one beside it.
fn number(targets: &[Target], random: &mut Random) -> usize {
    let usual = Value::Long(1 + random.below(2) as i64);
    let value = cell(random, Kind::Long, targets, usual);
    let number = value.first().and_then(Value::whole).unwrap_or(1).max(0) as usize;
    let open = targets.iter().any(|target| matches!(target, Target::Least(_)));
    let closed = targets.iter().any(|target| matches!(target, Target::Below(_) | Target::Is(_)));
    match random.below(10) {
        0 => number.saturating_sub(1),
        1 if number < 50 => number + 1,
        _ if open && !closed => number + random.below(4),
        _ => number,
    }
}
