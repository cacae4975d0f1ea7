//! The seed rule, in both languages, over every layout of the same events: the rows of the naive reference each time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use datafusion::arrow::array::{
    Array, ArrayRef, FixedSizeBinaryArray, Int64Array, LargeListBuilder, LargeStringArray, LargeStringBuilder,
    ListBuilder, RecordBatch, StringBuilder, StringDictionaryBuilder, StringViewBuilder, StructArray,
    TimestampMicrosecondArray, TimestampMicrosecondBuilder, TimestampMillisecondBuilder, TimestampNanosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use egret::generate::{Config, Document, Layout, Summary, generate};
use serde_json::{Map, Value, json};

use super::program::{egret, egret_with, root};
use super::reference::{AT, Row, ndjson, odd_events, seed_rule};

/// The rules that must agree, those with a window of their own first.
const RULES: [&str; 4] = [
    "data/rules/egress-unusual-executable.toml",
    "data/rules/egress-unusual-executable-sql.toml",
    "data/rules/egress-unusual-executable.esql",
    "data/rules/egress-unusual-executable.sql",
];

/// The fields that the rule reads.
const FIELDS: [&str; 9] = [
    "@timestamp",
    "agent.id",
    "destination.ip",
    "event.action",
    "event.type",
    "host.name",
    "host.os.type",
    "process.executable",
    "process.name",
];

/// The table of a lake that the rule asks for, and one that it does not.
const TABLE: &str = "logs-endpoint.events.network-default";
const OTHER_TABLE: &str = "logs-endpoint.events.process-default";

const MINUTE: i64 = 60_000;

// ---- running

/// Where the events of a run are.
enum Place {
    Events(PathBuf),
    Lake(PathBuf),
    Stdin(Vec<u8>),
}

impl Place {
    fn flags(&self) -> Vec<String> {
        let (flag, location) = match self {
            Self::Events(path) => ("--events", path.display().to_string()),
            Self::Lake(path) => ("--lake", path.display().to_string()),
            Self::Stdin(_) => ("--events", "-".to_owned()),
        };
        vec![flag.to_owned(), location]
    }
}

fn rfc3339(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).unwrap().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Runs all rules over the events for an execution at `at`; each must give the rows of the reference.
///
/// Bare queries have no window: the flags give them that of the others.
fn agree(name: &str, place: &Place, at: i64, threads: u32, expected: &[Row]) {
    let mut args: Vec<String> = vec!["run".to_owned()];
    args.extend(RULES.map(str::to_owned));
    args.extend(place.flags());
    args.extend(["--format", "ndjson", "--quiet", "--at"].map(str::to_owned));
    args.extend([rfc3339(at), "--from".to_owned(), "now-61m".to_owned(), "--to".to_owned(), "now".to_owned()]);
    args.extend(["--threads".to_owned(), threads.to_string()]);
    let stdin = match place {
        Place::Stdin(bytes) => Some(bytes.as_slice()),
        _ => None,
    };
    let ran = egret_with(&args, &root(), stdin).expect(0);
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for mut row in ran.rows() {
        let rule = row.as_object_mut().unwrap().shift_remove("rule.id").unwrap();
        found.entry(rule.as_str().unwrap().to_owned()).or_default().push(row);
    }
    for rule in RULES {
        let rows = found.remove(&rule_id(rule)).unwrap_or_default();
        same_rows(&format!("{rule} over {name} at {} with {threads} threads", rfc3339(at)), rule, rows, expected);
    }
    assert!(found.is_empty(), "rows of no rule: {found:?}");
}

/// Runs the rules that have a window, with that window.
fn agree_with_own_window(name: &str, place: &Place, at: i64, expected: &[Row]) {
    for rule in &RULES[..2] {
        let mut args = vec!["run".to_owned(), (*rule).to_owned(), "--at".to_owned(), rfc3339(at), "-q".to_owned()];
        args.extend(place.flags());
        let stdin = match place {
            Place::Stdin(bytes) => Some(bytes.as_slice()),
            _ => None,
        };
        let ran = egret_with(&args, &root(), stdin).expect(0);
        same_rows(&format!("{rule} over {name} at {}", rfc3339(at)), rule, ran.rows(), expected);
    }
}

fn rule_id(rule: &str) -> String {
    let found = egret::rule::load(Path::new(rule), &root()).unwrap();
    found.rules.into_iter().next().unwrap().unwrap().rule.rule_id.to_string()
}

