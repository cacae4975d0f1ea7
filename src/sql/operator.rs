//! Comparisons, IN and arithmetic: which types go together, and what ES|QL means where SQL means something else.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::diagnostic::{Code, Span};
use crate::esql::ast::{BinaryOp, Expr, ExprKind, Literal, StringLiteral};

use super::build;
use super::catalog::Type;
use super::expr::Typed;
use super::lowering::Lowering;

impl Lowering<'_> {
    /// `a == b` and its kin.
    pub(crate) fn comparison(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Option<Typed> {
        let (left, right) = self.operands(left, right)?;
        if build::is_null_literal(&left.sql) || build::is_null_literal(&right.sql) {
            return Some(Typed::null().adapt(Type::Boolean));
        }
        let (left_ty, right_ty) = (left.ty, right.ty);
        let (left, right) = (self.demand(left, right_ty), self.demand(right, left_ty));
        let Some(ty) = left.ty.unify(right.ty) else {
            return self.mismatch(&format!("`{}`", op.symbol()), left.ty, right.ty, span);
        };
        let equality = matches!(op, BinaryOp::Eq | BinaryOp::NotEq);
        let (left, right) = match ty {
            _ if equality => (left.sql, right.sql),
            Type::Ip => (build::call("ip_key", [left.sql]), build::call("ip_key", [right.sql])),
            Type::Boolean | Type::GeoPoint => {
                let message = format!("`{}` does not compare {}", op.symbol(), ty.name());
                return self.fail(Code::TypeMismatch, span, message, Some("compare it with == or !="));
            }
            Type::Version => return self.unsupported(span, "the order of versions"),
            _ => (left.sql, right.sql),
        };
        Some(Typed::single(build::binary(left, comparison_operator(op), right), Type::Boolean))
    }

    /// `x IN (a, b)`.
    pub(crate) fn membership(&mut self, operand: &Expr, list: &[Expr], negated: bool) -> Option<Typed> {
        let value = self.single(operand);
        let mut items: Vec<Typed> = Vec::new();
        for expr in list {
            let item = match (string_literal(expr), &value) {
                (Some(literal), Some(value)) if takes_text(value.ty) => self.implicit(literal, value.ty),
                _ => self.single(expr),
            };
            let Some(item) = item else { continue };
            if let Some(value) = &value
                && value.ty.unify(item.ty).is_none()
            {
                self.mismatch::<()>("IN", value.ty, item.ty, expr.span);
                continue;
            }
            items.push(item);
        }
        let value = value?;
        if build::is_null_literal(&value.sql) {
            return Some(Typed::null().adapt(Type::Boolean));
        }
        let ty = items.iter().find(|item| item.ty != Type::Null).map_or(value.ty, |item| item.ty);
        let value = self.demand(value, ty);
        let items = items
            .into_iter()
            .map(|item| if build::is_null_literal(&item.sql) { item.sql } else { self.demand(item, value.ty).sql });
        let items = items.collect();
        Some(Typed::single(build::in_list(value.sql, items, negated), Type::Boolean))
    }

    /// `a + b` and its kin.
    pub(crate) fn arithmetic(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Option<Typed> {
        let (left, right) = (self.single(left), self.single(right));
        let (left, right) = (left?, right?);
        match (left.ty, op, right.ty) {
            (date, BinaryOp::Add | BinaryOp::Subtract, Type::TimeSpan) if date.is_date() || date == Type::Null => {
                let date = if date == Type::Null { Type::Date } else { date };
                let moved = build::binary(self.demand(left, date).sql, arithmetic_operator(op), right.sql);
                return Some(Typed::single(moved, date));
            }
            (Type::TimeSpan, BinaryOp::Add, date) if date.is_date() => {
                return Some(Typed::single(build::binary(right.sql, BinaryOperator::Plus, left.sql), date));
            }
            _ => {}
        }
        let known = left.ty.unify(right.ty);
        let ty = match known {
            Some(Type::Null) => Type::Long,
            Some(ty) if ty.is_number() => ty,
            _ => return self.mismatch(&format!("`{}`", op.symbol()), left.ty, right.ty, span),
        };
        // What is not known to be of 32 bits may have 64.
        let both_integers = left.ty == Type::Integer && right.ty == Type::Integer;
        let ty = if ty == Type::Integer && !both_integers { Type::Long } else { ty };
        let (left, right) = (self.demand(left, ty), self.demand(right, ty));
        Some(Typed::single(checked(op, left.sql, right.sql, ty), ty))
    }

    /// `-x`, `+x`.
    pub(crate) fn sign(&mut self, negative: bool, operand: &Expr, span: Span) -> Option<Typed> {
        let value = self.single(operand)?;
        let value = match value.ty {
            Type::Null => Some(self.demand(value, Type::Long)),
            ty if ty.is_number() => Some(value),
            ty => self.fail(Code::TypeMismatch, span, format!("expected a number, found {}", ty.name()), None),
        };
        let value = value?;
        let ty = value.ty;
        Some(if negative { value.map(|sql| negated(sql, ty)) } else { value })
    }

    /// Both sides of a comparison; a text literal takes the type of the other side where ES|QL casts it.
    fn operands(&mut self, left: &Expr, right: &Expr) -> Option<(Typed, Typed)> {
        match (string_literal(left), string_literal(right)) {
            (None, Some(literal)) => {
                let value = self.single(left)?;
                let literal = self.implicit(literal, value.ty)?;
                Some((value, literal))
            }
            (Some(literal), None) => {
                let value = self.single(right)?;
                let literal = self.implicit(literal, value.ty)?;
                Some((literal, value))
            }
            _ => {
                let (left, right) = (self.single(left), self.single(right));
                Some((left?, right?))
            }
        }
    }

    /// A text literal beside a value of type `ty`.
    fn implicit(&mut self, literal: &StringLiteral, ty: Type) -> Option<Typed> {
        if takes_text(ty) { self.cast_literal(literal, ty) } else { Some(text_literal(literal)) }
    }

    fn mismatch<T>(&mut self, what: &str, left: Type, right: Type, span: Span) -> Option<T> {
        let help = match (left, right) {
            (Type::Ip, _) | (_, Type::Ip) => "convert the text with to_ip(..)",
            (a, b) if a.is_number() && b.is_text() || a.is_text() && b.is_number() => {
                "compare numbers with numbers: drop the quotes, or convert with to_long(..) or to_string(..)"
            }
            (a, b) if a.is_date() && b.is_date() => "dates are compared, or moved by a time span such as 1 hour",
            _ => "convert one side",
        };
        let message = format!("{what} does not take {} with {}", left.name(), right.name());
        self.fail(Code::TypeMismatch, span, message, Some(help))
    }
}

/// Arithmetic as ES|QL means it, the one place where it is written: of whole numbers, what does not fit the type is
/// null, and so is a division by zero. The operators of SQL stay where that cannot happen.
fn checked(op: BinaryOp, left: Sql, right: Sql, ty: Type) -> Sql {
    let divides = matches!(op, BinaryOp::Divide | BinaryOp::Modulo);
    if divides && is_nonzero(&right) {
        return build::binary(left, arithmetic_operator(op), right);
    }
    if ty.is_whole_number() {
        let name = match op {
            BinaryOp::Subtract => "checked_sub",
            BinaryOp::Multiply => "checked_mul",
            BinaryOp::Divide => "checked_div",
            BinaryOp::Modulo => "checked_rem",
            _ => "checked_add",
        };
        return build::call(name, [left, right].into_iter().chain(width(ty)));
    }
    let right = if divides { build::call("nullif", [right, build::number(0)]) } else { right };
    build::binary(left, arithmetic_operator(op), right)
}

/// The value with the other sign; a literal always fits.
fn negated(sql: Sql, ty: Type) -> Sql {
    if ty.is_whole_number() && !is_number_literal(&sql) {
        return build::call("checked_neg", std::iter::once(sql).chain(width(ty)));
    }
    build::minus(sql)
}

/// What tells the functions of checked arithmetic how wide a result may be; none for 64 bits.
fn width(ty: Type) -> Option<Sql> {
    match ty {
        Type::Integer => Some(build::text("int")),
        Type::UnsignedLong => Some(build::text("bigint unsigned")),
        _ => None,
    }
}

fn is_number_literal(expr: &Sql) -> bool {
    use datafusion::sql::sqlparser::ast::{Value, ValueWithSpan};
    matches!(expr, Sql::Value(ValueWithSpan { value: Value::Number(..), .. }))
}

fn is_nonzero(expr: &Sql) -> bool {
    use datafusion::sql::sqlparser::ast::{Value, ValueWithSpan};
    let Sql::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) = expr else { return false };
    digits.parse::<f64>().is_ok_and(|number| number != 0.0)
}

