//! `egret run`: rules, once, over the events; rows or alerts out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::args::{LakeArgs, OutputArgs, ResourceArgs, TimeArgs};
use super::drive::{drive, drive_into};
use super::progress::Progress;
use super::report::Console;
use super::summary::{StatsFile, Summary, tell_all};
use super::{SKIPPED_INPUT, open, resource};
use crate::alert::sink::{Flow, Format, Output, Spool, prefixed, prefixed_schema};
use crate::alert::{AlertContext, Decorator, Identity};
use crate::engine::refusal::refused;
use crate::engine::run::Run;
use crate::engine::{Engine, TimeField};
use crate::error::{Error, Kind, Result};
use crate::rule::{Language, Rule};

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
    /// Rule files or folders; - reads a query from stdin
    #[arg(required = true, value_name = "RULE")]
    rules: Vec<PathBuf>,
    /// Language of a query on stdin
    #[arg(long, value_enum, default_value_t = LanguageArg::Esql)]
    language: LanguageArg,
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

/// What a row of a rule's result becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// The columns of the query
    Rows,
    /// The columns of an alert: rule, severity, threat, window and ids beside those of the query
    Alerts,
}

impl Shape {
    /// What one of them is called.
    const fn noun(self) -> &'static str {
        match self {
            Self::Rows => "row",
            Self::Alerts => "alert",
        }
    }
}

/// Languages of a query on stdin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LanguageArg {
    Esql,
    Sql,
}

impl From<LanguageArg> for Language {
    fn from(arg: LanguageArg) -> Self {
        match arg {
            LanguageArg::Esql => Self::Esql,
            LanguageArg::Sql => Self::Sql,
        }
    }
}

