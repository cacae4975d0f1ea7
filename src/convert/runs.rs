//! Sorted runs: events in the order of their folders and times, in a file of the state, until all of them are there.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
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

/// The events of one folder in a run: rows that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretch {
    pub(super) bucket: Bucket,
    /// The batch of the first, and its place there.
    batch: usize,
    row: usize,
    /// How many they are.
    pub(super) rows: usize,
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
        for chunk in placed.chunks(rows) {
            let places: Vec<(usize, usize)> = chunk.iter().map(|(_, place)| *place).collect();
            let same = chunk.chunk_by(|((one, _), _), ((other, _), _)| one == other);
            let buckets: Vec<(Bucket, usize)> =
                same.filter_map(|same| same.first().map(|((bucket, _), _)| (*bucket, same.len()))).collect();
            writer.write(&interleave_record_batch(&batches, &places)?, &buckets)?;
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

/// The file of a run while it grows. Its footer says which columns each stretch has values in: a folder of events of few
/// kinds needs few of the columns of all.
pub(super) struct RunWriter {
    writer: FileWriter<BufWriter<File>>,
    stretches: Vec<Stretch>,
    columns: Vec<Columns>,
    batches: usize,
}

/// Which columns have values, by their positions.
pub(super) type Columns = BTreeSet<usize>;

impl RunWriter {
    pub(super) fn create(path: &Path, schema: &SchemaRef) -> Result<Self, ArrowError> {
        let file = BufWriter::new(File::create(path)?);
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let writer = FileWriter::try_new_with_options(file, schema, options)?;
        Ok(Self { writer, stretches: Vec::new(), columns: Vec::new(), batches: 0 })
    }

    /// Writes a batch of so many rows of each of some buckets, one after the other.
    pub(super) fn write(&mut self, batch: &RecordBatch, buckets: &[(Bucket, usize)]) -> Result<(), ArrowError> {
        self.writer.write(batch)?;
        let mut row = 0;
        for (bucket, rows) in buckets {
            if self.stretches.last().is_none_or(|last| last.bucket != *bucket) {
                self.stretches.push(Stretch { bucket: *bucket, batch: self.batches, row, rows: 0 });
                self.columns.push(Columns::new());
            }
            if let (Some(stretch), Some(columns)) = (self.stretches.last_mut(), self.columns.last_mut()) {
                stretch.rows += rows;
                let all = batch.columns().iter().enumerate();
                columns.extend(all.filter(|(_, c)| c.slice(row, *rows).null_count() < *rows).map(|(at, _)| at));
            }
            row += rows;
        }
        self.batches += 1;
        Ok(())
    }

    /// The stretches of the file, whose bytes are on the disk.
    pub(super) fn finish(mut self) -> Result<Vec<Stretch>, ArrowError> {
        for (stretch, columns) in self.stretches.iter().zip(&self.columns) {
            let text = columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            self.writer.write_metadata(key(stretch), text);
        }
        let mut out = self.writer.into_inner()?;
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(self.stretches)
    }
}

/// Where the footer tells of a stretch.
fn key(stretch: &Stretch) -> String {
    format!("columns {} {}", stretch.batch, stretch.row)
}

/// A stretch of a run, to be read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: Arc<Path>,
    pub(super) stretch: Stretch,
    /// Which columns of the file are read; all where it is missing.
    pub(super) columns: Option<Vec<usize>>,
}

impl Source {
    /// Its events in their order; `schema` is that of the columns that are read.
    pub(super) fn open(&self, schema: &SchemaRef) -> Result<SendableRecordBatchStream> {
        let mut reader = self.reader(self.columns.clone())?;
        reader.set_index(self.stretch.batch).map_err(|error| broken(&self.path, error))?;
        let start = (self.stretch.row, self.stretch.rows);
        let batches = reader.scan(start, |(skip, left), batch| {
            if *left == 0 {
                return None;
            }
            Some(batch.map_err(DataFusionError::from).map(|batch| {
                let from = std::mem::take(skip);
                let rows = batch.num_rows().saturating_sub(from).min(*left);
                *left -= rows;
                batch.slice(from, rows)
            }))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), stream::iter(batches))))
    }

    /// The columns that have values in it.
    pub(super) fn filled(&self) -> Result<Columns> {
        let reader = self.reader(None)?;
        let told = reader.custom_metadata().get(&key(&self.stretch));
        Ok(told.into_iter().flat_map(|text| text.split(' ')).filter_map(|at| at.parse().ok()).collect())
    }

    fn reader(&self, columns: Option<Vec<usize>>) -> Result<FileReader<BufReader<File>>> {
        let path = &self.path;
        let file = File::open(path).map_err(|error| unwritable(path, error))?;
        FileReader::try_new(BufReader::new(file), columns).map_err(|error| broken(path, error))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, TimestampMicrosecondArray};
    use datafusion::arrow::datatypes::Int64Type;
    use futures::TryStreamExt;

    use super::*;

    #[test]
    fn a_run_gives_its_stretches_in_order() {
        const DAY: i64 = 86_400_000_000;
        let folder = tempfile::tempdir().unwrap();
        let batch = |times: &[Option<i64>], first: i64| {
            let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times.to_vec()));
            let rows = times.len() as i64;
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows));
            let late = (0..rows).map(|at| (times.is_valid(at as usize) && first > 0).then_some(at));
            let late: ArrayRef = Arc::new(late.collect::<Int64Array>());
            RecordBatch::try_from_iter_with_nullable([("t", times, true), ("n", numbers, true), ("late", late, true)])
                .unwrap()
        };
        let first = batch(&[Some(DAY), Some(5), None, Some(5)], 0);
        let mut sorter = Sorter::new(first.schema(), Some(0), Partition::Day);
        sorter.push(first.clone());
        sorter.push(batch(&[Some(4), None, Some(DAY * 2)], 4));
        let run = sorter.write(folder.path(), "run.arrow".to_owned()).unwrap();
        assert_eq!(sorter.bytes(), 0);
        let path: Arc<Path> = Arc::from(folder.path().join("run.arrow"));
        let found: Vec<(Bucket, Vec<i64>, Vec<usize>)> = run
            .stretches
            .iter()
            .map(|stretch| {
                let source = Source { path: Arc::clone(&path), stretch: *stretch, columns: None };
                let batches: Vec<RecordBatch> =
                    futures::executor::block_on(source.open(&first.schema()).unwrap().try_collect()).unwrap();
                let numbers = |b: &RecordBatch| b.column(1).as_primitive::<Int64Type>().values().to_vec();
                let columns = source.filled().unwrap().into_iter().collect();
                (stretch.bucket, batches.iter().flat_map(numbers).collect(), columns)
            })
            .collect();
        let expected = [
            (None, vec![2, 5], vec![1]),
            (Some(0), vec![4, 1, 3], vec![0, 1, 2]),
            (Some(1), vec![0], vec![0, 1]),
            (Some(2), vec![6], vec![0, 1, 2]),
        ];
        assert_eq!(found, expected);
    }
}
