//! Delta tables in stores.

use std::fs;

use super::super::program::{Ran, egret, egret_in, root};
use super::super::stores::server::{Fault, Server};
use super::table;

const RULE: &str = "data/rules/egress-unusual-executable.toml";

/// Puts the files of a table below a key.
fn put(server: &Server, key: &str, name: &str) {
    let folder = table(name);
    for entry in walkdir::WalkDir::new(&folder) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let relative = entry.path().strip_prefix(&folder).unwrap();
            server.put(&format!("{key}/{}", relative.display()), fs::read(entry.path()).unwrap());
        }
    }
}

fn run(server: &Server, args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mut variables = server.environment();
    variables.push(("HOME".to_owned(), folder.path().display().to_string()));
    egret_in(args, &root(), None, &variables)
}

fn sorted(ran: &Ran) -> Vec<&str> {
    let mut lines: Vec<_> = ran.stdout.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_table_in_a_store_has_the_rows_of_the_same_on_this_machine() {
    let server = Server::start();
    for (key, name) in [
        ("t/partitioned", "partitioned"),
        ("t/a b/vectors", "vectors"),
        ("t/mapped-id", "mapped-id"),
        ("t/mapped-name", "mapped-name"),
        ("t/cleaned", "cleaned"),
    ] {
        put(&server, key, name);
        let local = table(name);
        let local = local.to_str().unwrap();
        let all = ["sql", "SELECT * FROM events", "-q", "--events"];
        let mut places = vec![format!("s3://lake/{key}"), format!("s3://lake/{key}/")];
        places.push(server.url("dav", &format!("{}/", key.replace(' ', "%20"))));
        for place in places {
            for (flags, version) in [(&[][..], ""), (&["--scan", "stock"], ""), (&[], "@v3")] {
                let version = if name == "mapped-id" { version.replace('3', "1") } else { version.to_owned() };
                let expected = egret(&[&all[..], &[&format!("{local}{version}")], flags].concat()).expect(0);
                let found = run(&server, &[&all[..], &[&format!("{place}{version}")], flags].concat()).expect(0);
                assert_eq!(sorted(&found), sorted(&expected), "{place}{version} {flags:?}");
            }
            eprintln!("{place}: the rows of {local}");
        }
    }
}

#[test]
fn the_log_of_a_store_spares_requests() {
    let server = Server::start();
    put(&server, "lake/logs-endpoint.events.network-default", "events");
    let run = |args: &[&str]| run(&server, args).expect(0);
    let flat = egret(&["run", RULE, "--at", "latest", "-q", "--events", "data/events.parquet"]).expect(0);
    for flags in [
        &["--events", "s3://lake/lake/logs-endpoint.events.network-default"][..],
        &["--lake", "s3://lake/lake"],
        &["--lake", "s3://lake/lake", "--scan", "stock"],
    ] {
        server.take_log();
        let found = run(&[&["run", RULE, "--at", "2026-10-01T23:00:00Z", "-q"][..], flags].concat());
        assert_eq!(found.stdout, flat.stdout, "{flags:?}");
        let asked = server.take_log();
        let opened: std::collections::BTreeSet<_> = asked
            .iter()
            .filter(|r| r.key.ends_with(".parquet") && !r.key.contains("_delta_log"))
            .map(|r| &r.key)
            .collect();
        // One of five files is of the rule's hour.
        assert_eq!(opened.len(), 1, "{opened:?}");
        let lists = asked.iter().filter(|request| request.is_list()).count();
        eprintln!("{flags:?}: {} requests, {lists} lists", asked.len());
        assert!(lists <= 5, "{asked:?}");
    }
}

#[test]
fn errors_of_stores_are_told_of_the_table() {
    let server = Server::start();
    put(&server, "t/partitioned", "partitioned");
    let error =
        |location: &str| run(&server, &["sql", "SELECT count(*) FROM events", "--events", location]).expect(1).stderr;
    let told = error("s3://lake/t/partitioned@v9");
    assert!(told.contains("s3://lake/t/partitioned: no version 9: there are versions 0 to 3"), "{told}");
    let told = error("s3://lake/t");
    assert!(told.contains("holds files of the Delta table s3://lake/t/partitioned"), "{told}");
    let told = error("s3://lake/t/partitioned/*/*/*.parquet");
    assert!(told.contains("holds files of the Delta table"), "{told}");
    let told = error("s3://lake/t/none@v1");
    assert!(told.contains("no Delta table: found no _delta_log in s3://lake/t/none"), "{told}");
    let fail = |part: &'static str, fault: Fault| {
        server.fail(move |request| if request.key.contains(part) { fault.clone() } else { Fault::None });
        error("s3://lake/t/partitioned")
    };
    let told = fail("_delta_log", Fault::Status(403, "AccessDenied"));
    assert!(told.contains("not allowed") && told.contains("AWS_ACCESS_KEY_ID"), "{told}");
    let told = fail("region=eu", Fault::Changed(None));
    assert!(told.contains("region=eu") && told.contains("gone") && told.contains("VACUUM"), "{told}");
}

