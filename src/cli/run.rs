//! `egret run`: rules, once, over the events; rows or alerts out.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use clap::Args;
use datafusion::arrow::array::RecordBatch;

use super::args::{LakeArgs, OutputArgs, ResourceArgs, RuleArgs, TimeArgs};
use super::destination::{Destination, Opened, Shared, To, file_names};
use super::drive::{drive, drive_into};
use super::progress::Progress;
use super::report::Console;
use super::shape::{Shape, Shaper};
use super::summary::{StatsFile, Summary, tell_all};
use super::{SKIPPED_INPUT, open, resource};
use crate::alert::sink::{Flow, Format, Spool, prefixed, prefixed_schema};
use crate::alert::{AlertContext, Decorator, Identity};
use crate::engine::refusal::refused;
use crate::engine::run::Run;
use crate::engine::{Engine, TimeField};
use crate::error::{Kind, Result};
use crate::rule::Rule;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret run rule.toml --events /lake/events.parquet
  egret run rule.toml --lake /lake --at 2026-10-02T00:00:00Z --as alerts
  egret run rules/ --lake /lake --at now-1d/d --output alerts/ --format parquet
  cat events.ndjson | egret run rule.esql --events - --all-time --format csv

A rule is a .toml file of detection-rules (language esql or sql), or a bare .esql or .sql file, which has no window.
A folder gives all rules below it. Several rules write NDJSON rows that start with rule.id.")]
pub(super) struct RunArgs {
    #[command(flatten)]
    asked: RuleArgs,
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// What a row becomes
    #[arg(long = "as", value_enum, default_value_t = Shape::Rows, help_heading = "Output")]
    shape: Shape,
    /// Exit with 1 where a rule gives alerts
    #[arg(long, help_heading = "Output")]
    fail_on_alerts: bool,
}

/// Runs the rules; the result is the exit code.
pub(super) async fn run(args: &RunArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let console = *console;
    let (rules, broken) = open::rules(&args.asked.rules, args.asked.language.into(), console)?;
    let now = open::now();
    let destination = Destination::try_new(&args.output, rules.len() + broken > 1)?;
    let stats = StatsFile::reserve(args.output.stats_file.as_deref())?;
    let engine = Engine::open(&resource::options(resources), &open::required_lake(&args.lake)?).await?;
    for warning in engine.lake().warnings() {
        console.warning(warning);
    }

    let Destination { format, several, mut shared, folder } = destination;
    let mut summaries = Vec::new();
    let mut failures: Vec<Kind> = vec![Kind::Rule; broken];
    let files = file_names(&rules, format);
    for (rule, file) in rules.iter().zip(files) {
        let job = Job { args, engine: &engine, rule, now, console, several };
        let target = match (&mut shared, &folder) {
            (Some(shared), _) => To::Shared(shared),
            (None, Some(folder)) => To::File(folder.join(file)),
            (None, None) => To::Own,
        };
        match job.run(target, format).await {
            Ok(summary) => summaries.push(summary),
            Err(error) if several => {
                console.error(&error);
                failures.push(error.kind());
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(Shared { output: Some(output), .. }) = shared {
        output.finish()?;
    }
    if summaries.len() > 1 {
        tell_all(&summaries, console, args.shape.noun());
    }
    if let Some(stats) = stats {
        stats.write("executions", &summaries)?;
    }
    Ok(exit_code(args, &summaries, &failures))
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
    now: DateTime<Utc>,
    console: Console,
    several: bool,
}

impl Job<'_> {
    async fn run(&self, to: To<'_>, format: Format) -> Result<Summary> {
        let started = Instant::now();
        let rule = self.rule;
        let lowered = self.engine.compile(rule).await?;
        self.console.report(&rule.report(lowered.warnings.clone()));
        let time = TimeField::of(rule);
        let execution = open::execution_of(self.engine, rule, &lowered, &self.args.time, self.now).await?;
        let limit = rule.limit(lowered.limit);
        let mut summary = Summary::new(&rule.name, Some(rule), &execution);
        summary.limit = limit;
        summary.work.warnings = self.engine.table_notices(&lowered);
        summary.work.warnings.extend(self.engine.window_notices(&lowered, &time, &execution));

        let (aggregating, hidden) = (lowered.aggregating, lowered.hidden);
        let (group_key, expanded) = (lowered.group_key.clone(), lowered.expanded.clone());
        let prepared = self.engine.prepare(lowered, &time, &execution, limit).await;
        let prepared = prepared.map_err(|error| refused(rule, error))?;
        let mut run = Run::start(&prepared)?;
        let shaper = match self.args.shape {
            Shape::Rows => Shaper::Rows(hidden),
            Shape::Alerts => {
                let identity = Identity::new(aggregating, group_key, expanded, &run.schema());
                let context = AlertContext { rule: Arc::new(rule.clone()), execution, identity, hidden };
                Shaper::Alerts(Box::new(Decorator::new(&run.schema(), context)))
            }
        };
        let mut schema = shaper.schema(&run.schema())?;
        let prefix = self.several.then(|| rule.rule_id.to_string()).filter(|_| format != Format::Table);
        if prefix.is_some() {
            schema = prefixed_schema(&schema, "rule.id");
        }

        let (mut own, mut shared, mut spool) = (None, None, None);
        if self.several && matches!(to, To::Shared(_)) {
            // Of a rule that fails among others no row is left.
            spool = Some(Spool::try_new(&schema)?);
        }
        match to.open(format, schema, self.args.output.force)? {
            Opened::Shared(output) => shared = output,
            Opened::Own(output) => own = Some(output),
        }
        let output = own.as_mut().or(shared);

        let progress = Progress::new(
            self.console,
            &rule.name,
            self.engine.lake().tables().iter().map(|table| table.bytes()).sum(),
        );
        if let Some(output) = output {
            let shape = |batch: RecordBatch| {
                let rows = shaper.shape(&batch)?;
                match &prefix {
                    Some(id) => prefixed(&rows, "rule.id", id),
                    None => Ok(rows),
                }
            };
            match spool {
                None => drive(&mut run, output, &progress, shape).await?,
                Some(mut spool) => {
                    let write = |batch| spool.write(&shape(batch)?).map(|()| Flow::Open);
                    drive_into(&mut run, &progress, write).await?;
                    for batch in spool.into_batches()? {
                        if output.write(&batch?)? == Flow::Closed {
                            break;
                        }
                    }
                }
            }
        }
        drop(progress);
        if let Some(own) = own {
            own.finish()?;
        }
        summary.rows = run.rows();
        summary.total = run.total();
        summary.work.finish(run.scanned(), started.elapsed());
        summary.work.notice(self.engine.take_notices(&prepared.lowered.tables));
        summary.tell(self.console, self.args.shape.noun());
        Ok(summary)
    }
}
