//! Arithmetic of whole numbers that is null where the result does not exist.

use std::sync::Arc;

use datafusion::arrow::array::{Int32Array, Int64Array, UInt64Array};

use crate::encodings::{error, register, rows, session};

#[tokio::test]
async fn results_that_do_not_fit_are_null_and_counted() {
    let (context, warnings) = session();
    let numbers = Int64Array::from(vec![Some(i64::MAX), Some(1), None, Some(i64::MIN)]);
    register(&context, &[("x", Arc::new(numbers)), ("y", Arc::new(Int32Array::from(vec![1, 0, 0, -1])))]);
    for (call, expected) in [
        ("checked_add(x, y)", ["-", "1", "-", "-"]),
        ("checked_sub(x, y)", ["9223372036854775806", "1", "-", "-9223372036854775807"]),
        ("checked_mul(x, y)", ["9223372036854775807", "0", "-", "-"]),
        ("checked_div(x, y)", ["9223372036854775807", "-", "-", "-"]),
        ("checked_rem(x, y)", ["0", "-", "-", "0"]),
        ("checked_neg(x)", ["-9223372036854775807", "-1", "-", "-"]),
        ("checked_add(x, 1, 'int')", ["-", "2", "-", "-"]),
        ("checked_sub(y, 1, 'bigint unsigned')", ["0", "-", "-", "-"]),
        ("checked_add(NULL, x)", ["-", "-", "-", "-"]),
    ] {
        assert_eq!(rows(&context, &format!("SELECT {call} FROM t")).await, expected, "{call}");
    }
    let taken = warnings.take();
    let found: Vec<_> = taken.iter().map(|w| (w.function.as_str(), w.subject.as_str(), w.count)).collect();
    assert!(found.contains(&("checked_add", "x + y", 2)), "{found:?}");
    assert!(found.contains(&("checked_div", "x / y", 1)), "{found:?}");
    assert!(found.contains(&("checked_add", "x + 1", 2)), "{found:?}");
    assert_eq!(
        rows(&context, "SELECT checked_mul(checked_add(y, 1), x, 'bigint', '(y + 1) * x') FROM t").await,
        ["-", "1", "-", "0"]
    );
    let nested = warnings.take();
    assert_eq!(nested[0].subject, "(y + 1) * x");
    let by_zero = taken.iter().find(|w| w.function == "checked_rem").unwrap();
    assert_eq!((by_zero.message.as_str(), by_zero.example.as_str()), ("division by zero, taken as null", "1, 0"));
}

#[tokio::test]
async fn widths_and_types() {
    let (context, _) = session();
    register(&context, &[("u", Arc::new(UInt64Array::from(vec![u64::MAX, 1])))]);
    assert_eq!(
        rows(&context, "SELECT checked_sub(u, 1, 'bigint unsigned') FROM t").await,
        ["18446744073709551614", "0"]
    );
    assert_eq!(rows(&context, "SELECT checked_sub(u, 2) FROM t").await, ["-", "-1"]);
    assert_eq!(rows(&context, "SELECT checked_mul(u, u, 'bigint unsigned') FROM t").await, ["-", "1"]);
    let sql = "SELECT arrow_typeof(checked_add(1, 1)), arrow_typeof(checked_add(1, 1, 'int')), \
               arrow_typeof(checked_neg(1, 'BIGINT UNSIGNED'))";
    assert_eq!(rows(&context, sql).await, ["Int64|Int32|UInt64"]);
    assert_eq!(
        rows(&context, "SELECT checked_rem(-7, 2), checked_div(-7, 2), checked_add(1, NULL)").await,
        ["-1|-3|-"]
    );
}

#[tokio::test]
async fn literals_fold() {
    let (context, _) = session();
    register(&context, &[("x", Arc::new(Int64Array::from(vec![1])))]);
    let plan = crate::encodings::plan(&context, "SELECT x FROM t WHERE x > checked_add(2, 3)").await;
    assert!(!plan.contains("checked_add") && plan.contains("Int64(5)"), "{plan}");
}

#[tokio::test]
async fn wrong_arguments_are_errors() {
    let (context, _) = session();
    assert!(error(&context, "SELECT checked_add(1.5, 1)").await.contains("expected whole numbers"));
    assert!(error(&context, "SELECT checked_add(1)").await.contains("found 1 arguments"));
    assert!(error(&context, "SELECT checked_add(1, 2, 'short')").await.contains("found 'short' as the type"));
    assert!(error(&context, "SELECT checked_neg(1, 2)").await.contains("as the type"));
}
