//! The rows of local flat Parquet, wherever and however the same events are kept: printed as a matrix.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::interpreter::alerting;
use super::super::program::{egret, egret_in, root, shared};
use super::azurite::Azurite;
use super::server::Server;
use super::{RULE, RULE_SQL, gzip};

/// The same events: as documents, as flat and as nested Parquet.
struct Events {
    lines: Vec<u8>,
    flat: Vec<u8>,
    nested: Vec<u8>,
}

/// Where programs find events, and the variables that they need there.
struct Place {
    name: &'static str,
    location: String,
    variables: Vec<(String, String)>,
}

/// Events in every layout on this machine and in every kind of store, below `name`.
fn places(events: &Events, folder: &Path, name: &str, server: &Server, azurite: Option<&Azurite>) -> Vec<Place> {
    let packed = zstd::encode_all(events.lines.as_slice(), 3).unwrap();
    let files: [(&str, &str, &[u8]); 9] = [
        ("NDJSON", "one/events.ndjson", &events.lines),
        ("NDJSON, gzip", "gzip/events.ndjson.gz", &gzip(&events.lines)),
        ("NDJSON, zstd", "zstd/events.ndjson.zst", &packed),
        ("nested Parquet", "nested/events.parquet", &events.nested),
        ("date=", "hive/date=2026-10-01/events.parquet", &events.flat),
        ("year=/month=/day=", "parts/year=2026/month=10/day=01/events.parquet", &events.flat),
        ("2026/10/01", "dates/2026/10/01/events.parquet", &events.flat),
        ("date= of NDJSON", "hivejson/dt=2026-10-01/events.ndjson", &events.lines),
        ("empty file beside", "beside/events.parquet", &events.flat),
    ];
    let local = folder.join(name);
    let mut places = Vec::new();
    for (kind, path, bytes) in files {
        let file = local.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        server.put(&format!("{name}/{path}"), bytes);
        if let Some(azurite) = azurite {
            azurite.put(&format!("lake/{name}/{path}"), "", bytes);
        }
        let top = path.split_once('/').unwrap().0;
        if kind == "empty file beside" {
            fs::write(local.join("beside/nothing.ndjson"), "").unwrap();
        }
        places.push(Place { name: kind, location: local.join(top).display().to_string(), variables: Vec::new() });
    }
    let signed = server.environment();
    for (kind, location) in [
        ("s3, file", format!("s3://lake/{name}/dates/2026/10/01/events.parquet")),
        ("s3, date=", format!("s3://lake/{name}/hive/")),
        ("s3, NDJSON gzip", format!("s3://lake/{name}/gzip/*.gz")),
        ("gs, file", format!("gs://lake/{name}/nested/events.parquet")),
        ("gs, date=", format!("gs://lake/{name}/hive/")),
        ("http, file", server.url("web", &format!("{name}/nested/events.parquet"))),
        ("http, WebDAV folder", server.url("dav", &format!("{name}/hive/"))),
    ] {
        places.push(Place { name: kind, location, variables: signed.clone() });
    }
    if let Some(azurite) = azurite {
        for (kind, location) in [
            ("az, date=", format!("az://lake/{name}/hive")),
            ("abfss, NDJSON", format!("abfss://lake@devstoreaccount1.dfs.core.windows.net/{name}/one/events.ndjson")),
        ] {
            places.push(Place { name: kind, location, variables: azurite.variables() });
        }
    }
    #[cfg(feature = "delta")]
    {
        use super::super::delta::one_file;
        for (kind, path, bytes) in [("Delta", "delta", &events.flat), ("Delta, nested", "deltanested", &events.nested)]
        {
            one_file(&local.join(path), bytes);
            for file in ["events.parquet", "_delta_log/00000000000000000000.json"] {
                server.put(&format!("{name}/{path}/{file}"), fs::read(local.join(path).join(file)).unwrap());
            }
            places.push(Place { name: kind, location: local.join(path).display().to_string(), variables: Vec::new() });
        }
        let location = format!("s3://lake/{name}/delta/");
        places.push(Place { name: "s3, Delta", location, variables: signed });
    }
    // JSON made to Parquet by the program itself.
    let (from, to) = (local.join("one").display().to_string(), local.join("converted").display().to_string());
    egret(&["convert", &from, "--output", &to, "-q"]).expect(0);
    places.push(Place { name: "converted", location: to, variables: Vec::new() });
    places
}

