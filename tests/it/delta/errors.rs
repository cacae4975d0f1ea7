//! What cannot be read is told: which table, what is wrong, what to do.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::super::program::{Ran, egret};
use super::made::Made;
use super::{copied, copy, table};

fn sql(location: &str) -> Ran {
    egret(&["sql", "SELECT count(*) AS x, sum(n) AS n FROM events", "--events", location, "-q"])
}

fn error(location: &str) -> String {
    sql(location).expect(1).stderr
}

fn rewrite(path: &Path, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let new = change(&text);
    assert_ne!(new, text, "{}", path.display());
    fs::write(path, new).unwrap();
}

fn commit(place: &Path, version: u64) -> std::path::PathBuf {
    place.join(format!("_delta_log/{version:020}.json"))
}

#[test]
fn a_feature_that_is_not_honoured_is_named() {
    for (features, named) in
        [(json!(["deletionVectors", "futureThing"]), "'futureThing'"), (json!(["catalogManaged"]), "'catalogManaged'")]
    {
        let mut table = Made::new(&[("n", "timestamp")], &[]);
        table.protocol = json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features});
        table.commit(vec![table.rows("a.parquet", &[], &["2026-10-01T00:00:00Z"])]);
        let told = error(table.place());
        assert!(told.contains(table.place()) && told.contains(named) && told.contains("Delta table"), "{told}");
    }
    let mut table = Made::new(&[("n", "timestamp")], &[]);
    table.protocol = json!({"minReaderVersion": 4, "minWriterVersion": 7, "writerFeatures": []});
    table.commit(Vec::new());
    let told = error(table.place());
    assert!(told.contains(table.place()) && told.contains("reader version 4"), "{told}");
}

#[test]
fn a_damaged_log_is_told() {
    let (_folder, place) = copied("partitioned");
    fs::remove_file(commit(&place, 1)).unwrap();
    let told = error(place.to_str().unwrap());
    assert!(told.contains("the log of the Delta table cannot be read"), "{told}");
    let (_folder, place) = copied("partitioned");
    fs::write(commit(&place, 3), "{\"add\":").unwrap();
    let told = error(place.to_str().unwrap());
    assert!(told.contains(place.to_str().unwrap()) && told.contains("log"), "{told}");
    let (_folder, place) = copied("partitioned");
    rewrite(&commit(&place, 0), |text| text.replace("\"shard\":\"1\"", "\"shard\":\"one\""));
    let told = error(place.to_str().unwrap());
    assert!(told.contains("Failed to parse value 'one' as 'integer'"), "{told}");
    let empty = tempfile::tempdir().unwrap();
    fs::create_dir(empty.path().join("_delta_log")).unwrap();
    let told = error(empty.path().to_str().unwrap());
    assert!(told.contains("Delta table") && told.contains(empty.path().to_str().unwrap()), "{told}");
}

#[test]
fn a_damaged_deletion_vector_gives_no_rows() {
    let vector = |place: &Path, grown: bool| {
        let folder = if grown { place.join("ab") } else { place.to_owned() };
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|e| e == "bin")).unwrap()
    };
    let (_folder, place) = copied("vectors");
    let file = vector(&place, true);
    let mut bytes = fs::read(&file).unwrap();
    *bytes.get_mut(30).unwrap() ^= 1;
    fs::write(&file, &bytes).unwrap();
    let told = error(place.to_str().unwrap());
    assert!(told.contains("part-0.parquet: its deletion vector cannot be read") && told.contains("CRC32"), "{told}");
    fs::write(&file, &bytes[..20]).unwrap();
    assert!(error(place.to_str().unwrap()).contains("its deletion vector cannot be read"));
    fs::remove_file(&file).unwrap();
    assert!(error(place.to_str().unwrap()).contains("part-0.parquet: its deletion vector cannot be read"));
    // A version that does not need it is read.
    assert_eq!(sql(&format!("{}@v2", place.display())).expect(0).rows()[0]["x"], 449);
    let (_folder, place) = copied("vectors");
    rewrite(&commit(&place, 4), |text| text.to_owned() + "\n");
    rewrite(&commit(&place, 3), |text| text.replace("\"cardinality\":100", "\"cardinality\":99"));
    let told = error(place.to_str().unwrap());
    assert!(told.contains("the log says that it has 99 rows, found 100"), "{told}");
    let (_folder, place) = copied("vectors");
    rewrite(&commit(&place, 2), |text| text.replace("part-1.parquet", "part-9.parquet"));
    fs::copy(place.join("part-1.parquet"), place.join("part-9.parquet")).unwrap();
    let mut short = Made::new(&[("n", "timestamp")], &[]);
    short.protocol = json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
                            "writerFeatures": ["deletionVectors"]});
    let mut file = short.rows("a.parquet", &[], &["2026-10-01T00:00:00Z"]);
    file["add"]["deletionVector"] = inline_of_vectors();
    short.commit(vec![file]);
    let told = egret(&["sql", "SELECT count(*) FROM events", "--events", short.place()]).expect(1).stderr;
    assert!(told.contains("its deletion vector is of another file: it deletes row"), "{told}");
}

