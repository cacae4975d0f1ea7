//! `egret convert`: rules find the same rows before and after, nothing is lost or there twice, whatever ends a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use datafusion::parquet::file::reader::{FileReader, SerializedFileReader};
use datafusion::parquet::record::RowAccessor;
use egret::generate::{Config, Document, Layout, generate};
use egret::lake::{Kind, Lake, LakeConfig};
use serde_json::{Value, json};

use super::corpora::{rule_files, stem};
use super::program::{Ran, egret, egret_with, root, shared};
use super::reference::{AT, ndjson, odd_events};

// ---- running

fn convert(input: &Path, output: &Path, more: &[&str]) -> Ran {
    let mut args = vec!["convert".to_owned(), input.display().to_string()];
    args.extend(["--output".to_owned(), output.display().to_string()]);
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    egret(&args)
}

/// The rows of a query over all events of a location.
fn rows(query: &str, events: &Path) -> Vec<Value> {
    let args = ["run", "-", "--events", &events.display().to_string(), "--all-time", "--format", "ndjson", "--quiet"];
    egret_with(&args, &root(), Some(query.as_bytes())).expect(0).rows()
}

fn sorted(mut rows: Vec<Value>) -> Vec<String> {
    rows.sort_by_cached_key(Value::to_string);
    rows.into_iter().map(|row| row.to_string()).collect()
}

/// Says which columns of which rows differ.
fn same(what: &str, before: Vec<Value>, after: Vec<Value>) {
    let (before, after) = (sorted(before), sorted(after));
    if before == after {
        return;
    }
    let differing = before.iter().zip(&after).find(|(one, other)| one != other);
    panic!("{what}: {} rows before, {} after, the first that differ: {differing:#?}", before.len(), after.len());
}

