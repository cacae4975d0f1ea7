//! `egret generate`: synthetic events with planted detections.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};

use super::open;
use super::progress::Progress;
use super::report::Console;
use crate::error::{Error, Kind, Result};
use crate::generate::{Config, Document, Layout, Summary, generate};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret generate events.parquet --rows 1000000 --days 10
  egret generate lake/logs-endpoint.events.network-default --layout hive --rows 40000000 --days 30 --agents 5000
  egret generate events.ndjson --layout ndjson --document compact --rows 3000

The same flags give the same events on every machine. Among them stand planted detections and near misses of the rule
\"egress from unusual executables\"; planted.csv beside the events lists them.")]
pub(super) struct GenerateArgs {
    /// The file, or for hive the folder, to write; .ndjson.gz and .ndjson.zst are compressed
    #[arg(value_name = "PATH")]
    out: PathBuf,
    /// How events are stored
    #[arg(long, value_enum, default_value_t = LayoutArg::Flat)]
    layout: LayoutArg,
    /// What JSON documents hold
    #[arg(long, value_enum, default_value_t = DocumentArg::Full)]
    document: DocumentArg,
    /// Events, planted ones included
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// Days that they cover
    #[arg(long, default_value_t = 1)]
    days: u32,
    /// Agents that send them
    #[arg(long, default_value_t = 200)]
    agents: u32,
    /// Another seed gives other events
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// When the first day begins, RFC 3339 or date math
    #[arg(long, value_name = "TIME", default_value = "2026-10-01T00:00:00Z", allow_hyphen_values = true)]
    start: String,
    /// Rows of a Parquet row group
    #[arg(long, value_name = "ROWS", default_value_t = 131_072)]
    row_group_rows: usize,
    /// Where the list of planted cases goes [default: planted.csv beside the events]
    #[arg(long, value_name = "FILE")]
    planted: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LayoutArg {
    /// One Parquet file, a column a field
    Flat,
    /// One Parquet file, fields in structs
    Nested,
    /// A folder with a flat Parquet file a day
    Hive,
    /// One Parquet file with lists where an event may hold several values
    Lists,
    /// One JSON document a line
    Ndjson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DocumentArg {
    /// All that an Elastic Defend agent sends, 1.5 to 2 KB
    Full,
    /// The fields of the Parquet layouts, about 490 bytes
    Compact,
}

/// Writes the events; the result is the exit code.
pub(super) async fn write(args: &GenerateArgs, console: &Console) -> Result<u8> {
    let console = *console;
    let mut config = Config::new(&args.out, layout(args.layout));
    config.document = match args.document {
        DocumentArg::Full => Document::Full,
        DocumentArg::Compact => Document::Compact,
    };
    config.rows = args.rows;
    config.days = args.days;
    config.agents = args.agents;
    config.seed = args.seed;
    config.start = open::instant("--start", &args.start, open::now())?;
    config.row_group_rows = args.row_group_rows;
    config.planted.clone_from(&args.planted);
    config.force = args.force;

    let (working, ended) = mpsc::channel::<()>();
    let stop = Stop { asked: Arc::new(AtomicBool::new(false)), ended };
    let asked = Arc::clone(&stop.asked);
    let progress = Progress::new(console, "generate", 0);
    // The work is one long computation: it runs where it holds up nobody, and is asked to stop when this is dropped.
    let work = tokio::task::spawn_blocking(move || {
        // Dropped when the work has ended and its unfinished files are gone.
        let _working = working;
        generate(&config, &mut |rows| {
            progress.rows(rows);
            if asked.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    });
    let summary = work.await.map_err(|e| Error::new(Kind::Engine, "generating events ended").with_source(e))??;
    tell(console, &summary);
    Ok(0)
}

/// Asks the work to stop when it is dropped, and waits until it has taken its unfinished files along.
struct Stop {
    asked: Arc<AtomicBool>,
    ended: mpsc::Receiver<()>,
}

/// How long work that was asked to stop is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Drop for Stop {
    fn drop(&mut self) {
        self.asked.store(true, Ordering::Relaxed);
        // Nothing is ever sent: the end of the sender is the sign.
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

const fn layout(arg: LayoutArg) -> Layout {
    match arg {
        LayoutArg::Flat => Layout::FlatParquet,
        LayoutArg::Nested => Layout::NestedParquet,
        LayoutArg::Hive => Layout::HiveParquet,
        LayoutArg::Lists => Layout::ListParquet,
        LayoutArg::Ndjson => Layout::Ndjson,
    }
}

fn tell(console: Console, summary: &Summary) {
    let positives = summary.planted.iter().filter(|case| case.cc.is_some()).count();
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    console.note(&format!(
        "{} events in {} file{}, {}; {positives} detections and {} near misses in {}; newest event {}",
        indicatif::HumanCount(summary.rows),
        summary.files.len(),
        if summary.files.len() == 1 { "" } else { "s" },
        indicatif::HumanBytes(summary.bytes),
        summary.planted.len() - positives,
        summary.planted_file.display(),
        instant(summary.last)
    ));
}
