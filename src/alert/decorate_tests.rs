#![expect(clippy::unwrap_used, reason = "a test may fail")]

use datafusion::arrow::array::{Array, AsArray, Int64Array, StringViewArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimestampMillisecondType, UInt8Type, UInt64Type};
use datafusion::arrow::util::display::array_value_to_string;

use super::*;

const RULE: &str = r#"[metadata]
creation_date = "2026/10/01"
updated_date = "2026/10/01"
[rule]
author = ["Egret"]
description = "Finds something."
from = "now-61m"
interval = "1h"
language = "esql"
name = "Something"
risk_score = 47
rule_id = "3d0c2b5e-7b0f-4f07-9d43-7a4bb4ad6c11"
rule_name_override = "title"
severity = "medium"
tags = ["OS: Linux", "Test"]
type = "esql"
version = 3
query = "FROM logs"
[[rule.severity_mapping]]
field = "verdict"
operator = "equals"
severity = "critical"
value = "bad"
[[rule.severity_mapping]]
field = "verdict"
operator = "equals"
severity = "low"
value = "bad"
[[rule.risk_score_mapping]]
field = "score"
operator = "equals"
value = ""
[[rule.threat]]
framework = "MITRE ATT&CK"
[rule.threat.tactic]
id = "TA0011"
name = "Command and Control"
reference = "https://attack.mitre.org/tactics/TA0011/"
[[rule.threat]]
framework = "MITRE ATT&CK"
[[rule.threat.technique]]
id = "T1564"
name = "Hide Artifacts"
[[rule.threat.technique.subtechnique]]
id = "T1564.001"
name = "Hidden Files and Directories"
[rule.threat.tactic]
id = "TA0005"
name = "Defense Evasion"
"#;

fn context(identity: Identity, hidden: usize) -> AlertContext {
    let rule = Rule::from_text("rule.toml", RULE).unwrap().rule;
    let execution = rule.schedule.as_ref().unwrap().execution_at("2026-10-01T12:00:00Z".parse().unwrap());
    AlertContext { rule: Arc::new(rule), execution, identity, hidden, indices: vec!["logs-*".into()] }
}

fn text(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<StringViewArray>())
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

fn shown(alerts: &RecordBatch, column: &str, row: usize) -> String {
    array_value_to_string(alerts.column_by_name(column).unwrap(), row).unwrap()
}

#[test]
fn an_alert_has_every_column_once_and_the_querys_in_order() {
    let rows = batch(vec![
        ("cc", Arc::new(Int64Array::from(vec![17, 18]))),
        ("process.executable", text(&[Some("/tmp/a"), Some("/tmp/b")])),
        ("$key", text(&[Some("x"), Some("y")])),
    ]);
    let alerts = decorate(&rows, &context(Identity::Group(vec!["$key".into()]), 1)).unwrap();
    let schema = alerts.schema();
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    // The fields that Elastic's alerts have, and ours.
    let of_rule = "uuid rule_id name description category consumer producer rule_type_id type version revision enabled \
                   interval from to max_signals tags author license references false_positives threat note \
                   severity_mapping risk_score_mapping rule_name_override timestamp_override exceptions_list immutable \
                   indices namespace parameters execution.uuid execution.timestamp execution.type severity risk_score";
    let of_alert = "uuid status workflow_status depth ancestors reason severity risk_score start last_detected \
                    intended_timestamp";
    let others =
        "@timestamp egret.group_id kibana.space_ids egret.window.from egret.window.to event.kind cc process.executable";
    let mut expected: Vec<String> = of_rule.split(' ').map(|name| format!("kibana.alert.rule.{name}")).collect();
    expected.extend(of_alert.split(' ').map(|name| format!("kibana.alert.{name}")));
    expected.extend(others.split(' ').map(str::to_owned));
    expected.sort();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    assert_eq!((names[0], &names[names.len() - 2..]), ("@timestamp", &["cc", "process.executable"][..]));
    assert_eq!(shown(&alerts, "kibana.alert.rule.indices", 0), "[logs-*]");
    assert_eq!(alerts.column_by_name("kibana.alert.ancestors").unwrap().as_list::<i32>().value(0).len(), 0);
    assert_eq!(alerts.column_by_name("cc").unwrap().as_primitive::<Int64Type>().values(), &[17, 18]);
    assert_ne!(shown(&alerts, "kibana.alert.uuid", 0), shown(&alerts, "kibana.alert.uuid", 1));
    assert_eq!(shown(&alerts, "kibana.alert.reason", 1), "event with process /tmp/b, created medium alert Something.");
    assert_eq!(shown(&alerts, "kibana.alert.rule.rule_id", 0), "3d0c2b5e-7b0f-4f07-9d43-7a4bb4ad6c11");
    assert_eq!(alerts.column_by_name("kibana.alert.rule.version").unwrap().as_primitive::<UInt64Type>().value(1), 3);
    assert_eq!(shown(&alerts, "kibana.alert.rule.tags", 1), "[OS: Linux, Test]");
    assert_eq!(shown(&alerts, "kibana.alert.rule.from", 0), "now-61m");
    assert_eq!(shown(&alerts, "egret.window.from", 0), "2026-10-01T10:59:00Z");
    assert_eq!(shown(&alerts, "egret.window.to", 0), "2026-10-01T12:00:00Z");
    assert_eq!(shown(&alerts, "event.kind", 0), "signal");
    let time = alerts.column_by_name("@timestamp").unwrap().as_primitive::<TimestampMillisecondType>();
    assert_eq!(time.value(0), 1_790_856_000_000);
}

