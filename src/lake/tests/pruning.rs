//! Predicates reach the files, and windows include both their ends.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{
    ArrayRef, Date32Array, Int64Array, StringArray, StructArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use datafusion::arrow::datatypes::Field;

use super::support::{batch, explain, open, query, registered, rows, write, write_groups};
use crate::lake::{Ask, Window};

static NOTHING: Ask = Ask {
    wanted: Vec::new(),
    metadata: Vec::new(),
    fixed: Vec::new(),
    only: None,
    packed: Vec::new(),
    all_fields: false,
    window: None,
    on_time: None,
};

fn nested(os: &[Option<&str>]) -> ArrayRef {
    let leaf: ArrayRef = Arc::new(StringArray::from(os.to_vec()));
    let big: ArrayRef = Arc::new(StringArray::from(vec!["x"; os.len()]));
    let child = |n: &str, a: &ArrayRef| Arc::new(Field::new(n, a.data_type().clone(), true));
    let os: ArrayRef =
        Arc::new(StructArray::from(vec![(child("type", &leaf), leaf.clone()), (child("full", &big), big.clone())]));
    Arc::new(StructArray::from(vec![(child("os", &os), os.clone()), (child("name", &big), big.clone())]))
}

fn seconds(values: &[i64]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.iter().map(|v| v * 1_000_000).collect::<Vec<_>>()))
}

fn at(nanos: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(nanos)
}

fn window(field: &str, fallback: Option<&str>, from: DateTime<Utc>, to: DateTime<Utc>) -> Ask {
    let window = Window { field: field.into(), fallback: fallback.map(str::to_owned), from, to, known: None };
    Ask { window: Some(window), ..Ask::default() }
}

#[tokio::test]
async fn a_nested_leaf_is_filtered_in_the_scan() {
    let dir = tempfile::tempdir().unwrap();
    let columns = vec![("@timestamp", seconds(&[1, 2])), ("host", nested(&[Some("linux"), None]))];
    write(&dir.path().join("a.parquet"), &batch(columns));
    let lake = open(dir.path()).await.unwrap();
    let ctx = registered(&lake, &Ask::default(), 1).await;
    let sql = r#"SELECT "host.name" FROM events WHERE "host.os.type" = 'linux'"#;
    let plan = explain(&ctx, sql).await;
    assert!(!plan.contains("FilterExec"), "{plan}");
    assert!(plan.contains("predicate=get_field(host@0, os, type) = linux"), "{plan}");
    assert!(plan.contains("projection=[get_field(host@"), "{plan}");
    assert_eq!(query(&ctx, sql).await, ["x"]);
}

