//! Lists as ES|QL's values: a field holds none, one or several, and a scalar is one.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, UInt64Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};

use crate::warnings::Warnings;

/// What a warning says of a list where one value is wanted; the words are ES|QL's.
pub(crate) const MULTI_VALUE: &str = "single-value function encountered multi-value, taken as null";

/// Returns the type of the elements of a list type, or `None` for any other type.
pub(crate) fn element_type(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(field.data_type()),
        _ => None,
    }
}

/// Returns the type a function takes such a value in: every kind of list becomes one with offsets, the rest stays.
pub(crate) fn list_argument(data_type: &DataType) -> DataType {
    match data_type {
        DataType::ListView(field) | DataType::FixedSizeList(field, _) => DataType::List(Arc::clone(field)),
        DataType::LargeListView(field) => DataType::LargeList(Arc::clone(field)),
        DataType::RunEndEncoded(_, values) => values.data_type().clone(),
        other => other.clone(),
    }
}

/// Returns the list type of these elements.
pub(crate) fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// Returns the only element of each list: null for none, and null with a warning for several; other arrays as they are.
pub(crate) fn single_values(
    array: ArrayRef,
    warnings: Option<&Warnings>,
    function: &'static str,
    subject: &str,
) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::List(_) => single_elements(array.as_list::<i32>(), warnings, function, subject),
        DataType::LargeList(_) => single_elements(array.as_list::<i64>(), warnings, function, subject),
        list if element_type(list).is_some() => {
            single_values(cast(&array, &list_argument(list))?, warnings, function, subject)
        }
        _ => Ok(array),
    }
}

fn single_elements<O: OffsetSizeTrait>(
    list: &GenericListArray<O>,
    warnings: Option<&Warnings>,
    function: &'static str,
    subject: &str,
) -> Result<ArrayRef> {
    let (offsets, values) = (list.value_offsets(), list.values());
    let lists = ranges(list);
    if list.null_count() == 0 && offsets.windows(2).all(|pair| pair[1] == pair[0] + O::one()) {
        let first = offsets.first().map_or(0, |first| first.as_usize());
        return Ok(values.slice(first, list.len()));
    }
    let (mut several, mut example) = (0, None);
    let mut only = |(row, range): (usize, Option<Range<usize>>)| {
        let range = range?;
        let mut known = range.clone().filter(|at| values.is_valid(*at));
        let found = if range.len() == 1 { Some(range.start) } else { known.next() };
        if range.len() > 1 && known.next().is_some() {
            several += 1;
            example.get_or_insert(row);
            return None;
        }
        found.map(|at| at as u64)
    };
    let indices: UInt64Array = lists.enumerate().map(&mut only).collect();
    if let (Some(row), Some(warnings)) = (example, warnings) {
        warnings.record(function, subject, MULTI_VALUE, several, || {
            datafusion::arrow::util::display::array_value_to_string(list, row).unwrap_or_default()
        });
    }
    Ok(take(values, &indices, None)?)
}

/// Returns where each list's elements are; `None` for a null list.
pub(crate) fn ranges<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> impl Iterator<Item = Option<Range<usize>>> {
    list.value_offsets()
        .windows(2)
        .enumerate()
        .map(|(row, pair)| list.is_valid(row).then(|| pair[0].as_usize()..pair[1].as_usize()))
}

/// Any list array, with the two widths of offsets made one.
#[derive(Debug)]
pub(crate) struct Lists {
    /// Elements of all lists.
    pub(crate) values: ArrayRef,
    /// Where each list's elements are; `None` for a null list.
    pub(crate) ranges: Vec<Option<Range<usize>>>,
}

