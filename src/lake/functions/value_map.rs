//! `value_map(value)`: another value for each value that a mapping names.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// What each value becomes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Values {
    /// The values that are named, as texts, and what they become.
    pub(crate) named: BTreeMap<String, String>,
    /// What every other value becomes; null where nothing.
    pub(crate) other: Option<String>,
    /// What an event without a value has.
    pub(crate) missing: Option<String>,
}

impl Values {
    fn of(&self, value: Option<&str>) -> Option<&str> {
        match value {
            Some(value) => self.named.get(value).or(self.other.as_ref()),
            None => self.missing.as_ref(),
        }
        .map(String::as_str)
    }

    /// The values that become `wanted`, where they can be named.
    pub(crate) fn becoming(&self, wanted: &str) -> Option<Vec<&str>> {
        if self.other.as_deref() == Some(wanted) || self.missing.as_deref() == Some(wanted) {
            return None;
        }
        Some(self.named.iter().filter(|(_, to)| *to == wanted).map(|(from, _)| from.as_str()).collect())
    }
}

/// The expression for what a value becomes.
pub(crate) fn value_map(value: Expr, values: Arc<Values>) -> Expr {
    ScalarUDF::from(ValueMap::new(values)).call(vec![value])
}

/// The value that an expression is made of by [`value_map`], and how.
pub(crate) fn mapped(expr: &Expr) -> Option<(&Expr, &Values)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let function = call.func.inner().downcast_ref::<ValueMap>()?;
    Some((call.args.first()?, &function.values))
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ValueMap {
    pub(super) values: Arc<Values>,
    signature: Signature,
}

impl ValueMap {
    pub(super) fn new(values: Arc<Values>) -> Self {
        Self { values, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ValueMap {
    fn name(&self) -> &'static str {
        "value_map"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match arguments.first() {
            Some(DataType::List(_) | DataType::LargeList(_)) => DataType::new_list(DataType::Utf8View, true),
            _ => DataType::Utf8View,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(input) = arrays.first() else { return exec_err!("value_map: expected one argument") };
        let made: ArrayRef = match input.data_type() {
            DataType::List(_) | DataType::LargeList(_) => self.lists(input)?,
            _ => {
                let texts = cast(input, &DataType::Utf8View)?;
                Arc::new(texts.as_string_view().iter().map(|value| self.values.of(value)).collect::<StringViewArray>())
            }
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&made, 0)?));
        }
        Ok(ColumnarValue::Array(made))
    }
}

impl ValueMap {
    fn lists(&self, input: &ArrayRef) -> Result<ArrayRef> {
        let texts = cast(input, &DataType::new_list(DataType::Utf8View, true))?;
        let mut made = ListBuilder::new(StringViewBuilder::new());
        for list in texts.as_list::<i32>().iter() {
            let values: Vec<&str> = match &list {
                Some(list) if list.len() > list.null_count() => {
                    list.as_string_view().iter().flatten().filter_map(|value| self.values.of(Some(value))).collect()
                }
                _ => self.values.of(None).into_iter().collect(),
            };
            for value in &values {
                made.values().append_value(value);
            }
            made.append(!values.is_empty());
        }
        Ok(Arc::new(made.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_become_another() {
        let named = [("1", "start"), ("2", "end"), ("3", "end")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let values = Values { named: named.into(), other: Some("info".to_owned()), missing: None };
        assert_eq!(values.of(Some("2")), Some("end"));
        assert_eq!(values.of(Some("9")), Some("info"));
        assert_eq!(values.of(None), None);
        assert_eq!(values.becoming("end"), Some(vec!["2", "3"]));
        assert_eq!(values.becoming("info"), None);
        assert_eq!(values.becoming("nope"), Some(vec![]));
    }
}