/// The same rows with the same columns in the same order; ES|QL leaves open how rows with the same count are ordered.
fn same_rows(what: &str, rule: &str, mut found: Vec<Value>, expected: &[Row]) {
    let count = |row: &Value| row["cc"].as_u64().unwrap();
    assert!(found.windows(2).all(|pair| count(&pair[0]) <= count(&pair[1])), "{what}: not in order: {found:#?}");
    if !rule.contains("sql.toml") && !rule.ends_with(".sql") {
        found.sort_by_key(|row| (count(row), row["process.executable"].as_str().map(str::to_owned)));
    }
    let found: Vec<String> = found.iter().map(Value::to_string).collect();
    let expected: Vec<String> = expected.iter().map(|row| row.to_json().to_string()).collect();
    let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).collect();
    let extra: Vec<_> = found.iter().filter(|row| !expected.contains(row)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{what}\nmissing: {missing:#?}\nnot expected: {extra:#?}");
    assert_eq!(found, expected, "{what}: the order differs");
}

// ---- layouts of documents

/// The documents in every way in which JSON brings them.
fn json_layouts(folder: &Path, events: &[Value]) -> Vec<(&'static str, Place)> {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        Place::Events(path)
    };
    let lines = ndjson(events);
    let hits: Vec<Value> = events
        .iter()
        .enumerate()
        .map(|(id, event)| json!({"_index": TABLE, "_id": format!("id-{id}"), "_version": 1, "_source": event}))
        .collect();
    let response = json!({
        "took": 3,
        "timed_out": false,
        "hits": {"total": {"value": hits.len(), "relation": "eq"}, "max_score": null, "hits": hits},
    });
    let dotted: Vec<Value> = events.iter().map(|event| Value::Object(flattened(event))).collect();

    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(lines.as_bytes()).unwrap();

    let half = events.len() / 2;
    let mixed = folder.join("mixed");
    write("mixed/b.ndjson", ndjson(&events[half..]).as_bytes());
    write_parquet(&mixed.join("a.parquet"), &events[..half], Times::Micros);

    let lake = folder.join("lake");
    write(&format!("lake/{TABLE}/day=1/events.ndjson"), ndjson(&events[..half]).as_bytes());
    write(&format!("lake/{TABLE}/day=2/events.ndjson"), ndjson(&events[half..]).as_bytes());
    write(&format!("lake/{OTHER_TABLE}/events.ndjson"), lines.as_bytes());

    vec![
        ("NDJSON", write("events.ndjson", lines.as_bytes())),
        ("NDJSON.gz", write("events.ndjson.gz", &gz.finish().unwrap())),
        ("NDJSON.zst", write("events.ndjson.zst", &zstd::encode_all(lines.as_bytes(), 1).unwrap())),
        ("an export", write("export.json", ndjson(&hits).as_bytes())),
        ("a response", write("response.json", response.to_string().as_bytes())),
        ("an array", write("array.json", serde_json::to_string_pretty(events).unwrap().as_bytes())),
        ("dotted keys", write("dotted.jsonl", ndjson(&dotted).as_bytes())),
        ("Parquet and NDJSON together", Place::Events(mixed)),
        ("a lake", Place::Lake(lake)),
        ("stdin", Place::Stdin(lines.into_bytes())),
    ]
}

/// The leaves of a document under their dotted names.
fn flattened(document: &Value) -> Map<String, Value> {
    fn add(prefix: &str, value: &Value, leaves: &mut Map<String, Value>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    add(&name, value, leaves);
                }
            }
            leaf => {
                leaves.insert(prefix.to_owned(), leaf.clone());
            }
        }
    }
    let mut leaves = Map::new();
    add("", document, &mut leaves);
    leaves
}

/// How a Parquet file keeps `@timestamp`.
#[derive(Debug, Clone, Copy)]
enum Times {
    Millis,
    Micros,
    Nanos,
    Text,
}

/// A Parquet file with a list column for each field of the rule: missing is null, `[]` is empty, null elements stay.
fn write_parquet(path: &Path, events: &[Value], times: Times) {
    let rows: Vec<Map<String, Value>> = events.iter().map(flattened).collect();
    let columns = FIELDS.map(|field| {
        let values: Vec<Option<Vec<Option<String>>>> = rows.iter().map(|row| texts(row.get(field))).collect();
        let column = if field == "@timestamp" { instants(&values, times) } else { lists(&values, field, times) };
        (field, column, true)
    });
    write_batch(path, &RecordBatch::try_from_iter_with_nullable(columns).unwrap());
}

