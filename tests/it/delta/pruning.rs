//! Files that the log rules out are not opened: they are not even there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::program::{Ran, egret};
use super::copied;
use super::made::Made;

const RULE: &str = "data/rules/egress-unusual-executable.toml";

/// The Parquet files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    all.filter(|path| {
        path.extension().is_some_and(|e| e == "parquet") && !path.to_string_lossy().contains("_delta_log")
    })
    .collect()
}

fn sql(query: &str, place: &Path) -> Ran {
    egret(&["sql", query, "--events", place.to_str().unwrap(), "-q"])
}

#[test]
fn what_partitions_and_bounds_rule_out_is_never_opened() {
    let (_folder, place) = copied("partitioned");
    let count = |query: &str| sql(query, &place).expect(0).rows()[0]["x"].as_i64().unwrap();
    let queries = [
        "SELECT count(*) AS x FROM events WHERE region = 'us/west 1'",
        "SELECT count(*) AS x FROM events WHERE region = 'us/west 1' AND shard > 0",
        "SELECT count(*) AS x FROM events WHERE region = 'us/west 1' AND \"host.name\" = 'h1'",
        "SELECT count(*) AS x FROM events WHERE (region = '100%' OR region = 'us/west 1') AND shard = 1",
    ];
    let before: Vec<i64> = queries.iter().map(|query| count(query)).collect();
    assert!(before.iter().all(|found| *found > 0), "{before:?}");
    let mut kept = 0;
    for file in files(&place) {
        // As the folder of 'us/west 1' is spelled on disk.
        if file.to_string_lossy().contains("region=us%2Fwest") {
            kept += 1;
        } else {
            fs::remove_file(file).unwrap();
        }
    }
    assert!(kept > 0);
    for (query, before) in queries.iter().zip(before) {
        assert_eq!(count(query), before, "{query}");
    }
    let ran = sql("SELECT count(*) FROM events WHERE region = 'eu'", &place).expect(1);
    assert!(ran.stderr.contains("region=eu") && ran.stderr.contains("the file is gone"), "{}", ran.stderr);
    assert!(ran.stderr.contains("version 3 of the Delta table") && ran.stderr.contains("VACUUM"), "{}", ran.stderr);
}

#[test]
fn bounds_in_the_log_rule_out_files() {
    let (_folder, place) = copied("vectors");
    for file in files(&place) {
        if !file.ends_with("part-4.parquet") {
            fs::remove_file(file).unwrap();
        }
    }
    let count = |condition: &str| {
        let ran = sql(&format!("SELECT count(*) AS x FROM events WHERE {condition}"), &place);
        ran.expect(0).rows()[0]["x"].as_i64().unwrap()
    };
    assert_eq!(count("n >= 400"), 100);
    assert_eq!(count("n = 455"), 1);
    assert_eq!(count("n IN (401, 477, 9000)"), 2);
    assert_eq!(count("\"@timestamp\" >= TIMESTAMP '2026-10-01T08:10:00Z'"), 10);
    assert_eq!(count("\"host.name\" > 'h9'"), 0);
    assert_eq!(count("n IS NULL"), 0);
    // Bounds hold up to the last microsecond of their millisecond, not farther.
    assert_eq!(count("\"@timestamp\" > TIMESTAMP '2026-10-01T06:39:00.001Z' AND n > 0"), 100);
    let ran = sql("SELECT count(*) FROM events WHERE n >= 399", &place).expect(1);
    // Of its hundred rows none is left, but nobody knows which are until it is opened.
    assert!(ran.stderr.contains("part-3.parquet"), "{}", ran.stderr);
    // The log alone tells what there is.
    let ran = egret(&["tables", "--events", place.to_str().unwrap()]).expect(0);
    assert!(ran.stdout.contains("332"), "{}", ran.stdout);
}

