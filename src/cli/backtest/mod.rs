//! `egret backtest`: rules as their schedule would have run them in a past range.

mod job;
mod keep;
mod report;
mod summary;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args};
use datafusion::arrow::datatypes::Schema;

use self::job::{Done, Job, Kept};
use self::keep::Keep;
use self::report::{ReportFormat, Reporter};
use self::summary::ReplaySummary;
use super::args::{LakeArgs, OutputArgs, ResourceArgs, RuleArgs, Visibility};
use super::cluster::ClusterArgs;
use super::destination::{Destination, Shared, file_names};
use super::dry_run::{Dry, tell};
use super::report::Console;
use super::shape::Shape;
use super::stop::Stop;
use super::summary::StatsFile;
use super::{SKIPPED_INPUT, cluster, open, resource};
use crate::alert::sink::{Format, Target};
use crate::backtest::{Replay, Span};
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::lake;
use crate::rule::{Exceptions, Execution, Interval, Rule, Window};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("reports")
    .args(["exclude", "sweep", "against"])
    .conflicts_with_all(["resume", "shape", "format", "stats_file"])))]
#[command(after_help = "\
Examples:
  egret backtest rule.toml --lake /lake --from 2026-10-01 --to 2026-11-01
  egret backtest rules/ --lake /lake --from now-90d/d --to now/d --as alerts --output alerts/
  egret backtest rule.toml --lake /lake --from now-30d --to now --sweep 'cc > {5,10,15,25,50}'
  egret backtest rule.toml --lake /lake --from now-30d --to now --exclude 'process.executable LIKE \"/opt/*\"'
  egret backtest rule.toml --lake /lake --from now-30d --to now --late-arrivals late.ndjson --lateness 2d
  egret backtest rule.toml --lake s3://bucket/lake --from now-1y/d --to now/d --cluster http://10.0.0.1:50050
  egret backtest rule.esql --events e.parquet --from 2026-10-01 --to 2026-10-08 --interval 1h --lookback 61m

Executions are at FROM + k x interval, behind FROM and up to TO. Each sees the window of the rule at its time, also
events from before FROM, and now() is its time. Every row says in the column execution which one it is of. With
--as alerts an event gives one alert however many executions find it, and the rule's suppression is applied.

