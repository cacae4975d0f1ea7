//! Rows to bytes, for whoever reads the results of a rule: one [`Sink`] a stream of batches, seven formats.
//!
//! | format | a row is | for |
//! |---|---|---|
//! | `table` | a line of aligned columns, a block of lines where they do not fit | people |
//! | `ndjson` | a JSON object on its own line | pipes |
//! | `json` | an element of one array | programs that want one document |
//! | `bulk` | two lines: an action and a document; alerts only | Elasticsearch's bulk API |
//! | `csv` | a record of RFC 4180 | spreadsheets |
//! | `parquet`, `arrow` | Arrow types as they are | further queries |
//!
//! In every format the columns are flat, dotted and in the query's order; lists are JSON arrays, instants RFC 3339 in
//! UTC, a number that is none (NaN, infinity) is null. A list column whose field carries [`VALUES`] = [`SOURCE`] is a
//! field of the events that may hold several values: one value is written as itself, several as an array.
//!
//! ```
//! use std::sync::Arc;
//! use datafusion::arrow::array::{Int64Array, RecordBatch};
//! use egret::alert::sink::{Format, Options, Sink};
//!
//! let batch = RecordBatch::try_from_iter([("cc", Arc::new(Int64Array::from(vec![17, 23])) as _)])?;
//! let mut sink = Sink::try_new("ndjson".parse()?, batch.schema(), Vec::new(), &Options::default())?;
//! sink.write(&batch)?;
//! assert_eq!(sink.finish()?, b"{\"cc\":17}\n{\"cc\":23}\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io::Write;
use std::str::FromStr;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use crate::error::{Error, Kind, Result};

mod binary;
mod bulk;
mod csv;
mod json;
mod output;
mod prefix;
mod spool;
mod staged;
mod table;
mod text;

pub use output::{Flow, Output, Target};
pub use prefix::{prefixed, prefixed_schema, stamped, stamped_schema};
pub use spool::Spool;
pub use staged::Staged;

/// The key of a field's metadata that says where the values of a list come from.
pub const VALUES: &str = "egret.values";
/// Where Kibana looks for the alerts of rules.
pub const ALERTS_INDEX: &str = ".alerts-security.alerts-default";
/// The value of [`VALUES`] for a field of the events that may hold several values.
pub const SOURCE: &str = "source";

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Aligned columns, for people.
    Table,
    /// One JSON object a line.
    Ndjson,
    /// One JSON array of objects.
    Json,
    /// Bodies of Elasticsearch's bulk API, of alerts.
    Bulk,
    /// Comma-separated values with a header.
    Csv,
    /// Parquet, compressed with zstd.
    Parquet,
    /// Arrow IPC: the file format in a file, the stream format on a stream.
    Arrow,
}

impl Format {
    /// All formats, in the order in which they are offered.
    pub const ALL: [Self; 7] =
        [Self::Table, Self::Ndjson, Self::Json, Self::Bulk, Self::Csv, Self::Parquet, Self::Arrow];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Bulk => "bulk",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// The ending of a file of this format, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Table => "txt",
            other => other.name(),
        }
    }

    /// Whether the bytes are no text, so that a terminal should not get them.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    /// Whether a row may say of which rule it is: tables of rules follow each other, and documents say it anyway.
    pub const fn may_name_rules(self) -> bool {
        !matches!(self, Self::Table | Self::Bulk)
    }

    /// Whether all rows share one list of columns, so that rules with different columns cannot share a file.
    pub const fn has_fixed_schema(self) -> bool {
        !matches!(self, Self::Ndjson | Self::Json | Self::Bulk)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::new(Kind::Usage, format!("unknown format {name:?}, expected one of {names}"))
        })
    }
}

/// What a sink needs to know of its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The columns of the terminal that a table must fit into; `None`: lines as long as they need be.
    pub width: Option<usize>,
    /// Whether the bytes become a file: decides the kind of Arrow IPC.
    pub file: bool,
    /// The index that the documents of bulk bodies go to.
    pub index: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: None, file: false, index: ALERTS_INDEX.to_owned() }
    }
}

/// What a format does with batches. Errors of any layer are carried as Arrow's, which wraps them all.
trait Encode<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError>;
    /// Writes what is pending and the end, and returns the writer.
    fn finish(self: Box<Self>) -> Result<W, ArrowError>;
    /// Hands over to the writer what is complete.
    fn flush(&mut self) -> Result<(), ArrowError>;
}

/// Writes the batches of one schema in one format.
///
/// NDJSON and JSON take batches of any schema, since each row names its columns.
pub struct Sink<W: Write + Send> {
    format: Format,
    schema: SchemaRef,
    encode: Box<dyn Encode<W> + Send>,
}

impl<W: Write + Send + 'static> Sink<W> {
    /// A sink that writes rows of `schema` to `writer`.
    ///
    /// # Errors
    /// Where the format cannot hold a type of the schema, or the writer fails.
    pub fn try_new(format: Format, schema: SchemaRef, writer: W, options: &Options) -> Result<Self> {
        Self::open(format, schema, writer, options).map_err(|error| failure(format, error))
    }

    fn open(format: Format, schema: SchemaRef, writer: W, options: &Options) -> Result<Self, ArrowError> {
        let encode: Box<dyn Encode<W> + Send> = match format {
            Format::Table => Box::new(table::Table::new(&schema, writer, options.width)),
            Format::Ndjson => Box::new(json::Json::lines(writer)),
            Format::Json => Box::new(json::Json::array(writer)),
            Format::Bulk => Box::new(bulk::Bulk::new(writer, &options.index)),
            Format::Csv => Box::new(csv::Csv::new(&schema, writer)),
            Format::Parquet => Box::new(binary::Parquet::try_new(&schema, writer)?),
            Format::Arrow if options.file => Box::new(binary::ArrowFile::try_new(&schema, writer)?),
            Format::Arrow => Box::new(binary::ArrowStream::try_new(&schema, writer)?),
        };
        Ok(Self { format, schema, encode })
    }

    /// Writes the rows of `batch`.
    ///
    /// # Errors
    /// Where the columns are not those of the sink's schema, or the writer fails.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.encode(batch).map_err(|error| failure(self.format, error))
    }

    /// Writes the end, so that the bytes are complete, and returns the writer.
    ///
    /// # Errors
    /// Where the writer fails.
    pub fn finish(self) -> Result<W> {
        let format = self.format;
        self.close().map_err(|error| failure(format, error))
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        if self.format.has_fixed_schema() && !same_columns(&self.schema, &batch.schema()) {
            return Err(ArrowError::SchemaError(format!(
                "found a batch with the columns {}, expected {}",
                columns(&batch.schema()),
                columns(&self.schema)
            )));
        }
        self.encode.write(batch)
    }

    fn close(self) -> Result<W, ArrowError> {
        let mut writer = self.encode.finish()?;
        writer.flush()?;
        Ok(writer)
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        self.encode.flush()
    }
}

fn same_columns(expected: &SchemaRef, found: &SchemaRef) -> bool {
    let pairs = || expected.fields().iter().zip(found.fields());
    expected.fields().len() == found.fields().len()
        && pairs().all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type())
}

fn columns(schema: &SchemaRef) -> String {
    let columns: Vec<_> = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    columns.join(", ")
}

fn failure(format: Format, error: ArrowError) -> Error {
    Error::new(Kind::Output, format!("cannot write {format}: {error}")).with_source(error)
}

#[cfg(test)]
mod tests;
