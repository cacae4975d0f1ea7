//! A prepared query to rows: a stream that holds the limit and knows the total.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::damaged::Blame;
use super::failure::engine_error;
use super::metrics::{ScanMetrics, output_rows, scan_metrics};
use super::plan::Prepared;
use crate::alert::ORIGIN;
use crate::alert::sink::{SOURCE, VALUES};
use crate::error::Result;

/// A query that runs.
pub struct Run {
    stream: SendableRecordBatchStream,
    schema: SchemaRef,
    plan: Arc<dyn ExecutionPlan>,
    runtime: Arc<RuntimeEnv>,
    total_node: Option<Arc<dyn ExecutionPlan>>,
    limit: Option<u64>,
    rows: u64,
    seen: u64,
    failed: Option<Blame>,
}

impl Run {
    /// Starts `prepared`. Dropping the run stops it.
    pub fn start(prepared: &Prepared) -> Result<Self> {
        let plan = Arc::clone(&prepared.physical);
        let stream = execute_stream(Arc::clone(&plan), prepared.state.task_ctx()).map_err(engine_error)?;
        let schema = marked(&stream.schema(), prepared);
        let total_node = prepared.total.clone();
        let runtime = Arc::clone(prepared.state.runtime_env());
        Ok(Self { stream, schema, plan, runtime, total_node, limit: prepared.limit, rows: 0, seen: 0, failed: None })
    }

    /// The schema of the rows that a run of `prepared` gives, hidden key columns included.
    pub fn schema_of(prepared: &Prepared) -> SchemaRef {
        marked(&prepared.physical.schema(), prepared)
    }

    /// The schema of the rows, hidden key columns included.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The plan that runs, for its metrics.
    pub fn plan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.plan
    }

    /// The next rows within the limit; `None` at the end. Rows beyond the limit are only counted.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            // Who waits for rows may give up and ask again: a failure must not get lost in between.
            if let Some(blame) = &mut self.failed {
                blame.found().await;
            }
            if let Some(blame) = self.failed.take() {
                return Err(blame.into_error());
            }
            let batch = match self.stream.next().await {
                Some(Ok(batch)) => batch,
                Some(Err(error)) => {
                    self.failed = Some(Blame::new(&self.plan, &self.runtime, error));
                    continue;
                }
                None => return Ok(None),
            };
            self.seen += batch.num_rows() as u64;
            let room = self.limit.map_or(u64::MAX, |limit| limit - self.rows);
            let taken = room.min(batch.num_rows() as u64);
            if taken == 0 {
                continue;
            }
            self.rows += taken;
            let batch = batch.slice(0, taken as usize).with_schema(Arc::clone(&self.schema));
            return batch.map(Some).map_err(|e| engine_error(e.into()));
        }
    }

    /// Rows that were given on so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows before the trailing limit; complete once [`Run::next`] gave `None`.
    pub fn total(&self) -> u64 {
        self.total_node.as_ref().and_then(output_rows).unwrap_or(self.seen).max(self.seen)
    }

    /// What the scans have done so far.
    pub fn scanned(&self) -> ScanMetrics {
        scan_metrics(&self.plan)
    }
}

/// The schema with the mark of source lists where the language tells them apart from lists that the query made.
fn marked(schema: &SchemaRef, prepared: &Prepared) -> SchemaRef {
    let columns = &prepared.lowered.columns;
    if columns.is_empty() {
        return Arc::clone(schema);
    }
    let mark = |(at, field): (usize, &Arc<Field>)| -> Arc<Field> {
        // Fields of an event that a row carries tell what they are.
        if field.name().starts_with(ORIGIN) {
            return Arc::clone(field);
        }
        let mut field = field.as_ref().clone();
        field.metadata_mut().remove(VALUES);
        if columns.get(at).is_some_and(|column| !column.list) {
            field.metadata_mut().insert(VALUES.to_owned(), SOURCE.to_owned());
        }
        Arc::new(field)
    };
    let fields: Vec<_> = schema.fields().iter().enumerate().map(mark).collect();
    Arc::new(Schema::new(fields))
}
