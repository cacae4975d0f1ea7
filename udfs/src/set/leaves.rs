//! Flattening: of lists, however nested, only the values count, each for the group of its row.

use std::borrow::Cow;
use std::iter::repeat_n;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, OffsetSizeTrait};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use crate::list::{element_type, list_argument};
use crate::text::is_text;

/// Which group each row belongs to.
#[derive(Debug, Clone)]
pub(crate) enum Rows<'a> {
    /// All rows are of group 0.
    One,
    /// One group a row.
    Of(Cow<'a, [usize]>),
}

/// Plain values with their groups.
#[derive(Debug)]
pub(crate) struct Leaves<'a> {
    /// The values: no lists, perhaps a dictionary.
    pub(crate) array: ArrayRef,
    /// The group of each value.
    pub(crate) rows: Rows<'a>,
    /// Which of the values count; `None` if all do.
    pub(crate) selected: Option<NullBuffer>,
}

impl<'a> Leaves<'a> {
    /// Returns the values of the rows that pass the filter, without nulls.
    pub(crate) fn new(array: &ArrayRef, rows: Rows<'a>, filter: Option<&BooleanArray>) -> Result<Self> {
        let passed = filter.map(|filter| match filter.nulls() {
            Some(nulls) => NullBuffer::new(filter.values() & nulls.inner()),
            None => NullBuffer::new(filter.values().clone()),
        });
        let mut leaves = Self { array: Arc::clone(array), rows, selected: passed };
        loop {
            let nulls = leaves.array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
            leaves.selected = NullBuffer::union(leaves.selected.as_ref(), nulls.as_ref());
            if element_type(leaves.array.data_type()).is_none() {
                return Ok(leaves);
            }
            leaves = leaves.elements()?;
        }
    }

    /// Returns the elements of lists, those of lists that do not count marked as not counting.
    fn elements(self) -> Result<Self> {
        match self.array.data_type() {
            DataType::List(_) => {
                let list = self.array.as_list::<i32>().clone();
                Ok(self.between(list.value_offsets(), list.values()))
            }
            DataType::LargeList(_) => {
                let list = self.array.as_list::<i64>().clone();
                Ok(self.between(list.value_offsets(), list.values()))
            }
            other => Self { array: cast(&self.array, &list_argument(other))?, ..self }.elements(),
        }
    }

    fn between<O: OffsetSizeTrait>(self, offsets: &[O], values: &ArrayRef) -> Self {
        let edge = |offset: Option<&O>| offset.map_or(0, |offset| offset.as_usize());
        let (start, end) = (edge(offsets.first()), edge(offsets.last()));
        let array = values.slice(start, end - start);
        let lengths = || offsets.windows(2).map(|pair| (pair[1] - pair[0]).as_usize());
        let selected = self.selected.filter(|selected| selected.null_count() > 0);
        // A column of single values, stored as lists: nothing moves.
        if selected.is_none() && lengths().all(|length| length == 1) {
            return Self { array, rows: self.rows, selected };
        }
        let rows = match self.rows {
            Rows::One => Rows::One,
            Rows::Of(groups) => {
                let mut of_elements = Vec::with_capacity(array.len());
                groups.iter().zip(lengths()).for_each(|(group, length)| of_elements.extend(repeat_n(*group, length)));
                Rows::Of(of_elements.into())
            }
        };
        // Lists that do not count may hold elements all the same: filtered ones do, null ones may.
        let hidden = |selected: &NullBuffer| lengths().zip(selected).any(|(length, counts)| length > 0 && !counts);
        let selected = selected.filter(hidden).map(|selected| {
            let mut of_elements = BooleanBufferBuilder::new(array.len());
            lengths().zip(&selected).for_each(|(length, counts)| of_elements.append_n(length, counts));
            NullBuffer::new(of_elements.finish())
        });
        Self { array, rows, selected }
    }
}

/// Returns the type of the values left when an array of this type is flattened, as a set holds them.
pub(crate) fn leaf_type(data_type: &DataType) -> DataType {
    match (element_type(data_type), data_type) {
        (Some(element), _) => leaf_type(element),
        (None, DataType::Null) => DataType::Utf8View,
        (None, DataType::Dictionary(_, value)) if is_text(value) => DataType::Utf8View,
        (None, DataType::Dictionary(_, value)) => leaf_type(value),
        (None, DataType::RunEndEncoded(_, values)) => leaf_type(values.data_type()),
        (None, plain) => plain.clone(),
    }
}
