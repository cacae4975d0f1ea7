//! `single_value(x)`: the only value of a field, as ES|QL's functions of one value see it.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! let warnings = egret_udfs::register_all(&context)?;
//! context.sql("SELECT single_value(make_array(1, 2))").await?.collect().await?;
//! assert_eq!(warnings.take()[0].example, "[1, 2]");
//! # Ok(())
//! # }
//! ```

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::unary::{Scalars, Shape, Unary};
use crate::documentation::documentation;
use crate::list::{element_type, single_values};
use crate::warnings::Warnings;

const NAME: &str = "single_value";

/// Returns the function `single_value`, reporting to `warnings`.
pub(crate) fn single_value(warnings: Warnings) -> ScalarUDF {
    Unary::udf(Shape {
        name: NAME,
        returns: |list| element_type(list).cloned().unwrap_or(DataType::Null),
        lists: |array, warnings, subject| single_values(ArrayRef::clone(array), warnings, NAME, subject),
        scalars: Scalars::Same,
        documentation: describe,
        warnings: Some(warnings),
    })
}

fn describe() -> Documentation {
    documentation(
        "Returns the only element of a list: null if there is none, null with a warning if there are several. Anything \
         else is returned as it is.",
        "single_value(value[, label])",
        "SELECT single_value(make_array(443));",
    )
    .with_argument("value", "A list, or anything else.")
    .with_argument("label", crate::label::MEANING)
    .build()
}
