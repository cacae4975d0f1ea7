//! Rows as JSON objects, by the encoders of arrow-json with the house's rules for instants and source fields.

use std::fmt::Debug;
use std::io::Write;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, RecordBatch};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, FieldRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};

use super::{Encode, SOURCE, VALUES, text};

/// NDJSON, or one JSON array.
pub(super) struct Json<W> {
    writer: W,
    array: bool,
    rows: usize,
    buffer: Vec<u8>,
}

impl<W: Write> Json<W> {
    /// One object a line.
    pub(super) fn lines(writer: W) -> Self {
        Self { writer, array: false, rows: 0, buffer: Vec::new() }
    }

    /// One array, an object a line within it.
    pub(super) fn array(writer: W) -> Self {
        Self { array: true, ..Self::lines(writer) }
    }
}

impl<W: Write> Encode<W> for Json<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = Columns::try_new(batch)?;
        let mut cells = columns.encoders()?;
        for row in 0..batch.num_rows() {
            if self.array {
                self.buffer.extend_from_slice(if self.rows == 0 { b"[\n" } else { b",\n" });
            }
            let start = self.buffer.len();
            self.buffer.push(b'{');
            for (at, (key, cell)) in columns.keys.iter().zip(&mut cells).enumerate() {
                if at > 0 {
                    self.buffer.push(b',');
                }
                self.buffer.extend_from_slice(key);
                encode_cell(cell, row, &mut self.buffer);
            }
            self.buffer.push(b'}');
            text::guard_json(&mut self.buffer, start);
            if !self.array {
                self.buffer.push(b'\n');
            }
            self.rows += 1;
            if self.buffer.len() >= 1 << 16 {
                self.writer.write_all(&self.buffer)?;
                self.buffer.clear();
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<W, ArrowError> {
        if self.array {
            self.buffer.extend_from_slice(if self.rows == 0 { b"[]\n" } else { b"\n]\n" });
        }
        self.writer.write_all(&self.buffer)?;
        Ok(self.writer)
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        self.writer.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(self.writer.flush()?)
    }
}

/// Appends the JSON of one cell.
pub(super) fn encode_cell(cell: &mut NullableEncoder<'_>, row: usize, out: &mut Vec<u8>) {
    if cell.is_null(row) {
        out.extend_from_slice(b"null");
    } else {
        cell.encode(row, out);
    }
}

/// The columns of a batch, ready to be encoded row by row.
pub(super) struct Columns {
    fields: Vec<FieldRef>,
    arrays: Vec<ArrayRef>,
    options: EncoderOptions,
    keys: Vec<Vec<u8>>,
}

impl Columns {
    pub(super) fn try_new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let fields: Vec<_> = batch.schema_ref().fields().iter().cloned().collect();
        let arrays = batch.columns().iter().map(unpacked).collect::<Result<_, _>>()?;
        let keys = fields.iter().map(|field| key(field.name())).collect();
        let options = EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(House));
        Ok(Self { fields, arrays, options, keys })
    }

    /// Of each column the name as JSON with a colon, and as it is.
    pub(super) fn named(&self) -> impl Iterator<Item = (&[u8], &str)> {
        self.keys.iter().map(Vec::as_slice).zip(self.fields.iter().map(|field| field.name().as_str()))
    }

    /// One encoder a column.
    pub(super) fn encoders(&self) -> Result<Vec<NullableEncoder<'_>>, ArrowError> {
        let pairs = self.fields.iter().zip(&self.arrays);
        pairs.map(|(field, array)| make_encoder(field, array.as_ref(), &self.options)).collect()
    }
}

/// The array without dictionary or runs, whose nulls arrow-json sees in the keys only.
fn unpacked(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values),
        DataType::RunEndEncoded(_, values) => cast(array, values.data_type()),
        _ => Ok(Arc::clone(array)),
    }
}

fn key(name: &str) -> Vec<u8> {
    let mut key = serde_json::Value::from(name).to_string().into_bytes();
    key.push(b':');
    key
}

/// Where the house differs from arrow-json.
#[derive(Debug)]
struct House;

impl EncoderFactory for House {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        Ok(match array.data_type() {
            DataType::Timestamp(unit, _) => Some(Instants::encoder(*unit, array)),
            DataType::List(element) if from_source(field) => {
                Some(Values::encoder(array.as_list::<i32>(), element, options)?)
            }
            DataType::LargeList(element) if from_source(field) => {
                Some(Values::encoder(array.as_list::<i64>(), element, options)?)
            }
            _ => None,
        })
    }
}

fn from_source(field: &FieldRef) -> bool {
    field.metadata().get(VALUES).is_some_and(|values| values == SOURCE)
}

/// Instants as RFC 3339 in UTC; a column without a time zone is taken as UTC.
struct Instants {
    unit: TimeUnit,
    values: ScalarBuffer<i64>,
}

impl Instants {
    fn encoder(unit: TimeUnit, array: &dyn Array) -> NullableEncoder<'_> {
        let values = match unit {
            TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
            TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
            TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
            TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
        };
        NullableEncoder::new(Box::new(Self { unit, values: values.clone() }), array.nulls().cloned())
    }

    fn instant(&self, row: usize) -> Option<String> {
        let value = *self.values.get(row)?;
        let per_second = match self.unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        };
        let nanos = value.rem_euclid(per_second) * (1_000_000_000 / per_second);
        let instant = DateTime::from_timestamp(value.div_euclid(per_second), u32::try_from(nanos).ok()?)?;
        let digits = match nanos {
            n if n % 1_000_000 == 0 => SecondsFormat::Millis,
            n if n % 1_000 == 0 => SecondsFormat::Micros,
            _ => SecondsFormat::Nanos,
        };
        Some(instant.to_rfc3339_opts(digits, true))
    }
}

impl Encoder for Instants {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        match self.instant(row) {
            Some(text) => {
                out.push(b'"');
                out.extend_from_slice(text.as_bytes());
                out.push(b'"');
            }
            // Beyond the years that a calendar has.
            None => out.extend_from_slice(b"null"),
        }
    }
}

/// The values of a field that may hold several: none is null, one is itself, several are an array.
struct Values<'a, O: OffsetSizeTrait> {
    list: &'a GenericListArray<O>,
    element: NullableEncoder<'a>,
}

impl<'a, O: OffsetSizeTrait> Values<'a, O> {
    fn encoder(
        list: &'a GenericListArray<O>,
        element: &'a FieldRef,
        options: &'a EncoderOptions,
    ) -> Result<NullableEncoder<'a>, ArrowError> {
        let lengths = list.offsets().lengths();
        let filled = NullBuffer::new(lengths.map(|n| n > 0).collect::<BooleanBuffer>());
        let nulls = NullBuffer::union(list.nulls(), Some(&filled));
        let element = make_encoder(element, list.values().as_ref(), options)?;
        Ok(NullableEncoder::new(Box::new(Self { list, element }), nulls))
    }
}

impl<O: OffsetSizeTrait> Encoder for Values<'_, O> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let offsets = self.list.value_offsets();
        let bounds = offsets.get(row).zip(offsets.get(row + 1));
        let range = bounds.map_or(0..0, |(start, end)| start.as_usize()..end.as_usize());
        let several = range.len() > 1;
        if several {
            out.push(b'[');
        }
        for (at, index) in range.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            encode_cell(&mut self.element, index, out);
        }
        if several {
            out.push(b']');
        }
    }
}
