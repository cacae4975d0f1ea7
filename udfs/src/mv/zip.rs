//! `mv_zip(x, y, delimiter)`: the texts of two lists joined in pairs; what one list has more stands alone.

use std::sync::LazyLock;

use datafusion::arrow::array::{Array, ArrayRef, ListBuilder, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::unary::taken;
use crate::documentation::documentation;
use crate::list::{Lists, list_of};
use crate::text::{Text, plain_text, text_argument};

const NAME: &str = "mv_zip";

/// Returns the function `mv_zip`.
pub(crate) fn mv_zip() -> ScalarUDF {
    ScalarUDF::from(MvZip { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MvZip {
    signature: Signature,
}

impl ScalarUDFImpl for MvZip {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(list_of(DataType::Utf8View))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right, delimiter] = types else {
            return plan_err!("{NAME}: found {} arguments, expected two lists and a delimiter", types.len());
        };
        let (Some(left), Some(right), Some(delimiter)) =
            (taken(left, text_argument), taken(right, text_argument), text_argument(delimiter))
        else {
            return plan_err!("{NAME}: found {left}, {right} and {delimiter}, expected lists of text and a text");
        };
        Ok(vec![left, right, delimiter])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right, delimiter] = args.args.as_slice() else {
            return exec_err!("{NAME}: found {} arguments, expected two lists and a delimiter", args.args.len());
        };
        let scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let zipped = zip(&left.to_array(rows)?, &right.to_array(rows)?, &delimiter.to_array(rows)?)?;
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&zipped, 0)?));
        }
        Ok(ColumnarValue::Array(zipped))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns the texts of two lists joined in pairs, what one list has more alone; null if both are null or \
                 the delimiter is.",
                "mv_zip(left, right, delimiter)",
                "SELECT mv_zip(make_array('a', 'b'), make_array('1', '2'), '-');",
            )
            .with_argument("left", "A list of text, or text.")
            .with_argument("right", "A list of text, or text.")
            .with_argument("delimiter", "Text.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

fn zip(left: &ArrayRef, right: &ArrayRef, delimiters: &ArrayRef) -> Result<ArrayRef> {
    let (left, right) = (Lists::of(left)?, Lists::of(right)?);
    let (left_texts, right_texts) = (plain_text(&left.values)?, plain_text(&right.values)?);
    let (left_texts, right_texts) = (Text::try_new(&left_texts)?, Text::try_new(&right_texts)?);
    let delimiters = plain_text(delimiters)?;
    let delimiters = Text::try_new(&delimiters)?;
    let mut lists = ListBuilder::new(StringViewBuilder::new());
    for (row, (lefts, rights)) in left.ranges.into_iter().zip(right.ranges).enumerate() {
        let (lefts, rights) = (lefts.unwrap_or_default(), rights.unwrap_or_default());
        let count = lefts.len().max(rights.len());
        let Some(delimiter) = delimiters.at(row).filter(|_| count > 0) else {
            lists.append_null();
            continue;
        };
        let pairs = (0..count).map(|at| {
            let left = (at < lefts.len()).then(|| left_texts.at(lefts.start + at)).flatten();
            let right = (at < rights.len()).then(|| right_texts.at(rights.start + at)).flatten();
            match (left, right) {
                (Some(left), Some(right)) => Some([left, delimiter, right].concat()),
                (one, other) => one.or(other).map(str::to_owned),
            }
        });
        lists.append_value(pairs);
    }
    let lists: ArrayRef = std::sync::Arc::new(lists.finish());
    if lists.data_type() == &list_of(DataType::Utf8View) {
        return Ok(lists);
    }
    Ok(cast(&lists, &list_of(DataType::Utf8View))?)
}
