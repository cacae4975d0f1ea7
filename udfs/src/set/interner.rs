//! Values to numbers and back, for one type of value.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewBuilder, FixedSizeBinaryBuilder, GenericBinaryArray, GenericStringArray,
    OffsetSizeTrait, UInt32Array,
};
use datafusion::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, exec_err};

use super::bytes::Bytes;
use super::words::{Words, fits_word, from_words, to_words};
use crate::text::is_text;

/// What stands for a value that does not count.
pub(crate) const NONE: u32 = u32::MAX;

/// Distinct values of one type, numbered from 0 in the order they came.
#[derive(Debug)]
pub(crate) struct Interner {
    data_type: DataType,
    store: Store,
}

#[derive(Debug)]
enum Store {
    /// Numbers, booleans, times.
    Words(Words),
    /// Text and bytes.
    Bytes(Bytes),
    /// Any other type, as rows that compare by their bytes.
    Rows(Bytes, Box<RowConverter>),
}

impl Interner {
    /// Returns an empty interner of values of a type; a few types that have no order are an error.
    pub(crate) fn try_new(data_type: &DataType) -> Result<Self> {
        let store = match data_type {
            word if fits_word(word) => Store::Words(Words::default()),
            bytes if is_text(bytes) || is_binary(bytes) => Store::Bytes(Bytes::default()),
            other => Store::Rows(Bytes::default(), Box::new(RowConverter::new(vec![SortField::new(other.clone())])?)),
        };
        Ok(Self { data_type: data_type.clone(), store })
    }

    /// Writes the number of each selected value, [`NONE`] for the others. Nulls must not be selected.
    pub(crate) fn intern(&mut self, array: &ArrayRef, selected: Option<&NullBuffer>, ids: &mut Vec<u32>) -> Result<()> {
        /// A dictionary larger than this many times the rows is not worth a look at each of its values.
        const SPARSE: usize = 4;
        let Some(dictionary) = array.as_any_dictionary_opt() else {
            return self.intern_plain(array, selected, ids);
        };
        let values = dictionary.values();
        if values.is_empty() || values.len() / SPARSE > array.len() {
            return self.intern_plain(&take(values, dictionary.keys(), None)?, selected, ids);
        }
        // A value is interned once however many rows refer to it, and not at all if none does that counts.
        let keys = dictionary.normalized_keys();
        let counts = |row: usize| selected.is_none_or(|selected| selected.is_valid(row));
        let mut used = vec![false; values.len()];
        for (row, key) in keys.iter().enumerate() {
            used[*key] |= counts(row);
        }
        let used = NullBuffer::union(Some(&NullBuffer::from(used)), values.logical_nulls().as_ref());
        let mut numbers = Vec::with_capacity(values.len());
        self.intern_plain(values, used.as_ref(), &mut numbers)?;
        ids.extend(keys.iter().enumerate().map(|(row, key)| if counts(row) { numbers[*key] } else { NONE }));
        Ok(())
    }

    fn intern_plain(&mut self, array: &ArrayRef, selected: Option<&NullBuffer>, ids: &mut Vec<u32>) -> Result<()> {
        let len = array.len();
        if *array.data_type() == DataType::Null {
            ids.extend(std::iter::repeat_n(NONE, len));
            return Ok(());
        }
        match &mut self.store {
            Store::Words(words) => words.intern(&to_words(array)?, selected, ids),
            Store::Bytes(bytes) => match array.data_type() {
                DataType::Utf8 => {
                    let array = array.as_string::<i32>();
                    bytes.intern(len, |row| array.value(row).as_bytes(), selected, ids);
                }
                DataType::LargeUtf8 => {
                    let array = array.as_string::<i64>();
                    bytes.intern(len, |row| array.value(row).as_bytes(), selected, ids);
                }
                DataType::Utf8View => {
                    let array = array.as_string_view();
                    bytes.intern_views(array.views(), |row| array.value(row).as_bytes(), selected, ids);
                }
                DataType::Binary => {
                    let array = array.as_binary::<i32>();
                    bytes.intern(len, |row| array.value(row), selected, ids);
                }
                DataType::LargeBinary => {
                    let array = array.as_binary::<i64>();
                    bytes.intern(len, |row| array.value(row), selected, ids);
                }
                DataType::BinaryView => {
                    let array = array.as_binary_view();
                    bytes.intern_views(array.views(), |row| array.value(row), selected, ids);
                }
                DataType::FixedSizeBinary(_) => {
                    let array = array.as_fixed_size_binary();
                    bytes.intern(len, |row| array.value(row), selected, ids);
                }
                other => return exec_err!("expected text or bytes, found {other}"),
            },
            Store::Rows(bytes, converter) => {
                let rows = converter.convert_columns(&[Arc::clone(array)])?;
                let rows: Vec<_> = rows.iter().collect();
                bytes.intern(len, |row| rows[row].data(), selected, ids);
            }
        }
        if self.len() > NONE as usize {
            return exec_err!("found more than {NONE} distinct values in one set, which is the most it can hold");
        }
        Ok(())
    }

