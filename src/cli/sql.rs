//! `egret sql`: any SELECT over the lake.

use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::args::{LakeArgs, OutputArgs, ResourceArgs};
use super::drive::drive;
use super::progress::Progress;
use super::report::Console;
use super::summary::{StatsFile, Summary};
use super::{SKIPPED_INPUT, open, resource, shell};
use crate::alert::sink::Target;
use crate::engine::refusal::refused;
use crate::engine::run::Run;
use crate::engine::{Engine, TimeField};
use crate::error::{Error, Kind, Result};
use crate::rule::{Execution, Language, Rule};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret sql \"SELECT event.action, count(*) AS n FROM events GROUP BY event.action ORDER BY n DESC\" --events e.parquet
  egret sql --file query.sql --lake /lake --format csv --output rows.csv
  egret sql --events e.ndjson

Fields are written as they are: process.executable, user.name, @timestamp. Beside everything that DataFusion has there
are cidr_match, glob_match, collect_set, count_distinct and the mv_ functions.")]
pub(super) struct SqlArgs {
    /// The query; - reads it from stdin; none on a terminal starts a shell
    query: Option<String>,
    /// Read the query from a file
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// The time that now() gives: RFC 3339 or date math [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    #[command(flatten)]
    lake: LakeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the query or the shell; the result is the exit code.
pub(super) async fn sql(args: &SqlArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let console = *console;
    let text = query_text(args)?;
    let now = open::now();
    let at = args.at.as_deref().map_or(Ok(now), |text| open::instant("--at", text, now))?;
    open::only_alerts(open::format(&args.output), false)?;
    let target = match &text {
        Some(_) => Some(open::target(args.output.output.as_deref(), open::format(&args.output), &args.output)?),
        None => None,
    };
    let stats = StatsFile::reserve(args.output.stats_file.as_deref())?;
    let rule = text.as_ref().and_then(|(name, text)| Rule::bare(name, text, Language::Sql).ok());
    let rules: Vec<Rule> = rule.into_iter().map(|loaded| loaded.rule).collect();
    let engine =
        Engine::open(&resource::options(resources), &open::required_lake(&args.lake, &rules, Vec::new())?).await?;
    for warning in engine.lake().warnings() {
        console.warning(warning);
    }
    let execution = Execution { at, window: None };
    let query = Query { engine: &engine, args, execution, console };
    match (text, target) {
        (Some((name, text)), Some(target)) => {
            let summary = Box::pin(query.run(&name, &text, target)).await?;
            let skipped = summary.work.bad_lines > 0;
            if let Some(stats) = stats {
                stats.write("executions", &[summary])?;
            }
            Ok(if skipped { SKIPPED_INPUT } else { 0 })
        }
        _ => Box::pin(shell::read_lines(&query)).await,
    }
}

/// The query and its name; `None` where a shell is wanted.
fn query_text(args: &SqlArgs) -> Result<Option<(String, String)>> {
    if let Some(path) = &args.file {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::new(Kind::Input, format!("{name}: the query cannot be read")).with_source(e))?;
        return Ok(Some((name, text)));
    }
    match args.query.as_deref() {
        Some("-") => read_stdin().map(Some),
        Some(text) => Ok(Some(("query".to_owned(), text.to_owned()))),
        None if io::stdin().is_terminal() => Ok(None),
        None => read_stdin().map(Some),
    }
}

fn read_stdin() -> Result<(String, String)> {
    let mut text = String::new();
    io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|e| Error::new(Kind::Input, "stdin: the query cannot be read").with_source(e))?;
    Ok(("stdin".to_owned(), text))
}

/// What every query of an invocation shares.
pub(super) struct Query<'a> {
    engine: &'a Engine,
    args: &'a SqlArgs,
    execution: Execution,
    pub(super) console: Console,
}

impl Query<'_> {
    /// Runs one query and writes its rows to `target`.
    pub(super) async fn run(&self, name: &str, text: &str, target: Target) -> Result<Summary> {
        let started = Instant::now();
        let loaded = Rule::bare(name, text, Language::Sql).map_err(|report| Error::rule(vec![report]))?;
        let lowered = self.engine.compile(&loaded.rule).await?;
        self.console.report(&loaded.rule.report(lowered.warnings.clone()));
        let mut summary = Summary::new(name, None, &self.execution);
        summary.limit = lowered.limit;
        summary.work.warnings = self.engine.table_notices(&lowered);
        let limit = lowered.limit;
        let time = TimeField::of(&loaded.rule);
        let prepared = self.engine.prepare(lowered, &time, &self.execution, limit).await;
        let prepared = prepared.map_err(|error| refused(&loaded.rule, error))?;
        let mut run = Run::start(&prepared)?;
        let format = open::format(&self.args.output);
        let mut output = target.open(format, run.schema(), open::width())?;
        let progress =
            Progress::new(self.console, name, self.engine.lake().tables().iter().map(|table| table.bytes()).sum());
        drive(&mut run, &progress, |batch| output.write(&batch)).await?;
        drop(progress);
        output.finish()?;
        summary.rows = run.rows();
        summary.total = run.total();
        summary.work.finish(run.scanned(), started.elapsed());
        summary.work.notice(self.engine.take_notices(&prepared.lowered.tables));
        summary.tell(self.console, "row");
        Ok(summary)
    }

    /// A target for the rows of one query of a shell.
    pub(super) fn stdout(&self) -> Result<Target> {
        open::target(None, open::format(&self.args.output), &self.args.output)
    }
}
