//! `mv_concat(x, separator)`: the values of a list of text, joined.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::documentation::documentation;
use crate::list::{Lists, element_type, list_argument};
use crate::text::{Text, plain_text, text_argument};

const NAME: &str = "mv_concat";

/// Returns the function `mv_concat`.
pub(crate) fn mv_concat() -> ScalarUDF {
    ScalarUDF::from(MvConcat { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MvConcat {
    signature: Signature,
}

impl ScalarUDFImpl for MvConcat {
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
        let [value, separator] = types else {
            return plan_err!("{NAME}: found {} arguments, expected a list and a separator", types.len());
        };
        let Some(separator_type) = text_argument(separator) else {
            return plan_err!("{NAME}: found {separator} as the separator, expected text");
        };
        let taken = match element_type(value) {
            Some(element) => text_argument(element).map(|_| list_argument(value)),
            None => text_argument(value),
        };
        if let Some(taken) = taken {
            Ok(vec![taken, separator_type])
        } else {
            plan_err!("{NAME}: found {value}, expected a list of text; cast it to text")
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, separator] = args.args.as_slice() else {
            return exec_err!("{NAME}: found {} arguments, expected a list and a separator", args.args.len());
        };
        let scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let joined = join(&value.to_array(rows)?, &separator.to_array(rows)?)?;
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&joined, 0)?));
        }
        Ok(ColumnarValue::Array(joined))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns the elements of a list joined to one text, null if there is none; a text that is no list as it \
                 is. Null if the separator is null.",
                "mv_concat(value, separator)",
                "SELECT mv_concat(make_array('a', 'b'), ', ');",
            )
            .with_argument("value", "A list of text, or text.")
            .with_argument("separator", "Text.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

fn join(values: &ArrayRef, separators: &ArrayRef) -> Result<ArrayRef> {
    let lists = Lists::of(values)?;
    let (values, separators) = (plain_text(&lists.values)?, plain_text(separators)?);
    let (values, separators) = (Text::try_new(&values)?, Text::try_new(&separators)?);
    let mut joined = StringViewBuilder::with_capacity(lists.ranges.len());
    let mut text = String::new();
    for (row, range) in lists.ranges.into_iter().enumerate() {
        let (Some(range), Some(separator)) = (range.filter(|range| !range.is_empty()), separators.at(row)) else {
            joined.append_null();
            continue;
        };
        text.clear();
        let mut known = false;
        for value in range.filter_map(|at| values.at(at)) {
            if known {
                text.push_str(separator);
            }
            text.push_str(value);
            known = true;
        }
        // A dictionary may refer to a null value, which `is_valid` does not see.
        joined.append_option(known.then_some(text.as_str()));
    }
    Ok(Arc::new(joined.finish()))
}
