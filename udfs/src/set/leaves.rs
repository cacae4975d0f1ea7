//! Flattening: of lists, however nested, only the values count, each for the group of its row.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use crate::list::{Lists, element_type};
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
        let Lists { values, ranges } = Lists::try_new(&self.array)?;
        let mut filled = ranges.iter().flatten().filter(|range| !range.is_empty());
        let Some(first) = filled.next() else {
            return Ok(Self { array: values.slice(0, 0), rows: Rows::One, selected: None });
        };
        let end = filled.next_back().unwrap_or(first).end;
        let array = values.slice(first.start, end - first.start);
        let counts = |row: usize| self.selected.as_ref().is_none_or(|selected| selected.is_valid(row));
        // Null lists may hide elements between those of others.
        let gapless = self.selected.as_ref().is_none_or(|selected| selected.null_count() == 0);
        let selected = (!gapless).then(|| {
            let mut selected = vec![false; array.len()];
            for (row, range) in ranges.iter().enumerate() {
                if let Some(range) = range.as_ref().filter(|range| !range.is_empty() && counts(row)) {
                    selected[range.start - first.start..range.end - first.start].fill(true);
                }
            }
            NullBuffer::new(BooleanBuffer::from(selected))
        });
        let rows = match self.rows {
            Rows::One => Rows::One,
            Rows::Of(groups) => {
                let mut of_elements = vec![0; array.len()];
                for (range, group) in ranges.iter().zip(groups.iter()) {
                    if let Some(range) = range.as_ref().filter(|range| !range.is_empty()) {
                        of_elements[range.start - first.start..range.end - first.start].fill(*group);
                    }
                }
                Rows::Of(Cow::Owned(of_elements))
            }
        };
        Ok(Self { array, rows, selected })
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