/// The ids of all events, which must all be different.
fn ids(events: &Path) -> BTreeSet<String> {
    let found = rows("FROM * METADATA _id | KEEP _id | LIMIT 1000000", events);
    let all: BTreeSet<String> = found.iter().map(|row| row["_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(all.len(), found.len(), "an event is there twice");
    all
}

/// The Parquet files of an output, below it.
fn parquet_files(output: &Path) -> Vec<String> {
    let files = walkdir::WalkDir::new(output).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file());
    let below = files.map(|e| e.path().strip_prefix(output).unwrap().display().to_string());
    let mut files: Vec<String> = below.filter(|path| path.ends_with(".parquet")).collect();
    files.sort();
    files
}

fn write(path: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    path.to_owned()
}

/// Events with all that documents can do to a reader.
fn difficult() -> String {
    let lines = [
        r#"{"@timestamp":"2026-10-01T10:00:00Z","host":{"name":"a","ip":["10.0.0.1","fe80::1","10.0.0.1"]},"n":1,"tags":["x","y","x"]}"#,
        r#"{"@timestamp":"2026-10-01T23:59:59.999999Z","host.name":"b","host":{"os.type":"linux"},"n":7,"tags":"z","process.pid":"443"}"#,
        r#"{"@timestamp":"2026-10-02T00:00:00+02:00","host":[{"name":"c"},{"name":"d"}],"n":8,"destination":{"port":"http","ip":"not an ip"}}"#,
        r#"{"@timestamp":1790856000000,"host":{"name":"e"},"n":2.9,"score":1e3,"big":18446744073709551615,"flag":"true"}"#,
        r#"{"@timestamp":"2026-10-03T00:00:00Z","n":null,"tags":[],"own":{"deep":[{"k":1},{"k":[2,3]},{"other":"t"}]},"flag":false}"#,
        r#"{"event":{"ingested":"2026-10-01T10:30:00Z"},"host":{"name":"without a time"},"n":5}"#,
        r#"{"@timestamp":"yesterday","event":{"ingested":"2026-10-01T10:31:00Z"},"host":{"name":"with another"},"n":6}"#,
        r#"{"@timestamp":null,"host":{"name":"null"}}"#,
        r#"{"@timestamp":"2026-10-04T00:00:00Z","client":{"geo":{"location":"POINT (1 2)"}},"agent":{"version":"8.10.2"},"process":{"command_line":"a \"b\" \\ \u00e9 \n c"}}"#,
        r#"{"@timestamp":"2026-10-04T00:00:00Z","client":{"geo":{"location":{"lat":1.5,"lon":2.5}}},"agent":{"version":"8.9.0"},"a":"value","a.b":"below"}"#,
        r#"{"@timestamp":"2026-10-04T00:00:00Z","client":{"geo":{"location":[1.5,2.5]}},"n":1,"n":4,"host":{"name":""}}"#,
        r#"{"_index":"logs-other","_id":"own-1","_version":7,"_ignored":["message","big"],"_source":{"@timestamp":"2026-10-05T00:00:00Z","host":{"name":"hit"},"n":3}}"#,
        r#"{"_index":"logs-other","_id":"own-2","_source":{"@timestamp":"2026-10-05T00:00:01Z","tags":[1,"1",2],"n":[1,1,2]}}"#,
        r#"{"_id":"own-3","@timestamp":"1969-12-31T23:59:59Z","event":{"created":"2026-10-01","duration":-1.5},"score":"2.5"}"#,
        r#"{"@timestamp":"2026-10-01T10:00:00Z","event":{"kind":[],"category":["network","process"],"type":[["start"],null]},"late":[true,false]}"#,
    ];
    lines.join("\n") + "\n"
}

const QUERIES: [&str; 8] = [
    "FROM * | LIMIT 10000",
    "FROM * METADATA _id, _index, _version, _ignored | LIMIT 10000",
    "FROM * METADATA _id | WHERE host.name IS NOT NULL | EVAL x = MV_COUNT(host.ip), y = n + 1 | KEEP _id, host.name, x, y, n",
    "FROM * | STATS c = COUNT(*), d = COUNT_DISTINCT(tags), v = VALUES(tags) BY host.name | SORT host.name",
    "FROM * | WHERE CIDR_MATCH(host.ip, \"10.0.0.0/8\") OR destination.port == 443 | KEEP @timestamp, host.name, host.ip",
    "FROM * METADATA _id | MV_EXPAND tags | KEEP _id, tags, @timestamp",
    "FROM * METADATA _ignored | WHERE _ignored IS NOT NULL | STATS c = COUNT(*) BY _ignored",
    "FROM * | WHERE @timestamp >= \"2026-10-01T10:00:00Z\" AND @timestamp < \"2026-10-04T00:00:00.001Z\" | KEEP @timestamp, n, a, own.deep.k",
];

// ---- the same rows

#[test]
fn stores_are_no_place_of_a_conversion() {
    let folder = tempfile::tempdir().unwrap();
    let from = convert(Path::new("s3://lake/events.ndjson"), &folder.path().join("out"), &[]).expect(2);
    assert!(from.stderr.contains("s3://lake/events.ndjson: found an object store, expected files"), "{}", from.stderr);
    let to = convert(&root().join("data/events.ndjson"), Path::new("s3://lake/out"), &[]).expect(2);
    assert!(to.stderr.contains("found an object store, expected a folder of this machine"), "{}", to.stderr);
}

#[test]
fn rules_find_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let odd = write(&place("odd.ndjson"), &ndjson(&odd_events(5, 2_000)));
    let difficult = write(&place("difficult.ndjson"), &difficult());
    let hive = write(&place("hive/date=2026-10-01/region=eu/a.ndjson"), &ndjson(&odd_events(6, 50)));
    fs::copy(&difficult, hive.parent().unwrap().join("b.ndjson")).unwrap();
    // Every form that inputs have, together.
    let mixed = write(&place("mixed/a.ndjson"), &ndjson(&odd_events(7, 200))).parent().unwrap().to_owned();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(ndjson(&odd_events(8, 200)).as_bytes()).unwrap();
    fs::write(mixed.join("b.ndjson.gz"), gz.finish().unwrap()).unwrap();
    let zst = zstd::encode_all(fs::read(&difficult).unwrap().as_slice(), 1).unwrap();
    fs::write(mixed.join("c.ndjson.zst"), zst).unwrap();
    write(&mixed.join("deeper/d.json"), &serde_json::to_string_pretty(&odd_events(9, 50)).unwrap());
    let mut config = Config::new(mixed.join("e.parquet"), Layout::NestedParquet);
    (config.rows, config.planted) = (500, Some(place("planted.csv")));
    generate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    let partitions = [
        ("day", &mixed),
        ("day", &odd),
        ("day", &difficult),
        ("hour", &odd),
        ("none", &difficult),
        ("day", &place("hive")),
    ];
    for (at, (partition, input)) in partitions.into_iter().enumerate() {
        let output = place(&format!("out-{at}"));
        convert(input, &output, &["--partition", partition]).expect(0);
        let what = |query: &str| format!("{query} over {} by {partition}", input.display());
        for query in QUERIES {
            same(&what(query), rows(query, input), rows(query, &output));
        }
        let run = |events: &Path| {
            let at = chrono::DateTime::from_timestamp_millis(AT).unwrap().to_rfc3339();
            let events = events.display().to_string();
            let ran = egret(&["run", "data/rules", "--events", &events, "--at", &at, "--format", "ndjson"]).expect(0);
            let alerts =
                egret(&["run", "data/rules", "--events", &events, "--all-time", "--at", &at, "--as", "alerts"]);
            (ran.rows(), alerts.expect(0).rows())
        };
        let (before, after) = (run(input), run(&output));
        assert!(!input.ends_with("odd.ndjson") || !before.0.is_empty());
        same(&what("the rules"), before.0, after.0);
        same(&what("alerts of the rules"), before.1, after.1);
        assert_eq!(ids(input), ids(&output));
    }
}