#[test]
fn the_mapping_is_nested_as_in_elastic() {
    let rows = batch(vec![("cc", Arc::new(Int64Array::from(vec![1, 2])))]);
    let alerts = decorate(&rows, &context(Identity::Row, 0)).unwrap();
    let threats = alerts.column_by_name("kibana.alert.rule.threat").unwrap().as_list::<i32>().value(1);
    let threats = threats.as_struct();
    assert_eq!(threats.len(), 2);
    let tactic = threats.column_by_name("tactic").unwrap().as_struct();
    assert_eq!(tactic.column_by_name("id").unwrap().as_string::<i32>().value(1), "TA0005");
    assert!(tactic.column_by_name("reference").unwrap().is_null(1));
    let techniques = threats.column_by_name("technique").unwrap().as_list::<i32>();
    assert_eq!(techniques.value(0).len(), 0);
    let technique = techniques.value(1);
    let subtechniques = technique.as_struct().column_by_name("subtechnique").unwrap().as_list::<i32>().value(0);
    let ids = subtechniques.as_struct().column_by_name("id").unwrap();
    assert_eq!(ids.as_string::<i32>().value(0), "T1564.001");
}

#[test]
fn what_the_alert_replaces_is_kept() {
    let own = TimestampMicrosecondArray::from(vec![1_000_000]).with_timezone("UTC");
    let rows = batch(vec![
        ("@timestamp", Arc::new(own)),
        ("event.kind", text(&[Some("event")])),
        ("kibana.alert.rule.name", text(&[Some("Another rule")])),
        ("kibana.alert.depth", text(&[Some("1")])),
    ]);
    let alerts = decorate(&rows, &context(Identity::Row, 0)).unwrap();
    assert_eq!(shown(&alerts, "@timestamp", 0), "2026-10-01T12:00:00Z");
    assert_eq!(shown(&alerts, "kibana.alert.original_time", 0), "1970-01-01T00:00:01Z");
    assert_eq!(shown(&alerts, "kibana.alert.original_event.kind", 0), "event");
    assert_eq!(shown(&alerts, "kibana.alert.rule.name", 0), "Something");
    assert_eq!(shown(&alerts, "kibana.alert.depth", 0), "2");
    let schema = alerts.schema();
    let mut names: Vec<_> = schema.fields().iter().map(|field| field.name()).collect();
    names.sort();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

#[test]
fn severity_score_and_name_may_depend_on_the_row() {
    let rows = batch(vec![
        ("verdict", text(&[Some("bad"), Some("good"), None])),
        ("score", text(&[Some("88.4"), Some("888"), None])),
        ("title", text(&[Some("Title"), Some(""), None])),
    ]);
    let alerts = decorate(&rows, &context(Identity::Row, 0)).unwrap();
    let column = |name: &str| (0..3).map(|row| shown(&alerts, name, row)).collect::<Vec<_>>();
    assert_eq!(column("kibana.alert.severity"), ["critical", "medium", "medium"]);
    assert_eq!(column("kibana.alert.rule.severity"), ["medium", "medium", "medium"]);
    assert_eq!(
        alerts.column_by_name("kibana.alert.risk_score").unwrap().as_primitive::<UInt8Type>().values(),
        &[88, 47, 47]
    );
    assert_eq!(column("kibana.alert.rule.name"), ["Title", "Something", "Something"]);
    assert_eq!(column("kibana.alert.reason")[0], "event created critical alert Title.");
}

#[test]
fn no_rows_still_have_columns() {
    let rows = batch(vec![("cc", Arc::new(Int64Array::from(vec![1])))]).slice(0, 0);
    let context = context(Identity::Row, 0);
    let alerts = decorate(&rows, &context).unwrap();
    assert_eq!(alerts.num_rows(), 0);
    assert_eq!(alerts.schema(), *Decorator::new(&rows.schema(), context).schema());
}

#[test]
fn a_bare_query_has_no_window() {
    let rule = Rule::from_text("a.sql", "SELECT 1").unwrap().rule;
    let execution = Execution { at: "2026-10-01T12:00:00Z".parse().unwrap(), window: None };
    let context =
        AlertContext { rule: Arc::new(rule), execution, identity: Identity::Row, hidden: 0, indices: Vec::new() };
    let alerts = decorate(&batch(vec![("cc", Arc::new(Int64Array::from(vec![1])))]), &context).unwrap();
    for name in ["egret.window.from", "egret.window.to", "kibana.alert.rule.from", "kibana.alert.rule.to"] {
        assert!(alerts.column_by_name(name).unwrap().is_null(0), "{name}");
    }
    let threat = alerts.column_by_name("kibana.alert.rule.threat").unwrap();
    assert!(matches!(threat.data_type(), DataType::List(_)));
    assert_eq!(threat.as_list::<i32>().value(0).len(), 0);
}

#[test]
fn field_metadata_stays() {
    let field = Field::new("tags", DataType::Utf8View, true).with_metadata([("a".into(), "b".into())].into());
    let rows = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![text(&[Some("x")])]).unwrap();
    let alerts = decorate(&rows, &context(Identity::Row, 0)).unwrap();
    assert_eq!(alerts.schema().field_with_name("tags").unwrap().metadata().get("a").map(String::as_str), Some("b"));
}

#[test]
fn an_alert_holds_its_event_and_the_query_goes_before_it() {
    let rows = batch(vec![
        ("host.name", text(&[Some("of the query")])),
        ("__origin._id", text(&[Some("e1")])),
        ("__origin._index", text(&[Some("logs-a")])),
        ("__origin.host.name", text(&[Some("of the event")])),
        ("__origin.user.name", text(&[Some("root")])),
    ]);
    let identity = Identity::new(false, None, Vec::new(), &rows.schema());
    assert_eq!(identity, Identity::Event(Vec::new()));
    let alerts = decorate(&rows, &context(identity, 0)).unwrap();
    assert_eq!(shown(&alerts, "host.name", 0), "of the query");
    assert_eq!(shown(&alerts, "user.name", 0), "root");
    assert!(alerts.column_by_name("_id").is_none());
    let ancestors = shown(&alerts, "kibana.alert.ancestors", 0);
    assert_eq!(ancestors, "[{id: e1, type: event, index: logs-a, depth: 0}]");
    let reason = shown(&alerts, "kibana.alert.reason", 0);
    assert_eq!(reason, "event by root on of the query created medium alert Something.");
}
