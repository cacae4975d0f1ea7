//! `row_json(row)`: a struct as the text of a JSON object of its members that are not null.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::common::cast::as_struct_array;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The expression for the JSON text of a struct that is never null.
pub(crate) fn row_json(row: Expr) -> Expr {
    ScalarUDF::from(RowJson::new()).call(vec![row])
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct RowJson {
    signature: Signature,
}

impl RowJson {
    pub(super) fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for RowJson {
    fn name(&self) -> &'static str {
        "row_json"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let [row] = args.args.as_slice() else { return exec_err!("row_json takes a struct") };
        let batch = RecordBatch::from(as_struct_array(&row.to_array(rows)?)?);
        let mut text = Vec::new();
        let mut writer = LineDelimitedWriter::new(&mut text);
        writer.write(&batch)?;
        writer.finish()?;
        let Ok(text) = std::str::from_utf8(&text) else { return exec_err!("row_json: the text is not UTF-8") };
        let mut out = StringViewBuilder::with_capacity(rows);
        text.lines().for_each(|line| out.append_value(line));
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}