#[test]
fn alerts_hold_the_same_events() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(&folder.path().join("events.ndjson"), &difficult());
    let output = folder.path().join("out");
    convert(&input, &output, &[]).expect(0);
    let rule = write(&folder.path().join("rule.esql"), "FROM * | WHERE n > 0 OR tags == \"z\"");
    let alerts = |events: &Path| {
        let args = ["run", &rule.display().to_string(), "--events", &events.display().to_string(), "--as", "alerts"];
        egret(&[&args[..], &["--at", "2026-10-06T00:00:00Z", "--format", "ndjson"]].concat()).expect(0).rows()
    };
    let before = alerts(&input);
    assert!(before.len() > 5, "{before:#?}");
    same("alerts", before, alerts(&output));
}

#[test]
fn documents_are_kept_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(&folder.path().join("events.ndjson"), &difficult());
    let output = folder.path().join("out");
    convert(&input, &output, &["--keep-source"]).expect(0);
    let query = "FROM * METADATA _id, _source | KEEP _id, _source";
    same(query, rows(query, &input), rows(query, &output));
}

#[test]
fn files_that_were_converted_convert_again() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(&folder.path().join("events.ndjson"), &difficult());
    let (once, twice) = (folder.path().join("once"), folder.path().join("twice"));
    convert(&input, &once, &[]).expect(0);
    convert(&once, &twice, &["--partition", "hour"]).expect(0);
    for query in QUERIES {
        same(query, rows(query, &input), rows(query, &twice));
    }
}

#[test]
fn parquet_converts_with_its_ids() {
    let folder = tempfile::tempdir().unwrap();
    for layout in [Layout::FlatParquet, Layout::NestedParquet, Layout::ListParquet, Layout::HiveParquet] {
        let mut config = Config::new(folder.path().join(format!("{layout:?}/in.parquet")), layout);
        (config.rows, config.days) = (3_000, 3);
        fs::create_dir_all(config.out.parent().unwrap()).unwrap();
        generate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
        let output = folder.path().join(format!("{layout:?}/out"));
        convert(&config.out, &output, &[]).expect(0);
        assert_eq!(ids(&config.out), ids(&output), "{layout:?}");
        for query in
            ["FROM * METADATA _id, _version | LIMIT 10000", "FROM * | STATS c = COUNT(*) BY host.name, user.name"]
        {
            same(&format!("{query} over {layout:?}"), rows(query, &config.out), rows(query, &output));
        }
    }
}

#[test]
fn rules_of_others_find_the_same_rows() {
    let Some(corpora) = shared("rules_of_others_find_the_same_rows") else { return };
    let folder = tempfile::tempdir().unwrap();
    let pending = fs::read_to_string(root().join("tests/it/corpora_pending.txt")).unwrap();
    let files = rule_files(&corpora).into_iter().filter(|file| {
        let stem = stem(&file.display().to_string());
        let asks = fs::read_to_string(file).unwrap().contains("| COMPLETION ");
        !asks && !pending.lines().any(|line| line.starts_with(&stem))
    });
    let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
    let input = corpora.join("events/ecs-search-hits.ndjson");
    let output = folder.path().join("out");
    convert(&input, &output, &[]).expect(0);
    let run = |events: &Path| {
        let mut args = vec!["run".to_owned()];
        args.extend(files.iter().cloned());
        args.extend(["--events".to_owned(), events.display().to_string()]);
        args.extend(["--all-time", "--format", "ndjson", "--at", "2026-11-01T00:00:00Z"].map(str::to_owned));
        egret(&args).expect(0).rows()
    };
    let before = run(&input);
    assert!(!before.is_empty());
    same("rules", before, run(&output));
    assert_eq!(ids(&input), ids(&output));
}

