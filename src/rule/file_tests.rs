#![expect(clippy::unwrap_used, reason = "a test may fail")]

use super::*;

const RULE: &str = r#"[metadata]
creation_date = "2026/10/01"
updated_date = "2026/10/02"
integration = "endpoint"

[rule]
author = ["Egret"]
description = "Finds something."
from = "now-61m"
interval = "1h"
language = "esql"
name = "Something"
risk_score = 47
rule_id = "3d0c2b5e-7b0f-4f07-9d43-7a4bb4ad6c11"
severity = "medium"
type = "esql"
query = '''
FROM logs-*
| WHERE x == "\n"
'''
"#;

/// The rule with one line replaced, or removed where the new line is empty.
fn with(key: &str, line: &str) -> String {
    let changed = RULE.lines().map(|old| if old.starts_with(&format!("{key} =")) { line } else { old });
    changed.collect::<Vec<_>>().join("\n")
}

fn with_line(line: &str) -> String {
    RULE.replace("type = \"esql\"", &format!("type = \"esql\"\n{line}"))
}

fn report(text: &str) -> Report {
    match parse("rule.toml", text) {
        Ok(loaded) => loaded.warnings,
        Err(report) => report,
    }
}

/// What is said of the text, with the text that each diagnostic points at.
fn said(text: &str) -> Vec<(Code, String, String)> {
    let report = report(text);
    report.diagnostics.iter().map(|d| (d.code, d.span.text(&report.text).to_owned(), d.message.clone())).collect()
}

fn one(text: &str, code: Code, place: &str, part: &str) {
    let said = said(text);
    assert!(
        said.len() == 1 && said[0].0 == code && said[0].1 == place && said[0].2.contains(part),
        "expected one {code:?} at `{place}` with `{part}`, found {said:#?}"
    );
}

#[test]
fn a_whole_rule() {
    let Loaded { rule, warnings } = parse("rule.toml", RULE).unwrap();
    assert!(warnings.diagnostics.is_empty(), "{}", warnings.render(false));
    assert_eq!(rule.name, "Something");
    assert_eq!((rule.severity, rule.risk_score, rule.version), (Severity::Medium, 47, 1));
    let schedule = rule.schedule.clone().unwrap();
    assert_eq!((schedule.from.as_str(), schedule.to.as_str(), schedule.interval.as_str()), ("now-61m", "now", "1h"));
    assert_eq!(rule.max_signals, Some(100));
    assert_eq!(rule.metadata.integration, ["endpoint"]);
    assert_eq!(rule.query.text, "FROM logs-*\n| WHERE x == \"\\n\"\n");
    let offset = rule.query.offset.unwrap();
    assert!(RULE[offset..].starts_with(&rule.query.text));
    let at_x = Span::new(20, 21);
    let shown = rule.report(vec![Diagnostic::error(Code::UnknownField, at_x, "no field")]).render(false);
    assert!(shown.contains("rule.toml:19:9"), "{shown}");
}

#[test]
fn queries_in_every_kind_of_literal() {
    for (literal, text, is_verbatim) in [
        ("'FROM a'", "FROM a", true),
        ("\"FROM a\"", "FROM a", true),
        ("\"\"\"\nFROM a\n| LIMIT 1\"\"\"", "FROM a\n| LIMIT 1", true),
        ("'''FROM a\n'''", "FROM a\n", true),
        ("\"FROM a | WHERE b == \\\"c\\\"\"", "FROM a | WHERE b == \"c\"", false),
        ("\"\"\"FROM a \\\n   | LIMIT 1\"\"\"", "FROM a | LIMIT 1", false),
        ("\"\"\"FROM \\u0061\"\"\"", "FROM a", false),
    ] {
        let file = RULE.split("query =").next().unwrap().to_owned() + &format!("query = {literal}\n");
        let query = parse("rule.toml", &file).unwrap().rule.query;
        assert_eq!(query.text, text, "{literal}");
        assert_eq!(query.offset.is_some(), is_verbatim, "{literal}");
        if let Some(offset) = query.offset {
            assert!(file[offset..].starts_with(text), "{literal}");
        }
    }
}

#[test]
fn windows_line_ends() {
    let file = RULE.replace('\n', "\r\n");
    let Loaded { rule, warnings } = parse("rule.toml", &file).unwrap();
    assert!(warnings.diagnostics.is_empty());
    if let Some(offset) = rule.query.offset {
        assert!(file[offset..].starts_with(&rule.query.text));
    }
    assert!(rule.query.text.starts_with("FROM logs-*"));
}

