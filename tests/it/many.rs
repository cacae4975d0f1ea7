//! Many rules in one run.

use std::fmt::Write as _;
use std::fs;

use super::program::egret;

#[test]
fn of_a_rule_that_fails_midway_no_row_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let mut lines = String::new();
    for n in 0..20_000 {
        writeln!(lines, "{{\"n\":{n}}}").unwrap();
    }
    let good = file("good.ndjson", "{\"n\":1}\n{\"n\":2}\n");
    let bad = file("bad.ndjson", &format!("{lines}{{\"n\":\n"));
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    for (name, query) in [
        ("1.sql", "SELECT n FROM bad"),
        ("2.sql", "SELECT n FROM good WHERE n > 0"),
        ("3.sql", "SELECT n FROM good WHERE n > 7"),
    ] {
        fs::write(rules.join(name), query).unwrap();
    }
    let rules = rules.display().to_string();
    let (good, bad) = (format!("good={good}"), format!("bad={bad}"));
    let args = ["run", &rules, "--table", &good, "--table", &bad, "--on-bad-line", "fail", "--format", "ndjson"];
    let ran = egret(&args).expect(1);
    let rows = ran.rows();
    let values: Vec<_> = rows.iter().map(|row| row["n"].as_u64().unwrap()).collect();
    assert_eq!(values, [1, 2], "{}", ran.stderr);
    assert!(ran.stderr.contains("bad.ndjson: bad line at byte"), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 rules in") && ran.stderr.contains("no row from 1 of them: 3"), "{}", ran.stderr);

    let out = folder.path().join("rows.json").display().to_string();
    egret(&[&args[..6], &["--on-bad-line", "fail", "--format", "json", "--output", &out]].concat()).expect(1);
    let rows: serde_json::Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 2);
}

/// Rules over one table: with equal, nested and different predicates, one that gives nothing, one that fails, one that
/// reads the table twice.
const QUERIES: [&str; 8] = [
    "FROM events | WHERE host.os.type == \"linux\" AND process.executable LIKE \"/tmp/*\" | STATS n = COUNT() BY process.name | SORT n DESC, process.name",
    "FROM events | WHERE host.os.type == \"linux\" | STATS n = COUNT() BY event.action | SORT event.action",
    "FROM events | WHERE host.os.type == \"windows\" AND event.action == \"connection_attempted\" | STATS n = COUNT_DISTINCT(destination.ip) BY agent.id | SORT agent.id | LIMIT 7",
    "FROM events METADATA _id | WHERE process.name == \"kworker\" | KEEP _id, process.name | SORT _id | LIMIT 5",
    "FROM events | WHERE process.name == \"no such name\" | STATS n = COUNT() BY host.name",
    "FROM events | WHERE destination.port > 400 | STATS n = COUNT() BY destination.port | SORT n DESC, destination.port | LIMIT 9",
    "FROM events | STATS n = COUNT(), hosts = COUNT_DISTINCT(host.name)",
    "FROM events | WHERE event.action IN (\"connection_attempted\", \"lookup_requested\") | KEEP @timestamp, process.name | SORT @timestamp, process.name | LIMIT 3",
];

#[test]
fn rules_over_one_scan_give_the_rows_that_each_gives_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (at, query) in QUERIES.iter().enumerate() {
        fs::write(folder.path().join(format!("{at}.esql")), query).unwrap();
    }
    let twice = "SELECT count(*) AS n FROM events a JOIN events b ON a.\"event.id\" = b.\"event.id\" WHERE a.\"process.name\" = 'kworker'";
    fs::write(folder.path().join("8.sql"), twice).unwrap();
    let fails = "SELECT 1 / (\"destination.port\" - 443) AS n FROM events WHERE \"destination.port\" > 0";
    fs::write(folder.path().join("9.sql"), fails).unwrap();
    let stats = folder.path().join("stats.json").display().to_string();
    let rules = folder.path().display().to_string();
    let args = |rule: &str, more: &[&str]| {
        let events = ["--events", "data/events.ndjson", "--format", "ndjson"];
        egret(&[&["run", rule], &events[..], more].concat())
    };
    for jobs in ["1", "3", "32"] {
        let ran = args(&rules, &["--jobs", jobs, "--stats-file", &stats]).expect(1);
        assert!(ran.stderr.contains("ivide by zero"), "{}", ran.stderr);
        let rows = ran.rows();
        let summary: serde_json::Value = serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
        let executions = summary["executions"].as_array().unwrap();
        let parsed = |name: &str| {
            executions.iter().find(|e| e["name"] == name).and_then(|e| e["lines_parsed"].as_u64()).unwrap()
        };
        assert_eq!(parsed("0") == parsed("5"), jobs == "32", "one scan of both reads the same lines");
        for at in 0..9 {
            let name = at.to_string();
            let file = if at == 8 { "8.sql".to_owned() } else { format!("{at}.esql") };
            let alone = args(&folder.path().join(file).display().to_string(), &[]).expect(0);
            let alone = alone.rows();
            let execution = executions.iter().find(|e| e["name"] == name.as_str()).unwrap();
            let mut own: Vec<_> = rows.iter().filter(|row| row["rule.id"] == execution["rule_id"]).cloned().collect();
            for row in &mut own {
                row.as_object_mut().unwrap().shift_remove("rule.id");
            }
            assert_eq!(own, alone, "{at} with --jobs {jobs}");
            assert!(at == 4 || !alone.is_empty(), "{at} gives nothing");
        }
    }
}
