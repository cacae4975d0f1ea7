//! Listing: a window over folders named after times takes few requests, and gives the rows of the whole.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::server::{Request, Server};
use super::{run, run_with};

const QUERY: &str = "FROM events | KEEP host.name | LIMIT 5000";

/// One event in each of so many hours from the start of 2024, each in a file that `path` names.
fn hourly(server: &Server, step: i64, count: i64, path: impl Fn(DateTime<Utc>) -> String) {
    let start: DateTime<Utc> = "2024-01-01T00:30:00Z".parse().unwrap();
    for at in (0..count).map(|hour| start + TimeDelta::hours(hour * step)) {
        let name = at.format("%Y-%m-%dT%H");
        let time = at.format("%Y-%m-%dT%H:%M:%SZ");
        server.put(&path(at), format!("{{\"@timestamp\":\"{time}\",\"host\":{{\"name\":\"{name}\"}}}}\n"));
    }
}

struct Rule(tempfile::TempDir);

impl Rule {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("all.esql"), QUERY).unwrap();
        Self(folder)
    }

    fn path(&self) -> String {
        self.0.path().join("all.esql").display().to_string()
    }
}

/// The hosts of a window, and how many lists and reads they took.
fn hosts(server: &Server, location: &str, more: &[&str], from: &str, to: &str) -> (Vec<String>, usize, usize) {
    let rule = Rule::new();
    server.take_log();
    let path = rule.path();
    let args = [&["run", &path, "--events", location, "--from", from, "--to", to, "-q"][..], more].concat();
    let ran = run(server, &args).expect(0);
    let log = server.take_log();
    let lists = log.iter().filter(|request| request.is_list()).count();
    let mut hosts: Vec<String> = ran.rows().iter().map(|row| row["host.name"].as_str().unwrap().to_owned()).collect();
    hosts.sort();
    let reads: BTreeSet<_> = log.iter().filter(|request| request.is_read()).map(|request| &request.key).collect();
    (hosts, lists, reads.len())
}

