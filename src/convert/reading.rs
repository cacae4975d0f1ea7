//! The first half: inputs to sorted runs, unit by unit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::physical_plan::execute_stream;
use futures::{StreamExt, TryStreamExt, stream};

use super::layout::Partition;
use super::runs::Sorter;
use super::state::{Done, Input, Met, Piece, Running, State, Unit};
use super::{Meter, broken, stored};
use crate::engine::session::Session;
use crate::engine::{engine_error, scan_error};
use crate::error::{Error, Kind, Result};
use crate::lake::ndjson::Issues;
use crate::lake::{Field, Part, Table};

/// Rows of a batch. Larger ones are no faster, and wide events of many threads fill the memory with them.
const ROWS: usize = 2_048;

/// Parts of inputs of about `size` bytes that are read at once: pieces of large files, or many small files. What was read
/// is not read again after a crash.
pub(super) fn units(table: &Table, inputs: &[Input], size: u64) -> Vec<Unit> {
    let sizes: BTreeMap<&str, &Input> = inputs.iter().map(|input| (input.location.as_str(), input)).collect();
    let mut units: Vec<Unit> = Vec::new();
    let mut last: Option<(Part, u64)> = None;
    for part in table.parts(size) {
        let Some(input) = sizes.get(part.location.as_str()) else { continue };
        let bytes = part.range.as_ref().map_or(input.size, |range| range.end - range.start);
        let piece = Piece { input: input.number, range: part.range.as_ref().map(|range| (range.start, range.end)) };
        let fits =
            last.as_ref().is_some_and(|(before, so_far)| so_far + bytes <= size && table.go_together(before, &part));
        match units.last_mut() {
            Some(unit) if fits => unit.push(piece),
            _ => units.push(vec![piece]),
        }
        let so_far = last.map_or(0, |(_, so_far)| so_far);
        last = Some((part, if fits { so_far + bytes } else { bytes }));
    }
    units
}

/// What the reading of every unit needs.
pub(super) struct Reading {
    pub(super) table: Table,
    pub(super) session: Session,
    pub(super) fields: Vec<Field>,
    pub(super) schema: SchemaRef,
    /// The column of the time of an event, and how much of it a folder holds.
    pub(super) time: Option<usize>,
    pub(super) partition: Partition,
    pub(super) source: bool,
    pub(super) inputs: Vec<Input>,
    /// Where runs go.
    pub(super) folder: PathBuf,
    /// How many bytes of events wait to be sorted at most.
    pub(super) budget: usize,
    pub(super) meter: Meter,
}

/// Reads the units that are not read yet, `width` at a time, and notes each in the state.
pub(super) async fn read(reading: Reading, running: &mut Running, state: &State, width: usize) -> Result<()> {
    let reading = Arc::new(reading);
    let left: Vec<(usize, Unit)> =
        running.units.iter().cloned().enumerate().filter(|(at, _)| !running.done.contains_key(at)).collect();
    let tasks = left.into_iter().map(|(at, unit)| {
        let reading = Arc::clone(&reading);
        async move {
            let task = SpawnedTask::spawn(async move { reading.unit(at, &unit).await.map(|done| (at, done)) });
            task.join().await.map_err(|e| Error::new(Kind::Engine, "reading events ended").with_source(e))?
        }
    });
    let mut tasks = stream::iter(tasks.collect::<Vec<_>>()).buffer_unordered(width);
    while let Some((at, done)) = tasks.try_next().await? {
        running.done.insert(at, done);
        state.save(running)?;
    }
    Ok(())
}

impl Reading {
    async fn unit(&self, at: usize, unit: &Unit) -> Result<Done> {
        let part = |piece: &Piece| {
            let input = self.inputs.iter().find(|input| input.number == piece.input)?;
            let range = piece.range.map(|(start, end)| start..end);
            Some((Part { location: input.location.clone(), range }, input.number))
        };
        let parts: Vec<_> = unit.iter().filter_map(part).collect();
        let mut state = self.session.context().state();
        *state.config_mut() = state.config().clone().with_batch_size(ROWS);
        let metadata = stored::metadata(self.source);
        let (plan, issues) = self.table.read(&parts, &self.fields, &metadata, &state).await?;
        let mut stream = execute_stream(Arc::clone(&plan), state.task_ctx()).map_err(engine_error)?;
        let mut sorter = Sorter::new(Arc::clone(&self.schema), self.time, self.partition);
        let (mut runs, mut events) = (Vec::new(), 0);
        loop {
            let batch = match stream.next().await {
                Some(Ok(batch)) => Some(batch),
                Some(Err(error)) => return Err(scan_error(&plan, state.runtime_env(), error).await),
                None => None,
            };
            let ended = batch.is_none();
            if let Some(batch) = batch {
                let rows = batch.num_rows() as u64;
                events += rows;
                self.meter.read(rows);
                sorter.push(stored::batch(&batch, &self.schema).map_err(|error| broken(&self.folder, error))?);
            }
            if sorter.bytes() >= self.budget || (ended && sorter.bytes() > 0) {
                let name = format!("unit-{at:05}-{:04}.arrow", runs.len());
                // Sorting and writing take a while: others use the thread that waits for events meanwhile.
                let folder = self.folder.clone();
                let task = SpawnedTask::spawn_blocking(move || {
                    let run = sorter.write(&folder, name);
                    (sorter, run)
                });
                let joined = task.join().await;
                let (returned, run) =
                    joined.map_err(|e| Error::new(Kind::Engine, "sorting events ended").with_source(e))?;
                sorter = returned;
                runs.push(run?);
            }
            if ended {
                break;
            }
        }
        let bytes = unit.iter().map(|piece| self.bytes(piece)).sum();
        self.meter.bytes(bytes);
        Ok(Done { met: met(&issues, events, bytes), runs })
    }

    fn bytes(&self, piece: &Piece) -> u64 {
        let whole = || self.inputs.iter().find(|input| input.number == piece.input).map_or(0, |input| input.size);
        piece.range.map_or_else(whole, |(start, end)| end - start)
    }
}

fn met(issues: &Issues, events: u64, bytes: u64) -> Met {
    let tally = issues.take();
    let sample =
        tally.sample.iter().map(|bad| format!("{}: bad line at byte {}: {}", bad.file, bad.offset, bad.reason));
    let refused = tally.fields.iter().filter(|(_, field)| field.not_coerced > 0);
    let several = tally.fields.iter().filter(|(_, field)| field.several > 0);
    Met {
        events,
        bytes,
        bad_lines: tally.bad_lines,
        sample: sample.collect(),
        refused: refused
            .map(|(name, field)| (name.clone(), (field.not_coerced, field.example.clone().unwrap_or_default())))
            .collect(),
        several: several.map(|(name, field)| (name.clone(), field.several)).collect(),
    }
}
