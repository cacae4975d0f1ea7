//! Which fields of the source a query reads, and what type each is taken to have.

use std::collections::{BTreeMap, BTreeSet};

use egret::esql::ast::{BinaryOp, CommandKind, Expr, ExprKind, Literal, Query};
use egret::esql::kql::{self, Kql};

use super::super::grok;
use super::super::world::{Kind, ecs};

/// Every part of an expression, itself first.
pub(super) fn walk<'e>(expr: &'e Expr, see: &mut dyn FnMut(&'e Expr)) {
    see(expr);
    match &expr.kind {
        ExprKind::Literal(Literal::List(items)) => items.iter().for_each(|item| walk(item, see)),
        ExprKind::Unary { operand, .. }
        | ExprKind::Not(operand)
        | ExprKind::IsNull { operand, .. }
        | ExprKind::Cast { operand, .. } => walk(operand, see),
        ExprKind::Binary { left, right, .. } => {
            walk(left, see);
            walk(right, see);
        }
        ExprKind::In { operand, list, .. } => {
            walk(operand, see);
            for item in list {
                walk(item, see);
            }
        }
        ExprKind::Like { operand, .. } => walk(operand, see),
        ExprKind::Call { args, .. } => args.iter().for_each(|arg| walk(arg, see)),
        _ => {}
    }
}

/// The expressions of a command.
pub(super) fn expressions(kind: &CommandKind) -> Vec<&Expr> {
    match kind {
        CommandKind::Where(condition) => vec![condition],
        CommandKind::Eval(assigns) | CommandKind::Row(assigns) => assigns.iter().map(|assign| &assign.value).collect(),
        CommandKind::Stats(stats) | CommandKind::InlineStats(stats) => {
            let aggregates = stats.aggregates.iter().flat_map(|a| std::iter::once(&a.assign.value).chain(&a.filter));
            aggregates.chain(stats.by.iter().map(|by| &by.value)).collect()
        }
        CommandKind::Sort(keys) => keys.iter().map(|key| &key.value).collect(),
        CommandKind::Grok { input, .. } | CommandKind::Dissect { input, .. } => vec![input],
        _ => Vec::new(),
    }
}

/// The fields that a query reads from its source, with their types.
pub(super) fn of_source(query: &Query) -> BTreeMap<String, Kind> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut defined: BTreeSet<String> = BTreeSet::new();
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for command in &query.commands {
        let mut read = |name: &str, defined: &BTreeSet<String>| {
            if !defined.contains(name) {
                names.insert(name.to_owned());
            }
        };
        if let CommandKind::Eval(assigns) = &command.kind {
            for assign in assigns {
                walk(&assign.value, &mut |part| note(part, &mut |name| read(name, &defined), &mut kinds));
                defined.extend(assign.name.iter().map(|name| name.text.clone()));
            }
            continue;
        }
        for expr in expressions(&command.kind) {
            walk(expr, &mut |part| note(part, &mut |name| read(name, &defined), &mut kinds));
        }
        match &command.kind {
            CommandKind::From { metadata, .. } => defined.extend(metadata.iter().map(|ident| ident.text.clone())),
            CommandKind::MvExpand(name) => read(&name.text, &defined),
            CommandKind::Rename(renames) => {
                for rename in renames {
                    read(&rename.from.text, &defined);
                    defined.insert(rename.to.text.clone());
                }
            }
            CommandKind::Keep(patterns) | CommandKind::Drop(patterns) => {
                patterns.iter().filter(|p| !p.is_wildcard()).for_each(|p| read(&p.pieces[0], &defined));
            }
            CommandKind::Grok { patterns, .. } => {
                for pattern in patterns {
                    defined.extend(grok::fields(&grok::grok(&pattern.value)));
                }
            }
            CommandKind::Dissect { pattern, .. } => defined.extend(grok::keys(&grok::pieces(&pattern.value))),
            CommandKind::InlineStats(stats) => {
                defined.extend(stats.aggregates.iter().filter_map(|a| a.assign.name.as_ref()).map(|n| n.text.clone()));
            }
            CommandKind::Stats(_) => break,
            _ => {}
        }
    }
    let kind = |name: &String| ecs(name).or_else(|| kinds.get(name).copied()).unwrap_or(Kind::Keyword);
    names.into_iter().filter(|name| !name.starts_with('_')).map(|name| (name.clone(), kind(&name))).collect()
}

/// Takes down the fields of a part of an expression, and what its neighbours say of their types.
fn note(part: &Expr, read: &mut dyn FnMut(&str), kinds: &mut BTreeMap<String, Kind>) {
    match &part.kind {
        ExprKind::Field(name) => read(&name.text),
        ExprKind::Match { field, .. } => read(&field.text),
        ExprKind::Binary { op, left, right } if *op != BinaryOp::And && *op != BinaryOp::Or => {
            for (one, other) in [(left, right), (right, left)] {
                if let (ExprKind::Field(name), Some(kind)) = (&one.kind, literal_kind(other)) {
                    kinds.insert(name.text.clone(), kind);
                }
            }
        }
        ExprKind::In { operand, list, .. } => {
            if let (ExprKind::Field(name), Some(kind)) = (&operand.kind, list.first().and_then(literal_kind)) {
                kinds.insert(name.text.clone(), kind);
            }
        }
        ExprKind::Call { name, args, .. } if name.text.eq_ignore_ascii_case("kql") => {
            if let Some(query) = text_of(args.first()).and_then(|text| kql::parse(text).ok()) {
                kql_fields(&query, read);
            }
        }
        ExprKind::Call { name, args, .. } if name.text.eq_ignore_ascii_case("json_extract") => {
            text_of(args.get(1)).into_iter().for_each(read);
        }
        ExprKind::Call { name, args, .. } if matches!(name.text.to_lowercase().as_str(), "sum" | "avg" | "mv_sum") => {
            if let Some(ExprKind::Field(name)) = args.first().map(|arg| &arg.kind) {
                kinds.insert(name.text.clone(), Kind::Long);
            }
        }
        _ => {}
    }
}

fn kql_fields(query: &Kql, read: &mut dyn FnMut(&str)) {
    match query {
        Kql::And(all) | Kql::Or(all) => all.iter().for_each(|inner| kql_fields(inner, read)),
        Kql::Not(inner) => kql_fields(inner, read),
        Kql::Exists(field) | Kql::Is(Some(field), _) | Kql::Compares(field, ..) if !field.is_wildcard() => {
            read(&field.text());
        }
        _ => {}
    }
}

/// The text that an argument is.
pub(super) fn text_of(expr: Option<&Expr>) -> Option<&str> {
    match &expr?.kind {
        ExprKind::Literal(Literal::String(text)) => Some(&text.value),
        _ => None,
    }
}

fn literal_kind(expr: &Expr) -> Option<Kind> {
    match &expr.kind {
        ExprKind::Literal(Literal::Boolean(_)) => Some(Kind::Boolean),
        ExprKind::Literal(Literal::Integer(_)) => Some(Kind::Long),
        ExprKind::Literal(Literal::Double(_)) => Some(Kind::Double),
        _ => None,
    }
}