#[test]
fn an_hour_over_years_of_daily_folders_lists_a_handful() {
    let server = Server::start();
    // Three years of days with eight files each, and with 83 more of noon.
    hourly(&server, 3, 3 * 365 * 8, |at| format!("t/{}", at.format("date=%Y-%m-%d/%H.ndjson")));
    let first: DateTime<Utc> = "2024-01-01T12:00:00Z".parse().unwrap();
    for noon in (0..3 * 365).map(|day| first + TimeDelta::days(day)) {
        for file in 0..83 {
            let event = format!(r#"{{"@timestamp":"{}","host.name":"noon"}}"#, noon.format("%Y-%m-%dT%H:%M:%SZ"));
            server.put(&format!("t/{}", noon.format(&format!("date=%Y-%m-%d/noon-{file:02}.ndjson"))), event);
        }
    }
    let hour = ["2026-10-01T06:00:00Z", "2026-10-01T07:00:00Z"];
    let (found, lists, reads) = hosts(&server, "s3://lake/t/", &["--lateness", "1h"], hour[0], hour[1]);
    eprintln!("one hour over {} objects: {lists} lists, {reads} objects read", 3 * 365 * 91);
    assert_eq!(found, ["2026-10-01T06"]);
    // Two pages of folders, and one day.
    assert_eq!((lists, reads), (3, 91));
    // Two days are touched.
    let (found, lists, _) =
        hosts(&server, "s3://lake/t/", &["--lateness", "1h"], "2026-10-01T20:00:00Z", "2026-10-02T01:00:00Z");
    assert_eq!(found, ["2026-10-01T21", "2026-10-02T00"]);
    assert_eq!(lists, 4);
    // Without a declared lateness nothing is known of ingestion: all is listed, nothing is left out.
    let (same, all, _) = hosts(&server, "s3://lake/t/date=2026-10*/", &[], hour[0], hour[1]);
    assert_eq!(same, ["2026-10-01T06"]);
    assert!(all > lists, "{all}");
    // A window that no folder is of.
    let (none, lists, _) =
        hosts(&server, "s3://lake/t/", &["--lateness", "1h"], "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z");
    assert_eq!((none.len(), lists), (0, 3));
}

#[test]
fn every_layout_is_pruned_and_gives_its_rows() {
    let layouts: [(&str, &str); 7] = [
        ("date=%Y-%m-%d/f-%H.ndjson", "3"),
        ("dt=%Y%m%d/hour=%H/f.ndjson", "5"),
        ("year=%Y/month=%m/day=%d/f-%H.ndjson", "5"),
        ("year=%Y/month=%-m/day=%-d/hour=%H/f.ndjson", "7"),
        ("%Y/%m/%d/f-%H.ndjson", "5"),
        ("%Y/%m/%d/%H/f.ndjson", "7"),
        ("eu/logs/%Y/%m/%d/%H/f.ndjson", "9"),
    ];
    for (layout, most) in layouts {
        let server = Server::start();
        hourly(&server, 1, 24 * 100, |at| at.format(layout).to_string());
        for (from, to, expected) in [
            ("2024-02-10T23:00:00Z", "2024-02-11T00:59:00Z", &["2024-02-10T23", "2024-02-11T00"][..]),
            ("2024-01-31T22:15:00Z", "2024-01-31T22:45:00Z", &["2024-01-31T22"]),
            ("2023-12-31T00:00:00Z", "2024-01-01T02:00:00Z", &["2024-01-01T00", "2024-01-01T01"]),
        ] {
            let (pruned, lists, reads) = hosts(&server, "s3://lake/", &["--lateness", "1s"], from, to);
            eprintln!("{layout} {from}..{to}: {} rows, {lists} lists, {reads} objects", pruned.len());
            assert_eq!(pruned, expected, "{layout}");
            assert!(reads <= 48, "{layout}: {reads}");
            assert!(lists <= most.parse().unwrap(), "{layout}: {lists}");
        }
    }
}

#[test]
fn declared_folders_of_a_catalogue_prune_what_is_listed() {
    let server = Server::start();
    hourly(&server, 1, 24 * 400, |at| at.format("eu/x/%Y/%m/%d/f-%H.ndjson").to_string());
    server.put("us/y/2023/05/01/f.ndjson", "{\"@timestamp\":\"2023-05-01T00:00:00Z\",\"host\":{\"name\":\"old\"}}\n");
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("egret.toml", "[tables.events]\nlocation = \"s3://lake/\"\npartition = \"*/*/%Y/%m/%d\"\n");
    write("all.esql", QUERY);
    server.take_log();
    let args = ["run", "all.esql", "--from", "2024-03-05T10:00:00Z", "--to", "2024-03-05T12:00:00Z", "-q"];
    let ran = super::super::program::egret_in(&args, folder.path(), None, &server.environment()).expect(0);
    assert_eq!(ran.rows().len(), 2);
    let lists: Vec<_> = server.take_log().into_iter().filter(Request::is_list).collect();
    assert!(lists.len() <= 9, "{lists:?}");
    assert!(
        lists.iter().all(|list| list.query.get("prefix").is_none_or(|prefix| !prefix.contains("2023"))),
        "{lists:?}"
    );
}

#[test]
fn each_small_object_takes_one_request() {
    let server = Server::start();
    hourly(&server, 1, 2500, |at| format!("t/{}", at.format("%Y%m%d-%H.ndjson")));
    let events = super::data("events.parquet");
    for at in 0..20 {
        server.put(&format!("t/{at}.parquet"), super::small(&events));
    }
    server.take_log();
    let query = "SELECT count(*) AS n FROM events WHERE host.name IS NOT NULL";
    let ran = run(&server, &["sql", query, "--events", "s3://lake/t/", "-q"]).expect(0);
    assert_eq!(ran.rows(), [serde_json::json!({"n": 2500 + 20 * 50})]);
    let log = server.take_log();
    let lists = log.iter().filter(|request| request.is_list()).count();
    eprintln!("{} requests for {} objects, {lists} of them lists", log.len(), 2520);
    // One list looks for a log of Delta.
    assert_eq!((log.len() - lists, lists), (2520, 4));
}

#[test]
fn pages_and_markers_of_folders_are_understood() {
    let server = Server::start();
    server.set_page(7);
    hourly(&server, 24, 40, |at| format!("t/{}", at.format("date=%Y-%m-%d/f %H+é&.ndjson")));
    server.put("t/", "");
    server.put("t/date=2024-01-03/", "");
    server.put("t/_temporary/0.json", "{}");
    server.put("t/date=2024-01-03/.hidden.ndjson", "{\"host\":{\"name\":\"x\"}}");
    let (whole, ..) = hosts(&server, "s3://lake/t", &[], "2024-01-01", "2024-01-31");
    assert_eq!(whole.len(), 30);
    let (pruned, ..) = hosts(&server, "s3://lake/t", &["--lateness", "1h"], "2024-01-01", "2024-01-31");
    assert_eq!(pruned, whole);
    // A file that appears is seen by the next run.
    server
        .put("t/date=2024-01-03/new.ndjson", "{\"@timestamp\":\"2024-01-03T00:00:00Z\",\"host\":{\"name\":\"new\"}}\n");
    let (more, ..) = hosts(&server, "s3://lake/t", &["--lateness", "1h"], "2024-01-01", "2024-01-31");
    assert_eq!(more.len(), 31);
}

#[test]
fn a_web_server_lists_folders_by_webdav_or_not_at_all() {
    let server = Server::start();
    hourly(&server, 24, 3, |at| format!("t/{}", at.format("%Y/%m/%d/f.ndjson")));
    let (found, ..) = hosts(&server, &server.url("dav", "t/"), &[], "2024-01-01", "2024-02-01");
    assert_eq!(found.len(), 3);
    let rule = Rule::new();
    let location = server.url("web", "t/");
    let args = ["run", &rule.path(), "--all-time", "--events", &location];
    let ran = run_with(&server, &args, &[("AWS_MAX_ATTEMPTS", "1")]).expect(1);
    for part in [location.trim_end_matches('/'), "gives no list of files", "405", "name the file"] {
        assert!(ran.stderr.contains(part), "{part}\n{}", ran.stderr);
    }
}
