//! `egret evidence`: from alerts back to the events behind them.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use serde::Serialize;

use super::args::{LakeArgs, LanguageArg, OutputArgs, ResourceArgs, Visibility};
use super::asked::Asked;
use super::report::Console;
use super::summary::{StatsFile, instant};
use super::{SKIPPED_INPUT, open, resource};
use crate::alert::Investigation;
use crate::alert::sink::{Flow, prefixed, prefixed_schema};
use crate::engine::evidence::Evidence;
use crate::engine::refusal::refused;
use crate::engine::{Engine, Refusal, TimeField};
use crate::error::{Error, Kind, Result};
use crate::rule::{Execution, Rule};
use crate::sql::lowered::Lowered;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret evidence rule.toml --alert alert.json --events e.parquet
  egret run rule.toml --lake /lake --as alerts | egret evidence rule.toml --alert - --lake /lake --format csv
  egret evidence rule.toml --alert alerts.ndjson --lake /lake --output events.parquet --format parquet

The alerts are those that run or backtest give with --as alerts, one JSON document a line. The events are those that
the rule's conditions let into the alert's group within its window: fed to the rule alone, they give the alert again.
They go to stdout; when they were and which values lead goes to stderr, and as JSON to --stats-file.")]
pub(super) struct EvidenceArgs {
    /// The rule file; - reads a query from stdin
    #[arg(value_name = "RULE")]
    rule: PathBuf,
    /// Language of a query on stdin
    #[arg(long, value_enum, default_value_t = LanguageArg::Esql)]
    language: LanguageArg,
    /// Lists of exceptions, if the alerts were made with them
    #[arg(long, value_name = "FILE")]
    exceptions: Option<PathBuf>,
    /// Which events the alerts' executions saw, as the replay was asked
    #[arg(long, value_enum, default_value_t)]
    visibility: Visibility,
    /// A file with alerts, one JSON document a line; - is stdin
    #[arg(long, value_name = "FILE")]
    alert: PathBuf,
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What was found behind one alert. Field names are the keys of `--stats-file`.
#[derive(Debug, Serialize)]
struct Found {
    /// The alert's id.
    uuid: String,
    /// Its execution's time, RFC 3339.
    at: chrono::DateTime<chrono::Utc>,
    /// Its events.
    #[serde(flatten)]
    investigation: Investigation,
}

/// Writes the events behind the alerts; the result is the exit code.
pub(super) async fn evidence(args: &EvidenceArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let console = *console;
    let started = Instant::now();
    let rule = &open::only_rule(&args.rule, args.language.into(), console)?;
    let asked = Asked::read(&args.alert, rule)?;
    let format = open::format(&args.output);
    open::only_alerts(format, false)?;
    let target = open::target(args.output.output.as_deref(), format, &args.output)?;
    let stats = StatsFile::reserve(args.output.stats_file.as_deref())?;
    let engine = Engine::open(
        &resource::options(resources),
        &open::required_lake(&args.lake, std::slice::from_ref(rule), Vec::new())?,
    )
    .await?;
    for warning in engine.lake().warnings() {
        console.warning(warning);
    }
    let exceptions = open::exceptions(args.exceptions.as_deref())?;
    let (lowered, notices) = open::compile(&engine, rule, exceptions.as_ref(), console).await?;
    for notice in notices.into_iter().chain(engine.table_notices(&lowered)) {
        console.warning(&notice);
    }
    let behind = Box::pin(gather(&engine, rule, &lowered, &asked, args.visibility)).await?;

    let several = asked.len() > 1;
    let schema = behind.iter().find_map(|behind| behind.as_ref().map(|(schema, _)| schema.clone()));
    let mut found = Vec::new();
    let mut missing = 0;
    let mut output = None;
    if let Some(schema) = schema {
        let kept = filled(&schema, &behind);
        let failed = |e| Error::new(Kind::Engine, "the columns of events cannot be chosen").with_source(e);
        let mut shown: SchemaRef = schema.project(&kept).map_err(failed)?.into();
        if several {
            shown = prefixed_schema(&shown, crate::alert::UUID);
        }
        let output = output.insert(target.open(format, shown, open::width())?);
        'alerts: for (alert, behind) in asked.iter().zip(&behind) {
            for batch in behind.iter().flat_map(|(_, batches)| batches) {
                let mut rows = batch.project(&kept).map_err(failed)?;
                if several {
                    rows = prefixed(&rows, crate::alert::UUID, &alert.uuid.to_string())?;
                }
                if output.write(&rows)? == Flow::Closed {
                    break 'alerts;
                }
            }
        }
    }
    let time = TimeField::of(rule);
    for (alert, behind) in asked.iter().zip(&behind) {
        let Some((schema, batches)) = behind else {
            missing += 1;
            console.error(&no_such(rule, alert.uuid, &alert.execution));
            continue;
        };
        let own = schema.field_with_name("@timestamp").map_or(time.name.as_str(), |_| "@timestamp");
        let investigation = Investigation::of(batches, own, &rule.investigation_fields)?;
        let one = Found { uuid: alert.uuid.to_string(), at: alert.execution.at, investigation };
        tell(&one, rule, console);
        found.push(one);
    }
    if let Some(output) = output {
        output.finish()?;
    }
    let skipped = engine.take_notices(&lowered.tables);
    for text in &skipped.texts {
        console.warning(text);
    }
    console.note(&format!(
        "{}: {} of {} alerts in {:.2} s",
        rule.name,
        found.len(),
        asked.len(),
        started.elapsed().as_secs_f64()
    ));
    if let Some(stats) = stats {
        stats.write("evidence", &found)?;
    }
    Ok(match missing {
        0 if skipped.bad_lines > 0 => SKIPPED_INPUT,
        0 => 0,
        _ => Kind::Input.exit_code(),
    })
}

