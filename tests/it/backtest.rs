//! `egret backtest` as a user runs it: options, summary, interruption, going on.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::program::{Ran, egret, root};

const RULE: &str = "data/rules/egress-unusual-executable.toml";
const BARE: &str = "data/rules/egress-unusual-executable.esql";
const EVENTS: [&str; 2] = ["--events", "data/events.parquet"];
const DAYS: [&str; 4] = ["--from", "2026-10-01", "--to", "2026-10-03"];

fn backtest(rule: &str, more: &[&str]) -> Ran {
    egret(&[&["backtest", rule], &EVENTS[..], &DAYS[..], more].concat())
}

fn stats(path: &Path) -> Value {
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    document["replays"][0].clone()
}

#[test]
fn a_replay_gives_the_rows_of_each_execution_and_sums_them_up() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("stats.json");
    let ran = backtest(RULE, &["--stats-file", file.to_str().unwrap()]).expect(0);
    let rows = ran.rows();
    let alone =
        egret(&["run", RULE, "--events", "data/events.parquet", "--at", "2026-10-01T23:00:00Z"]).expect(0).rows();
    let stamped: Vec<Value> = rows
        .iter()
        .cloned()
        .map(|mut row| {
            assert_eq!(row.as_object_mut().unwrap().remove("execution").unwrap(), "2026-10-01T23:00:00.000Z");
            row
        })
        .collect();
    assert_eq!(stamped, alone);
    let stats = stats(&file);
    assert_eq!((&stats["executions"], &stats["completed"]), (&48.into(), &48.into()));
    assert_eq!((&stats["alerts"], &stats["executions_with_alerts"]), (&8.into(), &1.into()));
    assert_eq!(stats["alerts_by_day"]["2026-10-01"], 8);
    assert_eq!((&stats["way"], &stats["scans"], &stats["uncovered_gaps"]), (&"one scan".into(), &1.into(), &0.into()));
    assert_eq!(stats["top_groups"].as_array().unwrap().len(), 8);
    assert!(ran.stderr.contains("8 rows from 1 of 48 executions"), "{}", ran.stderr);
}

#[test]
fn one_by_one_gives_the_same() {
    let more = ["--interval", "23h", "--lookback", "24h"];
    let wide = backtest(RULE, &more).expect(0);
    let single = backtest(RULE, &[&more[..], &["--one-by-one"]].concat()).expect(0);
    assert_eq!(wide.stdout, single.stdout);
    assert!(!wide.stdout.is_empty());
    assert!(single.stderr.contains("executions ran one by one: --one-by-one asks for it"), "{}", single.stderr);
}

#[test]
fn a_bare_query_needs_a_schedule() {
    let ran = backtest(BARE, &[]).expect(2);
    assert!(ran.stderr.contains("--interval 1h --lookback 61m"), "{}", ran.stderr);
    let ran = backtest(BARE, &["--interval", "1h", "--lookback", "61m"]).expect(0);
    assert_eq!(ran.rows().len(), 8);
}

#[test]
fn wrong_usage_is_told() {
    for (more, hint) in [
        (&["--from", "2026-10-05", "--to", "2026-10-03"][..], "--from before --to"),
        (&["--from", "2026-10-01", "--to", "2026-10-03", "--interval", "1x"], "such as 5m or 1h"),
        (&["--from", "2026-10-01", "--to", "2026-10-03", "--resume"], "--output"),
        (&["--from", "soon", "--to", "2026-10-03"], "now-7d/d"),
    ] {
        let ran = egret(&[&["backtest", RULE], &EVENTS[..], more].concat()).expect(2);
        assert!(ran.stderr.contains(hint) && ran.stdout.is_empty(), "{more:?}: {}", ran.stderr);
    }
}

#[test]
fn time_that_no_execution_sees_is_told() {
    let ran = backtest(RULE, &["--interval", "6h", "--lookback", "1h"]).expect(0);
    assert!(ran.stderr.contains("1d 16h of the range lie in no window, in 8 stretches"), "{}", ran.stderr);
}