With --output a replay that is interrupted writes what is complete; --resume goes on from there, also after a crash.")]
pub(super) struct BacktestArgs {
    #[command(flatten)]
    asked: RuleArgs,
    #[command(flatten)]
    lake: LakeArgs,
    /// Start of the range: RFC 3339 or date math; the first execution is one interval later
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time")]
    from: String,
    /// End of the range, inclusive
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time")]
    to: String,
    /// Time between executions instead of the rule's, such as 5m or 1h
    #[arg(long, value_name = "DURATION", value_parser = parse_interval, help_heading = "Time")]
    interval: Option<Interval>,
    /// How far each execution looks back instead of the rule's from, such as 61m
    #[arg(long, value_name = "DURATION", value_parser = parse_interval, help_heading = "Time")]
    lookback: Option<Interval>,
    /// Whether an execution sees events that were ingested (event.ingested) after it
    #[arg(long, value_enum, default_value_t = Visibility::All, help_heading = "Time")]
    visibility: Visibility,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// What a row becomes
    #[arg(long = "as", value_enum, default_value_t = Shape::Rows, help_heading = "Output")]
    shape: Shape,
    /// List the events that were ingested after every execution that looks at their time, as NDJSON in this file
    #[arg(long, value_name = "FILE", help_heading = "Output", conflicts_with = "reports")]
    late_arrivals: Option<PathBuf>,
    /// Go on with a replay to the same --output that was interrupted or crashed
    #[arg(long, help_heading = "Output")]
    resume: bool,
    /// Report what would change without the events for which this is true, in the rule's language; repeatable
    #[arg(long, value_name = "EXPR", help_heading = "Reports")]
    exclude: Vec<String>,
    /// Report the alerts a day for several thresholds of one condition, such as 'cc > {5,10,15,25,50}'
    #[arg(long, value_name = "CONDITION", help_heading = "Reports")]
    sweep: Option<String>,
    /// Report what another version of the rule would change
    #[arg(long, value_name = "RULE2", help_heading = "Reports")]
    against: Option<PathBuf>,
    /// Format of a report
    #[arg(long, value_enum, default_value_t = ReportFormat::Table, help_heading = "Reports", requires = "reports")]
    report: ReportFormat,
    /// Tell what would be read, and what is ruled out by what, and read nothing but lists and footers
    #[arg(long, help_heading = "Output", conflicts_with = "reports")]
    dry_run: bool,
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
    let (rules, broken) = open::rules(&args.asked.rules, args.asked.language.into(), console)?;
    let exceptions = open::exceptions(args.asked.exceptions.as_deref())?;
    let exceptions = exceptions.as_ref();
    let range = range(args, open::now())?;
    if args.sweep.is_some() || args.against.is_some() || !args.exclude.is_empty() {
        let [rule] = rules.as_slice() else {
            return Err(Error::new(Kind::Usage, format!("a report is of one rule, found {}", rules.len() + broken))
                .with_help("name the file of one rule"));
        };
        let options = resource::options(resources);
        let read = if args.against.is_some() { &[] } else { rules.as_slice() };
        let engine = open_engine(args, read, range, resources, console).await?;
        let (engine, memory) = (&engine, options.memory_limit);
        let reporter = Reporter { args, engine, exceptions, range, memory, console, stop, skipped: false };
        let skipped = Box::pin(reporter.write(rule)).await?;
        return Ok(if skipped { SKIPPED_INPUT } else { 0 });
    }
    if args.dry_run {
        return Box::pin(dry_run(args, &rules, exceptions, range, (resources, console))).await;
    }
    let keep = Keep::new(args.output.output.as_deref(), args.resume, args.output.force)?;
    let going_on = keep.as_ref().is_some_and(Keep::exists);
    let output = OutputArgs { force: args.output.force || going_on, ..args.output.clone() };
    let destination = Destination::try_new(&output, rules.len() + broken > 1)?;
    let stats = StatsFile::reserve(output.stats_file.as_deref())?;
    let late = args.late_arrivals.as_deref().map(|path| open::file(path, output.force)).transpose()?;
    let mut late = late.map(|late| late.open(Format::Ndjson, Arc::new(Schema::empty()), None)).transpose()?;
    let options = resource::options(resources);
    let engine = open_engine(args, &rules, range, resources, console).await?;

