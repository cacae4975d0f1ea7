//! `glob_match`.

use datafusion::arrow::array::NullArray;
use datafusion::arrow::datatypes::DataType;
use proptest::prelude::*;
use std::sync::Arc;

use crate::encodings::{error, plan, register, rows, session, text, text_types};

const VALUES: [Option<&str>; 7] =
    [Some("/tmp/a"), Some("/tmp/go_build"), Some("100%"), None, Some(""), Some("é\nx.exe"), Some(r"C:\x")];

#[tokio::test]
async fn every_shape_over_every_encoding() {
    let cases = [
        ("'*'", ["true", "true", "true", "false", "true", "true", "true"]),
        ("'/tmp/a'", ["true", "false", "false", "-", "false", "false", "false"]),
        ("'/tmp/*'", ["true", "true", "false", "-", "false", "false", "false"]),
        ("'/tmp/go_*'", ["false", "true", "false", "-", "false", "false", "false"]),
        ("'100%*'", ["false", "false", "true", "-", "false", "false", "false"]),
        (r"'C:\\*'", ["false", "false", "false", "-", "false", "false", "true"]),
        ("'*.exe'", ["false", "false", "false", "-", "false", "true", "false"]),
        ("'*%'", ["false", "false", "true", "-", "false", "false", "false"]),
        ("'*go*'", ["false", "true", "false", "-", "false", "false", "false"]),
        ("'*o_b*'", ["false", "true", "false", "-", "false", "false", "false"]),
        ("'?'", ["false", "false", "false", "-", "false", "false", "false"]),
        ("'??x*e'", ["false", "false", "false", "-", "false", "true", "false"]),
        ("'/*/*o*d'", ["false", "true", "false", "-", "false", "false", "false"]),
        ("''", ["false", "false", "false", "-", "true", "false", "false"]),
        ("'/tmp/a', '100%', '*x', '*.exe', '*g?_*'", ["true", "true", "true", "-", "false", "true", "true"]),
        ("'a', '*', 'b*'", ["true", "true", "true", "false", "true", "true", "true"]),
        ("NULL, '/tmp/a'", ["true", "-", "-", "-", "-", "-", "-"]),
        ("NULL, '*'", ["true", "true", "true", "-", "true", "true", "true"]),
        ("NULL, '?*x*', '*o*d'", ["-", "true", "-", "-", "-", "true", "true"]),
    ];
    for data_type in text_types() {
        let (context, _) = session();
        register(&context, &[("x", text(&data_type, &VALUES))]);
        for (patterns, expected) in cases {
            // As written, simplified; and over a computed value, which is not rewritten.
            let sql = format!("SELECT glob_match(x, {patterns}), glob_match(concat(x, ''), {patterns}) FROM t");
            for (row, expected) in rows(&context, &sql).await.iter().zip(expected) {
                let (column, _) = row.split_once('|').unwrap();
                assert_eq!(column, expected, "{data_type} {patterns}");
            }
            let sql = format!("SELECT count(*) FROM t WHERE NOT glob_match(x, {patterns})");
            let no = expected.iter().filter(|verdict| **verdict == "false").count().to_string();
            assert_eq!(rows(&context, &sql).await, [no], "{data_type} {patterns}");
        }
    }
}

#[tokio::test]
async fn computed_values_are_matched_as_columns_are() {
    let (context, _) = session();
    register(&context, &[("x", text(&DataType::Utf8, &VALUES))]);
    let patterns = "'/TMP/A', '*.EXE', '*g?_*'";
    let sql = format!("SELECT glob_match(upper(x), {patterns}) FROM t");
    assert_eq!(rows(&context, &sql).await, ["true", "false", "false", "-", "false", "true", "false"]);
    let plan = plan(&context, &sql).await;
    assert_eq!(plan.matches("upper(x@0)").count(), 1, "{plan}");
}

