//! The keys that a rule file may hold, table by table, and what to say of others.

use crate::diagnostic::{Code, Diagnostic, Span};

pub(super) const TOP: &[&str] = &["metadata", "rule", "transform"];

pub(super) const METADATA: &[&str] = &[
    "bypass_bbr_timing",
    "comments",
    "creation_date",
    "deprecated_reason",
    "deprecation_date",
    "extended",
    "integration",
    "local_changes",
    "maturity",
    "min_stack_comments",
    "min_stack_version",
    "os_type_list",
    "promotion",
    "query_schema_validation",
    "related_endpoint_rules",
    "updated_date",
];

pub(super) const RULE: &[&str] = &[
    "actions",
    "alert_suppression",
    "author",
    "building_block_type",
    "description",
    "enabled",
    "exceptions_list",
    "false_positives",
    "filters",
    "from",
    "immutable",
    "interval",
    "investigation_fields",
    "language",
    "license",
    "max_signals",
    "meta",
    "name",
    "note",
    "outcome",
    "output_index",
    "query",
    "references",
    "related_integrations",
    "required_fields",
    "response_actions",
    "revision",
    "risk_score",
    "risk_score_mapping",
    "rule_id",
    "rule_name_override",
    "rule_source",
    "setup",
    "severity",
    "severity_mapping",
    "tags",
    "threat",
    "throttle",
    "timeline_id",
    "timeline_title",
    "timestamp_override",
    "timestamp_override_fallback_disabled",
    "to",
    "type",
    "version",
];

/// Keys of rules of other types.
pub(super) const OTHER_TYPES: &[&str] = &[
    "anomaly_threshold",
    "concurrent_searches",
    "data_view_id",
    "event_category_override",
    "history_window_start",
    "index",
    "items_per_search",
    "machine_learning_job_id",
    "new_terms",
    "new_terms_fields",
    "saved_id",
    "threat_filters",
    "threat_index",
    "threat_indicator_path",
    "threat_language",
    "threat_mapping",
    "threat_query",
    "threshold",
    "tiebreaker_field",
    "timestamp_field",
];

pub(super) const THREAT: &[&str] = &["framework", "tactic", "technique"];
pub(super) const TACTIC: &[&str] = &["id", "name", "reference"];
pub(super) const TECHNIQUE: &[&str] = &["id", "name", "reference", "subtechnique"];
pub(super) const SUPPRESSION: &[&str] = &["duration", "group_by", "missing_fields_strategy"];
pub(super) const DURATION: &[&str] = &["unit", "value"];
pub(super) const INVESTIGATION: &[&str] = &["field_names"];
pub(super) const SEVERITY_MAPPING: &[&str] = &["field", "operator", "severity", "value"];
pub(super) const RISK_SCORE_MAPPING: &[&str] = &["field", "operator", "risk_score", "value"];

/// The types of Elastic's rules that do not run here.
pub(super) const FOREIGN_TYPES: &[&str] =
    &["eql", "machine_learning", "new_terms", "query", "saved_query", "threat_match", "threshold"];

/// A warning that the table `table` has no key `key`.
pub(super) fn unknown(table: &str, key: &str, span: Span, known: &[&str]) -> Diagnostic {
    if known == RULE && OTHER_TYPES.contains(&key) {
        let message = format!("`{key}` belongs to rules of another type and has no effect here");
        return Diagnostic::warning(Code::UnknownKey, span, message)
            .with_help("remove it; the query says what it reads");
    }
    let place = if table.is_empty() { "a rule file".to_owned() } else { format!("`[{table}]`") };
    let warning = Diagnostic::warning(Code::UnknownKey, span, format!("{place} has no key `{key}`"));
    match nearest(key, known) {
        Some(known) => warning.with_help(format!("did you mean `{known}`?")),
        None => warning.with_help("remove it, it has no effect"),
    }
}

/// The name nearest to `found`, if one is near.
pub(super) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let found = found.to_lowercase();
    let likeness = |name: &&str| strsim::jaro_winkler(&found, name);
    known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|name| likeness(name) > 0.8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        assert_eq!(nearest("risk-score", RULE), Some("risk_score"));
        assert_eq!(nearest("Severty", RULE), Some("severity"));
        assert_eq!(nearest("xyzzy", RULE), None);
    }

    #[test]
    fn lists_are_sorted_and_apart() {
        for list in [TOP, METADATA, RULE, OTHER_TYPES, THREAT, TACTIC, TECHNIQUE, FOREIGN_TYPES] {
            assert!(list.is_sorted(), "{list:?}");
        }
        assert!(RULE.iter().all(|key| !OTHER_TYPES.contains(key)));
    }
}
