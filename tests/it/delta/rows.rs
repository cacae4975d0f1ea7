//! The rows of tables at their versions, in every way to scan, and in every command.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::super::program::{egret, root};
use super::table;

const RULE: &str = "data/rules/egress-unusual-executable.toml";
const RULE_SQL: &str = "data/rules/egress-unusual-executable-sql.toml";

type Row = BTreeMap<String, Value>;

/// Rows without what is null, in one order.
fn sorted(rows: impl IntoIterator<Item = Value>) -> Vec<String> {
    let plain = |row: Value| {
        let row: Row = row.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let kept: Row = row.into_iter().filter(|(_, value)| !value.is_null()).collect();
        serde_json::to_string(&kept).unwrap()
    };
    let mut rows: Vec<_> = rows.into_iter().map(plain).collect();
    rows.sort();
    rows
}

fn query(sql: &str, location: &str, flags: &[&str]) -> Vec<Value> {
    egret(&[&["sql", sql, "--events", location, "-q"], flags].concat()).expect(0).rows()
}

/// The versions whose rows are known: table, number, rows.
fn known() -> Vec<(String, u64, Vec<Value>)> {
    let mut known = Vec::new();
    for entry in fs::read_dir(table("expected")).unwrap() {
        let path = entry.unwrap().path();
        let (name, version) = path.file_stem().unwrap().to_str().unwrap().rsplit_once("@v").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let rows = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        known.push((name.to_owned(), version.parse().unwrap(), rows));
    }
    known.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    known
}

#[test]
fn every_version_has_the_rows_that_other_readers_find() {
    let known = known();
    assert!(known.len() > 10, "{} versions", known.len());
    for (at, (name, version, expected)) in known.iter().enumerate() {
        let place = table(name);
        let mut locations = vec![format!("{}@v{version}", place.display())];
        if known.get(at + 1).is_none_or(|(next, ..)| next != name) {
            locations.push(format!("{}", place.display()));
            locations.push(format!("file://{}/", place.display()));
        }
        let expected = sorted(expected.clone());
        for location in locations {
            for flags in [&[][..], &["--scan", "stock"], &["--threads", "3"], &["--threads", "1"]] {
                let found = sorted(query("SELECT * FROM events", &location, flags));
                assert_eq!(found, expected, "{location} {flags:?}");
            }
            eprintln!("{location}: {} rows", expected.len());
        }
    }
}

