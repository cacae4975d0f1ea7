//! A rule file in the TOML of Elastic's detection-rules becomes a rule, or a list of everything that is wrong with it.

use std::cell::RefCell;

use toml::de::DeTable;
use uuid::Uuid;

use super::date_math::DateMath;
use super::keys;
use super::schedule::Schedule;
use super::section::{At, Section};
use super::threat::{Entry, Technique, Threat};
use super::{
    Language, Loaded, MAX_SIGNALS_CAP, MAX_SIGNALS_DEFAULT, Metadata, Origin, Query, RiskScoreMapping, Rule, Severity,
    SeverityMapping, Suppression,
};
use crate::diagnostic::{Code, Diagnostic, Report, Span};
use crate::interval::Interval;

const SEVERITY_HELP: &str = "write `low`, `medium`, `high` or `critical`";

/// How many syntax errors are told at most.
const SYNTAX_ERRORS: usize = 10;

/// The rule in `text`; `name` is the path of its file.
pub(super) fn parse(name: &str, text: &str) -> Result<Loaded, Report> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mut diagnostics: Vec<_> = errors.iter().map(syntax).collect();
        // what follows a mistake is often its echo
        diagnostics.dedup();
        diagnostics.truncate(SYNTAX_ERRORS);
        return Err(Report::new(name, text, diagnostics));
    }
    let findings = RefCell::new(Vec::new());
    let origin = Origin { name: name.to_owned(), text: text.to_owned() };
    let rule = read(Section::root(text, root.get_ref(), &findings), origin);
    let report = Report::new(name, text, findings.into_inner());
    match rule {
        Some(rule) if !report.has_errors() => Ok(Loaded { rule, warnings: report }),
        _ => Err(report),
    }
}

/// Whether a TOML file holds a rule rather than something else, such as the settings of a tool.
pub(super) fn is_rule(text: &str) -> bool {
    let (root, errors) = DeTable::parse_recoverable(text);
    // a file that is no TOML may be meant as a rule: better reported than skipped
    !errors.is_empty() || root.get_ref().contains_key("rule") || root.get_ref().contains_key("metadata")
}

fn syntax(error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or_default();
    Diagnostic::error(Code::Toml, Span::new(span.start, span.end), error.message().trim_end_matches('.'))
}

/// The rule, unless one of the errors that were reported leaves it without something it needs.
fn read(root: Section<'_>, origin: Origin) -> Option<Rule> {
    root.only(keys::TOP);
    let metadata = read_metadata(root);
    let Some(rule) = root.section("rule", "rule") else {
        if !root.has("rule") {
            root.missing("rule", "put name, severity, query and so on below a line `[rule]`");
        }
        return None;
    };
    let runs_here = is_known_type(rule);
    if runs_here {
        rule.only(keys::RULE);
    }
    // read everything before giving up, so that every mistake is told
    let language = if runs_here { read_language(rule) } else { None };
    let query = if runs_here { rule.required_text("query", "write the query between `'''` and `'''`") } else { None };
    let name = rule.required_text("name", "give the rule a name");
    let description = rule.required_text("description", "say in a sentence what the rule finds");
    let rule_id = read_rule_id(rule);
    let severity = read_severity(rule);
    let risk_score = read_risk_score(rule);
    if !rule.has("author") {
        rule.missing("author", "write for example `author = [\"Security Team\"]`");
    }
    let schedule = read_schedule(rule);
    let max_signals = read_max_signals(rule);
    let version = read_version(rule);
    warn_not_applied(rule);
    Some(Rule {
        origin,
        rule_id: rule_id.unwrap_or_default(),
        name: name.map(|name| name.value).unwrap_or_default(),
        description: description.map(|text| text.value.trim().to_owned()).unwrap_or_default(),
        severity: severity.unwrap_or(Severity::Low),
        risk_score: risk_score.unwrap_or_default(),
        version,
        revision: rule.integer("revision").and_then(|count| u64::try_from(count.value).ok()).unwrap_or(0),
        immutable: rule.flag("immutable").unwrap_or(false),
        tags: rule.texts("tags"),
        threat: rule.sections("threat", "rule.threat").into_iter().filter_map(read_threat).collect(),
        language: language.unwrap_or(Language::Esql),
        query: query.map(|query| Query { offset: rule.offset(&query), text: query.value })?,
        schedule: Some(schedule),
        max_signals: Some(max_signals),
        timestamp_override: rule.text("timestamp_override").map(|field| field.value),
        timestamp_override_fallback_disabled: rule.flag("timestamp_override_fallback_disabled").unwrap_or(false),
        author: rule.texts("author"),
        license: rule.text("license").map(|text| text.value),
        references: rule.texts("references"),
        false_positives: rule.texts("false_positives"),
        note: rule.text("note").map(|text| text.value),
        setup: rule.text("setup").map(|text| text.value),
        alert_suppression: rule.section("alert_suppression", "rule.alert_suppression").map(read_suppression),
        exceptions_list: rule.values("exceptions_list"),
        investigation_fields: rule
            .section("investigation_fields", "rule.investigation_fields")
            .map(|section| {
                section.only(keys::INVESTIGATION);
                section.texts("field_names")
            })
            .unwrap_or_default(),
        severity_mapping: rule
            .sections("severity_mapping", "rule.severity_mapping")
            .into_iter()
            .filter_map(read_severity_mapping)
            .collect(),
        risk_score_mapping: rule
            .sections("risk_score_mapping", "rule.risk_score_mapping")
            .into_iter()
            .filter_map(read_risk_score_mapping)
            .collect(),
        rule_name_override: rule.text("rule_name_override").map(|field| field.value),
        building_block_type: rule.text("building_block_type").map(|text| text.value),
        filters: rule.values("filters"),
        enabled: rule.flag("enabled").unwrap_or(true),
        metadata,
    })
}

