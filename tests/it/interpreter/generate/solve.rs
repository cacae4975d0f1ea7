//! From a condition to what it wants of the fields of an event: each call takes one of the ways to make it so.

use egret::esql::ast::{BinaryOp, CommandKind, Expr, ExprKind, LikeKind, Literal, Name, Query};
use egret::esql::kql::{self, Comparison, Kql, Word};

use super::super::grok;
use super::super::value::Value;
use super::draft::{Draft, Target};
use super::fields::{text_of, walk};
use super::random::Random;
use super::sample;

/// What a column is made of.
#[derive(Debug, Clone, Copy)]
enum Definition<'q> {
    Expr(&'q Expr),
    /// A field of GROK or DISSECT, with the text that is searched.
    Captured(&'q Expr),
}

/// Finds wants for the conditions of some commands that follow each other.
pub(super) struct Solver<'q, 'r> {
    /// Each column with the place of its definition.
    definitions: Vec<(usize, String, Definition<'q>)>,
    pub(super) random: &'r mut Random,
}

/// The place behind all definitions.
pub(super) const END: usize = usize::MAX;

impl<'q, 'r> Solver<'q, 'r> {
    /// A solver over the commands of a query within `range`.
    pub(super) fn new(query: &'q Query, range: std::ops::Range<usize>, random: &'r mut Random) -> Self {
        let mut definitions = Vec::new();
        for (at, command) in query.commands.iter().enumerate().take(range.end).skip(range.start) {
            let mut define = |part: usize, name: String, what| definitions.push((place(at, part), name, what));
            match &command.kind {
                CommandKind::Eval(assigns) => {
                    for (part, assign) in assigns.iter().enumerate() {
                        if let Some(name) = &assign.name {
                            define(part, name.text.clone(), Definition::Expr(&assign.value));
                        }
                    }
                }
                CommandKind::Grok { input, patterns } => {
                    for field in patterns.iter().flat_map(|pattern| grok::fields(&grok::grok(&pattern.value))) {
                        define(0, field, Definition::Captured(input));
                    }
                }
                CommandKind::Dissect { input, pattern, .. } => {
                    for key in grok::keys(&grok::pieces(&pattern.value)) {
                        define(0, key, Definition::Captured(input));
                    }
                }
                _ => {}
            }
        }
        Self { definitions, random }
    }

    /// Makes every WHERE of the commands true, then lets GROK and DISSECT find what was wanted of their fields.
    pub(super) fn solve(&mut self, query: &'q Query, range: std::ops::Range<usize>, draft: &mut Draft) {
        let commands = || query.commands.iter().enumerate().take(range.end).skip(range.start);
        for (at, command) in commands() {
            if let CommandKind::Where(condition) = &command.kind {
                self.satisfy(condition, true, place(at, 0), draft);
            }
        }
        for (at, command) in commands() {
            let captured: std::collections::BTreeMap<String, String> = draft
                .captured
                .iter()
                .filter(|(_, wants)| wants.iter().any(|want| !matches!(want, Target::Some | Target::Not(_))))
                .map(|(field, wants)| {
                    let usual = Value::text("host.example.org");
                    let cell = super::draft::cell(self.random, super::super::world::Kind::Keyword, wants, usual);
                    (field.clone(), cell.first().map(Value::written).unwrap_or_default())
                })
                .collect();
            match &command.kind {
                CommandKind::Grok { input, patterns } => {
                    let pattern = &self.random.pick(patterns).value;
                    let text = sample::of_grok(self.random, pattern, &captured);
                    self.assign(input, &Target::Holds(text), place(at, 0), draft);
                }
                CommandKind::Dissect { input, pattern, .. } => {
                    let text = sample::of_dissect(self.random, &pattern.value, &captured);
                    self.assign(input, &Target::Is(Value::Text(text)), place(at, 0), draft);
                }
                _ => {}
            }
        }
    }

    /// Adds what makes a condition so.
    pub(super) fn satisfy(&mut self, expr: &'q Expr, want: bool, at: usize, draft: &mut Draft) {
        match &expr.kind {
            ExprKind::Not(inner) => self.satisfy(inner, !want, at, draft),
            ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right } => {
                if (*op == BinaryOp::And) == want {
                    self.satisfy(left, want, at, draft);
                    self.satisfy(right, want, at, draft);
                } else {
                    let mut arms = Vec::new();
                    arms_of(expr, *op, &mut arms);
                    self.any(arms, want, at, draft);
                }
            }
            ExprKind::Binary { op, left, right } if op.is_comparison() => {
                let (field, literal, op) = match (&left.kind, &right.kind) {
                    (ExprKind::Literal(literal), _) => (right, literal, flipped(*op)),
                    (_, ExprKind::Literal(literal)) => (left, literal, *op),
                    _ => return,
                };
                let Some(value) = value_of(literal) else { return };
                let target = compare(if want { op } else { opposite(op) }, &value);
                self.assign(field, &target, at, draft);
            }
            ExprKind::IsNull { operand, negated } => {
                let target = if *negated == want { Target::Some } else { Target::Null };
                self.assign(operand, &target, at, draft);
            }
            ExprKind::In { operand, list, negated } => {
                let target = if *negated == want {
                    Target::Some
                } else {
                    let literals: Vec<Value> = list
                        .iter()
                        .filter_map(|item| match &item.kind {
                            ExprKind::Literal(literal) => value_of(literal),
                            _ => None,
                        })
                        .collect();
                    if literals.is_empty() { Target::Some } else { Target::Is(self.random.pick(&literals).clone()) }
                };
                self.assign(operand, &target, at, draft);
            }
            ExprKind::Like { operand, kind, patterns, negated, .. } => {
                let target = if *negated == want {
                    Target::Some
                } else {
                    let pattern = text_of(Some(self.random.pick(patterns))).unwrap_or_default().to_owned();
                    if *kind == LikeKind::Like { Target::Like(pattern) } else { Target::Rlike(pattern) }
                };
                self.assign(operand, &target, at, draft);
            }
            ExprKind::Match { field, query } => {
                let text = text_of(Some(query)).unwrap_or_default().to_owned();
                self.name(field, if want { &Target::Some } else { &Target::Null }, at, draft);
                if want {
                    self.name(field, &Target::Holds(text), at, draft);
                }
            }
            ExprKind::Call { name, args, .. } => self.call(&name.text.to_lowercase(), args, want, at, draft),
            ExprKind::Field(_) => self.assign(expr, &Target::Is(Value::Boolean(want)), at, draft),
            _ => {}
        }
    }

    /// One of some ways, one that contradicts nothing if there is one.
    fn any(&mut self, arms: Vec<&'q Expr>, want: bool, at: usize, draft: &mut Draft) {
        let arms = self.random.shuffled(arms);
        let mut best: Option<Draft> = None;
        for arm in arms.into_iter().take(8) {
            let mut tried = draft.clone();
            self.satisfy(arm, want, at, &mut tried);
            let good = tried.conflicts == draft.conflicts;
            if best.as_ref().is_none_or(|best| tried.conflicts < best.conflicts) {
                best = Some(tried);
            }
            if good {
                break;
            }
        }
        if let Some(best) = best {
            *draft = best;
        }
    }

    fn call(&mut self, name: &str, args: &'q [Expr], want: bool, at: usize, draft: &mut Draft) {
        let text = text_of(args.get(1)).unwrap_or_default();
        let escaped = text.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?");
        let target = match name {
            "kql" => {
                if let Ok(query) = kql::parse(text_of(args.first()).unwrap_or_default()) {
                    self.kql(&query, want, draft);
                }
                return;
            }
            "case" => return self.case(args, &Target::Is(Value::Boolean(want)), at, draft),
            _ if !want => Target::Some,
            "starts_with" => Target::Like(format!("{escaped}*")),
            "ends_with" => Target::Like(format!("*{escaped}")),
            "contains" => Target::Like(format!("*{escaped}*")),
            "match" => {
                let mut chars: Vec<char> = text.chars().collect();
                if self.random.percent(50) && !chars.is_empty() {
                    let at = self.random.below(chars.len());
                    chars[at] = 'x';
                }
                Target::Is(Value::Text(if args.len() > 1 && self.random.percent(30) {
                    text.into()
                } else {
                    chars.into_iter().collect()
                }))
            }
            "cidr_match" => {
                let blocks: Vec<&str> = args[1..].iter().filter_map(|block| text_of(Some(block))).collect();
                Target::Within((*self.random.pick(&blocks)).to_owned())
            }
            _ => return,
        };
        self.assign(&args[0], &target, at, draft);
    }

    /// Adds what gives an expression a value that is wanted.
    pub(super) fn assign(&mut self, expr: &'q Expr, target: &Target, at: usize, draft: &mut Draft) {
        match &expr.kind {
            ExprKind::Field(name) => self.name(name, target, at, draft),
            ExprKind::Cast { operand, .. } => self.assign(operand, target, at, draft),
            ExprKind::Call { name, args, .. } => {
                let name = name.text.to_lowercase();
                match name.as_str() {
                    "case" => self.case(args, target, at, draft),
                    "coalesce" if *target != Target::Null => {
                        if self.random.percent(25) && args.len() > 1 {
                            self.assign(&args[0], &Target::Null, at, draft);
                            self.assign(&args[1], target, at, draft);
                        } else {
                            self.assign(&args[0], target, at, draft);
                        }
                    }
                    "json_extract" => draft.want(text_of(args.get(1)).unwrap_or_default(), target.clone()),
                    "concat" => {
                        for arg in args {
                            if !matches!(arg.kind, ExprKind::Literal(_)) {
                                self.assign(arg, &Target::Some, at, draft);
                            }
                        }
                        if let (Some(last), Target::Holds(_)) = (args.last(), target) {
                            self.assign(last, target, at, draft);
                        }
                    }
                    "length" => {
                        if let Target::Least(least) = target {
                            self.assign(&args[0], &Target::Longer(*least as usize), at, draft);
                        }
                    }
                    "replace" => {
                        self.assign(&args[0], target, at, draft);
                        self.replaced(expr, at, draft);
                    }
                    "to_lower" | "to_upper" | "to_string" | "to_ip" | "mv_first" | "mv_last" | "mv_min" | "mv_max"
                    | "mv_concat" | "split" | "url_decode" | "mv_dedupe" | "mv_slice" | "date_trunc" | "to_long"
                    | "values" | "max" | "min" | "top" | "to_double" => {
                        let arg = if name == "date_trunc" { &args[1] } else { &args[0] };
                        self.assign(arg, target, at, draft);
                    }
                    "mv_intersection" => args.iter().for_each(|arg| self.assign(arg, target, at, draft)),
                    _ => {}
                }
            }
            ExprKind::Binary { op, .. } if op.is_arithmetic() => self.replaced(expr, at, draft),
            _ => {
                if let Target::Is(Value::Boolean(want)) = target {
                    self.satisfy(expr, *want, at, draft);
                }
            }
        }
    }

    /// Puts texts into the fields that REPLACE reads, for its pattern to find.
    fn replaced(&mut self, expr: &'q Expr, at: usize, draft: &mut Draft) {
        let mut calls = Vec::new();
        walk(expr, &mut |part| calls.push(part));
        for part in calls {
            match &part.kind {
                ExprKind::Call { name, args, .. } if name.text.eq_ignore_ascii_case("replace") => {
                    let pattern = text_of(args.get(1)).unwrap_or_default();
                    let many = if pattern.starts_with('[') { 1_500 } else { 1 + self.random.below(3) };
                    let texts: Vec<String> = (0..many).map(|_| sample::of_java(self.random, pattern)).collect();
                    let joint = if many > 3 { "" } else { " ; " };
                    self.assign(&args[0], &Target::Holds(texts.join(joint)), at, draft);
                }
                ExprKind::Field(name) => {
                    if let Some((place, Definition::Expr(expr))) = self.definition(&name.text, at) {
                        self.replaced(expr, place, draft);
                    }
                }
                _ => {}
            }
        }
    }

    fn definition(&self, name: &str, at: usize) -> Option<(usize, Definition<'q>)> {
        let before = self.definitions.iter().rev().filter(|(place, other, _)| *place < at && other == name);
        before.map(|(place, _, definition)| (*place, *definition)).next()
    }

    /// The expressions that a column is made of, and the place before which their own columns are defined.
    pub(super) fn made_of(&self, name: &str, at: usize) -> Option<(Vec<&'q Expr>, usize)> {
        let (place, definition) = self.definition(name, at)?;
        let (Definition::Expr(expr) | Definition::Captured(expr)) = definition;
        Some((vec![expr], place))
    }

    fn name(&mut self, name: &Name, target: &Target, at: usize, draft: &mut Draft) {
        match self.definition(&name.text, at) {
            Some((place, Definition::Expr(expr))) => self.assign(expr, target, place, draft),
            Some((_, Definition::Captured(_))) => {
                draft.captured.entry(name.text.clone()).or_default().push(target.clone());
            }
            None => draft.want(&name.text, target.clone()),
        }
    }

    /// Takes an arm of CASE whose value can be what is wanted, and makes its condition true.
    fn case(&mut self, args: &'q [Expr], target: &Target, at: usize, draft: &mut Draft) {
        let mut arms: Vec<(Option<&'q Expr>, &'q Expr)> = Vec::new();
        for arm in args.chunks(2) {
            match arm {
                [condition, value] => arms.push((Some(condition), value)),
                [otherwise] => arms.push((None, otherwise)),
                _ => {}
            }
        }
        let fits = |value: &Expr| match &value.kind {
            ExprKind::Literal(literal) => match (value_of(literal), target) {
                (None, target) => *target == Target::Null,
                (Some(value), Target::Is(wanted)) => {
                    value == *wanted || value.number().is_some_and(|n| wanted.number() == Some(n))
                }
                (Some(value), Target::Not(other)) => value != *other,
                (Some(value), Target::Least(least)) => value.number().is_some_and(|n| n >= *least),
                (Some(value), Target::Below(bound)) => value.number().is_some_and(|n| n < *bound),
                (Some(_), target) => *target != Target::Null,
            },
            _ => *target != Target::Null,
        };
        let fitting: Vec<_> = arms.into_iter().filter(|(_, value)| fits(value)).collect();
        if fitting.is_empty() {
            return;
        }
        let (condition, value) = *self.random.pick(&fitting);
        match condition {
            Some(condition) => self.satisfy(condition, true, at, draft),
            None => args.chunks_exact(2).for_each(|arm| self.satisfy(&arm[0], false, at, draft)),
        }
        if !matches!(value.kind, ExprKind::Literal(_)) {
            self.assign(value, target, at, draft);
        }
    }

    fn kql(&mut self, query: &Kql, want: bool, draft: &mut Draft) {
        match query {
            Kql::Not(inner) => self.kql(inner, !want, draft),
            Kql::And(all) if want => all.iter().for_each(|inner| self.kql(inner, want, draft)),
            Kql::Or(all) if !want => all.iter().for_each(|inner| self.kql(inner, want, draft)),
            Kql::And(all) | Kql::Or(all) => {
                let one = self.random.pick(all).clone();
                self.kql(&one, want, draft);
            }
            Kql::Exists(field) => draft.want(&field.text(), if want { Target::Some } else { Target::Null }),
            Kql::Is(Some(field), word) if want => draft.want(&field.text(), self::word(word)),
            Kql::Compares(field, comparison, word) if want => {
                if let Ok(number) = word.text().parse::<f64>() {
                    let target = match comparison {
                        Comparison::Less | Comparison::LessOrEqual => Target::Below(number),
                        Comparison::Greater | Comparison::GreaterOrEqual => Target::Least(number + 1.0),
                    };
                    draft.want(&field.text(), target);
                }
            }
            _ => {}
        }
    }
}

const fn place(command: usize, part: usize) -> usize {
    command * 1000 + part
}

/// The arms of a chain of one operator.
fn arms_of<'q>(expr: &'q Expr, op: BinaryOp, arms: &mut Vec<&'q Expr>) {
    match &expr.kind {
        ExprKind::Binary { op: found, left, right } if *found == op => {
            arms_of(left, op, arms);
            arms_of(right, op, arms);
        }
        _ => arms.push(expr),
    }
}