/// The events of an alert, and their columns.
type Behind = Option<(SchemaRef, Vec<RecordBatch>)>;

/// The events behind each alert, execution by execution; `None` for an alert that the rule does not give.
async fn gather(
    engine: &Engine,
    rule: &Rule,
    lowered: &Lowered,
    asked: &Asked,
    visibility: Visibility,
) -> Result<Vec<Behind>> {
    let time = visibility.time(rule);
    let mut executions: HashMap<Execution, HashSet<uuid::Uuid>> = HashMap::new();
    for alert in asked.iter() {
        executions.entry(alert.execution).or_default().insert(alert.uuid);
    }
    let mut gathered: HashMap<Execution, Evidence> = HashMap::new();
    for (execution, wanted) in executions {
        let evidence = engine.evidence(rule, lowered, &time, &execution, &wanted).await;
        let evidence = evidence.map_err(|error| refused(rule, error))?.map_err(|Refusal(why)| {
            Error::new(Kind::Usage, format!("{}: its alerts do not lead back to events: {why}", rule.name))
                .with_help("query the events with egret sql instead")
        })?;
        gathered.insert(execution, evidence);
    }
    let behind = |alert: &super::asked::Alert| {
        let evidence = gathered.get(&alert.execution)?;
        Some((SchemaRef::clone(&evidence.schema), evidence.events.get(&alert.uuid)?.clone()))
    };
    Ok(asked.iter().map(behind).collect())
}

/// The columns that hold a value in any of the events.
fn filled(schema: &SchemaRef, behind: &[Behind]) -> Vec<usize> {
    let batches = || behind.iter().flatten().flat_map(|(_, batches)| batches);
    let holds = |at: &usize| {
        let columns = batches().filter_map(|batch| batch.columns().get(*at));
        columns.into_iter().any(|column| column.logical_null_count() < column.len())
    };
    (0..schema.fields().len()).filter(holds).collect()
}

fn no_such(rule: &Rule, uuid: uuid::Uuid, execution: &Execution) -> Error {
    let at = instant(execution.at);
    Error::new(Kind::Input, format!("{}: the rule gives no alert {uuid} at {at} over these events", rule.name))
        .with_help("name the rule and the events that the alert was made of, and alerts that egret made")
}

/// Tells people when the events were and which values lead.
fn tell(found: &Found, rule: &Rule, console: Console) {
    let Found { uuid, at, investigation } = found;
    let Investigation { events, first, last, timeline, fields } = investigation;
    let range = match (first, last) {
        (Some(first), Some(last)) => format!(", {} to {}", instant(*first), instant(*last)),
        _ => String::new(),
    };
    let plural = if *events == 1 { "" } else { "s" };
    console.note(&format!("{} at {}, alert {uuid}: {events} event{plural}{range}", rule.name, instant(*at)));
    let most = timeline.iter().map(|stretch| stretch.events).max().unwrap_or(1).max(1);
    for stretch in timeline {
        let bar = "#".repeat(usize::try_from((stretch.events * 40).div_ceil(most)).unwrap_or(40));
        console.note(&format!("  {}  {:>6}  {bar}", instant(stretch.from), stretch.events));
    }
    for field in fields {
        let shown = field.top.len() as u64;
        let more = if field.distinct > shown { format!(", {} more", field.distinct - shown) } else { String::new() };
        console.note(&format!("  {} ({} different{more})", field.name, field.distinct));
        for value in &field.top {
            console.note(&format!("    {:>6}  {}", value.count, value.value));
        }
    }
}
