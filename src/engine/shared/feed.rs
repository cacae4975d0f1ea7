//! One scan and those that take its batches.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::StreamExt;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many batches may wait for one taker; then the scan waits for it.
const WAITING: usize = 2;

/// A batch, the end of the scan, or why it failed.
pub(super) type Message = Result<Option<RecordBatch>, Arc<DataFusionError>>;

/// A scan whose batches go to several takers.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) scan: Arc<dyn ExecutionPlan>,
    /// For each partition: who takes its batches; nobody once it runs.
    takers: Vec<Mutex<Vec<Sender<Message>>>>,
    running: Mutex<Vec<SpawnedTask<()>>>,
    pub(super) shared_by: usize,
}

/// Where one taker gets the batches of each partition.
#[derive(Debug)]
pub(super) struct Taker {
    partitions: Vec<Mutex<Option<Receiver<Message>>>>,
}

impl Feed {
    /// The scan for so many takers.
    pub(super) fn new(scan: Arc<dyn ExecutionPlan>, count: usize) -> (Self, Vec<Taker>) {
        let partitions = scan.output_partitioning().partition_count();
        let mut takers: Vec<Taker> = (0..count).map(|_| Taker { partitions: Vec::new() }).collect();
        let mut senders = Vec::with_capacity(partitions);
        for _ in 0..partitions {
            let mut own = Vec::with_capacity(count);
            for taker in &mut takers {
                let (sender, receiver) = channel(WAITING);
                own.push(sender);
                taker.partitions.push(Mutex::new(Some(receiver)));
            }
            senders.push(Mutex::new(own));
        }
        (Self { scan, takers: senders, running: Mutex::default(), shared_by: count }, takers)
    }

    /// Begins to scan a partition, unless somebody else has.
    pub(super) fn start(&self, partition: usize, context: &Arc<TaskContext>) {
        let Some(takers) = self.takers.get(partition) else { return };
        let takers = std::mem::take(&mut *takers.lock().unwrap_or_else(PoisonError::into_inner));
        if takers.is_empty() {
            return;
        }
        let (scan, context) = (Arc::clone(&self.scan), Arc::clone(context));
        let task = SpawnedTask::spawn(async move { feed(scan, partition, context, takers).await });
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

impl Taker {
    /// The batches of a partition; they can be taken once.
    pub(super) fn take(&self, partition: usize) -> Option<Receiver<Message>> {
        self.partitions.get(partition)?.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Hands the batches of a partition to everyone who still takes them.
async fn feed(
    scan: Arc<dyn ExecutionPlan>,
    partition: usize,
    context: Arc<TaskContext>,
    mut takers: Vec<Sender<Message>>,
) {
    let mut stream = match scan.execute(partition, context) {
        Ok(stream) => stream,
        Err(error) => return hand(&mut takers, &Err(Arc::new(error))).await,
    };
    while !takers.is_empty() {
        let message = match stream.next().await {
            Some(Ok(batch)) => Ok(Some(batch)),
            Some(Err(error)) => Err(Arc::new(error)),
            None => Ok(None),
        };
        let goes_on = matches!(message, Ok(Some(_)));
        hand(&mut takers, &message).await;
        if !goes_on {
            return;
        }
    }
}

/// Hands a message to everyone; who takes no more is not asked again.
async fn hand(takers: &mut Vec<Sender<Message>>, message: &Message) {
    let mut staying = Vec::with_capacity(takers.len());
    for taker in takers.drain(..) {
        if taker.send(message.clone()).await.is_ok() {
            staying.push(taker);
        }
    }
    *takers = staying;
}
