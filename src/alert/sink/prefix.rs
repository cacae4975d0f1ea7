//! A column in front of all others that says which rule or which execution a row is of.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, TimestampMillisecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

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
    let values = StringArray::from_iter_values(std::iter::repeat_n(value, batch.num_rows()));
    with_first(batch, Arc::new(values), prefixed_schema(batch.schema_ref(), name))
}

/// The batch with a column `name` in front that holds the instant `at` in every row, in milliseconds.
///
/// A column of that name which the batch already has gives way to it.
///
/// ```
/// use std::sync::Arc;
/// use datafusion::arrow::array::{Int64Array, RecordBatch};
/// let batch = RecordBatch::try_from_iter([("cc", Arc::new(Int64Array::from(vec![17])) as _)])?;
/// let batch = egret::alert::sink::stamped(&batch, "execution", "2026-10-01T12:00:00Z".parse()?)?;
/// assert_eq!(batch.schema(), egret::alert::sink::stamped_schema(&batch.schema(), "execution"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stamped(batch: &RecordBatch, name: &str, at: DateTime<Utc>) -> Result<RecordBatch> {
    let values = TimestampMillisecondArray::from_value(at.timestamp_millis(), batch.num_rows()).with_timezone("UTC");
    with_first(batch, Arc::new(values), stamped_schema(batch.schema_ref(), name))
}

/// The schema of what [`stamped`] returns.
pub fn stamped_schema(schema: &SchemaRef, name: &str) -> SchemaRef {
    schema_with_first(schema, Field::new(name, DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false))
}

fn with_first(batch: &RecordBatch, first: ArrayRef, schema: SchemaRef) -> Result<RecordBatch> {
    let name = schema.fields().first().map(|field| field.name().clone()).unwrap_or_default();
    let rows = batch.num_rows();
    let mut columns = vec![first];
    let pairs = batch.schema_ref().fields().iter().zip(batch.columns());
    columns.extend(pairs.filter(|(field, _)| *field.name() != name).map(|(_, column)| Arc::clone(column)));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options)
        .map_err(|error| Error::new(Kind::Engine, format!("cannot add the column {name}: {error}")).with_source(error))
}

/// The schema of what [`prefixed`] returns.
pub fn prefixed_schema(schema: &SchemaRef, name: &str) -> SchemaRef {
    schema_with_first(schema, Field::new(name, DataType::Utf8, false))
}

fn schema_with_first(schema: &SchemaRef, first: Field) -> SchemaRef {
    let others: Vec<_> = schema.fields().iter().filter(|field| field.name() != first.name()).cloned().collect();
    let fields: Vec<_> = std::iter::once(Arc::new(first)).chain(others).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}
