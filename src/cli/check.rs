//! `egret check`: every rule found, parsed, validated and planned without events.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::{LakeArgs, ResourceArgs};
use super::matrix::{self, Checked};
use super::report::{Console, print};
use super::{open, resource};
use crate::diagnostic::Report;
use crate::engine::check::Checker;
use crate::error::{Kind, Result};
use crate::lake::Catalog;
use crate::rule::{Language, Loaded};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret check rules/
  egret check a.toml b.sql --format json
  egret check rules/ --format junit > report.xml

Fields are planned with the types of ECS; no events are read. Exit code 2 where a rule does not check. Where there is a
catalogue, a rule that reads a table which it does not name is warned of.")]
pub(super) struct CheckArgs {
    /// Rule files or folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The catalogue of the tables that rules may read [default: egret.toml in the working directory, if there is one]
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// What becomes of each rule, with source excerpts on stderr; one JSON document; or JUnit's XML
    #[arg(long, short = 'f', value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Junit,
}

/// Checks every rule; the result is the exit code.
pub(super) async fn check(args: &CheckArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let console = *console;
    let here = LakeArgs { catalog: args.catalog.clone(), ..LakeArgs::default() };
    let catalog = open::catalog_path(&here).map(|path| Catalog::open(&path)).transpose()?;
    let checker = Checker::try_new(&resource::options(resources), catalog)?;
    let mut checked = Vec::new();
    for path in &args.paths {
        for loaded in open::load(path, Language::Esql, console)? {
            checked.push(one(&checker, loaded).await);
        }
    }
    let failed = checked.iter().filter(|rule| rule.status() == "fails").count();
    let text = match args.format {
        Format::Table => {
            for rule in &checked {
                rule.reports.iter().for_each(|report| console.report(report));
                if let Some(error) = &rule.failure {
                    console.error(error);
                }
            }
            matrix::table(&checked)
        }
        Format::Json => matrix::to_json(&checked),
        Format::Junit => matrix::junit(&checked),
    };
    print(&text)?;
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