#[test]
fn several_rules_share_ndjson_and_alerts_say_their_execution() {
    let ran = backtest("data/rules", &["--as", "alerts", "--interval", "1h", "--lookback", "61m"]).expect(0);
    let rows = ran.rows();
    assert_eq!(rows.len(), 4 * 8);
    for row in &rows {
        assert!(row["rule.id"].is_string());
        assert_eq!(row["execution"], row["kibana.alert.rule.execution.timestamp"]);
    }
    let mut ids: Vec<_> = rows.iter().map(|row| row["kibana.alert.uuid"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows.len());
}

#[test]
fn an_output_is_whole_and_leaves_nothing_beside_it() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rows.csv");
    let path = file.to_str().unwrap();
    backtest(RULE, &["--output", path]).expect(0);
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 9);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(backtest(RULE, &["--output", path]).expect(1).stderr.contains("--force"));
    backtest(RULE, &["--output", path, "--force"]).expect(0);
    let each = folder.path().join("each/");
    backtest("data/rules", &["--output", &format!("{}/", each.display()), "--interval", "1h", "--lookback", "61m"])
        .expect(0);
    assert_eq!(fs::read_dir(&each).unwrap().count(), 4);
}

/// A rule that alerts in nearly every execution, and events for it.
fn many_alerts(folder: &Path) -> [String; 2] {
    let rule = folder.join("rule.esql");
    fs::write(&rule, "FROM e METADATA _id | STATS cc = COUNT(*), ids = VALUES(_id) BY host.name | SORT cc DESC")
        .unwrap();
    let events = folder.join("e.ndjson");
    let line = |n: u64| {
        let (minute, host) = (n * 7 % 40_000, n % 5);
        let (day, hour, minute) = (1 + minute / 1440, minute / 60 % 24, minute % 60);
        format!(
            "{{\"_id\":\"{n}\",\"@timestamp\":\"2026-10-{day:02}T{hour:02}:{minute:02}:00Z\",\"host\":{{\"name\":\"h{host}\"}}}}\n"
        )
    };
    fs::write(&events, (0..6000).map(line).collect::<String>()).unwrap();
    [rule.display().to_string(), events.display().to_string()]
}

/// The program, killed after so many milliseconds; whether that was before it ended by itself.
fn killed_after(args: &[&str], milliseconds: u64) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_egret"))
        .args(args)
        .current_dir(root())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(milliseconds));
    let running = child.try_wait().unwrap().is_none();
    // SIGKILL: nothing of the program runs any more.
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

#[test]
fn a_killed_replay_goes_on_to_the_same_rows() {
    let folder = TempDir::new().unwrap();
    let [rule, events] = many_alerts(folder.path());
    let whole = folder.path().join("whole.ndjson");
    let args = |output: &str| -> Vec<String> {
        ["backtest", &rule, "--events", &events, "--from", "2026-10-01", "--to", "2026-10-29"]
            .into_iter()
            .chain(["--interval", "5m", "--lookback", "30m", "--output", output])
            .map(str::to_owned)
            .collect()
    };
    egret(&args(whole.to_str().unwrap())).expect(0);
    let expected = fs::read_to_string(&whole).unwrap();
    assert!(expected.lines().count() > 10_000);
    let rounds = std::env::var("EGRET_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let mut killed = 0;
    for round in 0..rounds {
        let path = folder.path().join(format!("part-{round}.ndjson"));
        let mut first = args(path.to_str().unwrap());
        let mut delay = 300 + round * 1_237 % 2_500;
        // Killed again and again, each time a little later.
        for attempt in 0..4 {
            let borrowed: Vec<&str> = first.iter().map(String::as_str).collect();
            if !killed_after(&borrowed, delay) {
                break;
            }
            killed += 1;
            delay += 700;
            if attempt == 0 {
                first.push("--resume".to_owned());
            }
        }
        if !first.iter().any(|arg| arg == "--resume") {
            first.push("--resume".to_owned());
        }
        let state = folder.path().join(format!("part-{round}.ndjson.replay"));
        // The last thing to go is the state: it may still lie beside an output that is complete.
        if !path.exists() || state.exists() {
            egret(&first).expect(0);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), expected, "round {round}");
        assert!(!state.exists());
    }
    assert!(killed > 0);
}

