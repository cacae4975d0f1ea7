//! `egret convert`: events to Parquet that is laid out for rules.

mod compare;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use self::compare::{Comparison, compare};
use super::args::{BadLine, ResourceArgs, TimeArgs};
use super::progress::{Progress, TICK};
use super::report::Console;
use super::stop::Stop;
use super::summary::StatsFile;
use super::{SKIPPED_INPUT, open, resource};
use crate::convert::{Config, Meter, Partition, Summary};
use crate::error::{Error, Kind, Result};
use crate::lake::{OnBadLine, Upload};
use crate::rule::Language;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret convert events.ndjson --output lake/logs-endpoint
  egret convert /var/log/beats '/archive/2026-*.ndjson.gz' --output lake/logs --partition hour
  egret convert events.ndjson --output lake/logs --compare rules/egress.toml
  egret convert cloudtrail/ --output lake/cloudtrail --time event.ingested --keep-source

The same command again converts what is new or has changed (by path, size and time of change) and leaves the rest; after
a crash, Ctrl-C or a full disk it goes on where it was. Events of files that are gone are kept. Rules find the same rows
as over the inputs, with the same ids; without --keep-source, _source is made of the fields. A field keeps the type that it
had when it was converted first.")]
pub(super) struct ConvertArgs {
    /// Events: Parquet or JSON files, folders, globs
    #[arg(required = true, value_name = "LOCATION")]
    locations: Vec<String>,
    /// The folder for the Parquet files
    #[arg(long, short = 'o', value_name = "DIR", help_heading = "Output")]
    output: PathBuf,
    /// The field that says when an event was: it sorts events and names folders, in UTC
    #[arg(long, value_name = "FIELD", default_value = "@timestamp", help_heading = "Output")]
    time: String,
    /// How much time a folder holds; events without a time have one of their own, which no window rules out
    #[arg(long, value_enum, default_value_t = PartitionArg::Day, help_heading = "Output")]
    partition: PartitionArg,
    /// Keep documents as they were too, for rules that read _source; takes about as much again
    #[arg(long, help_heading = "Output")]
    keep_source: bool,
    /// Convert all anew; what was converted before goes
    #[arg(long, help_heading = "Output")]
    force: bool,
    /// Write the summary as JSON to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    stats_file: Option<PathBuf>,
    /// What a corrupt JSON line does; skipped lines are counted, reported, and make the exit code 3
    #[arg(long, value_enum, default_value_t = BadLine::Skip)]
    on_bad_line: BadLine,
    /// Run this rule over the locations and over the output, and tell whether the rows are the same and how much faster they
    /// come; at the newest event unless --at says otherwise
    #[arg(long, value_name = "RULE", help_heading = "Comparison")]
    compare: Option<PathBuf>,
    #[command(flatten)]
    time_of_rule: TimeArgs,
}

/// How much time a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PartitionArg {
    /// A day: date=2026-10-01
    Day,
    /// An hour: date=2026-10-01/hour=07
    Hour,
    /// All: no folders
    None,
}

impl From<PartitionArg> for Partition {
    fn from(arg: PartitionArg) -> Self {
        match arg {
            PartitionArg::Day => Self::Day,
            PartitionArg::Hour => Self::Hour,
            PartitionArg::None => Self::None,
        }
    }
}

/// What `--stats-file` holds.
#[derive(Debug, Serialize)]
struct Stats<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    /// Wall time of the conversion, in seconds.
    seconds: f64,
    /// The largest amount of memory that the process held until its end, in bytes; null where the system does not tell.
    peak_memory_bytes: Option<u64>,
    /// What `--compare` found; null without it.
    comparison: Option<&'a Comparison>,
}

