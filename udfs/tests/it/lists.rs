//! Functions on fields of several values.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, ListArray, StringArray, UInt64Array};
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
            ("mv_upper(x)", ["[B, A, B]", "-", "-", "[C]", "[D]", "-"]),
            ("mv_lower(x)", ["[b, a, b]", "-", "-", "[c]", "[d]", "-"]),
            ("mv_cast(x, 'varchar')", ["[b, a, b]", "-", "-", "[c]", "[d]", "-"]),
            ("mv_cast(x, 'boolean')", ["[false, false, false]", "-", "-", "[false]", "[false]", "-"]),
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
async fn numbers_add_up() {
    let (context, warnings) = session();
    let big = list(Arc::new(UInt64Array::from(vec![u64::MAX - 1, 1, 1, 7, 0, 0, 0])));
    register(&context, &[("x", numbers()), ("u", big)]);
    assert_eq!(rows(&context, "SELECT mv_sum(x) FROM t").await, ["5", "-", "-", "3", "4", "-"]);
    let got = rows(&context, "SELECT mv_sum(mv_cast(x, 'double')) FROM t").await;
    assert_eq!(got, ["5.0", "-", "-", "3.0", "4.0", "-"]);
    let got = rows(&context, "SELECT mv_avg(x) FROM t").await;
    assert_eq!(got, ["1.6666666666666667", "-", "-", "3.0", "4.0", "-"]);
    assert!(warnings.take().is_empty());
    assert_eq!(rows(&context, "SELECT mv_sum(u) FROM t").await, ["-", "-", "-", "7", "0", "0"]);
    let taken = warnings.take();
    assert_eq!((taken.len(), taken[0].count, taken[0].subject.as_str()), (1, 1, "u"));
    let sql = "SELECT mv_sum(arrow_cast(7, 'Int16')), mv_avg(7), mv_sum(NULL), mv_sum(make_array(1.5, NULL, 2))";
    assert_eq!(rows(&context, sql).await, ["7|7.0|-|3.5"]);
    assert!(error(&context, "SELECT mv_sum(make_array('1'))").await.contains("expected numbers"));
}

#[tokio::test]
async fn values_convert_one_by_one_and_failing_ones_are_dropped() {
    let (context, warnings) = session();
    let sql = "SELECT mv_cast(make_array('1', 'x', '2.5', NULL, '-0.6'), 'bigint'), \
               mv_cast(make_array('1', '3000000000'), 'int'), mv_cast(make_array('x', 'y'), 'double'), \
               mv_cast('True', 'boolean'), mv_cast('x', 'bigint')";
    assert_eq!(rows(&context, sql).await, ["[1, 3, -1]|[1]|-|true|-"]);
    let counts: Vec<_> = warnings.take().into_iter().map(|w| (w.message, w.example)).collect();
    let expected = [("a long", "x"), ("a double", "x"), ("an integer", "3000000000")];
    for (target, example) in expected {
        let message = format!("not convertible to {target}, dropped");
        assert!(counts.iter().any(|found| found.0 == message && found.1 == example), "{target} {counts:?}");
    }
    let sql = "SELECT mv_cast(make_array(true, false), 'varchar'), mv_cast(make_array(true), 'bigint'), \
               mv_cast(make_array(1, 0), 'boolean'), mv_cast(make_array(0.5, -0.5, 1.49), 'bigint'), \
               mv_cast(make_array(12, -7), 'varchar'), mv_cast(make_array(1700000000123), 'timestamp'), \
               mv_cast(make_array(true), 'double')";
    let expected = "[true, false]|[1]|[true, false]|[1, 0, 1]|[12, -7]|[2023-11-14T22:13:20.123Z]|[1.0]";
    assert_eq!(rows(&context, sql).await, [expected]);
    let sql = "SELECT mv_cast(make_array(TIMESTAMP WITH TIME ZONE '2024-01-31T12:00:00.5Z'), 'varchar'), \
               mv_cast(make_array(TIMESTAMP WITH TIME ZONE '1970-01-01T00:00:01.5Z'), 'bigint')";
    assert_eq!(rows(&context, sql).await, ["[2024-01-31T12:00:00.500Z]|[1500]"]);
    assert!(warnings.take().is_empty());
}