/// Runs the rules; the result is the exit code.
pub(super) async fn run(args: &RunArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let console = *console;
    let (rules, broken) = open::rules(&args.rules, args.language.into(), console)?;
    let now = open::now();
    let destination = Destination::try_new(args, rules.len() + broken > 1)?;
    let stats = StatsFile::reserve(args.output.stats_file.as_deref())?;
    let engine = Engine::open(&resource::options(resources), &open::required_lake(&args.lake)?).await?;
    for warning in engine.lake().warnings() {
        console.warning(warning);
    }

    let mut shared = destination.shared;
    let mut summaries = Vec::new();
    let mut failures: Vec<Kind> = vec![Kind::Rule; broken];
    let files = file_names(&rules, destination.format);
    for (rule, file) in rules.iter().zip(files) {
        let job = Job { args, engine: &engine, rule, now, console, several: destination.several };
        let target = match (&mut shared, &destination.folder) {
            (Some(shared), _) => To::Shared(shared),
            (None, Some(folder)) => To::File(folder.join(file)),
            (None, None) => To::Own,
        };
        match job.run(target, destination.format).await {
            Ok(summary) => summaries.push(summary),
            Err(error) if destination.several => {
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
        stats.write(&summaries)?;
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
    if summaries.iter().any(|summary| summary.bad_lines > 0) { SKIPPED_INPUT } else { 0 }
}

/// Where the rows of all rules go.
struct Destination {
    format: Format,
    several: bool,
    /// One stream for all rules.
    shared: Option<Shared>,
    /// One file a rule.
    folder: Option<PathBuf>,
}

/// A stream that several rules write to; it begins with the first of them.
struct Shared {
    target: Option<crate::alert::sink::Target>,
    output: Option<Output>,
}

/// Where the rows of one rule go.
enum To<'a> {
    Shared(&'a mut Shared),
    File(PathBuf),
    Own,
}

impl Destination {
    fn try_new(args: &RunArgs, several: bool) -> Result<Self> {
        let format = open::format(&args.output);
        let path = args.output.output.as_deref();
        let is_folder = path.is_some_and(|p| p.is_dir() || p.to_string_lossy().ends_with('/'));
        if is_folder || (several && !open::to_stdout(&args.output) && format.has_fixed_schema()) {
            let folder = path.map(Path::to_path_buf).unwrap_or_default();
            let looks_a_file = folder.extension().is_some_and(|e| e.eq_ignore_ascii_case(format.extension()));
            if !is_folder && looks_a_file {
                let message = format!("{}: several rules cannot share one {format} file", folder.display());
                return Err(Error::new(Kind::Usage, message)
                    .with_help("name a folder with --output DIR, which gets one file a rule, or use --format ndjson"));
            }
            std::fs::create_dir_all(&folder).map_err(|e| {
                Error::new(Kind::Output, format!("{}: the folder cannot be made", folder.display())).with_source(e)
            })?;
            return Ok(Self { format, several, shared: None, folder: Some(folder) });
        }
        if several && format.has_fixed_schema() && format != Format::Table {
            return Err(Error::new(Kind::Usage, format!("several rules cannot share one {format} stream"))
                .with_help("write one file a rule with --output DIR, or use --format ndjson"));
        }
        if several && format == Format::Table {
            // Each rule has its own table; they follow each other.
            return Ok(Self { format, several, shared: None, folder: None });
        }
        let target = open::target(path, format, args.output.force)?;
        Ok(Self { format, several, shared: Some(Shared { target: Some(target), output: None }), folder: None })
    }
}

/// The files of rules below `--output DIR`: named as the rules' files, as far as that keeps them apart.
fn file_names(rules: &[Rule], format: Format) -> Vec<String> {
    let stem = |rule: &Rule| Path::new(&rule.origin.name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = |rule: &Rule| Path::new(&rule.origin.name).file_name().map(|name| name.to_string_lossy().into_owned());
    let path = |rule: &Rule| Some(rule.origin.name.trim_start_matches(['.', '/']).replace(['/', '\\'], "-"));
    let named = |way: &dyn Fn(&Rule) -> Option<String>| rules.iter().map(way).collect::<Vec<_>>();
    let tables = [named(&stem), named(&name), named(&path)];
    let alone = |names: &[Option<String>], at: usize| {
        let same = |other: &&Option<String>| names.get(at) == Some(*other);
        names.get(at).cloned().flatten().filter(|_| names.iter().filter(same).count() == 1)
    };
    let named = |(at, rule): (usize, &Rule)| {
        let name = tables.iter().find_map(|names| alone(names, at));
        format!("{}.{}", name.unwrap_or_else(|| rule.rule_id.to_string()), format.extension())
    };
    rules.iter().enumerate().map(named).collect()
}

/// Rows as the engine gives them, to rows as they are written.
enum Shaper {
    /// Without so many columns at the end.
    Rows(usize),
    Alerts(Box<Decorator>),
}

impl Shaper {
    fn schema(&self, rows: &SchemaRef) -> Result<SchemaRef> {
        match self {
            Self::Rows(0) => Ok(Arc::clone(rows)),
            Self::Rows(hidden) => {
                let visible: Vec<usize> = (0..rows.fields().len().saturating_sub(*hidden)).collect();
                rows.project(&visible).map(Arc::new).map_err(|e| Error::new(Kind::Engine, "columns").with_source(e))
            }
            Self::Alerts(decorator) => Ok(Arc::clone(decorator.schema())),
        }
    }

    fn shape(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        match self {
            Self::Rows(0) => Ok(batch.clone()),
            Self::Rows(hidden) => {
                let visible: Vec<usize> = (0..batch.num_columns().saturating_sub(*hidden)).collect();
                batch.project(&visible).map_err(|e| Error::new(Kind::Engine, "columns").with_source(e))
            }
            Self::Alerts(decorator) => decorator.decorate(batch),
        }
    }
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
        let limit = [lowered.limit, rule.max_signals.map(u64::from)].into_iter().flatten().min();
        let mut summary = Summary::new(&rule.name, Some(rule), &execution);
        summary.limit = limit;
        summary.warnings = self.engine.table_notices(&lowered);
        summary.warnings.extend(self.engine.window_notices(&lowered, &time, &execution));

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

        let mut own = None;
        let mut spool = None;
        let output = match to {
            To::Shared(shared) => {
                // Of a rule that fails among others no row is left.
                spool = self.several.then(|| Spool::try_new(&schema)).transpose()?;
                if let Some(target) = shared.target.take() {
                    shared.output = Some(target.open(format, schema, open::width())?);
                }
                shared.output.as_mut()
            }
            To::File(path) => {
                own = Some(open::target(Some(&path), format, self.args.output.force)?.open(format, schema, None)?);
                own.as_mut()
            }
            To::Own => {
                own = Some(open::target(None, format, false)?.open(format, schema, open::width())?);
                own.as_mut()
            }
        };

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
        summary.finish(run.scanned(), started.elapsed());
        summary.notice(self.engine.take_notices(&prepared.lowered.tables));
        summary.tell(self.console, self.args.shape.noun());
        Ok(summary)
    }
}
