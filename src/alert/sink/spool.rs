//! Rows that wait beside their destination until all of them are there: a rule that fails midway leaves none of them.

use std::io::{BufWriter, Seek, SeekFrom};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use tempfile::SpooledTempFile;

use crate::error::{Error, Kind, Result};

/// More bytes than this wait on the disk.
const IN_MEMORY: usize = 8 * 1024 * 1024;

/// Rows on their way to an [`Output`](super::Output) that several rules share.
///
/// ```
/// use std::sync::Arc;
/// use datafusion::arrow::array::{Int64Array, RecordBatch};
/// use egret::alert::sink::Spool;
///
/// let batch = RecordBatch::try_from_iter([("cc", Arc::new(Int64Array::from(vec![17])) as _)])?;
/// let mut spool = Spool::try_new(&batch.schema())?;
/// spool.write(&batch)?;
/// assert_eq!(spool.into_batches()?.collect::<Result<Vec<_>, _>>()?, [batch]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Spool {
    writer: StreamWriter<BufWriter<SpooledTempFile>>,
}

impl Spool {
    /// A spool for rows of this schema.
    ///
    /// # Errors
    /// Where the schema cannot be written.
    pub fn try_new(schema: &SchemaRef) -> Result<Self> {
        let file = BufWriter::new(SpooledTempFile::new(IN_MEMORY));
        Ok(Self { writer: StreamWriter::try_new(file, schema).map_err(failed)? })
    }

    /// Adds the rows of `batch`.
    ///
    /// # Errors
    /// Where the folder for temporary files has no room for them.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(failed)
    }

    /// The rows, in their order.
    ///
    /// # Errors
    /// Where they cannot be read again.
    pub fn into_batches(self) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let file = self.writer.into_inner().map_err(failed)?;
        let mut file = file.into_inner().map_err(|error| failed(error.into_error().into()))?;
        file.seek(SeekFrom::Start(0)).map_err(|error| failed(error.into()))?;
        let reader = StreamReader::try_new_buffered(file, None).map_err(failed)?;
        Ok(reader.map(|batch| batch.map_err(failed)))
    }
}

fn failed(error: ArrowError) -> Error {
    Error::new(Kind::Output, "rows cannot be kept until their rule has ended")
        .with_source(error)
        .with_help("make room in the folder for temporary files (TMPDIR)")
}
