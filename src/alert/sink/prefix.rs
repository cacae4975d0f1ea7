//! A column in front of all others that says which rule a row is of.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::error::{Error, Kind, Result};

/// The batch with a column `name` in front that holds `value` in every row.
///
/// A column of that name which the batch already has gives way to it.
///
/// ```
/// use std::sync::Arc;
/// use datafusion::arrow::array::{Int64Array, RecordBatch};
/// let batch = RecordBatch::try_from_iter([("cc", Arc::new(Int64Array::from(vec![17])) as _)])?;
/// let batch = egret::alert::sink::prefixed(&batch, "rule.id", "a1")?;
/// assert_eq!(batch.schema().field(0).name(), "rule.id");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn prefixed(batch: &RecordBatch, name: &str, value: &str) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let mut columns = vec![Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows))) as _];
    let pairs = batch.schema_ref().fields().iter().zip(batch.columns());
    columns.extend(pairs.filter(|(field, _)| field.name() != name).map(|(_, column)| Arc::clone(column)));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(prefixed_schema(batch.schema_ref(), name), columns, &options)
        .map_err(|error| Error::new(Kind::Engine, format!("cannot add the column {name}: {error}")).with_source(error))
}

/// The schema of what [`prefixed`] returns.
pub fn prefixed_schema(schema: &SchemaRef, name: &str) -> SchemaRef {
    let mut fields = vec![Arc::new(Field::new(name, DataType::Utf8, false))];
    fields.extend(schema.fields().iter().filter(|field| field.name() != name).cloned());
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}