impl Lists {
    /// Returns the lists of an array; an array that holds no lists is an error.
    pub(crate) fn try_new(array: &ArrayRef) -> Result<Self> {
        match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Ok(Self { values: Arc::clone(list.values()), ranges: ranges(list).collect() })
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                Ok(Self { values: Arc::clone(list.values()), ranges: ranges(list).collect() })
            }
            list if element_type(list).is_some() => Self::try_new(&cast(array, &list_argument(list))?),
            other => exec_err!("expected a list, found {other}"),
        }
    }

    /// Returns the lists of an array without null elements; of an array that holds no lists, one element a row.
    pub(crate) fn of(array: &ArrayRef) -> Result<Self> {
        if element_type(array.data_type()).is_some() {
            return Self::try_new(&without_null_elements(array)?);
        }
        let nulls = array.logical_nulls();
        let one = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then_some(row..row + 1);
        Ok(Self { values: Arc::clone(array), ranges: (0..array.len()).map(one).collect() })
    }

    /// Returns the elements of the lists one after another, without what lies between lists or under null ones.
    fn elements(&self) -> Result<ArrayRef> {
        let first = self.ranges.iter().flatten().next().map_or(0, |range| range.start);
        let mut end = first;
        let gapless = self.ranges.iter().flatten().all(|range| range.start == std::mem::replace(&mut end, range.end));
        if gapless {
            return Ok(self.values.slice(first, end - first));
        }
        let places: UInt64Array = self.ranges.iter().flatten().cloned().flatten().map(|at| Some(at as u64)).collect();
        Ok(take(&self.values, &places, None)?)
    }

    /// Returns one element of each list, the one at the place `choose` names, or null.
    pub(crate) fn pick(&self, mut choose: impl FnMut(Range<usize>) -> Option<usize>) -> Result<ArrayRef> {
        let indices: UInt64Array = self
            .ranges
            .iter()
            .map(|range| range.clone().filter(|range| !range.is_empty()).and_then(&mut choose).map(|at| at as u64))
            .collect();
        Ok(take(&self.values, &indices, None)?)
    }

    /// Returns lists of the elements whose places `choose` writes down for each list; null where there are none.
    pub(crate) fn reorder(
        &self,
        data_type: &DataType,
        mut choose: impl FnMut(Range<usize>, &mut Vec<usize>),
    ) -> Result<ArrayRef> {
        let mut chosen = Vec::with_capacity(self.values.len());
        let lengths: Vec<Option<usize>> = self
            .ranges
            .iter()
            .map(|range| {
                let before = chosen.len();
                choose(range.clone()?, &mut chosen);
                Some(chosen.len() - before).filter(|length| *length > 0)
            })
            .collect();
        let indices: UInt64Array = chosen.into_iter().map(|at| Some(at as u64)).collect();
        assemble(data_type, take(&self.values, &indices, None)?, &lengths)
    }
}

/// Returns the array without null elements in its lists: in ES|QL's model there are none. Most often as it is.
pub(crate) fn without_null_elements(array: &ArrayRef) -> Result<ArrayRef> {
    let values = match array.data_type() {
        DataType::List(_) => Some(array.as_list::<i32>().values()),
        DataType::LargeList(_) => Some(array.as_list::<i64>().values()),
        _ => None,
    };
    if values.is_some_and(|values| values.logical_null_count() == 0) {
        return Ok(Arc::clone(array));
    }
    let lists = Lists::try_new(array)?;
    let nulls = lists.values.logical_nulls();
    let known = |at: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at));
    lists.reorder(array.data_type(), |range, into| into.extend(range.filter(known)))
}

/// Returns the lists with their elements made anew by `apply`, which sees them all at once and gives one for each; an
/// element that becomes null is dropped, and a list without any left is null.
pub(crate) fn map_elements(array: &ArrayRef, apply: impl FnOnce(&ArrayRef) -> Result<ArrayRef>) -> Result<ArrayRef> {
    let lists = Lists::try_new(&without_null_elements(array)?)?;
    let lengths: Vec<Option<usize>> =
        lists.ranges.iter().map(|range| range.as_ref().map(ExactSizeIterator::len)).collect();
    let made = apply(&lists.elements()?)?;
    let list_type = list_of(made.data_type().clone());
    if made.null_count() == 0 && !lengths.contains(&Some(0)) {
        return assemble(&list_type, made, &lengths);
    }
    let ranges = lengths.into_iter().scan(0, |end, length| {
        let start = *end;
        *end += length.unwrap_or(0);
        Some(length.map(|_| start..*end))
    });
    let lists = Lists { ranges: ranges.collect(), values: made };
    lists.reorder(&list_type, |range, into| into.extend(range.filter(|at| lists.values.is_valid(*at))))
}

/// Returns lists of consecutive values: list `i` holds the next `lengths[i]` of them and is null where that is `None`.
pub(crate) fn assemble(data_type: &DataType, values: ArrayRef, lengths: &[Option<usize>]) -> Result<ArrayRef> {
    let nulls: NullBuffer = lengths.iter().map(Option::is_some).collect::<Vec<bool>>().into();
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    let lengths = lengths.iter().map(|length| length.unwrap_or(0));
    match data_type {
        DataType::List(field) => {
            if i32::try_from(values.len()).is_err() {
                return exec_err!("found {} list elements in one batch, expected at most {}", values.len(), i32::MAX);
            }
            let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
            Ok(Arc::new(GenericListArray::try_new(Arc::clone(field), offsets, values, nulls)?))
        }
        DataType::LargeList(field) => {
            let offsets = OffsetBuffer::<i64>::from_lengths(lengths);
            Ok(Arc::new(GenericListArray::try_new(Arc::clone(field), offsets, values, nulls)?))
        }
        other => exec_err!("expected a list type, found {other}"),
    }
}
