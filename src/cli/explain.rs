//! `egret explain`: what a rule becomes on its way to the events.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use datafusion::physical_plan::display::DisplayableExecutionPlan;

use super::args::{LakeArgs, LanguageArg, ResourceArgs, TimeArgs};
use super::report::{Console, print};
use super::{open, resource};
use crate::engine::explain::{Predicates, predicates};
use crate::engine::refusal::refused;
use crate::engine::run::Run;
use crate::engine::{Engine, TimeField};
use crate::error::Result;
use crate::esql;
use crate::rule::{Language, Rule};
use crate::sql;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret explain rule.toml --events e.parquet
  egret explain rule.toml --lake /lake --at 2026-10-02T00:00:00Z --analyze")]
pub(super) struct ExplainArgs {
    /// A rule file; - reads a query from stdin
    #[arg(value_name = "RULE")]
    rule: PathBuf,
    /// Language of a query on stdin
    #[arg(long, value_enum, default_value_t = LanguageArg::Esql)]
    language: LanguageArg,
    /// Run the rule and show what each step cost
    #[arg(long)]
    analyze: bool,
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    time: TimeArgs,
}

/// Prints the stages of the rule; the result is the exit code.
pub(super) async fn explain(args: &ExplainArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let console = *console;
    let rule = &open::only_rule(&args.rule, args.language.into(), console)?;
    let rules = std::slice::from_ref(rule);
    let now = open::now();
    let windows = open::windows(rules, &args.time, now)?;
    let config = open::required_lake(&args.lake, rules, windows)?;
    let engine = Engine::open(&resource::options(resources), &config).await?;
    let lowered = engine.compile(rule).await?;
    console.report(&rule.report(lowered.warnings.clone()));
    let time = TimeField::of(rule);
    let execution = open::execution_of(&engine, rule, &lowered, &args.time, now).await?;
    let limit = rule.limit(lowered.limit);
    let sql = sql::pretty(&lowered.query);
    let prepared = engine.prepare(lowered, &time, &execution, limit).await;
    let prepared = prepared.map_err(|error| refused(rule, error))?;

    let mut text = String::new();
    section(&mut text, "canonical query", &canonical(rule));
    section(&mut text, "SQL", &sql);
    section(&mut text, "optimised plan", &prepared.optimized.display_indent().to_string());
    section(&mut text, "predicates", &shown(&predicates(&prepared.physical)));
    if args.analyze {
        let mut run = Run::start(&prepared)?;
        while run.next().await?.is_some() {}
        let plan = DisplayableExecutionPlan::with_metrics(run.plan().as_ref()).indent(false).to_string();
        section(&mut text, "physical plan, with what each step cost", &plan);
        section(&mut text, "result", &format!("{} rows of {}", run.rows(), run.total()));
    } else {
        let plan = DisplayableExecutionPlan::new(prepared.physical.as_ref()).indent(false).to_string();
        section(&mut text, "physical plan", &plan);
    }
    print(text.trim_start())?;
    Ok(0)
}

/// The rule's query as its language prints it.
fn canonical(rule: &Rule) -> String {
    match rule.language {
        Language::Esql => {
            esql::parse(&rule.query.text).0.map_or_else(|| rule.query.text.clone(), |query| esql::print(&query))
        }
        Language::Sql => rule.query.text.trim().to_owned(),
    }
}

fn section(text: &mut String, title: &str, body: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "\n-- {title}\n{}\n", body.trim_end());
}

fn shown(found: &[Predicates]) -> String {
    let mut text = String::new();
    for scan in found {
        let _ = writeln!(text, "scan of {}", scan.source);
        let _ = writeln!(text, "  in the scan:    {}", scan.in_scan.as_deref().unwrap_or("none"));
        let _ = writeln!(text, "  prunes:         {}", scan.prunes.as_deref().unwrap_or("nothing"));
        let _ = writeln!(text, "  after the scan: {}", scan.after.as_deref().unwrap_or("none"));
    }
    text
}
