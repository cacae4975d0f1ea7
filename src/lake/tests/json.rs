//! JSON files as tables, alone and beside Parquet.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use chrono::DateTime;
use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};

use super::support::{batch, explain, open, query, registered, rows, write};
use crate::lake::{Ask, Field, Format, Kind, Lake, LakeConfig, OnBadLine, Window};

const EVENTS: &str = r#"{"@timestamp":"2025-10-01T10:00:00Z","host":{"os":{"type":"linux"}},"destination":{"ip":"1.2.3.4","port":"443"}}
{"@timestamp":1759312860000}
{"@timestamp":"2025-10-01T12:02:00+02:00","host.os.type":["windows"],"destination":{"ip":"::ffff:10.0.0.1","port":53},"own":{"n":7}}
"#;

const SELECT: &str = r#"SELECT CAST("@timestamp" AS TIMESTAMP(3)) t, "host.os.type", "destination.ip", "destination.port"
    FROM events ORDER BY "@timestamp""#;

fn expected() -> [&'static str; 3] {
    [
        "2025-10-01T10:00:00|[linux]|[1.2.3.4]|[443]",
        "2025-10-01T10:01:00|-|-|-",
        "2025-10-01T10:02:00|[windows]|[10.0.0.1]|[53]",
    ]
}

