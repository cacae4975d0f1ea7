//! MV_*: functions of all the values of a field.

use datafusion::sql::sqlparser::ast::{DataType, Expr as Sql};

use crate::esql::ast::{Expr, ExprKind, Literal};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;

use super::{Call, Function, scalar};

/// One of the values.
macro_rules! picks {
    ($name:literal, $summary:literal, $gives:literal) => {
        scalar(
            ($name, concat!($name, "(any) -> the same")),
            (1, 1),
            $summary,
            (concat!($name, "([2, 3, 1])"), $gives),
            |lowering, call, _| pick(lowering, call, $name),
        )
    };
}

/// The values of two fields taken together.
macro_rules! combines {
    ($name:literal, $summary:literal, $example:literal, $gives:literal) => {
        scalar(
            ($name, concat!($name, "(any, any) -> the same")),
            (2, 2),
            $summary,
            (concat!($name, $example), $gives),
            |lowering, call, _| {
                let both = combined(lowering, call, $name)?;
                Some(Typed { multi: true, ..both })
            },
        )
    };
}

/// A test of the values of two fields.
macro_rules! tests {
    ($name:literal, $summary:literal, $example:literal) => {
        scalar(
            ($name, concat!($name, "(any, any) -> boolean")),
            (2, 2),
            $summary,
            (concat!($name, $example), "true"),
            |lowering, call, _| Some(Typed::single(combined(lowering, call, $name)?.sql, Type::Boolean)),
        )
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(
        ("mv_count", "mv_count(any) -> integer"),
        (1, 1),
        "how many values a field has",
        ("mv_count([\"a\", \"b\"])", "2"),
        |lowering, call, _| {
            let value = lowering.whole(call.args.first()?)?;
            Some(Typed::single(build::call("mv_count", [value.sql]), Type::Integer))
        },
    ),
    picks!("mv_min", "the smallest value", "1"),
    picks!("mv_max", "the largest value", "3"),
    picks!("mv_first", "the first value", "2"),
    picks!("mv_last", "the last value", "1"),
    scalar(
        ("mv_sum", "mv_sum(number) -> the same"),
        (1, 1),
        "the sum of the values",
        ("mv_sum([1, 2, 6])", "9"),
        mv_sum,
    ),
    scalar(
        ("mv_avg", "mv_avg(number) -> double"),
        (1, 1),
        "the mean of the values",
        ("mv_avg([1, 2, 6])", "3.0"),
        mv_avg,
    ),
    scalar(
        ("mv_dedupe", "mv_dedupe(any) -> the same"),
        (1, 1),
        "the values without repetitions",
        ("mv_dedupe([\"b\", \"a\", \"b\"])", "[\"b\",\"a\"]"),
        |lowering, call, _| {
            let value = lowering.whole(call.args.first()?)?;
            Some(if value.multi { value.map(|sql| build::call("mv_dedupe", [sql])) } else { value })
        },
    ),
    scalar(
        ("mv_sort", "mv_sort(any[, \"asc\" | \"desc\"]) -> the same"),
        (1, 2),
        "the values in order",
        ("mv_sort([2, 3, 1], \"desc\")", "[3,2,1]"),
        mv_sort,
    ),
    scalar(
        ("mv_concat", "mv_concat(text, separator) -> keyword"),
        (2, 2),
        "the values joined to one text",
        ("mv_concat([\"a\", \"b\"], \"-\")", "\"a-b\""),
        mv_concat,
    ),
    scalar(
        ("mv_slice", "mv_slice(any, start[, end]) -> the same"),
        (2, 3),
        "the values from one place to another, both included, counted from 0, or from the end where they are negative",
        ("mv_slice([\"a\", \"b\", \"c\"], 1, -1)", "[\"b\",\"c\"]"),
        mv_slice,
    ),
    scalar(
        ("mv_zip", "mv_zip(text, text[, delimiter]) -> keyword"),
        (2, 3),
        "the values of two fields joined in pairs",
        ("mv_zip([\"a\", \"b\"], [\"1\", \"2\"], \"-\")", "[\"a-1\",\"b-2\"]"),
        mv_zip,
    ),
    combines!("mv_append", "all values of both fields, null where one is null", "([1, 2], [2])", "[1,2,2]"),
    combines!("mv_union", "the distinct values of both fields", "([1, 2], [2, 3])", "[1,2,3]"),
    combines!("mv_intersection", "the distinct values that both fields have", "([1, 2], [2, 3, 1])", "[1,2]"),
    combines!(
        "mv_difference",
        "the distinct values of the first field that the second has not",
        "([1, 2, 3], 2)",
        "[1,3]"
    ),
    tests!("mv_contains", "whether the first field has all values of the second; null has none", "([1, 2], [2])"),
    tests!("mv_intersects", "whether two fields have a value in common; null has none", "([1, 2], [2, 3])"),
];

/// One of the values.
fn pick(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str) -> Option<Typed> {
    let value = lowering.whole(call.args.first()?)?;
    if !value.multi {
        return Some(Typed { list: false, ..value });
    }
    let orders = matches!(name, "mv_min" | "mv_max");
    let name = if orders { value.ty.of_list(name) } else { name.to_owned() };
    Some(Typed { multi: false, list: false, ..value.map(|sql| build::call(&name, [sql])) })
}

fn mv_sum(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.numbers_argument(call, arg)?;
    if !value.multi {
        return Some(Typed { list: false, ..value });
    }
    let sql = lowering.labelled("mv_sum", vec![value.sql], arg.span);
    // SQL adds up in 64 bits; an integer has 32.
    let sql = if value.ty == Type::Integer { build::try_cast(sql, DataType::Int(None)) } else { sql };
    Some(Typed::single(sql, value.ty))
}

fn mv_avg(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let value = lowering.numbers_argument(call, call.args.first()?)?;
    let sql = match value.ty {
        _ if value.multi => build::call("mv_avg", [value.sql]),
        Type::Double => value.sql,
        _ => build::cast(value.sql, Type::Double.sql()),
    };
    Some(Typed::single(sql, Type::Double))
}

fn mv_slice(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [values, start, rest @ ..] = call.args else { return None };
    let value = lowering.whole(values);
    let (first, last) = (
        lowering.whole_number_argument(call, start),
        lowering.whole_number_argument(call, rest.first().unwrap_or(start)),
    );
    let value = value?;
    let value = value.adapt(Type::Null);
    let (first, last) = (first?, last?);
    Some(Typed { multi: true, ..value.map(|sql| build::call("mv_slice", [sql, first, last])) })
}

fn mv_zip(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [left, right, rest @ ..] = call.args else { return None };
    let (left, right) = (lowering.texts_argument(call, left), lowering.texts_argument(call, right));
    let delimiter = match rest.first() {
        Some(delimiter) => lowering.text_argument(call, delimiter),
        None => Some(build::text(",")),
    };
    let args: Vec<Sql> = vec![left?.sql, right?.sql, delimiter?];
    Some(Typed { multi: true, list: true, ..Typed::single(build::call("mv_zip", args), Type::Keyword) })
}

/// A function of the values of two fields of one type.
fn combined(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str) -> Option<Typed> {
    let [left, right] = call.args else { return None };
    let (left, right) = (lowering.whole_beside(left, right), lowering.whole_beside(right, left));
    let (left, right) = (left?, right?);
    let Some(ty) = left.ty.unify(right.ty) else {
        return lowering.refuse(call, &format!("values of one type, here {}", left.ty.name()), right.ty, call.span);
    };
    let (left, right) = (lowering.demand(left, ty), lowering.demand(right, ty));
    let list = left.list || right.list;
    Some(Typed { list, ..Typed::single(build::call(name, [left.sql, right.sql]), ty) })
}

impl Lowering<'_> {
    /// All values of an expression; a text literal takes the type of the other one where ES|QL casts it.
    fn whole_beside(&mut self, expr: &Expr, other: &Expr) -> Option<Typed> {
        match string_literal(expr) {
            Some(literal) => {
                let ty = self.whole(other)?.ty;
                self.implicit(literal, ty)
            }
            None => self.whole(expr),
        }
    }
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
    let name = value.ty.of_list("mv_sort");
    Some(value.map(|sql| build::call(&name, std::iter::once(sql).chain(order.map(build::text)))))
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
