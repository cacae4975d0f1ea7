//! The last argument that functions with warnings may have: the expression as its author wrote it.
//!
//! A function knows its arguments by the names that the planner gives them, which is what the author wrote only where an
//! argument is a column.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::text::{scalar_text, text_argument};

/// What a catalogue says of the argument.
pub(crate) const MEANING: &str = "Text, a literal: what warnings call the value; its name where it is left out.";

/// Returns the type of the label that may follow the other arguments.
pub(crate) fn argument(function: &str, rest: &[DataType]) -> Result<Vec<DataType>> {
    match rest {
        [] => Ok(Vec::new()),
        [label] => text_argument(label).map_or_else(
            || plan_err!("{function}: found {label} as the last argument, expected a label"),
            |label| Ok(vec![label]),
        ),
        more => plan_err!("{function}: found {} arguments too many", more.len() - 1),
    }
}

/// Returns the label at this place of the arguments, if there is one.
pub(crate) fn given(args: &ScalarFunctionArgs, at: usize) -> Option<&str> {
    match args.args.get(at) {
        Some(ColumnarValue::Scalar(label)) => scalar_text(label).flatten(),
        _ => None,
    }
}

/// Returns what a warning calls the value: the label at this place of the arguments, else the first argument's name.
pub(crate) fn subject(args: &ScalarFunctionArgs, at: usize) -> &str {
    given(args, at).or(args.arg_fields.first().map(|field| field.name().as_str())).unwrap_or_default()
}
