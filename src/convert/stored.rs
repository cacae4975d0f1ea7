//! The columns of converted events: flat, one a field, in the types that the lake gives them when it reads them back.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray, new_null_array,
};
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::compute::{cast, nullif};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use serde::{Deserialize, Serialize};

use crate::lake::{Field, INPUT, Kind, PART};

/// The name of the table of inputs while it is read: none that a document of Elasticsearch can be of, so that a document
/// that names its index is told from one that does not.
pub(super) const TABLE: &str = "the input";

/// A field as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredField {
    pub(super) name: String,
    kind: String,
    #[serde(rename = "type")]
    data_type: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    multi: bool,
}

const INSTANTS: [(&str, TimeUnit); 3] =
    [("ms", TimeUnit::Millisecond), ("us", TimeUnit::Microsecond), ("ns", TimeUnit::Nanosecond)];

const NUMBERS: [(&str, DataType); 6] = [
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint64", DataType::UInt64),
    ("float64", DataType::Float64),
];

/// The name of a stored type.
fn type_name(data_type: &DataType) -> &'static str {
    let number = NUMBERS.iter().find(|(_, known)| known == data_type).map(|(name, _)| *name);
    match data_type {
        // Parquet has no instants in seconds.
        DataType::Timestamp(TimeUnit::Second, _) => "ms",
        DataType::Timestamp(unit, _) => INSTANTS.iter().find(|(_, known)| known == unit).map_or("us", |(name, _)| name),
        DataType::Boolean => "boolean",
        _ => number.unwrap_or("text"),
    }
}

fn type_of(name: &str) -> DataType {
    let instant = INSTANTS.iter().find(|(known, _)| *known == name);
    let number = NUMBERS.iter().find(|(known, _)| *known == name).map(|(_, data_type)| data_type.clone());
    match (instant, name) {
        (Some((_, unit)), _) => DataType::Timestamp(*unit, Some("UTC".into())),
        (None, "boolean") => DataType::Boolean,
        _ => number.unwrap_or(DataType::Utf8View),
    }
}

impl StoredField {
    pub(super) fn new(field: &Field) -> Self {
        Self {
            name: field.name.clone(),
            kind: field.kind.name().to_owned(),
            data_type: type_name(&field.data_type).to_owned(),
            multi: field.multi,
        }
    }

    /// The field that is read for it.
    pub(super) fn field(&self) -> Field {
        let kind = Kind::named(&self.kind).unwrap_or(Kind::Keyword);
        Field { name: self.name.clone(), kind, data_type: type_of(&self.data_type), multi: self.multi }
    }
}

/// The fields that are stored from now on: those that are known keep their types, since all files of a table have to go
/// together; `found` are those of new events. Also tells of those whose new values are of another kind.
pub(super) fn joined(known: &[StoredField], found: &[Field]) -> (Vec<StoredField>, Vec<String>) {
    let mut all: Vec<StoredField> = known.to_vec();
    let mut differing = Vec::new();
    for field in found {
        let new = StoredField::new(field);
        match all.iter_mut().find(|known| known.name == field.name) {
            Some(known) => {
                if known.kind != new.kind {
                    differing.push(format!(
                        "`{}` is {} in new events and stays {}, as it was converted before; --force converts all anew",
                        known.name, new.kind, known.kind
                    ));
                }
                known.multi |= new.multi;
            }
            None => all.push(new),
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    (all, differing)
}

/// The metadata that is stored beside the fields.
pub(super) fn metadata(source: bool) -> Vec<&'static str> {
    let source = source.then_some("_source");
    ["_id", "_ignored", "_index", "_version"].into_iter().chain(source).collect()
}

/// The schema of stored events.
pub(super) fn schema(fields: &[StoredField], source: bool) -> SchemaRef {
    let text = || DataType::Utf8;
    let list = |item: DataType| DataType::List(Arc::new(ArrowField::new_list_field(item, true)));
    let column = |stored: &StoredField| {
        let one = match type_of(&stored.data_type) {
            DataType::Utf8View => text(),
            other => other,
        };
        ArrowField::new(&stored.name, if stored.multi { list(one) } else { one }, true)
    };
    let described = metadata(source).into_iter().map(|name| {
        let data_type = match name {
            "_ignored" => list(text()),
            "_version" => DataType::Int64,
            _ => text(),
        };
        ArrowField::new(name, data_type, true)
    });
    let input = ArrowField::new(INPUT, DataType::Int32, true);
    Arc::new(Schema::new(fields.iter().map(column).chain(described).chain([input]).collect::<Vec<_>>()))
}

/// The rows of a batch that was read, as they are stored.
pub(super) fn batch(read: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let rows = read.num_rows();
    let column = |field: &Arc<ArrowField>| {
        let name = if field.name() == INPUT { PART } else { field.name() };
        let Some(values) = read.column_by_name(name) else { return Ok(new_null_array(field.data_type(), rows)) };
        let values = match name {
            "_index" => without(values, &StringViewArray::new_scalar(TABLE))?,
            // One is what a document without a version has.
            "_version" => without(values, &Int64Array::new_scalar(1))?,
            _ => Arc::clone(values),
        };
        if values.data_type() == field.data_type() { Ok(values) } else { cast(&values, field.data_type()) }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, ArrowError>>()?;
    RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &RecordBatchOptions::new().with_row_count(Some(rows)),
    )
}

/// The values with null where they are `value`, which is what the lake reads there.
fn without(values: &ArrayRef, value: &dyn datafusion::arrow::array::Datum) -> Result<ArrayRef, ArrowError> {
    let (one, _) = value.get();
    let values =
        if values.data_type() == one.data_type() { Arc::clone(values) } else { cast(values, one.data_type())? };
    nullif(&values, &eq(&values, value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: Kind, multi: bool) -> Field {
        Field { name: name.to_owned(), kind, data_type: kind.data_type(), multi }
    }

    #[test]
    fn a_field_is_read_back_as_it_was() {
        for kind in Kind::ALL {
            for multi in [false, true] {
                let field = field("f", kind, multi);
                assert_eq!(StoredField::new(&field).field(), field);
            }
        }
        for unit in [TimeUnit::Millisecond, TimeUnit::Nanosecond] {
            let data_type = DataType::Timestamp(unit, Some("UTC".into()));
            let field = Field { data_type, ..field("f", Kind::Date, false) };
            assert_eq!(StoredField::new(&field).field(), field);
        }
        let short = Field { data_type: DataType::Int16, ..field("f", Kind::Long, false) };
        assert_eq!(StoredField::new(&short).field(), short);
    }

    #[test]
    fn known_fields_keep_their_types() {
        let known = [StoredField::new(&field("b", Kind::Long, false)), StoredField::new(&field("c", Kind::Ip, true))];
        let found = [field("a", Kind::Date, false), field("b", Kind::Keyword, true), field("c", Kind::Ip, false)];
        let (all, differing) = joined(&known, &found);
        let seen: Vec<_> = all.iter().map(StoredField::field).map(|f| (f.name, f.kind, f.multi)).collect();
        let expected = [("a", Kind::Date, false), ("b", Kind::Long, true), ("c", Kind::Ip, true)];
        assert_eq!(seen, expected.map(|(name, kind, multi)| (name.to_owned(), kind, multi)));
        assert_eq!(differing.len(), 1, "{differing:?}");
    }
}
