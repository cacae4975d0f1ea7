//! Events as a Parquet file: a column for each field, nested in structs or with dotted names, a list only where an event
//! has several values.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder, StructArray,
    TimestampMillisecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;

use super::value::{Cell, Value};
use super::world::{Kind, World};

/// Writes the events of a world.
pub(super) fn write(path: &Path, world: &World, nested: bool) {
    let metadata = [
        ("_id", Kind::Keyword),
        ("_index", Kind::Keyword),
        ("_source", Kind::Keyword),
        ("_ignored", Kind::Keyword),
        ("_version", Kind::Long),
    ];
    let fields = world.fields.0.iter().map(|(name, kind)| (name.as_str(), *kind));
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (name, kind) in fields.chain(metadata) {
        let cells: Vec<Cell> = world.rows.iter().map(|row| row.get(name).cloned().unwrap_or_default()).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            columns.push((name.to_owned(), column(kind, &cells, name == "_ignored")));
        }
    }
    if nested {
        columns = nest(columns);
    }
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (name, Arc::clone(array), true)));
    let batch = batch.unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(64)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn column(kind: Kind, cells: &[Cell], list: bool) -> ArrayRef {
    let list = list || cells.iter().any(|cell| cell.len() > 1);
    macro_rules! built {
        ($builder:expr, $value:expr) => {{
            let value: fn(&Value) -> Option<_> = $value;
            if list {
                let mut lists = ListBuilder::new($builder);
                for cell in cells {
                    for one in cell {
                        lists.values().append_option(value(one));
                    }
                    lists.append(!cell.is_empty());
                }
                Arc::new(lists.finish()) as ArrayRef
            } else {
                let mut singles = $builder;
                for cell in cells {
                    singles.append_option(cell.first().and_then(value));
                }
                Arc::new(singles.finish())
            }
        }};
    }
    match kind {
        Kind::Keyword | Kind::Text | Kind::Ip => built!(StringBuilder::new(), |value| Some(value.written())),
        Kind::Long => built!(Int64Builder::new(), Value::whole),
        Kind::Double => built!(Float64Builder::new(), Value::number),
        Kind::Boolean => built!(BooleanBuilder::new(), |value| match value {
            Value::Boolean(truth) => Some(*truth),
            _ => None,
        }),
        Kind::Date => {
            let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
            built!(TimestampMillisecondBuilder::new().with_data_type(utc.clone()), |value| match value {
                Value::Date(millis) => Some(*millis),
                _ => None,
            })
        }
    }
}

/// Columns whose names begin alike in a struct; one that is a field itself stays beside the struct, under its whole name.
fn nest(columns: Vec<(String, ArrayRef)>) -> Vec<(String, ArrayRef)> {
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let is_inner = |name: &str| {
        names.iter().any(|other| name.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('.')))
    };
    let (flat, deep): (Vec<_>, Vec<_>) =
        columns.into_iter().partition(|(name, _)| !name.contains('.') || is_inner(name));
    let mut groups: BTreeMap<String, Vec<(String, ArrayRef)>> = BTreeMap::new();
    for (name, array) in deep {
        let (first, rest) = name.split_once('.').unwrap();
        groups.entry(first.to_owned()).or_default().push((rest.to_owned(), array));
    }
    let structs = groups.into_iter().map(|(name, inner)| {
        let inner = nest(inner);
        let fields: Fields =
            inner.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
        let arrays = inner.into_iter().map(|(_, array)| array).collect();
        (name, Arc::new(StructArray::new(fields, arrays, None)) as ArrayRef)
    });
    flat.into_iter().chain(structs).collect()
}
