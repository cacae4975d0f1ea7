//! Functions on fields of several values.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, ListArray, StringArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::prelude::SessionContext;
use egret_udfs::Warnings;

use crate::encodings::{error, plan, register, rows, session, text_types};

/// `[b, a, b]`, `[]`, null, `[c]`, `[null, d]`, `[null]` in a list of this element type.
fn texts(element: &DataType) -> ArrayRef {
    let values = StringArray::from(vec![Some("b"), Some("a"), Some("b"), Some("c"), None, Some("d"), None]);
    list(cast(&values, element).unwrap())
}

fn list(values: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([3, 0, 0, 1, 2, 1]);
    let nulls = NullBuffer::from(vec![true, true, false, true, true, true]);
    Arc::new(ListArray::new(field, offsets, values, Some(nulls)))
}

fn numbers() -> ArrayRef {
    list(Arc::new(Int64Array::from(vec![Some(2), Some(1), Some(2), Some(3), None, Some(4), None])))
}

/// A session whose table `t` has the lists as `x`, in every kind of list column.
fn sessions() -> Vec<(String, SessionContext, Warnings)> {
    let mut sessions = Vec::new();
    for element in text_types() {
        if matches!(element, DataType::RunEndEncoded(..)) {
            continue;
        }
        let small = texts(&element);
        let field = Arc::new(Field::new_list_field(element.clone(), true));
        let large = DataType::LargeList(field.clone());
        let large = cast(&small, &large).unwrap_or_else(|_| small.clone());
        for column in [small, large] {
            let (context, warnings) = session();
            let name = column.data_type().to_string();
            register(&context, &[("x", column)]);
            sessions.push((name, context, warnings));
        }
    }
    sessions
}

#[tokio::test]
async fn lists_of_text() {
    for (name, context, warnings) in sessions() {
        for (call, expected) in [
            ("mv_count(x)", ["3", "-", "-", "1", "1", "-"]),
            ("mv_first(x)", ["b", "-", "-", "c", "d", "-"]),
            ("mv_last(x)", ["b", "-", "-", "c", "d", "-"]),
            ("mv_min(x)", ["a", "-", "-", "c", "d", "-"]),
            ("mv_max(x)", ["b", "-", "-", "c", "d", "-"]),
            ("mv_dedupe(x)", ["[b, a]", "-", "-", "[c]", "[d]", "-"]),
            ("mv_clean(x)", ["[b, a]", "-", "-", "[c]", "[d]", "-"]),
            ("mv_sort(x)", ["[a, b, b]", "-", "-", "[c]", "[d]", "-"]),
            ("mv_sort(x, 'DESC')", ["[b, b, a]", "-", "-", "[c]", "[d]", "-"]),
            ("mv_concat(x, '+')", ["b+a+b", "-", "-", "c", "d", "-"]),
            ("mv_concat(x, NULL)", ["-", "-", "-", "-", "-", "-"]),
        ] {
            assert_eq!(rows(&context, &format!("SELECT {call} FROM t")).await, expected, "{name} {call}");
        }
        assert_eq!(rows(&context, "SELECT single_value(x) FROM t").await, ["-", "-", "-", "c", "d", "-"], "{name}");
        let taken = warnings.take();
        assert_eq!((taken.len(), taken[0].count, taken[0].subject.as_str()), (1, 1, "x"), "{name}");
        assert_eq!(taken[0].example, "[b, a, b]", "{name}");
    }
}

#[tokio::test]
async fn lists_of_numbers_keep_duplicates_when_cleaned() {
    let (context, _) = session();
    register(&context, &[("x", numbers())]);
    assert_eq!(rows(&context, "SELECT mv_clean(x) FROM t").await, ["[2, 1, 2]", "-", "-", "[3]", "[4]", "-"]);
    assert_eq!(rows(&context, "SELECT mv_dedupe(x) FROM t").await, ["[2, 1]", "-", "-", "[3]", "[4]", "-"]);
    assert_eq!(rows(&context, "SELECT mv_max(x) FROM t").await, ["2", "-", "-", "3", "4", "-"]);
}

#[tokio::test]
async fn one_row_a_value() {
    let (context, _) = session();
    register(&context, &[("x", numbers())]);
    let got = rows(&context, "SELECT unnest(mv_rows(x)) FROM t").await;
    assert_eq!(got, ["2", "1", "2", "-", "-", "3", "4", "-"]);
    let got = rows(&context, "SELECT unnest(mv_rows(column1)) FROM (VALUES ('a'), (NULL))").await;
    assert_eq!(got, ["a", "-"]);
    assert_eq!(rows(&context, "SELECT mv_rows(NULL), mv_rows(7)").await, ["[-]|[7]"]);
}

#[tokio::test]
async fn a_scalar_is_one_value() {
    for data_type in text_types() {
        let (context, warnings) = session();
        register(&context, &[("x", crate::encodings::text(&data_type, &[Some("b"), None]))]);
        for call in [
            "single_value(x)",
            "mv_clean(x)",
            "mv_min(x)",
            "mv_max(x)",
            "mv_first(x)",
            "mv_last(x)",
            "mv_dedupe(x)",
            "mv_sort(x, 'desc')",
            "mv_concat(x, ',')",
        ] {
            assert_eq!(rows(&context, &format!("SELECT {call} FROM t")).await, ["b", "-"], "{data_type} {call}");
        }
        assert_eq!(rows(&context, "SELECT mv_count(x) FROM t").await, ["1", "-"], "{data_type}");
        assert!(warnings.take().is_empty());
        if !matches!(data_type, DataType::RunEndEncoded(..)) {
            let plan = plan(&context, "SELECT single_value(mv_clean(mv_sort(x))) AS x FROM t").await;
            assert!(!plan.contains("single_value") && !plan.contains("mv_"), "{plan}");
        }
    }
}

#[tokio::test]
async fn literals_fold() {
    let (context, _) = session();
    let sql = "SELECT mv_sort(make_array(2, 3, 1), 'desc'), mv_concat(make_array('a', 'b'), ', '), mv_count(make_array(1, 1)), \
               single_value(make_array(5)), mv_dedupe(make_array('b', 'a', 'b')), mv_count(NULL)";
    assert_eq!(rows(&context, sql).await, ["[3, 2, 1]|a, b|2|5|[b, a]|-"]);
}

#[tokio::test]
async fn long_lists_are_deduplicated_in_order() {
    let (context, _) = session();
    let sql = "SELECT mv_dedupe(array_concat(range(40, 0, -1), range(0, 45)))";
    let expected: Vec<String> = (1..=40).rev().chain([0]).chain(41..45).map(|n: i32| n.to_string()).collect();
    assert_eq!(rows(&context, sql).await, [format!("[{}]", expected.join(", "))]);
}

#[tokio::test]
async fn wrong_arguments_are_errors() {
    let (context, _) = session();
    assert!(error(&context, "SELECT mv_sort(make_array(1), 'up')").await.contains("found 'up' as the order"));
    assert!(error(&context, "SELECT mv_concat(make_array(1), ',')").await.contains("expected a list of text"));
    assert!(error(&context, "SELECT mv_count(1, 2)").await.contains("found 2 arguments, expected one"));
    assert!(error(&context, "SELECT ip_key(make_array('::1'))").await.contains("single_value"));
}
