//! Text arrays in any encoding, behind one small view, and the types the functions take as text.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, LargeStringArray, StringArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, Expr};

/// A borrowed text array: for code off the hot path, which dispatches a row at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text<'a> {
    /// 32-bit offsets.
    Utf8(&'a StringArray),
    /// 64-bit offsets.
    Large(&'a LargeStringArray),
    /// Views.
    View(&'a StringViewArray),
}

impl<'a> Text<'a> {
    /// Returns the view of a text array; any other type is an error.
    pub(crate) fn try_new(array: &'a dyn Array) -> Result<Self> {
        match array.data_type() {
            DataType::Utf8 => Ok(Self::Utf8(array.as_string())),
            DataType::LargeUtf8 => Ok(Self::Large(array.as_string())),
            DataType::Utf8View => Ok(Self::View(array.as_string_view())),
            other => exec_err!("expected text, found {other}"),
        }
    }

    /// Returns the text of a row, or `None` for null.
    pub(crate) fn at(self, row: usize) -> Option<&'a str> {
        match self {
            Self::Utf8(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// True for the three plain encodings of text.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Returns the type text of this type is handed to a function in, or `None` if it is no text.
///
/// Dictionaries stay, so that a function runs once a dictionary value; null and run-end encoded text become views.
pub(crate) fn text_argument(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Null => Some(DataType::Utf8View),
        DataType::Dictionary(_, value) if is_text(value) => Some(data_type.clone()),
        DataType::RunEndEncoded(_, values) if is_text(values.data_type()) => Some(DataType::Utf8View),
        plain if is_text(plain) => Some(plain.clone()),
        _ => None,
    }
}

/// Returns a plain text array of a text argument: dictionaries unpacked, nulls typed.
pub(crate) fn plain_text(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        plain if is_text(plain) => Ok(std::sync::Arc::clone(array)),
        DataType::Dictionary(_, value) if is_text(value) => Ok(cast(array, value)?),
        DataType::Null => Ok(cast(array, &DataType::Utf8View)?),
        other => exec_err!("expected text, found {other}"),
    }
}

/// Returns the text of a scalar, `Some(None)` for a null one, or `None` if it is no text.
#[expect(clippy::option_option, reason = "the three cases are what the scalar itself has to say")]
pub(crate) fn scalar_text(scalar: &ScalarValue) -> Option<Option<&str>> {
    match scalar {
        ScalarValue::Null => Some(None),
        ScalarValue::Dictionary(_, value) => scalar_text(value),
        other => other.try_as_str(),
    }
}

/// Returns the literals of a call if all of these arguments are scalar text.
pub(crate) fn scalar_texts(arguments: &[ColumnarValue]) -> Option<Vec<Option<&str>>> {
    arguments
        .iter()
        .map(|argument| match argument {
            ColumnarValue::Scalar(scalar) => scalar_text(scalar),
            ColumnarValue::Array(_) => None,
        })
        .collect()
}

/// Returns the texts that a scalar is or, being a list, holds; `None` if it holds anything else. A null list is one null.
pub(crate) fn listed_texts(scalar: &ScalarValue) -> Option<Vec<Option<&str>>> {
    let ScalarValue::List(list) = scalar else {
        return scalar_text(scalar).map(|text| vec![text]);
    };
    if list.is_null(0) {
        return Some(vec![None]);
    }
    let texts = Text::try_new(list.values()).ok()?;
    let offsets = list.value_offsets();
    let (start, end) = (usize::try_from(*offsets.first()?).ok()?, usize::try_from(*offsets.last()?).ok()?);
    Some((start..end).map(|row| texts.at(row)).collect())
}

/// Returns the text of a literal expression, `Some(None)` for a null one.
#[expect(clippy::option_option, reason = "the three cases are what the literal itself has to say")]
pub(crate) fn literal_text(expression: &Expr) -> Option<Option<&str>> {
    match expression {
        Expr::Literal(scalar, _) => scalar_text(scalar),
        _ => None,
    }
}
