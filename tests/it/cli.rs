//! What the program does for whoever types its commands: output, exit codes, files.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::program::{Ran, egret, egret_with, root};

const RULE: &str = "data/rules/egress-unusual-executable.toml";
const RULES: &str = "data/rules";
const JSON: &str = "data/events.ndjson";
const PARQUET: &str = "data/events.parquet";
const LATEST: [&str; 2] = ["--at", "latest"];

/// `egret run RULE --events EVENTS --at latest` with more arguments.
fn run(more: &[&str]) -> Ran {
    egret(&[&["run", RULE, "--events", PARQUET], &LATEST[..], more].concat())
}

/// `egret sql QUERY --events EVENTS` with more arguments.
fn sql(query: &str, events: &str, more: &[&str]) -> Ran {
    egret(&[&["sql", query, "--events", events], more].concat())
}

/// A file below a new folder.
fn beside(name: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name).to_string_lossy().into_owned();
    (folder, path)
}

/// What a folder holds, hidden files included, sorted.
fn held(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_command_has_help_with_examples() {
    for command in ["run", "backtest", "sql", "explain", "check", "fields", "generate", "completions"] {
        let ran = egret(&[command, "--help"]).expect(0);
        assert!(ran.stdout.contains("Usage: egret") && ran.stdout.contains("Examples:"), "{command}\n{}", ran.stdout);
        assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    }
    let ran = egret(&["--help"]).expect(0);
    assert!(ran.stdout.contains("Exit codes:"), "{}", ran.stdout);
    assert!(egret(&["--version"]).expect(0).stdout.starts_with("egret "));
}

#[test]
fn a_wrong_usage_is_2_and_leaves_stdout_empty() {
    let (_folder, missing) = beside("none");
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage"),
        (&["frobnicate"], "frobnicate"),
        (&["run"], "<RULE>"),
        (&["run", RULE], "--events LOCATION"),
        (&["run", RULE, "--events", JSON, "--lake", "data"], "--lake"),
        (&["run", RULE, "--table", "x"], "NAME=LOCATION"),
        (&["run", RULE, "--events", JSON, "--format", "xml"], "ndjson"),
        (&["run", RULE, "--events", JSON, "--threads", "0"], "--threads"),
        (&["run", RULE, "--events", JSON, "--memory-limit", "lots"], "512MB"),
        (&["run", RULE, "--events", JSON, "--timeout", "0s"], "30s"),
        (&["run", RULE, "--events", JSON, "--at", "yesterday"], "now-7d/d"),
        (&["run", RULE, "--events", JSON, "--at", "now-1x"], "found `x`"),
        (&["run", RULE, "--events", JSON, "--from", "now", "--to", "now-1d"], "--from before --to"),
        (&["run", RULE, "--events", JSON, "--from", "now", "--all-time"], "--all-time"),
        (&["run", RULE, "--events", "ftp://host/events"], "a path on this machine"),
        (&["run", RULES, "--events", JSON, "--format", "csv"], "--output DIR"),
        (&["run", RULES, "--events", JSON, "--format", "csv", "--output", &format!("{missing}.csv")], "--output DIR"),
        (&["generate", &missing, "--rows", "0"], "0 rows"),
        (&["generate", &missing, "--start", "then"], "--start"),
        (&["completions", "tcl"], "fish"),
    ];
    for (args, hint) in cases {
        let ran = egret(args);
        assert_eq!(ran.code, 2, "{args:?}\n{}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{args:?}\n{}", ran.stdout);
        assert!(ran.stderr.contains(hint), "{args:?} does not say `{hint}`\n{}", ran.stderr);
    }
}

#[test]
fn every_format_holds_the_same_rows() {
    let expected = run(&[]).expect(0).rows();
    assert_eq!(expected.len(), 8);
    let all = run(&["--format", "json"]).expect(0).stdout;
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&all).unwrap(), expected);

    let lines = run(&["--format", "csv"]).expect(0).stdout;
    assert_eq!(lines.lines().count(), 9);
    assert!(lines.starts_with("cc,agent_count,host.name,agent.id,process.executable\r\n"), "{lines}");
    let table = run(&["--format", "table"]).expect(0).stdout;
    assert!(table.contains("process.executable") && table.contains("/tmp/"), "{table}");

    let (_folder, parquet) = beside("rows.parquet");
    run(&["--output", &parquet]).expect(0);
    // Read as events, a list is a field that may hold several values, and one value is shown as itself.
    let mut as_fields = expected.clone();
    for value in as_fields.iter_mut().flat_map(|row| row.as_object_mut().unwrap().values_mut()) {
        if let Some([one]) = value.as_array().map(Vec::as_slice) {
            *value = one.clone();
        }
    }
    assert_eq!(sql("SELECT * FROM rows", &parquet, &[]).expect(0).rows(), as_fields);
    let (_folder, arrow) = beside("rows.arrow");
    run(&["--format", "arrow", "--output", &arrow]).expect(0);
    let reader = datafusion::arrow::ipc::reader::FileReader::try_new(fs::File::open(arrow).unwrap(), None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 8);
}