#[tokio::test]
async fn patterns_in_columns() {
    let patterns = [Some("/tmp/?"), Some("/tmp/*"), Some("*"), Some("*"), None, Some("?\n*"), Some(r"C:\\*")];
    for value_type in text_types() {
        for pattern_type in text_types() {
            let (context, _) = session();
            register(&context, &[("x", text(&value_type, &VALUES)), ("p", text(&pattern_type, &patterns))]);
            let expected = ["true", "true", "true", "false", "-", "true", "true"];
            assert_eq!(rows(&context, "SELECT glob_match(x, p) FROM t").await, expected, "{value_type} {pattern_type}");
            let expected = ["true", "true", "true", "false", "true", "true", "true"];
            assert_eq!(rows(&context, "SELECT glob_match(x, p, '') FROM t").await, expected);
            let expected = ["true", "true", "true", "true", "-", "false", "false"];
            assert_eq!(rows(&context, "SELECT glob_match('/tmp/z', p) FROM t").await, expected);
        }
    }
}

#[tokio::test]
async fn bad_patterns_are_errors() {
    let (context, _) = session();
    register(&context, &[("x", text(&DataType::Utf8, &[Some("a")])), ("p", text(&DataType::Utf8, &[Some(r"a\b")]))]);
    assert_eq!(
        context.sql(r"SELECT glob_match(x, 'ok', 'C:\new*') FROM t").await.unwrap_err().strip_backtrace(),
        r"Error during planning: glob_match: 'C:\new*' is no pattern: found 'n' after the backslash at character 3, expected '*', '?' or '\'; write '\\' for a backslash itself"
    );
    assert!(error(&context, "SELECT glob_match(x, p) FROM t").await.contains(r"'a\b' is no pattern"));
    assert!(error(&context, "SELECT glob_match(x) FROM t").await.contains("found no pattern"));
    assert!(error(&context, "SELECT glob_match(1, 'a') FROM t").await.contains("found Int64 as the value"));
    assert!(error(&context, "SELECT glob_match(x, 1) FROM t").await.contains("found Int64 as a pattern"));
}

#[tokio::test]
async fn null_typed_values() {
    let (context, _) = session();
    register(&context, &[("n", Arc::new(NullArray::new(1)))]);
    assert_eq!(
        rows(&context, "SELECT glob_match(n, 'a*'), glob_match(n, '*'), glob_match(NULL, '?') FROM t").await,
        ["-|false|-"]
    );
}

/// Matches by trying every way.
fn naive(pattern: &[char], value: &[char]) -> bool {
    match (pattern, value) {
        ([], value) => value.is_empty(),
        (['*', rest @ ..], value) => (0..=value.len()).any(|skip| naive(rest, &value[skip..])),
        (['?', rest @ ..], [_, value @ ..]) => naive(rest, value),
        (['\\', literal, rest @ ..], [first, value @ ..]) => first == literal && naive(rest, value),
        ([literal, rest @ ..], [first, value @ ..]) if !matches!(literal, '*' | '?' | '\\') => {
            first == literal && naive(rest, value)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn planned_and_naive_agree(
        patterns in proptest::collection::vec(r"([ab%_é*?]|\\[*?\\]){0,5}", 1..5),
        values in proptest::collection::vec(proptest::option::of(r"[ab%_é\n*?\\]{0,5}"), 1..20),
        encoding in 0..7_usize,
    ) {
        let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
        let everything = patterns.iter().any(|pattern| !pattern.is_empty() && pattern.chars().all(|c| c == '*'));
        let expected: Vec<String> = values.iter().map(|value| match value {
            None if everything => "false".to_owned(),
            None => "-".to_owned(),
            Some(value) => {
                let value: Vec<char> = value.chars().collect();
                patterns.iter().any(|pattern| naive(&pattern.chars().collect::<Vec<_>>(), &value)).to_string()
            }
        }).collect();
        let literals = patterns.iter().map(|pattern| format!("'{pattern}'")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT glob_match(x, {literals}) FROM t");
        let got = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (context, _) = session();
            register(&context, &[("x", text(&text_types()[encoding], &values))]);
            rows(&context, &sql).await
        });
        prop_assert_eq!(got, expected, "{}", sql);
    }
}
