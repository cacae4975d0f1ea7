//! Rows as records of RFC 4180: header, CRLF, quotes where they are needed.
//!
//! Null is an empty field and the empty text is `""`, so that readers that care can tell them apart.

use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use super::{Encode, json, text};

const END: &str = "\r\n";

/// Comma-separated values.
pub(super) struct Csv<W> {
    writer: W,
    buffer: String,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(schema: &SchemaRef, writer: W) -> Self {
        let mut buffer = String::new();
        for (at, field) in schema.fields().iter().enumerate() {
            push_field(&mut buffer, at, Some(field.name()));
        }
        buffer.push_str(END);
        Self { writer, buffer }
    }
}

impl<W: Write> Encode<W> for Csv<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = json::Columns::try_new(batch)?;
        let mut cells = columns.encoders()?;
        let mut value = Vec::new();
        for row in 0..batch.num_rows() {
            for (at, cell) in cells.iter_mut().enumerate() {
                value.clear();
                json::encode_cell(cell, row, &mut value);
                push_field(&mut self.buffer, at, text::of_json(&value).as_deref());
            }
            self.buffer.push_str(END);
            if self.buffer.len() >= 1 << 16 {
                self.writer.write_all(self.buffer.as_bytes())?;
                self.buffer.clear();
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<W, ArrowError> {
        self.writer.write_all(self.buffer.as_bytes())?;
        Ok(self.writer)
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        self.writer.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(self.writer.flush()?)
    }
}

fn push_field(out: &mut String, at: usize, value: Option<&str>) {
    if at > 0 {
        out.push(',');
    }
    let Some(value) = value else { return };
    if value.is_empty() || value.contains([',', '"', '\r', '\n']) {
        out.push('"');
        out.push_str(&value.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(value);
    }
}
