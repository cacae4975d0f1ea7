//! Columns in every encoding, and queries over them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use egret_udfs::{Warnings, register_all};

/// Every way a text column may come.
pub(crate) fn text_types() -> Vec<DataType> {
    let dictionary = |key, value| DataType::Dictionary(Box::new(key), Box::new(value));
    let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
    let values = Arc::new(Field::new("values", DataType::Utf8, true));
    vec![
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        dictionary(DataType::Int8, DataType::Utf8),
        dictionary(DataType::UInt16, DataType::LargeUtf8),
        dictionary(DataType::Int32, DataType::Utf8View),
        dictionary(DataType::UInt64, DataType::Utf8),
        DataType::RunEndEncoded(ends, values),
    ]
}

/// A text column in one encoding.
pub(crate) fn text(data_type: &DataType, values: &[Option<&str>]) -> ArrayRef {
    cast(&StringArray::from(values.to_vec()), data_type).unwrap()
}

/// A session with all functions, and where they report.
pub(crate) fn session() -> (SessionContext, Warnings) {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    let warnings = register_all(&context).unwrap();
    (context, warnings)
}

/// Makes these columns the table `t`.
pub(crate) fn register(context: &SessionContext, columns: &[(&str, ArrayRef)]) {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns.iter().map(|(_, array)| array.clone()).collect()).unwrap();
    // Two batches, so that state has to survive from one to the next.
    let half = batch.num_rows() / 2;
    let batches = vec![batch.slice(0, half), batch.slice(half, batch.num_rows() - half)];
    context.register_table("t", Arc::new(MemTable::try_new(schema, vec![batches]).unwrap())).unwrap();
}

/// Runs a query and returns its rows, cells as text joined by `|`.
pub(crate) async fn rows(context: &SessionContext, sql: &str) -> Vec<String> {
    try_rows(context, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Runs a query that may fail.
pub(crate) async fn try_rows(context: &SessionContext, sql: &str) -> datafusion::error::Result<Vec<String>> {
    let batches = context.sql(sql).await?.collect().await?;
    let options = FormatOptions::default().with_null("-");
    let mut rows = Vec::new();
    for batch in &batches {
        let cells: Vec<ArrayFormatter> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        rows.extend(
            (0..batch.num_rows())
                .map(|row| cells.iter().map(|cell| cell.value(row).to_string()).collect::<Vec<_>>().join("|")),
        );
    }
    Ok(rows)
}

/// The error of a query.
pub(crate) async fn error(context: &SessionContext, sql: &str) -> String {
    match try_rows(context, sql).await {
        Ok(rows) => panic!("{sql} gave {rows:?}"),
        Err(error) => error.strip_backtrace(),
    }
}

/// The logical and physical plan of a query.
pub(crate) async fn plan(context: &SessionContext, sql: &str) -> String {
    rows(context, &format!("EXPLAIN {sql}")).await.join("\n")
}
