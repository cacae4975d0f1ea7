//! The second half: sorted runs to the files of the output, folder by folder, each at its place once it is whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Int32Type, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use futures::{StreamExt, TryStreamExt, stream};

use super::layout::{self, Bucket, Partition};
use super::merge::merged;
use super::parquet::{EventFile, SAMPLE};
use super::runs::{Columns, Source};
use super::state::{Running, State, Written};
use super::{Meter, broken, unwritable};
use crate::alert::sink::Staged;
use crate::engine::engine_error;
use crate::error::{Error, Kind, Result};
use crate::lake::INPUT;

/// About how many bytes a file has at most; a folder with more has several, one after the other in time.
const FILE_BYTES: usize = 512 * 1024 * 1024;

/// Rows of a batch of a file that is written again.
const ROWS: usize = 8_192;

/// What the writing of every folder needs.
pub(super) struct Writing {
    pub(super) schema: SchemaRef,
    /// The column of the time of an event.
    pub(super) time: Option<usize>,
    pub(super) partition: Partition,
    pub(super) run: u32,
    pub(super) output: PathBuf,
    /// Where runs are.
    pub(super) runs: PathBuf,
    /// The columns that every file has; of the others a file has those with values.
    pub(super) always: Columns,
    pub(super) meter: Meter,
}

/// Writes the folders that are not written yet, `width` at a time, and notes each in the state.
pub(super) async fn write(mut writing: Writing, running: &mut Running, state: &State, width: usize) -> Result<()> {
    let mut buckets: BTreeSet<Bucket> = BTreeSet::new();
    let mut sources: Vec<Source> = Vec::new();
    for run in running.done.values().flat_map(|done| &done.runs) {
        let path: Arc<Path> = Arc::from(writing.runs.join(&run.name));
        for stretch in &run.stretches {
            buckets.insert(stretch.bucket);
            sources.push(Source { path: Arc::clone(&path), stretch: *stretch, columns: None });
        }
    }
    // A field of which no event has a value that goes with its type is still a field.
    let mut empty: Columns = (0..writing.schema.fields().len()).collect();
    for source in &sources {
        for at in source.filled()? {
            empty.remove(&at);
        }
    }
    writing.always.extend(empty);
    let writing = Arc::new(writing);
    let name = |bucket: Bucket| layout::noted(&writing.partition.folder(bucket));
    let left = buckets.into_iter().filter(|bucket| !running.published.contains_key(&name(*bucket)));
    let tasks = left.map(|bucket| {
        let writing = Arc::clone(&writing);
        let sources: Vec<Source> = sources.iter().filter(|source| source.stretch.bucket == bucket).cloned().collect();
        let name = name(bucket);
        async move {
            let task = SpawnedTask::spawn(async move { writing.folder(bucket, sources).await });
            let files = task.join().await;
            files
                .map_err(|e| Error::new(Kind::Engine, "writing events ended").with_source(e))?
                .map(|files| (name, files))
        }
    });
    let mut tasks = stream::iter(tasks.collect::<Vec<_>>()).buffer_unordered(width);
    while let Some((name, files)) = tasks.try_next().await? {
        running.published.insert(name, files);
        state.save(running)?;
    }
    Ok(())
}

impl Writing {
    /// Writes the events of a folder: its files.
    async fn folder(&self, bucket: Bucket, mut sources: Vec<Source>) -> Result<Vec<Written>> {
        let folder = self.output.join(self.partition.folder(bucket));
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, error))?;
        let mut columns = self.always.clone();
        for source in &sources {
            columns.extend(source.filled()?);
        }
        let columns: Vec<usize> = columns.into_iter().collect();
        for source in &mut sources {
            source.columns = Some(columns.clone());
        }
        let schema = Arc::new(self.schema.project(&columns).map_err(|error| broken(&folder, error))?);
        let time = self.time.and_then(|time| columns.iter().position(|at| *at == time));
        let mut merged = merged(sources, bucket, &schema, time, &self.runs).await?;
        let mut written = Vec::new();
        let mut file: Option<Open> = None;
        while let Some(batch) = merged.stream.try_next().await.map_err(engine_error)? {
            let mut open = match file.take() {
                Some(open) => open,
                None => Open::create(self.place(bucket, written.len()))?,
            };
            self.meter.written(batch.num_rows() as u64);
            open.write(batch, &schema, time)?;
            if open.bytes() < FILE_BYTES {
                file = Some(open);
                continue;
            }
            written.push(self.noted(open.finish(&schema, time)?, &self.place(bucket, written.len())));
        }
        if let Some(open) = file {
            written.push(self.noted(open.finish(&schema, time)?, &self.place(bucket, written.len())));
        }
        // The names must be on the disk before the state says so.
        for folder in folder.ancestors().take_while(|folder| folder.starts_with(&self.output)) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| unwritable(folder, error))?;
        }
        Ok(written)
    }

    fn place(&self, bucket: Bucket, number: usize) -> PathBuf {
        self.output.join(layout::file(self.partition, bucket, self.run, number))
    }

    fn noted(&self, (rows, bytes, inputs): (u64, u64, BTreeSet<i32>), place: &Path) -> Written {
        let below = place.strip_prefix(&self.output).unwrap_or(place);
        Written { path: layout::noted(below), rows, bytes, inputs: inputs.into_iter().map(i64::from).collect() }
    }
}

