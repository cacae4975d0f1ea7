//! The reader as a whole, against a naive one and over bad input.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod predicates;

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::filter_pushdown::PushedDown;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr, collect, collect_partitioned};
use datafusion::prelude::SessionContext;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

use super::inflate::tests::{gzip, zstd};
use super::*;
use crate::lake::field::{Field, Kind};

const FIELDS: [(&str, Kind, bool); 8] = [
    ("a", Kind::Keyword, true),
    ("a.b", Kind::Long, true),
    ("a.b.c", Kind::Double, true),
    ("b", Kind::Boolean, false),
    ("c", Kind::Date, true),
    ("d.e", Kind::Keyword, false),
    ("_more", Kind::Long, false),
    ("é", Kind::Text, true),
];

fn columns() -> Vec<ColumnSpec> {
    let field =
        |(name, kind, multi): (&str, Kind, bool)| Field { name: name.into(), kind, data_type: kind.data_type(), multi };
    FIELDS
        .into_iter()
        .map(|spec| ColumnSpec::Field(field(spec)))
        .chain(Metadata::ALL.map(ColumnSpec::Metadata))
        .collect()
}

struct Scan {
    files: Vec<(String, Vec<u8>)>,
    wanted: Option<Vec<usize>>,
    on_bad_line: OnBadLine,
    batch_size: usize,
    partitions: usize,
    ranges: Vec<u64>,
    known: bool,
    strict: bool,
    /// A condition, as SQL spells it.
    condition: Option<String>,
    issues: Issues,
    local: Option<tempfile::TempDir>,
}

impl Scan {
    fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            files: vec![("t/f.json".into(), bytes.into())],
            wanted: None,
            on_bad_line: OnBadLine::Skip,
            batch_size: 3,
            partitions: 1,
            ranges: Vec::new(),
            known: true,
            strict: false,
            condition: None,
            issues: Issues::default(),
            local: None,
        }
    }

    fn wanting(mut self, wanted: &[usize]) -> Self {
        self.wanted = Some(wanted.to_vec());
        self
    }

    async fn plan(&self, context: &SessionContext) -> (Arc<DataSourceExec>, FileScanConfig) {
        let source = NdjsonSource::new(NdjsonOptions {
            columns: columns(),
            table: "t".into(),
            on_bad_line: self.on_bad_line,
            strict: self.strict,
            issues: self.issues.clone(),
            ..NdjsonOptions::default()
        });
        let source: Arc<dyn FileSource> = match &self.condition {
            None => Arc::new(source),
            Some(condition) => {
                let predicate = physical(context, condition);
                let answer = source.try_pushdown_filters(vec![predicate], &ConfigOptions::default()).unwrap();
                assert!(matches!(answer.filters.as_slice(), [PushedDown::Yes]), "{condition}");
                answer.updated_node.unwrap()
            }
        };
        let mut files = Vec::new();
        let store: Arc<dyn ObjectStore> = match &self.local {
            Some(folder) => Arc::new(object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap()),
            None => Arc::new(InMemory::new()),
        };
        let url = ObjectStoreUrl::parse("test://").unwrap();
        context.register_object_store(url.as_ref(), Arc::clone(&store));
        for (name, bytes) in &self.files {
            let path = Path::from(name.as_str());
            store.put(&path, bytes.clone().into()).await.unwrap();
            let meta = store.head(&path).await.unwrap();
            let mut file = PartitionedFile::new_from_meta(meta.clone());
            if self.known {
                let layout = detect(&store, &meta).await.unwrap();
                file = file.with_extension(NdjsonFile { layout, label: name.clone(), key: name.clone() });
            }
            let size = bytes.len() as u64;
            let mut bounds: Vec<u64> = self.ranges.iter().map(|cut| cut % (size + 1)).chain([0, size]).collect();
            bounds.sort_unstable();
            bounds.dedup();
            if self.ranges.is_empty() {
                files.push(file);
            } else {
                files.extend(bounds.windows(2).map(|pair| file.clone().with_range(pair[0] as i64, pair[1] as i64)));
            }
        }
        let config = FileScanConfigBuilder::new(url, source)
            .with_file_group(FileGroup::new(files))
            .with_batch_size(Some(self.batch_size))
            .with_projection_indices(self.wanted.clone())
            .unwrap()
            .build();
        let config = if self.partitions > 1 {
            config.file_source().repartitioned(self.partitions, 1, None, &config).unwrap().unwrap_or(config)
        } else {
            config
        };
        (DataSourceExec::from_data_source(config.clone()), config)
    }

    async fn batches(&self) -> Result<Vec<RecordBatch>> {
        let context = context();
        let (plan, _) = self.plan(&context).await;
        let partitions = collect_partitioned(plan, context.task_ctx()).await?;
        Ok(partitions.into_iter().flatten().collect())
    }

    async fn rows(&self) -> Result<Vec<String>> {
        let batches = self.batches().await?;
        assert!(batches.iter().all(|batch| batch.num_rows() <= self.batch_size));
        Ok(texts(&batches))
    }
}

