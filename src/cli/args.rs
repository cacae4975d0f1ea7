//! Flags that several subcommands share.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::engine::TimeField;
use crate::rule::{Interval, Language, Rule};

/// Which rules.
#[derive(Debug, Clone, Args)]
pub(crate) struct RuleArgs {
    /// Rule files or folders; - reads a query from stdin
    #[arg(required = true, value_name = "RULE")]
    pub(crate) rules: Vec<PathBuf>,
    /// Language of a query on stdin
    #[arg(long, value_enum, default_value_t = LanguageArg::Esql)]
    pub(crate) language: LanguageArg,
    /// Lists of exceptions as Kibana exports them; those that a rule names apply to it
    #[arg(long, value_name = "FILE")]
    pub(crate) exceptions: Option<PathBuf>,
}

/// Languages of a query on stdin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageArg {
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

/// Where the events are.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Events")]
pub(crate) struct LakeArgs {
    /// One table that every FROM reads: a Parquet or JSON file, a folder, a glob, - for stdin, or a Delta table, also as it
    /// was: PATH@v12, PATH@2026-10-01T00:00:00Z; also in a store: s3://, gs://, az://, abfss://, http(s)://, signed in by
    /// the variables of each (AWS_*, GOOGLE_*, AZURE_*)
    #[arg(long, value_name = "LOCATION", conflicts_with = "lake")]
    pub(crate) events: Option<String>,
    /// A folder, also of a store, with one table a subfolder; FROM patterns select among their names
    #[arg(long, value_name = "DIR")]
    pub(crate) lake: Option<String>,
    /// Add or replace a table
    #[arg(long = "table", value_name = "NAME=LOCATION", value_parser = parse_table)]
    pub(crate) tables: Vec<(String, String)>,
    /// A file that names tables once, with location, version, partition, time, lateness and mapping [default: egret.toml in the
    /// working directory, where neither --events nor --lake is given]; the other flags win over it
    #[arg(long, value_name = "FILE", conflicts_with = "events")]
    pub(crate) catalog: Option<PathBuf>,
    /// What a corrupt JSON line does; skipped lines are counted, reported, and make the exit code 3
    #[arg(long, value_enum, default_value_t = BadLine::Skip)]
    pub(crate) on_bad_line: BadLine,
    /// How long after its @timestamp an event may be ingested, such as 2d: then folders named date=YYYY-MM-DD (dt=, day=,
    /// year=/month=/day=, or YYYY/MM/DD, each also with an hour), which must be times of @timestamp in UTC, spare the files
    /// of other times; in a store folders of other years, months and days are not even listed
    #[arg(long, value_name = "DURATION", value_parser = parse_lateness)]
    pub(crate) lateness: Option<Interval>,
    /// A folder in which footers of Parquet objects of stores are kept from one run to the next, at most 256 MiB; - keeps
    /// none [default: egret in $XDG_CACHE_HOME, else ~/.cache/egret]
    #[arg(long, value_name = "DIR")]
    pub(crate) footer_cache: Option<PathBuf>,
    /// Parse every JSON line; without it lines that no rule can want are only checked for UTF-8 and for { and }
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Which events of its window an execution sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Visibility {
    /// All that are there now
    #[default]
    All,
    /// Those that were ingested up to its time
    Ingested,
}

impl Visibility {
    /// The field that says which events an execution of a rule sees.
    pub(crate) fn time(self, rule: &Rule) -> TimeField {
        match self {
            Self::All => TimeField::of(rule),
            Self::Ingested => TimeField::of(rule).as_ingested(),
        }
    }
}

/// What a corrupt line does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BadLine {
    /// Count it, report it, go on
    #[default]
    Skip,
    /// End the run with an error
    Fail,
}

fn parse_lateness(text: &str) -> Result<Interval, String> {
    text.parse().map_err(|_| format!("expected a length of time such as 6h or 2d, found `{text}`"))
}

fn parse_table(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, location)) if !name.is_empty() && !location.is_empty() => {
            Ok((name.to_owned(), location.to_owned()))
        }
        _ => Err(format!("expected NAME=LOCATION, found `{text}`")),
    }
}

/// When an execution takes place and which events it sees.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Time")]
pub(crate) struct TimeArgs {
    /// The execution's time: RFC 3339, date math such as now-1d/d, or latest for the newest event [default: --to, else now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
    /// Start of the window, inclusive, instead of the rule's
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with = "all_time")]
    pub(crate) from: Option<String>,
    /// End of the window, inclusive, instead of the rule's
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with = "all_time")]
    pub(crate) to: Option<String>,
    /// No window; the query's own time conditions stay
    #[arg(long)]
    pub(crate) all_time: bool,
}

/// Where rows go and in which shape.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Format of the rows [default: table on a terminal, else ndjson]
    #[arg(long, short = 'f', value_enum)]
    pub(crate) format: Option<FormatArg>,
    /// A file for the rows, or an object of a store (s3://, gs://, az://, abfss://), written whole or not at all; a folder
    /// for several rules; - is stdout
    #[arg(long, short = 'o', value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an output that exists
    #[arg(long)]
    pub(crate) force: bool,
    /// The index that --format bulk names [default: .alerts-security.alerts-default]
    #[arg(long, value_name = "NAME")]
    pub(crate) index: Option<String>,
    /// Write the summary as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) stats_file: Option<PathBuf>,
}

/// Formats of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Aligned columns for people
    Table,
    /// One JSON object a line
    Ndjson,
    /// One JSON array
    Json,
    /// Alerts for Elasticsearch's bulk API: a line with index and id, then the document
    Bulk,
    /// RFC 4180, lists as JSON
    Csv,
    /// A Parquet file
    Parquet,
    /// An Arrow IPC stream
    Arrow,
}

/// What a run may use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Resources")]
pub(crate) struct ResourceArgs {
    /// Threads that scan and aggregate [default: all cores]
    #[arg(long, value_name = "N", global = true)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Memory that operators may hold before they spill or fail, such as 512MB or 2GiB
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_size, global = true)]
    pub(crate) memory_limit: usize,
    /// How Parquet files are scanned
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(crate) scan: ScanArg,
    /// End the run after this time, such as 30s, 5m or 1h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, global = true)]
    pub(crate) timeout: Option<Duration>,
    /// No progress, no summary; errors and warnings only
    #[arg(long, short = 'q', global = true)]
    pub(crate) quiet: bool,
}

/// How Parquet files are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ScanArg {
    /// Predicates are decided once a dictionary entry where they can be
    #[default]
    Dictionary,
    /// As DataFusion does it alone, to compare with
    Stock,
}

/// Bytes of a text such as `512MB`, `1.5GiB` or `1000`.
fn parse_size(text: &str) -> Result<usize, String> {
    let wrong = || format!("expected a size such as 512MB or 2GiB, found `{text}`");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = number * factor;
    if bytes.is_finite() && bytes >= 1.0 { Ok(bytes as usize) } else { Err(wrong()) }
}

/// A duration such as `30s`, `5m`, `1h`, `250ms`, or a number of seconds.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a duration such as 30s, 5m or 1h, found `{text}`");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
    let seconds = match &text[digits.len()..] {
        "ms" => number / 1e3,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|d| !d.is_zero()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations() {
        assert_eq!(parse_size("512MB"), Ok(512_000_000));
        assert_eq!(parse_size("1.5GiB"), Ok(1_610_612_736));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert!(parse_size("lots").is_err());
        assert!(parse_size("0").is_err());
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_mins(5)));
        assert!(parse_duration("-1s").is_err());
        assert_eq!(parse_table("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(parse_table("a").is_err());
    }
}
