//! `mv_slice(x, start, end)`: the values of a list from one place to another, both included, counted from 0.
//!
//! A negative place counts from the end. What lies outside of the list is left out; nothing left is null.

use std::ops::Range;
use std::sync::LazyLock;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::documentation::documentation;
use crate::list::{Lists, element_type, list_argument, list_of};

const NAME: &str = "mv_slice";

/// Returns the function `mv_slice`.
pub(crate) fn mv_slice() -> ScalarUDF {
    ScalarUDF::from(MvSlice { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MvSlice {
    signature: Signature,
}

impl ScalarUDFImpl for MvSlice {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(list) if element_type(list).is_some() => Ok(list.clone()),
            Some(value) => Ok(list_of(value.clone())),
            None => plan_err!("{NAME}: found no argument, expected a list and two places"),
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value, start, end] = types else {
            return plan_err!("{NAME}: found {} arguments, expected a list and two places", types.len());
        };
        for place in [start, end] {
            if !place.is_integer() && *place != DataType::Null {
                return plan_err!("{NAME}: found {place}, expected a whole number as a place");
            }
        }
        Ok(vec![list_argument(value), DataType::Int64, DataType::Int64])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, start, end] = args.args.as_slice() else {
            return exec_err!("{NAME}: found {} arguments, expected a list and two places", args.args.len());
        };
        let scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let sliced = slice(&value.to_array(rows)?, &start.to_array(rows)?, &end.to_array(rows)?)?;
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&sliced, 0)?));
        }
        Ok(ColumnarValue::Array(sliced))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns the elements of a list from one place to another, both included and counted from 0, or from the \
                 end where they are negative; null if there are none.",
                "mv_slice(value, start, end)",
                "SELECT mv_slice(make_array('a', 'b', 'c'), 0, 1);",
            )
            .with_argument("value", "A list, or a value, which is a list of one.")
            .with_argument("start", "A whole number.")
            .with_argument("end", "A whole number.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

fn slice(values: &ArrayRef, starts: &ArrayRef, ends: &ArrayRef) -> Result<ArrayRef> {
    let list_type = match values.data_type() {
        list if element_type(list).is_some() => list.clone(),
        value => list_of(value.clone()),
    };
    let lists = Lists::of(values)?;
    let (starts, ends) = (starts.as_primitive::<Int64Type>(), ends.as_primitive::<Int64Type>());
    let mut row = 0;
    let ranges = lists.ranges.iter().map(|range| {
        let at = row;
        row += 1;
        let range = range.clone()?;
        let known = starts.is_valid(at) && ends.is_valid(at);
        known.then(|| within(range, starts.value(at), ends.value(at)))
    });
    let ranges: Vec<Option<Range<usize>>> = ranges.collect();
    Lists { values: ArrayRef::clone(&lists.values), ranges }.reorder(&list_type, |range, into| into.extend(range))
}

/// The places of a list between two places, both included.
fn within(range: Range<usize>, start: i64, end: i64) -> Range<usize> {
    let length = i64::try_from(range.len()).unwrap_or(i64::MAX);
    let place = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
    let (start, end) = (place(start).max(0), place(end).saturating_add(1).clamp(0, length));
    if start >= end {
        return range.start..range.start;
    }
    let offset = |at: i64| range.start + usize::try_from(at).unwrap_or(0);
    offset(start)..offset(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_either_end() {
        assert_eq!(within(5..9, 0, 1), 5..7);
        assert_eq!(within(5..9, -2, -1), 7..9);
        assert_eq!(within(5..9, 2, 100), 7..9);
        assert_eq!(within(5..9, -100, 0), 5..6);
        assert!(within(5..9, 4, 9).is_empty());
        assert!(within(5..9, 2, 1).is_empty());
        assert!(within(5..9, i64::MIN, i64::MIN).is_empty());
    }
}