fn file(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_form_and_compression() {
    let documents: Vec<&str> = EVENTS.lines().collect();
    let hits = documents.iter().map(|d| format!("{{\"_id\":\"x\",\"_index\":\"i\",\"_source\":{d}}}"));
    let hits = format!(r#"{{"hits":{{"hits":[{}]}}}}"#, hits.collect::<Vec<_>>().join(","));
    for (name, bytes) in [
        ("a.ndjson", EVENTS.as_bytes().to_vec()),
        ("a.json.gz", gzip(EVENTS)),
        ("noextension", gzip(EVENTS)),
        ("a.jsonl.zst", zstd::encode_all(EVENTS.as_bytes(), 1).unwrap()),
        ("a.json", format!("[{}]", documents.join(",\n")).into_bytes()),
        ("export.json", hits.into_bytes()),
        ("date=2025-10-01/a.log", EVENTS.as_bytes().to_vec()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        file(&dir.path().join(name), &bytes);
        assert_eq!(rows(dir.path(), &Ask::default(), SELECT).await, expected(), "{name}");
    }
    let config = LakeConfig { events: Some("-".into()), ..LakeConfig::default() };
    let lake = Lake::open_with(&config, EVENTS.as_bytes()).await.unwrap();
    let ctx = registered(&lake, &Ask::default(), 1).await;
    assert_eq!(query(&ctx, SELECT).await, expected());
}

#[tokio::test]
async fn beside_parquet() {
    let dir = tempfile::tempdir().unwrap();
    file(&dir.path().join("day=1/a.ndjson"), EVENTS.as_bytes());
    let columns = vec![
        ("@timestamp", Arc::new(StringArray::from(vec!["2025-10-01T10:03:00Z"])) as ArrayRef),
        ("own.n", Arc::new(StringArray::from(vec!["eight"])) as ArrayRef),
        ("destination.port", Arc::new(Int64Array::from(vec![80])) as ArrayRef),
    ];
    write(&dir.path().join("day=2/b.parquet"), &batch(columns));
    let lake = open(dir.path()).await.unwrap();
    let table = &lake.tables()[0];
    assert_eq!(table.formats(), [Format::Parquet, Format::Json]);
    assert!(table.open_ended() && table.rows().is_none() && table.files() == 2);
    // The column's type decides what a document's value becomes.
    assert_eq!(table.field("own.n").map(|f| (f.kind, f.multi)), Some((Kind::Keyword, true)));
    let ctx = registered(&lake, &Ask::default(), 2).await;
    let sql = r#"SELECT day, "own.n", "destination.port" FROM events ORDER BY "@timestamp""#;
    assert_eq!(query(&ctx, sql).await, ["1|-|[443]", "1|-|-", "1|[7]|[53]", "2|[eight]|[80]"]);
    let pruned = explain(&ctx, r#"SELECT "own.n" FROM events WHERE day = 2"#).await;
    assert!(!pruned.contains("a.ndjson"), "{pruned}");
}

#[tokio::test]
async fn windows_metadata_and_wanted_fields() {
    let dir = tempfile::tempdir().unwrap();
    file(&dir.path().join("a.ndjson"), EVENTS.as_bytes());
    let at = |s| DateTime::from_timestamp(s, 0).unwrap();
    let window = |field: &str, fallback: Option<&str>| Window {
        field: field.into(),
        fallback: fallback.map(str::to_owned),
        from: at(1_759_312_860),
        to: at(1_759_312_920),
        known: None,
    };
    let wanted = vec![Field { name: "own.n".into(), kind: Kind::Long, data_type: Kind::Long.data_type(), multi: true }];
    let metadata = vec!["_id".to_owned(), "_index".to_owned(), "_source".to_owned()];
    let ask = Ask {
        wanted,
        fixed: Vec::new(),
        metadata,
        packed: Vec::new(),
        all_fields: true,
        window: Some(window("event.ingested", Some("@timestamp"))),
        only: None,
        on_time: None,
    };
    let lake = open(dir.path()).await.unwrap();
    let ctx = registered(&lake, &ask, 2).await;
    let sql = r#"SELECT "own.n", _index, _source FROM events ORDER BY "@timestamp""#;
    let found = query(&ctx, sql).await;
    assert_eq!(found[0], r#"-|events|{"@timestamp":1759312860000}"#);
    assert!(found[1].starts_with("[7]|events|{") && found.len() == 2, "{found:?}");
    // A column that is not mentioned is not there, and the window still looks at its fields.
    let only = Some(["destination.port".to_owned()].into());
    let ctx = registered(&lake, &Ask { only, ..ask }, 2).await;
    assert_eq!(query(&ctx, r#"SELECT "destination.port" FROM events ORDER BY 1"#).await, ["[53]", "-"]);
    assert!(ctx.sql(r#"SELECT "@timestamp" FROM events"#).await.is_err());
    let missing = Ask { window: Some(window("event.ingested", None)), ..Ask::default() };
    assert_eq!(rows(dir.path(), &missing, "SELECT count(*) FROM events").await, ["0"]);
    let plan = explain(&ctx, r#"SELECT "own.n" FROM events"#).await;
    assert!(plan.contains("file_type=ndjson") && !plan.contains("host.os.type"), "{plan}");
}

#[tokio::test]
async fn bad_lines_are_counted_or_fail() {
    let dir = tempfile::tempdir().unwrap();
    file(&dir.path().join("a.ndjson"), format!("{EVENTS}{{\"broken\n").as_bytes());
    file(&dir.path().join("empty.ndjson"), b"");
    let lake = open(dir.path()).await.unwrap();
    let ctx = registered(&lake, &Ask::default(), 1).await;
    assert_eq!(query(&ctx, "SELECT count(\"@timestamp\") FROM events").await, ["3"]);
    let tally = lake.tables()[0].issues().take();
    assert_eq!((tally.bad_lines, tally.documents), (1, 3));
    let events = Some(dir.path().to_str().unwrap().to_owned());
    let config = LakeConfig { events, on_bad_line: OnBadLine::Fail, ..LakeConfig::default() };
    let lake = Lake::open(&config).await.unwrap();
    let ctx = registered(&lake, &Ask::default(), 1).await;
    let failed = ctx.sql("SELECT count(\"@timestamp\") FROM events").await.unwrap().collect().await.unwrap_err();
    assert!(failed.to_string().contains("a.ndjson: bad line at byte"), "{failed}");
}