fn read_metadata(root: Section<'_>) -> Metadata {
    let Some(section) = root.section("metadata", "metadata") else {
        if !root.has("metadata") {
            let message = "expected a table `[metadata]` with `creation_date` and `updated_date`, found none";
            root.add(Diagnostic::warning(Code::MissingKey, Span::new(0, 0), message));
        }
        return Metadata::default();
    };
    section.only(keys::METADATA);
    let date = |key: &str| {
        if !section.has(key) {
            let message = format!("`[metadata]` lacks the key `{key}`");
            let help = format!("write `{key} = \"2026/10/01\"`, the day as year, month and day");
            section.add(Diagnostic::warning(Code::MissingKey, section.span, message).with_help(help));
        }
        let date = section.text(key)?;
        if chrono::NaiveDate::parse_from_str(&date.value, "%Y/%m/%d").is_err() || date.value.len() != 10 {
            let message = format!("expected a date for `{key}`, found `{}`", date.value);
            section.wrong(date.span, message, "write year, month and day, such as `2026/10/01`");
        }
        Some(date.value)
    };
    Metadata {
        creation_date: date("creation_date"),
        updated_date: date("updated_date"),
        maturity: section.text("maturity").map(|text| text.value),
        integration: section.text_or_texts("integration"),
        min_stack_version: section.text("min_stack_version").map(|text| text.value),
    }
}

/// Whether the rule is of a type that runs here; says so if not.
fn is_known_type(rule: Section<'_>) -> bool {
    let Some(kind) = rule.required_text("type", "write `type = \"esql\"` or `type = \"sql\"`") else { return true };
    let name = kind.value.as_str();
    if matches!(name, "esql" | "sql") {
        return true;
    }
    if keys::FOREIGN_TYPES.contains(&name) {
        let message = format!("a rule of type `{name}`, only `esql` and `sql` run here");
        rule.wrong(kind.span, message, "rewrite its query in ES|QL or SQL, or leave this rule out");
    } else {
        let message = format!("expected a rule of type `esql` or `sql`, found `{name}`");
        rule.wrong(kind.span, message, "write `type = \"esql\"` or `type = \"sql\"`");
    }
    false
}

fn read_language(rule: Section<'_>) -> Option<Language> {
    let language = rule.required_text("language", "write `language = \"esql\"` or `language = \"sql\"`")?;
    let Some(known) = [Language::Esql, Language::Sql].into_iter().find(|known| known.name() == language.value) else {
        let message = format!("expected `esql` or `sql` for `language`, found `{}`", language.value);
        rule.wrong(language.span, message, "write `language = \"esql\"` or `language = \"sql\"`");
        return None;
    };
    // `type = "esql"` with `language = "sql"` is a SQL rule for tools that know Elastic's types only
    if let Some(kind) = rule.text("type").filter(|kind| kind.value == "sql" && known == Language::Esql) {
        rule.wrong(kind.span, "expected the type `esql` with the language `esql`, found `sql`", "let both agree");
    }
    Some(known)
}

fn read_rule_id(rule: Section<'_>) -> Option<Uuid> {
    let help = "write a UUID such as `f3a1c2d4-5b6e-4f70-8192-a3b4c5d6e7f8`";
    let text = rule.required_text("rule_id", help)?;
    let id = Uuid::try_parse(&text.value).ok().filter(|_| text.value.len() == 36);
    if id.is_none() {
        rule.wrong(text.span, format!("expected a UUID for `rule_id`, found `{}`", text.value), help);
    }
    id
}