/// What a scalar becomes is what the SQL of a scalar conversion makes of it.
#[tokio::test]
async fn values_convert_as_sql_converts_them() {
    let (context, _) = session();
    let texts =
        ["1", "-3", "+4", " 5", "1.5", "-1.5", "1e3", "", "x", "NaN", "inf", "9223372036854775807", "1e30", "tRue"];
    register(&context, &[("x", crate::encodings::text(&DataType::Utf8View, &texts.map(Some)))]);
    for (target, scalar) in [
        ("bigint", "coalesce(TRY_CAST(x AS BIGINT), TRY_CAST(floor(TRY_CAST(x AS DOUBLE) + 0.5) AS BIGINT))"),
        (
            "int",
            "coalesce(TRY_CAST(TRY_CAST(x AS BIGINT) AS INT), TRY_CAST(floor(TRY_CAST(x AS DOUBLE) + 0.5) AS INT))",
        ),
        // What is no finite number is none.
        ("double", "CASE WHEN abs(TRY_CAST(x AS DOUBLE)) < 'inf'::DOUBLE THEN TRY_CAST(x AS DOUBLE) END"),
        ("boolean", "lower(x) = 'true'"),
    ] {
        let expected = rows(&context, &format!("SELECT {scalar} FROM t")).await;
        assert_eq!(rows(&context, &format!("SELECT mv_cast(x, '{target}') FROM t")).await, expected, "{target}");
        let one = rows(&context, &format!("SELECT single_value(mv_cast(make_array(x), '{target}')) FROM t")).await;
        assert_eq!(one, expected, "{target}");
    }
}

#[tokio::test]
async fn addresses_have_an_order_of_their_own() {
    for element in text_types().into_iter().filter(|element| !matches!(element, DataType::RunEndEncoded(..))) {
        let (context, _) = session();
        let values = StringArray::from(vec![
            Some("10.0.0.1"),
            Some("9.0.0.1"),
            Some("::1"),
            Some("fe80::1"),
            Some("n/a"),
            Some("::1"),
            None,
        ]);
        register(&context, &[("x", list(cast(&values, &element).unwrap()))]);
        for (call, expected) in [
            ("mv_min_ip(x)", ["::1", "-", "-", "fe80::1", "::1", "-"]),
            ("mv_max_ip(x)", ["10.0.0.1", "-", "-", "fe80::1", "::1", "-"]),
            ("mv_sort_ip(x)", ["[::1, 9.0.0.1, 10.0.0.1]", "-", "-", "[fe80::1]", "[::1]", "-"]),
            ("mv_sort_ip(x, 'desc')", ["[10.0.0.1, 9.0.0.1, ::1]", "-", "-", "[fe80::1]", "[::1]", "-"]),
        ] {
            assert_eq!(rows(&context, &format!("SELECT {call} FROM t")).await, expected, "{element} {call}");
        }
    }
    let (context, _) = session();
    assert_eq!(
        rows(&context, "SELECT mv_min_ip('9.0.0.1'), mv_sort_ip('::1'), mv_max_ip(NULL)").await,
        ["9.0.0.1|::1|-"]
    );
    assert!(error(&context, "SELECT mv_min_ip(make_array(1.5))").await.contains("expected addresses"));
    assert!(error(&context, "SELECT mv_sort_ip(make_array(true))").await.contains("expected addresses"));
}

/// A slice of a list column refers to elements that are not its own.
#[tokio::test]
async fn elements_of_other_rows_are_not_looked_at() {
    let (context, warnings) = session();
    let values = StringArray::from(vec!["x", "1", "y", "2", "3", "4", "z"]);
    register(&context, &[("x", list(Arc::new(values)))]);
    let sql = "SELECT mv_cast(x, 'bigint') FROM t";
    assert_eq!(rows(&context, sql).await, ["[1]", "-", "-", "[2]", "[3, 4]", "-"]);
    assert_eq!(warnings.take()[0].count, 3);
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
            "mv_lower(x)",
            "mv_cast(x, 'varchar')",
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
    assert!(error(&context, "SELECT mv_lower(make_array(1))").await.contains("expected text or a list of text"));
    assert!(error(&context, "SELECT mv_cast(make_array('x'), 'date')").await.contains("found 'date' as the type"));
    assert!(error(&context, "SELECT mv_cast(make_array(true), 'timestamp')").await.contains("does not convert"));
    assert!(error(&context, "SELECT mv_count(1, 2)").await.contains("found 2 arguments, expected one"));
    assert!(error(&context, "SELECT ip_key(make_array('::1'))").await.contains("single_value"));
}
