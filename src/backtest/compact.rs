//! Rows that are kept, without what they were cut from: a slice of texts holds all texts of its batch.

use std::sync::Arc;

use datafusion::arrow::array::StructArray;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, RecordBatch, RecordBatchOptions,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::arrow::error::ArrowError;

/// The same rows, holding no more than their own values.
pub(crate) fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(own).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

/// The memory that the rows of a compacted batch take.
pub(super) fn bytes(batch: &RecordBatch) -> usize {
    let of = |array: &ArrayRef| {
        let data_type = array.data_type();
        let whole = data_type.is_nested() || matches!(data_type, DataType::Utf8View | DataType::BinaryView);
        let shown = if whole { None } else { array.to_data().get_slice_memory_size().ok() };
        shown.unwrap_or_else(|| array.get_array_memory_size())
    };
    batch.columns().iter().map(of).sum()
}

fn own(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
        DataType::List(item) => list(array.as_list::<i32>(), item)?,
        DataType::LargeList(item) => list(array.as_list::<i64>(), item)?,
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let columns = array.columns().iter().map(own).collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, array.nulls().cloned(), array.len())?)
        }
        // Of all other types a slice is written, and counted, as what it shows.
        _ => Arc::clone(array),
    })
}

fn list<O: OffsetSizeTrait>(list: &GenericListArray<O>, item: &FieldRef) -> Result<ArrayRef, ArrowError> {
    let (Some(first), Some(last)) = (list.value_offsets().first(), list.value_offsets().last()) else {
        return Ok(Arc::new(list.clone()));
    };
    let values = list.values().slice(first.as_usize(), last.as_usize() - first.as_usize());
    let offsets = OffsetBuffer::<O>::from_lengths(list.offsets().lengths());
    Ok(Arc::new(GenericListArray::try_new(Arc::clone(item), offsets, own(&values)?, list.nulls().cloned())?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use datafusion::arrow::array::{ListBuilder, StringViewArray, StringViewBuilder};

    use super::*;

    #[test]
    fn a_slice_keeps_its_rows_and_nothing_else() {
        let long = |n: usize| format!("a text that is too long to lie within its view, number {n}");
        let texts: StringViewArray = (0..1000).map(|n| Some(long(n))).collect();
        let mut lists = ListBuilder::new(StringViewBuilder::new());
        for n in 0..1000 {
            lists.append_option((n % 3 > 0).then(|| [Some(long(n)), None]));
        }
        let columns: [(&str, ArrayRef, bool); 2] =
            [("text", Arc::new(texts), true), ("list", Arc::new(lists.finish()), true)];
        let slice = RecordBatch::try_from_iter_with_nullable(columns).unwrap().slice(500, 3);
        let compacted = compact(&slice).unwrap();
        assert_eq!(compacted, slice);
        assert!(slice.get_array_memory_size() > 100_000);
        assert!(compacted.get_array_memory_size() < 5_000, "{}", compacted.get_array_memory_size());
        assert!((200..5_000).contains(&bytes(&compacted)), "{}", bytes(&compacted));
    }
}