fn read_severity(section: Section<'_>) -> Option<Severity> {
    let text = section.required_text("severity", SEVERITY_HELP)?;
    let severity = Severity::parse(&text.value);
    if severity.is_none() {
        section.wrong(text.span, format!("expected a severity, found `{}`", text.value), SEVERITY_HELP);
    }
    severity
}

fn read_risk_score(rule: Section<'_>) -> Option<u8> {
    let help = "write a whole number from 0 to 100";
    if !rule.has("risk_score") {
        rule.missing("risk_score", help);
    }
    let score = rule.integer("risk_score")?;
    in_score_range(rule, &score)
}

fn in_score_range(section: Section<'_>, score: &At<i64>) -> Option<u8> {
    let valid = u8::try_from(score.value).ok().filter(|score| *score <= 100);
    if valid.is_none() {
        let message = format!("expected a risk score from 0 to 100, found {}", score.value);
        section.wrong(score.span, message, "write a whole number from 0 to 100");
    }
    valid
}

fn read_schedule(rule: Section<'_>) -> Schedule {
    let default = Schedule::default();
    let written = rule.parsed("interval", Interval::parse);
    let span = written.as_ref().map_or_else(|| rule.key_span("from"), |interval| interval.span);
    let (from, to) = (rule.parsed("from", DateMath::parse), rule.parsed("to", DateMath::parse));
    let read = |key: &str, is_read: bool| is_read || !rule.has(key);
    let is_whole = read("interval", written.is_some()) && read("from", from.is_some()) && read("to", to.is_some());
    let ends = from.as_ref().or(to.as_ref()).map_or(span, |end| end.span);
    let schedule = Schedule {
        interval: written.map_or(default.interval, |interval| interval.value),
        from: from.map_or(default.from, |from| from.value),
        to: to.map_or(default.to, |to| to.value),
    };
    if !is_whole {
        return schedule; // judging defaults that nobody wrote would only confuse
    }
    let fixed = |math: &DateMath| (!math.is_relative()).then(|| math.resolve(chrono::DateTime::UNIX_EPOCH));
    let reversed = match (schedule.from.offset(), schedule.to.offset()) {
        (Some(from), Some(to)) => from > to,
        _ => matches!((fixed(&schedule.from), fixed(&schedule.to)), (Some(from), Some(to)) if from > to),
    };
    if reversed {
        let message = format!("expected a window, found `{}` after `{}`", schedule.from, schedule.to);
        rule.wrong(ends, message, "let `from` be before `to`");
    } else if let Some(unseen) = schedule.unseen() {
        let message = format!(
            "the rule runs every {} and looks from `{}` to `{}`: {} seconds between two executions are never searched",
            schedule.interval,
            schedule.from,
            schedule.to,
            unseen.num_seconds()
        );
        rule.add(Diagnostic::warning(Code::BadValue, span, message).with_help("let `from` reach back further"));
    }
    schedule
}

fn read_max_signals(rule: Section<'_>) -> u32 {
    let Some(count) = rule.integer("max_signals") else { return MAX_SIGNALS_DEFAULT };
    match u32::try_from(count.value) {
        Ok(count) if (1..=MAX_SIGNALS_CAP).contains(&count) => count,
        Err(_) | Ok(0) if count.value < 1 => {
            let message = format!("expected a `max_signals` of at least 1, found {}", count.value);
            rule.wrong(count.span, message, &format!("write a whole number from 1 to {MAX_SIGNALS_CAP}"));
            MAX_SIGNALS_DEFAULT
        }
        _ => {
            let message = format!("`max_signals` of {} is taken as {MAX_SIGNALS_CAP}, the most there is", count.value);
            rule.add(Diagnostic::warning(Code::BadValue, count.span, message));
            MAX_SIGNALS_CAP
        }
    }
}

fn read_version(rule: Section<'_>) -> u64 {
    let Some(version) = rule.integer("version") else { return 1 };
    u64::try_from(version.value).ok().filter(|version| *version >= 1).unwrap_or_else(|| {
        rule.wrong(version.span, format!("expected a version of at least 1, found {}", version.value), "count from 1");
        1
    })
}

/// Warns of what the rule asks for and no part of an execution does.
fn warn_not_applied(rule: Section<'_>) {
    if !rule.values("filters").is_empty() {
        let warning =
            Diagnostic::warning(Code::Unsupported, rule.key_span("filters"), "`filters` is read and not applied");
        rule.add(warning.with_help("write them into the query"));
    }
}