#[test]
fn alerts_have_the_rule_and_ids_of_their_own() {
    let first = run(&["--as", "alerts"]).expect(0);
    let alerts = first.rows();
    assert_eq!(alerts.len(), 8);
    let mut ids: Vec<_> = alerts.iter().map(|alert| alert["kibana.alert.uuid"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    for alert in &alerts {
        assert_eq!(alert["kibana.alert.severity"], "medium");
        assert_eq!(alert["kibana.alert.risk_score"], 47);
        assert!(alert["process.executable"].is_string());
    }
    assert_eq!(run(&["--as", "alerts"]).expect(0).stdout, first.stdout, "the same run gives the same alerts");
    assert!(first.stderr.contains("8 alerts"), "{}", first.stderr);
}

#[test]
fn an_output_is_replaced_only_by_force_and_written_whole() {
    let (folder, path) = beside("rows.csv");
    let ran = run(&["--output", &path]).expect(0);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    let rows = fs::read_to_string(&path).unwrap();
    assert!(rows.starts_with("cc,"), "the name tells the format: {rows}");

    fs::write(&path, "mine").unwrap();
    let ran = run(&["--output", &path]).expect(1);
    assert!(ran.stderr.contains(&path) && ran.stderr.contains("--force"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    run(&["--output", &path, "--force"]).expect(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), rows);
    assert_eq!(held(folder.path()), ["rows.csv"]);

    // A run that fails leaves what was there.
    let ran = sql("SELECT 1 / (\"destination.port\" - 443) FROM events", PARQUET, &["--output", &path, "--force"]);
    ran.expect(1);
    assert_eq!(fs::read_to_string(&path).unwrap(), rows);
    assert_eq!(held(folder.path()), ["rows.csv"]);
}

#[test]
fn several_rules_share_a_stream_or_have_a_file_each() {
    let rows = egret(&["run", RULES, "--events", PARQUET, "--at", "latest"]).expect(0).rows();
    assert_eq!(rows.len(), 32);
    let mut ids: Vec<_> = rows.iter().map(|row| row["rule.id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(rows[0].as_object().unwrap().keys().next().unwrap(), "rule.id");

    let (folder, _) = beside("");
    let out = folder.path().join("alerts");
    let args = ["run", RULES, "--events", PARQUET, "--at", "latest", "--format", "csv", "--output"];
    let with_out = |more: &[&str]| egret(&[&args[..], &[out.to_str().unwrap()], more].concat());
    with_out(&[]).expect(0);
    let names = held(&out);
    assert_eq!(
        names,
        [
            "egress-unusual-executable-sql.csv",
            "egress-unusual-executable.esql.csv",
            "egress-unusual-executable.sql.csv",
            "egress-unusual-executable.toml.csv"
        ]
    );
    with_out(&[]).expect(1);
    with_out(&["--force"]).expect(0);
    assert_eq!(held(&out), names);
}

#[test]
fn a_rule_that_does_not_check_does_not_keep_others_from_running() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.esql"), "FROM events | LIMT 1").unwrap();
    fs::write(folder.path().join("b.esql"), "FROM events | STATS n = COUNT(*)").unwrap();
    let ran = egret(&["run", folder.path().to_str().unwrap(), "--events", PARQUET]).expect(2);
    assert_eq!(ran.rows()[0]["n"], 3000);
    assert!(ran.stderr.contains("a.esql:1:15") && ran.stderr.contains("LIMIT"), "{}", ran.stderr);
}

#[test]
fn the_summary_is_json_on_demand() {
    let (_folder, path) = beside("stats.json");
    run(&["--stats-file", &path]).expect(0);
    let stats: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let one = &stats["executions"][0];
    for (key, value) in [("events", 3000), ("rows", 8), ("total", 8), ("bad_lines", 0)] {
        assert_eq!(one[key], value, "{key}");
    }
    assert_eq!(one["at"], "2026-10-01T23:00:00Z");
    assert_eq!(one["window_from"], "2026-10-01T21:59:00Z");
}

#[test]
fn exit_codes_tell_alerts_only_where_asked() {
    run(&["--fail-on-alerts"]).expect(1);
    run(&[]).expect(0);
    // No alerts in a window without events.
    egret(&["run", RULE, "--events", PARQUET, "--at", "2020-01-01", "--fail-on-alerts"]).expect(0);
}

#[test]
fn quiet_leaves_stderr_empty_and_colour_stays_away() {
    let ran = run(&["--quiet"]).expect(0);
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    let ran = egret(&["check", "data/nothing-here"]);
    assert!(!ran.stderr.contains('\x1b'), "{}", ran.stderr);
}

#[test]
fn times_are_instants_or_date_math() {
    let rows = |more: &[&str]| egret(&[&["run", RULE, "--events", PARQUET], more].concat()).expect(0).rows().len();
    assert_eq!(rows(&["--at", "2026-10-01T23:00:00Z"]), 8);
    assert_eq!(rows(&["--at", "2026-10-02T01:00:00+02:00"]), 8);
    assert_eq!(rows(&["--to", "2026-10-01T23:00:00Z"]), 8);
    assert_eq!(rows(&["--at", "2026-10-01||+1d-1h"]), 8);
    assert_eq!(rows(&["--at", "latest", "--from", "now-61m"]), 8);
    assert_eq!(rows(&["--at", "2026-10-01"]), 0);
    // The query's own condition on now() stays.
    assert_eq!(rows(&["--at", "latest", "--all-time"]), 8);
    assert_eq!(rows(&["--at", "2027-01-01", "--all-time"]), 0);
}

#[test]
fn tables_come_from_folders_and_names() {
    let folder = tempfile::tempdir().unwrap();
    for (table, file) in [("logs-a", JSON), ("logs-b", PARQUET)] {
        fs::create_dir_all(folder.path().join(table)).unwrap();
        let name = Path::new(file).file_name().unwrap();
        fs::copy(root().join(file), folder.path().join(table).join(name)).unwrap();
    }
    let lake = folder.path().to_str().unwrap();
    let count = |from: &str, more: &[&str]| {
        let query = format!("SELECT count(*) AS n FROM \"{from}\"");
        egret(&[&["sql", &query, "--lake", lake], more].concat())
    };
    assert_eq!(count("logs-*", &[]).expect(0).rows()[0]["n"], 6000);
    assert_eq!(count("logs-a", &[]).expect(0).rows()[0]["n"], 3000);
    let other = format!("other={PARQUET}");
    assert_eq!(count("*", &["--table", &other]).expect(0).rows()[0]["n"], 9000);
    let ran = count("nowhere", &[]).expect(2);
    assert!(ran.stderr.contains("logs-a, logs-b"), "{}", ran.stderr);
    let ran = count("logs-a,zz", &[]).expect(0);
    assert!(ran.stderr.contains("no table matches `zz`"), "{}", ran.stderr);
}

/// A file that is named `-` is not what comes in.
#[test]
fn stdin_is_read_beside_a_file_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("-"), "[{\"a\": 1},\n{\"a\": 2}]").unwrap();
    let args = ["sql", "SELECT count(*) AS n FROM events", "--events", "-", "-q", "--format", "ndjson"];
    for (file, events) in [(PARQUET, 3000), ("data/events.ndjson", 3000)] {
        let bytes = std::fs::read(root().join(file)).unwrap();
        let ran = egret_with(&args, folder.path(), Some(&bytes)).expect(0);
        assert_eq!(ran.rows()[0]["n"], events, "{file}");
    }
}

#[test]
fn events_and_queries_come_from_stdin() {
    let events = fs::read(root().join(JSON)).unwrap();
    let args = ["run", RULE, "--events", "-", "--at", "latest"];
    let ran = egret_with(&args, &root(), Some(&events)).expect(0);
    assert_eq!(ran.rows().len(), 8);
    let query = b"FROM logs-* | STATS n = COUNT(*)";
    let ran = egret_with(&["run", "-", "--events", PARQUET], &root(), Some(query)).expect(0);
    assert_eq!(ran.rows()[0]["n"], 3000);
    let query = b"SELECT count(*) AS n FROM events";
    let ran = egret_with(&["run", "-", "--language", "sql", "--events", PARQUET], &root(), Some(query)).expect(0);
    assert_eq!(ran.rows()[0]["n"], 3000);
    let ran = egret_with(&["sql", "--events", PARQUET], &root(), Some(query)).expect(0);
    assert_eq!(ran.rows()[0]["n"], 3000);
    let ran = egret_with(&["run", "-", "--events", PARQUET], &root(), Some(query)).expect(2);
    assert!(ran.stderr.contains("stdin:1:1"), "{}", ran.stderr);
}

#[test]
fn a_query_comes_from_a_file() {
    let (_folder, path) = beside("query.sql");
    fs::write(&path, "SELECT count(*) AS n FROM events").unwrap();
    let ran = egret(&["sql", "--file", &path, "--events", PARQUET]).expect(0);
    assert_eq!(ran.rows()[0]["n"], 3000);
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    for format in ["ndjson", "csv", "table"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_egret"))
            .args(["sql", "SELECT * FROM events", "--events", JSON, "--format", format])
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 1];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{format}\n{stderr}");
        assert!(!stderr.contains("error"), "{format}\n{stderr}");
    }
}

#[test]
fn both_scans_of_parquet_give_the_same_rows() {
    let run =
        |scan: &str| egret(&["run", RULE, "--events", PARQUET, "--at", "latest", "--scan", scan]).expect(0).stdout;
    let rows = run("dictionary");
    assert_eq!(rows.lines().count(), 8);
    assert_eq!(rows, run("stock"));
    let cost = |scan: &str| {
        egret(&["explain", RULE, "--events", PARQUET, "--at", "latest", "--analyze", "--scan", scan]).expect(0).stdout
    };
    let pruned = cost("dictionary");
    assert!(pruned.contains("dictionary_rows_pruned=") && !pruned.contains("dictionary_rows_pruned=0,"), "{pruned}");
    assert!(!cost("stock").contains("dictionary_rows_pruned"));
}

#[test]
fn explain_shows_each_stage() {
    let ran = egret(&["explain", RULE, "--events", PARQUET, "--at", "latest"]).expect(0);
    for part in ["-- canonical query", "FROM logs", "-- SQL", "SELECT", "-- optimised plan", "-- predicates", "prunes:"]
    {
        assert!(ran.stdout.contains(part), "{part}\n{}", ran.stdout);
    }
    let ran = egret(&["explain", RULE, "--events", PARQUET, "--at", "latest", "--analyze"]).expect(0);
    assert!(ran.stdout.contains("8 rows of 8") && ran.stdout.contains("output_rows="), "{}", ran.stdout);
}

#[test]
fn check_gives_a_line_a_rule() {
    let ran = egret(&["check", RULES]).expect(0);
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("runs ")).count(), 4, "{}", ran.stdout);
    assert!(ran.stdout.ends_with("total  4 run, 0 warn, 0 fail\n"), "{}", ran.stdout);
    let ran = egret(&["check", RULES, "--format", "junit"]).expect(0);
    assert!(ran.stdout.contains("tests=\"4\" failures=\"0\""), "{}", ran.stdout);
    let ran = egret(&["check", RULES, "--format", "json"]).expect(0);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["rules"].as_array().unwrap().len(), 4);
    assert!(found["rules"].as_array().unwrap().iter().all(|rule| rule["status"] == "runs"));
}

