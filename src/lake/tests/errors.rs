//! What goes wrong is said with the file and the reason.

use std::fs;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
use datafusion::arrow::datatypes::Field;

use super::support::{batch, open, query, registered, write};
use crate::lake::{Ask, Lake, LakeConfig};

fn number(name: &str) -> datafusion::arrow::array::RecordBatch {
    batch(vec![(name, Arc::new(Int64Array::from(vec![1])) as ArrayRef)])
}

fn text(name: &str) -> datafusion::arrow::array::RecordBatch {
    batch(vec![(name, Arc::new(StringArray::from(vec!["a"])) as ArrayRef)])
}

async fn message(path: &std::path::Path) -> String {
    open(path).await.unwrap_err().to_string()
}

#[tokio::test]
async fn locations_that_hold_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(message(&dir.path().join("nope")).await.contains("nope: no such file or folder"));
    assert!(message(&dir.path().join("nope*.parquet")).await.contains("no file with events matches"));
    let said = message(dir.path()).await;
    assert!(said.contains("no file with events below it"), "{said}");
    fs::write(dir.path().join("readme.md"), "[x]").unwrap();
    assert!(message(dir.path()).await.contains("(1 other files)"));
    fs::write(dir.path().join("_SUCCESS"), "").unwrap();
    fs::write(dir.path().join("junk"), [0_u8, 1, 2, 3]).unwrap();
    assert!(message(&dir.path().join("junk")).await.contains("neither Parquet nor JSON"));
    write(&dir.path().join("a.parquet"), &number("x"));
    let lake = open(dir.path()).await.unwrap();
    assert_eq!(lake.warnings().len(), 1);
    assert!(lake.warnings()[0].contains("2 files are neither Parquet nor JSON, first: "), "{:?}", lake.warnings());
    let store = LakeConfig { events: Some("ftp://bucket/x".into()), ..LakeConfig::default() };
    assert!(Lake::open(&store).await.unwrap_err().to_string().contains("store of kind 'ftp'"));
}

#[tokio::test]
async fn broken_parquet_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    write(&path, &number("x"));
    let whole = fs::read(&path).unwrap();
    for (bytes, reason) in [
        (whole[..whole.len() - 9].to_vec(), "a.parquet: no readable Parquet file"),
        (whole[..whole.len() / 2].to_vec(), "a.parquet: no readable Parquet file"),
        (b"PAR1".to_vec(), "4 bytes are too few"),
        ([b"PAR1", &whole[whole.len() - 300..]].concat(), "a.parquet: no readable Parquet file"),
        (Vec::new(), "an empty file is no Parquet file"),
    ] {
        fs::write(&path, bytes).unwrap();
        let said = message(&path).await;
        assert!(said.contains(reason), "{said}");
    }
}

#[tokio::test]
async fn damage_never_ends_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    write(&path, &number("x"));
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for bit in [0_u8, 3, 7] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            fs::write(&path, &damaged).unwrap();
            // Damage in a page shows when the page is read.
            if let Err(error) = open(&path).await {
                assert!(error.to_string().contains("a.parquet: "), "{error}");
            }
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_go_round_and_files_that_must_not_be_read() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("sub/a.parquet"), &number("x"));
    symlink(dir.path(), dir.path().join("sub/back")).unwrap();
    assert!(message(dir.path()).await.contains("a link that leads back to"));
    fs::remove_file(dir.path().join("sub/back")).unwrap();
    let path = dir.path().join("sub/a.parquet");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::File::open(&path).is_err() {
        let said = message(dir.path()).await;
        assert!(said.contains("not allowed to read it"), "{said}");
    }
}

#[tokio::test]
async fn conflicts_name_both_files() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("a.parquet"), &number("own.x"));
    write(&dir.path().join("b.parquet"), &text("own.x"));
    let said = message(dir.path()).await;
    for part in ["field 'own.x'", "Int64 in ", "a.parquet", "Utf8View in ", "b.parquet"] {
        assert!(said.contains(part), "{said}");
    }
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("a.parquet"), &number("host"));
    let leaf: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let host: ArrayRef =
        Arc::new(StructArray::from(vec![(Arc::new(Field::new("name", leaf.data_type().clone(), true)), leaf)]));
    write(&dir.path().join("b.parquet"), &batch(vec![("host", host)]));
    let said = message(dir.path()).await;
    assert!(said.contains("field 'host' is a value in ") && said.contains("b.parquet"), "{said}");
}

#[tokio::test]
async fn folders_of_tables() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("logs-a/date=2025-10-01/x.parquet"), &number("own.x"));
    write(&dir.path().join("logs-b.parquet"), &text("own.x"));
    write(&dir.path().join("other/y.parquet"), &number("own.z"));
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::write(dir.path().join("readme.md"), "hello").unwrap();
    let lake = Some(dir.path().to_str().unwrap().to_owned());
    let config = LakeConfig { lake, ..LakeConfig::default() };
    let lake = Lake::open(&config).await.unwrap();
    let names: Vec<_> = lake.tables().iter().map(|t| t.name().to_owned()).collect();
    assert_eq!(names, ["logs-a", "logs-b", "other"]);
    assert_eq!(lake.select(&["logs-*", "nope"]).tables.len(), 2);
    assert_eq!(lake.select(&["logs-*", "nope"]).unmatched, ["nope"]);
    assert!(lake.warnings()[0].contains("readme.md"), "{:?}", lake.warnings());
    // Tables whose kinds differ go together as text.
    let ctx = registered(&lake, &Ask::default(), 1).await;
    let found = query(&ctx, r#"SELECT "own.x", "own.z" FROM events ORDER BY 1"#).await;
    assert_eq!(found, ["1|-", "a|-", "-|1"]);
    let only = Lake::open(&LakeConfig { only: vec!["logs-a".into()], ..config.clone() }).await.unwrap();
    assert_eq!((only.tables().len(), only.names().len()), (1, 3));
    let both = LakeConfig { events: Some("x".into()), ..config };
    assert!(Lake::open(&both).await.unwrap_err().to_string().contains("exclude each other"));
}

#[tokio::test]
async fn standard_input_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    write(&path, &number("own.x"));
    let config = LakeConfig { events: Some("-".into()), ..LakeConfig::default() };
    let lake = Lake::open_with(&config, fs::File::open(&path).unwrap()).await.unwrap();
    let ctx = registered(&lake, &Ask::default(), 1).await;
    assert_eq!(query(&ctx, r#"SELECT "own.x" FROM events"#).await, ["1"]);
    let said = Lake::open_with(&config, &b"\x00\x01"[..]).await.unwrap_err().to_string();
    assert!(said.contains("standard input: neither"), "{said}");
}
