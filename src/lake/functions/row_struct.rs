//! `row_struct(columns...)`: values made of columns, as the members of one column.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StructArray};
use datafusion::arrow::datatypes::{DataType, Fields, SchemaRef};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_expr::PhysicalExpr;

/// The members of a row and what they are made of.
#[derive(Debug)]
pub(crate) struct Row {
    /// The columns that the function takes.
    pub(crate) columns: SchemaRef,
    /// What each member is made of, over these columns and of the member's type.
    pub(crate) values: Vec<Arc<dyn PhysicalExpr>>,
    pub(crate) members: Fields,
}

/// The function that makes structs of the columns of a row.
///
/// The values are part of the function rather than its arguments: planners walk over arguments time and again.
pub(crate) fn row_struct(row: Arc<Row>) -> ScalarUDF {
    ScalarUDF::from(RowStruct { row, signature: Signature::variadic_any(Volatility::Immutable) })
}

#[derive(Debug)]
pub(super) struct RowStruct {
    pub(super) row: Arc<Row>,
    signature: Signature,
}

impl PartialEq for RowStruct {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.row, &other.row)
    }
}

impl Eq for RowStruct {}

impl Hash for RowStruct {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.row).hash(state);
    }
}

impl ScalarUDFImpl for RowStruct {
    fn name(&self) -> &'static str {
        "row_struct"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(self.row.members.clone()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (row, rows) = (&self.row, args.number_rows);
        let columns = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&row.columns), columns, &options)?;
        let values = row.values.iter().map(|value| value.evaluate(&batch)?.into_array(rows));
        let members = values.collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(Arc::new(StructArray::try_new_with_length(row.members.clone(), members, None, rows)?)))
    }
}
