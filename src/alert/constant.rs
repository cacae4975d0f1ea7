//! Columns that are the same for every alert of a rule: texts, lists, the ATT&CK mapping.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Int64Array, ListArray, StringArray, StructArray, TimestampMillisecondArray, UInt32Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Field, Fields};
use datafusion::arrow::error::ArrowError;

use chrono::{DateTime, Utc};

use crate::rule::{Entry, Threat};

/// `row` of one row, `count` times.
pub(super) fn repeat(row: &ArrayRef, count: usize) -> Result<ArrayRef, ArrowError> {
    take(row, &UInt32Array::from(vec![0; count]), None)
}

/// A text or null.
pub(super) fn text(value: Option<&str>) -> ArrayRef {
    Arc::new(StringArray::from(vec![value]))
}

/// An instant in milliseconds, UTC, or null.
pub(super) fn instant(at: Option<DateTime<Utc>>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from(vec![at.map(|at| at.timestamp_millis())]).with_timezone("UTC"))
}

/// One list of texts.
pub(super) fn texts(values: &[String]) -> ArrayRef {
    one_list(Arc::new(StringArray::from_iter_values(values)))
}

/// One list with an entry for each tactic.
pub(super) fn threats(threats: &[Threat]) -> ArrayRef {
    let frameworks = StringArray::from_iter_values(threats.iter().map(|threat| &threat.framework));
    let tactics: Vec<_> = threats.iter().map(|threat| &threat.tactic).collect();
    let techniques: Vec<_> = threats.iter().flat_map(|threat| &threat.technique).collect();
    let entries: Vec<_> = techniques.iter().map(|technique| &technique.entry).collect();
    let below: Vec<_> = techniques.iter().flat_map(|technique| &technique.subtechnique).collect();

    let mut columns = entry_columns(&entries);
    let subtechniques = records(entry_columns(&below));
    columns.push(("subtechnique", lists(subtechniques, techniques.iter().map(|t| t.subtechnique.len()))));
    let techniques = lists(records(columns), threats.iter().map(|threat| threat.technique.len()));
    one_list(records(vec![
        ("framework", Arc::new(frameworks)),
        ("tactic", records(entry_columns(&tactics))),
        ("technique", techniques),
    ]))
}

fn entry_columns(entries: &[&Entry]) -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("id", Arc::new(StringArray::from_iter_values(entries.iter().map(|entry| &entry.id)))),
        ("name", Arc::new(StringArray::from_iter_values(entries.iter().map(|entry| &entry.name)))),
        ("reference", Arc::new(entries.iter().map(|entry| entry.reference.as_deref()).collect::<StringArray>())),
    ]
}

/// Columns of the same length as one of records.
pub(super) fn records(columns: Vec<(&str, ArrayRef)>) -> ArrayRef {
    let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    let fields: Fields = columns.iter().map(field).collect();
    Arc::new(StructArray::new(fields, columns.into_iter().map(|(_, column)| column).collect(), None))
}

/// Lists of so many of the values, one after the other.
pub(super) fn lists(values: ArrayRef, lengths: impl IntoIterator<Item = usize>) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, None))
}

/// One list of all the values.
pub(super) fn one_list(values: ArrayRef) -> ArrayRef {
    let length = values.len();
    lists(values, [length])
}

/// For each event its `_id` and its `_index`, as the only ancestor of an alert; none where there is no event.
pub(super) fn ancestors(events: &[Option<(String, Option<String>)>]) -> ArrayRef {
    let known = || events.iter().flatten();
    let column = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let records = records(vec![
        ("id", column(known().map(|(id, _)| Some(id.as_str())).collect())),
        ("type", column(known().map(|_| Some("event")).collect())),
        ("index", column(known().map(|(_, index)| index.as_deref()).collect())),
        ("depth", Arc::new(Int64Array::from(vec![0; known().count()]))),
    ]);
    lists(records, events.iter().map(|event| usize::from(event.is_some())))
}
