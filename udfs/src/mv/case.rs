//! `mv_lower(x)` and `mv_upper(x)`: every text of a list in lower or upper case.
//!
//! A text changes as SQL's `lower` and `upper` change it, by Unicode's simple and special mappings of any language.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use super::unary::{Scalars, Shape, Takes, Unary};
use crate::documentation::documentation;
use crate::list::{list_of, map_elements};
use crate::text::{Text, plain_text, text_argument};

/// Returns the function `mv_lower`.
pub(crate) fn mv_lower() -> ScalarUDF {
    let shape = Shape {
        name: "mv_lower",
        returns: |_| list_of(DataType::Utf8View),
        lists: |array, _, _| map_elements(array, lower),
        scalars: Scalars::Made(|_| DataType::Utf8View, lower),
        documentation: || describe("lower"),
        warnings: None,
    };
    Unary::of(shape, TEXT)
}

/// Returns the function `mv_upper`.
pub(crate) fn mv_upper() -> ScalarUDF {
    let shape = Shape {
        name: "mv_upper",
        returns: |_| list_of(DataType::Utf8View),
        lists: |array, _, _| map_elements(array, upper),
        scalars: Scalars::Made(|_| DataType::Utf8View, upper),
        documentation: || describe("upper"),
        warnings: None,
    };
    Unary::of(shape, TEXT)
}

const TEXT: Takes = Takes { value: text_argument, expected: "text or a list of text" };

fn lower(array: &ArrayRef) -> Result<ArrayRef> {
    change(array, str::make_ascii_lowercase, str::to_lowercase)
}

fn upper(array: &ArrayRef) -> Result<ArrayRef> {
    change(array, str::make_ascii_uppercase, str::to_uppercase)
}

/// The commonest text is ASCII, which changes in place.
fn change(array: &ArrayRef, ascii: fn(&mut str), any: fn(&str) -> String) -> Result<ArrayRef> {
    let plain = plain_text(array)?;
    let texts = Text::try_new(&plain)?;
    let mut changed = StringViewBuilder::with_capacity(array.len());
    let mut scratch = String::new();
    for row in 0..plain.len() {
        match texts.at(row) {
            None => changed.append_null(),
            Some(text) if text.is_ascii() => {
                scratch.clear();
                scratch.push_str(text);
                ascii(&mut scratch);
                changed.append_value(&scratch);
            }
            Some(text) => changed.append_value(any(text)),
        }
    }
    Ok(Arc::new(changed.finish()))
}

fn describe(case: &str) -> Documentation {
    documentation(
        &format!("Returns every text of a list in {case} case; of a text that is no list, the text."),
        &format!("mv_{case}(value)"),
        &format!("SELECT mv_{case}(make_array('Cmd.exe', 'sh'));"),
    )
    .with_argument("value", "A list of text, or text.")
    .build()
}