fn read_threat(section: Section<'_>) -> Option<Threat> {
    section.only(keys::THREAT);
    let framework = section.required_text("framework", "write `framework = \"MITRE ATT&CK\"`");
    let tactic = section.section("tactic", "rule.threat.tactic");
    if !section.has("tactic") {
        section.missing("tactic", "add `[rule.threat.tactic]` with id, name and reference");
    }
    let tactic = tactic.and_then(|tactic| {
        tactic.only(keys::TACTIC);
        read_entry(tactic)
    });
    let techniques = section.sections("technique", "rule.threat.technique").into_iter().filter_map(|technique| {
        technique.only(keys::TECHNIQUE);
        let subtechniques = technique.sections("subtechnique", "rule.threat.technique.subtechnique");
        let subtechnique = subtechniques.into_iter().filter_map(|subtechnique| {
            subtechnique.only(keys::TACTIC);
            read_entry(subtechnique)
        });
        let subtechnique = subtechnique.collect();
        Some(Technique { entry: read_entry(technique)?, subtechnique })
    });
    let technique = techniques.collect();
    Some(Threat { framework: framework?.value, tactic: tactic?, technique })
}

fn read_entry(section: Section<'_>) -> Option<Entry> {
    let id = section.required_text("id", "write the identifier of MITRE ATT&CK, such as `T1071`");
    let name = section.required_text("name", "write the name of MITRE ATT&CK");
    let reference = section.text("reference").map(|reference| reference.value);
    if let Some(id) = id.as_ref().filter(|id| !is_attack_id(&id.value)) {
        let message = format!("expected an identifier of MITRE ATT&CK, found `{}`", id.value);
        section.wrong(id.span, message, "write it as in `TA0011`, `T1071` or `T1564.001`");
    }
    Some(Entry { id: id?.value, name: name?.value, reference })
}

fn is_attack_id(id: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    match (id.strip_prefix("TA"), id.strip_prefix('T')) {
        (Some(tactic), _) => digits(tactic, 4),
        (None, Some(technique)) => match technique.split_once('.') {
            Some((technique, part)) => digits(technique, 4) && digits(part, 3),
            None => digits(technique, 4),
        },
        (None, None) => false,
    }
}

fn read_suppression(section: Section<'_>) -> Suppression {
    section.only(keys::SUPPRESSION);
    let fields = section.texts("group_by");
    if !section.has("group_by") {
        section.missing("group_by", "name one to three fields");
    } else if !(1..=3).contains(&fields.len()) {
        let message = format!("expected one to three fields in `group_by`, found {}", fields.len());
        section.wrong(section.key_span("group_by"), message, "name one to three fields");
    }
    let duration = section.section("duration", "rule.alert_suppression.duration").and_then(|duration| {
        duration.only(keys::DURATION);
        for key in ["value", "unit"].into_iter().filter(|key| !duration.has(key)) {
            duration.missing(key, "write for example `value = 5` and `unit = \"m\"`");
        }
        let (value, unit) = (duration.integer("value"), duration.text("unit"));
        let (value, unit) = (value?, unit?);
        Interval::parse(&format!("{}{}", value.value, unit.value))
            .map_err(|diagnostic| duration.add(Diagnostic { span: value.span, ..diagnostic }))
            .ok()
    });
    let strategy = section.text("missing_fields_strategy");
    let suppress_missing = match strategy.as_ref().map(|text| text.value.as_str()) {
        None | Some("suppress") => true,
        Some("doNotSuppress") => false,
        Some(other) => {
            let span = strategy.as_ref().map_or(section.span, |text| text.span);
            let message = format!("expected a strategy for missing fields, found `{other}`");
            section.wrong(span, message, "write `suppress` or `doNotSuppress`");
            true
        }
    };
    Suppression { group_by: fields, duration, suppress_missing }
}

fn read_severity_mapping(section: Section<'_>) -> Option<SeverityMapping> {
    section.only(keys::SEVERITY_MAPPING);
    check_operator(section);
    let (field, severity) = (section.required_text("field", "name a column of the query"), read_severity(section));
    if !section.has("value") {
        section.missing("value", "write the value that the field must have");
    }
    let value = section.text("value");
    Some(SeverityMapping { field: field?.value, value: value?.value, severity: severity? })
}

fn read_risk_score_mapping(section: Section<'_>) -> Option<RiskScoreMapping> {
    section.only(keys::RISK_SCORE_MAPPING);
    check_operator(section);
    let field = section.required_text("field", "name a column of the query");
    let value = section.text("value").map(|value| value.value).filter(|value| !value.is_empty());
    let risk_score = section.integer("risk_score").and_then(|score| in_score_range(section, &score));
    Some(RiskScoreMapping { field: field?.value, value, risk_score })
}

fn check_operator(section: Section<'_>) {
    if let Some(operator) = section.text("operator").filter(|operator| operator.value != "equals") {
        let message = format!("expected `equals` for `operator`, found `{}`", operator.value);
        section.wrong(operator.span, message, "write `operator = \"equals\"`, there is no other");
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