fn comparison_operator(op: BinaryOp) -> BinaryOperator {
    match op {
        BinaryOp::NotEq => BinaryOperator::NotEq,
        BinaryOp::Lt => BinaryOperator::Lt,
        BinaryOp::LtEq => BinaryOperator::LtEq,
        BinaryOp::Gt => BinaryOperator::Gt,
        BinaryOp::GtEq => BinaryOperator::GtEq,
        _ => BinaryOperator::Eq,
    }
}

fn arithmetic_operator(op: BinaryOp) -> BinaryOperator {
    match op {
        BinaryOp::Subtract => BinaryOperator::Minus,
        BinaryOp::Multiply => BinaryOperator::Multiply,
        BinaryOp::Divide => BinaryOperator::Divide,
        BinaryOp::Modulo => BinaryOperator::Modulo,
        _ => BinaryOperator::Plus,
    }
}

/// The text literal that an expression is.
pub(crate) fn string_literal(expr: &Expr) -> Option<&StringLiteral> {
    match &expr.kind {
        ExprKind::Literal(Literal::String(literal)) => Some(literal),
        _ => None,
    }
}

/// A text literal as text.
pub(crate) fn text_literal(literal: &StringLiteral) -> Typed {
    Typed::single(build::text(&literal.value), Type::Keyword)
}

/// The types to which ES|QL casts a text literal beside them.
fn takes_text(ty: Type) -> bool {
    matches!(ty, Type::Date | Type::DateNanos | Type::Ip | Type::Version | Type::Boolean)
}
