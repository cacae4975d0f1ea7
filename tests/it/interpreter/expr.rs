//! Expressions over one row.

use std::cmp::Ordering;

use egret::esql::ast::{BinaryOp, Expr, ExprKind, LikeKind, Literal};

use super::value::{Cell, Row, Value, single};
use super::world::Fields;
use super::{aggregate, date, function, glob, lucene, search};

/// What an expression is evaluated against.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) row: &'a Row,
    /// The rows that aggregates see.
    pub(super) group: Option<&'a [Row]>,
    pub(super) fields: &'a Fields,
    /// The time of the execution in milliseconds.
    pub(super) now: i64,
}

impl<'a> Scope<'a> {
    pub(super) const fn of(self, row: &'a Row) -> Self {
        Self { row, group: None, ..self }
    }

    /// The values of an expression.
    pub(super) fn cell(self, expr: &Expr) -> Cell {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Field(name) => self.row.get(&name.text).cloned().unwrap_or_default(),
            ExprKind::Unary { negative, operand } => {
                let value = self.cell(operand);
                if *negative { one(single(&value).and_then(negated)) } else { value }
            }
            ExprKind::Not(inner) => truth(self.truth(inner).map(|truth| !truth)),
            ExprKind::Binary { op: BinaryOp::And, left, right } => truth(match (self.truth(left), self.truth(right)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            }),
            ExprKind::Binary { op: BinaryOp::Or, left, right } => truth(match (self.truth(left), self.truth(right)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            }),
            ExprKind::Binary { op, left, right } => {
                let (left, right) = (self.cell(left), self.cell(right));
                let (Some(left), Some(right)) = (single(&left), single(&right)) else { return Vec::new() };
                if op.is_comparison() {
                    truth(compared(*op, left, right))
                } else {
                    one(date::moved(*op, left, right).or_else(|| calculated(*op, left, right)))
                }
            }
            ExprKind::IsNull { operand, negated } => truth(Some(self.cell(operand).is_empty() != *negated)),
            ExprKind::In { operand, list, negated } => truth(self.within(operand, list).map(|found| found != *negated)),
            ExprKind::Like { operand, kind, patterns, negated, .. } => {
                let value = self.cell(operand);
                if everything(patterns) {
                    return truth(Some(value.is_empty() == *negated));
                }
                let Some(Value::Text(text)) = single(&value) else { return Vec::new() };
                let matches = |pattern: &Expr| match kind {
                    LikeKind::Like => glob::matches(string(pattern), text),
                    LikeKind::Rlike => lucene::matches(string(pattern), text),
                };
                truth(Some(patterns.iter().any(matches) != *negated))
            }
            ExprKind::Match { field, query } => {
                let cell = self.row.get(&field.text).cloned().unwrap_or_default();
                truth(Some(search::found(&cell, self.fields.is_analysed(&field.text), string(query), 0)))
            }
            ExprKind::Call { name, args, star, options } => {
                let name = name.text.to_lowercase();
                if let (Some(group), true) = (self.group, aggregate::is_aggregate(&name)) {
                    return aggregate::of_group(self, &name, args, *star, group);
                }
                match name.as_str() {
                    "kql" => truth(Some(search::kql(self, string(&args[0])))),
                    "match" => search::match_call(self, args, options),
                    "case" => self.case(args),
                    "coalesce" => {
                        args.iter().map(|arg| self.cell(arg)).find(|cell| !cell.is_empty()).unwrap_or_default()
                    }
                    "now" => vec![Value::Date(self.now)],
                    name => function::call(name, &args.iter().map(|arg| self.cell(arg)).collect::<Vec<_>>()),
                }
            }
            ExprKind::Cast { operand, ty } => function::convert(&ty.text.to_lowercase(), &self.cell(operand)),
        }
    }

    /// Whether a condition is true or false; neither where it is null or has several values.
    pub(super) fn truth(self, expr: &Expr) -> Option<bool> {
        match single(&self.cell(expr)) {
            Some(Value::Boolean(truth)) => Some(*truth),
            _ => None,
        }
    }

    fn literal(self, literal: &Literal) -> Cell {
        match literal {
            Literal::Null => Vec::new(),
            Literal::Boolean(b) => vec![Value::Boolean(*b)],
            Literal::Integer(n) => vec![if i32::try_from(*n).is_ok() { Value::Integer(*n) } else { Value::Long(*n) }],
            Literal::Unsigned(n) => vec![Value::Double(*n as f64)],
            Literal::Double(n) => vec![Value::Double(*n)],
            Literal::String(text) => vec![Value::text(&text.value)],
            Literal::TimeSpan { value, unit } => vec![Value::Span(*value, *unit)],
            Literal::List(items) => items.iter().flat_map(|item| self.cell(item)).collect(),
        }
    }

    fn within(self, operand: &Expr, list: &[Expr]) -> Option<bool> {
        let value = self.cell(operand);
        let value = single(&value)?;
        let answers: Vec<Option<bool>> = list
            .iter()
            .map(|item| single(&self.cell(item)).and_then(|item| compared(BinaryOp::Eq, value, item)))
            .collect();
        if answers.contains(&Some(true)) {
            return Some(true);
        }
        if answers.contains(&None) { None } else { Some(false) }
    }

    /// The value behind the first condition that is true, else the last one of an odd number of arguments.
    fn case(self, args: &[Expr]) -> Cell {
        for arm in args.chunks(2) {
            match arm {
                [condition, value] if self.truth(condition) == Some(true) => return self.cell(value),
                [otherwise] => return self.cell(otherwise),
                _ => {}
            }
        }
        Vec::new()
    }
}