/// What a query over numbers gives, by the rows that are known.
#[test]
fn deleted_rows_are_in_no_answer() {
    for (_, version, rows) in known().into_iter().filter(|(name, ..)| name == "vectors") {
        let location = format!("{}@v{version}", table("vectors").display());
        let mut numbers: Vec<i64> = rows.iter().map(|row| row["n"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        let of = |keep: &dyn Fn(i64) -> bool| numbers.iter().copied().filter(|n| keep(*n)).collect::<Vec<_>>();
        for flags in [&[][..], &["--scan", "stock"], &["--threads", "4"], &["--scan", "stock", "--threads", "4"]] {
            let one = |sql: &str| query(sql, &location, flags)[0]["x"].clone();
            assert_eq!(one("SELECT count(*) AS x FROM events"), numbers.len(), "{location} {flags:?}");
            assert_eq!(one("SELECT min(n) AS x FROM events"), numbers[0], "{location} {flags:?}");
            assert_eq!(one("SELECT max(n) AS x FROM events"), numbers[numbers.len() - 1], "{location} {flags:?}");
            assert_eq!(one("SELECT sum(n) AS x FROM events"), numbers.iter().sum::<i64>(), "{location} {flags:?}");
            let low = of(&|n| n < 150);
            assert_eq!(one("SELECT count(*) AS x FROM events WHERE n < 150"), low.len(), "{location} {flags:?}");
            let hosts = of(&|n| n % 5 == 2);
            let sql = "SELECT count(*) AS x FROM events WHERE \"host.name\" = 'h2'";
            assert_eq!(one(sql), hosts.len(), "{location} {flags:?}");
            let both = of(&|n| n % 5 == 3 && (20..120).contains(&n));
            let sql = "SELECT n FROM events WHERE \"host.name\" LIKE '%3' AND n BETWEEN 20 AND 119 ORDER BY n";
            let found: Vec<i64> = query(sql, &location, flags).iter().map(|row| row["n"].as_i64().unwrap()).collect();
            assert_eq!(found, both, "{location} {flags:?}");
            // More than are left of the first files.
            for limit in [1, 90, 300] {
                let found = query(&format!("SELECT n FROM events LIMIT {limit}"), &location, flags);
                assert_eq!(found.len(), limit.min(numbers.len()), "{location} {flags:?}");
                assert!(found.iter().all(|row| numbers.contains(&row["n"].as_i64().unwrap())));
            }
        }
    }
}

#[test]
fn a_row_keeps_its_id_from_version_to_version() {
    let ids = |version: u64| -> BTreeMap<i64, String> {
        let rows = query("SELECT _id, n FROM events", &format!("{}@v{version}", table("vectors").display()), &[]);
        rows.iter().map(|row| (row["n"].as_i64().unwrap(), row["_id"].as_str().unwrap().to_owned())).collect()
    };
    let (first, last) = (ids(1), ids(4));
    assert_eq!((first.len(), last.len()), (500, 332));
    assert!(last.iter().all(|(n, id)| first[n] == *id));
    let distinct: std::collections::BTreeSet<_> = first.values().collect();
    assert_eq!(distinct.len(), 500);
}

#[test]
fn the_seed_rule_over_delta_gives_the_rows_of_flat_parquet() {
    let place = table("events");
    let place = place.to_str().unwrap();
    let commands: [&[&str]; 9] = [
        &["run", RULE, "--at", "latest", "-q"],
        &["run", RULE_SQL, "--at", "latest", "-q"],
        &["run", RULE, "--at", "latest", "-q", "--scan", "stock", "--threads", "3"],
        &["run", RULE, RULE_SQL, "--at", "2026-10-01T23:00:00Z", "-q"],
        &["run", RULE, "--from", "2026-10-01", "--to", "2026-10-01T23:00:00Z", "-q"],
        &["backtest", RULE, "--from", "2026-10-01", "--to", "2026-10-02", "-q"],
        &["backtest", RULE_SQL, "--from", "2026-10-01", "--to", "2026-10-02", "-q"],
        &["sql", "SELECT count(*), min(\"@timestamp\"), max(\"source.port\") FROM events", "-q"],
        &["sql", "SELECT \"host.name\", count(*) FROM events GROUP BY 1 ORDER BY 1", "-q"],
    ];
    for args in commands {
        let over = |location: &str| egret(&[args, &["--events", location]].concat()).expect(0).stdout;
        let flat = over("data/events.parquet");
        assert!(!flat.is_empty(), "{args:?}");
        assert_eq!(over(place), flat, "{args:?}");
        eprintln!("{args:?}: {} lines", flat.lines().count());
    }
    // The version with rows that were deleted since: some are there twice.
    let twice = query("SELECT count(*) AS n FROM events", &format!("{place}@v5"), &[]);
    assert_eq!(twice[0]["n"], 3050);
}

#[test]
fn every_other_command_reads_a_table() {
    let place = table("events");
    let place = place.to_str().unwrap();
    let explained = egret(&["explain", RULE, "--events", place, "--at", "latest", "--analyze"]).expect(0);
    assert!(explained.stdout.contains("DataSourceExec"), "{}", explained.stdout);
    let fields = egret(&["fields", RULE, "--events", place, "--format", "json"]).expect(0);
    assert!(fields.stdout.contains("process.executable"), "{}", fields.stdout);
    let folder = tempfile::tempdir().unwrap();
    let alerts = folder.path().join("alerts.ndjson");
    let alerts = alerts.to_str().unwrap();
    let run = ["run", RULE, "--events", place, "--at", "latest", "--as", "alerts", "--format", "ndjson", "-o", alerts];
    egret(&run).expect(0);
    let evidence =
        egret(&["evidence", RULE, "--alert", alerts, "--events", place, "--format", "ndjson", "-q"]).expect(0);
    let flat = egret(&[&run[..3], &["data/events.parquet"], &run[4..11], &[alerts, "--force"]].concat());
    flat.expect(0);
    let over_flat = egret(&["evidence", RULE, "--alert", alerts, "--events", "data/events.parquet", "-q"]).expect(0);
    assert!(evidence.rows().len() > 100, "{}", evidence.stderr);
    assert_eq!(evidence.rows().len(), over_flat.rows().len());
    let lake = table("");
    let ran = egret(&["run", RULE, "--lake", lake.to_str().unwrap(), "--at", "latest", "-q"]);
    assert!(ran.stderr.contains("events"), "{}", ran.stderr);
}

#[test]
fn tables_tells_the_version_and_what_the_log_knows() {
    let events = table("events");
    let ran = egret(&["tables", "--events", events.to_str().unwrap()]).expect(0);
    let row: Vec<_> = ran.stdout.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[0..2], ["events", "5"], "{}", ran.stdout);
    assert_eq!(
        row[3..8],
        ["3000", "2026-10-01T00:01:00.634Z", "2026-10-01T23:00:00Z", "Delta", "v7"],
        "{}",
        ran.stdout
    );
    let vectors = format!("{}@v2", table("vectors").display());
    let ran = egret(&["tables", "--events", &vectors, "--format", "json"]).expect(0);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let told = &told["tables"][0];
    assert_eq!((&told["rows"], &told["files"]), (&Value::from(449), &Value::from(5)), "{told}");
    assert_eq!(
        (&told["formats"], &told["versions"]),
        (&serde_json::json!(["Delta"]), &serde_json::json!([2])),
        "{told}"
    );
    assert_eq!(told["to"], "2026-10-01T08:19:00Z");
    let flat = root().join("data/events.parquet");
    let both = ["tables", "--events", events.to_str().unwrap(), "--table", &format!("flat={}", flat.display())];
    let ran = egret(&both).expect(0);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
}
