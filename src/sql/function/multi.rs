//! MV_*: functions of all the values of a field.

use datafusion::sql::sqlparser::ast::DataType;

use crate::esql::ast::{Expr, ExprKind, Literal};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;

use super::{Build, Call, Function};

macro_rules! picks {
    ($name:literal, $summary:literal) => {
        Function {
            name: $name,
            signature: concat!($name, "(any) -> the same"),
            summary: $summary,
            example: concat!("EVAL one = ", $name, "(host.ip)"),
            arity: (1, 1),
            build: Build::Scalar(|lowering, call, _| pick(lowering, call, $name)),
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "mv_count",
        signature: "mv_count(any) -> integer",
        summary: "how many values a field has",
        example: "WHERE mv_count(process.args) > 3",
        arity: (1, 1),
        build: Build::Scalar(|lowering, call, _| {
            let value = lowering.whole(call.args.first()?)?;
            Some(Typed::single(build::call("mv_count", [value.sql]), Type::Integer))
        }),
    },
    picks!("mv_min", "the smallest value"),
    picks!("mv_max", "the largest value"),
    Function {
        name: "mv_sum",
        signature: "mv_sum(number) -> the same",
        summary: "the sum of the values",
        example: "EVAL sent = mv_sum(destination.bytes)",
        arity: (1, 1),
        build: Build::Scalar(mv_sum),
    },
    Function {
        name: "mv_avg",
        signature: "mv_avg(number) -> double",
        summary: "the mean of the values",
        example: "EVAL mean = mv_avg(destination.bytes)",
        arity: (1, 1),
        build: Build::Scalar(mv_avg),
    },
    picks!("mv_first", "the first value"),
    picks!("mv_last", "the last value"),
    Function {
        name: "mv_dedupe",
        signature: "mv_dedupe(any) -> the same",
        summary: "the values without repetitions",
        example: "EVAL tags = mv_dedupe(tags)",
        arity: (1, 1),
        build: Build::Scalar(|lowering, call, _| {
            let value = lowering.whole(call.args.first()?)?;
            Some(if value.multi { value.map(|sql| build::call("mv_dedupe", [sql])) } else { value })
        }),
    },
    Function {
        name: "mv_sort",
        signature: "mv_sort(any[, \"asc\" | \"desc\"]) -> the same",
        summary: "the values in order",
        example: "EVAL tags = mv_sort(tags, \"desc\")",
        arity: (1, 2),
        build: Build::Scalar(mv_sort),
    },
    Function {
        name: "mv_concat",
        signature: "mv_concat(text, separator) -> keyword",
        summary: "the values joined to one text",
        example: "EVAL command = mv_concat(process.args, \" \")",
        arity: (2, 2),
        build: Build::Scalar(mv_concat),
    },
];

/// One of the values.
fn pick(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.whole(arg)?;
    if !value.multi {
        return Some(Typed { list: false, ..value });
    }
    let name = if matches!(name, "mv_min" | "mv_max") { ordering(lowering, &value, arg, name)? } else { name };
    Some(Typed { multi: false, list: false, ..value.map(|sql| build::call(name, [sql])) })
}

/// The SQL function that orders such values. Most lists are compared as SQL keeps them, addresses by their bytes.
fn ordering<'n>(lowering: &mut Lowering<'_>, value: &Typed, arg: &Expr, name: &'n str) -> Option<&'n str> {
    match (value.ty, name) {
        (Type::Version, _) => {
            lowering.unsupported(arg.span, format_args!("{name} of several values of type {}", value.ty.name()))
        }
        (Type::Ip, "mv_min") => Some("mv_min_ip"),
        (Type::Ip, "mv_max") => Some("mv_max_ip"),
        (Type::Ip, "mv_sort") => Some("mv_sort_ip"),
        _ => Some(name),
    }
}

fn mv_sum(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let value = numbers(lowering, call)?;
    if !value.multi {
        return Some(Typed { list: false, ..value });
    }
    let sql = build::call("mv_sum", [value.sql]);
    // SQL adds up in 64 bits; an integer has 32.
    let sql = if value.ty == Type::Integer { build::try_cast(sql, DataType::Int(None)) } else { sql };
    Some(Typed::single(sql, value.ty))
}

fn mv_avg(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let value = numbers(lowering, call)?;
    let sql = match value.ty {
        _ if value.multi => build::call("mv_avg", [value.sql]),
        Type::Double => value.sql,
        _ => build::cast(value.sql, Type::Double.sql()),
    };
    Some(Typed::single(sql, Type::Double))
}

/// All numbers of an argument.
fn numbers(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.whole(arg)?;
    let value = lowering.demand(value, Type::Long);
    if value.ty.is_number() { Some(value) } else { lowering.refuse(call, "numbers", value.ty, arg.span) }
}

fn mv_sort(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let (arg, rest) = call.args.split_first()?;
    let value = lowering.whole(arg)?;
    let mut order = None;
    if let Some(expr) = rest.first() {
        match string_literal(expr).map(|literal| literal.value.to_ascii_lowercase()).as_deref() {
            Some("asc") => {}
            Some("desc") => order = Some("desc"),
            _ => {
                let help = "write \"asc\" or \"desc\"";
                let code = crate::diagnostic::Code::BadLiteral;
                return lowering.fail(code, expr.span, "mv_sort does not know that order", Some(help));
            }
        }
    }
    if !value.multi {
        return Some(value);
    }
    let name = ordering(lowering, &value, arg, "mv_sort")?;
    Some(value.map(|sql| build::call(name, std::iter::once(sql).chain(order.map(build::text)))))
}

fn mv_concat(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [values, separator] = call.args else { return None };
    let value = lowering.whole(values);
    let separator_sql = lowering.text_argument(call, separator);
    let value = value?;
    let ExprKind::Literal(Literal::Null) = &values.kind else {
        let sql = match value.ty {
            Type::Keyword | Type::Text | Type::Null => lowering.demand(value, Type::Keyword).sql,
            ty => return lowering.refuse(call, "text", ty, values.span),
        };
        return Some(Typed::single(build::call("mv_concat", [sql, separator_sql?]), Type::Keyword));
    };
    Some(Typed::null())
}
