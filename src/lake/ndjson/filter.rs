//! The predicate that a scan decides itself: what it reads, what it demands of raw bytes, which rows meet it.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::error::Result;
use datafusion::physical_expr::DynamicFilterTracking;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::PhysicalExpr;

use super::ColumnSpec;
use super::sieve::Sieve;
use super::sieve::literals::need;
use super::sieve::need::Need;

/// A predicate over the fields of documents.
#[derive(Debug)]
pub(crate) struct Filter {
    /// The columns of the scan's files that it reads, in the order of its batches.
    pub(crate) reads: Vec<usize>,
    /// What tells documents that cannot meet it by their bytes; none where all are parsed.
    pub(crate) sieve: Option<Arc<Sieve>>,
    predicate: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

impl Filter {
    /// Whether a scan of files with these columns can decide `predicate`: it reads fields of the documents alone.
    pub(crate) fn takes(predicate: &Arc<dyn PhysicalExpr>, columns: &[ColumnSpec]) -> bool {
        let reads = collect_columns(predicate);
        let is_field = |index| matches!(columns.get(index), Some(ColumnSpec::Field(_)));
        !reads.is_empty()
            && reads.iter().all(|column| is_field(column.index()))
            && !is_volatile(predicate)
            && !DynamicFilterTracking::classify(predicate).contains_dynamic_filter()
    }

    /// The filter of `predicate` over files with these columns and this schema; a strict one parses every document.
    pub(crate) fn try_new(
        predicate: &Arc<dyn PhysicalExpr>,
        columns: &[ColumnSpec],
        schema: &Schema,
        strict: bool,
    ) -> Result<Self> {
        let mut reads: Vec<usize> = collect_columns(predicate).iter().map(Column::index).collect();
        reads.sort_unstable();
        reads.dedup();
        let schema = Arc::new(schema.project(&reads)?);
        let demand = if strict { Need::Nothing } else { need(predicate, columns) };
        let sieve = Sieve::try_new(&demand).map(Arc::new);
        let predicate = reassign_expr_columns(Arc::clone(predicate), &schema)?;
        Ok(Self { reads, sieve, predicate, schema })
    }

    /// The rows that meet it, out of so many with these values of what it reads.
    pub(crate) fn survivors(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<Vec<usize>> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let met = self.predicate.evaluate(&batch)?.into_array(rows)?;
        let met: &BooleanArray = as_boolean_array(&met)?;
        Ok((0..rows).filter(|row| met.is_valid(*row) && met.value(*row)).collect())
    }
}
