//! Functions of text. Positions and lengths count characters.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::esql::ast::{Expr, ExprKind, Literal};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;

use super::{Build, Call, Function};

/// What TRIM takes away: the white space of Java, which leaves out the spaces that do not break.
const WHITE_SPACE: &str = "\u{9}\u{a}\u{b}\u{c}\u{d}\u{1c}\u{1d}\u{1e}\u{1f}\u{20}\u{1680}\u{2000}\u{2001}\u{2002}\
    \u{2003}\u{2004}\u{2005}\u{2006}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{205f}\u{3000}";

macro_rules! tests {
    ($name:literal, $summary:literal) => {
        Function {
            name: $name,
            signature: concat!($name, "(text, part) -> boolean"),
            summary: $summary,
            example: concat!("WHERE ", $name, "(process.name, \"ba\")"),
            arity: (2, 2),
            build: Build::Scalar(|lowering, call, _| {
                Some(Typed::single(build::call($name, texts(lowering, call, call.args)?), Type::Boolean))
            }),
        }
    };
}

macro_rules! trims {
    ($name:literal, $sql:literal, $summary:literal) => {
        Function {
            name: $name,
            signature: concat!($name, "(text) -> keyword"),
            summary: $summary,
            example: concat!("EVAL clean = ", $name, "(message)"),
            arity: (1, 1),
            build: Build::Scalar(|lowering, call, _| {
                let text = lowering.text_argument(call, call.args.first()?)?;
                Some(Typed::single(build::call($sql, [text, build::text(WHITE_SPACE)]), Type::Keyword))
            }),
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "to_lower",
        signature: "to_lower(text) -> keyword",
        summary: "the text in lower case",
        example: "WHERE to_lower(process.name) == \"bash\"",
        arity: (1, 1),
        build: Build::Scalar(|lowering, call, want| change_case(lowering, call, want, ["lower", "mv_lower"])),
    },
    Function {
        name: "to_upper",
        signature: "to_upper(text) -> keyword",
        summary: "the text in upper case",
        example: "EVAL name = to_upper(user.name)",
        arity: (1, 1),
        build: Build::Scalar(|lowering, call, want| change_case(lowering, call, want, ["upper", "mv_upper"])),
    },
    Function {
        name: "length",
        signature: "length(text) -> integer",
        summary: "how many characters a text has",
        example: "WHERE length(process.command_line) > 1000",
        arity: (1, 1),
        build: Build::Scalar(|lowering, call, _| {
            let text = lowering.text_argument(call, call.args.first()?)?;
            Some(Typed::single(build::call("character_length", [text]), Type::Integer))
        }),
    },
    Function {
        name: "concat",
        signature: "concat(text, text, ...) -> keyword",
        summary: "the texts joined, null where one is null",
        example: "EVAL who = concat(user.name, \"@\", host.name)",
        arity: (2, usize::MAX),
        build: Build::Scalar(|lowering, call, _| {
            let parts = texts(lowering, call, call.args)?;
            let join = |left, right| build::binary(left, BinaryOperator::StringConcat, right);
            Some(Typed::single(parts.into_iter().reduce(join)?, Type::Keyword))
        }),
    },
    tests!("starts_with", "whether a text starts with another"),
    tests!("ends_with", "whether a text ends with another"),
    tests!("contains", "whether a text holds another"),
    Function {
        name: "substring",
        signature: "substring(text, start[, length]) -> keyword",
        summary: "a part of a text, from a place counted from 1, or from the end where it is negative",
        example: "EVAL drive = substring(process.executable, 1, 2)",
        arity: (2, 3),
        build: Build::Scalar(substring),
    },
    trims!("trim", "btrim", "the text without white space around it"),
    trims!("ltrim", "ltrim", "the text without white space before it"),
    trims!("rtrim", "rtrim", "the text without white space behind it"),
];

/// The texts of arguments; every one is checked.
fn texts(lowering: &mut Lowering<'_>, call: &Call<'_>, args: &[Expr]) -> Option<Vec<Sql>> {
    let texts: Vec<Option<Sql>> = args.iter().map(|arg| lowering.text_argument(call, arg)).collect();
    texts.into_iter().collect()
}

/// Each value of a field for itself; where one is asked for, the case of the single value.
fn change_case(
    lowering: &mut Lowering<'_>,
    call: &Call<'_>,
    want: Want,
    [of_one, of_list]: [&str; 2],
) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.wanted(arg, want)?;
    if !value.ty.is_text() && value.ty != Type::Null {
        return lowering.refuse(call, "text", value.ty, arg.span);
    }
    let (multi, list) = (value.multi, value.list);
    let text = lowering.demand(value, Type::Keyword).sql;
    let changed = build::call(if multi { of_list } else { of_one }, [text]);
    Some(Typed { multi, list, ..Typed::single(changed, Type::Keyword) })
}

fn substring(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let (text, rest) = call.args.split_first()?;
    let text = lowering.text_argument(call, text)?;
    let (start, length) = (rest.first()?, rest.get(1));
    let first = match start.kind {
        ExprKind::Literal(Literal::Integer(at @ 1..)) => build::number(at),
        ExprKind::Literal(Literal::Integer(0)) => build::number(1),
        _ => from_end(&text, whole_number(lowering, call, start)?),
    };
    let mut args = vec![text, first];
    if let Some(expr) = length {
        let length = whole_number(lowering, call, expr)?;
        let literal = matches!(expr.kind, ExprKind::Literal(Literal::Integer(0..)));
        // SQL refuses a negative length, ES|QL's value is null.
        let valid = build::binary(length.clone(), BinaryOperator::GtEq, build::number(0));
        args.push(if literal { length } else { build::case(vec![(valid, length)], None) });
    }
    Some(Typed::single(build::call("substr", args), Type::Keyword))
}

fn whole_number(lowering: &mut Lowering<'_>, call: &Call<'_>, expr: &Expr) -> Option<Sql> {
    let value = lowering.number_argument(call, expr)?;
    if value.ty.is_whole_number() {
        Some(value.sql)
    } else {
        lowering.refuse(call, "a whole number", value.ty, expr.span)
    }
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
