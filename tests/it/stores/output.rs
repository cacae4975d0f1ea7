//! Rows to a store: whole or not at all.

use super::server::{Fault, Server};
use super::{RULE, RULE_SQL, filled, run_with};

const QUICK: &[(&str, &str)] = &[("AWS_MAX_ATTEMPTS", "2"), ("AWS_TIMEOUT", "2s")];
const EVENTS: [&str; 4] = ["--events", "data/events.parquet", "--at", "latest"];

/// Runs the rule with these flags over local events; the exit code and what was told.
fn written(server: &Server, flags: &[&str]) -> (i32, String) {
    let ran = run_with(server, &[&["run", RULE][..], &EVENTS, flags].concat(), QUICK);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    (ran.code, ran.stderr)
}

#[test]
fn rows_of_every_format_are_those_of_a_file() {
    let server = filled();
    let folder = tempfile::tempdir().unwrap();
    for extension in ["ndjson", "json", "csv", "parquet", "arrow"] {
        let local = folder.path().join(format!("rows.{extension}")).display().to_string();
        assert_eq!(written(&server, &["--output", &local]).0, 0);
        let remote = format!("s3://lake/out/rows.{extension}");
        let (code, told) = written(&server, &["--output", &remote]);
        assert_eq!(code, 0, "{told}");
        let key = format!("out/rows.{extension}");
        assert_eq!(server.object(&key).unwrap(), std::fs::read(local).unwrap(), "{extension}");
        let (code, told) = written(&server, &["--output", &remote]);
        assert!(code == 1 && told.contains(&format!("{remote}: already exists")) && told.contains("--force"), "{told}");
        assert_eq!(written(&server, &["--output", &remote, "--force"]).0, 0);
    }
    // One object a rule, and a replay.
    let several = [
        "run",
        RULE,
        RULE_SQL,
        "--format",
        "csv",
        "--output",
        "s3://lake/alerts/",
        "--stats-file",
        "s3://lake/stats.json",
    ];
    run_with(&server, &[&several[..], &EVENTS].concat(), QUICK).expect(0);
    for name in ["egress-unusual-executable.csv", "egress-unusual-executable-sql.csv"] {
        assert!(server.object(&format!("alerts/{name}")).unwrap().len() > 500, "{name}");
    }
    assert!(server.object("stats.json").unwrap().starts_with(b"{"));
    let range = ["--from", "2026-10-01", "--to", "2026-10-03", "--events", "data/events.parquet"];
    fn replay<'a>(output: &'a str, range: &[&'a str]) -> Vec<&'a str> {
        [&["backtest", RULE, "--output", output][..], range].concat()
    }
    run_with(&server, &replay("s3://lake/replay.ndjson", &range), QUICK).expect(0);
    let local = folder.path().join("replay.ndjson").display().to_string();
    run_with(&server, &replay(&local, &range), QUICK).expect(0);
    assert_eq!(server.object("replay.ndjson").unwrap(), std::fs::read(local).unwrap());
    let resumed =
        run_with(&server, &[&replay("s3://lake/replay.ndjson", &range)[..], &["--resume"]].concat(), QUICK).expect(2);
    assert!(resumed.stderr.contains("--resume"), "{}", resumed.stderr);
}

#[test]
fn wrong_places_cost_no_query() {
    let server = filled();
    for (output, code, parts) in [
        ("s3://other/rows.csv", 1, ["s3://other/rows.csv", "not"]),
        ("https://host/rows.csv", 2, ["a web server may show a file that is not whole", "s3://"]),
        ("ftp://host/rows.csv", 2, ["store of kind 'ftp'", "s3://"]),
    ] {
        server.take_log();
        let denied = [QUICK, &[("AWS_ACCESS_KEY_ID", "stranger")]].concat();
        let args =
            [&["run", RULE, "--events", "s3://lake/one/events.parquet", "--output", output][..], &EVENTS[2..]].concat();
        let ran = run_with(&server, &args, &denied).expect(code);
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
        assert!(server.take_log().iter().all(|request| !request.key.contains("events")), "{output}");
    }
}

#[test]
fn a_store_that_fails_shows_nothing() {
    let server = filled();
    // Large enough for parts.
    let query = "SELECT a._id AS x, b._id AS y FROM events a, events b LIMIT 200000";
    let args = |output: &'static str| {
        ["sql", query, "--events", "data/events.parquet", "-q", "--format", "ndjson", "--output", output]
    };
    let ran = run_with(&server, &args("s3://lake/out/large.ndjson"), QUICK).expect(0);
    let whole = server.object("out/large.ndjson").unwrap();
    assert!(whole.len() > 17_000_000, "{} {}", whole.len(), ran.stderr);
    assert!(whole.ends_with(b"}\n"));
    assert!(server.take_log().iter().filter(|request| request.query.contains_key("partNumber")).count() > 2);

    let at_part = |part: &'static str| {
        move |request: &super::server::Request| match request.query.get("partNumber") {
            Some(number) if number == part => Fault::Status(500, "InternalError"),
            _ => Fault::None,
        }
    };
    server.fail(at_part("2"));
    let failed = run_with(&server, &args("s3://lake/out/none.ndjson"), QUICK).expect(1);
    assert!(
        failed.stderr.contains("s3://lake/out/none.ndjson: the store is not able to answer: 500"),
        "{}",
        failed.stderr
    );
    assert!(server.object("out/none.ndjson").is_none());
    assert_eq!(server.open_uploads(), 0);

    server.fail(|request| {
        let completes = request.method == "POST" && request.query.contains_key("uploadId");
        if completes { Fault::Status(403, "AccessDenied") } else { Fault::None }
    });
    run_with(&server, &args("s3://lake/out/none.ndjson"), QUICK).expect(1);
    assert!(server.object("out/none.ndjson").is_none());
    assert_eq!(server.open_uploads(), 0);

    server.fail(|request| if request.method == "PUT" { Fault::Status(503, "SlowDown") } else { Fault::None });
    let (code, told) = written(&server, &["--output", "s3://lake/out/none.ndjson"]);
    assert!(code == 1 && told.contains("503 (SlowDown), also after 1 retries"), "{told}");
    assert!(server.object("out/none.ndjson").is_none());
    // A query that fails leaves nothing either.
    server.fail(|_| Fault::None);
    let wrong = ["run", RULE, "--events", "none.parquet", "--output", "s3://lake/out/none.ndjson"];
    run_with(&server, &wrong, QUICK).expect(1);
    assert!(server.object("out/none.ndjson").is_none());
}
