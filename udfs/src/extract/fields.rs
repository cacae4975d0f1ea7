//! Captured values, gathered field by field and made arrays of their types at the end.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, StringViewArray, UInt64Array,
};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::Result;

use super::{Capture, CaptureType};
use crate::list::Lists;
use crate::warnings::Warnings;

/// The values found so far.
#[derive(Debug)]
pub(crate) struct Found<'t> {
    /// For each field its values, one behind the other.
    values: Vec<Vec<Cow<'t, str>>>,
    /// For each field where the values of each row end.
    ends: Vec<Vec<usize>>,
}

impl<'t> Found<'t> {
    /// Returns none for so many fields.
    pub(crate) fn new(fields: usize) -> Self {
        Self { values: vec![Vec::new(); fields], ends: vec![Vec::new(); fields] }
    }

    /// Adds a value of a field to the row at work.
    pub(crate) fn push(&mut self, field: usize, value: impl Into<Cow<'t, str>>) {
        if let Some(values) = self.values.get_mut(field) {
            values.push(value.into());
        }
    }

    /// Ends the row at work.
    pub(crate) fn end_row(&mut self) {
        for (ends, values) in self.ends.iter_mut().zip(&self.values) {
            ends.push(values.len());
        }
    }

    /// Returns the values of each field.
    #[cfg(test)]
    pub(crate) fn into_values(self) -> Vec<Vec<String>> {
        self.values.into_iter().map(|values| values.into_iter().map(Cow::into_owned).collect()).collect()
    }

    /// Returns an array a field; values that are not of its type are left out, with a warning.
    pub(crate) fn finish(
        self,
        captures: &[Capture],
        fields: &Fields,
        function: &'static str,
        warnings: &Warnings,
        subject: &str,
    ) -> Result<Vec<ArrayRef>> {
        let mut arrays = Vec::with_capacity(captures.len());
        for (((values, ends), capture), field) in self.values.into_iter().zip(self.ends).zip(captures).zip(fields) {
            let made = convert(&values, capture.ty);
            let failed = made.null_count();
            if failed > 0 {
                let example = (0..made.len()).find(|at| made.is_null(*at)).and_then(|at| values.get(at));
                warnings.record(function, subject, NOT_OF_TYPE, failed as u64, || {
                    example.map(|value| format!("{}: {value}", capture.name)).unwrap_or_default()
                });
            }
            let mut start = 0;
            let ranges = ends.into_iter().map(|end| {
                let range = start..end;
                start = end;
                Some(range)
            });
            let lists = Lists { values: made, ranges: ranges.collect() };
            arrays.push(if matches!(field.data_type(), DataType::List(_)) {
                lists.reorder(field.data_type(), |range, into| {
                    into.extend(range.filter(|at| lists.values.is_valid(*at)));
                })?
            } else {
                let places: UInt64Array =
                    lists.ranges.iter().flatten().map(|range| range.clone().next().map(|at| at as u64)).collect();
                take(&lists.values, &places, None)?
            });
        }
        Ok(arrays)
    }
}

const NOT_OF_TYPE: &str = "captured text is not of the field's type, taken as null";

/// The Arrow type of a captured field.
pub(crate) fn data_type(ty: CaptureType) -> DataType {
    match ty {
        CaptureType::Keyword => DataType::Utf8View,
        CaptureType::Integer => DataType::Int32,
        CaptureType::Long => DataType::Int64,
        CaptureType::Double | CaptureType::Float => DataType::Float64,
        CaptureType::Boolean => DataType::Boolean,
    }
}

fn convert(values: &[Cow<'_, str>], ty: CaptureType) -> ArrayRef {
    let texts = values.iter().map(AsRef::as_ref);
    match ty {
        CaptureType::Keyword => Arc::new(StringViewArray::from_iter_values(texts)),
        CaptureType::Integer => Arc::new(texts.map(|text| text.parse().ok()).collect::<Int32Array>()),
        CaptureType::Long => Arc::new(texts.map(|text| text.parse().ok()).collect::<Int64Array>()),
        CaptureType::Double => Arc::new(texts.map(|text| text.trim().parse().ok()).collect::<Float64Array>()),
        CaptureType::Float => {
            let floats = texts.map(|text| text.trim().parse::<f32>().ok().map(f64::from));
            Arc::new(floats.collect::<Float64Array>())
        }
        CaptureType::Boolean => {
            Arc::new(texts.map(|text| Some(text.eq_ignore_ascii_case("true"))).collect::<BooleanArray>())
        }
    }
}
