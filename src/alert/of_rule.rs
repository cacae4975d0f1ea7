//! What every alert says of its rule and its execution: the columns `kibana.alert.rule.*`, as Elastic names them.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, StringArray, UInt8Array, UInt32Array, UInt64Array};

use super::constant::{instant, one_list, records, text, texts, threats};
use super::id::execution_id;
use crate::rule::{Execution, Language, Rule};

/// The columns, each of one row. The rule's name is not among them: it may depend on the row.
pub(super) fn of_rule(rule: &Rule, indices: &[String], execution: &Execution) -> Vec<(&'static str, ArrayRef)> {
    let schedule = rule.schedule.as_ref();
    let optional = |value: &Option<String>| text(value.as_deref());
    let (severities, scores) = (severity_mapping(rule), risk_score_mapping(rule));
    let (from, to) = (text(schedule.map(|s| s.from.as_str())), text(schedule.map(|s| s.to.as_str())));
    let (kind, type_id, category) = match rule.language {
        Language::Esql => ("esql", "siem.esqlRule", "ES|QL Rule"),
        Language::Sql => ("sql", "egret.sqlRule", "SQL Rule"),
    };
    let id = rule.rule_id.to_string();
    let parameters = records(vec![
        ("author", texts(&rule.author)),
        ("description", text(Some(&rule.description))),
        ("exceptions_list", exceptions(rule)),
        ("false_positives", texts(&rule.false_positives)),
        ("from", Arc::clone(&from)),
        ("immutable", flag(rule.immutable)),
        ("language", text(Some(rule.language.name()))),
        ("license", optional(&rule.license)),
        ("max_signals", signals(rule)),
        ("note", optional(&rule.note)),
        ("query", text(Some(&rule.query.text))),
        ("references", texts(&rule.references)),
        ("risk_score", score(rule)),
        ("risk_score_mapping", Arc::clone(&scores)),
        ("rule_id", text(Some(&id))),
        ("rule_name_override", optional(&rule.rule_name_override)),
        ("setup", optional(&rule.setup)),
        ("severity", text(Some(rule.severity.name()))),
        ("severity_mapping", Arc::clone(&severities)),
        ("threat", threats(&rule.threat)),
        ("timestamp_override", optional(&rule.timestamp_override)),
        ("timestamp_override_fallback_disabled", flag(rule.timestamp_override_fallback_disabled)),
        ("to", Arc::clone(&to)),
        ("type", text(Some(kind))),
        ("version", number(rule.version)),
    ]);
    vec![
        ("kibana.alert.rule.uuid", text(Some(&id))),
        ("kibana.alert.rule.rule_id", text(Some(&id))),
        ("kibana.alert.rule.description", text(Some(&rule.description))),
        ("kibana.alert.rule.category", text(Some(category))),
        ("kibana.alert.rule.consumer", text(Some("siem"))),
        ("kibana.alert.rule.producer", text(Some("siem"))),
        ("kibana.alert.rule.rule_type_id", text(Some(type_id))),
        ("kibana.alert.rule.type", text(Some(kind))),
        ("kibana.alert.rule.severity", text(Some(rule.severity.name()))),
        ("kibana.alert.rule.risk_score", score(rule)),
        ("kibana.alert.rule.version", number(rule.version)),
        ("kibana.alert.rule.revision", number(rule.revision)),
        ("kibana.alert.rule.enabled", flag(rule.enabled)),
        ("kibana.alert.rule.immutable", flag(rule.immutable)),
        ("kibana.alert.rule.interval", text(schedule.map(|s| s.interval.as_str()))),
        ("kibana.alert.rule.from", from),
        ("kibana.alert.rule.to", to),
        ("kibana.alert.rule.max_signals", signals(rule)),
        ("kibana.alert.rule.tags", texts(&rule.tags)),
        ("kibana.alert.rule.author", texts(&rule.author)),
        ("kibana.alert.rule.license", optional(&rule.license)),
        ("kibana.alert.rule.references", texts(&rule.references)),
        ("kibana.alert.rule.false_positives", texts(&rule.false_positives)),
        ("kibana.alert.rule.threat", threats(&rule.threat)),
        ("kibana.alert.rule.note", optional(&rule.note)),
        ("kibana.alert.rule.severity_mapping", severities),
        ("kibana.alert.rule.risk_score_mapping", scores),
        ("kibana.alert.rule.rule_name_override", optional(&rule.rule_name_override)),
        ("kibana.alert.rule.timestamp_override", optional(&rule.timestamp_override)),
        ("kibana.alert.rule.exceptions_list", exceptions(rule)),
        ("kibana.alert.rule.indices", texts(indices)),
        ("kibana.alert.rule.namespace", text(None)),
        ("kibana.alert.rule.parameters", parameters),
        ("kibana.alert.rule.execution.uuid", text(Some(&execution_id(rule, execution.at).to_string()))),
        ("kibana.alert.rule.execution.timestamp", instant(Some(execution.at))),
        ("kibana.alert.rule.execution.type", text(Some("scheduled"))),
    ]
}

fn flag(value: bool) -> ArrayRef {
    Arc::new(BooleanArray::from(vec![value]))
}

fn number(value: u64) -> ArrayRef {
    Arc::new(UInt64Array::from(vec![value]))
}

fn score(rule: &Rule) -> ArrayRef {
    Arc::new(UInt8Array::from(vec![rule.risk_score]))
}

fn signals(rule: &Rule) -> ArrayRef {
    Arc::new(UInt32Array::from(vec![rule.max_signals]))
}

fn severity_mapping(rule: &Rule) -> ArrayRef {
    let all = || rule.severity_mapping.iter();
    let column = |values: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    one_list(records(vec![
        ("field", column(all().map(|m| m.field.as_str()).collect())),
        ("operator", column(all().map(|_| "equals").collect())),
        ("value", column(all().map(|m| m.value.as_str()).collect())),
        ("severity", column(all().map(|m| m.severity.name()).collect())),
    ]))
}

fn risk_score_mapping(rule: &Rule) -> ArrayRef {
    let all = || rule.risk_score_mapping.iter();
    let column = |values: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    one_list(records(vec![
        ("field", column(all().map(|m| m.field.as_str()).collect())),
        ("operator", column(all().map(|_| "equals").collect())),
        ("value", column(all().map(|m| m.value.as_deref().unwrap_or_default()).collect())),
        ("risk_score", Arc::new(all().map(|m| m.risk_score).collect::<UInt8Array>())),
    ]))
}

/// The lists of exceptions that the rule names.
fn exceptions(rule: &Rule) -> ArrayRef {
    let column = |key: &str| -> ArrayRef {
        let value = |list: &toml::Value| list.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        Arc::new(rule.exceptions_list.iter().map(value).collect::<StringArray>())
    };
    one_list(records(["id", "list_id", "type", "namespace_type"].map(|key| (key, column(key))).to_vec()))
}