#[test]
fn wrong_values_are_pointed_at() {
    for (key, line, place, part) in [
        ("severity", "severity = \"hihg\"", "\"hihg\"", "expected a severity, found `hihg`"),
        ("severity", "severity = 3", "3", "expected a text for `severity`, found the number 3"),
        ("risk_score", "risk_score = 101", "101", "from 0 to 100, found 101"),
        ("risk_score", "risk_score = -1", "-1", "from 0 to 100, found -1"),
        ("risk_score", "risk_score = \"47\"", "\"47\"", "expected a whole number for `risk_score`, found a text"),
        ("risk_score", "risk_score = 4.5", "4.5", "expected a whole number"),
        ("risk_score", "risk_score = 99999999999999999999", "99999999999999999999", "expected a whole number"),
        ("interval", "interval = \"1 h\"", "1 h", "expected an interval"),
        ("interval", "interval = \"0m\"", "0m", "more than zero"),
        ("from", "from = \"now-61x\"", "x", "found `x`"),
        ("from", "from = \"\"", "\"\"", "expected a date"),
        ("from", "from = \"now-\\u0078\"", "\"now-\\u0078\"", "found `x`"),
        ("from", "from = \"now+1h\"", "\"now+1h\"", "`now+1h` after `now`"),
        ("rule_id", "rule_id = \"seed\"", "\"seed\"", "expected a UUID"),
        ("rule_id", "rule_id = \"3d0c2b5e7b0f4f079d437a4bb4ad6c11\"", "\"3d0c2b5e7b0f4f079d437a4bb4ad6c11\"", "a UUID"),
        ("language", "language = \"kuery\"", "\"kuery\"", "expected `esql` or `sql`"),
        ("type", "type = \"query\"", "\"query\"", "a rule of type `query`, only `esql` and `sql` run here"),
        ("type", "type = \"esq\"", "\"esq\"", "found `esq`"),
        ("type", "type = \"sql\"", "\"sql\"", "the type `esql` with the language `esql`"),
        ("name", "name = \" \"", "\" \"", "found an empty one"),
        ("author", "author = \"Egret\"", "\"Egret\"", "expected a list of texts for `author`, found a text"),
        ("author", "author = [\"a\", 1]", "1", "expected a text for `author`"),
        ("creation_date", "creation_date = \"2026-10-01\"", "\"2026-10-01\"", "expected a date"),
    ] {
        one(&with(key, line), Code::BadValue, place, part);
        assert!(report(&with(key, line)).has_errors());
    }
    for (line, place, part) in [
        ("max_signals = 0", "0", "at least 1, found 0"),
        ("max_signals = -5", "-5", "at least 1, found -5"),
        ("version = 0", "0", "version of at least 1"),
        ("tags = \"x\"", "\"x\"", "expected a list"),
        ("enabled = \"yes\"", "\"yes\"", "expected `true` or `false`"),
        ("threat = 1", "1", "expected a list of tables"),
        ("to = \"now-2h\"", "\"now-61m\"", "`now-61m` after `now-2h`"),
    ] {
        one(&with_line(line), Code::BadValue, place, part);
        assert!(report(&with_line(line)).has_errors());
    }
}

#[test]
fn missing_keys() {
    for key in ["severity", "risk_score", "rule_id", "name", "description", "author", "type", "language"] {
        one(&with(key, ""), Code::MissingKey, "rule", &format!("lacks the key `{key}`"));
    }
    let file = RULE.split("query =").next().unwrap();
    one(file, Code::MissingKey, "rule", "lacks the key `query`");
    let bare = RULE.split("[rule]").nth(1).unwrap();
    one(&format!("[rule]{bare}"), Code::MissingKey, "", "[metadata]");
    assert!(!report(&format!("[rule]{bare}")).has_errors());
    one(RULE.split("[rule]").next().unwrap(), Code::MissingKey, "", "expected a table `[rule]`");
}

#[test]
fn unknown_keys_warn() {
    one(&with_line("risk-score = 1"), Code::UnknownKey, "risk-score", "`[rule]` has no key `risk-score`");
    one(&with_line("index = [\"logs-*\"]"), Code::UnknownKey, "index", "another type");
    one(&format!("{RULE}\n[other]\n"), Code::UnknownKey, "other", "a rule file has no key `other`");
    let report = report(&with_line("risk-score = 1"));
    assert!(!report.has_errors());
    assert_eq!(report.diagnostics[0].help.as_deref(), Some("did you mean `risk_score`?"));
}

#[test]
fn everything_is_told_at_once() {
    let text = RULE.replace("\"medium\"", "\"odd\"").replace("= 47", "= 470").replace("\"1h\"", "\"1w\"");
    assert_eq!(said(&text).len(), 3);
    let places: Vec<_> = report(&text).diagnostics.iter().map(|d| d.span.start).collect();
    assert!(places.is_sorted());
}

