//! `completion(prompt, endpoint)`: the place of ES|QL's COMPLETION in a plan. It asks no model: over rows it is an error
//! that says which endpoint is missing, over none it gives none.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let asked = context.sql("SELECT completion('is this evil?', 'model')").await?.collect().await;
//! assert!(asked.unwrap_err().to_string().contains("needs the inference endpoint 'model'"));
//! # Ok(())
//! # }
//! ```

use std::sync::LazyLock;

use datafusion::arrow::array::new_empty_array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::documentation::documentation;
use crate::text::{scalar_texts, text_argument};

const NAME: &str = "completion";

/// The function `completion`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Completion {
    signature: Signature,
}

impl Completion {
    /// Returns the function. It is volatile, so that no plan computes it before there are rows.
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for Completion {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let texts: Option<Vec<DataType>> = types.iter().map(text_argument).collect();
        match texts {
            Some(texts) if texts.len() == 2 => Ok(texts),
            _ => plan_err!("{NAME}: found {} arguments, expected a prompt and an endpoint, both text", types.len()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args.number_rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(&DataType::Utf8View)));
        }
        let endpoint = args.args.get(1..).and_then(scalar_texts).and_then(|texts| texts.first().copied().flatten());
        let endpoint = endpoint.unwrap_or_default();
        exec_err!(
            "COMPLETION needs the inference endpoint '{endpoint}' for {} rows, and none can be asked here: run the rule \
             without COMPLETION to see the rows that it would be asked about",
            args.number_rows
        )
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Stands for the answer of a model, as ES|QL's COMPLETION asks for it. No model is asked: over rows it is \
                 an error.",
                "completion(prompt, endpoint)",
                "SELECT completion('is this evil?', 'model');",
            )
            .with_argument("prompt", "Text.")
            .with_argument("endpoint", "Text: the name of an inference endpoint.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}