fn context() -> SessionContext {
    let context = SessionContext::new();
    egret_udfs::register_all(&context).unwrap();
    context
}

/// A condition over all columns.
fn physical(context: &SessionContext, condition: &str) -> Arc<dyn PhysicalExpr> {
    let fields: Vec<_> = columns().iter().map(ColumnSpec::to_arrow).collect();
    let schema = DFSchema::try_from(Schema::new(fields)).unwrap();
    context.create_physical_expr(context.parse_sql_expr(condition, &schema).unwrap(), &schema).unwrap()
}

/// One text a row.
fn texts(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let mut line = String::new();
            for column in batch.columns() {
                let value = if column.is_null(row) { "-".into() } else { array_value_to_string(column, row).unwrap() };
                write!(line, "{value}|").unwrap();
            }
            rows.push(line);
        }
    }
    rows
}

fn block<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
    RUNTIME.block_on(future)
}

fn rows(scan: &Scan) -> Vec<String> {
    block(scan.rows()).unwrap()
}

// ---- a naive reader ----

fn flatten(prefix: &str, value: &Value, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&name, value, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| flatten(prefix, item, out)),
        Value::Null => {}
        scalar => out.push((prefix.into(), scalar.clone())),
    }
}

fn naive_value(kind: Kind, value: &Value) -> Option<String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
    match kind {
        Kind::Keyword | Kind::Text => Some(text),
        Kind::Boolean => match value {
            Value::Number(_) => None,
            _ => [("true", "true"), ("false", "false"), ("", "false")]
                .iter()
                .find(|(t, _)| *t == text)
                .map(|(_, v)| (*v).into()),
        },
        _ if value.is_boolean() => None,
        Kind::Long => {
            text.parse::<i64>().ok().or(text.parse::<f64>().ok().map(|n| n.trunc() as i64)).map(|n| n.to_string())
        }
        Kind::Double => text.parse::<f64>().ok().map(|n| format!("{n:?}")),
        Kind::Date => {
            let text = text.trim_matches(' ');
            let instant = chrono::DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc());
            // A text of four digits is a year.
            let year = (text.len() == 4 && value.is_string()).then(|| text.parse::<u32>().ok()).flatten();
            let year = year.map(|year| chrono::DateTime::parse_from_rfc3339(&format!("{year:04}-01-01T00:00:00Z")));
            let instant = instant.or(year.map(|year| year.unwrap().to_utc())).or(text
                .parse::<f64>()
                .ok()
                .and_then(|n| chrono::DateTime::from_timestamp_micros((n * 1000.0) as i64)));
            instant.map(|t| t.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
        }
        _ => unreachable!("not among the fields"),
    }
}

fn naive(document: &Value) -> String {
    let mut leaves = Vec::new();
    flatten("", document, &mut leaves);
    let mut line = String::new();
    let mut ignored = Vec::new();
    for (name, kind, multi) in FIELDS {
        let mut values = Vec::new();
        for (_, value) in leaves.iter().filter(|(leaf, _)| leaf == name) {
            match naive_value(kind, value) {
                Some(text) if !(matches!(kind, Kind::Keyword | Kind::Text) && values.contains(&text)) => {
                    values.push(text);
                }
                Some(_) => {}
                None if value == "" && matches!(kind, Kind::Long | Kind::Double) => {}
                None if ignored.contains(&name) => {}
                None => ignored.push(name),
            }
        }
        let cell = match (values.as_slice(), multi) {
            ([], _) => "-".into(),
            (values, true) => format!("[{}]", values.join(", ")),
            ([one], false) => one.clone(),
            (_, false) => "-".into(),
        };
        write!(line, "{cell}|").unwrap();
    }
    ignored.sort_unstable();
    let ignored = if ignored.is_empty() { "-".into() } else { format!("[{}]", ignored.join(", ")) };
    line + &ignored
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5000_i64..5000).prop_map(Value::from),
        (-5000_i64..5000).prop_map(|n| json!(n as f64 / 4.0)),
        "[a-c\"\\\\\n\u{e9}{}\\[\\], 0-9]{0,5}".prop_map(Value::from),
        prop_oneof![Just("true"), Just("443"), Just(""), Just("2026-10-01T00:00:00+02:00"), Just("1.5")]
            .prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            Just("a"),
            Just("b"),
            Just("c"),
            Just("a.b"),
            Just("b.c"),
            Just("d"),
            Just("e"),
            Just("d.e"),
            Just("é"),
            Just("x"),
            Just("")
        ];
        let object = prop::collection::vec((key, inner.clone()), 0..5).prop_map(|members| {
            Value::Object(members.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
        });
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::from), object]
    })
}

