//! `object_text(document)`: an object of a JSON document as Java prints a map, `{a=1, b=[x, y]}`: so integrations of
//! Elastic's keep the objects whose keys are anybody's, such as the parameters of a request.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde_json::Value;

/// The expression for the text of the object that the names lead to in a document.
pub(crate) fn object_text(document: Expr, path: &[String]) -> Expr {
    ScalarUDF::from(ObjectText::new(path.to_vec())).call(vec![document])
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ObjectText {
    pub(super) path: Vec<String>,
    signature: Signature,
}

impl ObjectText {
    pub(super) fn new(path: Vec<String>) -> Self {
        Self { path, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ObjectText {
    fn name(&self) -> &'static str {
        "object_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(input) = arrays.first() else { return exec_err!("object_text: expected one argument") };
        let texts = cast(input, &DataType::Utf8View)?;
        let made: StringViewArray = texts.as_string_view().iter().map(|text| self.text(text?)).collect();
        Ok(ColumnarValue::Array(Arc::new(made) as ArrayRef))
    }
}

impl ObjectText {
    fn text(&self, document: &str) -> Option<String> {
        let Ok(document) = serde_json::from_str::<Value>(document) else {
            // A column of text that is no JSON holds what it holds.
            return self.path.is_empty().then(|| document.to_owned());
        };
        let found = self.path.iter().try_fold(&document, |at, name| at.get(name))?;
        if found.is_null() {
            return None;
        }
        let mut text = String::new();
        print(found, &mut text);
        Some(text)
    }
}

fn print(value: &Value, into: &mut String) {
    match value {
        Value::Object(fields) => {
            into.push('{');
            for (at, (key, value)) in fields.iter().enumerate() {
                let _ = write!(into, "{}{key}=", if at > 0 { ", " } else { "" });
                print(value, into);
            }
            into.push('}');
        }
        Value::Array(items) => {
            into.push('[');
            for (at, value) in items.iter().enumerate() {
                into.push_str(if at > 0 { ", " } else { "" });
                print(value, into);
            }
            into.push(']');
        }
        Value::String(text) => into.push_str(text),
        other => _ = write!(into, "{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_print_as_maps_do() {
        let of = |path: &[&str], document: &str| {
            let path = path.iter().map(|&name| name.to_owned()).collect();
            ObjectText::new(path).text(document)
        };
        let document = r#"{"p":{"id":"i-1","n":2,"set":{"items":[{"a":true},"x"]},"none":null},"q":null}"#;
        assert_eq!(of(&["p"], document).as_deref(), Some("{id=i-1, n=2, set={items=[{a=true}, x]}, none=null}"));
        assert_eq!(of(&["p", "id"], document).as_deref(), Some("i-1"));
        assert_eq!(of(&["q"], document), None);
        assert_eq!(of(&["r"], document), None);
        assert_eq!(of(&[], "plain").as_deref(), Some("plain"));
    }
}
