//! Functions that round numbers, compare them or keep them within bounds. Whole numbers have nothing to round.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::diagnostic::Code;
use crate::esql::ast::{Expr, ExprKind, Literal};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;

use super::conditional::unify;
use super::{Call, Function, MANY, scalar};

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(("abs", "abs(number) -> the same"), (1, 1), "the number without its sign", ("abs(-1.5)", "1.5"), abs),
    scalar(("floor", "floor(number) -> the same"), (1, 1), "the number rounded down", ("floor(1.8)", "1.0"), {
        |lowering, call, _| rounded(lowering, call, "floor")
    }),
    scalar(("ceil", "ceil(number) -> the same"), (1, 1), "the number rounded up", ("ceil(1.2)", "2.0"), {
        |lowering, call, _| rounded(lowering, call, "ceil")
    }),
    scalar(
        ("round", "round(number[, decimals]) -> the same"),
        (1, 2),
        "the number rounded to that many decimals, halves away from zero",
        ("round(2.25, 1)", "2.3"),
        round,
    ),
    scalar(
        ("round_to", "round_to(number | date, point, ...) -> the same"),
        (2, MANY),
        "the largest of the points that is not larger, or the smallest point",
        ("round_to(17, 0, 10, 20)", "10"),
        round_to,
    ),
    scalar(
        ("signum", "signum(number) -> double"),
        (1, 1),
        "1, 0 or -1 by the sign of a number",
        ("signum(-7)", "-1.0"),
        |lowering, call, _| {
            let number = lowering.double_argument(call, call.args.first()?)?;
            Some(Typed::single(build::call("signum", [number]), Type::Double))
        },
    ),
    scalar(
        ("clamp", "clamp(value, least, most) -> the values' type"),
        (3, 3),
        "the value kept between two others",
        ("clamp(17, 0, 10)", "10"),
        |lowering, call, _| clamp(lowering, call, &["greatest", "least"]),
    ),
    scalar(
        ("clamp_min", "clamp_min(value, least) -> the values' type"),
        (2, 2),
        "the value, or the least one where it is smaller",
        ("clamp_min(-1, 0)", "0"),
        |lowering, call, _| clamp(lowering, call, &["greatest"]),
    ),
    scalar(
        ("clamp_max", "clamp_max(value, most) -> the values' type"),
        (2, 2),
        "the value, or the largest one where it is larger",
        ("clamp_max(17, 10)", "10"),
        |lowering, call, _| clamp(lowering, call, &["least"]),
    ),
];

/// A whole number without a counterpart above zero has no such value.
fn abs(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let value = lowering.number_argument(call, call.args.first()?)?;
    if !matches!(value.ty, Type::Integer | Type::Long) {
        return Some(value.map(|sql| build::call("abs", [sql])));
    }
    let ty = value.ty;
    let negative = build::binary(value.sql.clone(), BinaryOperator::Lt, build::number(0));
    let turned = lowering.negated(value.sql.clone(), ty, call.span);
    Some(Typed::single(build::case(vec![(negative, turned)], Some(value.sql)), ty))
}

fn rounded(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str) -> Option<Typed> {
    let value = lowering.number_argument(call, call.args.first()?)?;
    Some(if value.ty == Type::Double { value.map(|sql| build::call(name, [sql])) } else { value })
}

fn round(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let (number, decimals) = call.args.split_first()?;
    let value = lowering.number_argument(call, number)?;
    let Some(expr) = decimals.first() else {
        return Some(if value.ty == Type::Double { value.map(|sql| build::call("round", [sql])) } else { value });
    };
    let places = lowering.whole_number_argument(call, expr)?;
    let positive = matches!(expr.kind, ExprKind::Literal(Literal::Integer(0..)));
    if value.ty == Type::Double {
        return Some(value.map(|sql| build::call("round", [sql, places])));
    }
    if positive {
        return Some(value);
    }
    let ty = value.ty;
    let rounded = build::call("round", [build::cast(value.sql, Type::Double.sql()), places]);
    Some(Typed::single(build::cast(rounded, ty.sql()), ty))
}

fn round_to(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let values = call.args.iter().map(|expr| lowering.single(expr)).collect();
    let arms = unify(lowering, call, values)?;
    if !arms.ty.is_number() && !arms.ty.is_date() {
        return lowering.refuse(call, "numbers or dates", arms.ty, call.span);
    }
    let (value, points) = arms.values.split_first()?;
    let fits = |point: &Sql| build::binary(value.clone(), BinaryOperator::GtEq, point.clone());
    // The largest point that fits, whatever order they are written in.
    let fitting = points.iter().map(|point| build::case(vec![(fits(point), point.clone())], None));
    let lowest = build::call("least", points.iter().cloned());
    let nearest = build::call("coalesce", [build::call("greatest", fitting), lowest]);
    let known = build::is_null(value.clone(), true);
    Some(Typed::single(build::case(vec![(known, nearest)], None), arms.ty))
}

fn clamp(lowering: &mut Lowering<'_>, call: &Call<'_>, steps: &[&str]) -> Option<Typed> {
    let values = call.args.iter().map(|expr| lowering.single(expr)).collect();
    let arms = unify(lowering, call, values)?;
    if !arms.ty.is_number() && !arms.ty.is_date() && !arms.ty.is_text() {
        return lowering.refuse(call, "numbers, dates or texts", arms.ty, call.span);
    }
    let (value, bounds) = arms.values.split_first()?;
    let kept =
        steps.iter().zip(bounds).fold(value.clone(), |kept, (step, bound)| build::call(step, [kept, bound.clone()]));
    let known = arms.values.iter().filter(|value| !build::is_literal(value));
    let known = known.map(|value| build::is_null(value.clone(), true));
    let known = known.reduce(|left, right| build::binary(left, BinaryOperator::And, right));
    let sql = if let Some(known) = known { build::case(vec![(known, kept)], None) } else { kept };
    Some(Typed::single(sql, arms.ty))
}

impl Lowering<'_> {
    /// The single number of an argument, as a double.
    pub(super) fn double_argument(&mut self, call: &Call<'_>, expr: &Expr) -> Option<Sql> {
        let value = self.number_argument(call, expr)?;
        Some(if value.ty == Type::Double { value.sql } else { build::cast(value.sql, Type::Double.sql()) })
    }

    /// The number literal that an argument must be.
    pub(super) fn number_value(&mut self, call: &Call<'_>, expr: &Expr) -> Option<f64> {
        match &expr.kind {
            ExprKind::Literal(Literal::Integer(value)) => Some(*value as f64),
            ExprKind::Literal(Literal::Double(value)) => Some(*value),
            ExprKind::Unary { negative, operand } => {
                let value = self.number_value(call, operand)?;
                Some(if *negative { -value } else { value })
            }
            _ => {
                let message = format!("{} takes a literal number here", call.name.text.to_lowercase());
                self.fail(Code::Arguments, expr.span, message, Some("write the number itself"))
            }
        }
    }

    /// The same in SQL.
    pub(super) fn number_literal(&mut self, call: &Call<'_>, expr: &Expr) -> Option<Sql> {
        self.number_value(call, expr)?;
        Some(self.single(expr)?.sql)
    }
}