fn document() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("a"),
        Just("b"),
        Just("c"),
        Just("a.b"),
        Just("a.b.c"),
        Just("d"),
        Just("d.e"),
        Just("_more"),
        Just("é"),
        Just("x")
    ];
    prop::collection::vec((key, value()), 0..6).prop_map(|members| {
        let map: Map<String, Value> = members.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        Value::Object(map)
    })
}

fn join<T: ToString>(items: &[T], separator: &str) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(separator)
}

/// Fields and `_ignored`.
const BY_CONTENT: [usize; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 12];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn equals_the_naive_reader(documents in prop::collection::vec(document(), 1..6)) {
        let scan = Scan::new(join(&documents, "\n")).wanting(&BY_CONTENT);
        let expected: Vec<_> = documents.iter().map(|document| naive(document) + "|").collect();
        prop_assert_eq!(rows(&scan), expected);
    }

    #[test]
    fn every_split_gives_the_same_rows(documents in prop::collection::vec(document(), 1..8), cuts in prop::collection::vec(any::<u64>(), 1..6)) {
        let text = join(&documents, "\r\n\n");
        let whole = rows(&Scan::new(text.clone()));
        prop_assert_eq!(whole.len(), documents.len());
        let split = Scan { ranges: cuts, ..Scan::new(text.clone()) };
        prop_assert_eq!(&rows(&split), &whole);
        prop_assert_eq!(split.issues.tally().bytes_read, text.len() as u64);
        let mut spread = rows(&Scan { partitions: 3, ..Scan::new(text) });
        let mut whole = whole;
        spread.sort();
        whole.sort();
        prop_assert_eq!(spread, whole);
    }

    #[test]
    fn every_layout_gives_the_same_rows(documents in prop::collection::vec(document(), 1..6), batch_size in 1_usize..5) {
        let lines = join(&documents, "\n");
        let plain = rows(&Scan::new(lines.clone()).wanting(&BY_CONTENT));
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let envelopes: Vec<_> = documents.iter().enumerate().map(|(n, d)| json!({"_index": "i", "_id": n.to_string(), "sort": [1], "a": "no", "_source": d})).collect();
        let response = json!({"took": 1, "hits": {"total": {"value": 3}, "hits": envelopes}, "aggregations": {"x": {"hits": {"hits": [{}]}}}});
        let layouts = [
            gzip(lines.as_bytes()), zstd(lines.as_bytes()), format!("[{}]", join(&documents, ",\n")).into(),
            pretty(&Value::from(documents.clone())).into(), gzip(format!("[{}]", join(&documents, ", ")).as_bytes()),
            join(&envelopes, "\n").into(), Value::from(envelopes.clone()).to_string().into(), pretty(&Value::from(envelopes)).into(),
            response.to_string().into(), pretty(&response).into(), zstd(pretty(&response).as_bytes()),
            format!("{{\n\"x\":1}}{}", documents.iter().map(pretty).collect::<String>()).into(), format!("\u{feff}{lines}\n").into(),
        ];
        for (at, bytes) in layouts.into_iter().enumerate() {
            for known in [true, false] {
                let scan = Scan { batch_size, known, ..Scan::new(bytes.clone()).wanting(&BY_CONTENT) };
                let mut found = rows(&scan);
                if at == 11 {
                    found.remove(0);
                }
                prop_assert_eq!(&found, &plain, "layout {}", at);
            }
        }
    }
}

