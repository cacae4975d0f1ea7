//! `row_struct(columns...)`: columns as the members of one.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The function that makes a struct with these members of as many columns, in this order and of their types.
pub(crate) fn row_struct(members: Fields) -> ScalarUDF {
    ScalarUDF::from(RowStruct { members, signature: Signature::variadic_any(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RowStruct {
    members: Fields,
    signature: Signature,
}

impl ScalarUDFImpl for RowStruct {
    fn name(&self) -> &'static str {
        "row_struct"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(self.members.clone()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let columns = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let row = StructArray::try_new_with_length(self.members.clone(), columns, None, rows)?;
        Ok(ColumnarValue::Array(Arc::new(row)))
    }
}
