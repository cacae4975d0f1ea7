//! The same events in every layout give the same rows.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int32Array, Int64Array,
    LargeStringArray, ListArray, StringArray, StructArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt16Array, UInt32Array, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type};

use super::support::{batch, open, query, registered, rows, write};
use crate::lake::{Ask, Field as LakeField, Kind};

const T: [i64; 3] = [1_759_312_800, 1_759_312_860, 1_759_312_920];
const SELECT: &str = r#"SELECT CAST("@timestamp" AS TIMESTAMP(3)) t, "host.os.type", "destination.ip", "destination.port"
    FROM events ORDER BY "@timestamp""#;

fn expected() -> Vec<String> {
    vec![
        "2025-10-01T10:00:00|linux|1.2.3.4|443".to_owned(),
        "2025-10-01T10:01:00|-|-|-".to_owned(),
        "2025-10-01T10:02:00|windows|10.0.0.1|53".to_owned(),
    ]
}

fn os() -> ArrayRef {
    Arc::new(StringArray::from(vec![Some("linux"), None, Some("windows")]))
}

fn ips() -> ArrayRef {
    Arc::new(StringArray::from(vec![Some("1.2.3.4"), None, Some("10.0.0.1")]))
}

fn ports() -> ArrayRef {
    Arc::new(Int32Array::from(vec![Some(443), None, Some(53)]))
}

fn millis() -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from(T.map(|t| t * 1000).to_vec()).with_timezone("UTC"))
}

fn flat(path: &Path, time: ArrayRef, os: ArrayRef, ip: ArrayRef, port: ArrayRef) {
    let columns = vec![("@timestamp", time), ("host.os.type", os), ("destination.ip", ip), ("destination.port", port)];
    write(path, &batch(columns));
}

fn structure(fields: Vec<(&str, ArrayRef)>) -> ArrayRef {
    let fields = fields.into_iter().map(|(n, a)| (Arc::new(Field::new(n, a.data_type().clone(), true)), a));
    Arc::new(StructArray::from(fields.collect::<Vec<_>>()))
}

fn nested(path: &Path) {
    let columns = vec![
        ("@timestamp", millis()),
        ("host", structure(vec![("os", structure(vec![("type", os())]))])),
        ("destination", structure(vec![("ip", ips()), ("port", ports())])),
    ];
    write(path, &batch(columns));
}

#[tokio::test]
async fn every_type_of_time() {
    let text = |f: fn(i64) -> String| Arc::new(StringArray::from(T.map(f).to_vec())) as ArrayRef;
    let iso = |t: i64| chrono::DateTime::from_timestamp(t, 0).unwrap().to_rfc3339();
    let offset = |t: i64| {
        let zone = chrono::FixedOffset::east_opt(5 * 3600 + 1800).unwrap();
        chrono::DateTime::from_timestamp(t, 0).unwrap().with_timezone(&zone).to_rfc3339()
    };
    let times: Vec<ArrayRef> = vec![
        Arc::new(TimestampSecondArray::from(T.to_vec())),
        millis(),
        Arc::new(TimestampMicrosecondArray::from(T.map(|t| t * 1_000_000).to_vec()).with_timezone("Europe/Paris")),
        Arc::new(TimestampNanosecondArray::from(T.map(|t| t * 1_000_000_000).to_vec())),
        Arc::new(Int64Array::from(T.map(|t| t * 1000).to_vec())),
        Arc::new(UInt64Array::from(T.map(|t| t as u64 * 1000).to_vec())),
        text(iso),
        text(offset),
        text(|t| (t * 1000).to_string()),
    ];
    for time in times {
        let dir = tempfile::tempdir().unwrap();
        let name = time.data_type().to_string();
        flat(&dir.path().join("a.parquet"), time, os(), ips(), ports());
        assert_eq!(rows(dir.path(), &Ask::default(), SELECT).await, expected(), "{name}");
    }
}

#[tokio::test]
async fn every_encoding_of_text_addresses_and_numbers() {
    let dictionary: ArrayRef =
        Arc::new(vec![Some("linux"), None, Some("windows")].into_iter().collect::<DictionaryArray<Int32Type>>());
    let large: ArrayRef = Arc::new(LargeStringArray::from(vec![Some("linux"), None, Some("windows")]));
    let bytes = [Some([1_u8, 2, 3, 4]), None, Some([10, 0, 0, 1])];
    let fixed: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes.into_iter(), 4).unwrap());
    let number: ArrayRef = Arc::new(UInt32Array::from(vec![Some(0x0102_0304), None, Some(0x0a00_0001)]));
    let short: ArrayRef = Arc::new(UInt16Array::from(vec![Some(443), None, Some(53)]));
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("443"), Some("none"), Some("53")]));
    let binary: ArrayRef = Arc::new(BinaryArray::from_opt_vec(vec![Some(b"linux"), None, Some(b"windows")]));
    for (os, ip, port) in [(dictionary, number, short), (large, fixed, text), (binary, ips(), ports())] {
        let dir = tempfile::tempdir().unwrap();
        flat(&dir.path().join("a.parquet"), millis(), os, ip, port);
        assert_eq!(rows(dir.path(), &Ask::default(), SELECT).await, expected());
    }
}