#[test]
fn fields_names_what_is_missing_and_what_is_near() {
    let (_folder, path) = beside("rule.esql");
    fs::write(&path, "FROM logs-* | WHERE proces.name == \"x\" AND destination.port == 443").unwrap();
    for events in [JSON, PARQUET] {
        let ran = egret(&["fields", &path, "--events", events, "--format", "json"]).expect(0);
        let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let field = |name: &str| {
            let fields = found["fields"].as_array().unwrap();
            fields.iter().find(|field| field["field"] == name).unwrap_or_else(|| panic!("{name}: {found}")).clone()
        };
        assert_eq!(field("proces.name")["in_events"], false);
        assert_eq!(field("proces.name")["nearest"], "process.name");
        assert_eq!(field("destination.port")["in_events"], true);
        assert_eq!(field("destination.port")["type"], "long");
    }
}

#[test]
fn generate_gives_the_same_events_and_keeps_what_exists() {
    let (folder, path) = beside("events.parquet");
    egret(&["generate", &path, "--rows", "500"]).expect(0);
    assert_eq!(held(folder.path()), ["events.parquet", "planted.csv"]);
    let first = fs::read(&path).unwrap();
    let ran = egret(&["generate", &path, "--rows", "500"]).expect(1);
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    egret(&["generate", &path, "--rows", "500", "--force"]).expect(0);
    assert!(fs::read(&path).unwrap() == first, "the same flags give other bytes");
    let count = sql("SELECT count(*) AS n FROM events", &path, &[]).expect(0).rows();
    assert_eq!(count[0]["n"], 500);
}

