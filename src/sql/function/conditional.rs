//! CASE and COALESCE: the type is what all results have in common.

use datafusion::sql::sqlparser::ast::Expr as Sql;

use crate::esql::ast::Expr;

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;

use super::{Build, Call, Function};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "case",
        signature: "case(condition, value, ...[, otherwise]) -> the values' type",
        summary: "the value behind the first condition that is true, else the last argument, else null",
        example: "EVAL size = case(bytes > 1000, \"large\", \"small\")",
        arity: (2, usize::MAX),
        build: Build::Scalar(case),
    },
    Function {
        name: "coalesce",
        signature: "coalesce(value, ...) -> the values' type",
        summary: "the first value that is not null",
        example: "EVAL who = coalesce(user.name, user.id)",
        arity: (1, usize::MAX),
        build: Build::Scalar(coalesce),
    },
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

struct Arms {
    values: Vec<Sql>,
    ty: Type,
    multi: bool,
    list: bool,
}

/// The values with one type; lists all of them where one is.
fn unify(lowering: &mut Lowering<'_>, call: &Call<'_>, values: Vec<Option<Typed>>) -> Option<Arms> {
    let values = values.into_iter().collect::<Option<Vec<Typed>>>()?;
    let mut ty = Type::Null;
    for value in &values {
        let Some(both) = ty.unify(value.ty) else {
            let expected = format!("values of one type, here {}", ty.name());
            return lowering.refuse(call, &expected, value.ty, call.span);
        };
        ty = if ty == Type::Integer && value.ty == Type::Integer { Type::Integer } else { both };
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