#[cfg(unix)]
#[test]
fn an_interrupted_replay_writes_what_is_complete_and_goes_on() {
    let folder = TempDir::new().unwrap();
    let [rule, events] = many_alerts(folder.path());
    let path = folder.path().join("rows.ndjson");
    let args =
        ["backtest", &rule, "--events", &events, "--from", "2026-10-01", "--to", "2026-10-29", "--interval", "5m"];
    let args = [&args[..], &["--lookback", "30m", "--output", path.to_str().unwrap()]].concat();
    let ran = egret(&[&args[..], &["--one-by-one", "--timeout", "3s"]].concat()).expect(1);
    assert!(ran.stderr.contains("--resume goes on from there"), "{}", ran.stderr);
    let part = fs::read_to_string(&path).unwrap();
    let refused = egret(&args).expect(2);
    assert!(refused.stderr.contains("an unfinished replay lies here"), "{}", refused.stderr);
    let other = egret(&[&args[..], &["--resume", "--interval", "10m"]].concat());
    assert_eq!(other.code, 2, "{}", other.stderr);
    egret(&[&args[..], &["--resume"]].concat()).expect(0);
    let whole = fs::read_to_string(&path).unwrap();
    assert!(whole.starts_with(&part) && part.len() < whole.len() && !part.is_empty());
    let fresh = folder.path().join("fresh.ndjson");
    let mut again = args.clone();
    *again.last_mut().unwrap() = fresh.to_str().unwrap();
    egret(&again).expect(0);
    assert_eq!(fs::read_to_string(&fresh).unwrap(), whole);
}

