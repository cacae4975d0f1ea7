//! Functions that take text apart, repeat it or turn it round. Positions count characters, from 1.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::esql::ast::{Expr, ExprKind, Literal};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;

use super::{Call, Function, scalar};

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(
        ("substring", "substring(text, start[, length]) -> keyword"),
        (2, 3),
        "a part of a text, from a place counted from 1, or from the end where it is negative",
        ("substring(\"egret\", -3, 2)", "\"re\""),
        substring,
    ),
    scalar(
        ("left", "left(text, length) -> keyword"),
        (2, 2),
        "the first characters of a text",
        ("left(\"egret\", 2)", "\"eg\""),
        |lowering, call, _| end(lowering, call, "left"),
    ),
    scalar(
        ("right", "right(text, length) -> keyword"),
        (2, 2),
        "the last characters of a text",
        ("right(\"egret\", 2)", "\"et\""),
        |lowering, call, _| end(lowering, call, "right"),
    ),
    scalar(
        ("locate", "locate(text, part[, start]) -> integer"),
        (2, 3),
        "the place of a part in a text, at or behind the start; 0 where there is none",
        ("locate(\"egret\", \"e\", 2)", "4"),
        locate,
    ),
    scalar(
        ("split", "split(text, delimiter) -> keyword"),
        (2, 2),
        "the parts of a text between delimiters, as several values",
        ("split(\"a;b;a\", \";\")", "[\"a\",\"b\",\"a\"]"),
        |lowering, call, _| {
            let parts = lowering.of_texts(call, "split_text", Type::Keyword)?;
            Some(Typed { multi: true, list: true, ..parts })
        },
    ),
    scalar(
        ("repeat", "repeat(text, count) -> keyword"),
        (2, 2),
        "the text that many times over, null where the count is negative",
        ("repeat(\"ab\", 2)", "\"abab\""),
        |lowering, call, _| {
            let [text, count] = call.args else { return None };
            let (text, count) = (lowering.text_argument(call, text), count_argument(lowering, call, count));
            Some(Typed::single(build::call("repeat", [text?, count?]), Type::Keyword))
        },
    ),
    scalar(
        ("space", "space(count) -> keyword"),
        (1, 1),
        "that many blanks",
        ("space(2)", "\"  \""),
        |lowering, call, _| {
            let count = count_argument(lowering, call, call.args.first()?)?;
            Some(Typed::single(build::call("repeat", [build::text(" "), count]), Type::Keyword))
        },
    ),
    scalar(
        ("reverse", "reverse(text) -> keyword"),
        (1, 1),
        "the text from its end to its start",
        ("reverse(\"egret\")", "\"terge\""),
        |lowering, call, _| lowering.of_texts(call, "reverse_text", Type::Keyword),
    ),
];

fn substring(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let (text, rest) = call.args.split_first()?;
    let text = lowering.text_argument(call, text)?;
    let (start, length) = (rest.first()?, rest.get(1));
    let first = match start.kind {
        ExprKind::Literal(Literal::Integer(at @ 1..)) => build::number(at),
        ExprKind::Literal(Literal::Integer(0)) => build::number(1),
        _ => from_end(&text, lowering.whole_number_argument(call, start)?),
    };
    let mut args = vec![text, first];
    if let Some(expr) = length {
        // SQL refuses a negative length, ES|QL's value is null.
        args.push(count_argument(lowering, call, expr)?);
    }
    Some(Typed::single(build::call("substr", args), Type::Keyword))
}

/// A count, null where it is negative.
fn count_argument(lowering: &mut Lowering<'_>, call: &Call<'_>, expr: &Expr) -> Option<Sql> {
    let count = lowering.whole_number_argument(call, expr)?;
    if matches!(expr.kind, ExprKind::Literal(Literal::Integer(0..))) {
        return Some(count);
    }
    let valid = build::binary(count.clone(), BinaryOperator::GtEq, build::number(0));
    Some(build::case(vec![(valid, count)], None))
}

/// LEFT and RIGHT: of a negative length nothing is left, where SQL counts from the other end.
fn end(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str) -> Option<Typed> {
    let [text, length] = call.args else { return None };
    let (text, count) = (lowering.text_argument(call, text), lowering.whole_number_argument(call, length));
    let (text, count) = (text?, count?);
    let literal = matches!(length.kind, ExprKind::Literal(Literal::Integer(0..)));
    let negative = build::binary(count.clone(), BinaryOperator::Lt, build::number(0));
    let count = if literal { count } else { build::case(vec![(negative, build::number(0))], Some(count)) };
    Some(Typed::single(build::call(name, [text, count]), Type::Keyword))
}

fn locate(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [text, part, rest @ ..] = call.args else { return None };
    let (text, part) = (lowering.text_argument(call, text), lowering.text_argument(call, part));
    let start = rest.first().map(|start| lowering.whole_number_argument(call, start));
    let (text, part) = (text?, part?);
    let sql = match start {
        None => build::call("strpos", [text, part]),
        Some(start) => {
            let start = build::call("greatest", [start?, build::number(1)]);
            let found = build::call("strpos", [build::call("substr", [text, start.clone()]), part]);
            let behind = build::binary(
                build::binary(found.clone(), BinaryOperator::Plus, start),
                BinaryOperator::Minus,
                build::number(1),
            );
            let positive = build::binary(found.clone(), BinaryOperator::Gt, build::number(0));
            build::case(vec![(positive, behind)], Some(found))
        }
    };
    Some(Typed::single(sql, Type::Integer))
}

/// The place, from 1, that a start of any sign means.
fn from_end(text: &Sql, start: Sql) -> Sql {
    let zero = || build::number(0);
    let length = build::call("character_length", [text.clone()]);
    let from_end = build::binary(
        build::binary(length, BinaryOperator::Plus, start.clone()),
        BinaryOperator::Plus,
        build::number(1),
    );
    let clamped = build::call("greatest", [from_end, build::number(1)]);
    let negative = build::binary(start.clone(), BinaryOperator::Lt, zero());
    let first = build::binary(start.clone(), BinaryOperator::Eq, zero());
    build::case(vec![(negative, clamped), (first, build::number(1))], Some(start))
}