/// Converts the events; the result is the exit code.
pub(super) async fn convert(
    args: &ConvertArgs,
    resources: &ResourceArgs,
    console: &Console,
    mut stop: Stop,
) -> Result<u8> {
    let console = *console;
    let asks_time = args.time_of_rule.at.is_some()
        || args.time_of_rule.from.is_some()
        || args.time_of_rule.to.is_some()
        || args.time_of_rule.all_time;
    if asks_time && args.compare.is_none() {
        return Err(Error::new(Kind::Usage, "--at, --from, --to and --all-time are for the rule of --compare")
            .with_help("all events are converted; name a rule with --compare, or leave them out"));
    }
    if Upload::is_of(&args.output) {
        let found =
            format!("--output {}: found an object store, expected a folder of this machine", args.output.display());
        return Err(Error::new(Kind::Usage, found).with_help("convert into a folder and copy that to the store"));
    }
    let rule = args.compare.as_deref().map(|path| open::only_rule(path, Language::Esql, console)).transpose()?;
    let stats = StatsFile::reserve(args.stats_file.as_deref())?;
    let config = Config {
        time: args.time.clone(),
        partition: args.partition.into(),
        source: args.keep_source,
        anew: args.force,
        on_bad_line: match args.on_bad_line {
            BadLine::Skip => OnBadLine::Skip,
            BadLine::Fail => OnBadLine::Fail,
        },
        threads: resource::threads(resources),
        memory_limit: resources.memory_limit,
        ..Config::new(args.locations.clone(), &args.output)
    };
    let started = Instant::now();
    let meter = Meter::default();
    let progress = Progress::new(console, "convert", 0);
    let summary = {
        let mut work = std::pin::pin!(crate::convert::convert(&config, &meter));
        let mut ticker = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                summary = &mut work => break summary?,
                why = stop.wanted("what is complete is kept, and the same command goes on from there") => return Err(why),
                _ = ticker.tick() => progress.converted(meter.progress()),
            }
        }
    };
    drop(progress);
    let seconds = started.elapsed().as_secs_f64();
    let peak_memory_bytes = resource::peak_memory();
    for warning in &summary.warnings {
        console.warning(warning);
    }
    if summary.bad_lines > 0 {
        let lines = if summary.bad_lines == 1 { "line is" } else { "lines are" };
        console.warning(&format!("{} bad {lines} skipped", HumanCount(summary.bad_lines)));
    }
    tell(console, &summary, seconds, peak_memory_bytes);
    let comparison = match &rule {
        Some(rule) => {
            let compared = compare(rule, &config, &args.time_of_rule, resources, console);
            let comparison = tokio::select! {
                comparison = compared => comparison?,
                why = stop.wanted("all is converted") => return Err(why),
            };
            comparison.tell(console, &rule.name);
            Some(comparison)
        }
        None => None,
    };
    if let Some(stats) = stats {
        let told = Stats { summary: &summary, seconds, peak_memory_bytes, comparison: comparison.as_ref() };
        stats.write("conversions", &[told])?;
    }
    if let Some(comparison) = comparison.filter(|comparison| !comparison.equal) {
        return Err(comparison.into_error(&summary));
    }
    Ok(if summary.bad_lines > 0 { SKIPPED_INPUT } else { 0 })
}

fn tell(console: Console, summary: &Summary, seconds: f64, memory: Option<u64>) {
    let count =
        |count: usize, noun: &str| format!("{} {noun}{}", HumanCount(count as u64), if count == 1 { "" } else { "s" });
    let before = match (summary.unchanged, summary.changed) {
        (0, 0) => String::new(),
        (unchanged, 0) => format!("; {} unchanged", count(unchanged, "input")),
        (unchanged, changed) => format!("; {} unchanged, {changed} changed", count(unchanged, "input")),
    };
    let gone = if summary.gone > 0 { format!(", {} gone", summary.gone) } else { String::new() };
    let memory = memory.map_or_else(String::new, |bytes| format!(", {} memory", HumanBytes(bytes)));
    let resumed = if summary.resumed { " (taken up where it was interrupted)" } else { "" };
    if summary.inputs == 0 {
        console.note(&format!("nothing to convert{before}{gone}; {seconds:.2} s"));
    } else {
        console.note(&format!(
            "{} events of {}, {}, to {} in {}, {} ({:.1} times smaller){resumed}; {seconds:.2} s{memory}{before}{gone}",
            HumanCount(summary.events),
            count(summary.inputs, "input"),
            HumanBytes(summary.bytes_in),
            count(summary.files, "file"),
            count(summary.folders, "folder"),
            HumanBytes(summary.bytes_out),
            summary.bytes_in as f64 / (summary.bytes_out.max(1)) as f64,
        ));
    }
    if summary.files != summary.output_files {
        console.note(&format!(
            "all of it: {} events in {}, {}",
            HumanCount(summary.output_events),
            count(summary.output_files, "file"),
            HumanBytes(summary.output_bytes)
        ));
    }
}
