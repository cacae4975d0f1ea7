//! Comparisons, IN and arithmetic: which types go together, and what ES|QL means where SQL means something else.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::diagnostic::{Code, Span};
use crate::esql::ast::{BinaryOp, Expr, ExprKind, Literal, StringLiteral};

use super::build;
use super::catalog::Type;
use super::expr::{Typed, is_visible_column};
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
            Type::Boolean | Type::GeoPoint => {
                let message = format!("`{}` does not compare {}", op.symbol(), ty.name());
                return self.fail(Code::TypeMismatch, span, message, Some("compare it with == or !="));
            }
            ty => match ty.order_key() {
                Some(key) => (build::call(key, [left.sql]), build::call(key, [right.sql])),
                None => (left.sql, right.sql),
            },
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
            (date, BinaryOp::Add | BinaryOp::Subtract, _) if date.is_date() && right.is_null() => {
                return Some(Typed::null().adapt(date));
            }
            (_, BinaryOp::Add, date) if date.is_date() && left.is_null() => return Some(Typed::null().adapt(date)),
            _ => {}
        }
        let known = left.ty.unify(right.ty);
        let ty = match known {
            Some(Type::Null) if left.is_null() && right.is_null() => return Some(Typed::null().adapt(Type::Null)),
            Some(Type::Null) => Type::Long,
            Some(ty) if ty.is_number() => ty,
            _ => return self.mismatch(&format!("`{}`", op.symbol()), left.ty, right.ty, span),
        };
        // What is not known to be of 32 bits may have 64.
        let unknown = left.unknown.is_some() || right.unknown.is_some();
        let ty = if ty == Type::Integer && unknown { Type::Long } else { ty };
        let (left, right) = (self.demand(left, ty), self.demand(right, ty));
        Some(Typed::single(self.calculated(op, left.sql, right.sql, ty, span), ty))
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
        Some(if negative { Typed::single(self.negated(value.sql, ty, span), ty) } else { value })
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
    pub(crate) fn implicit(&mut self, literal: &StringLiteral, ty: Type) -> Option<Typed> {
        if takes_text(ty) { self.cast_literal(literal, ty) } else { Some(text_literal(literal)) }
    }

    /// Arithmetic as ES|QL means it, the one place where it is written: what does not fit the type is null, and so is a
    /// division by zero. The operators of SQL stay where that cannot happen.
    fn calculated(&self, op: BinaryOp, left: Sql, right: Sql, ty: Type, span: Span) -> Sql {
        let divides = matches!(op, BinaryOp::Divide | BinaryOp::Modulo);
        if !ty.is_whole_number() {
            let tame = divides && is_at_least_one(&right);
            // What is infinite or no number stays so through all that follows, unless something is divided by it.
            let right = if divides { right } else { unchecked(right) };
            let made = build::binary(unchecked(left), arithmetic_operator(op), right);
            return if tame { made } else { self.labelled("finite", vec![made], span) };
        }
        if divides && is_nonzero(&right) {
            return build::binary(left, arithmetic_operator(op), right);
        }
        let name = match op {
            BinaryOp::Subtract => "checked_sub",
            BinaryOp::Multiply => "checked_mul",
            BinaryOp::Divide => "checked_div",
            BinaryOp::Modulo => "checked_rem",
            _ => "checked_add",
        };
        self.checked_call(name, vec![left, right], ty, span)
    }

    /// The value with the other sign; a literal always fits.
    pub(crate) fn negated(&self, sql: Sql, ty: Type, span: Span) -> Sql {
        if ty.is_whole_number() && !is_number_literal(&sql) {
            return self.checked_call("checked_neg", vec![sql], ty, span);
        }
        build::minus(sql)
    }

    /// A function of checked arithmetic; it spells a warning as the author does where its operands are columns and
    /// numbers.
    fn checked_call(&self, name: &str, mut args: Vec<Sql>, ty: Type, span: Span) -> Sql {
        let plain = args.iter().all(|arg| is_visible_column(arg) || is_number_literal(arg));
        let width = width(ty);
        if !plain {
            args.push(build::text(width.unwrap_or("bigint")));
            args.push(build::text(&self.written(span)));
        } else if let Some(width) = width {
            args.push(build::text(width));
        }
        build::call(name, args)
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

/// What tells the functions of checked arithmetic how wide a result may be; 64 bits where nothing does.
fn width(ty: Type) -> Option<&'static str> {
    match ty {
        Type::Integer => Some("int"),
        Type::UnsignedLong => Some("bigint unsigned"),
        _ => None,
    }
}

fn is_number_literal(expr: &Sql) -> bool {
    use datafusion::sql::sqlparser::ast::{Value, ValueWithSpan};
    matches!(expr, Sql::Value(ValueWithSpan { value: Value::Number(..), .. }))
}

/// The number before it was made sure that it is finite.
fn unchecked(expr: Sql) -> Sql {
    use datafusion::sql::sqlparser::ast::{FunctionArg, FunctionArgExpr, FunctionArguments};
    if let Sql::Function(function) = &expr
        && function.name.to_string() == "finite"
        && let FunctionArguments::List(list) = &function.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))) = list.args.first()
    {
        return inner.clone();
    }
    expr
}

/// Whether a division by the literal cannot leave the range of a double.
fn is_at_least_one(expr: &Sql) -> bool {
    use datafusion::sql::sqlparser::ast::{Value, ValueWithSpan};
    let Sql::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) = expr else { return false };
    digits.parse::<f64>().is_ok_and(|number| number >= 1.0)
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
