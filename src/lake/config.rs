//! Where the events of a run lie: what the command line says of it.
//!
//! ```
//! use egret::lake::{LakeConfig, OnBadLine};
//! let config = LakeConfig { events: Some("events.parquet".into()), ..LakeConfig::default() };
//! assert_eq!(config.on_bad_line, OnBadLine::Skip);
//! ```

use std::path::PathBuf;

use chrono::TimeDelta;

use super::catalog::TableSpec;
use super::ndjson::OnBadLine;
use super::window::Window;

/// The locations of the events.
///
/// A location is a Parquet file, a JSON file, a folder of either at any depth, a glob, a Delta table (`PATH`, `PATH@v12` or
/// `PATH@2026-10-01T00:00:00Z`), or `-` for standard input; on this machine, or in a store: `s3://BUCKET/PATH`, `gs://`,
/// `az://`, `abfss://`, `http://` and `https://`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LakeConfig {
    /// One location that is the only table, `events`, and that every pattern of FROM matches.
    pub events: Option<String>,
    /// Further locations of the same table.
    pub beside: Vec<String>,
    /// A folder with one table for each subfolder or file that holds data.
    pub lake: Option<String>,
    /// Further tables, name and location; they replace a table of the same name.
    pub tables: Vec<(String, String)>,
    /// Tables that a catalogue names; the others win over those of the same name.
    pub catalog: Vec<TableSpec>,
    /// What to do with a line of JSON that is none.
    pub on_bad_line: OnBadLine,
    /// Whether every line of JSON is parsed, also one that no query can want by its bytes.
    pub strict: bool,
    /// How long after its `@timestamp` an event may be ingested, where that is declared: then folders that are named after
    /// days of `@timestamp` rule out files.
    pub lateness: Option<TimeDelta>,
    /// The patterns of FROM that will be asked for; other tables are listed and not opened. Empty: all are opened.
    pub only: Vec<String>,
    /// A folder in which the footers of Parquet objects of stores are kept from one run to the next, 256 MiB of them at
    /// most; `None`: they are read anew.
    pub footer_cache: Option<PathBuf>,
    /// The windows of the executions that will be asked for: folders of stores that none of them needs are not listed.
    /// Empty: everything will be.
    pub windows: Vec<Window>,
}
