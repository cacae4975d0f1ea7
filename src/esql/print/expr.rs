//! Expressions with as few parentheses as keep their meaning.

use super::super::ast::{Expr, ExprKind, LikeKind, Literal, StringLiteral};
use super::super::parser::{binary_level, level};
use super::name::{is_plain, name, quoted, string};

/// Appends an expression, in parentheses if it binds less tight than `min`.
pub(in super::super) fn write_expr(out: &mut String, expr: &Expr, min: u8) {
    let parentheses = level_of(&expr.kind) < min;
    if parentheses {
        out.push('(');
    }
    write_bare(out, &expr.kind);
    if parentheses {
        out.push(')');
    }
}

const fn level_of(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Binary { op, .. } => binary_level(*op),
        ExprKind::Not(_) => level::NOT,
        ExprKind::IsNull { .. } | ExprKind::In { .. } | ExprKind::Like { .. } | ExprKind::Match { .. } => {
            level::PREDICATE
        }
        ExprKind::Unary { .. } => level::SIGN,
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Call { .. } | ExprKind::Cast { .. } => level::PRIMARY,
    }
}

fn write_bare(out: &mut String, kind: &ExprKind) {
    match kind {
        ExprKind::Literal(literal) => write_literal(out, literal),
        ExprKind::Field(field) => out.push_str(&name(field)),
        ExprKind::Unary { negative, operand } => write_sign(out, *negative, operand),
        ExprKind::Not(operand) => {
            out.push_str("NOT ");
            write_expr(out, operand, level::NOT);
        }
        ExprKind::Binary { op, left, right } => {
            let tight = binary_level(*op);
            // AND and OR may be grouped either way; sums and products lean left; comparisons do not chain.
            let (left_min, right_min) = match tight {
                level::OR | level::AND => (tight, tight),
                level::COMPARISON => (tight + 1, tight + 1),
                _ => (tight, tight + 1),
            };
            write_expr(out, left, left_min);
            out.push(' ');
            out.push_str(op.symbol());
            out.push(' ');
            write_expr(out, right, right_min);
        }
        ExprKind::IsNull { operand, negated } => {
            write_predicate_operand(out, operand);
            out.push_str(if *negated { " IS NOT NULL" } else { " IS NULL" });
        }
        ExprKind::In { operand, list, negated } => {
            write_predicate_operand(out, operand);
            out.push_str(if *negated { " NOT IN (" } else { " IN (" });
            write_list(out, list, level::COMPARISON);
            out.push(')');
        }
        ExprKind::Like { operand, kind, patterns, list, negated } => {
            write_predicate_operand(out, operand);
            out.push_str(if *negated { " NOT " } else { " " });
            out.push_str(match kind {
                LikeKind::Like => "LIKE ",
                LikeKind::Rlike => "RLIKE ",
            });
            if *list {
                out.push('(');
                write_list(out, patterns, level::OR);
                out.push(')');
            } else {
                write_list(out, patterns, level::PRIMARY);
            }
        }
        ExprKind::Match { field, query } => {
            out.push_str(&name(field));
            out.push_str(" : ");
            write_expr(out, query, level::PRIMARY);
        }
        ExprKind::Call { name, args, star, options } => {
            if is_plain(&name.text) {
                out.push_str(&name.text);
            } else {
                out.push_str(&quoted(&name.text));
            }
            out.push('(');
            if *star {
                out.push('*');
            }
            write_list(out, args, level::OR);
            if !options.is_empty() {
                out.push_str(", ");
                write_options(out, options);
            }
            out.push(')');
        }
        ExprKind::Cast { operand, ty } => {
            write_expr(out, operand, level::PRIMARY);
            out.push_str("::");
            if is_plain(&ty.text) {
                out.push_str(&ty.text);
            } else {
                out.push_str(&quoted(&ty.text));
            }
        }
    }
}

/// The operand of IN, LIKE and IS NULL. A comparison needs no parentheses there and has them all the same: nobody reads
/// `a == b IS NULL` as it is meant.
fn write_predicate_operand(out: &mut String, operand: &Expr) {
    write_expr(out, operand, level::SUM);
}

/// A sign, and its operand in parentheses where the two would be read as one number.
fn write_sign(out: &mut String, negative: bool, operand: &Expr) {
    out.push(if negative { '-' } else { '+' });
    let start = out.len();
    write_expr(out, operand, level::SIGN);
    if out.get(start..).is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit())) {
        out.insert(start, '(');
        out.push(')');
    }
}

fn write_list(out: &mut String, items: &[Expr], min: u8) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write_expr(out, item, min);
    }
}

/// Appends options in braces.
pub(super) fn write_options(out: &mut String, options: &[(StringLiteral, Expr)]) {
    out.push_str("{ ");
    for (at, (key, value)) in options.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(&string(key));
        out.push_str(": ");
        write_expr(out, value, level::OR);
    }
    out.push_str(" }");
}

fn write_literal(out: &mut String, literal: &Literal) {
    match literal {
        Literal::Null => out.push_str("NULL"),
        Literal::Boolean(true) => out.push_str("TRUE"),
        Literal::Boolean(false) => out.push_str("FALSE"),
        Literal::Integer(value) => out.push_str(&value.to_string()),
        Literal::Unsigned(value) => out.push_str(&value.to_string()),
        Literal::Double(value) => {
            // The debug form always has a point or an exponent.
            let shown = format!("{value:?}");
            out.push_str(&shown);
        }
        Literal::String(value) => out.push_str(&string(value)),
        Literal::TimeSpan { value, unit } => {
            out.push_str(&value.to_string());
            out.push(' ');
            out.push_str(unit.name());
            if value.unsigned_abs() != 1 {
                out.push('s');
            }
        }
        Literal::List(items) => {
            out.push('[');
            write_list(out, items, level::OR);
            out.push(']');
        }
    }
}
