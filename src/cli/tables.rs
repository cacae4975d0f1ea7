//! `egret tables`: what the lake holds.

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::args::{LakeArgs, ResourceArgs};
use super::report::{Console, print};
use super::{open, resource};
use crate::engine::Engine;
use crate::error::Result;
use crate::lake::Table;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret tables
  egret tables --lake /lake
  egret tables --catalog /etc/egret.toml --format json

Without a location the tables are those of egret.toml in the working directory. Rows and times are read from the footers
of Parquet files and from the logs of Delta tables; of a table with JSON files nobody knows them without reading it, and -
stands there.")]
pub(super) struct TablesArgs {
    /// Lines for people or one JSON document
    #[arg(long, short = 'f', value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    lake: LakeArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Prints the tables; the result is the exit code.
pub(super) async fn tables(args: &TablesArgs, resources: &ResourceArgs, console: &Console) -> Result<u8> {
    let engine =
        Engine::open(&resource::options(resources), &open::required_lake(&args.lake, &[], Vec::new())?).await?;
    for warning in engine.lake().warnings() {
        console.warning(warning);
    }
    let tables = engine.lake().tables();
    let text = match args.format {
        Format::Text => lines(tables.iter().map(|table| cells(table)).collect()),
        Format::Json => format!("{:#}\n", json!({ "tables": tables.iter().map(|t| as_json(t)).collect::<Vec<_>>() })),
    };
    print(&text)?;
    Ok(0)
}

fn cells(table: &Table) -> [String; 8] {
    let unknown = || "-".to_owned();
    let (from, to) = table.times().map_or_else(|| (unknown(), unknown()), |(from, to)| (told(from), told(to)));
    [
        table.name().to_owned(),
        table.files().to_string(),
        table.bytes().to_string(),
        table.rows().map_or_else(unknown, |rows| rows.to_string()),
        from,
        to,
        formats(table, |version| format!("Delta v{version}")).join(", "),
        table.location().to_owned(),
    ]
}

/// The rows below a header; numbers are on the right of their columns.
fn lines(rows: Vec<[String; 8]>) -> String {
    let header = ["table", "files", "bytes", "rows", "from", "to", "format", "location"].map(str::to_owned);
    let all: Vec<[String; 8]> = std::iter::once(header).chain(rows).collect();
    let width = |at: usize| all.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..8).filter_map(width).collect();
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if at > 0 { "  " } else { "" };
            let cell = if (1..=3).contains(&at) { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
            line.push_str(gap);
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn as_json(table: &Table) -> Value {
    let times = table.times();
    json!({
        "table": table.name(),
        "location": table.location(),
        "formats": formats(table, |_| "Delta".to_owned()),
        "versions": table.versions(),
        "files": table.files(),
        "bytes": table.bytes(),
        "rows": table.rows(),
        "from": times.map(|(from, _)| told(from)),
        "to": times.map(|(_, to)| told(to)),
    })
}

/// What a table is read from: Delta tables, each in the words of `delta`, and formats of files.
fn formats(table: &Table, delta: impl Fn(u64) -> String) -> Vec<String> {
    let files = table.formats().into_iter().map(|format| format.name().to_owned());
    table.versions().into_iter().map(delta).chain(files).collect()
}

fn told(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