#[test]
fn metadata_columns() {
    let text = r#"{"_index":"logs-x","_id":"7","_version":3,"_source":{"a.b":"x"}}
{"_id":"own","_index":"not taken","a":1}
{"a":2}
{"a":2}"#;
    let scan = Scan::new(text).wanting(&[8, 9, 10, 11, 12]);
    let found = rows(&scan);
    assert_eq!(found[0], "7|logs-x|3|{\"a.b\":\"x\"}|[a.b]|");
    assert_eq!(found[1], "own|t|1|{\"_id\":\"own\",\"_index\":\"not taken\",\"a\":1}|-|");
    assert!(found[2].len() > 36 && found[2] != found[3], "equal documents have ids of their own");
    let again = Scan { ranges: vec![70, 110, 3], known: false, ..Scan::new(text).wanting(&[8, 9, 10, 11, 12]) };
    assert_eq!(rows(&again), found);
}

#[test]
fn what_a_scan_counts() {
    let text = "{\"a\":\"x\",\"a.b\":\"bad\",\"b\":[true,false]}\n{\"a.b\":[\"worse\",7]}\nnot json\n{\"b\":true}\n";
    let scan = Scan::new(text).wanting(&[0, 1, 3, 4]);
    assert_eq!(rows(&scan), ["[x]|-|-|-|", "-|[7]|-|-|", "-|-|true|-|"]);
    let tally = scan.issues.take();
    assert_eq!((tally.documents, tally.bad_lines, tally.bytes_read), (3, 1, text.len() as u64));
    assert_eq!(tally.fields["a.b"], FieldTally { present: 1, not_coerced: 2, example: Some("bad".into()), several: 0 });
    assert_eq!(tally.fields["b"], FieldTally { present: 2, several: 1, ..FieldTally::default() });
    assert_eq!(tally.fields["c"], FieldTally::default());
    assert_eq!(tally.sample[0].offset, 59);
    assert_eq!(tally.sample[0].reason, "expected an object, found `n` at byte 0 of it");
}

#[test]
fn counting_reads_no_field_and_checks_every_line() {
    let scan = Scan::new("{\"a\":1}\n{\"a\":01}\n{\"a\":2}\n\n{\"x\":").wanting(&[]);
    let batches = block(scan.batches()).unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    assert_eq!(scan.issues.tally().bad_lines, 2);
}

#[test]
fn bad_lines_are_bad_whatever_is_wanted() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_unwanted = format!("{{\"zzz\":{}1{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let bad: Vec<Vec<u8>> = vec![
        deep.into(),
        deep_unwanted.into(),
        b"{\"a\":\"\xff\"}".to_vec(),
        b"{\"a\":1} trailing".to_vec(),
        b"[1]".to_vec(),
        b"7".to_vec(),
        b"\"x\"".to_vec(),
        b"{\"a\":".to_vec(),
        b"\x00\x01\x02".to_vec(),
        b"{\"a\":1}{\"a\":2}".to_vec(),
    ];
    for line in &bad {
        let text = [b"{\"a\":1}\n", &line[..], b"\n{\"a\":2}"].concat();
        for wanted in [&[0_usize][..], &[1], &[], &[8, 11]] {
            let scan = Scan::new(text.clone()).wanting(wanted);
            let count: usize = block(scan.batches()).unwrap().iter().map(RecordBatch::num_rows).sum();
            assert_eq!(
                (count, scan.issues.tally().bad_lines),
                (2, 1),
                "{}",
                String::from_utf8_lossy(&line[..line.len().min(20)])
            );
            assert_eq!(scan.issues.tally().sample[0].offset, 8);
            let failing = Scan { on_bad_line: OnBadLine::Fail, ..Scan::new(text.clone()).wanting(wanted) };
            let message = block(failing.batches()).unwrap_err().to_string();
            assert!(
                message.contains("t/f.json: bad line at byte 8: expected") || message.contains("nested more than"),
                "{message}"
            );
        }
    }
}

