//! Synthetic endpoint network events, for who wants to try, test or measure without events of their own.
//!
//! The same [`Config`] gives the same events on every machine and in every layout: random numbers, weights and texts
//! are computed here with whole numbers only. Among the background stand planted cases for the rule about egress from
//! unusual executables: positives that it must report and near misses that it must not. No other executable comes near
//! its threshold, so the list of cases, written as `planted.csv` beside the events, is the whole truth.
//!
//! | file | what |
//! |---|---|
//! | `rng` | random numbers and choice by weight |
//! | `world` | agents, programs, users, addresses |
//! | `event` | one event |
//! | `background` | what happens all day |
//! | `plan` | the planted cases |
//! | `columns`, `document` | events as Arrow columns, as JSON |
//! | `files` | where they go |
//!
//! ```
//! use std::ops::ControlFlow;
//! use egret::generate::{Config, Layout, generate};
//!
//! let folder = tempfile::tempdir()?;
//! let mut config = Config::new(folder.path().join("events.parquet"), Layout::FlatParquet);
//! config.rows = 2_000;
//! let summary = generate(&config, &mut |_rows| ControlFlow::Continue(()))?;
//! assert_eq!(summary.rows, 2_000);
//! assert!(summary.planted.iter().any(|case| case.cc.is_some()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::error::{Error, Kind, Result};

mod background;
mod columns;
mod document;
mod event;
mod files;
mod plan;
mod rng;
mod world;

pub use plan::{Case, CaseKind};

use background::Background;
use files::Files;
use plan::Plan;
use world::World;

/// 2026-10-01T00:00:00Z in milliseconds.
const START: i64 = 1_790_812_800_000;
const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// How the events are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    /// One Parquet file, a column a field, named `host.os.type`.
    FlatParquet,
    /// One Parquet file, fields nested in structs.
    NestedParquet,
    /// A folder with a flat Parquet file a day: `date=2026-10-01/part-0.parquet`.
    HiveParquet,
    /// One flat Parquet file with lists where an event may hold several values: `event.type`, `event.category`, `host.ip`.
    ListParquet,
    /// One JSON document a line; compressed where the path ends in `.gz` or `.zst`.
    Ndjson,
}

impl Layout {
    /// All layouts, in the order in which they are offered.
    pub const ALL: [Self; 5] =
        [Self::FlatParquet, Self::NestedParquet, Self::HiveParquet, Self::ListParquet, Self::Ndjson];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlatParquet => "flat",
            Self::NestedParquet => "nested",
            Self::HiveParquet => "hive",
            Self::ListParquet => "lists",
            Self::Ndjson => "ndjson",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|layout| layout.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::new(Kind::Usage, format!("unknown layout {name:?}, expected one of {names}"))
        })
    }
}

/// How much a JSON document says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Document {
    /// All that an Elastic Defend agent sends: 1.5 to 2 KB.
    #[default]
    Full,
    /// The fields that the Parquet layouts have, without those of the network and the addresses of the host: 490 bytes.
    Compact,
}

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file, or for [`Layout::HiveParquet`] the folder, to write.
    pub out: PathBuf,
    /// How the events are stored.
    pub layout: Layout,
    /// What JSON documents hold.
    pub document: Document,
    /// Another seed gives other agents, programs and events.
    pub seed: u64,
    /// How many events, planted ones included.
    pub rows: u64,
    /// How many days they cover; the last ends at 23:00 with an event at that very instant.
    pub days: u32,
    /// How many agents send them.
    pub agents: u32,
    /// When the first day begins.
    pub start: DateTime<Utc>,
    /// The rows of a Parquet row group.
    pub row_group_rows: usize,
    /// Where the list of planted cases goes; by default `planted.csv` beside `out`.
    pub planted: Option<PathBuf>,
    /// Whether files that exist are replaced.
    pub force: bool,
}

impl Config {
    /// A day of 100,000 events from 200 agents, from 2026-10-01.
    pub fn new(out: impl Into<PathBuf>, layout: Layout) -> Self {
        Self {
            out: out.into(),
            layout,
            document: Document::Full,
            seed: 42,
            rows: 100_000,
            days: 1,
            agents: 200,
            start: DateTime::from_timestamp_millis(START).unwrap_or_default(),
            row_group_rows: 131_072,
            planted: None,
            force: false,
        }
    }

    /// The path of the list of planted cases.
    pub fn planted_path(&self) -> PathBuf {
        let beside = || self.out.parent().unwrap_or(Path::new("")).join("planted.csv");
        self.planted.clone().unwrap_or_else(beside)
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: &str, found: &dyn fmt::Display, expected: &str| {
            Err(Error::new(Kind::Usage, format!("found {found} {what}, expected {expected}")))
        };
        if self.rows == 0 || self.rows > 1 << 40 {
            return wrong("rows", &self.rows, "between 1 and 1099511627776");
        }
        if self.days == 0 || self.days > 3_660 {
            return wrong("days", &self.days, "between 1 and 3660");
        }
        if self.agents < 3 || self.agents > 1_000_000 {
            return wrong("agents", &self.agents, "between 3 and 1000000");
        }
        if self.row_group_rows == 0 {
            return wrong("rows in a row group", &self.row_group_rows, "at least 1");
        }
        Ok(())
    }
}

/// What has been generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Events written.
    pub rows: u64,
    /// Bytes of all files of events.
    pub bytes: u64,
    /// The files of events, in order of time.
    pub files: Vec<PathBuf>,
    /// The planted cases, in order of time.
    pub planted: Vec<Case>,
    /// The file that lists them.
    pub planted_file: PathBuf,
    /// The newest event: the execution time that finds the cases of the last hour.
    pub last: DateTime<Utc>,
}

/// Writes the events and the list of planted cases, in memory that does not grow with them.
///
/// `progress` is told the rows so far, and may stop the work, which then leaves nothing behind.
///
/// # Errors
/// A configuration that makes no sense, an output that exists or cannot be written.
pub fn generate(config: &Config, progress: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<Summary> {
    config.check()?;
    let start = config.start.timestamp_millis();
    let hours = i64::from(config.days) * 24 - 1;
    let world = World::new(config.seed, config.agents);
    let plan = Plan::new(&world, config.seed, config.rows, start, hours);
    let list = files::List::prepare(config.planted_path(), &plan.cases, config.force)?;
    let mut files = Files::create(config)?;
    let mut background = Background::new(&world, config.seed, config.rows - plan.events.len() as u64, start, hours);
    let mut planted = plan.events.as_slice();
    let mut events = Vec::new();
    let (mut rows, mut last) = (0, start);
    for minute in 0..=hours * 60 {
        let end = start + (minute + 1) * MINUTE;
        // A minute may hold more than fits into memory; its parts are in order of time.
        while background.fill(minute, &mut events) || !events.is_empty() {
            let until = background.reached(minute).min(end);
            let count = planted.partition_point(|event| event.at < until);
            let (due, later) = planted.split_at(count);
            events.extend_from_slice(due);
            planted = later;
            events.sort_by_key(|event| event.at);
            files.write(&world, &plan, rows, &events)?;
            rows += events.len() as u64;
            last = events.last().map_or(last, |event| event.at);
            events.clear();
            if progress(rows).is_break() {
                return Err(Error::new(Kind::Interrupted, "stopped before all events were written"));
            }
        }
    }
    let (files, bytes) = files.commit()?;
    let planted_file = list.commit()?;
    let last = DateTime::from_timestamp_millis(last).unwrap_or_default();
    Ok(Summary { rows, bytes, files, planted: plan.cases, planted_file, last })
}

#[cfg(test)]
mod tests;