#[test]
fn a_table_of_this_machine_may_name_objects_of_a_store() {
    let server = Server::start();
    put(&server, "t/partitioned", "partitioned");
    let (_folder, place) = super::copied("partitioned");
    // The files of one commit stay where they are.
    for version in [0, 2, 3] {
        let log = place.join(format!("_delta_log/{version:020}.json"));
        let text = fs::read_to_string(&log).unwrap();
        fs::write(log, text.replace("\"path\":\"", "\"path\":\"s3://lake/t/partitioned/")).unwrap();
    }
    let removed = place.join("_delta_log/00000000000000000002.json");
    let text = fs::read_to_string(&removed).unwrap();
    let first = fs::read_to_string(place.join("_delta_log/00000000000000000001.json")).unwrap();
    let lines = text.lines().map(|line| {
        let path = line.split("\"path\":\"s3://lake/t/partitioned/").nth(1).and_then(|rest| rest.split('"').next());
        let here = line.starts_with("{\"remove\"") && path.is_some_and(|path| first.contains(path));
        if here { line.replace("s3://lake/t/partitioned/", "") } else { line.to_owned() }
    });
    fs::write(&removed, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let args = |place: &str| ["sql", "SELECT * FROM events", "-q", "--events", place].map(str::to_owned);
    let local = egret(&args(table("partitioned").to_str().unwrap())).expect(0);
    let all = args(place.to_str().unwrap());
    let found = run(&server, &all.iter().map(String::as_str).collect::<Vec<_>>()).expect(0);
    assert_eq!(sorted(&found), sorted(&local));
    let read = server.take_log().iter().filter(|request| request.key.ends_with(".parquet")).count();
    assert!(read > 0);
}

#[test]
fn random_faults_give_right_rows_or_a_clear_error() {
    let server = Server::start();
    put(&server, "t/vectors", "vectors");
    let sql = "SELECT n FROM events ORDER BY n";
    let local = egret(&["sql", sql, "-q", "--events", table("vectors").to_str().unwrap()]).expect(0);
    let (mut right, mut told) = (0, 0);
    for seed in 0..24_u64 {
        let mut state = seed;
        let mut below = move |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end
        };
        let share = [3, 6, 20][below(3) as usize];
        server.fail(move |_| match below(share * 4) {
            0 => Fault::Status(503, "SlowDown"),
            1 => Fault::Status(500, "InternalError"),
            2 => Fault::Cut,
            3 => Fault::Closed,
            _ => Fault::None,
        });
        let mut variables = server.environment();
        variables.push(("AWS_MAX_ATTEMPTS".to_owned(), "3".to_owned()));
        let args = ["sql", sql, "-q", "--events", "s3://lake/t/vectors", "--footer-cache", "-", "--timeout", "60s"];
        let ran = egret_in(&args, &root(), None, &variables);
        if ran.code == 0 {
            assert_eq!(ran.stdout, local.stdout, "seed {seed}");
            right += 1;
        } else {
            assert_eq!(ran.code, 1, "seed {seed}: {}", ran.stderr);
            assert!(ran.stdout.is_empty(), "seed {seed}");
            assert!(ran.stderr.contains("s3://lake/t/vectors"), "seed {seed}: {}", ran.stderr);
            told += 1;
        }
    }
    eprintln!("{right} runs gave the right rows, {told} a clear error");
    assert!(right > 0);
}
