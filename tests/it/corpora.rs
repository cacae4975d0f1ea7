//! Rules and events of others, where they are at hand: what loads, what checks, what runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use egret::generate::{Config, Document, Layout, generate};
use serde_json::Value;

use super::program::{Ran, egret, root, shared};

/// The newer version of the rule about egress from unusual executables.
pub(super) const SEED: &str = "command_and_control_frequent_egress_netcon_from_sus_executable.toml";

pub(super) fn rule_files(corpora: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpora.join("esql-rules")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

pub(super) fn stem(path: &str) -> String {
    Path::new(path).file_stem().unwrap().to_str().unwrap().to_owned()
}

fn run(rule: &Path, events: &Path) -> Ran {
    let (rule, events) = (rule.display().to_string(), events.display().to_string());
    egret(&["run", &rule, "--events", &events, "--all-time", "--format", "ndjson"])
}

#[test]
fn every_rule_loads_and_parses() {
    let Some(corpora) = shared("every_rule_loads_and_parses") else { return };
    let files = rule_files(&corpora);
    assert!(files.len() >= 90, "{} rules", files.len());
    for file in files {
        let found = egret::rule::load(&file, Path::new("/")).unwrap();
        let loaded = found.rules.into_iter().next().unwrap();
        let rule = loaded.unwrap_or_else(|report| panic!("{}", report.render(false))).rule;
        let text = &rule.query.text;
        let (query, mistakes) = egret::esql::parse(text);
        assert!(mistakes.is_empty(), "{}", rule.report(mistakes).render(false));
        let printed = egret::esql::print(&query.unwrap());
        let (again, mistakes) = egret::esql::parse(&printed);
        assert!(mistakes.is_empty(), "{}: {mistakes:?}", file.display());
        assert_eq!(egret::esql::print(&again.unwrap()), printed, "{}", file.display());
    }
}

/// The rules that are known not to check yet, each with what is missing first.
fn pending() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("tests/it/corpora_pending.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap()).map(|(rule, reason)| (rule.into(), reason.trim().into())).collect()
}

/// What keeps a rule from checking: code and construct of its first mistake.
fn reason(rule: &Value) -> String {
    let diagnostics = rule["diagnostics"].as_array().unwrap();
    let first = diagnostics.iter().find(|diagnostic| diagnostic["severity"] == "error");
    first.map_or_else(
        || format!("failure {}", rule["failure"]),
        |first| {
            let message = first["message"].as_str().unwrap();
            let construct = message.trim_end_matches(" is not supported yet").trim_start_matches("the ");
            format!("{} {construct}", first["code"].as_str().unwrap())
        },
    )
}

/// Every rule checks, or the list says why not; a listed rule that checks must leave the list.
#[test]
fn rules_check_or_are_listed() {
    let Some(corpora) = shared("rules_check_or_are_listed") else { return };
    let folder = corpora.join("esql-rules").display().to_string();
    let ran = egret(&["check", &folder, "--format", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut failing = BTreeMap::new();
    let mut passing = BTreeSet::new();
    for rule in told["rules"].as_array().unwrap() {
        let name = stem(rule["path"].as_str().unwrap());
        if rule["status"] == "fails" {
            failing.insert(name, reason(rule));
        } else {
            passing.insert(name);
        }
    }
    assert_eq!(ran.code, if failing.is_empty() { 0 } else { 2 }, "{}", ran.stderr);
    let listed = pending();
    let fixed: Vec<_> = listed.keys().filter(|rule| passing.contains(*rule)).collect();
    assert!(fixed.is_empty(), "these check now, take them off tests/it/corpora_pending.txt: {fixed:#?}");
    let lines: Vec<String> = failing.iter().map(|(rule, reason)| format!("{rule} {reason}")).collect();
    assert_eq!(failing, listed, "what fails, as the list would have it:\n{}", lines.join("\n"));
}

#[test]
fn the_newer_seed_rule_runs_over_events_of_others() {
    let Some(corpora) = shared("the_newer_seed_rule_runs_over_events_of_others") else { return };
    let rule = corpora.join("esql-rules").join(SEED);
    for entry in fs::read_dir(corpora.join("events")).unwrap() {
        let events = entry.unwrap().path();
        run(&rule, &events).expect(0);
    }
}

/// It has no time condition of its own: an execution looks at the whole of its window, the planted hour among it.
#[test]
fn the_newer_seed_rule_finds_what_is_planted() {
    let Some(corpora) = shared("the_newer_seed_rule_finds_what_is_planted") else { return };
    let rule = corpora.join("esql-rules").join(SEED).display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path().join("events.ndjson"), Layout::Ndjson);
    (config.rows, config.agents, config.document) = (3_000, 40, Document::Compact);
    let summary = generate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    let events = config.out.display().to_string();
    let ran = egret(&["run", &rule, "--events", &events, "--at", "latest"]).expect(0);
    let found: BTreeSet<String> = ran
        .rows()
        .iter()
        .map(|row| {
            assert!(row["Esql.event_count"].as_u64().is_none_or(|count| count > 0), "{row}");
            row["process.executable"].as_str().unwrap().to_owned()
        })
        .collect();
    let positives = summary.planted.iter().filter(|case| case.cc.is_some() && case.execution == summary.last);
    let missing: Vec<_> = positives.filter(|case| !found.contains(&case.executable)).map(|case| case.label).collect();
    assert!(missing.is_empty(), "not found: {missing:?}\nfound: {found:#?}");
}

/// Every rule that checks runs without error over no event at all.
#[test]
fn rules_that_check_run_over_no_events() {
    let Some(corpora) = shared("rules_that_check_run_over_no_events") else { return };
    let pending = pending();
    let mut args = vec!["run".to_owned()];
    let files = rule_files(&corpora).into_iter().map(|file| file.display().to_string());
    args.extend(files.filter(|file| !pending.contains_key(&stem(file))));
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.ndjson");
    fs::write(&empty, "").unwrap();
    args.extend(["--events".to_owned(), empty.display().to_string()]);
    args.extend(["--all-time", "--format", "ndjson"].map(str::to_owned));
    assert_eq!(egret(&args).expect(0).stdout, "");
}
