//! One canonical encoding of a value, whatever array holds it: what alert ids are made of.
//!
//! | value | equal to |
//! |---|---|
//! | text | the same text as Utf8, LargeUtf8, Utf8View or in a dictionary |
//! | whole number | the same number of any width, with or without sign |
//! | fractional number | the same number as Float16, Float32 or Float64; `-0` is `0`, every NaN is one |
//! | instant | the same instant in any unit and time zone; a date is its midnight |
//! | bytes | the same bytes in any binary array |
//! | list | its values in order without nulls; one value is the value itself, none is null |
//! | struct | its fields in order, by name |
//!
//! A type tag and, where lengths differ, a length stand before each value, so no two sequences of values encode alike.

use datafusion::arrow::array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, RunEndIndexType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::value::elements;

const NULL: u8 = 0;
const BOOLEAN: u8 = 1;
const INTEGER: u8 = 2;
const FLOAT: u8 = 3;
const TEXT: u8 = 4;
const BYTES: u8 = 5;
const INSTANT: u8 = 6;
const LIST: u8 = 7;
const STRUCT: u8 = 8;
const DECIMAL: u8 = 9;
const OTHER: u8 = 10;

const DAY: i128 = 86_400_000_000_000;

/// Appends the value at `row` to `out`.
pub(super) fn encode(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    if array.is_null(row) {
        out.push(NULL);
        return Ok(());
    }
    match array.data_type() {
        DataType::Null => out.push(NULL),
        DataType::Boolean => out.extend([BOOLEAN, u8::from(array.as_boolean().value(row))]),
        DataType::Int8 => integer(primitive::<Int8Type>(array, row), out),
        DataType::Int16 => integer(primitive::<Int16Type>(array, row), out),
        DataType::Int32 => integer(primitive::<Int32Type>(array, row), out),
        DataType::Int64 => integer(primitive::<Int64Type>(array, row), out),
        DataType::UInt8 => integer(primitive::<UInt8Type>(array, row), out),
        DataType::UInt16 => integer(primitive::<UInt16Type>(array, row), out),
        DataType::UInt32 => integer(primitive::<UInt32Type>(array, row), out),
        DataType::UInt64 => integer(primitive::<UInt64Type>(array, row), out),
        DataType::Float16 => float(primitive::<Float16Type>(array, row).to_f64(), out),
        DataType::Float32 => float(primitive::<Float32Type>(array, row).into(), out),
        DataType::Float64 => float(primitive::<Float64Type>(array, row), out),
        DataType::Utf8 => sized(TEXT, array.as_string::<i32>().value(row).as_bytes(), out),
        DataType::LargeUtf8 => sized(TEXT, array.as_string::<i64>().value(row).as_bytes(), out),
        DataType::Utf8View => sized(TEXT, array.as_string_view().value(row).as_bytes(), out),
        DataType::Binary => sized(BYTES, array.as_binary::<i32>().value(row), out),
        DataType::LargeBinary => sized(BYTES, array.as_binary::<i64>().value(row), out),
        DataType::BinaryView => sized(BYTES, array.as_binary_view().value(row), out),
        DataType::FixedSizeBinary(_) => sized(BYTES, array.as_fixed_size_binary().value(row), out),
        DataType::Timestamp(unit, _) => instant(
            match unit {
                TimeUnit::Second => i128::from(primitive::<TimestampSecondType>(array, row)) * 1_000_000_000,
                TimeUnit::Millisecond => i128::from(primitive::<TimestampMillisecondType>(array, row)) * 1_000_000,
                TimeUnit::Microsecond => i128::from(primitive::<TimestampMicrosecondType>(array, row)) * 1_000,
                TimeUnit::Nanosecond => i128::from(primitive::<TimestampNanosecondType>(array, row)),
            },
            out,
        ),
        DataType::Date32 => instant(i128::from(primitive::<Date32Type>(array, row)) * DAY, out),
        DataType::Date64 => instant(i128::from(primitive::<Date64Type>(array, row)) * 1_000_000, out),
        DataType::Decimal32(..) => decimal(&array.as_primitive::<Decimal32Type>().value_as_string(row), out),
        DataType::Decimal64(..) => decimal(&array.as_primitive::<Decimal64Type>().value_as_string(row), out),
        DataType::Decimal128(..) => decimal(&array.as_primitive::<Decimal128Type>().value_as_string(row), out),
        DataType::Decimal256(..) => decimal(&array.as_primitive::<Decimal256Type>().value_as_string(row), out),
        DataType::Dictionary(key, _) => return dictionary(key, array, row, out),
        DataType::RunEndEncoded(ends, _) => return run(ends.data_type(), array, row, out),
        DataType::Struct(fields) => {
            let columns = array.as_struct();
            out.push(STRUCT);
            length(fields.len(), out);
            for (field, column) in fields.iter().zip(columns.columns()) {
                sized(TEXT, field.name().as_bytes(), out);
                encode(column, row, out)?;
            }
        }
        _ => match elements(array, row) {
            Some(values) => return list(&values, out),
            None => return other(array, row, out),
        },
    }
    Ok(())
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

fn integer(value: impl Into<i128>, out: &mut Vec<u8>) {
    out.push(INTEGER);
    out.extend(value.into().to_be_bytes());
}

fn float(value: f64, out: &mut Vec<u8>) {
    // adding zero makes -0 to 0
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    out.push(FLOAT);
    out.extend(value.to_bits().to_be_bytes());
}

fn instant(nanoseconds: i128, out: &mut Vec<u8>) {
    out.push(INSTANT);
    out.extend(nanoseconds.to_be_bytes());
}

fn decimal(text: &str, out: &mut Vec<u8>) {
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    sized(DECIMAL, text.as_bytes(), out);
}

fn sized(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    length(bytes.len(), out);
    out.extend(bytes);
}

fn length(count: usize, out: &mut Vec<u8>) {
    out.extend((count as u64).to_be_bytes());
}

fn list(values: &dyn Array, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let present: Vec<usize> = (0..values.len()).filter(|row| values.is_valid(*row)).collect();
    match present.as_slice() {
        [] => out.push(NULL),
        [only] => encode(values, *only, out)?,
        several => {
            out.push(LIST);
            length(several.len(), out);
            for row in several {
                encode(values, *row, out)?;
            }
        }
    }
    Ok(())
}

fn dictionary(key: &DataType, array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    fn keyed<K: ArrowDictionaryKeyType>(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let array = array.as_dictionary::<K>();
        let Some(key) = array.key(row) else {
            out.push(NULL);
            return Ok(());
        };
        encode(array.values(), key, out)
    }
    match key {
        DataType::Int8 => keyed::<Int8Type>(array, row, out),
        DataType::Int16 => keyed::<Int16Type>(array, row, out),
        DataType::Int32 => keyed::<Int32Type>(array, row, out),
        DataType::Int64 => keyed::<Int64Type>(array, row, out),
        DataType::UInt8 => keyed::<UInt8Type>(array, row, out),
        DataType::UInt16 => keyed::<UInt16Type>(array, row, out),
        DataType::UInt32 => keyed::<UInt32Type>(array, row, out),
        _ => keyed::<UInt64Type>(array, row, out),
    }
}

fn run(ends: &DataType, array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    fn ended<R: RunEndIndexType>(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        match array.as_run_opt::<R>() {
            Some(array) => encode(array.values(), array.get_physical_index(row), out),
            None => other(array, row, out),
        }
    }
    match ends {
        DataType::Int16 => ended::<Int16Type>(array, row, out),
        DataType::Int32 => ended::<Int32Type>(array, row, out),
        _ => ended::<Int64Type>(array, row, out),
    }
}

/// Types that no field has: times of day, durations, intervals, unions. Their text is what tells them apart.
fn other(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let text = ArrayFormatter::try_new(array, &FormatOptions::default())?.value(row).try_to_string()?;
    sized(OTHER, text.as_bytes(), out);
    Ok(())
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
