//! `egret run`: rules, once, over the events; rows or alerts out.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use clap::Args;
use datafusion::arrow::array::RecordBatch;
use futures::future::join_all;

use super::args::{LakeArgs, OutputArgs, ResourceArgs, RuleArgs, TimeArgs};
use super::cluster::ClusterArgs;
use super::destination::{Aside, Destination, Shared, To, file_names};
use super::drive::drive;
use super::dry_run::{Dry, tell};
use super::progress::Progress;
use super::report::Console;
use super::shape::{Shape, Shaper};
use super::summary::{StatsFile, Summary, tell_all};
use super::{SKIPPED_INPUT, cluster, open};
use crate::alert::sink::{Flow, Format, Target, prefixed, prefixed_schema};
use crate::alert::{AlertContext, Decorator, Identity, Suppressor};
use crate::engine::notices::Met;
use crate::engine::plan::Prepared;
use crate::engine::refusal::refused;
use crate::engine::run::Run;
use crate::engine::shared::{cost, share, shared_by};
use crate::engine::{Engine, TimeField};
use crate::error::{Kind, Result};
use crate::rule::{Exceptions, Execution, Rule};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret run rule.toml --events /lake/events.parquet
  egret run rule.toml --lake /lake --at 2026-10-02T00:00:00Z --as alerts
  egret run rules/ --lake /lake --at now-1d/d --output alerts/ --format parquet
  egret run rule.toml --lake /lake --as alerts --exceptions lists.ndjson --format bulk --output alerts.bulk
  egret run rule.toml --lake s3://bucket/lake --lateness 1d --at now-1h/h --output s3://bucket/alerts/last.ndjson
  egret run rules/ --lake s3://bucket/lake --at now-1h/h --cluster http://10.0.0.1:50050
  cat events.ndjson | egret run rule.esql --events - --all-time --format csv

A rule is a .toml file of detection-rules (language esql or sql), or a bare .esql or .sql file, which has no window.
A folder gives all rules below it. Several rules write NDJSON rows that start with rule.id.

With --as alerts the rule's suppression is applied, and an alert that comes from one event holds the event.")]
pub(super) struct RunArgs {
    #[command(flatten)]
    asked: RuleArgs,
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// What a row becomes
    #[arg(long = "as", value_enum, default_value_t = Shape::Rows, help_heading = "Output")]
    shape: Shape,
    /// Rules that run at the same time; those over the same JSON files share one scan of them
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN.saturating_add(31), help_heading = "Resources")]
    jobs: NonZeroUsize,
    /// Tell what would be read, and what is ruled out by what, and read nothing but lists and footers
    #[arg(long, help_heading = "Output")]
    dry_run: bool,
    /// Exit with 1 where a rule gives alerts
    #[arg(long, help_heading = "Output")]
    fail_on_alerts: bool,
}

/// Runs the rules; the result is the exit code.
pub(super) async fn run(args: &RunArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let started = Instant::now();
    let console = *console;
    let (rules, broken) = open::rules(&args.asked.rules, args.asked.language.into(), console)?;
    let exceptions = open::exceptions(args.asked.exceptions.as_deref())?;
    let now = open::now();
    if args.dry_run {
        return Box::pin(dry_run(args, resources, &rules, exceptions.as_ref(), (now, console))).await;
    }
    let destination = Destination::try_new(&args.output, rules.len() + broken > 1)?;
    let stats = StatsFile::reserve(args.output.stats_file.as_deref())?;
    let engine = open_engine(args, resources, &rules, (now, console)).await?;

    let Destination { format, several, mut shared, folder } = destination;
    open::only_alerts(format, args.shape == Shape::Alerts)?;
    let mut summaries = Vec::new();
    let mut failures: Vec<Kind> = vec![Kind::Rule; broken];
    let file = |name: String| folder.as_ref().map(|folder| folder.join(name));
    let exceptions = exceptions.as_ref();
    let engine = &engine;
    let job = |(rule, name)| Job { args, engine, rule, exceptions, file: file(name), format, several, now, console };
    let jobs: Vec<Job<'_>> = rules.iter().zip(file_names(&rules, format)).map(job).collect();
    if let ([job], false) = (jobs.as_slice(), several) {
        summaries.push(Box::pin(job.run(shared.as_mut())).await?);
    }
    for jobs in jobs.chunks(args.jobs.get()).filter(|_| several) {
        let mut told = HashSet::new();
        for (job, done) in jobs.iter().zip(together(jobs).await?) {
            match done.and_then(|done| done.write(shared.as_mut(), format)) {
                Ok(summary) => {
                    // What the scan that rules share met is told once.
                    summary.tell_new(console, args.shape.noun(), &mut told);
                    summaries.push(summary);
                }
                Err(error) => {
                    failures.push(error.kind());
                    // Reports name the rule's file.
                    let names_it = !error.reports().is_empty();
                    console.error(&if names_it { error } else { error.told_of(&job.rule.name) });
                }
            }
        }
    }
    if let Some(Shared { output: Some(output), .. }) = shared {
        output.finish()?;
    }
    if summaries.len() > 1 {
        tell_all(&summaries, started.elapsed(), console, args.shape.noun());
    }
    if let Some(stats) = stats {
        stats.write("executions", &summaries)?;
    }
    Ok(exit_code(args, &summaries, &failures))
}

