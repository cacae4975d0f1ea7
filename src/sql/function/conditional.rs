//! CASE, COALESCE, GREATEST and LEAST: the type is what all results have in common.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::esql::ast::Expr;

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;

use super::{Call, Function, MANY, scalar};

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(
        ("case", "case(condition, value, ...[, otherwise]) -> the values' type"),
        (2, MANY),
        "the value behind the first condition that is true, else the last argument, else null",
        ("case(2 > 1, \"large\", \"small\")", "\"large\""),
        case,
    ),
    scalar(
        ("coalesce", "coalesce(value, ...) -> the values' type"),
        (1, MANY),
        "the first value that is not null",
        ("coalesce(null, \"b\", \"c\")", "\"b\""),
        coalesce,
    ),
    scalar(
        ("greatest", "greatest(value, ...) -> the values' type"),
        (1, MANY),
        "the largest value, null where one is null",
        ("greatest(1, 3, 2)", "3"),
        |lowering, call, _| extreme(lowering, call, "greatest"),
    ),
    scalar(
        ("least", "least(value, ...) -> the values' type"),
        (1, MANY),
        "the smallest value, null where one is null",
        ("least(\"b\", \"a\")", "\"a\""),
        |lowering, call, _| extreme(lowering, call, "least"),
    ),
];

fn case(lowering: &mut Lowering<'_>, call: &Call<'_>, want: Want) -> Option<Typed> {
    let mut conditions = Vec::new();
    let mut results: Vec<&Expr> = Vec::new();
    let mut otherwise = false;
    for pair in call.args.chunks(2) {
        match pair {
            [condition, result] => {
                conditions.push(lowering.condition(condition));
                results.push(result);
            }
            [last] => {
                results.push(last);
                otherwise = true;
            }
            _ => {}
        }
    }
    let results = results.into_iter().map(|expr| lowering.wanted(expr, want)).collect();
    let arms = unify(lowering, call, results)?;
    let conditions = conditions.into_iter().collect::<Option<Vec<Sql>>>()?;
    let mut values = arms.values;
    let last = if otherwise { values.pop() } else { None };
    let sql = build::case(conditions.into_iter().zip(values).collect(), last);
    Some(Typed { multi: arms.multi, list: arms.list, ..Typed::single(sql, arms.ty) })
}

fn coalesce(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    // Always whole: the first value that is there may be a list, and then no later one counts.
    let values = call.args.iter().map(|expr| lowering.whole(expr)).collect();
    let arms = unify(lowering, call, values)?;
    let sql = build::call("coalesce", arms.values);
    Some(Typed { multi: arms.multi, list: arms.list, ..Typed::single(sql, arms.ty) })
}

/// GREATEST and LEAST; of a field with several values its own extreme one counts.
fn extreme(lowering: &mut Lowering<'_>, call: &Call<'_>, name: &str) -> Option<Typed> {
    let of_list = if name == "greatest" { "mv_max" } else { "mv_min" };
    let value = |lowering: &mut Lowering<'_>, expr: &Expr| {
        let value = lowering.whole(expr)?;
        let function = value.ty.of_list(of_list);
        let value = if value.multi { value.map(|sql| build::call(&function, [sql])) } else { value };
        Some(Typed { multi: false, list: false, ..value })
    };
    let values: Vec<Option<Typed>> = call.args.iter().map(|expr| value(lowering, expr)).collect();
    let arms = unify(lowering, call, values)?;
    if matches!(arms.ty, Type::GeoPoint | Type::TimeSpan) {
        return lowering.refuse(call, "values with an order", arms.ty, call.span);
    }
    let known = arms.values.iter().filter(|value| !build::is_literal(value));
    let known = known.map(|value| build::is_null(value.clone(), true));
    let known = known.reduce(|left, right| build::binary(left, BinaryOperator::And, right));
    let picked = match arms.ty.order_key() {
        None => build::call(name, arms.values),
        Some(key) => arms.values.into_iter().reduce(|best, next| {
            let (left, right) = (build::call(key, [best.clone()]), build::call(key, [next.clone()]));
            let op = if name == "greatest" { BinaryOperator::GtEq } else { BinaryOperator::LtEq };
            build::case(vec![(build::binary(left, op, right), best)], Some(next))
        })?,
    };
    // SQL passes over nulls.
    let sql = if let Some(known) = known { build::case(vec![(known, picked)], None) } else { picked };
    Some(Typed::single(sql, arms.ty))
}

/// Values of one type.
pub(super) struct Arms {
    pub(super) values: Vec<Sql>,
    pub(super) ty: Type,
    pub(super) multi: bool,
    pub(super) list: bool,
}

/// The values with one type; lists all of them where one is.
pub(super) fn unify(lowering: &mut Lowering<'_>, call: &Call<'_>, values: Vec<Option<Typed>>) -> Option<Arms> {
    let values = values.into_iter().collect::<Option<Vec<Typed>>>()?;
    let mut ty = Type::Null;
    for value in &values {
        let Some(both) = ty.unify(value.ty) else {
            let expected = format!("values of one type, here {}", ty.name());
            return lowering.refuse(call, &expected, value.ty, call.span);
        };
        ty = both;
    }
    let multi = values.iter().any(|value| value.multi);
    let list = values.iter().any(|value| value.list);
    let values = values.into_iter().map(|value| lowering.demand(value, ty)).map(|value| match (multi, value.multi) {
        (true, false) => build::call("mv_clean", [build::call("make_array", [value.sql])]),
        _ => value.sql,
    });
    let values = values.collect();
    Some(Arms { values, ty, multi, list })
}