#[test]
fn syntax_errors_have_a_place() {
    let text = RULE.replace("name = \"Something\"", "name = \"Something");
    let report = report(&text);
    assert!(report.has_errors());
    assert!(report.diagnostics.iter().all(|d| d.code == Code::Toml), "{}", report.render(false));
    assert_eq!(report.line_column(report.diagnostics[0].span.start).0, 12, "{}", report.render(false));
    assert!(parse("a.toml", "").unwrap_err().has_errors());
}

#[test]
fn other_types_do_not_drown_in_warnings() {
    let text = with("type", "type = \"threshold\"\nindex = [\"a\"]\n[rule.threshold]\nfield = \"x\"");
    let said = said(&text.replace("language = \"esql\"", "language = \"kuery\""));
    assert_eq!(said.iter().filter(|(code, ..)| *code == Code::BadValue).count(), 1, "{said:#?}");
    assert!(!said.iter().any(|(code, ..)| *code == Code::UnknownKey), "{said:#?}");
}

#[test]
fn sql_rules() {
    for kind in ["sql", "esql"] {
        let text = with("type", &format!("type = \"{kind}\"")).replace("language = \"esql\"", "language = \"sql\"");
        assert_eq!(parse("rule.toml", &text).unwrap().rule.language, Language::Sql);
    }
}

#[test]
fn limits() {
    one(&with_line("max_signals = 5000"), Code::BadValue, "5000", "taken as 1000");
    assert_eq!(parse("a.toml", &with_line("max_signals = 5000")).unwrap().rule.max_signals, Some(1000));
    assert_eq!(parse("a.toml", &with_line("max_signals = 9999999999")).unwrap().rule.max_signals, Some(1000));
    assert_eq!(parse("a.toml", &with_line("max_signals = 7")).unwrap().rule.max_signals, Some(7));
}

#[test]
fn time_between_executions_that_is_never_searched() {
    let said = said(&with("from", "from = \"now-10m\""));
    assert_eq!(said.len(), 1);
    assert!(said[0].2.contains("3000 seconds"), "{said:?}");
}

#[test]
fn nested_tables() {
    let text = format!(
        "{RULE}\n{}",
        r#"
[[rule.threat]]
framework = "MITRE ATT&CK"
[[rule.threat.technique]]
id = "T1564"
name = "Hide Artifacts"
reference = "https://attack.mitre.org/techniques/T1564/"
[[rule.threat.technique.subtechnique]]
id = "T1564.001"
name = "Hidden Files and Directories"
[rule.threat.tactic]
id = "TA0005"
name = "Defense Evasion"

[rule.alert_suppression]
group_by = ["host.name"]
missing_fields_strategy = "doNotSuppress"
duration = { value = 5, unit = "m" }

[[rule.severity_mapping]]
field = "verdict"
operator = "equals"
severity = "low"
value = "odd"

[[rule.risk_score_mapping]]
field = "score"
operator = "equals"
value = ""

[rule.investigation_fields]
field_names = ["host.name"]
"#
    );
    let Loaded { rule, warnings } = parse("rule.toml", &text).unwrap();
    assert_eq!(rule.threat[0].ids().collect::<Vec<_>>(), ["TA0005", "T1564", "T1564.001"]);
    let suppression = rule.alert_suppression.unwrap();
    assert_eq!(suppression.duration.unwrap().as_str(), "5m");
    assert!(!suppression.suppress_missing);
    assert_eq!(rule.severity_mapping[0].severity, Severity::Low);
    assert_eq!(rule.risk_score_mapping[0].field, "score");
    assert_eq!(rule.investigation_fields, ["host.name"]);
    assert!(warnings.diagnostics.is_empty());

    let wrong = text
        .replace("\"T1564\"", "\"X1564\"")
        .replace("unit = \"m\"", "unit = \"w\"")
        .replace("\"doNotSuppress\"", "\"no\"")
        .replace("\"equals\"\nseverity", "\"like\"\nseverity")
        .replace("group_by = [\"host.name\"]", "group_by = []");
    let errors = report(&wrong).diagnostics.iter().filter(|d| d.is_error()).count();
    assert_eq!(errors, 5, "{}", report(&wrong).render(false));
}

#[test]
fn what_is_a_rule_file() {
    assert!(is_rule(RULE) && is_rule("[metadata]\n") && is_rule("not toml"));
    assert!(!is_rule("[package]\nname = \"x\"\n"));
}