fn word(word: &Word) -> Target {
    if !word.is_wildcard() {
        return Target::Is(Value::Text(word.text()));
    }
    let piece = |piece: &String| piece.replace('\\', "\\\\").replace('?', "\\?").replace('*', "\\*");
    Target::Like(word.pieces.iter().map(piece).collect::<Vec<_>>().join("*"))
}

fn value_of(literal: &Literal) -> Option<Value> {
    Some(match literal {
        Literal::Boolean(b) => Value::Boolean(*b),
        Literal::Integer(n) => Value::Long(*n),
        Literal::Double(n) => Value::Double(*n),
        Literal::String(text) => Value::text(&text.value),
        _ => return None,
    })
}

fn compare(op: BinaryOp, value: &Value) -> Target {
    match (op, value.number()) {
        (BinaryOp::Eq, _) => Target::Is(value.clone()),
        (BinaryOp::NotEq, _) | (_, None) => Target::Not(value.clone()),
        (BinaryOp::Lt, Some(n)) => Target::Below(n),
        (BinaryOp::LtEq, Some(n)) => Target::Below(n + 1.0),
        (BinaryOp::Gt, Some(n)) => Target::Least(n + 1.0),
        (_, Some(n)) => Target::Least(n),
    }
}

const fn flipped(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::LtEq => BinaryOp::GtEq,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::GtEq => BinaryOp::LtEq,
        other => other,
    }
}

const fn opposite(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Eq => BinaryOp::NotEq,
        BinaryOp::NotEq => BinaryOp::Eq,
        BinaryOp::Lt => BinaryOp::GtEq,
        BinaryOp::LtEq => BinaryOp::Gt,
        BinaryOp::Gt => BinaryOp::LtEq,
        _ => BinaryOp::Lt,
    }
}