/// Of the events of others, column by column.
#[test]
fn columns_of_others_stay_the_same() {
    const COLUMNS: usize = 120;
    let Some(corpora) = shared("columns_of_others_stay_the_same") else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in ["ecs-documents.ndjson", "ecs-search-hits.ndjson", "cloudtrail-attack-techniques.ndjson"] {
        let input = corpora.join("events").join(name);
        let output = folder.path().join(name);
        // Some have no time; some are of hundreds of days.
        let none = if name == "ecs-search-hits.ndjson" { Vec::new() } else { vec!["--partition", "none"] };
        convert(&input, &output, &none).expect(0);
        let (fields, stored) = (fields(&input), fields(&output));
        assert_eq!(fields, stored, "{name}");
        // Of thousands of fields those that are spread evenly among them, and all of which types are rare.
        let step = fields.len().div_ceil(2 * COLUMNS);
        let rare = |kind: Kind| matches!(kind, Kind::Ip | Kind::GeoPoint | Kind::Version | Kind::UnsignedLong);
        let chosen = fields.iter().enumerate().filter(|(at, (_, kind))| at % step == 0 || rare(*kind));
        let chosen: Vec<String> = chosen.map(|(_, (name, _))| format!("`{name}`")).collect();
        for names in chosen.chunks(COLUMNS) {
            let keep = names.join(", ");
            let query =
                format!("FROM * METADATA _id, _index, _version | KEEP _id, _index, _version, {keep} | LIMIT 10000");
            let before = rows(&query, &input);
            assert!(before.len() >= 300, "{name}: {} rows", before.len());
            same(&format!("{query} over {name}"), before, rows(&query, &output));
        }
    }
}

/// The fields of a location and their kinds.
fn fields(location: &Path) -> Vec<(String, Kind)> {
    let config = LakeConfig { events: Some(location.display().to_string()), ..LakeConfig::default() };
    let lake = tokio::runtime::Runtime::new().unwrap().block_on(Lake::open(&config)).unwrap();
    lake.tables()[0].fields().iter().map(|field| (field.name.clone(), field.kind)).collect()
}

// ---- the layout

#[test]
fn events_without_a_time_are_never_ruled_out() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(&folder.path().join("events.ndjson"), &difficult());
    let output = folder.path().join("out");
    convert(&input, &output, &[]).expect(0);
    let timeless = "date=__HIVE_DEFAULT_PARTITION__/events-00001-000.parquet";
    assert!(parquet_files(&output).contains(&timeless.to_owned()), "{:?}", parquet_files(&output));
    let rule = write(
        &folder.path().join("rule.toml"),
        r#"
[metadata]
creation_date = "2026/10/01"
updated_date = "2026/10/01"

[rule]
author = ["Egret"]
rule_id = "5d3c2f86-52c0-4e0e-8a19-2f6d2e1b7c11"
name = "ingested"
type = "esql"
language = "esql"
from = "now-1h"
interval = "1h"
severity = "low"
risk_score = 21
description = "d"
timestamp_override = "event.ingested"
query = "FROM * METADATA _id, _index, _version | KEEP _id, host.name"
"#,
    );
    let catalog = write(
        &folder.path().join("egret.toml"),
        "[tables.events]\nlocation = \"out\"\npartition = \"date=%Y-%m-%d\"\nlateness = \"1h\"\n",
    );
    let found = |place: &[&str]| {
        let args = ["run", &rule.display().to_string(), "--at", "2026-10-01T11:00:00Z", "--format", "ndjson"];
        egret(&[&args[..], place].concat()).expect(0).rows()
    };
    let before = found(&["--events", &input.display().to_string()]);
    let names: BTreeSet<&str> = before.iter().filter_map(|row| row["host.name"].as_str()).collect();
    assert!(names.contains("without a time") && names.contains("with another"), "{before:#?}");
    same("plain", before.clone(), found(&["--events", &output.display().to_string()]));
    same("with lateness", before.clone(), found(&["--events", &output.display().to_string(), "--lateness", "1h"]));
    same("with a catalogue", before, found(&["--catalog", &catalog.display().to_string()]));
}

