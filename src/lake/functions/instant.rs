//! `parse_instant(text)`: an instant from ISO 8601 text with any offset, or from milliseconds since 1970 as digits.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::super::schema::{instant, is_text};
use crate::lake::date;

/// The texts of one field that are no instant: how many, and the first of them.
#[derive(Debug, Default)]
pub(crate) struct Unparsed {
    count: AtomicU64,
    example: Mutex<Option<String>>,
}

impl Unparsed {
    fn add(&self, text: &str) {
        if self.count.fetch_add(1, Ordering::Relaxed) == 0 {
            let short: String = text.chars().take(60).collect();
            *self.example.lock().unwrap_or_else(PoisonError::into_inner) = Some(short);
        }
    }

    /// Adds what another process counted.
    #[cfg(feature = "cluster")]
    pub(crate) fn add_counted(&self, count: u64, example: &str) {
        if count > 0 {
            self.add(example);
            self.count.fetch_add(count - 1, Ordering::Relaxed);
        }
    }

    /// How many there were since the last call, and the first.
    pub(crate) fn take(&self) -> (u64, Option<String>) {
        let count = self.count.swap(0, Ordering::Relaxed);
        (count, self.example.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

/// The expression for the instants of a text column; what is none is null, and counted where a counter is given.
pub(crate) fn parse_instant(text: Expr, field: &str, unparsed: Option<Arc<Unparsed>>) -> Expr {
    ScalarUDF::from(ParseInstant::new(field.to_owned(), unparsed)).call(vec![text])
}

#[derive(Debug)]
pub(super) struct ParseInstant {
    pub(super) field: String,
    pub(super) unparsed: Option<Arc<Unparsed>>,
    signature: Signature,
}

impl ParseInstant {
    pub(super) fn new(field: String, unparsed: Option<Arc<Unparsed>>) -> Self {
        Self { field, unparsed, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl PartialEq for ParseInstant {
    fn eq(&self, other: &Self) -> bool {
        self.field == other.field && self.unparsed.is_some() == other.unparsed.is_some()
    }
}

impl Eq for ParseInstant {}

impl Hash for ParseInstant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.field.hash(state);
        self.unparsed.is_some().hash(state);
    }
}

impl ScalarUDFImpl for ParseInstant {
    fn name(&self) -> &'static str {
        "parse_instant"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [DataType::List(item)] if is_text(item.data_type()) => Ok(DataType::new_list(micros(), true)),
            [DataType::LargeList(item)] if is_text(item.data_type()) => Ok(DataType::new_large_list(micros(), true)),
            [text] if is_text(text) => Ok(micros()),
            other => exec_err!("parse_instant: expected text, found {other:?}"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = matches!(args.args.as_slice(), [ColumnarValue::Scalar(_)]);
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(input) = arrays.first() else { return exec_err!("parse_instant: expected one argument") };
        let output: ArrayRef = match input.data_type() {
            DataType::List(_) => self.list(input.as_list::<i32>())?,
            DataType::LargeList(_) => self.list(input.as_list::<i64>())?,
            _ => Arc::new(self.parse(input)?),
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&output, 0)?));
        }
        Ok(ColumnarValue::Array(output))
    }
}

impl ParseInstant {
    fn list<O: OffsetSizeTrait>(&self, list: &GenericListArray<O>) -> Result<ArrayRef> {
        let values = Arc::new(self.parse(list.values())?);
        let item = Arc::new(Field::new_list_field(micros(), true));
        Ok(Arc::new(GenericListArray::try_new(item, list.offsets().clone(), values, list.nulls().cloned())?))
    }

    fn parse(&self, text: &ArrayRef) -> Result<TimestampMicrosecondArray> {
        let view = cast(text, &DataType::Utf8View)?;
        let texts: &StringViewArray = view.as_string_view();
        let parsed: TimestampMicrosecondArray = texts.iter().map(|t| t.and_then(|t| self.one(t))).collect();
        Ok(parsed.with_timezone("UTC"))
    }

    fn one(&self, text: &str) -> Option<i64> {
        let parsed = date::micros(text);
        if parsed.is_none()
            && let Some(unparsed) = &self.unparsed
        {
            unparsed.add(text);
        }
        parsed
    }
}

fn micros() -> DataType {
    instant(TimeUnit::Microsecond)
}
