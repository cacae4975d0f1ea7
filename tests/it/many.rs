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

#[test]
fn a_scan_that_fails_is_told_of_every_rule_that_shares_it() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.ndjson");
    fs::write(&events, "{\"n\":1}\n{\"n\":\n{\"n\":2}\n").unwrap();
    for name in ["one", "two"] {
        fs::write(folder.path().join(format!("{name}.sql")), "SELECT n FROM events WHERE n > 0").unwrap();
    }
    let (rules, events) = (folder.path().display().to_string(), events.display().to_string());
    let ran = egret(&["run", &rules, "--events", &events, "--on-bad-line", "fail", "--format", "ndjson"]).expect(1);
    for name in ["one", "two"] {
        let told = format!("{name}: {events}: bad line at byte 8");
        assert!(ran.stderr.contains(&told), "{told}\n{}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_file_that_exists_is_found_before_its_rule_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, out) = (folder.path().join("rules"), folder.path().join("out"));
    fs::create_dir(&rules).unwrap();
    fs::create_dir(&out).unwrap();
    let fails = "SELECT 1 / (\"destination.port\" - 443) AS n FROM events WHERE \"destination.port\" > 0";
    fs::write(rules.join("fails.sql"), fails).unwrap();
    fs::write(rules.join("other.sql"), "SELECT count(*) AS n FROM events").unwrap();
    fs::write(out.join("fails.csv"), "mine").unwrap();
    let text = |path: &std::path::Path| path.display().to_string();
    let (rules, folder) = (text(&rules), text(&out));
    let args = ["run", &rules, "--events", "data/events.ndjson", "--format", "csv", "--output", &folder];
    let ran = egret(&args).expect(1);
    assert!(ran.stderr.contains("fails.csv: already exists"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("ivide by zero"), "it ran: {}", ran.stderr);
    assert_eq!(fs::read_to_string(out.join("fails.csv")).unwrap(), "mine");
    assert!(fs::read_to_string(out.join("other.csv")).unwrap().starts_with("rule.id,n\r\n"));

    let ran = egret(&[&args[..], &["--force"]].concat()).expect(1);
    assert!(ran.stderr.contains("fails: ") && ran.stderr.contains("ivide by zero"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(out.join("fails.csv")).unwrap(), "mine", "of a rule that fails no row is left");
    let files = fs::read_dir(&out).unwrap().count();
    assert_eq!(files, 2, "nothing else is left");
}

#[test]
fn what_scans_meet_is_told_of_their_rules_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let bad = file("bad.ndjson", "{\"a\":\"xx\",\"n\":1}\n{\"a\":\n{\"a\":\"yy\",\"n\":2}\n");
    let good = file("good.ndjson", "{\"a\":\"xx\"}\n");
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    // Two scans of one table at the same time, one that seeks a literal.
    for (name, query) in [
        ("1.sql", "SELECT a FROM bad WHERE a = 'xx'"),
        ("2.sql", "SELECT a FROM bad WHERE n > 0"),
        ("3.sql", "SELECT a FROM good WHERE a = 'xx'"),
    ] {
        fs::write(rules.join(name), query).unwrap();
    }
    let (bad, good) = (format!("bad={bad}"), format!("good={good}"));
    let (rules, stats) = (rules.display().to_string(), folder.path().join("stats.json").display().to_string());
    let args = ["run", &rules, "--table", &bad, "--table", &good, "--format", "ndjson", "--stats-file", &stats];
    let ran = egret(&args).expect(3);
    assert_eq!(ran.stderr.matches("table `bad`: 1 bad line is skipped").count(), 1, "{}", ran.stderr);
    let summary: serde_json::Value = serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
    let of = |key: &str| summary["executions"].as_array().unwrap().iter().map(|e| e[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("bad_lines"), [1, 1, 0]);
    assert_eq!(of("bytes"), [40, 40, 11]);
    assert_eq!(of("rows"), [1, 2, 1]);
    assert_eq!(summary["executions"][2]["warnings"].as_array().unwrap().len(), 0, "{summary}");
}

#[test]
fn a_recursive_query_keeps_its_scan_which_runs_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let chain = "WITH RECURSIVE chain AS (SELECT 1 AS n UNION ALL SELECT c.n + 1 AS n FROM chain c \
        JOIN events e ON e.\"event.id\" = 'one' AND c.n < 3) SELECT n FROM chain ORDER BY n";
    let events = folder.path().join("events.ndjson");
    fs::write(&events, "{\"event.id\":\"one\"}\n{\"event.id\":\"other\"}\n").unwrap();
    fs::write(folder.path().join("1.sql"), chain).unwrap();
    fs::write(folder.path().join("2.sql"), "SELECT 7 AS n FROM events WHERE \"event.id\" = 'one'").unwrap();
    let (rules, events) = (folder.path().display().to_string(), events.display().to_string());
    let ran = egret(&["run", &rules, "--events", &events, "--format", "ndjson"]).expect(0);
    let values: Vec<_> = ran.rows().iter().map(|row| row["n"].as_u64().unwrap()).collect();
    assert_eq!(values, [1, 2, 3, 7]);
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
        let of = |name: &str, key: &str| {
            executions.iter().find(|e| e["name"] == name).and_then(|e| e[key].as_u64()).unwrap()
        };
        let sharing: Vec<_> = (0..9).map(|at| of(&at.to_string(), "shared_by")).collect();
        let expected = match jobs {
            "1" => [1; 9],
            "3" => [3, 3, 3, 2, 2, 1, 1, 1, 1],
            // Those that seek literals, and those that read every line; a plan with two scans keeps them.
            _ => [6, 6, 6, 6, 6, 3, 3, 6, 1],
        };
        assert_eq!(sharing, expected, "--jobs {jobs}");
        assert_eq!(of("0", "lines_parsed") == of("4", "lines_parsed"), jobs == "32", "one scan reads lines for both");
        assert!(of("0", "lines_parsed") < of("6", "lines_parsed") && of("6", "lines_skipped") == 0);
        assert!(executions.iter().all(|e| e["cost_seconds"].as_f64().unwrap() > 0.0));
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
