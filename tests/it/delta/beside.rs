//! Locations that hold files of a Delta table and are none: their files are not read without the log.

use std::fs;

use super::super::program::{egret, root};
use super::{copied, table};

#[test]
fn files_of_a_table_are_not_read_without_its_log() {
    let (folder, place) = copied("partitioned");
    let data = root().join("data/events.parquet");
    fs::copy(data, folder.path().join("events.parquet")).unwrap();
    let all = folder.path().display();
    let place = place.display();
    let partition = format!("{place}/region=eu");
    for location in
        [format!("{all}"), partition.clone(), format!("{place}/*/*/*.parquet"), format!("{all}/*/*.parquet")]
    {
        let ran = egret(&["sql", "SELECT count(*) FROM events", "--events", &location]).expect(1);
        let message = format!("holds files of the Delta table {place}, whose log tells which of them count");
        assert!(ran.stderr.contains(&message), "{location}\n{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("--events {place}")), "{location}\n{}", ran.stderr);
    }
    let file =
        walkdir::WalkDir::new(&partition).into_iter().map(Result::unwrap).find(|e| e.file_type().is_file()).unwrap();
    let file = file.path().to_str().unwrap();
    let ran = egret(&["sql", "SELECT count(*) FROM events", "--events", file]).expect(1);
    assert!(ran.stderr.contains("holds files of the Delta table"), "{}", ran.stderr);
}

#[test]
fn conversion_reads_files_alone() {
    let place = table("partitioned");
    let output = tempfile::tempdir().unwrap();
    let output = output.path().join("out");
    let ran = egret(&["convert", place.to_str().unwrap(), "--output", output.to_str().unwrap()]).expect(2);
    assert!(ran.stderr.contains("found a Delta table, expected files"), "{}", ran.stderr);
}

#[test]
fn only_delta_tables_have_versions() {
    for location in ["data/events.parquet@v1", "data/rules@2026-10-01T00:00:00Z"] {
        let ran = egret(&["sql", "SELECT 1 FROM events", "--events", location]).expect(1);
        assert!(ran.stderr.contains(&format!("{location}: no Delta table: found no _delta_log in ")), "{}", ran.stderr);
    }
}

#[cfg(not(feature = "delta"))]
#[test]
fn a_build_without_the_feature_says_so() {
    let place = table("partitioned");
    for location in [format!("{}", place.display()), format!("{}@v0", place.display())] {
        let ran = egret(&["sql", "SELECT 1 FROM events", "--events", &location]).expect(1);
        assert!(ran.stderr.contains("made without the feature that reads them"), "{}", ran.stderr);
        assert!(ran.stderr.contains("--features delta"), "{}", ran.stderr);
    }
}