fn write_batch(path: &Path, batch: &RecordBatch) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(400)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// The values of a field as texts.
fn texts(value: Option<&Value>) -> Option<Vec<Option<String>>> {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    match value? {
        Value::Null => None,
        Value::Array(elements) => Some(elements.iter().map(text).collect()),
        one => Some(vec![text(one)]),
    }
}

/// A list column of texts, in an encoding that depends on the field and the file.
fn lists(values: &[Option<Vec<Option<String>>>], field: &str, times: Times) -> ArrayRef {
    macro_rules! built {
        ($builder:expr) => {{
            let mut lists = $builder;
            for texts in values {
                for text in texts.iter().flatten() {
                    lists.values().append_option(text.as_deref());
                }
                lists.append(texts.is_some());
            }
            Arc::new(lists.finish())
        }};
    }
    match (times, field) {
        (Times::Millis, _) => built!(ListBuilder::new(StringBuilder::new())),
        (Times::Micros, _) => built!(ListBuilder::new(StringViewBuilder::new())),
        (Times::Nanos, "event.action" | "host.os.type") => {
            built!(ListBuilder::new(StringDictionaryBuilder::<Int32Type>::new()))
        }
        (Times::Nanos, _) => built!(ListBuilder::new(LargeStringBuilder::new())),
        (Times::Text, _) => built!(LargeListBuilder::new(StringBuilder::new())),
    }
}

/// A list column of instants. What is no instant is null among instants, and itself among texts.
fn instants(values: &[Option<Vec<Option<String>>>], times: Times) -> ArrayRef {
    let millis = |text: &str| {
        let read = DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_millis());
        text.parse::<i64>().ok().or(read.ok())
    };
    macro_rules! built {
        ($builder:ty, $factor:expr, $zone:expr) => {{
            let mut lists = ListBuilder::new(<$builder>::new().with_data_type($zone));
            for texts in values {
                for text in texts.iter().flatten() {
                    let at = text.as_deref().and_then(millis);
                    lists.values().append_option(at.map(|at| at * $factor));
                }
                lists.append(texts.is_some());
            }
            Arc::new(lists.finish())
        }};
    }
    match times {
        Times::Millis => {
            built!(TimestampMillisecondBuilder, 1, DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())))
        }
        Times::Micros => {
            built!(TimestampMicrosecondBuilder, 1_000, DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        Times::Nanos => {
            built!(TimestampNanosecondBuilder, 1_000_000, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())))
        }
        Times::Text => {
            // Text is no number: milliseconds are written as a date here.
            let written = |text: &String| text.parse::<i64>().map_or_else(|_| text.clone(), rfc3339);
            let values: Vec<_> = values
                .iter()
                .map(|texts| {
                    let texts = texts.as_ref()?;
                    Some(texts.iter().map(|text| text.as_ref().map(written)).collect())
                })
                .collect();
            lists(&values, "@timestamp", times)
        }
    }
}

// ---- generated events

struct Generated {
    folder: tempfile::TempDir,
    summary: Summary,
    events: Vec<Value>,
}

fn configured(out: PathBuf, layout: Layout) -> Config {
    let mut config = Config::new(out, layout);
    (config.seed, config.rows, config.days, config.agents) = (11, 3_000, 2, 40);
    config.row_group_rows = 700;
    config.force = true;
    config
}