#[test]
fn files_are_sorted_and_say_what_rules_look_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path().join("events.ndjson"), Layout::Ndjson);
    (config.rows, config.days, config.document) = (20_000, 2, Document::Compact);
    generate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    // In no order at all.
    let text = fs::read_to_string(&config.out).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_by_key(|line| line.len() * 7919 % 1009);
    let input = write(&folder.path().join("mixed.ndjson"), &lines.join("\n"));
    let output = folder.path().join("out");
    // So little memory that there are many runs.
    convert(&input, &output, &["--memory-limit", "8MiB"]).expect(0);
    let files = parquet_files(&output);
    assert_eq!(files.len(), 2, "{files:?}");
    let mut events = 0;
    for file in files {
        let reader = SerializedFileReader::new(fs::File::open(output.join(&file)).unwrap()).unwrap();
        let group = reader.metadata().row_group(0);
        assert!(group.sorting_columns().is_some_and(|sorted| sorted.len() == 1));
        let column = |name: &str| {
            let found = group.columns().iter().find(|column| column.column_path().parts() == [name]);
            found.unwrap_or_else(|| panic!("{file} has no column {name}"))
        };
        assert!(column("@timestamp").column_index_offset().is_some(), "no page index");
        assert!(column("destination.ip").dictionary_page_offset().is_some(), "no dictionary");
        assert!(column("_id").dictionary_page_offset().is_none(), "ids have no dictionary");
        assert!(column("process.entity_id").bloom_filter_offset().is_some(), "ids have a bloom filter");
        assert!(column("event.action").bloom_filter_offset().is_none(), "few values need no bloom filter");
        assert!(column("process.pid").bloom_filter_offset().is_none(), "numbers have no bloom filter");
        let day = file.strip_prefix("date=").unwrap()[..10].to_owned();
        let mut last = i64::MIN;
        for row in reader.get_row_iter(None).unwrap() {
            let at = row.unwrap().get_timestamp_micros(0).unwrap();
            assert!(at >= last, "{file} is not sorted");
            assert_eq!(chrono::DateTime::from_timestamp_micros(at).unwrap().format("%Y-%m-%d").to_string(), day);
            last = at;
            events += 1;
        }
    }
    assert_eq!(events, 20_000);
    assert_eq!(ids(&input), ids(&output));
    // A second conversion gives the same bytes.
    let again = folder.path().join("again");
    convert(&input, &again, &["--memory-limit", "8MiB", "--threads", "1"]).expect(0);
    for file in parquet_files(&output) {
        assert_eq!(fs::read(output.join(&file)).unwrap(), fs::read(again.join(&file)).unwrap(), "{file}");
    }
}

// ---- again, and after a crash

#[test]
fn only_what_is_new_or_has_changed_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    let output = folder.path().join("out");
    let stats = folder.path().join("stats.json");
    let events = odd_events(9, 300);
    let run = |expected: [u64; 4]| {
        convert(&input, &output, &["--stats-file", &stats.display().to_string()]).expect(0);
        let told: Value = serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
        let of = |key: &str| told["conversions"][0][key].as_u64().unwrap();
        assert_eq!([of("events"), of("inputs"), of("unchanged"), of("changed")], expected, "{told:#}");
        assert_eq!(of("output_events"), ids(&output).len() as u64);
        same("all", rows(QUERIES[1], &input), rows(QUERIES[1], &output));
    };
    write(&input.join("a.ndjson"), &ndjson(&events[..100]));
    write(&input.join("b.ndjson"), &ndjson(&events[100..150]));
    run([150, 2, 0, 0]);
    let first: BTreeMap<String, Vec<u8>> =
        parquet_files(&output).into_iter().map(|file| (file.clone(), fs::read(output.join(file)).unwrap())).collect();
    run([0, 0, 2, 0]);
    write(&input.join("c.ndjson"), &ndjson(&events[150..200]));
    run([50, 1, 2, 0]);
    for (file, bytes) in &first {
        assert_eq!(&fs::read(output.join(file)).unwrap(), bytes, "{file} was written again");
    }
    // One grows, one changes in place, one is there no more.
    let mut grown = fs::OpenOptions::new().append(true).open(input.join("b.ndjson")).unwrap();
    grown.write_all(ndjson(&events[200..220]).as_bytes()).unwrap();
    write(&input.join("c.ndjson"), &ndjson(&events[220..300]));
    run([150, 2, 1, 2]);
    fs::remove_file(input.join("a.ndjson")).unwrap();
    let kept = convert(&input, &output, &["--stats-file", &stats.display().to_string()]).expect(0);
    assert!(kept.stderr.contains("1 gone"), "{}", kept.stderr);
    assert_eq!(ids(&output).len(), 250);
    convert(&input, &output, &["--force"]).expect(0);
    same("anew", rows(QUERIES[1], &input), rows(QUERIES[1], &output));
    assert!(parquet_files(&output).iter().all(|file| !file.contains("events-00001-")));
}