#[test]
fn a_file_without_any_document_is_an_error() {
    let junk: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (junk, "binary data"),
        (b"PAR1\x15\x04\x15\x10\x15\x14L\x15".to_vec(), "a Parquet file"),
        (b"a,b\n1,2\n".to_vec(), "text that begins"),
        (b"[2026-10-01] started".to_vec(), "text that begins"),
        (b"{\"a\":".to_vec(), "expected a value, found the end"),
        (b"\x1f\x8b\x08\x00junk junk junk junk".to_vec(), "expected gzip data"),
        (b"\x28\xb5\x2f\xfdjunkjunk".to_vec(), "expected zstd data"),
        (gzip(b"no json"), "text that begins with `no json`"),
        (b"<html>".to_vec(), "XML or HTML"),
    ];
    for (bytes, found) in cases {
        for (on_bad_line, ranges) in
            [(OnBadLine::Skip, vec![]), (OnBadLine::Fail, vec![]), (OnBadLine::Skip, vec![5, 9])]
        {
            let compressed = Compression::of(&bytes) != Compression::Plain || bytes.starts_with(b"[");
            if compressed && !ranges.is_empty() {
                continue;
            }
            let message =
                block(Scan { on_bad_line, ranges, ..Scan::new(bytes.clone()) }.batches()).unwrap_err().to_string();
            assert!(message.contains("t/f.json"), "{message}");
            assert!(on_bad_line == OnBadLine::Fail || message.contains(found), "{message} says {found}");
        }
    }
    for empty in ["", "\n\n", "[]", "{\"hits\":{\"hits\":[]}}"] {
        assert!(rows(&Scan::new(empty)).is_empty());
    }
}

#[test]
fn what_breaks_off_keeps_what_came_before() {
    let noise = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let lines = (0..20_000).map(|n| format!("{{\"d.e\":\"{n}\",\"x\":{}}}\n", noise(n))).collect::<Vec<_>>().concat();
    for pack in [gzip, zstd] {
        let mut bytes = pack(lines.as_bytes());
        bytes.truncate(bytes.len() * 2 / 3);
        let scan = Scan { batch_size: 1000, ..Scan::new(bytes.clone()).wanting(&[5]) };
        let found = rows(&scan);
        assert!(found.iter().enumerate().all(|(n, row)| *row == format!("{n}|")), "whole documents only");
        let tally = scan.issues.tally();
        assert_eq!(tally.bad_lines, 1, "{:?}", tally.sample);
        assert!(found.len() > 100 && tally.sample[0].reason.ends_with("the rest of the file is not read"));
        assert!(block(Scan { on_bad_line: OnBadLine::Fail, ..Scan::new(bytes) }.batches()).is_err());
    }
    let scan = Scan::new("[{\"d.e\":1},{\"d.e\":tru},{\"d.e\":3}]").wanting(&[5]);
    assert_eq!(rows(&scan), ["1|"]);
    let tally = scan.issues.tally();
    assert_eq!(tally.bad_lines, 1);
    assert!(tally.sample[0].reason.ends_with("the rest of the file is not read"), "{:?}", tally.sample);
    let scan = Scan::new("[{\"d.e\":1},7,{\"d.e\":3}]").wanting(&[5]);
    assert_eq!(rows(&scan), ["1|", "3|"], "an element that is no object does not end the array");
}

#[test]
fn a_long_line_and_local_files() {
    let long = format!("{{\"x\":\"{}\",\"d.e\":\"end\"}}\n{{\"d.e\":2}}\n", "y".repeat(3_000_000));
    for ranges in [vec![], vec![1_500_000], vec![10, 2_999_999, 3_000_020]] {
        let scan = Scan { ranges, local: Some(tempfile::tempdir().unwrap()), ..Scan::new(long.clone()).wanting(&[5]) };
        assert_eq!(rows(&scan), ["end|", "2|"]);
    }
}

#[test]
fn files_are_spread_and_split() {
    let lines = "{\"d.e\":1}\n".repeat(1000);
    let names = |name: &str, bytes: Vec<u8>| (name.to_string(), bytes);
    let scan = Scan {
        files: vec![
            names("a.json", lines.clone().into()),
            names("b.json.gz", gzip(lines.as_bytes())),
            names("c.json", format!("[{}]", vec!["{\"d.e\":1}"; 500].join(",")).into()),
        ],
        partitions: 4,
        batch_size: 100,
        ..Scan::new("").wanting(&[5])
    };
    let context = SessionContext::new();
    let (plan, config) = block(scan.plan(&context));
    assert_eq!(config.file_groups.len(), 4);
    let loads: Vec<u64> =
        config.file_groups.iter().map(|group| group.iter().map(PartitionedFile::effective_size).sum()).collect();
    assert!(loads.iter().all(|load| *load > 2000), "{loads:?}");
    assert_eq!(
        config.file_groups.iter().flat_map(FileGroup::iter).filter(|file| file.path().as_ref() != "a.json").count(),
        2
    );
    assert_eq!(plan.properties().output_partitioning().partition_count(), 4);
    let batches = block(collect(plan, context.task_ctx())).unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2500);
    assert!(config.file_source().file_type() == "ndjson");
}