    let Destination { format, several, mut shared, folder } = destination;
    open::only_alerts(format, args.shape == Shape::Alerts)?;
    if keep.is_some() {
        // Rows are kept beside it until all are there.
        shared = None;
    }
    let mut summaries: Vec<ReplaySummary> = Vec::new();
    let mut failures: Vec<Kind> = vec![Kind::Rule; broken];
    let mut stopped: Option<Error> = None;
    let mut kept: Vec<Kept> = Vec::new();
    for (rule, file) in rules.iter().zip(file_names(&rules, format)) {
        let (memory, keep) = (options.memory_limit, keep.as_ref());
        let (engine, stop) = (&engine, stop.clone());
        let job = Job { args, engine, rule, exceptions, range, console, several, memory, keep, stop };
        match Box::pin(job.run(shared.as_mut(), format, late.as_mut())).await {
            Ok(Done { summary, kept: rows, stopped: why }) => {
                summaries.push(summary);
                stopped = why;
                if let (Some(rows), Some(folder)) = (&rows, &folder) {
                    let target = open::target(Some(&folder.join(file)), format, &output)?;
                    write_kept(target, format, std::slice::from_ref(rows))?;
                } else {
                    kept.extend(rows);
                }
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
    if let (Some(path), false) = (&output.output, kept.is_empty()) {
        write_kept(open::target(Some(path), format, &output)?, format, &kept)?;
    }
    if let (Some(late), None) = (late, &stopped) {
        late.finish()?;
    }
    if let Some(stats) = stats {
        stats.write("replays", &summaries)?;
    }
    if let Some(error) = stopped {
        return Err(error);
    }
    if let (Some(keep), true) = (keep, failures.is_empty()) {
        keep.discard()?;
    }
    if let Some(worst) = failures.iter().map(|kind| kind.exit_code()).min() {
        return Ok(worst);
    }
    Ok(if summaries.iter().any(|summary| summary.work.bad_lines > 0) { SKIPPED_INPUT } else { 0 })
}

/// Tells what the replays would read.
async fn dry_run(
    args: &BacktestArgs,
    rules: &[Rule],
    exceptions: Option<&Exceptions>,
    range: (DateTime<Utc>, DateTime<Utc>),
    (resources, console): (&ResourceArgs, Console),
) -> Result<u8> {
    let engine = open_engine(args, rules, range, resources, console).await?;
    let mut found = Vec::with_capacity(rules.len());
    for rule in rules {
        let executions = args.span(rule, range)?.executions();
        let (lowered, _) = open::compile(&engine, rule, exceptions, console).await?;
        // One execution that looks at what all of them do.
        let windows = executions.iter().filter_map(|execution| execution.window);
        let window = windows.reduce(|a, b| Window { from: a.from.min(b.from), to: a.to.max(b.to) });
        let execution = Execution { at: range.1, window };
        let time = args.visibility.time(rule);
        found.push(Dry::of(&engine, rule, lowered, &time, &execution, executions.len()).await?);
    }
    tell(&found, &args.output)?;
    Ok(0)
}

/// Writes the rows of replays that were kept on disk, one after the other.
fn write_kept(target: Target, format: Format, kept: &[Kept]) -> Result<()> {
    let Some(first) = kept.first() else { return Ok(()) };
    let mut output = target.open(format, Arc::clone(&first.schema), None)?;
    for Kept { checkpoint, suppressor, .. } in kept {
        checkpoint.rows(|batch| match suppressor {
            Some(suppressor) => output.write(&suppressor.complete(batch)?).map(drop),
            None => output.write(batch).map(drop),
        })?;
    }
    output.finish().map(drop)
}

async fn open_engine(
    args: &BacktestArgs,
    rules: &[Rule],
    range: (DateTime<Utc>, DateTime<Utc>),
    resources: &ResourceArgs,
    console: Console,
) -> Result<Engine> {
    let windows = if rules.is_empty() { Vec::new() } else { args.windows(rules, range) };
    let config = open::required_lake(&args.lake, rules, windows)?;
    let engine = cluster::open_engine(&args.cluster, &args.lake, resources, &config).await?;
    for warning in engine.lake().warnings() {
        console.warning(warning);
    }
    Ok(engine)
}

impl BacktestArgs {
    /// The executions of a rule in a range.
    fn span(&self, rule: &Rule, (from, to): (DateTime<Utc>, DateTime<Utc>)) -> Result<Span> {
        Span::of(rule, self.interval.clone(), self.lookback.clone(), from, to)
    }

    /// What the executions of all rules look at, and the range itself; none where a rule has no schedule.
    fn windows(&self, rules: &[Rule], range: (DateTime<Utc>, DateTime<Utc>)) -> Vec<lake::Window> {
        let of = |rule: &Rule| {
            let executions = self.span(rule, range).ok()?.executions();
            let seen = executions.iter().filter_map(|execution| execution.window);
            let from = seen.clone().map(|window| window.from).fold(range.0, DateTime::min);
            let to = seen.map(|window| window.to).fold(range.1, DateTime::max);
            Some(self.visibility.time(rule).over(&Window { from, to }, None))
        };
        rules.iter().map(of).collect::<Option<Vec<_>>>().map(open::hulls).unwrap_or_default()
    }

    /// The replay in the way that is asked for.
    fn way<'a>(&self, replay: Replay<'a>) -> Replay<'a> {
        if self.one_by_one { replay.one_by_one("--one-by-one asks for it") } else { replay }
    }
}

fn range(args: &BacktestArgs, now: DateTime<Utc>) -> Result<(DateTime<Utc>, DateTime<Utc>)> {
    Ok((open::instant("--from", &args.from, now)?, open::instant("--to", &args.to, now)?))
}

fn parse_interval(text: &str) -> std::result::Result<Interval, String> {
    text.parse().map_err(|_| format!("expected a length of time such as 5m or 1h, found `{text}`"))
}
