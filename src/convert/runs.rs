//! Sorted runs: events in the order of their folders and times, in a file of the state, until all of them are there.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::interleave_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::CompressionType;
use datafusion::arrow::ipc::reader::FileReader;
use datafusion::arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;
use serde::{Deserialize, Serialize};

use super::layout::{Bucket, Partition, Times, timeless};
use super::{broken, unwritable};
use crate::error::Result;

/// About how many bytes a batch of a run has: when runs are merged, one of each is in memory.
const BATCH_BYTES: usize = 512 * 1024;
const MOST_ROWS: usize = 8_192;

/// A run in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RunFile {
    /// The name of its file.
    pub(super) name: String,
    pub(super) stretches: Vec<Stretch>,
}

/// The events of one folder in a run: batches that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretch {
    pub(super) bucket: Bucket,
    from: usize,
    until: usize,
    pub(super) rows: u64,
}

/// Events that wait until there are enough of them to be sorted.
pub(super) struct Sorter {
    schema: SchemaRef,
    /// The column of their time.
    time: Option<usize>,
    partition: Partition,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

/// An event on its way to its place: what it is sorted by, and where it is.
type Placed = ((Bucket, Option<i64>), (usize, usize));

impl Sorter {
    pub(super) const fn new(schema: SchemaRef, time: Option<usize>, partition: Partition) -> Self {
        Self { schema, time, partition, batches: Vec::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, batch: RecordBatch) {
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
    }

    /// How many bytes the events take that wait.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes the events that wait to the file `name` of `folder`, sorted; of equal times in their order.
    pub(super) fn write(&mut self, folder: &Path, name: String) -> Result<RunFile> {
        let path = folder.join(&name);
        let stretches = self.write_to(&path).map_err(|error| broken(&path, error))?;
        (self.batches, self.bytes) = (Vec::new(), 0);
        Ok(RunFile { name, stretches })
    }

    fn write_to(&self, path: &Path) -> Result<Vec<Stretch>, ArrowError> {
        let mut placed = self.placed()?;
        placed.sort_by_key(|(key, _)| *key);
        let rows = (BATCH_BYTES * placed.len()).checked_div(self.bytes).unwrap_or(0).clamp(64, MOST_ROWS);
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let mut writer = RunWriter::create(path, &self.schema)?;
        for of_bucket in placed.chunk_by(|((one, _), _), ((other, _), _)| one == other) {
            let Some(((bucket, _), _)) = of_bucket.first() else { continue };
            writer.begin(*bucket);
            for chunk in of_bucket.chunks(rows) {
                let places: Vec<(usize, usize)> = chunk.iter().map(|(_, place)| *place).collect();
                writer.write(&interleave_record_batch(&batches, &places)?)?;
            }
        }
        writer.finish()
    }

    fn placed(&self) -> Result<Vec<Placed>, ArrowError> {
        let mut placed = Vec::with_capacity(self.batches.iter().map(RecordBatch::num_rows).sum());
        for (at, batch) in self.batches.iter().enumerate() {
            let column = self.time.map(|time| batch.column(time));
            let times = column.map(|column| Times::new(column, self.partition)).transpose()?.flatten();
            for row in 0..batch.num_rows() {
                let key = times.as_ref().map_or_else(|| (timeless(self.partition), None), |times| times.key(row));
                placed.push((key, (at, row)));
            }
        }
        Ok(placed)
    }
}

/// The file of a run while it grows.
pub(super) struct RunWriter {
    writer: FileWriter<BufWriter<File>>,
    stretches: Vec<Stretch>,
    batches: usize,
}

impl RunWriter {
    pub(super) fn create(path: &Path, schema: &SchemaRef) -> Result<Self, ArrowError> {
        let file = BufWriter::new(File::create(path)?);
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let writer = FileWriter::try_new_with_options(file, schema, options)?;
        Ok(Self { writer, stretches: Vec::new(), batches: 0 })
    }

    /// Says that the batches from here on are of `bucket`.
    pub(super) fn begin(&mut self, bucket: Bucket) {
        self.stretches.push(Stretch { bucket, from: self.batches, until: self.batches, rows: 0 });
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.writer.write(batch)?;
        self.batches += 1;
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.until = self.batches;
            stretch.rows += batch.num_rows() as u64;
        }
        Ok(())
    }

    /// The stretches of the file, whose bytes are on the disk.
    pub(super) fn finish(self) -> Result<Vec<Stretch>, ArrowError> {
        let mut out = self.writer.into_inner()?;
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(self.stretches)
    }
}

/// A stretch of a run, to be read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: Arc<Path>,
    pub(super) stretch: Stretch,
}

impl Source {
    /// Its events in their order.
    pub(super) fn open(&self, schema: &SchemaRef) -> Result<SendableRecordBatchStream> {
        let path = &self.path;
        let file = File::open(path).map_err(|error| unwritable(path, error))?;
        let mut reader = FileReader::try_new(BufReader::new(file), None).map_err(|error| broken(path, error))?;
        reader.set_index(self.stretch.from).map_err(|error| broken(path, error))?;
        let count = self.stretch.until - self.stretch.from;
        let batches = reader.take(count).map(|batch| batch.map_err(DataFusionError::from));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), stream::iter(batches))))
    }
}