/// A file that is not at its place yet.
struct Open {
    path: PathBuf,
    staged: Staged,
    /// Its first events, until they are enough to decide how it is written.
    sample: Vec<RecordBatch>,
    file: Option<EventFile>,
    rows: u64,
    inputs: BTreeSet<i32>,
}

impl Open {
    fn create(path: PathBuf) -> Result<Self> {
        let staged = Staged::create(&path, true)?;
        Ok(Self { path, staged, sample: Vec::new(), file: None, rows: 0, inputs: BTreeSet::new() })
    }

    fn bytes(&self) -> usize {
        self.file.as_ref().map_or(0, EventFile::bytes)
    }

    fn write(&mut self, batch: RecordBatch, schema: &SchemaRef, time: Option<usize>) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        let inputs = batch.column_by_name(INPUT).and_then(|column| column.as_primitive_opt::<Int32Type>());
        self.inputs.extend(inputs.into_iter().flat_map(|inputs| inputs.iter().flatten()));
        if let Some(file) = &mut self.file {
            return file.write(&self.path, &batch);
        }
        self.sample.push(batch);
        if self.sample.iter().map(RecordBatch::num_rows).sum::<usize>() >= SAMPLE {
            self.begin(schema, time)?;
        }
        Ok(())
    }

    fn begin(&mut self, schema: &SchemaRef, time: Option<usize>) -> Result<()> {
        let sample = std::mem::take(&mut self.sample);
        let file = self.file.insert(EventFile::create(&self.path, self.staged.writer()?, schema, time, &sample)?);
        sample.iter().try_for_each(|batch| file.write(&self.path, batch))
    }

    /// Moves the file to its place: its rows, its bytes, and the inputs of its events.
    fn finish(mut self, schema: &SchemaRef, time: Option<usize>) -> Result<(u64, u64, BTreeSet<i32>)> {
        if self.file.is_none() {
            self.begin(schema, time)?;
        }
        if let Some(file) = self.file {
            file.finish(&self.path)?;
        }
        self.staged.commit()?;
        let bytes = fs::metadata(&self.path).map_err(|error| unwritable(&self.path, error))?.len();
        Ok((self.rows, bytes, self.inputs))
    }
}

/// A file without the events of the inputs `gone`; `None` where none are left, and no file. What was done before is
/// found done.
pub(super) fn without(output: &Path, written: &Written, gone: &[i64], time: &str) -> Result<Option<Written>> {
    let path = output.join(&written.path);
    if !path.is_file() {
        return Ok(None);
    }
    let opened = File::open(&path).map_err(|error| unwritable(&path, error))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(|error| unwritable(&path, error))?;
    let schema = Arc::clone(reader.schema());
    let time = schema.index_of(time).ok().filter(|at| schema.field(*at).data_type().is_temporal());
    let mut open = Open::create(path.clone())?;
    for batch in reader.with_batch_size(ROWS).build().map_err(|error| unwritable(&path, error))? {
        let batch = batch.map_err(|error| broken(&path, error))?;
        let inputs = batch.column_by_name(INPUT).and_then(|column| column.as_primitive_opt::<Int32Type>());
        let stays = |input: Option<i32>| Some(input.is_none_or(|input| !gone.contains(&i64::from(input))));
        let keep: BooleanArray = match inputs {
            Some(inputs) => inputs.iter().map(stays).collect(),
            None => vec![true; batch.num_rows()].into(),
        };
        let kept = filter_record_batch(&batch, &keep).map_err(|error| broken(&path, error))?;
        if kept.num_rows() > 0 {
            open.write(kept, &schema, time)?;
        }
    }
    if open.rows == 0 {
        drop(open);
        remove(output, written)?;
        return Ok(None);
    }
    let (rows, bytes, inputs) = open.finish(&schema, time)?;
    let inputs = inputs.into_iter().map(i64::from).collect();
    Ok(Some(Written { path: written.path.clone(), rows, bytes, inputs }))
}

/// Removes a file of the output, and its folder where nothing else is in it.
pub(super) fn remove(output: &Path, written: &Written) -> Result<()> {
    let path = output.join(&written.path);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(&path, error)),
        _ => {}
    }
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(output) && *folder != output) {
        // Stays where something else is in it.
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}