/// Rows whose order, and whose order of values, the query leaves open; ids are made of the names of files.
fn rows(text: &str) -> Vec<String> {
    let row = |line: &str| {
        let row: BTreeMap<String, Value> = serde_json::from_str(line).unwrap();
        let kept = row.into_iter().filter(|(name, _)| !name.starts_with('_') && name != "date" && name != "dt");
        let cell = |(name, value): (String, Value)| match value {
            Value::Array(values) => {
                let mut values: Vec<String> = values.iter().map(Value::to_string).collect();
                values.sort();
                format!("{name}={values:?}")
            }
            value => format!("{name}={value}"),
        };
        kept.map(cell).collect::<Vec<_>>().join(" ")
    };
    let mut rows: Vec<String> = text.lines().map(row).collect();
    rows.sort();
    rows
}

/// One line of the matrix for each place; the places that differ.
fn differences(commands: &[Vec<&str>], flat: &str, places: &[Place], title: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let expected: Vec<Vec<String>> = commands
        .iter()
        .map(|command| rows(&egret(&[command.as_slice(), &["--events", flat]].concat()).expect(0).stdout))
        .collect();
    assert!(expected.iter().all(|rows| !rows.is_empty()), "{title}: {expected:?}");
    for place in places {
        let mut line = format!("{title:<24} {:<22}", place.name);
        for (command, expected) in commands.iter().zip(&expected) {
            let args = [command.as_slice(), &["--events", &place.location]].concat();
            let ran = egret_in(&args, &root(), None, &place.variables);
            let found = if ran.code == 0 { rows(&ran.stdout) } else { vec![ran.stderr.clone()] };
            let equal = found == *expected;
            let _ = write!(line, " {} {}", if equal { "ok" } else { "DIFFERS" }, expected.len());
            if !equal {
                wrong.push(format!("{title}, {}, {args:?}:\n{found:#?}\nexpected {expected:#?}", place.name));
            }
        }
        eprintln!("{line}");
    }
    wrong
}

#[test]
fn every_place_gives_the_rows_of_local_flat_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let (server, azurite) = (Server::start(), Azurite::start());
    let generated = |layout: &str| {
        let path = folder.path().join(layout);
        let path = path.with_extension(if layout == "ndjson" { "ndjson" } else { "parquet" }).display().to_string();
        egret(&["generate", &path, "--layout", layout, "--rows", "3000", "--days", "1", "-q"]).expect(0);
        fs::read(path).unwrap()
    };
    let sample = Events { lines: generated("ndjson"), flat: generated("flat"), nested: generated("nested") };
    let flat = folder.path().join("flat.parquet").display().to_string();
    let commands: Vec<Vec<&str>> = vec![
        vec!["run", RULE, "--at", "latest", "-q"],
        vec!["run", RULE_SQL, "--at", "latest", "-q"],
        vec!["backtest", RULE, "--from", "2026-10-01", "--to", "2026-10-02", "-q"],
    ];
    let found = places(&sample, folder.path(), "sample", &server, azurite.as_ref());
    let mut wrong = differences(&commands, &flat, &found, "seed rule, a day");
    if let Some(corpora) = shared("every_place_gives_the_rows_of_local_flat_parquet") {
        for rule in alerting(&corpora, folder.path(), 10) {
            let read = |path: &Path| fs::read(path).unwrap();
            let events = Events { lines: read(&rule.lines), flat: read(&rule.flat), nested: read(&rule.nested) };
            let (path, flat) = (rule.rule.display().to_string(), rule.flat.display().to_string());
            let command = vec!["run", &path, "--at", &rule.at, "--all-time", "--format", "ndjson", "-q"];
            let found = places(&events, folder.path(), &rule.name, &server, azurite.as_ref());
            let title = rule.name.get(..24).unwrap_or(&rule.name);
            wrong.extend(differences(&[command], &flat, &found, title));
        }
    }
    assert!(wrong.is_empty(), "{} places differ:\n{}", wrong.len(), wrong.join("\n"));
}
