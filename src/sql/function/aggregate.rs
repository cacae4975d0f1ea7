//! Aggregates: one value of a group of rows. Each takes the condition of `aggregate WHERE condition` with it.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;

use super::{Call, Function, aggregate};

pub(super) static FUNCTIONS: &[Function] = &[
    aggregate(
        ("count", "count(* | any) -> long"),
        (0, 1),
        "how many rows there are, or how many values a column has",
        ("count(bytes)", "3"),
        count,
    ),
    aggregate(
        ("count_distinct", "count_distinct(any[, precision]) -> long"),
        (1, 2),
        "how many distinct values a column has, exactly; the precision is not needed",
        ("count_distinct(host)", "2"),
        count_distinct,
    ),
    aggregate(
        ("values", "values(any) -> list"),
        (1, 1),
        "the distinct values of a column, sorted, as a list",
        ("values(host)", "[\"a\",\"b\"]"),
        values,
    ),
    aggregate(
        ("min", "min(boolean | number | text | date | ip | version) -> the same"),
        (1, 1),
        "the smallest value",
        ("min(bytes)", "1"),
        |lowering, call| extreme(lowering, call, "min"),
    ),
    aggregate(
        ("max", "max(boolean | number | text | date | ip | version) -> the same"),
        (1, 1),
        "the largest value",
        ("max(host)", "\"b\""),
        |lowering, call| extreme(lowering, call, "max"),
    ),
    aggregate(("sum", "sum(number) -> long | double"), (1, 1), "the sum of the values", ("sum(bytes)", "9"), sum),
    aggregate(("avg", "avg(number) -> double"), (1, 1), "the mean of the values", ("avg(bytes)", "3.0"), avg),
    aggregate(
        ("present", "present(any) -> boolean"),
        (1, 1),
        "whether there is a value",
        ("present(bytes)", "true"),
        |lowering, call| compared_count(lowering, call, BinaryOperator::Gt),
    ),
    aggregate(
        ("absent", "absent(any) -> boolean"),
        (1, 1),
        "whether there is no value",
        ("absent(bytes)", "false"),
        |lowering, call| compared_count(lowering, call, BinaryOperator::Eq),
    ),
];

/// The aggregate over the rows that its condition selects.
pub(super) fn finish(lowering: &Lowering<'_>, aggregate: Sql) -> Sql {
    build::filtered(aggregate, lowering.aggregate_filter.as_ref())
}

/// All values of a group as one list, for functions of lists.
pub(super) fn gathered(lowering: &Lowering<'_>, value: Sql, multi: bool) -> Sql {
    let all = finish(lowering, build::call("array_agg", [value]));
    if multi { build::call("flatten", [all]) } else { all }
}

fn count(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let counted = match call.args.first() {
        None => finish(lowering, build::call_star("count")),
        Some(arg) => {
            let value = lowering.whole(arg)?;
            if value.multi {
                let counts = build::call("sum", [build::call("mv_count", [value.sql])]);
                build::call("coalesce", [finish(lowering, counts), build::number(0)])
            } else {
                finish(lowering, build::call("count", [value.sql]))
            }
        }
    };
    Some(Typed::single(counted, Type::Long))
}

fn compared_count(lowering: &mut Lowering<'_>, call: &Call<'_>, op: BinaryOperator) -> Option<Typed> {
    let counted = count(lowering, call)?;
    Some(Typed::single(build::binary(counted.sql, op, build::number(0)), Type::Boolean))
}

fn count_distinct(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let value = lowering.whole(call.args.first()?)?;
    let counted = finish(lowering, build::call("count_distinct", [value.sql]));
    Some(Typed::single(counted, Type::Long))
}

fn values(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let value = lowering.whole(call.args.first()?)?;
    let ty = if value.ty == Type::Text { Type::Keyword } else { value.ty };
    let sql = finish(lowering, build::call("collect_set", [value.adapt(Type::Null).sql]));
    // The set is in the order of texts, which is not that of addresses and versions.
    let sql = if ty.order_key().is_some() { build::call(&ty.of_list("mv_sort"), [sql]) } else { sql };
    Some(Typed { multi: true, list: true, ..Typed::single(sql, ty) })
}

/// MIN and MAX. Of what does not compare as it is kept, the extreme one is the first of an ordered group.
fn extreme(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.whole(arg)?;
    let multi = value.multi;
    let ty = if value.ty == Type::Text { Type::Keyword } else { value.ty };
    let value = value.adapt(Type::Null);
    if matches!(ty, Type::GeoPoint | Type::TimeSpan) {
        return lowering.refuse(call, "a value with an order", ty, arg.span);
    }
    let one = if multi { build::call(&ty.of_list(&format!("mv_{name}")), [value.sql]) } else { value.sql };
    let aggregate = match ty.order_key() {
        Some(key) => {
            let key = build::order_key(build::call(key, [one.clone()]), name == "max", false);
            build::call_ordered("first_value", one, key)
        }
        None => build::call(name, [one]),
    };
    Some(Typed::single(finish(lowering, aggregate), ty))
}

fn sum(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.whole(arg)?;
    // The sum of what is nothing but null has no type either.
    if value.is_null() {
        return Some(Typed::single(finish(lowering, build::call("min", [value.adapt(Type::Null).sql])), Type::Null));
    }
    let value = lowering.numbers_argument(call, arg)?;
    let ty = match value.ty {
        Type::Integer => Type::Long,
        ty => ty,
    };
    let summed = if value.multi { lowering.labelled("mv_sum", vec![value.sql], arg.span) } else { value.sql };
    Some(Typed::single(finish(lowering, build::call("sum", [summed])), ty))
}

/// AVG. Of lists, all values weigh the same, however they are spread over rows.
fn avg(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.numbers_argument(call, arg)?;
    if !value.multi {
        return Some(Typed::single(finish(lowering, build::call("avg", [value.sql])), Type::Double));
    }
    let total = |sql| build::call("sum", [sql]);
    let each = lowering.labelled("mv_sum", vec![value.sql.clone()], arg.span);
    let sum = finish(lowering, total(each));
    let sum = if value.ty == Type::Double { sum } else { build::cast(sum, Type::Double.sql()) };
    let count = finish(lowering, total(build::call("mv_count", [value.sql])));
    Some(Typed::single(build::binary(sum, BinaryOperator::Divide, count), Type::Double))
}
