//! Aggregates: one value of a group of rows. Each takes the condition of `aggregate WHERE condition` with it.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;

use super::{Build, Call, Function};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "count",
        signature: "count(* | any) -> long",
        summary: "how many rows there are, or how many values a column has",
        example: "STATS events = count(*)",
        arity: (0, 1),
        build: Build::Aggregate(count),
    },
    Function {
        name: "count_distinct",
        signature: "count_distinct(any[, precision]) -> long",
        summary: "how many distinct values a column has, exactly; the precision is not needed",
        example: "STATS hosts = count_distinct(host.name)",
        arity: (1, 2),
        build: Build::Aggregate(count_distinct),
    },
    Function {
        name: "values",
        signature: "values(any) -> list",
        summary: "the distinct values of a column, sorted, as a list",
        example: "STATS hosts = values(host.name)",
        arity: (1, 1),
        build: Build::Aggregate(values),
    },
    Function {
        name: "min",
        signature: "min(boolean | number | text | date | ip) -> the same",
        summary: "the smallest value",
        example: "STATS first = min(@timestamp)",
        arity: (1, 1),
        build: Build::Aggregate(|lowering, call| extreme(lowering, call, "min", "mv_min")),
    },
    Function {
        name: "max",
        signature: "max(boolean | number | text | date | ip) -> the same",
        summary: "the largest value",
        example: "STATS last = max(@timestamp)",
        arity: (1, 1),
        build: Build::Aggregate(|lowering, call| extreme(lowering, call, "max", "mv_max")),
    },
    Function {
        name: "sum",
        signature: "sum(number) -> long | double",
        summary: "the sum of the values",
        example: "STATS bytes = sum(source.bytes)",
        arity: (1, 1),
        build: Build::Aggregate(sum),
    },
    Function {
        name: "avg",
        signature: "avg(number) -> double",
        summary: "the mean of the values",
        example: "STATS mean = avg(source.bytes)",
        arity: (1, 1),
        build: Build::Aggregate(avg),
    },
];

/// The aggregate over the rows that its condition selects.
fn finish(lowering: &Lowering<'_>, aggregate: Sql) -> Sql {
    build::filtered(aggregate, lowering.aggregate_filter.as_ref())
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

fn count_distinct(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let value = lowering.whole(call.args.first()?)?;
    let counted = finish(lowering, build::call("count_distinct", [value.sql]));
    Some(Typed::single(counted, Type::Long))
}

fn values(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let value = lowering.whole(call.args.first()?)?;
    let ty = if value.ty == Type::Text { Type::Keyword } else { value.ty };
    let sql = finish(lowering, build::call("collect_set", [value.adapt(Type::Null).sql]));
    Some(Typed { multi: true, list: true, ..Typed::single(sql, ty) })
}

/// MIN and MAX. Addresses are compared by their bytes, so the extreme one is the first of an ordered group.
fn extreme(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str, of_list: &str) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.whole(arg)?;
    let multi = value.multi;
    let ty = if value.ty == Type::Text { Type::Keyword } else { value.ty };
    let value = value.adapt(Type::Null);
    let aggregate = match ty {
        Type::Version => return lowering.unsupported(arg.span, format_args!("{name} of versions")),
        Type::GeoPoint | Type::TimeSpan => {
            return lowering.refuse(call, "a value with an order", ty, arg.span);
        }
        Type::Ip => {
            let address = if multi { build::call(&format!("mv_{name}_ip"), [value.sql]) } else { value.sql };
            let key = build::order_key(build::call("ip_key", [address.clone()]), name == "max", false);
            build::call_ordered("first_value", address, key)
        }
        _ if multi => build::call(name, [build::call(of_list, [value.sql])]),
        _ => build::call(name, [value.sql]),
    };
    Some(Typed::single(finish(lowering, aggregate), ty))
}

fn sum(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let value = numbers(lowering, call)?;
    let ty = match value.ty {
        Type::Integer => Type::Long,
        ty => ty,
    };
    let summed = if value.multi { build::call("mv_sum", [value.sql]) } else { value.sql };
    Some(Typed::single(finish(lowering, build::call("sum", [summed])), ty))
}

/// AVG. Of lists, all values weigh the same, however they are spread over rows.
fn avg(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let value = numbers(lowering, call)?;
    if !value.multi {
        return Some(Typed::single(finish(lowering, build::call("avg", [value.sql])), Type::Double));
    }
    let total = |each: &str, sql| build::call("sum", [build::call(each, [sql])]);
    let sum = finish(lowering, total("mv_sum", value.sql.clone()));
    let sum = if value.ty == Type::Double { sum } else { build::cast(sum, Type::Double.sql()) };
    let count = finish(lowering, total("mv_count", value.sql));
    Some(Typed::single(build::binary(sum, BinaryOperator::Divide, count), Type::Double))
}

fn numbers(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let arg = call.args.first()?;
    let value = lowering.whole(arg)?;
    let value = lowering.demand(value, Type::Long);
    if value.ty.is_number() { Some(value) } else { lowering.refuse(call, "numbers", value.ty, arg.span) }
}