/// A real Ctrl-C, sent as soon as rows are kept.
#[cfg(unix)]
#[test]
fn ctrl_c_writes_what_is_complete_and_leaves_the_rest_to_resume() {
    let folder = TempDir::new().unwrap();
    let [rule, events] = many_alerts(folder.path());
    let path = folder.path().join("rows.ndjson");
    let args =
        ["backtest", &rule, "--events", &events, "--from", "2026-10-01", "--to", "2026-10-29", "--interval", "5m"];
    let args = [&args[..], &["--lookback", "30m", "--output", path.to_str().unwrap()]].concat();
    let child = Command::new(env!("CARGO_BIN_EXE_egret"))
        .args([&args[..], &["--one-by-one"]].concat())
        .current_dir(root())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let state = folder.path().join("rows.ndjson.replay");
    let kept = || {
        let states = fs::read_dir(&state).into_iter().flatten().flatten();
        states.into_iter().any(|rule| rule.path().join("rows-00001.arrow").exists())
    };
    let start = std::time::Instant::now();
    while !kept() {
        assert!(start.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted; what is complete is written; --resume goes on from there"), "{stderr}");
    let part = fs::read_to_string(&path).unwrap();
    egret(&[&args[..], &["--resume"]].concat()).expect(0);
    let whole = fs::read_to_string(&path).unwrap();
    assert!(whole.starts_with(&part) && part.len() < whole.len() && !part.is_empty());
    assert!(!state.exists());
    let fresh = folder.path().join("fresh.ndjson");
    let mut again = args.clone();
    *again.last_mut().unwrap() = fresh.to_str().unwrap();
    egret(&again).expect(0);
    assert_eq!(fs::read_to_string(&fresh).unwrap(), whole);
}

#[test]
fn a_folder_is_gone_on_with_as_a_file_is() {
    let folder = TempDir::new().unwrap();
    let each = folder.path().join("each");
    let more = ["--output", each.to_str().unwrap(), "--format", "parquet", "--interval", "1h", "--lookback", "61m"];
    // Nothing is complete at once; the folder is there all the same.
    let more = |last: &[&'static str]| [&more[..], last].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let ran = |last: &[&'static str]| {
        let more = more(last);
        backtest("data/rules", &more.iter().map(String::as_str).collect::<Vec<_>>())
    };
    ran(&["--timeout", "1ms"]).expect(1);
    assert!(each.is_dir() && folder.path().join("each.replay").is_dir());
    let refused = ran(&[]).expect(2);
    assert!(refused.stderr.contains("an unfinished replay lies here"), "{}", refused.stderr);
    ran(&["--resume"]).expect(0);
    assert_eq!(fs::read_dir(&each).unwrap().count(), 4);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_plan_that_cannot_be_widened_is_told_with_its_reason() {
    let folder = TempDir::new().unwrap();
    let [_, events] = many_alerts(folder.path());
    let rule = folder.path().join("rule.sql");
    fs::write(&rule, "SELECT _id AS id FROM e WHERE host.name = (SELECT max(host.name) FROM e) ORDER BY id").unwrap();
    let args = ["backtest", rule.to_str().unwrap(), "--events", &events, "--from", "2026-10-01", "--to", "2026-10-02"];
    let ran = egret(&[&args[..], &["--interval", "6h", "--lookback", "6h"]].concat()).expect(0);
    let why = "4 executions ran one by one: its plan cannot be widened: a subquery in an expression";
    assert!(ran.stderr.contains(why) && !ran.rows().is_empty(), "{}", ran.stderr);
}

#[test]
fn the_summary_tells_limits_duplicates_days_and_groups() {
    let folder = TempDir::new().unwrap();
    let [_, events] = many_alerts(folder.path());
    let rule = folder.path().join("rule.esql");
    fs::write(&rule, "FROM e | STATS cc = COUNT(*) BY host.name | SORT host.name | LIMIT 2").unwrap();
    let file = folder.path().join("stats.json");
    let args = ["backtest", rule.to_str().unwrap(), "--events", &events, "--from", "2026-10-01", "--to", "2026-10-02"];
    let more = ["--interval", "12h", "--lookback", "13h", "--stats-file", file.to_str().unwrap()];
    let ran = egret(&[&args[..], &more].concat()).expect(0);
    assert_eq!(ran.rows().len(), 4);
    for line in [
        "2 executions reached the limit of 2; 6 rows are lost to it",
        "4 rows from 2 of 2 executions",
        "; 2 duplicates; 1 scan: ",
        "  4.0 rows a day, most on 2026-10-01 (2)",
        "       2  host.name=h0",
    ] {
        assert!(ran.stderr.contains(line), "{line}\n{}", ran.stderr);
    }
    let stats = stats(&file);
    assert_eq!((&stats["alerts_lost"], &stats["duplicates"], &stats["groups"]), (&6.into(), &2.into(), &2.into()));
    let lines = stats["lines_parsed"].as_u64().unwrap() + stats["lines_skipped"].as_u64().unwrap();
    assert_eq!(lines, 6000);
}

#[test]
fn a_report_tells_of_input_that_it_skipped() {
    let folder = TempDir::new().unwrap();
    let [rule, events] = many_alerts(folder.path());
    fs::write(&events, fs::read_to_string(&events).unwrap() + "{\"@timestamp\": \n").unwrap();
    let args = ["backtest", &rule, "--events", &events, "--from", "2026-10-01", "--to", "2026-10-02"];
    let more = ["--interval", "6h", "--lookback", "6h", "--exclude", "host.name == \"h1\""];
    let ran = egret(&[&args[..], &more].concat()).expect(3);
    assert!(ran.stdout.contains("4 alerts gone") && ran.stderr.contains("warning"), "{}\n{}", ran.stdout, ran.stderr);
    for wrong in [&["--stats-file", "x.json"][..], &["--format", "csv"], &["--sweep", "cc > {1}"]] {
        egret(&[&args[..], &more, wrong].concat()).expect(2);
    }
    egret(&[&args[..], &["--interval", "6h", "--lookback", "6h", "--report", "json"]].concat()).expect(2);
}

#[test]
fn a_sweep_wants_a_condition_that_decides_alone() {
    let folder = TempDir::new().unwrap();
    let [rule, events] = many_alerts(folder.path());
    let args = ["backtest", &rule, "--events", &events, "--from", "2026-10-01", "--to", "2026-10-02"];
    let more = ["--interval", "6h", "--lookback", "6h", "--sweep", "cc > {1,20}"];
    let sweep = |query: &str| {
        fs::write(&rule, query).unwrap();
        egret(&[&args[..], &more].concat())
    };
    let counted = "FROM e | STATS cc = COUNT(*) BY host.name";
    sweep(&format!("{counted} | WHERE cc > 3 AND host.name != \"h1\" | SORT cc | LIMIT 9")).expect(0);
    for behind in [
        "| WHERE cc > 3 OR host.name == \"h1\"",
        "| WHERE NOT cc > 3",
        "| EVAL x = cc > 3 | WHERE x",
        "| WHERE cc > 3 | STATS n = COUNT(*)",
        "| WHERE cc > 3 | SORT cc | LIMIT 2 | WHERE host.name != \"h1\"",
        "| WHERE cc > 3 + LENGTH(host.name)",
        "| WHERE cc >= 3 // cc > 4",
    ] {
        let ran = sweep(&format!("{counted} {behind}")).expect(2);
        assert!(ran.stderr.contains("--sweep: "), "{behind}: {}", ran.stderr);
    }
}

#[test]
fn an_exclusion_tells_what_is_gone_and_what_is_kept() {
    for (rule, exclusion) in [
        (RULE, "process.executable LIKE \"/tmp/*\""),
        ("data/rules/egress-unusual-executable-sql.toml", "process.executable LIKE '/tmp/%'"),
    ] {
        let ran = backtest(rule, &["--exclude", exclusion, "--report", "json"]).expect(0);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let inside = backtest(rule, &[]).expect(0).rows();
        let inside =
            inside.iter().filter(|row| row["process.executable"].as_str().unwrap().starts_with("/tmp/")).count();
        assert_eq!((&report["gone"], &report["kept"]), (&inside.into(), &(8 - inside).into()), "{rule}");
        assert_eq!((&report["added"], &report["changed"]), (&0.into(), &0.into()));
        assert_eq!(report["alerts"].as_array().unwrap().len(), inside);
    }
}

#[test]
fn a_sweep_agrees_with_the_rule_at_each_threshold() {
    let ran = backtest(RULE, &["--sweep", "cc > {17,15,23,39,10}", "--report", "json"]).expect(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let text = fs::read_to_string(root().join(RULE)).unwrap();
    let folder = TempDir::new().unwrap();
    let mut seen = Vec::new();
    for threshold in report["thresholds"].as_array().unwrap() {
        let value = threshold["threshold"].as_f64().unwrap();
        let rule = folder.path().join(format!("at-{value}.toml"));
        fs::write(&rule, text.replace("cc > 15", &format!("cc > {value}"))).unwrap();
        let alone = backtest(rule.to_str().unwrap(), &[]).expect(0).rows().len();
        assert_eq!(threshold["alerts"], alone, "{value}");
        seen.push(alone);
    }
    assert!(seen.len() == 5 && seen.is_sorted_by(|a, b| a >= b) && seen[0] > seen[4], "{seen:?}");
    let refused = backtest(RULE, &["--sweep", "nothing > {1}"]).expect(2);
    assert!(refused.stderr.contains("nothing > NUMBER"), "{}", refused.stderr);
}

#[test]
fn two_versions_of_a_rule_are_compared() {
    let folder = TempDir::new().unwrap();
    let other = folder.path().join("other.toml");
    let text = fs::read_to_string(root().join(RULE)).unwrap();
    fs::write(&other, text.replace("cc > 15", "cc > 17")).unwrap();
    let ran = backtest(RULE, &["--against", other.to_str().unwrap(), "--report", "markdown"]).expect(0);
    let lost = ran.stdout.lines().filter(|line| line.starts_with("| lost | 2026-10-01T23:00:00Z |")).count();
    assert!(lost > 0 && ran.stdout.contains(&format!("{lost} alerts lost, 0 added, 0 changed, {} kept", 8 - lost)));
    let same = backtest(RULE, &["--against", RULE]).expect(0);
    assert!(same.stdout.contains("0 alerts lost, 0 added, 0 changed, 8 kept"), "{}", same.stdout);
}
