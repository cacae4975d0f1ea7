//! `egret fields`: why a rule may find nothing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::args::{LakeArgs, LanguageArg, ResourceArgs, TimeArgs};
use super::report::{Console, print};
use super::{open, resource};
use crate::engine::fields::FieldUse;
use crate::engine::refusal::refused;
use crate::engine::{Engine, TimeField};
use crate::error::Result;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret fields rule.toml --events e.parquet
  egret fields rule.toml --lake /lake --from now-1d --to now --format json

Without --from, --to or --at all events are counted.")]
pub(super) struct FieldsArgs {
    /// A rule file; - reads a query from stdin
    #[arg(value_name = "RULE")]
    rule: PathBuf,
    /// Language of a query on stdin
    #[arg(long, value_enum, default_value_t = LanguageArg::Esql)]
    language: LanguageArg,
    /// Lines for people or one JSON document
    #[arg(long, short = 'f', value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    time: TimeArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Prints what the events hold of the rule's fields; the result is the exit code.
pub(super) async fn fields(args: &FieldsArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let console = *console;
    let rule = &open::only_rule(&args.rule, args.language.into(), console)?;
    let rules = std::slice::from_ref(rule);
    let timed = args.time.at.is_some() || args.time.from.is_some() || args.time.to.is_some();
    let now = open::now();
    let windows = if timed { open::windows(rules, &args.time, now)? } else { Vec::new() };
    let config = open::required_lake(&args.lake, rules, windows)?;
    let engine = Engine::open(&resource::options(resources), &config).await?;
    let lowered = engine.compile(rule).await?;
    let time = TimeField::of(rule);
    let mut execution = open::execution_of(&engine, rule, &lowered, &args.time, now).await?;
    if !timed {
        execution.window = None;
    }
    let found = engine.field_use(&lowered, &time, &execution).await.map_err(|error| refused(rule, error))?;
    let text = match args.format {
        Format::Text => lines(&found),
        Format::Json => format!("{:#}\n", json!({ "fields": found.iter().map(as_json).collect::<Vec<_>>() })),
    };
    print(&text)?;
    let missing = found.iter().filter(|field| field.present == 0).count();
    if missing > 0 {
        console.warning(&format!("{missing} of {} fields are in no event", found.len()));
    }
    Ok(0)
}

fn lines(found: &[FieldUse]) -> String {
    let width = found.iter().map(|field| field.name.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!("{:<width$}  {:<13}  {:>8}  {:>8}  {}\n", "field", "type", "null", "several", "");
    for field in found {
        let share = |part: u64| match field.events {
            0 => "-".to_owned(),
            events => format!("{:.1} %", 100.0 * part as f64 / events as f64),
        };
        let note = match (&field.near, field.present) {
            (Some(near), _) => format!("in no event; nearest: {near}"),
            (None, 0) => "in no event".to_owned(),
            _ => String::new(),
        };
        let null = share(field.events - field.present);
        let line = format!(
            "{:<width$}  {:<13}  {null:>8}  {:>8}  {note}",
            field.name,
            field.kind.or(field.ecs).unwrap_or("-"),
            share(field.several)
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn as_json(field: &FieldUse) -> Value {
    json!({
        "table": field.table,
        "field": field.name,
        "in_events": field.present > 0,
        "type": field.kind,
        "ecs_type": field.ecs,
        "events": field.events,
        "null": field.events - field.present,
        "several": field.several,
        "nearest": field.near,
    })
}
