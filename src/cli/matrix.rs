//! What became of each rule of a check, as a table, as JSON and as JUnit's XML.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Report, Severity};
use crate::error::Error;

/// What became of one rule.
pub(super) struct Checked {
    pub(super) path: String,
    pub(super) name: Option<String>,
    pub(super) reports: Vec<Report>,
    pub(super) failure: Option<Error>,
}

impl Checked {
    /// `runs`, `warns` or `fails`.
    pub(super) fn status(&self) -> &'static str {
        if self.failure.is_some() || self.reports.iter().any(Report::has_errors) {
            "fails"
        } else if self.reports.iter().any(|report| !report.diagnostics.is_empty()) {
            "warns"
        } else {
            "runs"
        }
    }

    /// The first mistake, or else the first warning, with its place; none for a rule that runs.
    fn reason(&self) -> Option<String> {
        if let Some(error) = &self.failure {
            return Some(error.to_string());
        }
        let all = || self.reports.iter().flat_map(|report| report.diagnostics.iter().map(move |d| (report, d)));
        let (report, first) = all().find(|(_, d)| d.is_error()).or_else(|| all().next())?;
        let (line, column) = report.line_column(first.span.start);
        Some(format!("{}:{line}:{column} {} {}", report.name, first.code.name(), first.message))
    }
}

/// A line a rule, the reason below it, and how many of each there are at the end.
pub(super) fn table(checked: &[Checked]) -> String {
    let mut text = String::new();
    for rule in checked {
        let name = rule.name.as_deref().unwrap_or("");
        text += format!("{:<5}  {}  {name}", rule.status(), rule.path).trim_end();
        text.push('\n');
        if let Some(reason) = rule.reason() {
            text += "       ";
            text += &reason;
            text.push('\n');
        }
    }
    let count = |status: &str| checked.iter().filter(|rule| rule.status() == status).count();
    // Writing to a text cannot fail.
    let _ = writeln!(text, "total  {} run, {} warn, {} fail", count("runs"), count("warns"), count("fails"));
    text
}

/// One document: the rules with all their diagnostics, and the totals.
pub(super) fn to_json(checked: &[Checked]) -> String {
    let count = |status: &str| checked.iter().filter(|rule| rule.status() == status).count();
    let totals = json!({ "runs": count("runs"), "warns": count("warns"), "fails": count("fails") });
    let rules: Vec<_> = checked.iter().map(rule_json).collect();
    format!("{:#}\n", json!({ "rules": rules, "totals": totals }))
}

fn rule_json(rule: &Checked) -> Value {
    let all = rule.reports.iter().flat_map(|report| report.diagnostics.iter().map(move |d| (report, d)));
    let diagnostics: Vec<_> = all.map(|(report, d)| diagnostic_json(report, d)).collect();
    json!({
        "path": rule.path,
        "name": rule.name,
        "status": rule.status(),
        "reason": rule.reason(),
        "diagnostics": diagnostics,
        "failure": rule.failure.as_ref().map(ToString::to_string),
    })
}

fn diagnostic_json(report: &Report, d: &Diagnostic) -> Value {
    let (line, column) = report.line_column(d.span.start);
    let (end_line, end_column) = report.line_column(d.span.end);
    json!({
        "file": report.name,
        "code": d.code.name(),
        "severity": if d.severity == Severity::Error { "error" } else { "warning" },
        "message": d.message,
        "help": d.help,
        "line": line, "column": column, "end_line": end_line, "end_column": end_column,
    })
}

/// A test case a rule: what fails is a failure, what warns has its warnings as output.
pub(super) fn junit(checked: &[Checked]) -> String {
    let failed = checked.iter().filter(|rule| rule.status() == "fails").count();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a text cannot fail.
    let _ = writeln!(text, "<testsuite name=\"egret check\" tests=\"{}\" failures=\"{failed}\">", checked.len());
    for rule in checked {
        let (path, name) = (xml(&rule.path), xml(rule.name.as_deref().unwrap_or(&rule.path)));
        let _ = write!(text, "  <testcase classname=\"{path}\" name=\"{name}\"");
        let told: Vec<String> = rule.reports.iter().map(|report| report.render(false)).collect();
        let told = xml(&told.join("\n\n"));
        let reason = xml(&rule.reason().unwrap_or_default());
        let _ = match rule.status() {
            "fails" => writeln!(text, ">\n    <failure message=\"{reason}\">{told}</failure>\n  </testcase>"),
            "warns" => writeln!(text, ">\n    <system-out>{told}</system-out>\n  </testcase>"),
            _ => writeln!(text, "/>"),
        };
    }
    text + "</testsuite>\n"
}

/// A text as XML holds it; characters that XML has not are left out.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() && !matches!(c, '\n' | '\r' | '\t') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Span};

    fn checked(name: &str, diagnostics: Vec<Diagnostic>) -> Checked {
        let reports = vec![Report::new("a.esql", "FROM a | WHRE <b>", diagnostics)];
        Checked { path: "a.esql".to_owned(), name: Some(name.to_owned()), reports, failure: None }
    }

    fn matrix() -> [Checked; 3] {
        let span = Span::new(9, 13);
        [
            checked("plain", vec![]),
            checked("a & b", vec![Diagnostic::warning(Code::Shadowed, span, "replaced")]),
            checked("c", vec![Diagnostic::error(Code::UnknownCommand, span, "unknown command WHRE")]),
        ]
    }

    #[test]
    fn a_table_says_why() {
        let expected = "runs   a.esql  plain\nwarns  a.esql  a & b\n       a.esql:1:10 E0208 replaced\n\
                        fails  a.esql  c\n       a.esql:1:10 E0104 unknown command WHRE\ntotal  1 run, 1 warn, 1 fail\n";
        assert_eq!(table(&matrix()), expected);
    }

    #[test]
    fn junit_is_escaped() {
        let text = junit(&matrix());
        assert!(text.contains("tests=\"3\" failures=\"1\"") && text.contains("name=\"a &amp; b\""), "{text}");
        assert!(text.contains("WHRE &lt;b&gt;") && !text.contains("<b>"), "{text}");
        assert_eq!(text.matches("<failure ").count(), 1, "{text}");
        assert_eq!(xml("a\u{0}\u{ffff}\u{1b}\n'\""), "a\n'&quot;");
    }
}
