//! `row_json(columns...)`: a row as the text of a JSON object of its fields that are not null.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringViewBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The expression for the JSON text of columns under their names.
pub(crate) fn row_json(columns: Vec<(String, Expr)>) -> Expr {
    let (names, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let function = RowJson { names, signature: Signature::variadic_any(Volatility::Immutable) };
    ScalarUDF::from(function).call(columns)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RowJson {
    names: Vec<String>,
    signature: Signature,
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
        let columns = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let fields: Vec<_> =
            self.names.iter().zip(&columns).map(|(n, c)| Field::new(n, c.data_type().clone(), true)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
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
