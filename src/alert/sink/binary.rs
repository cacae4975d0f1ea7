//! Rows as Parquet and as Arrow IPC, with the Arrow schema as it is.

use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;

use super::Encode;

/// What a row group may take in memory before it is written.
const ROW_GROUP_BYTES: usize = 64 << 20;
const ROW_GROUP_ROWS: usize = 1 << 18;

/// One Parquet file.
pub(super) struct Parquet<W: Write + Send>(ArrowWriter<W>);

impl<W: Write + Send> Parquet<W> {
    pub(super) fn try_new(schema: &SchemaRef, writer: W) -> Result<Self, ArrowError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_created_by(concat!("egret version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        Ok(Self(ArrowWriter::try_new(writer, schema.clone(), Some(properties))?))
    }
}

impl<W: Write + Send> Encode<W> for Parquet<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.0.write(batch)?;
        if self.0.memory_size() > ROW_GROUP_BYTES {
            self.0.flush()?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<W, ArrowError> {
        Ok(self.0.into_inner()?)
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        Ok(())
    }
}

/// Arrow IPC that can be read while it is written.
pub(super) struct ArrowStream<W: Write>(StreamWriter<W>);

impl<W: Write> ArrowStream<W> {
    pub(super) fn try_new(schema: &SchemaRef, writer: W) -> Result<Self, ArrowError> {
        StreamWriter::try_new(writer, schema).map(Self)
    }
}

impl<W: Write> Encode<W> for ArrowStream<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.0.write(batch)
    }

    fn finish(self: Box<Self>) -> Result<W, ArrowError> {
        self.0.into_inner()
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        self.0.flush()
    }
}

/// Arrow IPC with a footer, so that readers can jump to a batch.
pub(super) struct ArrowFile<W: Write>(FileWriter<W>);

impl<W: Write> ArrowFile<W> {
    pub(super) fn try_new(schema: &SchemaRef, writer: W) -> Result<Self, ArrowError> {
        FileWriter::try_new(writer, schema).map(Self)
    }
}

impl<W: Write> Encode<W> for ArrowFile<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.0.write(batch)
    }

    fn finish(self: Box<Self>) -> Result<W, ArrowError> {
        self.0.into_inner()
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        self.0.flush()
    }
}
