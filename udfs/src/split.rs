//! `split_text(x, delimiter)`: the parts of a text as a list; `reverse_text(x)`: a text from its end.

use datafusion::logical_expr::{Documentation, ScalarUDF};
use unicode_segmentation::UnicodeSegmentation;

use crate::documentation::documentation;
use crate::row::{Each, Gives, Made, RowFunction, Shape, Takes};
use crate::warnings::Warnings;

/// Returns the functions of this file.
pub(crate) fn functions(warnings: &Warnings) -> Vec<ScalarUDF> {
    let split = Shape {
        name: "split_text",
        takes: &[Takes::Text, Takes::Text],
        optional: 0,
        gives: Gives::Texts,
        each: split,
        check: None,
        documentation: describe_split,
    };
    let reverse = Shape {
        name: "reverse_text",
        takes: &[Takes::Text],
        optional: 0,
        gives: Gives::Text,
        each: reverse,
        check: None,
        documentation: describe_reverse,
    };
    vec![RowFunction::udf(split, warnings), RowFunction::udf(reverse, warnings)]
}

fn split() -> Each {
    Box::new(|values| {
        let [text, delimiter] = values else { return Ok(Made::Null) };
        if delimiter.text().is_empty() {
            return Err("empty delimiter, taken as null");
        }
        Ok(Made::Texts(text.text().split(delimiter.text()).map(str::to_owned).collect()))
    })
}

/// What a reader takes for one character stays whole.
fn reverse() -> Each {
    Box::new(|values| {
        let [text] = values else { return Ok(Made::Null) };
        Ok(Made::Text(text.text().graphemes(true).rev().collect()))
    })
}

fn describe_split() -> Documentation {
    documentation(
        "Returns the parts of a text between delimiters, empty ones included; null, with a warning, if the delimiter is \
         empty.",
        "split_text(text, delimiter)",
        "SELECT split_text('a;b', ';');",
    )
    .with_argument("text", "Text.")
    .with_argument("delimiter", "Text.")
    .build()
}

fn describe_reverse() -> Documentation {
    documentation(
        "Returns a text from its end to its start; characters of several code points stay whole.",
        "reverse_text(text)",
        "SELECT reverse_text('tergE');",
    )
    .with_argument("text", "Text.")
    .build()
}
