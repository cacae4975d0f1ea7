//! Alerts as the bodies of Elasticsearch's bulk API: a line that says where a document goes, then the document.
//!
//! The action is `create` with the alert's id: what was loaded before is refused rather than doubled or overwritten.

use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;

use super::json::{Columns, encode_cell};
use super::{Encode, text};
use crate::alert::value::texts;
use crate::alert::{EVENT_METADATA, UUID};

pub(super) struct Bulk<W> {
    writer: W,
    /// The index as JSON.
    index: String,
    buffer: Vec<u8>,
}

impl<W: Write> Bulk<W> {
    pub(super) fn new(writer: W, index: &str) -> Self {
        Self { writer, index: serde_json::Value::from(index).to_string(), buffer: Vec::new() }
    }
}

impl<W: Write> Encode<W> for Bulk<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let Some(ids) = batch.column_by_name(UUID) else {
            return Err(ArrowError::SchemaError(format!("expected alerts with the column {UUID}, found rows")));
        };
        let columns = Columns::try_new(batch)?;
        let mut cells = columns.encoders()?;
        for row in 0..batch.num_rows() {
            let id = serde_json::Value::from(texts(ids, row)?.concat());
            let action = format!("{{\"create\":{{\"_index\":{},\"_id\":{id}}}}}\n", self.index);
            self.buffer.extend_from_slice(action.as_bytes());
            let start = self.buffer.len();
            for ((key, name), cell) in columns.named().zip(&mut cells) {
                // What says nothing is no part of a document.
                if EVENT_METADATA.contains(&name) || cell.is_null(row) {
                    continue;
                }
                self.buffer.push(if self.buffer.len() == start { b'{' } else { b',' });
                self.buffer.extend_from_slice(key);
                encode_cell(cell, row, &mut self.buffer);
            }
            self.buffer.push(b'}');
            text::guard_json(&mut self.buffer, start);
            self.buffer.push(b'\n');
            if self.buffer.len() >= 1 << 16 {
                self.writer.write_all(&self.buffer)?;
                self.buffer.clear();
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<W, ArrowError> {
        self.writer.write_all(&self.buffer)?;
        Ok(self.writer)
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        self.writer.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(self.writer.flush()?)
    }
}
