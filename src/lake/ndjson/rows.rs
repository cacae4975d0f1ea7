//! Values out of documents into columns, counted on their way: what a predicate reads, and what a batch holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::ColumnSpec;
use super::column::{Column, Outcome, slot_text};
use super::document::Row;
use super::filter::Filter;
use super::issues::FieldTally;
use super::metadata::{Metadata, MetadataColumn, Origin};
use crate::lake::field::Field;

/// The columns of a scan's files that a query reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// What the files offer.
    pub(crate) columns: &'a [ColumnSpec],
    /// Those of them that a batch has, in its order.
    pub(crate) batch: &'a [usize],
    pub(crate) filter: Option<&'a Filter>,
}

/// A column that takes the values of one field of the documents.
struct Taker {
    /// The field's place among those that are looked for.
    at: usize,
    column: Column,
}

/// The columns while their batches grow.
pub(crate) struct Rows {
    fields: Vec<Known>,
    /// What the predicate reads, in its order.
    tested: Vec<Taker>,
    /// What the batch holds, then fields that are only checked.
    built: Vec<Taker>,
    metadata: Vec<MetadataColumn>,
    /// Whether each column of the batch is a field.
    order: Vec<bool>,
    filtered: bool,
    count: usize,
}

/// A field that is looked for.
struct Known {
    field: Field,
    /// Whether a predicate reads it, so that its values are counted there.
    is_tested: bool,
    /// Whether anybody reads it, so that it is reported.
    is_read: bool,
    tally: FieldTally,
}

impl Rows {
    pub(crate) fn new(wanted: Wanted<'_>) -> Self {
        let spec = |index: &usize| wanted.columns.get(*index);
        let field = |index: &usize| match spec(index) {
            Some(ColumnSpec::Field(field)) => Some(field.clone()),
            _ => None,
        };
        // `_ignored` names fields whether or not a query reads them, so all of them are checked for it.
        let checks_all =
            wanted.batch.iter().filter_map(spec).any(|s| matches!(s, ColumnSpec::Metadata(Metadata::Ignored)));
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        let mut fields: Vec<Known> = Vec::new();
        let mut place = |index: usize, field: &Field, is_tested: bool, is_read: bool| {
            *places.entry(index).or_insert_with(|| {
                fields.push(Known { field: field.clone(), is_tested, is_read, tally: FieldTally::default() });
                fields.len() - 1
            })
        };
        let (mut tested, mut built, mut metadata, mut order) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for index in wanted.filter.map_or(&[][..], |filter| &filter.reads) {
            if let Some(field) = field(index) {
                tested.push(Taker { at: place(*index, &field, true, true), column: Column::new(field, true) });
            }
        }
        for index in wanted.batch {
            match spec(index) {
                Some(ColumnSpec::Field(field)) => {
                    let at = place(*index, field, false, true);
                    built.push(Taker { at, column: Column::new(field.clone(), true) });
                    order.push(true);
                }
                Some(ColumnSpec::Metadata(which)) => {
                    metadata.push(MetadataColumn::new(*which));
                    order.push(false);
                }
                None => {}
            }
        }
        if checks_all {
            for (index, spec) in wanted.columns.iter().enumerate().filter(|(index, _)| !wanted.batch.contains(index)) {
                if let ColumnSpec::Field(field) = spec {
                    let at = place(index, field, false, false);
                    built.push(Taker { at, column: Column::new(field.clone(), false) });
                }
            }
        }
        let filtered = wanted.filter.is_some();
        Self { fields, tested, built, metadata, order, filtered, count: 0 }
    }

    /// The names of the fields that documents are searched for; values of each are at its place in a [`Row`].
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|known| known.field.name.as_str())
    }

    /// How many they are.
    pub(crate) const fn fields(&self) -> usize {
        self.fields.len()
    }

    /// Takes what a predicate reads of a document.
    pub(crate) fn test(&mut self, text: &str, row: &Row) {
        for Taker { at, column } in &mut self.tested {
            let (Some(known), Some(slots)) = (self.fields.get_mut(*at), row.slots.get(*at)) else { continue };
            let outcome = column.push(text, slots);
            known.tally.present += u64::from(outcome.present);
            known.count(text, &outcome);
        }
        for (known, slots) in self.fields.iter_mut().zip(&row.slots).filter(|(known, _)| !known.is_tested) {
            known.tally.present += u64::from(!slots.is_empty());
        }
    }

    /// What the predicate reads of the documents since the last call.
    pub(crate) fn take_tested(&mut self) -> Result<Vec<ArrayRef>> {
        self.tested.iter_mut().map(|taker| taker.column.finish()).collect()
    }

    /// Adds a document to the batch.
    pub(crate) fn push(&mut self, text: &str, row: &Row, origin: &Origin<'_>) {
        let mut ignored: Vec<&str> = Vec::new();
        for Taker { at, column } in &mut self.built {
            let (Some(known), Some(slots)) = (self.fields.get_mut(*at), row.slots.get(*at)) else { continue };
            let outcome = column.push(text, slots);
            if !self.filtered {
                known.tally.present += u64::from(outcome.present);
            }
            if !known.is_tested {
                known.count(text, &outcome);
            }
            if outcome.refused > 0 {
                ignored.push(&column.field.name);
            }
        }
        if !self.metadata.is_empty() {
            ignored.sort_unstable();
            for column in &mut self.metadata {
                column.push(text, row, origin, &ignored);
            }
        }
        self.count += 1;
    }

    /// How many rows the batch has.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Whether rows hold anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.built.is_empty() && self.metadata.is_empty()
    }

    /// The batch of the rows so far; the next one begins.
    pub(crate) fn batch(&mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        let mut built = self.built.iter_mut().map(|taker| &mut taker.column);
        let mut metadata = self.metadata.iter_mut();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.order.len());
        for is_field in &self.order {
            if *is_field {
                arrays.extend(built.next().map(Column::finish).transpose()?);
            } else {
                arrays.extend(metadata.next().map(MetadataColumn::finish));
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.count)));
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
    }

    /// What was met in each field since the last call.
    pub(crate) fn take_tallies(&mut self) -> BTreeMap<String, FieldTally> {
        let read = self.fields.iter_mut().filter(|known| known.is_read);
        read.map(|known| (known.field.name.clone(), std::mem::take(&mut known.tally))).collect()
    }
}

impl Known {
    /// Counts what became of a document's values, but for their presence.
    fn count(&mut self, text: &str, outcome: &Outcome) {
        self.tally.several += u64::from(outcome.several);
        if outcome.refused > 0 {
            self.tally.not_coerced += outcome.refused;
            if self.tally.example.is_none() {
                self.tally.example = outcome.example.map(|slot| shortened(&slot_text(text, &slot)));
            }
        }
    }
}

/// At most the first 80 characters of a value.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or("")),
        None => text.to_string(),
    }
}
