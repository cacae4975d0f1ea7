//! Aggregates that pick some of the values of a group.

use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::diagnostic::Code;
use crate::esql::ast::{Expr, ExprKind, Literal};
use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;

use super::aggregate::gathered;
use super::{Call, Function, aggregate};

pub(super) static FUNCTIONS: &[Function] = &[
    aggregate(
        ("first", "first(any, date | number) -> the same"),
        (2, 2),
        "the value of the row that comes first by the second argument",
        ("first(host, @timestamp)", "\"a\""),
        |lowering, call| at_end(lowering, call, false),
    ),
    aggregate(
        ("last", "last(any, date | number) -> the same"),
        (2, 2),
        "the value of the row that comes last by the second argument",
        ("last(bytes, @timestamp)", "6"),
        |lowering, call| at_end(lowering, call, true),
    ),
    aggregate(
        ("top", "top(any, count[, \"asc\" | \"desc\"[, any]]) -> list"),
        (2, 4),
        "the smallest or largest values, repetitions included, or the values of another column beside them",
        ("top(bytes, 2, \"desc\")", "[6,2]"),
        top,
    ),
    aggregate(
        ("sample", "sample(any, count) -> list"),
        (2, 2),
        "some of the values, here always the smallest ones",
        ("sample(bytes, 2)", "[1,2]"),
        sample,
    ),
];

/// FIRST and LAST: a row whose value is null does not count, one whose key is null comes behind all others.
fn at_end(lowering: &mut Lowering<'_>, call: &Call<'_>, descending: bool) -> Option<Typed> {
    let [value, by] = call.args else { return None };
    let (value, key) = (lowering.whole(value), lowering.single(by));
    let (value, key) = (value?, key?);
    let key = lowering.demand(key, Type::Date);
    if !key.ty.is_date() && !key.ty.is_number() {
        return lowering.refuse(call, "a date or number as its second argument", key.ty, by.span);
    }
    let known = build::is_null(value.sql.clone(), true);
    let known = match lowering.aggregate_filter.clone() {
        Some(filter) => build::binary(filter, BinaryOperator::And, known),
        None => known,
    };
    let order = build::order_key(key.sql, descending, false);
    let ty = if value.ty == Type::Text { Type::Keyword } else { value.ty };
    let picked = value
        .adapt(Type::Null)
        .map(|sql| build::filtered(build::call_ordered("first_value", sql, order), Some(&known)));
    Some(Typed { ty, ..picked })
}

fn top(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let [field, count, rest @ ..] = call.args else { return None };
    let (last, value) = (last_place(lowering, call, count), lowering.whole(field));
    let descending = match rest.first() {
        None => false,
        Some(order) => match string_literal(order).map(|literal| literal.value.to_ascii_lowercase()).as_deref() {
            Some("asc") => false,
            Some("desc") => true,
            _ => {
                let help = Some("write \"asc\" or \"desc\"");
                return lowering.fail(Code::BadLiteral, order.span, "top does not know that order", help);
            }
        },
    };
    let (last, value) = (last?, value?);
    let ty = if value.ty == Type::Text { Type::Keyword } else { value.ty };
    let (list, ty) = match rest.get(1) {
        None => (sorted(lowering, &Typed { ty, ..value.adapt(Type::Null) }, descending), ty),
        Some(output) => {
            let (key, output) = (lowering.single(field)?, lowering.single(output)?);
            let key = key.ty.order_key().map_or(key.sql.clone(), |function| build::call(function, [key.sql]));
            let known = build::is_null(key.clone(), true);
            let ordered = build::call_ordered("array_agg", output.sql, build::order_key(key, descending, false));
            let filter = match lowering.aggregate_filter.clone() {
                Some(filter) => build::binary(filter, BinaryOperator::And, known),
                None => known,
            };
            (build::filtered(ordered, Some(&filter)), output.ty)
        }
    };
    let sql = build::call("mv_slice", [list, build::number(0), last]);
    Some(Typed { multi: true, list: true, ..Typed::single(sql, ty) })
}

fn sample(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let [field, count] = call.args else { return None };
    let (last, value) = (last_place(lowering, call, count), lowering.whole(field));
    let (last, value) = (last?, value?);
    let ty = if value.ty == Type::Text { Type::Keyword } else { value.ty };
    let list = sorted(lowering, &Typed { ty, ..value.adapt(Type::Null) }, false);
    let sql = build::call("mv_slice", [list, build::number(0), last]);
    Some(Typed { multi: true, list: true, ..Typed::single(sql, ty) })
}

/// All values of a group, in order.
fn sorted(lowering: &Lowering<'_>, value: &Typed, descending: bool) -> datafusion::sql::sqlparser::ast::Expr {
    let all = gathered(lowering, value.sql.clone(), value.multi);
    let order = descending.then(|| build::text("desc"));
    build::call(&value.ty.of_list("mv_sort"), std::iter::once(all).chain(order))
}

/// The place of the last one of that many values.
fn last_place(
    lowering: &mut Lowering<'_>,
    call: &Call<'_>,
    count: &Expr,
) -> Option<datafusion::sql::sqlparser::ast::Expr> {
    if let ExprKind::Literal(Literal::Integer(count @ 1..)) = count.kind {
        return Some(build::number(count - 1));
    }
    let message =
        format!("{} takes how many values there are to be as a number above zero", call.name.text.to_lowercase());
    lowering.fail(Code::Arguments, count.span, message, Some("write a number, such as 10"))
}
