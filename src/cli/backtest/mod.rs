//! `egret backtest`: rules as their schedule would have run them in a past range.

mod job;
mod summary;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;

use self::job::Job;
use self::summary::ReplaySummary;
use super::args::{LakeArgs, OutputArgs, ResourceArgs};
use super::destination::{Destination, Shared, To, file_names};
use super::report::Console;
use super::run::LanguageArg;
use super::shape::Shape;
use super::stop::Stop;
use super::summary::StatsFile;
use super::{SKIPPED_INPUT, open, resource};
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::rule::Interval;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret backtest rule.toml --lake /lake --from 2026-10-01 --to 2026-11-01
  egret backtest rules/ --lake /lake --from now-90d/d --to now/d --as alerts --output alerts/
  egret backtest rule.esql --events e.parquet --from 2026-10-01 --to 2026-10-08 --interval 1h --lookback 61m

Executions are at FROM + k x interval, behind FROM and up to TO. Each sees the window of the rule at its time, also
events from before FROM, and now() is its time. Every row says in the column execution which one it is of.")]
pub(super) struct BacktestArgs {
    /// Rule files or folders; - reads a query from stdin
    #[arg(required = true, value_name = "RULE")]
    rules: Vec<PathBuf>,
    /// Language of a query on stdin
    #[arg(long, value_enum, default_value_t = LanguageArg::Esql)]
    language: LanguageArg,
    #[command(flatten)]
    lake: LakeArgs,
    /// Start of the range: RFC 3339 or date math; the first execution is one interval later
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time")]
    from: String,
    /// End of the range, inclusive
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time")]
    to: String,
    /// Time between executions instead of the rule's, such as 5m or 1h
    #[arg(long, value_name = "DURATION", help_heading = "Time")]
    interval: Option<Interval>,
    /// How far each execution looks back instead of the rule's from, such as 61m
    #[arg(long, value_name = "DURATION", help_heading = "Time")]
    lookback: Option<Interval>,
    #[command(flatten)]
    output: OutputArgs,
    /// What a row becomes
    #[arg(long = "as", value_enum, default_value_t = Shape::Rows, help_heading = "Output")]
    shape: Shape,
    /// Run every execution by itself rather than all of them in one scan: slower, for comparison
    #[arg(long, help_heading = "Resources")]
    one_by_one: bool,
}

/// Replays the rules; the result is the exit code.
pub(super) async fn backtest(
    args: &BacktestArgs,
    resources: &ResourceArgs,
    console: &Console,
    stop: Stop,
) -> Result<u8> {
    let console = *console;
    let (rules, broken) = open::rules(&args.rules, args.language.into(), console)?;
    let range = range(args, open::now())?;
    let destination = Destination::try_new(&args.output, rules.len() + broken > 1)?;
    let stats = StatsFile::reserve(args.output.stats_file.as_deref())?;
    let options = resource::options(resources);
    let engine = Engine::open(&options, &open::required_lake(&args.lake)?).await?;
    for warning in engine.lake().warnings() {
        console.warning(warning);
    }

    let Destination { format, several, mut shared, folder } = destination;
    let mut summaries: Vec<ReplaySummary> = Vec::new();
    let mut failures: Vec<Kind> = vec![Kind::Rule; broken];
    let mut stopped: Option<Error> = None;
    for (rule, file) in rules.iter().zip(file_names(&rules, format)) {
        let memory = options.memory_limit;
        let job = Job { args, engine: &engine, rule, range, console, several, memory, stop: stop.clone() };
        let target = match (&mut shared, &folder) {
            (Some(shared), _) => To::Shared(shared),
            (None, Some(folder)) => To::File(folder.join(file)),
            (None, None) => To::Own,
        };
        match job.run(target, format).await {
            Ok((summary, end)) => {
                summaries.push(summary);
                stopped = end;
            }
            Err(error) if several => {
                console.error(&error);
                failures.push(error.kind());
            }
            Err(error) => return Err(error),
        }
        if stopped.is_some() {
            break;
        }
    }
    if let Some(Shared { output: Some(output), .. }) = shared {
        output.finish()?;
    }
    if let Some(stats) = stats {
        stats.write("replays", &summaries)?;
    }
    if let Some(error) = stopped {
        return Err(error);
    }
    if let Some(worst) = failures.iter().map(|kind| kind.exit_code()).min() {
        return Ok(worst);
    }
    Ok(if summaries.iter().any(|summary| summary.bad_lines > 0) { SKIPPED_INPUT } else { 0 })
}

fn range(args: &BacktestArgs, now: DateTime<Utc>) -> Result<(DateTime<Utc>, DateTime<Utc>)> {
    Ok((open::instant("--from", &args.from, now)?, open::instant("--to", &args.to, now)?))
}