#[test]
fn completions_are_there_for_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(egret(&["completions", shell]).expect(0).stdout.contains("egret"), "{shell}");
    }
}

#[test]
fn time_and_memory_have_limits() {
    let (folder, path) = beside("rows.csv");
    let ran = egret(&["run", RULE, "--events", JSON, "--timeout", "1ms", "--output", &path]).expect(1);
    assert!(ran.stderr.contains("--timeout"), "{}", ran.stderr);
    let ran = run(&["--memory-limit", "1KB", "--output", &path]).expect(1);
    assert!(ran.stderr.contains("--memory-limit"), "{}", ran.stderr);
    assert!(held(folder.path()).is_empty(), "{:?}", held(folder.path()));
}

/// What the program leaves in `folder` when it is interrupted once it has begun to write there, and its exit code.
#[cfg(unix)]
fn interrupted(args: &[&str], folder: &Path) -> (Option<i32>, Vec<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_egret"))
        .args(args)
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = std::time::Instant::now();
    while held(folder).is_empty() && started.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(!held(folder).is_empty(), "nothing was begun: {args:?}");
    std::thread::sleep(std::time::Duration::from_millis(100));
    let killed = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(killed.success());
    let code = child.wait().unwrap().code();
    (code, held(folder))
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_at_once_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    let (rows, parquet, hive) = (at("rows.csv"), at("events.parquet"), at("hive"));
    let query = "SELECT a.\"process.name\" FROM events a, events b, events c";
    let nothing: Vec<String> = Vec::new();
    let args = ["sql", query, "--events", PARQUET, "--output", rows.to_str().unwrap()];
    assert_eq!(interrupted(&args, folder.path()), (Some(130), nothing.clone()));
    let args = ["generate", parquet.to_str().unwrap(), "--rows", "50000000"];
    assert_eq!(interrupted(&args, folder.path()), (Some(130), nothing.clone()));
    let args = ["generate", hive.to_str().unwrap(), "--layout", "hive", "--rows", "50000000"];
    assert_eq!(interrupted(&args, folder.path()), (Some(130), nothing));
}