#[test]
fn a_rules_window_opens_the_files_of_its_time() {
    let (_folder, place) = copied("events");
    let place = place.to_str().unwrap();
    let args = ["run", RULE, "--events", place, "--at", "2026-10-01T23:00:00Z"];
    let before = egret(&[&args[..], &["-q"]].concat()).expect(0).stdout;
    let dry = egret(&[&args[..], &["--dry-run", "--format", "json"]].concat()).expect(0);
    let dry: Value = serde_json::from_str(dry.stdout.trim()).unwrap();
    let outlook = &dry["tables"][0];
    assert_eq!((&outlook["found"]["files"], &outlook["by_log"]["files"]), (&Value::from(5), &Value::from(4)), "{dry}");
    assert_eq!((&outlook["left"]["files"], &dry["at_most"]["files"]), (&Value::from(1), &Value::from(1)), "{dry}");
    let dry = egret(&[&args[..], &["--dry-run"]].concat()).expect(0);
    assert!(dry.stdout.contains("ruled out by the Delta log      4 files"), "{}", dry.stdout);
    let told = egret(&["explain", RULE, "--events", place, "--at", "2026-10-01T23:00:00Z", "--analyze"]).expect(0);
    assert!(told.stdout.contains("files_pruned_log=4"), "{}", told.stdout);
    // The newest events lie in one file.
    let mut left = Vec::new();
    for file in files(Path::new(place)) {
        let kept = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let same = egret(&[&args[..], &["-q"]].concat());
        if same.code != 0 {
            fs::write(&file, kept).unwrap();
            left.push(file);
        }
    }
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(egret(&[&args[..], &["-q"]].concat()).expect(0).stdout, before);
}

/// Three days without bounds; two of them are not there.
fn days(generation: Option<&str>) -> Made {
    let table = Made::new(&[("@timestamp", "timestamp"), ("event.ingested", "timestamp"), ("day", "date")], &["day"]);
    let table = match generation {
        Some(expression) => table.generated("day", expression),
        None => table,
    };
    let mut adds = vec![table.rows("here.parquet", &[("day", "2026-10-05")], &["2026-10-05T12:00:00Z"])];
    for day in ["2026-10-03", "2026-10-07"] {
        adds.push(Made::missing(&format!("{day}.parquet"), &[("day", day)]));
    }
    table.commit(adds);
    table
}

#[test]
fn generated_partitions_rule_out_files_of_the_field_that_they_are_of() {
    let at = ["--from", "2026-10-05T00:00:00Z", "--to", "2026-10-05T23:00:00Z", "-q"];
    let run = |table: &Made, field: &str, more: &[&str]| {
        let rule = table.rule(field);
        egret(&[&["run", &rule, "--events", table.place()][..], &at, more].concat())
    };
    for expression in ["CAST(`@timestamp` AS DATE)", "DATE_FORMAT(`@timestamp`, 'yyyy-MM-dd')"] {
        let table = days(Some(expression));
        let ran = run(&table, "@timestamp", &[]).expect(0);
        assert_eq!(ran.rows().len(), 1, "{expression}\n{}", ran.stderr);
        // Of another time the days say nothing.
        let ran = run(&table, "event.ingested", &[]).expect(1);
        assert!(ran.stderr.contains(".parquet"), "{}", ran.stderr);
        // Unless it is said how late an event may be.
        assert_eq!(run(&table, "event.ingested", &["--lateness", "1h"]).expect(0).rows().len(), 1);
    }
    for table in [days(None), days(Some("CAST(`event.ingested` AS DATE)")), days(Some("my_day(`@timestamp`)"))] {
        run(&table, "@timestamp", &[]).expect(1);
    }
    // The day of a writer in another time zone may be the one before or after.
    let table = days(Some("CAST(`@timestamp` AS DATE)"));
    let rule = table.rule("@timestamp");
    let next =
        ["run", &rule, "--events", table.place(), "--from", "2026-10-06T09:00:00Z", "--to", "2026-10-06T11:00:00Z"];
    let ran = egret(&next).expect(1);
    assert!(ran.stderr.contains("2026-10-07.parquet"), "{}", ran.stderr);
    let first =
        ["run", &rule, "--events", table.place(), "--from", "2026-10-06T09:00:00Z", "--to", "2026-10-06T09:59:59Z"];
    egret(&first).expect(0);
    // What a catalogue declares holds.
    let table = days(None);
    table
        .write("egret.toml", "[tables.days]\nlocation = \"table\"\nformat = \"delta\"\npartition = \"day=%Y-%m-%d\"\n");
    let rule = table.rule("@timestamp");
    let catalog = table.path("egret.toml");
    let ran = egret(&[&["run", &rule, "--catalog", &catalog][..], &at].concat()).expect(0);
    assert_eq!(ran.rows().len(), 1, "{}", ran.stderr);
}
