//! Events of more fields than a query can read: those that it only carries along come out as they went in.

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::nested::write_nested;
use super::program::egret;

const FIELDS: usize = 250;
const EVENTS: usize = 60;

fn name(field: usize) -> String {
    format!("part{}.f{field:03}", field % 7)
}

/// One event an hour; every field is there in some events only, every third in some as a list.
fn event(at: usize) -> Map<String, Value> {
    let mut event = Map::new();
    event.insert("@timestamp".to_owned(), format!("2026-10-0{}T{:02}:30:00.000Z", 1 + at / 24, at % 24).into());
    event.insert("n".to_owned(), (at * 37 % EVENTS).into());
    event.insert("kind".to_owned(), ["a", "b", "c"][at % 3].into());
    for field in (0..FIELDS).filter(|field| !(field + at).is_multiple_of(5)) {
        let value = match (field % 3, at % 4) {
            (0, 1) => json!([format!("v{at}"), format!("w{field}")]),
            (0, _) => json!(format!("v{}", at + field)),
            (1, _) => json!(at * field),
            _ => json!(at.is_multiple_of(2)),
        };
        event.insert(name(field), value);
    }
    event
}

/// The events as JSON and as nested Parquet.
fn files(folder: &TempDir) -> [PathBuf; 2] {
    let [json, parquet] = ["events.ndjson", "events.parquet"].map(|name| folder.path().join(name));
    let lines: Vec<String> = (0..EVENTS).map(|at| Value::Object(event(at)).to_string()).collect();
    fs::write(&json, lines.join("\n") + "\n").unwrap();
    assert!(write_nested(&json, &parquet) > FIELDS);
    [json, parquet]
}

/// The rows that `FROM events | WHERE n >= least | INLINE STATS c = COUNT(*) BY kind | SORT n DESC` has, by hand.
fn expected(least: usize) -> Vec<Value> {
    let mut events: Vec<Map<String, Value>> = (0..EVENTS).map(event).collect();
    events.retain(|event| event["n"].as_u64().unwrap() >= least as u64);
    events.sort_by_key(|event| std::cmp::Reverse(event["n"].as_u64()));
    let count = |kind: &Value| events.iter().filter(|event| event["kind"] == *kind).count();
    let row = |event: &Map<String, Value>| {
        let mut row = event.clone();
        (0..FIELDS).for_each(|field| _ = row.entry(name(field)).or_insert(Value::Null));
        row.insert("c".to_owned(), count(&event["kind"]).into());
        Value::Object(row)
    };
    events.iter().map(row).collect()
}

const QUERY: &str = "FROM events | WHERE n >= 7 | INLINE STATS c = COUNT(*) BY kind | SORT n DESC";

#[test]
fn rows_carry_every_field() {
    let folder = TempDir::new().unwrap();
    let rule = folder.path().join("all.esql");
    fs::write(&rule, QUERY).unwrap();
    for events in files(&folder) {
        let [rule, events] = [&rule, &events].map(|path| path.display().to_string());
        let ran = egret(&["run", &rule, "--events", &events, "--all-time", "--format", "ndjson"]).expect(0);
        assert_eq!(ran.rows(), expected(7), "{events}");
        let told = egret(&["explain", &rule, "--events", &events, "--all-time"]).expect(0).stdout;
        assert!(told.contains("UnpackExec"), "{told}");
        let fields = egret(&["fields", &rule, "--events", &events, "--all-time", "--format", "json"]).expect(0);
        assert!(fields.stdout.contains("part3.f003"), "{}", fields.stdout);
    }
}

#[test]
fn replays_and_alerts_carry_every_field() {
    let folder = TempDir::new().unwrap();
    let [all, first, plain] =
        ["all.esql", "first.esql", "plain.esql"].map(|name| folder.path().join(name).display().to_string());
    fs::write(&all, QUERY).unwrap();
    fs::write(&first, format!("{QUERY} | LIMIT 3")).unwrap();
    fs::write(&plain, "FROM events | EVAL m = n * 2 | WHERE m >= 14 | SORT m").unwrap();
    let asked =
        [(&all, &[][..]), (&first, &[]), (&all, &["--as", "alerts"]), (&plain, &["--sweep", "m >= {14,40,100}"])];
    for events in files(&folder).map(|path| path.display().to_string()) {
        for (rule, more) in asked {
            let range = ["--from", "2026-10-01", "--to", "2026-10-03", "--interval", "12h", "--lookback", "13h"];
            let wide = [&["backtest", rule, "--events", &events][..], &range, more].concat();
            let together = egret(&wide).expect(0);
            let single = egret(&[&wide[..], &["--one-by-one"]].concat()).expect(0);
            assert!(!together.stderr.contains("one by one"), "{}", together.stderr);
            assert_eq!(together.stdout, single.stdout, "{events} {rule} {more:?}");
            assert!(together.stdout.len() > 100, "{}", together.stdout);
        }
    }
}

/// The document of a Parquet row is made of its columns: only what is there.
#[test]
fn a_document_is_made_of_all_columns() {
    let folder = TempDir::new().unwrap();
    let rule = folder.path().join("document.esql");
    fs::write(&rule, "FROM events METADATA _source | WHERE n == 5 | KEEP n, _source").unwrap();
    let [_, parquet] = files(&folder);
    let [rule, events] = [&rule, &parquet].map(|path| path.display().to_string());
    let rows = egret(&["run", &rule, "--events", &events, "--all-time", "--format", "ndjson"]).expect(0).rows();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let mut document: Value = match &row["_source"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    };
    // A column of lists holds one value as a list of one.
    for value in document.as_object_mut().unwrap().values_mut() {
        if let Value::Array(only) = value
            && only.len() == 1
        {
            *value = only[0].clone();
        }
    }
    let at = (0..EVENTS).find(|at| at * 37 % EVENTS == 5).unwrap();
    let mut expected = event(at);
    document.as_object_mut().unwrap().remove("@timestamp");
    expected.remove("@timestamp");
    assert_eq!(document, Value::Object(expected));
}

#[test]
fn warnings_name_the_document_as_the_rule_does() {
    let folder = TempDir::new().unwrap();
    let rule = folder.path().join("paths.esql");
    let query = "FROM events METADATA _source | EVAL a = JSON_EXTRACT(_source, \"no.a\"), b = JSON_EXTRACT(_source, \"no.b\") \
                 | KEEP n, a, b";
    fs::write(&rule, query).unwrap();
    for events in files(&folder) {
        let [rule, events] = [&rule, &events].map(|path| path.display().to_string());
        let ran = egret(&["run", &rule, "--events", &events, "--all-time", "--format", "ndjson"]).expect(0);
        let told = "`_source`: path does not exist in JSON input, taken as null (120 times)";
        assert!(ran.stderr.contains(told), "{events}: {}", ran.stderr);
    }
}
