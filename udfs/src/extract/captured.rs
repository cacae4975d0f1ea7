//! `captured(fields, name)`: one of the fields that `grok` or `dissect` found.
//!
//! The engine's own `get_field` is moved towards the scan by its optimizer, on its way past stages whose columns it then
//! confuses; and where the struct is computed there is nothing to gain below.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let rows = context.sql("SELECT captured(dissect('a@b', '%{user}@%{host}'), 'host') AS host").await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("| b    |"));
//! # Ok(())
//! # }
//! ```

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::documentation::documentation;
use crate::text::scalar_text;

const NAME: &str = "captured";

/// The function `captured`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Captured {
    signature: Signature,
}

impl Captured {
    /// Returns the function.
    pub(crate) fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Captured {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        plan_err!("{NAME}: the type depends on its second argument")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let Some(Some(name)) = args.scalar_arguments.get(1).copied().flatten().and_then(scalar_text) else {
            return plan_err!("{NAME}: found no literal as the field's name, expected text in quotes");
        };
        let found = args.arg_fields.first().map(|field| field.data_type());
        let Some(DataType::Struct(fields)) = found else {
            let found = found.map_or_else(|| "nothing".to_owned(), ToString::to_string);
            return plan_err!("{NAME}: found {found}, expected a struct");
        };
        if let Some((_, field)) = fields.find(name) {
            Ok(Arc::new(Field::new(name, field.data_type().clone(), true)))
        } else {
            plan_err!("{NAME}: found no field '{name}' in the struct")
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [fields, ColumnarValue::Scalar(name)] = args.args.as_slice() else {
            return exec_err!("{NAME}: found no literal as the field's name, expected text in quotes");
        };
        let name = scalar_text(name).flatten().unwrap_or_default();
        let scalar = matches!(fields, ColumnarValue::Scalar(_));
        let fields = fields.to_array(if scalar { 1 } else { args.number_rows })?;
        let Some(found) = fields.as_struct_opt().and_then(|fields| fields.column_by_name(name).cloned()) else {
            return exec_err!("{NAME}: found no field '{name}' in {}", fields.data_type());
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?));
        }
        Ok(ColumnarValue::Array(found))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns a field of what grok or dissect found.",
                "captured(fields, name)",
                "SELECT captured(dissect('a@b', '%{user}@%{host}'), 'host');",
            )
            .with_argument("fields", "A struct.")
            .with_argument("name", "A literal: the name of one of its fields.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}