    /// Returns how many values there are.
    pub(crate) fn len(&self) -> usize {
        match &self.store {
            Store::Words(words) => words.len(),
            Store::Bytes(bytes) | Store::Rows(bytes, _) => bytes.len(),
        }
    }

    /// Returns the bytes allocated.
    pub(crate) fn size(&self) -> usize {
        match &self.store {
            Store::Words(words) => words.size(),
            Store::Bytes(bytes) => bytes.size(),
            Store::Rows(bytes, converter) => bytes.size() + converter.size(),
        }
    }

    /// Returns the order of two values by their numbers.
    pub(crate) fn compare(&self, left: u32, right: u32) -> Ordering {
        match &self.store {
            Store::Words(words) => words.at(left).cmp(&words.at(right)),
            Store::Bytes(bytes) | Store::Rows(bytes, _) => bytes.at(left).cmp(bytes.at(right)),
        }
    }

    /// Returns the place of each value in the order of all, by number.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by(|left, right| self.compare(*left, *right));
        let mut ranks = vec![0; order.len()];
        for (rank, id) in (0..).zip(order) {
            ranks[id as usize] = rank;
        }
        ranks
    }

    /// Returns the values of these numbers, in this order.
    pub(crate) fn values(&self, ids: &[u32]) -> Result<ArrayRef> {
        if ids.len() > self.len() {
            // Numbers repeat: each value is built once, and where text is views, copied once.
            let all: Vec<u32> = (0..self.len() as u32).collect();
            return Ok(take(&self.build(&all)?, &UInt32Array::from(ids.to_vec()), None)?);
        }
        self.build(ids)
    }

    fn build(&self, ids: &[u32]) -> Result<ArrayRef> {
        match &self.store {
            Store::Words(words) => from_words(&self.data_type, ids.iter().map(|id| words.at(*id))),
            Store::Bytes(bytes) => build_bytes(&self.data_type, ids.iter().map(|id| bytes.at(*id))),
            Store::Rows(bytes, converter) => {
                let parser = converter.parser();
                let rows = ids.iter().map(|id| parser.parse(bytes.at(*id)));
                match converter.convert_rows(rows)?.pop() {
                    // Dictionaries inside of nested types come back unpacked.
                    Some(array) if *array.data_type() != self.data_type => Ok(cast(&array, &self.data_type)?),
                    Some(array) => Ok(array),
                    None => exec_err!("expected a column of {}, found none", self.data_type),
                }
            }
        }
    }
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

fn build_bytes<'a>(data_type: &DataType, strings: impl Iterator<Item = &'a [u8]> + Clone) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Utf8 => {
            let (offsets, buffer) = concatenate::<i32>(strings)?;
            Arc::new(GenericStringArray::try_new(offsets, buffer, None)?)
        }
        DataType::LargeUtf8 => {
            let (offsets, buffer) = concatenate::<i64>(strings)?;
            Arc::new(GenericStringArray::try_new(offsets, buffer, None)?)
        }
        DataType::Binary => {
            let (offsets, buffer) = concatenate::<i32>(strings)?;
            Arc::new(GenericBinaryArray::try_new(offsets, buffer, None)?)
        }
        DataType::LargeBinary => {
            let (offsets, buffer) = concatenate::<i64>(strings)?;
            Arc::new(GenericBinaryArray::try_new(offsets, buffer, None)?)
        }
        DataType::FixedSizeBinary(width) => {
            let mut builder = FixedSizeBinaryBuilder::new(*width);
            for string in strings {
                builder.append_value(string)?;
            }
            Arc::new(builder.finish())
        }
        views => {
            let mut builder = BinaryViewBuilder::new();
            strings.for_each(|string| builder.append_value(string));
            let bytes = builder.finish();
            if *views == DataType::BinaryView { Arc::new(bytes) } else { Arc::new(bytes.to_string_view()?) }
        }
    })
}

fn concatenate<'a, O: OffsetSizeTrait>(
    strings: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<(OffsetBuffer<O>, Buffer)> {
    let total: usize = strings.clone().map(<[u8]>::len).sum();
    if O::from_usize(total).is_none() {
        return exec_err!("found {total} bytes of values in one result, too many for 32-bit offsets; use views");
    }
    let mut buffer = Vec::with_capacity(total);
    strings.clone().for_each(|string| buffer.extend_from_slice(string));
    Ok((OffsetBuffer::from_lengths(strings.map(<[u8]>::len)), buffer.into()))
}
