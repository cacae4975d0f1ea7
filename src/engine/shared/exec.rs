//! The leaf of a plan that shares its scan: takes batches, keeps the plan's own rows and columns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::FileSource;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{MetricsSet, Time};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr, PlanProperties,
    apply_expression_roots,
};
use futures::stream;
use tokio::sync::mpsc::Receiver;

use super::feed::{Feed, Message, Taker};
use super::parts;

/// One plan's part of a shared scan.
#[derive(Debug)]
pub(crate) struct SharedScanExec {
    feed: Arc<Feed>,
    taker: Taker,
    own: Arc<Own>,
    properties: Arc<PlanProperties>,
}

/// What a plan wants of the rows of all.
#[derive(Debug)]
struct Own {
    predicate: Option<Arc<dyn PhysicalExpr>>,
    columns: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
    compute_time: Time,
}

impl SharedScanExec {
    /// The leaf that gives what `scan` would.
    pub(super) fn try_new(feed: Arc<Feed>, taker: Taker, scan: &Arc<dyn ExecutionPlan>) -> Result<Self> {
        let Some((_, source)) = parts(scan) else {
            return Err(DataFusionError::Internal("a shared scan reads JSON files".to_owned()));
        };
        let all = feed.scan.schema();
        let by_name = |expr: &Arc<dyn PhysicalExpr>| reassign_expr_columns(Arc::clone(expr), &all);
        let predicate = source.filter().as_ref().map(by_name).transpose()?;
        let projection = source.projection().into_iter().flat_map(ProjectionExprs::iter);
        let columns = projection.map(|column| by_name(&column.expr)).collect::<Result<Vec<_>>>()?;
        let schema = scan.schema();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(feed.scan.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let own = Arc::new(Own { predicate, columns, schema, compute_time: Time::new() });
        Ok(Self { feed, taker, own, properties: Arc::new(properties) })
    }

    /// The scan that it shares.
    pub(super) fn scan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.feed.scan
    }

    /// How long it took the plan's rows and columns out of those of all.
    pub(super) fn compute_time(&self) -> Duration {
        Duration::from_nanos(self.own.compute_time.value() as u64)
    }

    /// How many plans share it.
    pub(super) fn shared_by(&self) -> usize {
        self.feed.shared_by
    }
}

impl Own {
    /// The plan's rows of a batch, in its columns.
    fn part(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let _timer = self.compute_time.timer();
        let kept = match &self.predicate {
            Some(predicate) => {
                let met = predicate.evaluate(batch)?.into_array(batch.num_rows())?;
                filter_record_batch(batch, as_boolean_array(&met)?)?
            }
            None => batch.clone(),
        };
        let rows = kept.num_rows();
        let values = self.columns.iter().map(|column| column.evaluate(&kept)?.into_array(rows));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let values = values.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), values, &options)?)
    }
}

async fn next(
    (mut receiver, own): (Receiver<Message>, Arc<Own>),
) -> Result<Option<(RecordBatch, (Receiver<Message>, Arc<Own>))>> {
    loop {
        match receiver.recv().await {
            Some(Ok(Some(batch))) => {
                let part = own.part(&batch)?;
                if part.num_rows() > 0 {
                    return Ok(Some((part, (receiver, own))));
                }
            }
            Some(Ok(None)) => return Ok(None),
            Some(Err(error)) => return Err(DataFusionError::Shared(error)),
            // Whoever breaks off does not say that it is the end.
            None => return Err(DataFusionError::Execution("the scan that rules share broke off".to_owned())),
        }
    }
}

impl DisplayAs for SharedScanExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedScanExec: shared_by={}", self.feed.shared_by)?;
        if let Some(predicate) = &self.own.predicate {
            write!(f, ", predicate={predicate}")?;
        }
        f.write_str(", scan=")?;
        self.feed.scan.fmt_as(kind, f)
    }
}

impl ExecutionPlan for SharedScanExec {
    fn name(&self) -> &'static str {
        "SharedScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.own.predicate.iter().chain(&self.own.columns), f)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(receiver) = self.taker.take(partition) else {
            return Err(DataFusionError::Internal(format!("partition {partition} of a shared scan runs once")));
        };
        self.feed.start(partition, &context);
        let rows = stream::try_unfold((receiver, Arc::clone(&self.own)), next);
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.own.schema), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.feed.scan.metrics()
    }
}
