//! Time travel: by number, by time, from the catalogue.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::super::program::{egret, egret_with};
use super::copied;
use super::made::Made;

fn count(location: &str) -> i64 {
    let ran = egret(&["sql", "SELECT count(*) AS x FROM events", "--events", location, "-q"]).expect(0);
    ran.rows()[0]["x"].as_i64().unwrap()
}

fn error(location: &str) -> String {
    egret(&["sql", "SELECT count(*) FROM events", "--events", location]).expect(1).stderr
}

/// Sets when commits were written.
fn written(place: &Path, times: &[&str]) {
    for (version, time) in times.iter().enumerate() {
        let at = time.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        let file = File::options().append(true).open(place.join(format!("_delta_log/{version:020}.json"))).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(at.timestamp_millis() as u64)).unwrap();
    }
}

#[test]
fn a_time_means_the_latest_version_up_to_it() {
    let (_folder, place) = copied("partitioned");
    let times = ["2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", "2026-10-03T00:00:00.500Z", "2026-10-04T00:00:00Z"];
    written(&place, &times);
    let at = |time: &str| format!("{}@{time}", place.display());
    for (time, expected) in [
        ("2026-10-01T00:00:00Z", 24),
        ("2026-10-01T23:59:59.999Z", 24),
        ("2026-10-02", 48),
        ("2026-10-02T01:00:00+01:00", 48),
        ("2026-10-03T00:00:00.499Z", 48),
        ("2026-10-03T00:00:00.500Z", 40),
        ("2026-10-04", 52),
        ("2030-01-01T00:00:00Z", 52),
    ] {
        assert_eq!(count(&at(time)), expected, "{time}");
    }
    let told = error(&at("2026-09-30T23:59:59.999Z"));
    assert!(told.contains("no version as of 2026-09-30T23:59:59.999Z"), "{told}");
    assert!(told.contains("the first one that there is was committed at 2026-10-01T00:00:00.000Z"), "{told}");
}

#[test]
fn times_in_commits_win_over_those_of_files() {
    let mut table = Made::new(&[("@timestamp", "timestamp")], &[]);
    table.protocol = json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [],
                            "writerFeatures": ["inCommitTimestamp"]});
    table.configuration = json!({"delta.enableInCommitTimestamps": "true"});
    for (version, time) in ["2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", "2026-10-03T00:00:00Z"].iter().enumerate() {
        let at = time.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis();
        let file = table.rows(&format!("{version}.parquet"), &[], &[time]);
        let info = json!({"commitInfo": {"inCommitTimestamp": at, "timestamp": at, "operation": "WRITE"}});
        table.commit(vec![file]);
        // It stands before everything else.
        let log = table.log(version);
        let text = fs::read_to_string(&log).unwrap();
        fs::write(log, format!("{info}\n{text}")).unwrap();
    }
    written(Path::new(table.place()), &["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "2020-01-03T00:00:00Z"]);
    let at = |time: &str| format!("{}@{time}", table.place());
    assert_eq!(count(&at("2026-10-01T12:00:00Z")), 1);
    assert_eq!(count(&at("2026-10-02T00:00:00Z")), 2);
    assert!(error(&at("2021-01-01")).contains("committed at 2026-10-01T00:00:00.000Z"));
}

#[test]
fn an_unknown_version_names_those_that_there_are() {
    let (_folder, place) = copied("partitioned");
    let told = error(&format!("{}@v4", place.display()));
    assert!(told.contains("no version 4: there are versions 0 to 3"), "{told}");
    let (_folder, place) = copied("types");
    assert!(error(&format!("{}@v1", place.display())).contains("there is version 0 alone"));
    let (_folder, place) = copied("cleaned");
    let told = error(&format!("{}@v1", place.display()));
    assert!(told.contains("there are versions 2 to 4; the log of those before was cleaned up"), "{told}");
    assert_eq!(count(&format!("{}@v3", place.display())), 40);
}

#[test]
fn a_catalogue_names_versions_and_mappings() {
    let (folder, place) = copied("partitioned");
    written(&place, &["2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z"]);
    let catalogue = |text: &str| fs::write(folder.path().join("egret.toml"), text).unwrap();
    let run = |sql: &str| egret_with(&["sql", sql, "-q"], folder.path(), None);
    let count = |table: &str| run(&format!("SELECT count(*) AS x FROM {table}")).expect(0).rows()[0]["x"].clone();
    catalogue(
        "[tables.latest]\nlocation = \"partitioned\"\n\
         [tables.first]\nlocation = \"partitioned\"\nformat = \"delta\"\nversion = 0\n\
         [tables.second]\nlocation = \"partitioned\"\ntimestamp = 2026-10-02T12:00:00Z\n\
         [tables.third]\nlocation = \"partitioned\"\ntimestamp = \"2026-10-03\"\nfields = { \"user.name\" = \"note\", \"cloud.region\" = \"region\" }\n\
         [tables.own]\nlocation = \"partitioned@v2\"\nversion = 0\n",
    );
    for (table, expected) in [("latest", 52), ("first", 24), ("second", 48), ("third", 40), ("own", 40)] {
        assert_eq!(count(table), expected, "{table}");
    }
    let rows = run("SELECT \"cloud.region\" AS r FROM third WHERE \"cloud.region\" = 'a=b'").expect(0).rows();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["r"] == "a=b"), "{rows:?}");
    let ran = egret_with(&["tables", "--format", "json"], folder.path(), None).expect(0);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let versions: Vec<_> =
        told["tables"].as_array().unwrap().iter().map(|table| table["versions"][0].clone()).collect();
    assert_eq!(versions, [0, 3, 2, 1, 2], "{told}");
    // What must be a Delta table and is none is left out, aloud.
    fs::create_dir(folder.path().join("plain")).unwrap();
    catalogue("[tables.a]\nlocation = \"plain\"\nformat = \"delta\"\n[tables.b]\nlocation = \"partitioned\"\n");
    let ran = egret_with(&["tables"], folder.path(), None).expect(0);
    assert!(ran.stderr.contains("no Delta table: found no _delta_log"), "{}", ran.stderr);
}

#[test]
fn the_next_run_sees_the_next_version() {
    let table = Made::new(&[("@timestamp", "timestamp")], &[]);
    // A table without a file has fields all the same.
    table.commit(Vec::new());
    assert_eq!(count(table.place()), 0);
    let ran = egret(&["sql", "SELECT \"@timestamp\" FROM events", "--events", table.place(), "-q"]).expect(0);
    assert_eq!(ran.rows().len(), 0);
    let ran = egret(&["tables", "--events", table.place()]).expect(0);
    assert!(ran.stdout.lines().nth(1).unwrap().contains("Delta v0"), "{}", ran.stdout);
    table.commit(vec![table.rows("a.parquet", &[], &["2026-10-01T00:00:00Z"])]);
    assert_eq!(count(table.place()), 1);
    table.commit(vec![table.rows("b.parquet", &[], &["2026-10-01T00:00:00Z", "2026-10-01T01:00:00Z"])]);
    assert_eq!(count(table.place()), 3);
    // Files that no commit names count for nothing.
    table.rows("c.parquet", &[], &["2026-10-01T00:00:00Z"]);
    assert_eq!(count(table.place()), 3);
}
