//! `egret check`: every rule found, parsed, validated and planned without events.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::args::ResourceArgs;
use super::report::{Console, stdout_error};
use super::{open, resource};
use crate::diagnostic::{Report, Severity};
use crate::engine::check::Checker;
use crate::error::{Error, Kind, Result};
use crate::rule::{Language, Loaded};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret check rules/
  egret check a.toml b.sql --format json

Fields are planned with the types of ECS; no events are read. Exit code 2 where a rule does not check.")]
pub(super) struct CheckArgs {
    /// Rule files or folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Text with source excerpts on stderr, or one JSON document on stdout
    #[arg(long, short = 'f', value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What became of one rule.
struct Checked {
    path: String,
    name: Option<String>,
    reports: Vec<Report>,
    failure: Option<Error>,
}

impl Checked {
    fn status(&self) -> &'static str {
        if self.failure.is_some() || self.reports.iter().any(Report::has_errors) {
            "fails"
        } else if self.reports.iter().any(|report| !report.diagnostics.is_empty()) {
            "warns"
        } else {
            "ok"
        }
    }
}

/// Checks every rule; the result is the exit code.
pub(super) async fn check(args: &CheckArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let console = *console;
    let checker = Checker::try_new(&resource::options(resources))?;
    let mut checked = Vec::new();
    for path in &args.paths {
        for loaded in open::load(path, Language::Esql, console)? {
            checked.push(one(&checker, loaded).await);
        }
    }
    let failed = checked.iter().filter(|rule| rule.status() == "fails").count();
    let text = match args.format {
        Format::Text => {
            for rule in &checked {
                rule.reports.iter().for_each(|report| console.report(report));
                if let Some(error) = &rule.failure {
                    console.error(error);
                }
            }
            lines(&checked)
        }
        Format::Json => format!("{:#}\n", json!({ "rules": checked.iter().map(as_json).collect::<Vec<_>>() })),
    };
    std::io::stdout().write_all(text.as_bytes()).or_else(stdout_error)?;
    console.note(&format!("{} rules checked, {failed} failed", checked.len()));
    Ok(if failed > 0 { Kind::Rule.exit_code() } else { 0 })
}

async fn one(checker: &Checker, loaded: std::result::Result<Loaded, Report>) -> Checked {
    let Loaded { rule, warnings } = match loaded {
        Ok(loaded) => loaded,
        Err(report) => return Checked { path: report.name.clone(), name: None, reports: vec![report], failure: None },
    };
    let mut reports = vec![warnings];
    let mut failure = None;
    match checker.check(&rule).await {
        Ok(found) => reports.push(rule.report(found)),
        Err(error) if error.kind() == Kind::Rule => reports.extend_from_slice(error.reports()),
        Err(error) => failure = Some(error),
    }
    reports.retain(|report| !report.diagnostics.is_empty());
    Checked { path: rule.origin.name.clone(), name: Some(rule.name), reports, failure }
}

fn lines(checked: &[Checked]) -> String {
    let line = |rule: &Checked| {
        let name = rule.name.as_deref().unwrap_or("");
        format!("{:<5}  {}  {}", rule.status(), rule.path, name).trim_end().to_owned() + "\n"
    };
    checked.iter().map(line).collect()
}

fn as_json(rule: &Checked) -> Value {
    let diagnostics: Vec<_> = rule
        .reports
        .iter()
        .flat_map(|report| report.diagnostics.iter().map(move |d| (report, d)))
        .map(|(report, d)| {
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
        })
        .collect();
    json!({
        "path": rule.path,
        "name": rule.name,
        "status": rule.status(),
        "diagnostics": diagnostics,
        "failure": rule.failure.as_ref().map(ToString::to_string),
    })
}