#[test]
fn a_source_field_with_one_value_is_shown_alike_in_every_layout() {
    let query = "SELECT host.name, event.type FROM events ORDER BY @timestamp, process.pid, event.action LIMIT 20";
    let rows = |location: &str| egret(&["sql", query, "--events", location, "-q"]).expect(0).rows();
    let from_json = rows("data/events.ndjson");
    assert!(from_json.iter().all(|row| row["host.name"].is_string()), "{from_json:?}");
    assert_eq!(from_json, rows("data/events.parquet"));
}

#[test]
fn lists_that_a_query_makes_stay_lists() {
    let query = "SELECT collect_set(host.os.type) AS os FROM events WHERE host.os.type = 'linux'";
    let rows = egret(&["sql", query, "--events", "data/events.ndjson", "-q"]).expect(0).rows();
    assert_eq!(rows, [serde_json::json!({"os": ["linux"]})]);
}

#[test]
fn a_wrong_path_for_the_summary_costs_no_run() {
    let args = ["sql", "SELECT 1 AS one FROM events", "--events", "data/events.parquet", "--stats-file", "no/s.json"];
    let ran = egret(&args).expect(1);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("no/s.json"), "{}", ran.stderr);
}

#[test]
fn a_limit_in_a_query_of_ones_own_is_no_warning() {
    let ran =
        egret(&["sql", "SELECT user.name FROM events LIMIT 2", "--events", "data/events.parquet", "-q"]).expect(0);
    assert_eq!(ran.rows().len(), 2);
    assert!(!ran.stderr.contains("limit"), "{}", ran.stderr);
}

#[test]
fn a_query_for_every_field_is_checked_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let rule = folder.path().join("r.esql");
    std::fs::write(&rule, "FROM events | WHERE process.name == \"x\"").unwrap();
    let started = std::time::Instant::now();
    let ran = egret(&["check", rule.to_str().unwrap()]).expect(0);
    assert!(ran.stdout.starts_with("runs"), "{}", ran.stdout);
    assert!(started.elapsed().as_secs() < 5, "took {:?}", started.elapsed());
}
