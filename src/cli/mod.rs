//! The command line: flags, dispatch, exit codes. The only module that writes to stdout and stderr.

mod args;
mod asked;
mod backtest;
mod bench;
mod check;
mod cluster;
mod completions;
mod convert;
mod destination;
mod drive;
mod dry_run;
mod evidence;
mod explain;
mod fields;
mod functions;
mod generate;
mod matrix;
mod open;
mod progress;
mod report;
mod resource;
mod run;
mod shape;
mod shell;
mod sql;
mod stop;
mod summary;
mod tables;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use self::args::ResourceArgs;
use self::report::Console;
use crate::error::{Error, Kind, Result};

/// Exit code of a run that skipped input.
const SKIPPED_INPUT: u8 = 3;

/// Detection rules over lake storage: ES|QL and SQL rules on Parquet and NDJSON.
#[derive(Debug, Parser)]
#[command(name = "egret", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  egret run data/rules/egress-unusual-executable.toml --events data/events.ndjson --at latest
  egret run rules/ --lake /lake --at 2026-10-02T00:00:00Z --as alerts --output alerts/
  egret backtest rule.toml --lake /lake --from 2026-10-01 --to 2026-11-01
  egret evidence rule.toml --alert alert.json --lake /lake
  egret sql \"SELECT event.action, count(*) FROM events GROUP BY event.action\" --events data/events.parquet

Exit codes:
  0 done, with or without alerts    1 failed    2 wrong usage or a rule that does not check
  3 done, but input was skipped     130 interrupted")]
struct Cli {
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run rules once over the events and print rows or alerts
    Run(run::RunArgs),
    /// Run rules as their schedule would have in a past range: every execution, from one scan
    Backtest(backtest::BacktestArgs),
    /// Show the events behind alerts: when they were, which values lead, and the events themselves
    Evidence(evidence::EvidenceArgs),
    /// Query the events with any SELECT; without a query on a terminal: a shell
    Sql(sql::SqlArgs),
    /// Show what a rule becomes: canonical query, SQL, plan, what prunes
    Explain(explain::ExplainArgs),
    /// Parse, validate and plan every rule found, without events
    Check(check::CheckArgs),
    /// Show which fields of a rule the events have, how often null, how often several values
    Fields(fields::FieldsArgs),
    /// List the tables of the lake: files, bytes, rows, time range
    Tables(tables::TablesArgs),
    /// List the functions of ES|QL: what they take and give, what they mean, an example
    Functions(functions::FunctionsArgs),
    /// Store events as Parquet that is laid out for rules: sorted, in folders of days, with the ids that they have
    Convert(convert::ConvertArgs),
    /// Write synthetic endpoint network events with planted detections
    Generate(generate::GenerateArgs),
    /// Measure Egret and its peers on the same events, with equal answers
    Bench(bench::BenchArgs),
    /// Serve as the scheduler of a cluster: cut queries into parts and give them to executors
    Scheduler(cluster::SchedulerArgs),
    /// Serve as an executor of a cluster: run parts of queries
    Executor(cluster::ExecutorArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

/// Runs the program with these arguments, the first one being its own name; the result is the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with 0, a wrong usage to stderr with 2; a closed pipe is no failure.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let console = Console::new(cli.resources.quiet);
    match guarded(|| dispatch(cli, console)) {
        Ok(code) => code,
        Err(error) => {
            console.error(&error);
            error.kind().exit_code()
        }
    }
}

/// Does `work`. A library that panics, as Parquet's does over some damaged pages, ends it with an error, not a trace.
fn guarded(work: impl FnOnce() -> Result<u8> + Send) -> Result<u8> {
    std::panic::set_hook(Box::new(|_| {}));
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| roomy(work)));
    // The default hook is back for whoever called this as a library.
    let _ = std::panic::take_hook();
    done.unwrap_or_else(|cause| {
        let told = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
        let message = format!("the engine broke off: {}", told.unwrap_or("it gave no reason"));
        Err(Error::new(Kind::Engine, message)
            .with_help("a damaged Parquet file can cause this; find it by reading the files one by one"))
    })
}

/// Stack of the thread that plans: a query of thousands of conditions in a row is as deep a tree. Only what is used of it
/// costs memory.
const PLANNER_STACK: usize = 1 << 30;

/// Stack of the threads that evaluate expressions.
const WORKER_STACK: usize = 128 << 20;

/// Does `work` on a thread with a large stack.
fn roomy(work: impl FnOnce() -> Result<u8> + Send) -> Result<u8> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("egret".to_owned()).stack_size(PLANNER_STACK);
        let thread = thread
            .spawn_scoped(scope, work)
            .map_err(|e| Error::new(Kind::Resource, "cannot start a thread").with_source(e))?;
        thread.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause))
    })
}

fn dispatch(cli: Cli, console: Console) -> Result<u8> {
    let resources = cli.resources;
    match cli.command {
        Command::Completions(args) => completions::print(&args, &mut Cli::command()),
        Command::Bench(args) => bench::bench(&args, &resources, console),
        Command::Functions(args) => functions::print(&args),
        Command::Scheduler(args) => cluster::scheduler(&args, &resources, console),
        Command::Executor(args) => cluster::executor(&args, &resources, console),
        Command::Generate(args) => interruptible(&resources, generate::write(&args, &console)),
        Command::Convert(args) => stop::stoppable(&resources, async |stop| {
            Box::pin(convert::convert(&args, &resources, &console, stop)).await
        }),
        Command::Check(args) => interruptible(&resources, check::check(&args, &resources, &console)),
        Command::Run(args) => interruptible(&resources, run::run(&args, &resources, &console)),
        Command::Backtest(args) => stop::stoppable(&resources, async |stop| {
            Box::pin(backtest::backtest(&args, &resources, &console, stop)).await
        }),
        Command::Evidence(args) => interruptible(&resources, evidence::evidence(&args, &resources, &console)),
        Command::Sql(args) => interruptible(&resources, sql::sql(&args, &resources, &console)),
        Command::Explain(args) => interruptible(&resources, explain::explain(&args, &resources, &console)),
        Command::Tables(args) => interruptible(&resources, tables::tables(&args, &resources, &console)),
        Command::Fields(args) => interruptible(&resources, fields::fields(&args, &resources, &console)),
    }
}

/// Drives `work` to its end, to the time limit, or to Ctrl-C, whichever comes first. What is dropped stops at once
/// and takes its unfinished files along.
fn interruptible(resources: &ResourceArgs, work: impl Future<Output = Result<u8>>) -> Result<u8> {
    let runtime = threads(resources, 0)?;
    let result = runtime.block_on(async {
        let limit = async {
            match resources.timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Err(Error::new(Kind::Interrupted, "interrupted; no unfinished file is left")),
            () = limit => Err(Error::new(Kind::Resource, "the time limit is over; no unfinished file is left")
                .with_help("raise --timeout or narrow the window")),
            result = work => result,
        }
    });
    // A blocking read must not hold up the end.
    runtime.shutdown_background();
    result
}

/// The threads that everything runs on, and some to spare.
fn threads(resources: &ResourceArgs, spare: usize) -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(resource::threads(resources).get() + spare)
        .thread_stack_size(WORKER_STACK)
        .enable_all()
        .build()
        .map_err(|e| Error::new(Kind::Engine, "cannot start threads").with_source(e))
}