#[tokio::test]
async fn nested_mixed_and_hive() {
    let dir = tempfile::tempdir().unwrap();
    nested(&dir.path().join("only/a.parquet"));
    assert_eq!(rows(&dir.path().join("only"), &Ask::default(), SELECT).await, expected());
    assert_eq!(rows(&dir.path().join("only/a.parquet"), &Ask::default(), SELECT).await, expected());
    assert_eq!(rows(&dir.path().join("o*/*.parquet"), &Ask::default(), SELECT).await, expected());

    // Flat and nested files in one folder, and a file that holds a part of each.
    nested(&dir.path().join("mixed/a.parquet"));
    flat(&dir.path().join("mixed/b.parquet"), millis(), os(), ips(), ports());
    let none: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>, None, None]));
    let half = vec![
        ("@timestamp", millis()),
        ("host.os.type", none),
        ("host", structure(vec![("os", structure(vec![("type", os())]))])),
        ("destination.ip", ips()),
        ("destination", structure(vec![("port", ports())])),
    ];
    write(&dir.path().join("mixed/c.parquet"), &batch(half));
    let three: Vec<_> = expected().iter().flat_map(|row| vec![row.clone(); 3]).collect();
    assert_eq!(rows(&dir.path().join("mixed"), &Ask::default(), SELECT).await, three);

    let hive = dir.path().join("hive");
    nested(&hive.join("date=2025-10-01/hour=07/a.parquet"));
    flat(
        &hive.join("date=2025-10-02/hour=__HIVE_DEFAULT_PARTITION__/b c%20d#.parquet"),
        millis(),
        os(),
        ips(),
        ports(),
    );
    let two: Vec<_> = expected().iter().flat_map(|row| vec![row.clone(); 2]).collect();
    assert_eq!(rows(&hive, &Ask::default(), SELECT).await, two);
    let counted = "SELECT date, hour, count(*) FROM events GROUP BY date, hour ORDER BY date";
    assert_eq!(rows(&hive, &Ask::default(), counted).await, ["2025-10-01|7|3", "2025-10-02|-|3"]);
    let none = "SELECT date, count(*) FROM events WHERE hour IS NULL GROUP BY date";
    assert_eq!(rows(&hive, &Ask::default(), none).await, ["2025-10-02|3"]);
}

#[tokio::test]
async fn files_of_different_schemas_widen() {
    let dir = tempfile::tempdir().unwrap();
    let micros = Arc::new(TimestampMicrosecondArray::from(vec![T[0] * 1_000_000])) as ArrayRef;
    let one = |v: ArrayRef| v.slice(0, 1);
    flat(&dir.path().join("a.parquet"), micros, one(os()), one(ips()), Arc::new(StringArray::from(vec!["443"])));
    let second = vec![("@timestamp", Arc::new(TimestampSecondArray::from(vec![T[1]])) as ArrayRef)];
    write(&dir.path().join("b.parquet"), &batch(second));
    let third = vec![
        ("@timestamp", Arc::new(StringArray::from(vec!["2025-10-01T10:02:00Z"])) as ArrayRef),
        ("host", structure(vec![("os", structure(vec![("type", os().slice(2, 1))]))])),
        ("destination.ip", Arc::new(UInt32Array::from(vec![0x0a00_0001])) as ArrayRef),
        ("destination.port", Arc::new(Int64Array::from(vec![53])) as ArrayRef),
        ("own.flag", Arc::new(BooleanArray::from(vec![true])) as ArrayRef),
    ];
    write(&dir.path().join("c.parquet"), &batch(third));
    assert_eq!(rows(dir.path(), &Ask::default(), SELECT).await, expected());
    let filtered = r#"SELECT "destination.port" FROM events WHERE "own.flag" OR "destination.port" = 443 ORDER BY 1"#;
    assert_eq!(rows(dir.path(), &Ask::default(), filtered).await, ["53", "443"]);
    let lake = open(dir.path()).await.unwrap();
    let fields: Vec<_> = lake.tables()[0].fields().iter().map(|f| f.name.as_str()).collect();
    assert_eq!(fields, ["@timestamp", "destination.ip", "destination.port", "host.os.type", "own.flag"]);
}

