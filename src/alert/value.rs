//! The values of a row as an alert's text shows them.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

/// The elements of the list at `row`, or none where the array holds no lists.
pub(super) fn elements(array: &dyn Array, row: usize) -> Option<ArrayRef> {
    Some(match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(row),
        DataType::LargeList(_) => array.as_list::<i64>().value(row),
        DataType::ListView(_) => array.as_list_view::<i32>().value(row),
        DataType::LargeListView(_) => array.as_list_view::<i64>().value(row),
        DataType::FixedSizeList(..) => array.as_fixed_size_list().value(row),
        DataType::Map(..) => {
            let entries: ArrayRef = std::sync::Arc::new(array.as_map().value(row));
            entries
        }
        _ => return None,
    })
}

/// The values at `row` as texts: none for null, several for a list.
pub(super) fn texts(array: &dyn Array, row: usize) -> Result<Vec<String>, ArrowError> {
    if array.is_null(row) {
        return Ok(Vec::new());
    }
    if let Some(values) = elements(array, row) {
        let each = (0..values.len()).map(|row| texts(&values, row));
        return Ok(each.collect::<Result<Vec<_>, _>>()?.concat());
    }
    // a slice of one row: dictionaries compute their nulls over all rows
    let one = array.slice(row, 1);
    if one.logical_null_count() > 0 {
        return Ok(Vec::new());
    }
    Ok(vec![ArrayFormatter::try_new(&one, &FormatOptions::default())?.value(0).try_to_string()?])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use datafusion::arrow::array::{Int32Array, ListBuilder, StringArray, StringBuilder};
    use datafusion::arrow::compute::cast;

    use super::*;

    #[test]
    fn nulls_and_lists() {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("a"), None, Some("b")]);
        lists.append_null();
        let lists = lists.finish();
        assert_eq!(texts(&lists, 0).unwrap(), ["a", "b"]);
        assert!(texts(&lists, 1).unwrap().is_empty());
        assert_eq!(texts(&Int32Array::from(vec![443]), 0).unwrap(), ["443"]);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        let words = cast(&StringArray::from(vec![Some("x"), None, Some("x")]), &dictionary).unwrap();
        assert_eq!(texts(&words, 2).unwrap(), ["x"]);
        assert!(texts(&words, 1).unwrap().is_empty());
    }
}
