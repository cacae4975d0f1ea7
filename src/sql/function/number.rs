//! Functions of numbers. Whole numbers have nothing to round.

use crate::esql::ast::{ExprKind, Literal};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;

use super::{Build, Call, Function};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "abs",
        signature: "abs(number) -> the same",
        summary: "the number without its sign",
        example: "EVAL distance = abs(a - b)",
        arity: (1, 1),
        build: Build::Scalar(|lowering, call, _| {
            let value = lowering.number_argument(call, call.args.first()?)?;
            Some(value.map(|sql| build::call("abs", [sql])))
        }),
    },
    Function {
        name: "floor",
        signature: "floor(number) -> the same",
        summary: "the number rounded down",
        example: "EVAL low = floor(ratio)",
        arity: (1, 1),
        build: Build::Scalar(|lowering, call, _| rounded(lowering, call, "floor")),
    },
    Function {
        name: "ceil",
        signature: "ceil(number) -> the same",
        summary: "the number rounded up",
        example: "EVAL high = ceil(ratio)",
        arity: (1, 1),
        build: Build::Scalar(|lowering, call, _| rounded(lowering, call, "ceil")),
    },
    Function {
        name: "round",
        signature: "round(number[, decimals]) -> the same",
        summary: "the number rounded to that many decimals, halves away from zero",
        example: "EVAL percent = round(100 * ratio, 1)",
        arity: (1, 2),
        build: Build::Scalar(round),
    },
];

fn rounded(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str) -> Option<Typed> {
    let value = lowering.number_argument(call, call.args.first()?)?;
    Some(if value.ty == Type::Double { value.map(|sql| build::call(name, [sql])) } else { value })
}

fn round(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let (number, decimals) = call.args.split_first()?;
    let value = lowering.number_argument(call, number)?;
    let places = match decimals.first() {
        None => None,
        Some(expr) => {
            let places = lowering.number_argument(call, expr)?;
            if !places.ty.is_whole_number() {
                return lowering.refuse(call, "a whole number of decimals", places.ty, expr.span);
            }
            let positive = matches!(expr.kind, ExprKind::Literal(Literal::Integer(0..)));
            if value.ty != Type::Double && !positive {
                return lowering.unsupported(expr.span, "rounding a whole number to a power of ten");
            }
            Some(places.sql)
        }
    };
    if value.ty != Type::Double {
        return Some(value);
    }
    Some(value.map(|sql| build::call("round", std::iter::once(sql).chain(places))))
}
