//! Tests of values, row by row or once a dictionary value, with a note of the rows that could not be tested.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;

use crate::warnings::Warnings;

/// What a test said of each row.
#[derive(Debug)]
pub(crate) struct Judged {
    /// True or false; null where the value was null or could not be tested.
    pub(crate) verdicts: BooleanArray,
    /// How many values could not be tested.
    pub(crate) failures: usize,
    /// The row of one of them.
    pub(crate) example: Option<usize>,
}

impl Judged {
    /// Returns the verdicts after reporting what failed; `input` is the array that was judged.
    pub(crate) fn report(
        self,
        warnings: &Warnings,
        function: &'static str,
        subject: &str,
        message: &'static str,
        input: &dyn Array,
    ) -> BooleanArray {
        if let Some(row) = self.example {
            let count = u64::try_from(self.failures).unwrap_or(u64::MAX);
            warnings
                .record(function, subject, message, count, || array_value_to_string(input, row).unwrap_or_default());
        }
        self.verdicts
    }

    /// Turns each false into null: what "in none of the known blocks, and one block is null" means.
    pub(crate) fn false_becomes_null(self) -> Self {
        let (values, nulls) = self.verdicts.into_parts();
        let nulls = NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(values.clone())));
        Self { verdicts: BooleanArray::new(values, nulls), ..self }
    }
}

/// Tests each row that is not null; `None` says that the value could not be tested.
pub(crate) fn judge(len: usize, nulls: Option<&NullBuffer>, test: impl Fn(usize) -> Option<bool>) -> Judged {
    let mut failed = Vec::new();
    let mut tested = |row| {
        test(row).unwrap_or_else(|| {
            failed.push(row);
            false
        })
    };
    let values = match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => BooleanBuffer::collect_bool(len, tested),
        Some(nulls) => BooleanBuffer::collect_bool(len, |row| nulls.is_valid(row) && tested(row)),
    };
    let mut validity = nulls.cloned();
    if !failed.is_empty() {
        let mut usable = vec![true; len];
        for &row in &failed {
            usable[row] = false;
        }
        validity = NullBuffer::union(nulls, Some(&NullBuffer::from(usable)));
    }
    let example = failed.first().copied();
    Judged { verdicts: BooleanArray::new(values, validity), failures: failed.len(), example }
}

/// Tests each text of a plain text array.
pub(crate) fn judge_text(array: &dyn Array, test: impl Fn(&str) -> Option<bool>) -> Result<Judged> {
    let (len, nulls) = (array.len(), array.nulls());
    Ok(match array.data_type() {
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            judge(len, nulls, |row| test(array.value(row)))
        }
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            judge(len, nulls, |row| test(array.value(row)))
        }
        DataType::Utf8View => {
            let array = array.as_string_view();
            judge(len, nulls, |row| test(array.value(row)))
        }
        other => return exec_err!("expected text, found {other}"),
    })
}

/// Tests a dictionary array once a dictionary value, however many rows refer to it.
pub(crate) fn judge_dictionary(array: &ArrayRef, test: impl FnOnce(&ArrayRef) -> Result<Judged>) -> Result<Judged> {
    let Some(dictionary) = array.as_any_dictionary_opt() else {
        return test(array);
    };
    let (keys, values) = (dictionary.keys(), dictionary.values());
    if values.len() > keys.len() {
        // A filter leaves few rows of a large dictionary: fewer rows to test than values.
        return test(&take(values, keys, None)?);
    }
    let judged = test(values)?;
    let verdicts = take(&judged.verdicts, keys, None)?.as_boolean().clone();
    if judged.failures == 0 {
        return Ok(Judged { verdicts, ..judged });
    }
    // Only rows count, and a dictionary may hold values that no row refers to, or that are null themselves.
    let known = array.logical_nulls();
    let failed = |row: &usize| verdicts.is_null(*row) && known.as_ref().is_none_or(|known| known.is_valid(*row));
    let rows: Vec<usize> = (0..keys.len()).filter(failed).collect();
    let (failures, example) = (rows.len(), rows.first().copied());
    Ok(Judged { verdicts, failures, example })
}

/// Returns booleans as a scalar if the call had only scalars, else as an array.
pub(crate) fn as_columnar(verdicts: BooleanArray, scalar: bool) -> ColumnarValue {
    if scalar && verdicts.len() == 1 {
        let value = verdicts.is_valid(0).then(|| verdicts.value(0));
        return ColumnarValue::Scalar(value.into());
    }
    ColumnarValue::Array(std::sync::Arc::new(verdicts))
}
