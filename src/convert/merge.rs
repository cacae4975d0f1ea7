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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
    use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};

    use super::super::layout::Partition;
    use super::super::runs::Sorter;
    use super::*;

    /// Runs of ten events each; every time is there in many of them.
    fn runs(folder: &Path, count: i64) -> (SchemaRef, Vec<Source>) {
        let mut sources = Vec::new();
        let mut schema = None;
        for run in 0..count {
            let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values((0..10).map(|n| n * run % 7)));
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(run * 10..run * 10 + 10));
            let batch = RecordBatch::try_from_iter([("t", times), ("n", numbers)]).unwrap();
            let schema = schema.get_or_insert_with(|| batch.schema());
            let mut sorter = Sorter::new(Arc::clone(schema), Some(0), Partition::None);
            sorter.push(batch);
            let written = sorter.write(folder, format!("{run}.arrow")).unwrap();
            let path: Arc<Path> = Arc::from(folder.join(&written.name));
            let source = |stretch| Source { path: Arc::clone(&path), stretch, columns: None };
            sources.extend(written.stretches.into_iter().map(source));
        }
        (schema.unwrap(), sources)
    }

    #[tokio::test]
    async fn more_runs_than_can_be_open_are_one_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let count = i64::try_from(FAN_IN).unwrap() * 2 + 5;
        let (schema, sources) = runs(folder.path(), count);
        let merged = merged(sources, Some(0), &schema, Some(0), folder.path()).await.unwrap();
        let batches: Vec<RecordBatch> = merged.stream.try_collect().await.unwrap();
        let found: Vec<(i64, i64)> = batches
            .iter()
            .flat_map(|batch| {
                let times = batch.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec();
                times.into_iter().zip(batch.column(1).as_primitive::<Int64Type>().values().to_vec())
            })
            .collect();
        let mut expected: Vec<(i64, i64)> =
            (0..count).flat_map(|run| (0..10).map(move |n| (n * run % 7, run * 10 + n))).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn without_a_time_runs_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let (schema, sources) = runs(folder.path(), 3);
        let reversed = sources.into_iter().rev().collect();
        let merged = merged(reversed, Some(0), &schema, None, folder.path()).await.unwrap();
        let batches: Vec<RecordBatch> = merged.stream.try_collect().await.unwrap();
        let first = |batch: &RecordBatch| batch.column(1).as_primitive::<Int64Type>().value(0) / 10;
        assert_eq!(batches.iter().map(first).collect::<Vec<_>>(), [2, 1, 0]);
    }
}
