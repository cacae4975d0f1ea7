//! The rows of a file as a stream: stretches are selected, each is read by the reader for what is left to decide.

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileScanConfig, FileSource};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;

use super::file::{Counts, Scan, Selecting};
use super::source::PreselectSource;

/// What the files of a partition share.
pub(super) struct Readers {
    pub(super) source: PreselectSource,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) config: FileScanConfig,
    pub(super) partition: usize,
    pub(super) factory: Arc<dyn ParquetFileReaderFactory>,
    pub(super) predicate: Arc<dyn PhysicalExpr>,
    pub(super) counts: Counts,
    /// DataFusion's readers, by the conjuncts that they need not decide.
    pub(super) made: Mutex<HashMap<Vec<bool>, Arc<dyn Morselizer>>>,
}

impl Debug for Readers {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("partition", &self.partition).finish_non_exhaustive()
    }
}

impl Readers {
    /// The reader for rows of which these conjuncts hold.
    fn reader(&self, decided: &[bool]) -> Result<Arc<dyn Morselizer>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = made.get(decided) {
            return Ok(Arc::clone(reader));
        }
        let source = self.source.without(decided);
        let reader = source.create_morselizer(Arc::clone(&self.store), &self.config, self.partition)?;
        let reader: Arc<dyn Morselizer> = Arc::from(reader);
        made.insert(decided.to_vec(), Arc::clone(&reader));
        Ok(reader)
    }

    async fn open(&self, file: &PartitionedFile) -> Result<Selecting> {
        let reader =
            self.factory.create_reader(self.partition, file.clone(), file.metadata_size_hint, self.source.metrics())?;
        let scan = Scan {
            conditions: self.source.conditions(),
            order: self.source.order(),
            counts: &self.counts,
            predicate: &self.predicate,
            table_schema: self.source.table_schema(),
        };
        Selecting::try_open(scan, file, reader).await
    }
}

/// Opens files whose rows are selected before they are read.
#[derive(Debug)]
pub(super) struct PreselectMorselizer(pub(super) Arc<Readers>);

impl Morselizer for PreselectMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        Ok(Box::new(OneMorsel { readers: Arc::clone(&self.0), file }))
    }
}

/// A file, as one morsel.
#[derive(Debug)]
struct OneMorsel {
    readers: Arc<Readers>,
    file: PartitionedFile,
}

impl MorselPlanner for OneMorsel {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        Ok(Some(MorselPlan::new().with_morsels(vec![self])))
    }
}

impl Morsel for OneMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let reading = Reading {
            readers: self.readers,
            file: self.file,
            state: State::Closed,
            planners: VecDeque::new(),
            morsels: VecDeque::new(),
            batches: None,
        };
        stream::try_unfold(reading, Reading::next).into_stream().boxed()
    }
}

/// How far the selection of rows has come.
enum State {
    Closed,
    Selecting(Box<Selecting>),
    Done,
}

/// A file that is being read.
struct Reading {
    readers: Arc<Readers>,
    file: PartitionedFile,
    state: State,
    planners: VecDeque<Box<dyn MorselPlanner>>,
    morsels: VecDeque<Box<dyn Morsel>>,
    batches: Option<BoxStream<'static, Result<RecordBatch>>>,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if let Some(batches) = &mut self.batches {
                if let Some(batch) = batches.next().await {
                    return Ok(Some((batch?, self)));
                }
                self.batches = None;
            }
            if let Some(morsel) = self.morsels.pop_front() {
                self.batches = Some(morsel.into_stream());
            } else if let Some(planner) = self.planners.pop_front() {
                if let Some(mut plan) = planner.plan()? {
                    self.morsels.extend(plan.take_morsels());
                    self.planners.extend(plan.take_ready_planners());
                    if let Some(pending) = plan.take_pending_planner() {
                        self.planners.push_back(pending.await?);
                    }
                }
            } else if !self.advance().await? {
                return Ok(None);
            }
        }
    }

    /// Finds the next rows to read; says whether there are any.
    async fn advance(&mut self) -> Result<bool> {
        match &mut self.state {
            State::Closed => {
                if let Ok(selecting) = self.readers.open(&self.file).await {
                    self.state = State::Selecting(Box::new(selecting));
                } else {
                    // DataFusion's reader meets the same trouble, and tells it in its words.
                    self.state = State::Done;
                    let reader = self.readers.reader(&[])?;
                    self.planners.push_back(reader.plan_file(self.file.clone())?);
                }
            }
            State::Selecting(selecting) => match selecting.next().await {
                Some(stretch) => {
                    let reader = self.readers.reader(&stretch.decided)?;
                    let file = self.file.clone().with_extension(stretch.access);
                    self.planners.push_back(reader.plan_file(file)?);
                }
                None => self.state = State::Done,
            },
            State::Done => return Ok(false),
        }
        Ok(true)
    }
}