/// The engine over the events that the rules look at.
async fn open_engine(
    args: &RunArgs,
    resources: &ResourceArgs,
    rules: &[Rule],
    (now, console): (DateTime<Utc>, Console),
) -> Result<Engine> {
    let windows = open::windows(rules, &args.time, now)?;
    let config = open::required_lake(&args.lake, rules, windows)?;
    let engine = cluster::open_engine(&args.cluster, &args.lake, resources, &config).await?;
    for warning in engine.lake().warnings() {
        console.warning(warning);
    }
    Ok(engine)
}

/// Tells what the rules would read.
async fn dry_run(
    args: &RunArgs,
    resources: &ResourceArgs,
    rules: &[Rule],
    exceptions: Option<&Exceptions>,
    (now, console): (DateTime<Utc>, Console),
) -> Result<u8> {
    let engine = open_engine(args, resources, rules, (now, console)).await?;
    let mut found = Vec::with_capacity(rules.len());
    for rule in rules {
        let (lowered, _) = open::compile(&engine, rule, exceptions, console).await?;
        let time = TimeField::of(rule);
        let execution = open::execution_of(&engine, rule, &lowered, &args.time, now).await?;
        found.push(Dry::of(&engine, rule, lowered, &time, &execution, 1).await?);
    }
    tell(&found, &args.output)?;
    Ok(0)
}

fn exit_code(args: &RunArgs, summaries: &[Summary], failures: &[Kind]) -> u8 {
    if let Some(worst) = failures.iter().map(|kind| kind.exit_code()).min() {
        return worst;
    }
    if args.fail_on_alerts && summaries.iter().any(|summary| summary.rows > 0) {
        return 1;
    }
    if summaries.iter().any(|summary| summary.work.bad_lines > 0) { SKIPPED_INPUT } else { 0 }
}

/// One rule, once.
struct Job<'a> {
    args: &'a RunArgs,
    engine: &'a Engine,
    rule: &'a Rule,
    exceptions: Option<&'a Exceptions>,
    /// The file of its rows, where each rule has one.
    file: Option<PathBuf>,
    format: Format,
    several: bool,
    now: DateTime<Utc>,
    console: Console,
}

/// A rule that is ready to run.
struct Ready {
    started: Instant,
    execution: Execution,
    summary: Summary,
    aggregating: bool,
    hidden: usize,
    group_key: Option<Vec<String>>,
    expanded: Vec<String>,
    prepared: Prepared,
    file: Option<Target>,
}

/// A rule that has run, with the rows that are not written yet.
struct Done {
    summary: Summary,
    aside: Option<Aside>,
}

impl Done {
    fn write(self, shared: Option<&mut Shared>, format: Format) -> Result<Summary> {
        if let Some(aside) = self.aside {
            aside.write(shared, format)?;
        }
        Ok(self.summary)
    }
}