fn write(config: &Config) -> Summary {
    generate(config, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn generated() -> Generated {
    let folder = tempfile::tempdir().unwrap();
    let mut config = configured(folder.path().join("source.ndjson"), Layout::Ndjson);
    config.document = Document::Compact;
    let summary = write(&config);
    let text = fs::read_to_string(&summary.files[0]).unwrap();
    let events = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Generated { folder, summary, events }
}

/// What the list of planted cases promises of an execution.
fn planted(summary: &Summary, at: i64) -> Vec<Row> {
    let promised = summary.planted.iter().filter(|case| case.execution.timestamp_millis() == at);
    let mut rows: Vec<Row> = promised
        .filter_map(|case| {
            Some(Row {
                cc: case.cc?,
                agent_count: 1,
                host_name: Some(case.hosts.clone()),
                agent_id: Some(case.agents.clone()),
                process_executable: Some(case.executable.clone()),
            })
        })
        .collect();
    rows.sort_by(|a, b| (a.cc, &a.process_executable).cmp(&(b.cc, &b.process_executable)));
    rows
}

#[test]
fn generated_events_in_every_layout() {
    let generated = generated();
    let at = generated.summary.last.timestamp_millis();
    let expected = seed_rule(&generated.events, at);
    assert!(expected.len() >= 8);
    assert_eq!(expected, planted(&generated.summary, at));

    let folder = generated.folder.path();
    let mut places = json_layouts(&folder.join("json"), &generated.events);
    for layout in Layout::ALL {
        let name = if layout == Layout::Ndjson { "full.ndjson.gz" } else { layout.name() };
        let extension = if matches!(layout, Layout::HiveParquet | Layout::Ndjson) { "" } else { ".parquet" };
        let config = configured(folder.join(format!("generated/{name}{extension}")), layout);
        fs::create_dir_all(folder.join("generated")).unwrap();
        assert_eq!(write(&config).planted, generated.summary.planted, "{layout}");
        let shown = if layout == Layout::Ndjson { "full documents" } else { layout.name() };
        places.push((shown, Place::Events(config.out)));
    }
    for (name, place) in &places {
        for threads in [1, 2] {
            agree(name, place, at, threads, &expected);
        }
    }
}

#[test]
fn generated_events_at_the_edges_of_the_window() {
    let generated = generated();
    let folder = generated.folder.path();
    let flat = configured(folder.join("flat.parquet"), Layout::FlatParquet);
    let hive = configured(folder.join("hive"), Layout::HiveParquet);
    write(&flat);
    write(&hive);
    let places = [
        ("flat", Place::Events(flat.out)),
        ("hive", Place::Events(hive.out)),
        ("NDJSON", Place::Events(generated.summary.files[0].clone())),
    ];
    let last = generated.summary.last.timestamp_millis();
    let mut results = Vec::new();
    for (edge, at) in [last - 1, last + 1, last + MINUTE, last - 24 * 60 * MINUTE].into_iter().enumerate() {
        let expected = seed_rule(&generated.events, at);
        let (name, place) = &places[edge % places.len()];
        agree_with_own_window(name, place, at, &expected);
        results.push(expected);
    }
    results.dedup();
    assert!(results.len() > 1, "every edge gives the same rows");
}

#[test]
fn the_newest_event_sets_the_time() {
    let generated = generated();
    let expected = seed_rule(&generated.events, generated.summary.last.timestamp_millis());
    let events = generated.summary.files[0].display().to_string();
    for rule in RULES {
        let ran = egret(&["run", rule, "--events", &events, "--at", "latest", "-q"]).expect(0);
        same_rows(rule, rule, ran.rows(), &expected);
    }
}

/// The single value of a field of every event, as text.
fn single_texts(events: &[Value], field: &str) -> Vec<Option<String>> {
    let one = |event: &Value| texts(flattened(event).get(field)).and_then(|mut values| values.pop().flatten());
    events.iter().map(one).collect()
}

/// The columns of the rule under their dotted names: milliseconds as a number, addresses as 16 bytes, long texts.
fn columns_of_numbers(events: &[Value]) -> Vec<(String, ArrayRef)> {
    let column = |field: &str| {
        let values = single_texts(events, field);
        match field {
            "@timestamp" => {
                let millis = |text: &String| DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
                let values = values.iter().map(|text| text.as_ref().map(millis));
                Arc::new(values.collect::<Int64Array>()) as ArrayRef
            }
            "destination.ip" => {
                let octets = |text: &String| match text.parse().unwrap() {
                    IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                    IpAddr::V6(address) => address.octets(),
                };
                let values = values.iter().map(|text| text.as_ref().map(octets));
                Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, 16).unwrap())
            }
            _ => Arc::new(LargeStringArray::from(values)),
        }
    };
    FIELDS.iter().map(|field| ((*field).to_owned(), column(field))).collect()
}

