//! Alerts in full as a user gets them: documents, formats, suppression, exceptions, late arrivals, declared lateness.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::program::{Ran, egret};

const ID: &str = "3d0c2b5e-7b0f-4f07-9d43-7a4bb4ad6c11";

fn start() -> DateTime<Utc> {
    "2026-10-01T00:00:00Z".parse().unwrap()
}

fn shown(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An event of the test's own lake.
#[derive(Debug, Clone)]
struct Event {
    id: usize,
    at: DateTime<Utc>,
    ingested: DateTime<Utc>,
    host: String,
    user: Option<String>,
    bytes: u64,
}

impl Event {
    fn document(&self) -> Value {
        let mut document = json!({
            "_id": format!("e{:04}", self.id),
            "@timestamp": shown(self.at),
            "event": {"ingested": shown(self.ingested)},
            "host": {"name": self.host},
            "network": {"bytes": self.bytes},
        });
        if let Some(user) = &self.user {
            document["user"] = json!({"name": user});
        }
        document
    }
}

/// Events every few minutes of three days, some of them ingested much later.
fn events() -> Vec<Event> {
    let event = |n: usize| {
        let at = start() + TimeDelta::seconds(n as i64 * 611);
        let delay = match n % 11 {
            0 => 3 * 3600,
            1 => 30 * 3600,
            _ => n as i64 % 7,
        };
        let user = (!n.is_multiple_of(5)).then(|| format!("u{}", n % 3));
        let (host, ingested) = (format!("h{}", n * n % 4), at + TimeDelta::seconds(delay));
        Event { id: n, at, ingested, host, user, bytes: (n * 37 % 101) as u64 }
    };
    (0..420).map(event).collect()
}

fn write(folder: &Path, events: &[Event]) -> String {
    let path = folder.join("events.ndjson");
    let mut text = String::new();
    for event in events {
        writeln!(text, "{}", event.document()).unwrap();
    }
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A rule that runs every hour over `window`, with more lines of its `[rule]` table.
fn rule(folder: &Path, language: &str, query: &str, window: &str, more: &str) -> String {
    let path = folder.join("rule.toml");
    let text = format!(
        "[metadata]\ncreation_date = \"2026/10/01\"\nupdated_date = \"2026/10/01\"\n[rule]\nauthor = [\"Egret\"]\n\
         description = \"Finds something.\"\nname = \"Something\"\nrisk_score = 47\nrule_id = \"{ID}\"\nseverity = \"medium\"\n\
         type = \"{language}\"\nlanguage = \"{language}\"\ninterval = \"1h\"\nfrom = \"now-{window}\"\nmax_signals = 1000\n\
         query = '''{query}'''\n{more}\n"
    );
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn backtest(rule: &str, events: &str, more: &[&str]) -> Ran {
    let args = ["backtest", rule, "--events", events, "--from", "2026-10-01", "--to", "2026-10-04"];
    egret(&[&args, more].concat())
}

fn alerts(rule: &str, events: &str, more: &[&str]) -> Vec<Value> {
    backtest(rule, events, &[&["--as", "alerts", "--format", "ndjson"], more].concat()).expect(0).rows()
}

/// The hours at which the rule runs.
fn executions() -> impl Iterator<Item = DateTime<Utc>> {
    (1..=72).map(|hour| start() + TimeDelta::hours(hour))
}

/// A document with dotted names.
fn flat(document: &Value) -> BTreeMap<String, Value> {
    fn walk(prefix: &str, object: &Map<String, Value>, into: &mut BTreeMap<String, Value>) {
        for (key, value) in object {
            match value {
                Value::Object(inner) => walk(&format!("{prefix}{key}."), inner, into),
                other => _ = into.insert(format!("{prefix}{key}"), other.clone()),
            }
        }
    }
    let mut into = BTreeMap::new();
    walk("", document.as_object().unwrap(), &mut into);
    into
}

#[test]
fn an_event_becomes_one_alert_that_holds_it() {
    let folder = TempDir::new().unwrap();
    let all = events();
    let lake = write(folder.path(), &all);
    for (language, query) in [
        (
            "esql",
            "FROM logs | WHERE network.bytes > 60 | EVAL host.name = TO_UPPER(host.name) | KEEP host.name, network.bytes",
        ),
        ("sql", "SELECT upper(host.name) AS \"host.name\", network.bytes FROM logs WHERE network.bytes > 60"),
    ] {
        let rule = rule(folder.path(), language, query, "3h", "");
        let found = alerts(&rule, &lake, &[]);
        let expected: BTreeMap<String, &Event> = all
            .iter()
            .filter(|event| {
                event.bytes > 60 && executions().any(|at| event.at <= at && event.at >= at - TimeDelta::hours(3))
            })
            .map(|event| (format!("e{:04}", event.id), event))
            .collect();
        assert!(expected.len() > 100);
        let mut met = BTreeSet::new();
        for alert in &found {
            let ancestor = &alert["kibana.alert.ancestors"][0];
            let id = ancestor["id"].as_str().unwrap();
            assert!(met.insert(id.to_owned()), "{id} comes twice");
            let event = expected[id];
            // The first execution that sees it gives it.
            let first = executions().find(|at| event.at <= *at).unwrap();
            assert_eq!(alert["execution"], shown(first), "{id}");
            assert_eq!(alert["kibana.alert.original_time"], shown(event.at));
            let mut own = flat(&event.document());
            own.insert("host.name".to_owned(), event.host.to_uppercase().into());
            for (name, value) in own.into_iter().filter(|(name, _)| name != "_id" && name != "@timestamp") {
                assert_eq!(alert[&name], value, "{id}: {name}");
            }
        }
        assert_eq!(met.len(), expected.len());
        // SQL states no order within an execution.
        let sorted = |alerts: &[Value]| alerts.iter().map(Value::to_string).collect::<BTreeSet<_>>();
        assert_eq!(sorted(&alerts(&rule, &lake, &["--one-by-one"])), sorted(&found));
        let rows = backtest(&rule, &lake, &[]).expect(0).rows();
        assert!(rows.len() > 2 * found.len(), "rows come again in each look-back");
    }
}

#[test]
fn a_query_without_one_event_a_row_says_so() {
    let folder = TempDir::new().unwrap();
    let lake = write(folder.path(), &events());
    let query = "SELECT host.name FROM logs UNION ALL SELECT user.name FROM logs";
    let rule = rule(folder.path(), "sql", query, "1h", "");
    let ran = egret(&["run", &rule, "--events", &lake, "--at", "latest", "--as", "alerts"]).expect(0);
    assert!(
        ran.stderr.contains("alerts hold the columns of the query alone: its rows come from several queries"),
        "{}",
        ran.stderr
    );
}

#[test]
fn every_format_holds_the_same_alerts() {
    let folder = TempDir::new().unwrap();
    let lake = write(folder.path(), &events());
    let rule = rule(folder.path(), "esql", "FROM logs | WHERE network.bytes > 90 | KEEP network.bytes", "1h", "");
    let expected = alerts(&rule, &lake, &[]);
    assert!(expected.len() > 20);

    let bulk = backtest(&rule, &lake, &["--as", "alerts", "--format", "bulk", "--index", "mine"]).expect(0).rows();
    assert_eq!(bulk.len(), 2 * expected.len());
    for (pair, alert) in bulk.chunks(2).zip(&expected) {
        assert_eq!(pair[0], json!({"create": {"_index": "mine", "_id": alert["kibana.alert.uuid"]}}));
        let mut alert = alert.as_object().unwrap().clone();
        alert.retain(|name, value| !value.is_null() && name != "execution");
        assert_eq!(pair[1], Value::Object(alert));
    }
    let ran = egret(&["run", &rule, "--events", &lake, "--all-time", "--as", "alerts", "--format", "bulk"]).expect(0);
    assert!(ran.rows()[0]["create"]["_index"] == ".alerts-security.alerts-default", "{}", ran.stdout);
    for command in [vec!["run", &rule, "--events", &lake], vec!["sql", "SELECT 1 AS x", "--events", &lake]] {
        let ran = egret(&[command, vec!["--format", "bulk"]].concat()).expect(2);
        assert!(ran.stderr.contains("expected alerts, found rows"), "{}", ran.stderr);
    }

    let file = folder.path().join("alerts.parquet");
    backtest(&rule, &lake, &["--as", "alerts", "--output", file.to_str().unwrap()]).expect(0);
    let query = "SELECT \"kibana.alert.uuid\" AS u, \"host.name\" AS h FROM alerts ORDER BY u";
    let table = format!("alerts={}", file.display());
    let read = egret(&["sql", query, "--table", &table, "--format", "ndjson"]).expect(0).rows();
    let pair = |alert: &Value| (alert["kibana.alert.uuid"].to_string(), alert["host.name"].to_string());
    let known: BTreeSet<_> = expected.iter().map(pair).collect();
    let read: BTreeSet<_> = read.iter().map(|row| (row["u"].to_string(), row["h"].to_string())).collect();
    assert_eq!(read, known);
}

/// What suppression leaves, thought out anew: of each alert its event and how many others it stands for.
fn suppressed(events: &[Event], duration: Option<TimeDelta>, by_missing: bool) -> Vec<(usize, Option<u64>)> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<(Option<String>, DateTime<Utc>, usize)> = Vec::new();
    let mut given: Vec<(usize, Option<u64>)> = Vec::new();
    for at in executions() {
        if duration.is_none() {
            open.clear();
        }
        let mut now: Vec<&Event> =
            events.iter().filter(|e| e.bytes > 60 && e.at <= at && e.at >= at - TimeDelta::hours(2)).collect();
        now.sort_by_key(|event| event.at);
        for event in now {
            if !seen.insert(event.id) {
                continue;
            }
            if event.user.is_none() && !by_missing {
                given.push((event.id, None));
                continue;
            }
            let stands = open.iter().rev().find(|(user, since, _)| {
                *user == event.user && duration.is_none_or(|duration| *since >= at - duration)
            });
            if let Some((_, _, place)) = stands {
                *given[*place].1.as_mut().unwrap() += 1;
            } else {
                open.push((event.user.clone(), at, given.len()));
                given.push((event.id, Some(0)));
            }
        }
    }
    given
}

#[test]
fn suppression_leaves_what_a_naive_one_leaves() {
    let folder = TempDir::new().unwrap();
    let all = events();
    let lake = write(folder.path(), &all);
    let query = "FROM logs METADATA _id | WHERE network.bytes > 60 | KEEP @timestamp, _id, network.bytes";
    for (number, (duration, by_missing)) in
        [(None, true), (None, false), (Some(5), true), (Some(24), false)].into_iter().enumerate()
    {
        let strategy = if by_missing { "suppress" } else { "doNotSuppress" };
        let length =
            duration.map_or(String::new(), |hours| format!("duration = {{ value = {hours}, unit = \"h\" }}\n"));
        let more = format!(
            "[rule.alert_suppression]\ngroup_by = [\"user.name\"]\nmissing_fields_strategy = \"{strategy}\"\n{length}"
        );
        let rule = rule(folder.path(), "esql", query, "2h", &more);
        let expected = suppressed(&all, duration.map(TimeDelta::hours), by_missing);
        let short = |alert: &Value| {
            let id = alert["kibana.alert.ancestors"][0]["id"].as_str().unwrap();
            (id[1..].parse::<usize>().unwrap(), alert["kibana.alert.suppression.docs_count"].as_u64())
        };
        let stream: Vec<_> = alerts(&rule, &lake, &[]).iter().map(short).collect();
        assert_eq!(stream, expected, "{duration:?} {strategy}");
        // Rows that are kept beside their output until all are there.
        let file = folder.path().join(format!("alerts{number}.ndjson"));
        let ran = backtest(&rule, &lake, &["--as", "alerts", "--output", file.to_str().unwrap()]).expect(0);
        let lines = fs::read_to_string(&file).unwrap();
        let kept: Vec<_> = lines.lines().map(|line| short(&serde_json::from_str(line).unwrap())).collect();
        assert_eq!(kept, expected);
        let stands_for: u64 = expected.iter().filter_map(|(_, docs)| *docs).sum();
        assert!(
            ran.stderr.contains(&format!("{stands_for} rows suppressed").replace("rows", "alerts")),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_replay_that_goes_on_suppresses_as_one_that_was_not_interrupted() {
    let folder = TempDir::new().unwrap();
    let lake = write(folder.path(), &events());
    let query = "FROM logs METADATA _id | WHERE network.bytes > 40 | KEEP @timestamp, _id";
    let more = "[rule.alert_suppression]\ngroup_by = [\"host.name\"]\nduration = { value = 3, unit = \"h\" }\n";
    let rule = rule(folder.path(), "esql", query, "2h", more);
    let often = ["--interval", "5m"];
    let expected =
        backtest(&rule, &lake, &[&often[..], &["--as", "alerts", "--format", "ndjson"]].concat()).expect(0).stdout;
    assert!(expected.lines().count() > 20);
    let file = folder.path().join("alerts.ndjson");
    let more = [&often[..], &["--as", "alerts", "--output", file.to_str().unwrap()]].concat();
    backtest(&rule, &lake, &[&more[..], &["--one-by-one", "--timeout", "4s"]].concat()).expect(1);
    let part = fs::read_to_string(&file).unwrap();
    assert!(!part.is_empty() && part.len() < expected.len());
    backtest(&rule, &lake, &[&more[..], &["--resume"]].concat()).expect(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}

#[test]
fn a_run_suppresses_within_itself() {
    let folder = TempDir::new().unwrap();
    let lake = write(folder.path(), &events());
    let more = "[rule.alert_suppression]\ngroup_by = [\"host.name\", \"user.name\"]\n";
    let rule = rule(folder.path(), "esql", "FROM logs | WHERE network.bytes > 60 | KEEP network.bytes", "24h", more);
    let run = |shape| {
        egret(&["run", &rule, "--events", &lake, "--at", "latest", "--as", shape, "--format", "ndjson"]).expect(0)
    };
    let (rows, ran) = (run("rows").rows(), run("alerts"));
    let alerts = ran.rows();
    let counts = alerts.iter().map(|alert| 1 + alert["kibana.alert.suppression.docs_count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>() as usize, rows.len());
    let pairs: BTreeSet<_> = alerts.iter().map(|alert| alert["kibana.alert.suppression.terms"].to_string()).collect();
    assert_eq!(pairs.len(), alerts.len());
    assert!(alerts.len() < rows.len() && ran.stderr.contains(" suppressed)"), "{}", ran.stderr);
    for alert in alerts {
        let terms = &alert["kibana.alert.suppression.terms"];
        assert_eq!(terms[0], json!({"field": "host.name", "value": [alert["host.name"]]}));
        let user: Vec<Value> = alert["user.name"].as_str().map(Value::from).into_iter().collect();
        assert_eq!(terms[1], json!({"field": "user.name", "value": user}));
    }
}

#[test]
fn exceptions_leave_out_what_a_naive_filter_does() {
    let folder = TempDir::new().unwrap();
    let all = events();
    let lake = write(folder.path(), &all);
    let lists = folder.path().join("lists.ndjson");
    let entries = [
        json!({"list_id": "trusted", "name": "one", "type": "simple", "entries": [
            {"field": "host.name", "operator": "included", "type": "match", "value": "h1"},
            {"field": "user.name", "operator": "included", "type": "match_any", "value": ["u0", "u2"]}]}),
        json!({"list_id": "trusted", "name": "two", "entries": [
            {"field": "user.name", "operator": "excluded", "type": "exists"},
            {"field": "host.name", "operator": "included", "type": "wildcard", "value": "*0"}]}),
        // Words of KQL's own are values here, which no event has.
        json!({"list_id": "trusted", "name": "word", "entries": [{"field": "host.name", "type": "wildcard", "value": "and"}]}),
        json!({"list_id": "trusted", "name": "nothing", "entries": [{"field": "host.name", "type": "wildcard", "value": ""}]}),
        json!({"list_id": "others", "name": "three", "entries": [{"field": "host.name", "type": "exists"}]}),
        json!({"list_id": "trusted", "type": "detection", "name": "list"}),
        json!({"exported_exception_list_count": 1}),
    ];
    fs::write(&lists, entries.map(|entry| entry.to_string()).join("\n")).unwrap();
    let lists = lists.display().to_string();
    let excepted = |event: &Event| {
        event.host == "h1" && matches!(event.user.as_deref(), Some("u0" | "u2"))
            || event.user.is_none() && event.host == "h0"
    };
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for event in all.iter().filter(|event| !excepted(event)) {
        *expected.entry(event.host.clone()).or_default() += 1;
    }
    let more = "[[rule.exceptions_list]]\nid = \"1\"\nlist_id = \"trusted\"\ntype = \"detection\"\nnamespace_type = \"single\"\n";
    for (language, query) in [
        ("esql", "FROM logs | STATS n = COUNT(*) BY host.name"),
        ("sql", "SELECT host.name, count(*) AS n FROM logs GROUP BY host.name"),
    ] {
        let rule = rule(folder.path(), language, query, "30d", more);
        let run = |more: &[&str]| {
            let args = ["run", &rule, "--events", &lake, "--at", "latest", "--format", "ndjson"];
            egret(&[&args, more].concat()).expect(0)
        };
        let counts = |ran: &Ran| -> BTreeMap<String, u64> {
            let pair = |row: &Value| (row["host.name"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap());
            ran.rows().iter().map(pair).collect()
        };
        assert_eq!(counts(&run(&["--exceptions", &lists])), expected, "{language}");
        let without = run(&[]);
        assert_eq!(counts(&without).values().sum::<u64>() as usize, all.len());
        assert!(without.stderr.contains("its exceptions are not applied; --exceptions FILE"), "{}", without.stderr);
        let alerts = run(&["--exceptions", &lists, "--as", "alerts"]).rows();
        assert_eq!(alerts[0]["kibana.alert.rule.parameters"]["query"], query, "the query is told as it is written");
        assert_eq!(alerts[0]["kibana.alert.rule.exceptions_list"][0]["list_id"], "trusted");
    }
    let broken = folder.path().join("broken.ndjson");
    fs::write(&broken, "\n{\"list_id\":\"trusted\",\"entries\":[{\"field\":\"a\",\"type\":\"like\"}]}\n").unwrap();
    let rule = rule(folder.path(), "esql", "FROM logs", "1h", more);
    let ran = egret(&["run", &rule, "--events", &lake, "--exceptions", broken.to_str().unwrap()]).expect(1);
    assert!(
        ran.stderr.contains("broken.ndjson:2: item `without name`: expected an entry of a known type for `a`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn late_arrivals_are_those_that_no_execution_could_see() {
    let folder = TempDir::new().unwrap();
    let all = events();
    let lake = write(folder.path(), &all);
    for (number, hours) in [1, 2, 40].into_iter().enumerate() {
        let rule = rule(folder.path(), "esql", "FROM logs | STATS n = COUNT(*)", &format!("{hours}h"), "");
        let file = folder.path().join(format!("late{number}.ndjson"));
        let stats = folder.path().join("stats.json");
        let more = ["--late-arrivals", file.to_str().unwrap(), "--stats-file", stats.to_str().unwrap()];
        backtest(&rule, &lake, &more).expect(0);
        let runs = || (-100..200).map(|hour| start() + TimeDelta::hours(hour));
        let expected: BTreeSet<String> = all
            .iter()
            .filter(|event| event.at <= start() + TimeDelta::days(3))
            .filter(|event| {
                let mut sees =
                    runs().filter(|at| event.at <= *at && event.at >= *at - TimeDelta::hours(hours)).peekable();
                sees.peek().is_some() && sees.all(|at| at < event.ingested)
            })
            .map(|event| format!("e{:04}", event.id))
            .collect();
        let text = fs::read_to_string(&file).unwrap();
        let listed: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ids: BTreeSet<String> = listed.iter().map(|event| event["_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, expected, "{hours}h");
        assert_eq!(hours == 40, expected.is_empty(), "{hours}h: {}", expected.len());
        let summary: Value = serde_json::from_slice(&fs::read(&stats).unwrap()).unwrap();
        assert_eq!(summary["replays"][0]["late_arrivals"], expected.len());
    }
}

/// A lake whose folders are days of `@timestamp`.
fn by_days(folder: &Path, events: &[Event]) -> PathBuf {
    let lake = folder.join("days");
    let mut days: BTreeMap<String, String> = BTreeMap::new();
    for event in events {
        let day = event.at.format("date=%Y-%m-%d").to_string();
        writeln!(days.entry(day).or_default(), "{}", event.document()).unwrap();
    }
    for (day, text) in days {
        fs::create_dir_all(lake.join(&day)).unwrap();
        fs::write(lake.join(day).join("events.ndjson"), text).unwrap();
    }
    lake
}

#[test]
fn days_prune_only_where_lateness_is_declared() {
    let folder = TempDir::new().unwrap();
    let all = events();
    let lake = by_days(folder.path(), &all).display().to_string();
    let stats = folder.path().join("stats.json");
    let query = "FROM logs METADATA _id | KEEP _id | SORT _id";
    let at = "2026-10-02T12:00:00Z";
    let end: DateTime<Utc> = at.parse().unwrap();
    let run = |over: &str, more: &[&str]| {
        let rule = rule(folder.path(), "esql", query, "2h", over);
        let args = [
            "run",
            &rule,
            "--events",
            &lake,
            "--at",
            at,
            "--format",
            "ndjson",
            "--stats-file",
            stats.to_str().unwrap(),
        ];
        let rows = egret(&[&args, more].concat()).expect(0).rows();
        let summary: Value = serde_json::from_slice(&fs::read(&stats).unwrap()).unwrap();
        let ids: Vec<String> = rows.iter().map(|row| row["_id"].as_str().unwrap().to_owned()).collect();
        (ids, summary["executions"][0]["events"].as_u64().unwrap())
    };
    let within = |time: &dyn Fn(&Event) -> DateTime<Utc>| -> Vec<String> {
        let inside = |event: &&Event| time(event) <= end && time(event) >= end - TimeDelta::hours(2);
        all.iter().filter(inside).map(|event| format!("e{:04}", event.id)).collect()
    };
    let of_day = |day: u32| all.iter().filter(|e| e.at.format("%d").to_string() == format!("{day:02}")).count() as u64;
    let ingested = within(&|event| event.ingested);
    assert!(ingested.iter().any(|id| all[id[1..].parse::<usize>().unwrap()].at < start() + TimeDelta::days(1)));

    let over = "timestamp_override = \"event.ingested\"";
    // Undeclared: nothing is ruled out, and what came 30 hours late is seen.
    assert_eq!(run(over, &[]), (ingested.clone(), all.len() as u64));
    assert_eq!(run(over, &["--lateness", "30h"]), (ingested.clone(), of_day(1) + of_day(2) + of_day(3)));
    // Declared wrongly, it is the user's word: the day before is not read.
    let (ids, events) = run(over, &["--lateness", "2h"]);
    assert!(events == of_day(2) && ids.len() < ingested.len());
    let timed = within(&|event| event.at);
    assert_eq!(run("", &[]), (timed.clone(), all.len() as u64));
    assert_eq!(run("", &["--lateness", "30h"]), (timed, of_day(2)));
}
