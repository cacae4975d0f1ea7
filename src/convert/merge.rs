//! The events of one folder out of all runs, in the order of their times.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, UnboundedMemoryPool};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::sorts::streaming_merge::StreamingMergeBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};
use tempfile::TempPath;

use super::layout::Bucket;
use super::parquet::ORDER;
use super::runs::{RunWriter, Source};
use super::{broken, unwritable};
use crate::engine::engine_error;
use crate::error::Result;

/// How many runs are merged at a time: a batch of each is in memory.
const FAN_IN: usize = 64;

/// Rows of a batch.
const ROWS: usize = 2_048;

/// The events of a folder.
pub(super) struct Merged {
    pub(super) stream: SendableRecordBatchStream,
    /// Runs that were merged of others; they go when this does.
    _made: Vec<TempPath>,
}

/// The events of `sources`, which are those of `bucket`, in the order of the column `time`, where there is one; of equal
/// times in the order of the sources. More sources than can be open at a time are merged in `folder` first.
pub(super) async fn merged(
    mut sources: Vec<Source>,
    bucket: Bucket,
    schema: &SchemaRef,
    time: Option<usize>,
    folder: &Path,
) -> Result<Merged> {
    let mut made = Vec::new();
    while sources.len() > FAN_IN {
        let mut fewer = Vec::new();
        for some in sources.chunks(FAN_IN) {
            let file = tempfile::Builder::new().prefix("merged-").suffix(".arrow").tempfile_in(folder);
            let path = file.map_err(|error| unwritable(folder, error))?.into_temp_path();
            let mut writer = RunWriter::create(&path, schema).map_err(|error| broken(&path, error))?;
            let mut stream = together(some, schema, time)?;
            while let Some(batch) = stream.try_next().await.map_err(engine_error)? {
                writer.write(&batch, &[(bucket, batch.num_rows())]).map_err(|error| broken(&path, error))?;
            }
            let stretches = writer.finish().map_err(|error| broken(&path, error))?;
            fewer.extend(stretches.into_iter().map(|stretch| Source {
                path: Arc::from(&*path),
                stretch,
                columns: None,
            }));
            made.push(path);
        }
        sources = fewer;
    }
    Ok(Merged { stream: together(&sources, schema, time)?, _made: made })
}

fn together(sources: &[Source], schema: &SchemaRef, time: Option<usize>) -> Result<SendableRecordBatchStream> {
    let column = time.and_then(|time| Some((time, schema.fields().get(time)?.name())));
    let mut streams = sources.iter().map(|source| source.open(schema)).collect::<Result<Vec<_>>>()?;
    let (Some((at, name)), true) = (column, streams.len() > 1) else {
        if streams.len() == 1
            && let Some(only) = streams.pop()
        {
            return Ok(only);
        }
        // Nothing to order them by but the place that they had.
        let one_after_the_other = stream::iter(streams).flatten();
        return Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), one_after_the_other)));
    };
    let order = PhysicalSortExpr::new_default(Arc::new(Column::new(name, at)));
    let order = LexOrdering::from([PhysicalSortExpr { options: ORDER, ..order }]);
    // What it holds is bounded by the number of sources.
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    StreamingMergeBuilder::new()
        .with_streams(streams)
        .with_schema(Arc::clone(schema))
        .with_expressions(&order)
        .with_metrics(BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0))
        .with_batch_size(ROWS)
        .with_reservation(MemoryConsumer::new("runs of events").register(&pool))
        // Of equal times the first source's event is first, always.
        .with_round_robin_tie_breaker(false)
        .build()
        .map_err(engine_error)
}