#[test]
fn a_field_keeps_its_type() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    let output = folder.path().join("out");
    write(&input.join("a.ndjson"), "{\"@timestamp\":\"2026-10-01T00:00:00Z\",\"own\":1,\"one\":\"a\"}\n");
    convert(&input, &output, &[]).expect(0);
    let later = r#"{"@timestamp":"2026-10-01T00:00:01Z","own":"x","one":["b","c"],"new":true}"#;
    write(&input.join("b.ndjson"), &format!("{later}\n"));
    let ran = convert(&input, &output, &[]).expect(0);
    assert!(ran.stderr.contains("`own` is keyword in new events and stays long"), "{}", ran.stderr);
    let found = rows("FROM * METADATA _ignored | SORT @timestamp | KEEP own, one, new, _ignored", &output);
    let expected = [
        json!({"own": 1, "one": "a", "new": null, "_ignored": null}),
        json!({"own": null, "one": ["b", "c"], "new": true, "_ignored": "own"}),
    ];
    assert_eq!(found, expected);
    convert(&input, &output, &["--force"]).expect(0);
    same("anew", rows(QUERIES[1], &input), rows(QUERIES[1], &output));
}

/// Kills conversions after random times, goes on, and looks at what is there meanwhile.
#[test]
fn nothing_is_lost_or_there_twice_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::create_dir_all(&input).unwrap();
    let mut config = Config::new(input.join("a.ndjson"), Layout::Ndjson);
    (config.rows, config.days, config.document) = (12_000, 6, Document::Compact);
    config.planted = Some(folder.path().join("planted.csv"));
    generate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    let output = folder.path().join("out");
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let mut dice = u64::from(seed) | 1;
    eprintln!("seed {seed}");
    let mut random = |below: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % below
    };
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_egret"))
            .args(["convert", &input.display().to_string(), "--output", &output.display().to_string()])
            .args(["--memory-limit", "4MiB", "--quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    // How long one takes that nobody kills.
    let began = Instant::now();
    assert!(start().wait().unwrap().success());
    let whole = u64::try_from(began.elapsed().as_millis()).unwrap().max(50);
    let expected = ids(&input);
    assert_eq!(ids(&output), expected);

    let (mut kills, mut seen) = (0, BTreeSet::new());
    for round in 0..3 {
        if round < 2 {
            fs::remove_dir_all(&output).unwrap();
        } else {
            // The last round replaces the events of a file that has grown.
            let text = fs::read_to_string(&config.out).unwrap();
            let more: String = text.lines().take(500).map(|line| line.to_owned() + "\n").collect();
            write(&config.out, &(text + &more));
        }
        loop {
            let mut child = start();
            std::thread::sleep(Duration::from_millis(random(whole * 4 / 5)));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{:?}", std::io::read_to_string(child.stderr.take().unwrap()));
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            // What is at its place is whole, and no event is in it twice.
            let files = parquet_files(&output);
            seen.insert(files.len());
            if !files.is_empty() {
                let found = ids(&output);
                assert!(round == 2 || found.is_subset(&expected), "events of nowhere");
            }
            if kills % 8 == 0 {
                assert!(start().wait().unwrap().success());
                break;
            }
        }
        assert_eq!(ids(&output), ids(&input), "round {round}, seed {seed}");
        let left: Vec<_> = fs::read_dir(output.join("_egret")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
    eprintln!("{kills} kills, found {seen:?} files after them");
    assert!(kills > 2);
    same("after kills", rows("FROM * | LIMIT 20000", &input), rows("FROM * | LIMIT 20000", &output));
}

#[test]
fn two_do_not_write_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(&folder.path().join("a.ndjson"), &difficult());
    let output = folder.path().join("out");
    convert(&input, &output, &[]).expect(0);
    let lock = fs::File::create(output.join("_egret/lock")).unwrap();
    lock.lock().unwrap();
    let ran = convert(&input, &output, &[]).expect(1);
    assert!(ran.stderr.contains("another process converts events to it"), "{}", ran.stderr);
}

// ---- what goes wrong

#[test]
fn corrupt_lines_are_counted_or_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = difficult() + "{\"@timestamp\":\"2026-10-01T00:00:00Z\"\n" + "no json\n";
    let input = write(&folder.path().join("a.ndjson"), &text);
    let output = folder.path().join("out");
    let failed = convert(&input, &output, &["--on-bad-line", "fail"]).expect(1);
    assert!(failed.stderr.contains("bad line at byte"), "{}", failed.stderr);
    assert_eq!(parquet_files(&output), Vec::<String>::new());
    let ran = convert(&input, &output, &[]).expect(3);
    assert!(ran.stderr.contains("2 bad lines are skipped") && ran.stderr.contains("a.ndjson: bad line at byte"));
    assert!(ran.stderr.contains("`destination.port`: 1 value is not of type long"), "{}", ran.stderr);
    assert_eq!(ids(&output).len(), 15);
    assert_eq!(ran.stdout, "");
}

#[test]
fn errors_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(&folder.path().join("in/a.ndjson"), "{\"event.created\":\"2026-10-01T00:00:00Z\"}\n");
    let place = |name: &str| folder.path().join(name);
    let fails = |input: &Path, output: &str, more: &[&str], code: i32, told: &str| {
        let ran = convert(input, &place(output), more).expect(code);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    };
    fails(&input, "out", &[], 2, "no event has the field '@timestamp' with instants");
    fails(&input, "out", &[], 2, "name the time of events with --time, such as event.created");
    convert(&input, &place("out"), &["--time", "event.created"]).expect(0);
    fails(&input, "out", &[], 2, "events were converted to it with --time event.created");
    fails(&input, "out", &["--time", "event.created", "--partition", "hour"], 2, "with --partition day");
    fails(&place("none"), "out", &[], 1, "no such file or folder");
    fails(Path::new("-"), "other", &[], 2, "found a stream, expected files");
    fails(&place("in"), "in", &[], 2, "an input lies in the output");
    write(&place("full/file"), "x");
    fails(&input, "full", &[], 1, "the folder is not empty and nothing was converted to it");
    fails(&input, "full/file", &[], 1, "found a file, expected a folder");
    fails(&input, "out", &["--at", "latest"], 2, "are for the rule of --compare");
}

#[test]
fn a_comparison_tells_how_much_faster_a_rule_is() {
    let folder = tempfile::tempdir().unwrap();
    let stats = folder.path().join("stats.json");
    let rule = "data/rules/egress-unusual-executable.toml";
    let more = ["--compare", rule, "--stats-file", &stats.display().to_string()];
    let ran = convert(&root().join("data/events.ndjson"), &folder.path().join("out"), &more).expect(0);
    assert!(ran.stderr.contains("times as fast; the same 8 rows"), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
    let comparison = &told["conversions"][0]["comparison"];
    assert_eq!((comparison["rows_before"].as_u64(), comparison["equal"].as_bool()), (Some(8), Some(true)), "{told:#}");
    // Events that are not among the locations any more are found, and told.
    let other = folder.path().join("other.ndjson");
    let text = fs::read_to_string(root().join("data/events.ndjson")).unwrap();
    let half: Vec<&str> = text.lines().take(10).collect();
    write(&other, &half.join("\n"));
    let ran = convert(&other, &folder.path().join("out"), &["--compare", rule]).expect(1);
    assert!(ran.stderr.contains("the rows differ") && ran.stderr.contains("1 gone"), "{}", ran.stderr);
}