/// A vector that stands in the log of a table of other writers.
fn inline_of_vectors() -> Value {
    let text = fs::read_to_string(commit(&table("vectors"), 3)).unwrap();
    let actions = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut vectors = actions.map(|action| action["add"]["deletionVector"].clone());
    vectors.find(|vector| vector["storageType"] == "i").unwrap()
}

#[test]
fn absolute_paths_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (source, clone) = (folder.path().join("so urce"), folder.path().join("clone"));
    copy(&table("vectors"), &source);
    copy(&table("vectors").join("_delta_log"), &clone.join("_delta_log"));
    let bin = fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path());
    let bin = bin.into_iter().find(|path| path.extension().is_some_and(|e| e == "bin")).unwrap();
    let url = |path: &Path| url::Url::from_file_path(path).unwrap().to_string();
    for version in 1..=4 {
        rewrite(&commit(&clone, version), |text| {
            let mut new = String::new();
            for line in text.lines() {
                let mut action: Value = serde_json::from_str(line).unwrap();
                for kind in ["add", "remove"] {
                    if let Some(path) = action[kind]["path"].as_str().map(str::to_owned) {
                        action[kind]["path"] = url(&source.join(path)).into();
                    }
                    let vector = &mut action[kind]["deletionVector"];
                    if vector["storageType"] == "u" {
                        let grown = vector["pathOrInlineDv"].as_str().unwrap().starts_with("ab");
                        let path = if grown {
                            fs::read_dir(source.join("ab")).unwrap().next().unwrap().unwrap().path()
                        } else {
                            bin.clone()
                        };
                        vector["storageType"] = "p".into();
                        vector["pathOrInlineDv"] = url(&path).into();
                    }
                    if action[kind].as_object().is_none_or(|kind| !kind.contains_key("path")) {
                        action.as_object_mut().unwrap().remove(kind);
                    }
                }
                if let Some(add) = action["add"].as_object_mut() {
                    add.retain(|_, value| !value.is_null());
                }
                action.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                if let Some(remove) = action.get_mut("remove").and_then(Value::as_object_mut) {
                    remove.retain(|_, value| !value.is_null());
                }
                new.push_str(&action.to_string());
                new.push('\n');
            }
            new
        });
    }
    for version in 1..=4 {
        let at = |place: &Path| sql(&format!("{}@v{version}", place.display())).expect(0).stdout;
        assert_eq!(at(&clone), at(&source), "version {version}");
    }
}

#[test]
fn numbers_of_columns_that_no_file_has_are_told() {
    let (_folder, place) = copied("mapped-id");
    let plain = fs::read(root_events()).unwrap();
    fs::write(place.join("other.parquet"), &plain).unwrap();
    rewrite(&commit(&place, 1), |text| {
        let lines = text.lines().map(|line| {
            let mut action: Value = serde_json::from_str(line).unwrap();
            if action["add"]["path"] == "other.parquet" {
                action["add"]["size"] = plain.len().into();
            }
            action.to_string()
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    let told = error(place.to_str().unwrap());
    assert!(told.contains("other.parquet: its columns have no numbers (field_id)"), "{told}");
}

fn root_events() -> std::path::PathBuf {
    super::super::program::root().join("data/events.parquet")
}
