#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, TimestampMillisecondType};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::*;

fn config(folder: &Path, layout: Layout) -> Config {
    let name = match layout {
        Layout::HiveParquet => "hive".to_owned(),
        Layout::Ndjson => "events.ndjson".to_owned(),
        other => format!("{other}.parquet"),
    };
    Config { seed: 7, rows: 3_000, agents: 40, ..Config::new(folder.join(name), layout) }
}

fn run(config: &Config) -> Result<Summary> {
    generate(config, &mut |_| ControlFlow::Continue(()))
}

fn parquet(files: &[PathBuf]) -> RecordBatch {
    let batches: Vec<_> = files
        .iter()
        .flat_map(|path| ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap())
        .map(Result::unwrap)
        .collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

/// Rows as flat JSON objects, by the project's own writer of NDJSON.
fn rows(batch: &RecordBatch) -> Vec<BTreeMap<String, Value>> {
    let options = crate::alert::sink::Options::default();
    let format = crate::alert::sink::Format::Ndjson;
    let mut sink = crate::alert::sink::Sink::try_new(format, batch.schema(), Vec::new(), &options).unwrap();
    sink.write(batch).unwrap();
    lines(std::str::from_utf8(&sink.finish().unwrap()).unwrap())
}

fn lines(text: &str) -> Vec<BTreeMap<String, Value>> {
    text.lines()
        .map(|line| {
            let mut row = BTreeMap::new();
            flatten("", serde_json::from_str(line).unwrap(), &mut row);
            row
        })
        .collect()
}

/// Dotted names, lists of one value as that value, no nulls.
fn flatten(prefix: &str, value: Value, row: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
                flatten(&name, value, row);
            }
        }
        Value::Null => {}
        Value::Array(mut values) if values.len() == 1 => flatten(prefix, values.remove(0), row),
        value => drop(row.insert(prefix.to_owned(), value)),
    }
}

