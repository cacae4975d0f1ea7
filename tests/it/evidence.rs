//! From alerts back to their events: fed to the rule alone, those give exactly the alert again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use egret::generate::{Config, Layout, generate};
use serde_json::Value;
use tempfile::TempDir;

use super::corpora::{SEED, rule_files};
use super::program::{Ran, egret, egret_with, root, shared};

const EVENTS: &str = "data/events.parquet";

/// What an alert says apart from when and where it was made: its ids, and the columns of the query.
fn told(alert: &Value) -> BTreeMap<String, Value> {
    let fields = alert.as_object().unwrap().iter();
    let place = |name: &str| name == "execution" || name.starts_with("kibana.alert.rule.");
    let kept = fields.filter(|(name, value)| !value.is_null() && !place(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn text<'a>(alert: &'a Value, name: &str) -> Option<&'a str> {
    alert[name].as_str()
}

/// The alerts of a rule over its events, all of them written to `file`.
fn alerts(rule: &str, events: &str, time: &[&str], file: &Path) -> Vec<Value> {
    let ran = egret(&[&["run", rule, "--events", events, "--as", "alerts", "--format", "ndjson"][..], time].concat());
    assert!(matches!(ran.code, 0 | 3), "{rule}: {}", ran.stderr);
    fs::write(file, &ran.stdout).unwrap();
    ran.rows()
}

/// The events behind each of the alerts, by the alert's id.
fn behind(rule: &str, events: &str, file: &Path) -> (BTreeMap<String, Vec<Value>>, Ran) {
    let ran = egret(&["evidence", rule, "--alert", file.to_str().unwrap(), "--events", events, "--format", "ndjson"]);
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let count = fs::read_to_string(file).unwrap().lines().count();
    let only = serde_json::from_str::<Value>(fs::read_to_string(file).unwrap().lines().next().unwrap()).unwrap();
    if ran.code != 2 {
        for mut event in ran.rows() {
            let own = event.as_object_mut().unwrap().remove("kibana.alert.uuid");
            let uuid = if count > 1 { own.unwrap() } else { only["kibana.alert.uuid"].clone() };
            events.entry(uuid.as_str().unwrap().to_owned()).or_default().push(event);
        }
    }
    (events, ran)
}

/// The alerts that a rule gives over these events alone, at the time and with the window of `alert`.
fn again(rule: &str, alert: &Value, events: &[Value], folder: &Path) -> Vec<Value> {
    let path = folder.join("evidence.ndjson");
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    let at = text(alert, "kibana.alert.rule.execution.timestamp").unwrap();
    let mut args =
        vec!["run", rule, "--events", path.to_str().unwrap(), "--as", "alerts", "--format", "ndjson", "--at", at];
    match (text(alert, "egret.window.from"), text(alert, "egret.window.to")) {
        (Some(from), Some(to)) => args.extend(["--from", from, "--to", to]),
        _ => args.push("--all-time"),
    }
    let ran = egret(&args);
    assert!(matches!(ran.code, 0 | 3), "{rule}: {}", ran.stderr);
    ran.rows()
}

#[test]
fn evidence_sees_what_the_replay_saw() {
    let folder = TempDir::new().unwrap();
    let (rule, events, file) =
        (folder.path().join("r.esql"), folder.path().join("e.ndjson"), folder.path().join("a.ndjson"));
    fs::write(&rule, "FROM events | STATS n = COUNT(*) BY host.name").unwrap();
    let event = |minute: u32, ingested: &str| {
        format!(r#"{{"@timestamp":"2026-10-01T00:{minute:02}:00Z","event.ingested":"{ingested}","host.name":"h"}}"#)
    };
    let lines =
        [event(10, "2026-10-01T00:11:00Z"), event(20, "2026-10-01T00:21:00Z"), event(30, "2026-10-01T02:10:00Z")];
    fs::write(&events, lines.join("\n")).unwrap();
    let [rule, events, file] = [&rule, &events, &file].map(|path| path.to_str().unwrap());
    let seen = ["--visibility", "ingested"];
    let replay = ["backtest", rule, "--events", events, "--from", "2026-10-01", "--to", "2026-10-01T01:00:00Z"];
    let more = ["--interval", "1h", "--lookback", "1h", "--as", "alerts", "--format", "ndjson", "--output", file];
    egret(&[&replay[..], &more, &seen].concat()).expect(0);
    let evidence = ["evidence", rule, "--alert", file, "--events", events, "--format", "ndjson"];
    assert_eq!(egret(&[&evidence[..], &seen].concat()).expect(0).rows().len(), 2);
    assert_eq!(egret(&evidence).expect(0).rows().len(), 3);
}

/// Rules that make several alerts of one event, so that its alerts come together: one for each value of a field.
const SEVERAL: [&str; 2] = ["values.esql", "expanded.esql"];

/// Checks at most so many of the alerts; how many.
fn check(rule: &str, events: &str, time: &[&str], most: usize) -> usize {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("alerts.ndjson");
    let alerts = alerts(rule, events, time, &file);
    if alerts.is_empty() {
        return 0;
    }
    let (behind, ran) = behind(rule, events, &file);
    assert!(matches!(ran.code, 0 | 3), "{rule}: {}", ran.stderr);
    for alert in alerts.iter().take(most) {
        let uuid = text(alert, "kibana.alert.uuid").unwrap();
        let own = behind.get(uuid).unwrap_or_else(|| panic!("{rule}: no event behind {uuid}"));
        let found = again(rule, alert, own, folder.path());
        let found: Vec<_> = found.iter().map(told).collect();
        if SEVERAL.iter().any(|name| rule.ends_with(name)) {
            assert!(found.contains(&told(alert)), "{rule}: {} events", own.len());
        } else {
            assert_eq!(found, [told(alert)], "{rule}: {} events", own.len());
        }
    }
    alerts.len().min(most)
}

#[test]
fn every_alert_of_the_sample_lake_comes_back() {
    let mut checked = 0;
    for entry in fs::read_dir(root().join("data/rules")).unwrap() {
        let rule = entry.unwrap().path().display().to_string();
        checked += check(&rule, EVENTS, &["--at", "latest"], usize::MAX);
        checked += check(&rule, "data/events.ndjson", &["--at", "latest"], 2);
    }
    assert!(checked >= 40, "{checked} alerts");
}

/// The rules of others that can run here, as paths.
fn of_others(corpora: &Path) -> Vec<String> {
    let files =
        rule_files(corpora).into_iter().filter(|file| !fs::read_to_string(file).unwrap().contains("| COMPLETION "));
    files.map(|file| file.display().to_string()).collect()
}

#[test]
fn alerts_of_rules_of_others_come_back() {
    let Some(corpora) = shared("alerts_of_rules_of_others_come_back") else { return };
    let rules = of_others(&corpora);
    let time = ["--all-time", "--at", "2026-10-01T00:00:00Z"];
    let mut checked = 0;
    for events in ["ecs-search-hits.ndjson", "ecs-documents.ndjson", "cloudtrail-attack-techniques.ndjson"] {
        let events = corpora.join("events").join(events).display().to_string();
        let mut args = vec!["run"];
        args.extend(rules.iter().map(String::as_str));
        args.extend(["--events", &events, "--format", "ndjson"]);
        args.extend(time);
        let rows = egret(&args).rows();
        let alerting: BTreeSet<&str> = rows.iter().map(|row| row["rule.id"].as_str().unwrap()).collect();
        for rule in &rules {
            let text = fs::read_to_string(rule).unwrap();
            if alerting.iter().any(|id| text.contains(*id)) {
                checked += check(rule, &events, &time, usize::MAX);
            }
        }
    }
    eprintln!("{checked} alerts over documents of others came back");
    assert!(checked >= 14, "{checked}");
}

/// The rule about egress, run every 90 seconds over what is planted for it: 200 alerts, each of another window.
#[test]
fn two_hundred_alerts_of_a_rule_of_others_come_back() {
    let Some(corpora) = shared("two_hundred_alerts_of_a_rule_of_others_come_back") else { return };
    let rule = corpora.join("esql-rules").join(SEED).display().to_string();
    let folder = TempDir::new().unwrap();
    let mut config = Config::new(folder.path().join("events.parquet"), Layout::FlatParquet);
    (config.rows, config.agents, config.days) = (6_000, 40, 2);
    generate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    let events = config.out.display().to_string();
    let file = folder.path().join("alerts.ndjson");
    let range = ["--from", "2026-10-01", "--to", "2026-10-03T02:00:00Z", "--interval", "90s"];
    let args = ["backtest", &rule, "--events", &events, "--as", "alerts", "--format", "ndjson"];
    let ran = egret(&[&args[..], &range].concat()).expect(0);
    let all = ran.rows();
    let chosen: Vec<&Value> = all.iter().step_by((all.len() / 200).max(1)).take(200).collect();
    assert_eq!(chosen.len(), 200, "of {}", all.len());
    let lines: Vec<String> = chosen.iter().map(ToString::to_string).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    let (behind, ran) = behind(&rule, &events, &file);
    ran.expect(0);
    std::thread::scope(|scope| {
        for part in chosen.chunks(100) {
            let (behind, rule) = (&behind, &rule);
            scope.spawn(move || {
                let folder = TempDir::new().unwrap();
                for alert in part {
                    let own = &behind[text(alert, "kibana.alert.uuid").unwrap()];
                    let found: Vec<_> = again(rule, alert, own, folder.path()).iter().map(told).collect();
                    assert_eq!(found, [told(alert)], "{} events", own.len());
                }
            });
        }
    });
}

/// Queries of every shape, over generated events.
#[test]
fn alerts_of_many_shapes_come_back() {
    let folder = TempDir::new().unwrap();
    let events = folder.path().join("events.ndjson");
    let lines: Vec<String> = (0..120_u64)
        .map(|n| {
            serde_json::json!({
                "@timestamp": format!("2026-10-01T10:{:02}:{:02}.000Z", n / 4, n % 4 * 15),
                "host": {"name": format!("h{}", n % 3)},
                "user": {"name": if n % 7 == 0 { Value::Null } else { format!("u{}", n % 5).into() }},
                "tags": (0..n % 4).map(|tag| format!("t{tag}")).collect::<Vec<_>>(),
                "network": {"bytes": n * 37 % 101},
            })
            .to_string()
        })
        .collect();
    fs::write(&events, lines.join("\n")).unwrap();
    let events = events.display().to_string();
    let time = ["--at", "2026-10-01T11:00:00Z", "--all-time"];
    for (name, query, expected) in [
        (
            "groups.esql",
            "FROM logs | WHERE network.bytes > 20 | STATS n = COUNT(*), b = SUM(network.bytes) BY host.name, user.name \
            | WHERE n > 3 | KEEP n, b",
            10,
        ),
        ("all.esql", "FROM logs | STATS n = COUNT(*), users = VALUES(user.name)", 1),
        ("values.esql", "FROM logs | STATS n = COUNT(*) BY tags", 4),
        (
            "computed.esql",
            "FROM logs | EVAL big = network.bytes > 50 | STATS n = COUNT(*) BY big, minute = DATE_TRUNC(10 minutes, @timestamp)",
            6,
        ),
        (
            "twice.esql",
            "FROM logs | STATS n = COUNT(*) BY host.name, user.name | WHERE n > 5 | STATS users = COUNT(*), all = SUM(n) BY host.name",
            3,
        ),
        ("limited.esql", "FROM logs | STATS n = COUNT(*) BY user.name | SORT n DESC | LIMIT 3", 3),
        ("events.esql", "FROM logs | WHERE network.bytes > 80 | KEEP host.name, network.bytes", 20),
        (
            "renamed.esql",
            "FROM logs METADATA _id | WHERE user.name == \"u1\" | RENAME user.name AS who | DROP tags",
            20,
        ),
        ("expanded.esql", "FROM logs | WHERE network.bytes > 90 | MV_EXPAND tags | KEEP host.name, tags", 8),
        (
            "inline.esql",
            "FROM logs | INLINE STATS most = MAX(network.bytes) BY host.name | WHERE network.bytes == most \
            | STATS n = COUNT(*), most = MAX(most), users = VALUES(user.name) BY host.name",
            3,
        ),
        (
            "inline_events.esql",
            "FROM logs | INLINE STATS most = MAX(network.bytes) BY host.name | WHERE network.bytes == most \
            | KEEP host.name, user.name, most",
            3,
        ),
        (
            "inline_twice.esql",
            "FROM logs | STATS n = COUNT(*) BY host.name, user.name | INLINE STATS most = MAX(n) BY host.name \
            | WHERE n == most | KEEP host.name, user.name, n, most",
            3,
        ),
        (
            "groups.sql",
            "SELECT host.name, count(*) AS n FROM logs WHERE network.bytes > 20 GROUP BY host.name HAVING count(*) > 3 ORDER BY n",
            3,
        ),
        ("no_key.sql", "SELECT count(*) AS n, max(network.bytes) AS most FROM logs", 1),
        ("key_not_shown.sql", "SELECT count(*) AS n, min(\"@timestamp\") AS first FROM logs GROUP BY host.name", 3),
        ("events.sql", "SELECT host.name, network.bytes FROM logs WHERE network.bytes > 80", 20),
        (
            "inner.sql",
            "WITH big AS (SELECT host.name AS h, user.name AS u FROM logs WHERE network.bytes > 50) \
            SELECT h, count(*) AS n FROM big WHERE u = 'u2' GROUP BY h",
            3,
        ),
        ("distinct.sql", "SELECT DISTINCT host.name FROM logs", 3),
    ] {
        let rule = folder.path().join(name);
        fs::write(&rule, query).unwrap();
        let checked = check(rule.to_str().unwrap(), &events, &time, 20);
        assert!(checked >= expected, "{name}: {checked} alerts");
    }
}

#[test]
fn the_investigation_is_told_and_written() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("alerts.ndjson");
    let rule = "data/rules/egress-unusual-executable.toml";
    let all = alerts(rule, EVENTS, &["--at", "latest"], &file);
    let first = all[0].to_string();
    let stats = folder.path().join("stats.json");
    let args = [
        "evidence",
        rule,
        "--alert",
        "-",
        "--events",
        EVENTS,
        "--format",
        "csv",
        "--stats-file",
        stats.to_str().unwrap(),
    ];
    let ran = egret_with(&args, &root(), Some(first.as_bytes())).expect(0);
    let header = ran.stdout.lines().next().unwrap();
    assert!(header.starts_with("@timestamp,") && header.ends_with("_id,_index,_version"), "{header}");
    let count = usize::try_from(all[0]["cc"].as_u64().unwrap()).unwrap();
    assert_eq!(ran.stdout.lines().count(), count + 1);
    let told: Value = serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
    let told = &told["evidence"][0];
    assert_eq!(told["events"], all[0]["cc"]);
    let counts = told["timeline"].as_array().unwrap().iter().map(|stretch| stretch["events"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>() as usize, count);
    let executable = told["fields"].as_array().unwrap().iter().find(|field| field["name"] == "process.executable");
    assert_eq!(executable.unwrap()["top"][0]["value"], all[0]["process.executable"]);
    assert!(ran.stderr.contains("destination.ip (") && ran.stderr.contains("####"), "{}", ran.stderr);
}

#[test]
fn wrong_alerts_are_told() {
    let rule = "data/rules/egress-unusual-executable.toml";
    let id = "8d19a955-fd70-430e-9a7a-e9c68e44fcbb";
    let at = "\"kibana.alert.rule.execution.timestamp\":\"2026-10-01T23:00:00Z\"";
    let unknown = format!("{{\"kibana.alert.uuid\":\"{id}\",{at}}}");
    for (stdin, code, hint) in [
        (String::new(), 1, "expected alerts, found none"),
        ("{}\n{".to_owned(), 1, "stdin:2:"),
        ("{}".to_owned(), 1, "expected an alert with the field kibana.alert.uuid"),
        (format!("{{\"kibana.alert.uuid\":\"x\",{at}}}"), 1, "expected a UUID, found `x`"),
        (format!("{{\"kibana.alert.rule.rule_id\":\"{id}\"}}"), 1, "expected an alert of the rule"),
        (unknown, 1, "the rule gives no alert"),
    ] {
        let args = ["evidence", rule, "--alert", "-", "--events", EVENTS];
        let ran = egret_with(&args, &root(), Some(stdin.as_bytes())).expect(code);
        assert!(ran.stderr.contains(hint), "{stdin}: {}", ran.stderr);
    }
    let folder = TempDir::new().unwrap();
    let union = folder.path().join("union.sql");
    fs::write(&union, "SELECT host.name FROM events UNION ALL SELECT user.name FROM events").unwrap();
    let file = folder.path().join("alerts.ndjson");
    alerts(union.to_str().unwrap(), EVENTS, &["--all-time"], &file);
    let (_, ran) = behind(union.to_str().unwrap(), EVENTS, &file);
    assert!(ran.code == 2 && ran.stderr.contains("UNION"), "{}", ran.stderr);
}
