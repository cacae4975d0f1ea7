//! Aggregates over the rows of a group.

use egret::esql::ast::Expr;

use super::expr::{Scope, string};
use super::value::{Cell, Row, Value, single, sorted};

const AGGREGATES: [&str; 9] = ["count", "count_distinct", "values", "sum", "avg", "min", "max", "top", "median"];

pub(super) fn is_aggregate(name: &str) -> bool {
    AGGREGATES.contains(&name)
}

/// What an aggregate gives for the rows of a group.
pub(super) fn of_group(scope: Scope<'_>, name: &str, args: &[Expr], star: bool, group: &[Row]) -> Cell {
    if name == "count" && (star || args.is_empty()) {
        return vec![Value::Long(group.len() as i64)];
    }
    let values: Cell = group.iter().flat_map(|row| scope.of(row).cell(&args[0])).collect();
    match name {
        "count" => vec![Value::Long(values.len() as i64)],
        "count_distinct" => vec![Value::Long(distinct_sorted(values).len() as i64)],
        "values" => distinct_sorted(values),
        "sum" => summed(&values),
        "avg" => {
            let numbers: Vec<f64> = values.iter().filter_map(Value::number).collect();
            if numbers.is_empty() {
                Vec::new()
            } else {
                vec![Value::Double(numbers.iter().sum::<f64>() / numbers.len() as f64)]
            }
        }
        "min" => sorted(values).into_iter().take(1).collect(),
        "max" => sorted(values).pop().into_iter().collect(),
        "top" => {
            let count = single(&scope.cell(&args[1])).and_then(Value::whole).unwrap() as usize;
            let mut values = sorted(values);
            if string(&args[2]).eq_ignore_ascii_case("desc") {
                values.reverse();
            }
            values.truncate(count);
            values
        }
        name => panic!("no aggregate {name}"),
    }
}

fn distinct_sorted(values: Cell) -> Cell {
    // Sorted first, equal values are neighbours.
    let mut values = sorted(values);
    values.dedup();
    values
}

fn summed(values: &[Value]) -> Cell {
    if values.is_empty() {
        return Vec::new();
    }
    let whole: Option<Vec<i64>> = values.iter().map(Value::whole).collect();
    match whole {
        Some(numbers) => vec![Value::Long(numbers.iter().sum())],
        None => vec![Value::Double(values.iter().filter_map(Value::number).sum())],
    }
}

#[test]
fn distinct_values_of_a_list() {
    assert_eq!(distinct_sorted(vec![Value::Long(2), Value::Long(1), Value::Long(2)]), [Value::Long(1), Value::Long(2)]);
}