#[test]
fn every_layout_holds_the_same_events() {
    let folder = tempfile::tempdir().unwrap();
    let of = |layout| {
        let summary = run(&config(folder.path(), layout)).unwrap();
        assert_eq!(summary.rows, 3_000);
        assert_eq!(summary.last.to_rfc3339(), "2026-10-01T23:00:00+00:00");
        let mut rows = match layout {
            Layout::Ndjson => lines(&fs::read_to_string(&summary.files[0]).unwrap()),
            _ => rows(&parquet(&summary.files)),
        };
        for row in &mut rows {
            row.remove("host.ip");
        }
        (summary.planted, rows)
    };
    let (planted, flat) = of(Layout::FlatParquet);
    assert_eq!(flat.len(), 3_000);
    let times: Vec<_> = flat.iter().map(|row| row["@timestamp"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted());
    for layout in [Layout::NestedParquet, Layout::HiveParquet, Layout::ListParquet] {
        assert_eq!(of(layout), (planted.clone(), flat.clone()), "{layout}");
    }
    let (cases, documents) = of(Layout::Ndjson);
    assert_eq!(cases, planted);
    for (document, row) in documents.iter().zip(&flat) {
        for (name, value) in row {
            assert_eq!(document.get(name), Some(value), "{name}");
        }
        assert_eq!(document.contains_key("process.executable"), row.contains_key("process.executable"));
        assert_eq!(document.contains_key("destination.ip"), row.contains_key("destination.ip"));
    }
}

#[test]
fn the_sample_is_small_and_holds_every_case() {
    let folder = tempfile::tempdir().unwrap();
    let sample = |layout| Config { document: Document::Compact, ..config(folder.path(), layout) };
    let summary = run(&sample(Layout::Ndjson)).unwrap();
    assert!(summary.bytes < 1_500_000, "{} bytes", summary.bytes);
    let of = |kind| summary.planted.iter().filter(|case| case.kind == kind).count();
    assert_eq!((of(CaseKind::Positive), of(CaseKind::NearMiss)), (8, 16));
    assert!(summary.planted.iter().all(|case| case.execution == summary.last));
    // The second layout finds the same list and leaves it.
    let parquet = run(&sample(Layout::FlatParquet)).unwrap();
    assert!(summary.bytes + parquet.bytes < 2_000_000, "{} bytes", summary.bytes + parquet.bytes);
    let listed = fs::read_to_string(summary.planted_file).unwrap();
    assert_eq!(listed.lines().count(), 1 + 24);
    assert!(listed.starts_with("kind,label,execution,process.executable,agent.id,host.name,events,cc\n"));
    let case = "\npositive,more_in_the_look_back,2026-10-01T23:00:00.000Z,/var/tmp/back-";
    assert!(listed.contains(case));
}

#[test]
fn documents_are_as_long_as_real_ones() {
    let folder = tempfile::tempdir().unwrap();
    let summary = run(&config(folder.path(), Layout::Ndjson)).unwrap();
    let mean = summary.bytes / summary.rows;
    assert!((1_400..2_200).contains(&mean), "{mean} bytes");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |seed, name: &str| {
        let out = folder.path().join(name);
        let config = Config { seed, out, force: true, ..config(folder.path(), Layout::Ndjson) };
        fs::read(&run(&config).unwrap().files[0]).unwrap()
    };
    let first = bytes(7, "a.ndjson");
    assert_eq!(first, bytes(7, "b.ndjson"));
    assert_ne!(first, bytes(8, "c.ndjson"));
    // Frozen: a change here changes every data set that somebody measures with.
    let sum = first
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    assert_eq!(sum, FROZEN, "{sum:#x}");
}

/// FNV-1a of the documents of seed 7.
const FROZEN: u64 = 0xEC84_C5EE_C373_1D73;

#[test]
fn compressed_documents_are_the_documents() {
    let folder = tempfile::tempdir().unwrap();
    let plain = config(folder.path(), Layout::Ndjson);
    let expected = fs::read(&run(&plain).unwrap().files[0]).unwrap();
    let compressed = |ending: &str| {
        let out = folder.path().join(format!("events.ndjson.{ending}"));
        fs::read(&run(&Config { out, ..plain.clone() }).unwrap().files[0]).unwrap()
    };
    let mut unzipped = Vec::new();
    flate2::read::GzDecoder::new(compressed("gz").as_slice()).read_to_end(&mut unzipped).unwrap();
    assert!(unzipped == expected);
    assert!(zstd::decode_all(compressed("zst").as_slice()).unwrap() == expected);
}

#[test]
fn rows_are_exact_whatever_their_number() {
    let folder = tempfile::tempdir().unwrap();
    for (rows, days) in [(1, 1), (10, 2), (999, 1), (20_000, 3)] {
        let config = Config { rows, days, force: true, ..config(folder.path(), Layout::HiveParquet) };
        let summary = run(&config).unwrap();
        assert_eq!(summary.rows, rows);
        assert!(summary.files.len() <= days as usize);
        assert_eq!(parquet(&summary.files).num_rows() as u64, rows);
        let planted: u64 = summary.planted.iter().map(|case| case.events).sum();
        assert!(planted <= rows / 2);
        let days = fs::read_dir(&config.out).unwrap().count();
        assert_eq!(days, summary.files.len(), "days of earlier runs are gone");
    }
}

#[test]
fn a_busy_minute_comes_in_parts() {
    let world = World::new(1, 10);
    let mut background = Background::new(&world, 1, 30_000_000, 0, 1);
    let (mut events, mut total, mut reached) = (Vec::new(), 0, 0);
    while background.fill(0, &mut events) {
        assert!(events.len() <= 1 << 16);
        total += events.len();
        let now = background.reached(0);
        assert!(events.iter().all(|event| (reached..now).contains(&event.at)));
        reached = now;
        events.clear();
    }
    assert_eq!(total, 500_000);
    assert_eq!(reached, MINUTE);
}

#[test]
fn parquet_is_typed_as_other_programs_type_it() {
    let folder = tempfile::tempdir().unwrap();
    let flat = parquet(&run(&config(folder.path(), Layout::FlatParquet)).unwrap().files);
    assert_eq!(flat["@timestamp"].as_primitive::<TimestampMillisecondType>().null_count(), 0);
    assert_eq!(flat["process.executable"].data_type(), &DataType::Utf8);
    let missing = flat["process.executable"].null_count();
    assert!(missing < 10, "{missing}");
    assert!(flat["destination.ip"].null_count() > 100, "lookups have no destination");
    let lists = parquet(&run(&config(folder.path(), Layout::ListParquet)).unwrap().files);
    for name in ["event.type", "event.category", "host.ip"] {
        assert!(matches!(lists[name].data_type(), DataType::List(_)), "{name}");
    }
    let nested = parquet(&run(&config(folder.path(), Layout::NestedParquet)).unwrap().files);
    let destination = nested["destination"].as_struct();
    assert!(destination.null_count() > 100);
    assert!(matches!(nested["host"].as_struct().column_by_name("os").unwrap().data_type(), DataType::Struct(_)));
}

#[test]
fn what_exists_stays_without_force() {
    let folder = tempfile::tempdir().unwrap();
    for layout in Layout::ALL {
        let config = config(folder.path(), layout);
        run(&config).unwrap();
        let error = run(&config).unwrap_err();
        assert_eq!(error.kind(), Kind::Output, "{layout}: {error}");
        assert!(error.help().unwrap().contains("--force"));
        run(&Config { force: true, ..config }).unwrap();
    }
    // Other cases than the list beside has.
    let other =
        Config { seed: 8, out: folder.path().join("other.parquet"), ..config(folder.path(), Layout::FlatParquet) };
    assert!(run(&other).unwrap_err().to_string().contains("planted.csv: already exists"));
    let missing = Config { out: folder.path().join("no/x.parquet"), ..other };
    assert!(run(&missing).unwrap_err().to_string().contains("does not exist"));
}

#[test]
fn stopping_leaves_nothing() {
    for layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), layout);
        let stop = &mut |rows| if rows > 1_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        assert_eq!(generate(&config, stop).unwrap_err().kind(), Kind::Interrupted);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{layout}");
    }
}

#[test]
fn senseless_configurations_are_refused() {
    let good = Config::new("x.parquet", Layout::FlatParquet);
    for bad in [
        Config { rows: 0, ..good.clone() },
        Config { days: 0, ..good.clone() },
        Config { agents: 2, ..good.clone() },
        Config { row_group_rows: 0, ..good },
    ] {
        assert_eq!(run(&bad).unwrap_err().kind(), Kind::Usage);
    }
    assert_eq!("hive".parse::<Layout>().unwrap(), Layout::HiveParquet);
    assert!("orc".parse::<Layout>().unwrap_err().to_string().contains("flat, nested"));
}

#[test]
fn dates_are_those_of_the_calendar() {
    for at in [0, -1, START, 951_782_400_000, 4_107_542_399_999, -62_135_596_800_000] {
        let mut text = String::new();
        document::push_instant(&mut text, at);
        let expected = DateTime::from_timestamp_millis(at).unwrap();
        assert_eq!(text, expected.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
    }
}