#[tokio::test]
async fn a_leaf_that_some_files_lack() {
    let dir = tempfile::tempdir().unwrap();
    let columns = vec![("@timestamp", seconds(&[1, 2])), ("host", nested(&[Some("linux"), None]))];
    write(&dir.path().join("a.parquet"), &batch(columns));
    write(&dir.path().join("b.parquet"), &batch(vec![("@timestamp", seconds(&[3]))]));
    let name: ArrayRef = Arc::new(StringArray::from(vec!["y"]));
    let only: ArrayRef =
        Arc::new(StructArray::from(vec![(Arc::new(Field::new("name", name.data_type().clone(), true)), name)]));
    write(&dir.path().join("c.parquet"), &batch(vec![("@timestamp", seconds(&[4])), ("host", only)]));
    let all = |sql: &'static str| rows(dir.path(), &NOTHING, sql);
    assert_eq!(all(r#"SELECT count(*) FROM events WHERE "host.os.type" = 'linux'"#).await, ["1"]);
    assert_eq!(all(r#"SELECT count(*) FROM events WHERE "host.os.type" IS NULL"#).await, ["3"]);
    assert_eq!(all(r#"SELECT count(*) FROM events WHERE NOT ("host.os.type" = 'linux')"#).await, ["0"]);
    assert_eq!(all(r#"SELECT "host.name" FROM events WHERE "host.name" = 'y'"#).await, ["y"]);
    assert_eq!(all(r#"SELECT count(*) FROM events WHERE "host.os.type" = 'linux' OR "host.name" = 'y'"#).await, ["2"]);
}

#[tokio::test]
async fn footers_answer_the_latest_instant() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("a.parquet"), &batch(vec![("@timestamp", seconds(&[1, 9]))]));
    write(&dir.path().join("b.parquet"), &batch(vec![("@timestamp", seconds(&[3, 4]))]));
    let lake = open(dir.path()).await.unwrap();
    let ctx = registered(&lake, &Ask::default(), 2).await;
    let sql = r#"SELECT max("@timestamp"), count(*) FROM events"#;
    let plan = explain(&ctx, sql).await;
    assert!(!plan.contains("DataSourceExec: file_groups"), "{plan}");
    assert_eq!(query(&ctx, sql).await, ["1970-01-01T00:00:09Z|4"]);
}

#[tokio::test]
async fn path_columns_prune_files() {
    let dir = tempfile::tempdir().unwrap();
    for day in 1..=3 {
        let path = dir.path().join(format!("date=2025-10-0{day}/n={day}/a.parquet"));
        write(&path, &batch(vec![("@timestamp", seconds(&[day]))]));
    }
    let lake = open(dir.path()).await.unwrap();
    let ctx = registered(&lake, &Ask::default(), 1).await;
    for (filter, files) in
        [("date = '2025-10-02'", 1), ("date >= '2025-10-02'", 2), ("n BETWEEN 2 AND 2", 1), ("n > 3", 0)]
    {
        let sql = format!(r#"SELECT "@timestamp" FROM events WHERE {filter}"#);
        let plan = explain(&ctx, &sql).await;
        assert_eq!(plan.matches("a.parquet").count(), files, "{plan}");
        assert_eq!(query(&ctx, &sql).await.len(), files, "{plan}");
    }
}

#[tokio::test]
async fn windows_prune_files_and_row_groups() {
    let dir = tempfile::tempdir().unwrap();
    let group = |range: std::ops::Range<i64>| batch(vec![("@timestamp", seconds(&range.collect::<Vec<_>>()))]);
    write_groups(&dir.path().join("a.parquet"), &[group(0..10), group(10..20), group(20..30)]);
    write_groups(&dir.path().join("b.parquet"), &[group(100..110)]);
    let ask = window("event.ingested", Some("@timestamp"), at(12_000_000_000), at(14_000_000_000));
    let lake = open(dir.path()).await.unwrap();
    let ctx = registered(&lake, &ask, 1).await;
    let sql = r#"SELECT "@timestamp" FROM events"#;
    let plan = explain(&ctx, sql).await;
    assert!(plan.contains("a.parquet") && !plan.contains("b.parquet"), "{plan}");
    assert!(plan.contains("predicate=@timestamp@0 >= 12000000 AND @timestamp@0 <= 14000000"), "{plan}");
    assert_eq!(query(&ctx, sql).await.len(), 3);
    let analyzed = query(&ctx, &format!("EXPLAIN ANALYZE {sql}")).await.join("\n");
    assert!(analyzed.contains("row_groups_pruned_statistics=1 total → 1 matched"), "{analyzed}");
}

async fn count(dir: &Path, ask: &Ask) -> String {
    rows(dir, ask, "SELECT count(*) FROM events").await.remove(0)
}

#[tokio::test]
async fn both_ends_of_a_window_belong_to_it() {
    let t = 1_759_312_800_i64;
    let columns: Vec<(ArrayRef, i64)> = vec![
        (Arc::new(TimestampSecondArray::from(vec![t])), 1_000_000_000),
        (Arc::new(TimestampMillisecondArray::from(vec![t * 1_000])), 1_000_000),
        (Arc::new(TimestampMicrosecondArray::from(vec![t * 1_000_000]).with_timezone("UTC")), 1_000),
        (Arc::new(TimestampNanosecondArray::from(vec![t * 1_000_000_000])), 1),
        (Arc::new(Int64Array::from(vec![t * 1_000])), 1_000_000),
        (Arc::new(StringArray::from(vec!["2025-10-01T10:00:00Z"])), 1_000),
    ];
    for (column, unit) in columns {
        let name = column.data_type().to_string();
        let dir = tempfile::tempdir().unwrap();
        let none: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
        write(&dir.path().join("a.parquet"), &batch(vec![("@timestamp", column), ("event.ingested", none)]));
        let t = t * 1_000_000_000;
        for (from, to, inside) in [
            (t, t, 1),
            (t - unit, t, 1),
            (t, t + unit, 1),
            (t + 1, t + unit, 0),
            (t - unit, t - 1, 0),
            (t - unit, t + unit, 1),
        ] {
            let found = count(dir.path(), &window("@timestamp", None, at(from), at(to))).await;
            assert_eq!(found, inside.to_string(), "{name} {from} {to}");
            let found = count(dir.path(), &window("event.ingested", Some("@timestamp"), at(from), at(to))).await;
            assert_eq!(found, inside.to_string(), "fallback {name} {from} {to}");
        }
        assert_eq!(count(dir.path(), &window("event.ingested", None, at(t), at(t))).await, "0");
    }
}

#[tokio::test]
async fn the_fallback_counts_only_where_the_field_is_null() {
    let dir = tempfile::tempdir().unwrap();
    let ingested: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(100_000_000), None, None]));
    let columns = vec![("@timestamp", seconds(&[5, 5, 50])), ("event.ingested", ingested)];
    write(&dir.path().join("a.parquet"), &batch(columns));
    let ask = window("event.ingested", Some("@timestamp"), at(0), at(10_000_000_000));
    assert_eq!(count(dir.path(), &ask).await, "1");
    let ask = window("event.ingested", Some("@timestamp"), at(90_000_000_000), at(110_000_000_000));
    assert_eq!(count(dir.path(), &ask).await, "1");
    let days: ArrayRef = Arc::new(Date32Array::from(vec![20_362, 20_363]));
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("a.parquet"), &batch(vec![("@timestamp", days)]));
    let day = 20_362 * 86_400_000_000_000;
    assert_eq!(count(dir.path(), &window("@timestamp", None, at(day), at(day + 5))).await, "1");
    assert_eq!(count(dir.path(), &window("@timestamp", None, at(day + 1), at(day + 5))).await, "0");
}

#[tokio::test]
async fn texts_that_are_no_instant_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["2025-10-01T10:00:00Z", "soon"]));
    write(&dir.path().join("a.parquet"), &batch(vec![("@timestamp", text)]));
    let lake = open(dir.path()).await.unwrap();
    let ctx = registered(&lake, &Ask::default(), 1).await;
    assert_eq!(query(&ctx, r#"SELECT "@timestamp" FROM events WHERE "@timestamp" IS NULL"#).await, ["-"]);
    let told = lake.tables()[0].take_unparsed();
    assert!(told.len() == 1 && told[0].contains("'@timestamp'") && told[0].contains("'soon'"), "{told:?}");
}