#[tokio::test]
async fn lists_and_lists_of_structs() {
    let dir = tempfile::tempdir().unwrap();
    let list = |rows: Vec<Option<Vec<Option<i32>>>>| {
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows)) as ArrayRef
    };
    let columns =
        vec![("own.codes", list(vec![Some(vec![Some(1), None]), Some(vec![]), None])), ("destination.port", ports())];
    write(&dir.path().join("a.parquet"), &batch(columns));
    let pair = structure(vec![("name", Arc::new(StringArray::from(vec!["a", "b", "c"])) as ArrayRef)]);
    let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths([2, 0, 1]);
    let item = Arc::new(Field::new_list_field(pair.data_type().clone(), true));
    let lists: ArrayRef = Arc::new(ListArray::try_new(item, offsets, pair, None).unwrap());
    let columns =
        vec![("own.code", ports()), ("dll", lists), ("destination.port", list(vec![Some(vec![Some(7)]), None, None]))];
    write(&dir.path().join("b.parquet"), &batch(columns));
    let lake = open(dir.path()).await.unwrap();
    let field = |name: &str| lake.tables()[0].field(name).map(|f| (f.kind, f.multi));
    assert_eq!(field("own.codes"), Some((Kind::Long, true)));
    assert_eq!(field("dll.name"), Some((Kind::Keyword, true)));
    assert_eq!(field("destination.port"), Some((Kind::Long, true)));
    let ctx = registered(&lake, &Ask::default(), 1).await;
    let sql = r#"SELECT "own.codes", "dll.name", "destination.port" FROM events ORDER BY 1, 2, 3"#;
    let mut found = query(&ctx, sql).await;
    found.sort();
    assert_eq!(found, ["-|-|-", "-|-|-", "-|-|[53]", "-|[a, b]|[7]", "-|[c]|-", "[1]|-|[443]"]);
}

#[tokio::test]
async fn metadata_and_fields_that_no_file_has() {
    let dir = tempfile::tempdir().unwrap();
    flat(&dir.path().join("a.parquet"), millis(), os(), ips(), ports());
    flat(&dir.path().join("x/a.parquet"), millis(), os(), ips(), ports());
    let wanted =
        LakeField { name: "user.name".into(), kind: Kind::Keyword, data_type: DataType::Utf8View, multi: true };
    let metadata = ["_id", "_index", "_version", "_source", "_ignored"].map(str::to_owned).to_vec();
    let ask = Ask { wanted: vec![wanted], metadata, ..Ask::default() };
    let lake = open(dir.path()).await.unwrap();
    let one = registered(&lake, &ask, 1).await;
    let ids = query(&one, "SELECT _id FROM events ORDER BY _id").await;
    assert_eq!(ids.len(), 6);
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 6);
    let many = registered(&open(dir.path()).await.unwrap(), &ask, 4).await;
    assert_eq!(query(&many, "SELECT _id FROM events ORDER BY _id").await, ids);
    let filtered = r#"SELECT _id FROM events WHERE "host.os.type" = 'linux' ORDER BY _id"#;
    assert!(query(&many, filtered).await.iter().all(|id| id.ends_with("-0")));
    let rest =
        r#"SELECT _index, _version, _ignored, "user.name", _source FROM events WHERE "destination.port" = 443 LIMIT 1"#;
    let found = query(&one, rest).await;
    assert!(found[0].starts_with("events|1|-|-|{"), "{found:?}");
    assert!(found[0].contains(r#""host.os.type":"linux""#) && !found[0].contains("user.name"), "{found:?}");

    let own = vec![
        ("_id", Arc::new(StringArray::from(vec![Some("mine"), None])) as ArrayRef),
        ("_index", Arc::new(StringArray::from(vec![Some("logs-a"), None])) as ArrayRef),
        ("event.code", Arc::new(Int64Array::from(vec![4624, 1])) as ArrayRef),
    ];
    let other = tempfile::tempdir().unwrap();
    write(&other.path().join("own.parquet"), &batch(own));
    let found = rows(other.path(), &ask, r#"SELECT "event.code", _id, _index FROM events ORDER BY 1"#).await;
    assert!(found[0].starts_with("1|") && found[0].ends_with("-1|events"), "{found:?}");
    assert_eq!(found[1], "4624|mine|logs-a");
    let names: Vec<_> = open(other.path()).await.unwrap().tables()[0].fields().iter().map(|f| f.name.clone()).collect();
    assert_eq!(names, ["event.code"]);
}