/// Runs rules at the same time, those that read the same files over one scan.
async fn together(jobs: &[Job<'_>]) -> Result<Vec<Result<Done>>> {
    let Some(first) = jobs.first() else { return Ok(Vec::new()) };
    let mut ready: Vec<Result<Ready>> = Vec::with_capacity(jobs.len());
    for job in jobs {
        ready.push(job.ready().await);
    }
    let mut plans: Vec<&mut Prepared> = ready.iter_mut().flatten().map(|ready| &mut ready.prepared).collect();
    share(&mut plans)?;
    let of = |ready: &Result<Ready>| ready.as_ref().map_or_else(|_| Met::default(), |ready| Met::by(&ready.prepared));
    let met: Vec<Met> = ready.iter().map(of).collect();
    let progress = first.progress(&format!("{} rules", jobs.len()));
    let runs = jobs.iter().zip(ready).map(|(job, ready)| {
        let progress = &progress;
        async move { job.execute(ready?, None, progress).await }
    });
    let mut done = join_all(runs).await;
    for (done, notices) in done.iter_mut().zip(first.engine.take_notices_of_each(&met)) {
        if let Ok(done) = done {
            done.summary.work.notice(notices);
        }
    }
    Ok(done)
}

impl Job<'_> {
    /// Compiles and plans the rule, whose file is reserved first.
    async fn ready(&self) -> Result<Ready> {
        let started = Instant::now();
        let rule = self.rule;
        let reserved = |path: &PathBuf| open::target(Some(path), self.format, &self.args.output);
        let file = self.file.as_ref().map(reserved).transpose()?;
        let (mut lowered, notices) = open::compile(self.engine, rule, self.exceptions, self.console).await?;
        let time = TimeField::of(rule);
        let execution = open::execution_of(self.engine, rule, &lowered, &self.args.time, self.now).await?;
        let limit = rule.limit(lowered.limit);
        let mut summary = Summary::new(&rule.name, Some(rule), &execution);
        summary.limit = limit;
        summary.work.warnings = notices;
        summary.work.warnings.extend(self.engine.table_notices(&lowered));
        summary.work.warnings.extend(self.engine.window_notices(&lowered, &time, &execution));

        if self.args.shape == Shape::Alerts {
            let carrying = open::carrying(self.engine, rule, lowered, &execution).await?;
            lowered = carrying.0;
            summary.work.warnings.extend(carrying.1);
        }
        let (aggregating, hidden) = (lowered.aggregating, lowered.hidden);
        let (group_key, expanded) = (lowered.group_key.clone(), lowered.expanded.clone());
        let prepared = self.engine.prepare(lowered, &time, &execution, limit).await;
        let prepared = prepared.map_err(|error| refused(rule, error))?;
        Ok(Ready { started, execution, summary, aggregating, hidden, group_key, expanded, prepared, file })
    }

    /// What makes the rows that are written of those that `run` gives.
    fn shaper(&self, ready: &Ready, run: &Run) -> Shaper {
        match self.args.shape {
            Shape::Rows => Shaper::Rows(ready.hidden),
            Shape::Alerts => {
                let (group_key, expanded) = (ready.group_key.clone(), ready.expanded.clone());
                let identity = Identity::new(ready.aggregating, group_key, expanded, &run.schema());
                let (rule, execution) = (Arc::new(self.rule.clone()), ready.execution);
                let indices = open::indices(&ready.prepared.lowered);
                let context = AlertContext { rule, execution, identity, hidden: ready.hidden, indices };
                Shaper::Alerts(Box::new(Decorator::new(&run.schema(), context)))
            }
        }
    }

    fn progress(&self, label: &str) -> Progress {
        Progress::new(self.console, label, self.engine.lake().tables().iter().map(|table| table.bytes()).sum())
    }

    /// Runs the rule. Its rows go to its file, or to the `stream`; where there is neither, they are put aside.
    async fn execute(&self, mut ready: Ready, stream: Option<&mut Shared>, progress: &Progress) -> Result<Done> {
        let mut run = Run::start(&ready.prepared)?;
        let shaper = self.shaper(&ready, &run);
        let prefix = (self.several && self.format.may_name_rules()).then(|| self.rule.rule_id.to_string());
        let mut schema = shaper.schema(&run.schema())?;
        if prefix.is_some() {
            schema = prefixed_schema(&schema, "rule.id");
        }
        let to = match (ready.file.take(), stream) {
            (Some(file), _) => To::File(file),
            (None, Some(stream)) => To::Shared(stream),
            (None, None) => To::Aside,
        };
        let mut rows = to.open(self.format, schema)?;
        let named = |rows: RecordBatch| match &prefix {
            Some(id) => prefixed(&rows, "rule.id", id),
            None => Ok(rows),
        };
        let mut suppressor = if self.args.shape == Shape::Alerts { Suppressor::of(self.rule) } else { None };
        // Alerts that may come to stand for others wait for them; max_signals bounds their number.
        let mut waiting = Vec::new();
        let at = ready.execution.at;
        drive(&mut run, progress, |batch| {
            let shaped = shaper.shape(&batch)?;
            match &mut suppressor {
                Some(suppressor) => waiting.push(suppressor.take(&shaped, at)?),
                None => return rows.write(&named(shaped)?),
            }
            Ok(Flow::Open)
        })
        .await?;
        let mut summary = ready.summary;
        summary.rows = run.rows();
        if let Some(suppressor) = &suppressor {
            summary.rows = waiting.iter().map(|batch| batch.num_rows() as u64).sum();
            summary.suppressed = run.rows() - summary.rows;
            for batch in &waiting {
                rows.write(&named(suppressor.complete(batch)?)?)?;
            }
        }
        let aside = rows.finish()?;
        summary.total = run.total();
        summary.work.shared_by = shared_by(run.plan());
        summary.cost_seconds = cost(run.plan()).as_secs_f64();
        summary.work.finish(run.scanned(), ready.started.elapsed());
        Ok(Done { summary, aside })
    }

    /// Runs the rule alone, writing its rows as they come.
    async fn run(&self, stream: Option<&mut Shared>) -> Result<Summary> {
        let ready = self.ready().await?;
        let tables = ready.prepared.lowered.tables.clone();
        let progress = self.progress(&self.rule.name);
        let mut summary = self.execute(ready, stream, &progress).await?.summary;
        drop(progress);
        summary.work.notice(self.engine.take_notices(&tables));
        summary.tell(self.console, self.args.shape.noun());
        Ok(summary)
    }
}