/// A pattern that everything matches asks only whether there is a value.
fn everything(patterns: &[Expr]) -> bool {
    patterns.iter().any(|pattern| matches!(string(pattern), "*" | ".*" | "@"))
}

/// The text of a literal.
pub(super) fn string(expr: &Expr) -> &str {
    match &expr.kind {
        ExprKind::Literal(Literal::String(text)) => &text.value,
        other => panic!("not a text: {other:?}"),
    }
}

pub(super) fn truth(truth: Option<bool>) -> Cell {
    truth.map(Value::Boolean).into_iter().collect()
}

pub(super) fn one(value: Option<Value>) -> Cell {
    value.into_iter().collect()
}

pub(super) fn compared(op: BinaryOp, left: &Value, right: &Value) -> Option<bool> {
    let order = left.order(right)?;
    Some(match op {
        BinaryOp::Eq => order == Ordering::Equal,
        BinaryOp::NotEq => order != Ordering::Equal,
        BinaryOp::Lt => order == Ordering::Less,
        BinaryOp::LtEq => order != Ordering::Greater,
        BinaryOp::Gt => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

fn negated(value: &Value) -> Option<Value> {
    match value {
        Value::Integer(n) => integer(-n),
        Value::Long(n) => n.checked_neg().map(Value::Long),
        Value::Double(n) => Some(Value::Double(-n)),
        _ => None,
    }
}

fn integer(number: i64) -> Option<Value> {
    i32::try_from(number).ok().map(|number| Value::Integer(i64::from(number)))
}

/// Arithmetic: null where the result does not fit its type, or something is divided by zero.
fn calculated(op: BinaryOp, left: &Value, right: &Value) -> Option<Value> {
    if let (Some(a), Some(b)) = (left.whole(), right.whole()) {
        let number = match op {
            BinaryOp::Add => a.checked_add(b),
            BinaryOp::Subtract => a.checked_sub(b),
            BinaryOp::Multiply => a.checked_mul(b),
            BinaryOp::Divide => a.checked_div(b),
            _ => a.checked_rem(b),
        }?;
        let narrow = matches!((left, right), (Value::Integer(_), Value::Integer(_)));
        return if narrow { integer(number) } else { Some(Value::Long(number)) };
    }
    let (a, b) = (left.number()?, right.number()?);
    let number = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide => a / b,
        _ => a % b,
    };
    number.is_finite().then_some(Value::Double(number))
}