/// The columns of the rule in structs, whose leaves are lists; instants with a zone.
fn columns_of_structs(events: &[Value]) -> Vec<(String, ArrayRef)> {
    fn nest(columns: Vec<(String, ArrayRef)>) -> Vec<(String, ArrayRef)> {
        let mut flat = Vec::new();
        let mut nested: BTreeMap<String, Vec<(String, ArrayRef)>> = BTreeMap::new();
        for (name, column) in columns {
            match name.split_once('.') {
                Some((parent, rest)) => nested.entry(parent.to_owned()).or_default().push((rest.to_owned(), column)),
                None => flat.push((name, column)),
            }
        }
        for (parent, children) in nested {
            let fields = nest(children)
                .into_iter()
                .map(|(name, column)| (Arc::new(Field::new(name, column.data_type().clone(), true)), column));
            flat.push((parent, Arc::new(StructArray::from(fields.collect::<Vec<_>>()))));
        }
        flat
    }
    let column = |field: &str| {
        let values = single_texts(events, field);
        if field == "@timestamp" {
            let micros = |text: &String| DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
            let values: TimestampMicrosecondArray = values.iter().map(|text| text.as_ref().map(micros)).collect();
            Arc::new(values.with_timezone("+02:00")) as ArrayRef
        } else {
            let values: Vec<_> = values.into_iter().map(|text| text.map(|text| vec![Some(text)])).collect();
            lists(&values, field, Times::Nanos)
        }
    };
    nest(FIELDS.iter().map(|field| ((*field).to_owned(), column(field))).collect())
}

#[test]
fn generated_events_in_other_physical_types() {
    let generated = generated();
    let at = generated.summary.last.timestamp_millis();
    let expected = seed_rule(&generated.events, at);
    let numbers = columns_of_numbers(&generated.events);
    let structs = columns_of_structs(&generated.events);
    for (name, columns) in [("numbers", numbers), ("structs", structs)] {
        let path = generated.folder.path().join(format!("{name}.parquet"));
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        write_batch(&path, &RecordBatch::try_from_iter_with_nullable(columns).unwrap());
        agree(name, &Place::Events(path), at, 2, &expected);
    }
}

#[test]
fn a_location_may_step_upwards() {
    let run = |events: &str| {
        let ran = egret(&["run", RULES[0], "--events", events, "--at", "latest", "-q"]).expect(0);
        assert!(!ran.stdout.is_empty(), "{events}: {}", ran.stderr);
        ran.stdout
    };
    let expected = run("data/events.ndjson");
    assert_eq!(run("tests/../data/events.ndjson"), expected);
    assert_eq!(run("tests/it/../../data/*.ndjson"), expected);
    assert_eq!(run("tests/../data/events.parquet"), run("data/events.parquet"));
}

// ---- odd events

#[test]
fn odd_events_as_json() {
    for seed in 1..=3 {
        let events = odd_events(seed, 1_500);
        let expected = seed_rule(&events, AT);
        assert!(expected.len() >= 4, "{expected:#?}");
        let folder = tempfile::tempdir().unwrap();
        for (at, (name, place)) in json_layouts(folder.path(), &events).iter().enumerate() {
            agree(&format!("{name} of seed {seed}"), place, AT, 1 + at as u32 % 2, &expected);
        }
    }
}

#[test]
fn odd_events_as_parquet_with_lists() {
    for seed in 4..=6 {
        let events = odd_events(seed, 1_500);
        let expected = seed_rule(&events, AT);
        assert!(expected.len() >= 4, "{expected:#?}");
        let folder = tempfile::tempdir().unwrap();
        for times in [Times::Millis, Times::Micros, Times::Nanos, Times::Text] {
            let path = folder.path().join(format!("{times:?}.parquet"));
            write_parquet(&path, &events, times);
            agree(&format!("{times:?} of seed {seed}"), &Place::Events(path), AT, 2, &expected);
        }
    }
}

#[test]
fn odd_events_at_the_edges_of_the_window() {
    let events = odd_events(7, 1_500);
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("events.ndjson");
    fs::write(&json, ndjson(&events)).unwrap();
    let parquet = folder.path().join("events.parquet");
    write_parquet(&parquet, &events, Times::Nanos);
    let mut results = Vec::new();
    for at in [AT - 1, AT, AT + 1, AT + MINUTE, AT + MINUTE + 1, AT - MINUTE, AT + 60 * MINUTE] {
        let expected = seed_rule(&events, at);
        agree_with_own_window("NDJSON", &Place::Events(json.clone()), at, &expected);
        agree_with_own_window("Parquet", &Place::Events(parquet.clone()), at, &expected);
        results.push(expected);
    }
    results.dedup();
    assert!(results.len() >= 4, "the edges hardly differ");
}
