//! Turns the text of a file into record batches: documents are cut, read, coerced and counted here, without any I/O.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};

use super::ColumnSpec;
use super::column::{Column, slot_text};
use super::document::{Row, Trie, read};
use super::documents::Documents;
use super::frames::Frame;
use super::issues::{BadLine, FieldTally, Issues, OnBadLine, Tally};
use super::json::Fault;
use super::metadata::{Metadata, MetadataColumn, Origin};
use super::sniff::{Layout, describe};
use super::values::REST_IS_LOST;
use crate::error::{Error, Kind};

/// A batch ends early when its documents hold this much text.
const BATCH_TEXT: usize = 32 * 1024 * 1024;

/// What every file of a scan is read with.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The columns of the scan's files.
    pub(crate) columns: Arc<[ColumnSpec]>,
    /// Those of them that a batch has, in its order.
    pub(crate) wanted: Vec<usize>,
    pub(crate) schema: SchemaRef,
    pub(crate) table: Arc<str>,
    pub(crate) batch_size: usize,
    pub(crate) on_bad_line: OnBadLine,
    pub(crate) issues: Issues,
}

/// The file, or the part of it, that is read.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The file's name in messages.
    pub(crate) label: String,
    /// The file's name within its table.
    pub(crate) key: String,
    pub(crate) layout: Layout,
    pub(crate) range: Option<Range<u64>>,
    pub(crate) size: u64,
}

impl Part {
    pub(crate) fn span(&self) -> Range<u64> {
        self.range.clone().unwrap_or(0..self.size)
    }
}

/// What the decoder wants, or has.
#[derive(Debug)]
pub(crate) enum Step {
    Batch(RecordBatch),
    More,
    Done,
}

/// The documents of one part of a file, on their way into batches.
pub(crate) struct Decoder {
    plan: Plan,
    part: Part,
    documents: Documents,
    trie: Trie,
    row: Row,
    columns: Vec<Column>,
    metadata: Vec<MetadataColumn>,
    counts: Vec<FieldTally>,
    rows: usize,
    text: usize,
    tally: Tally,
    good: u64,
    bad: u64,
    done: bool,
}

impl Decoder {
    pub(crate) fn new(plan: Plan, part: Part) -> Result<Self> {
        // `_ignored` names fields whether or not a query reads them, so all of them are checked for it.
        let spec = |index: &usize| plan.columns.get(*index);
        let checks_all =
            plan.wanted.iter().filter_map(spec).any(|s| matches!(s, ColumnSpec::Metadata(Metadata::Ignored)));
        let mut columns = Vec::new();
        let mut metadata = Vec::new();
        for spec in plan.wanted.iter().filter_map(spec) {
            match spec {
                ColumnSpec::Field(field) => columns.push(Column::new(field.clone(), true)),
                ColumnSpec::Metadata(which) => metadata.push(MetadataColumn::new(*which)),
            }
        }
        for (index, spec) in plan.columns.iter().enumerate() {
            if let (true, ColumnSpec::Field(field)) = (checks_all && !plan.wanted.contains(&index), spec) {
                columns.push(Column::new(field.clone(), false));
            }
        }
        Ok(Self {
            documents: Documents::new(part.layout, part.range.clone())?,
            trie: Trie::new(columns.iter().map(|column| column.field.name.as_str())),
            row: Row::new(columns.len()),
            counts: vec![FieldTally::default(); columns.len()],
            columns,
            metadata,
            rows: 0,
            text: 0,
            tally: Tally::default(),
            good: 0,
            bad: 0,
            done: false,
            plan,
            part,
        })
    }

    /// How many bad lines there were.
    pub(crate) const fn bad(&self) -> u64 {
        self.bad
    }

    /// Takes the next bytes of the file, of which `own` count for this part; none when the file has ended.
    pub(crate) fn feed(&mut self, chunk: Option<Bytes>, own: u64) {
        self.tally.bytes_read += own;
        self.documents.feed(chunk);
    }

    /// Goes on until a batch is full, more bytes are needed, or the file has ended.
    pub(crate) fn step(&mut self) -> Result<Step> {
        while !self.done {
            match self.documents.next() {
                Frame::Document(range) => {
                    self.document(range)?;
                    if self.rows >= self.plan.batch_size || self.text >= BATCH_TEXT {
                        return self.batch().map(Step::Batch);
                    }
                }
                Frame::Bad { at, reason, .. } => self.bad_line(at, reason)?,
                Frame::More => return Ok(Step::More),
                Frame::End => self.finish()?,
            }
        }
        if self.rows > 0 { self.batch().map(Step::Batch) } else { Ok(Step::Done) }
    }

    fn document(&mut self, range: Range<usize>) -> Result<()> {
        let (bytes, offset) = self.documents.document(range);
        if let Err(fault) = read(&self.trie, bytes, &mut self.row) {
            let reason = fault.reason(bytes);
            return self.faulty(&fault, offset, reason);
        }
        // The reader has checked that it is UTF-8.
        let text = std::str::from_utf8(bytes).unwrap_or("");
        let mut ignored: Vec<&str> = Vec::new();
        for ((column, slots), count) in self.columns.iter_mut().zip(&self.row.slots).zip(&mut self.counts) {
            let outcome = column.push(text, slots);
            count.present += u64::from(outcome.present);
            count.several += u64::from(outcome.several);
            if outcome.refused > 0 {
                count.not_coerced += outcome.refused;
                if count.example.is_none() {
                    count.example = outcome.example.map(|slot| shortened(&slot_text(text, &slot)));
                }
                ignored.push(&column.field.name);
            }
        }
        if !self.metadata.is_empty() {
            ignored.sort_unstable();
            let origin = Origin { key: &self.part.key, table: &self.plan.table, offset };
            for column in &mut self.metadata {
                column.push(text, &self.row, &origin, &ignored);
            }
        }
        self.rows += 1;
        self.good += 1;
        if !(self.columns.is_empty() && self.metadata.is_empty()) {
            self.text += text.len();
        }
        Ok(())
    }

    fn faulty(&mut self, fault: &Fault, offset: u64, mut reason: String) -> Result<()> {
        if !fault.is_local() && self.documents.give_up() {
            reason = format!("{reason}; {REST_IS_LOST}");
        }
        self.bad_line(offset, reason)
    }

    fn bad_line(&mut self, offset: u64, reason: String) -> Result<()> {
        let line = BadLine { file: self.part.label.clone(), offset, reason };
        self.bad += 1;
        self.tally.bad_lines += 1;
        let error = (self.plan.on_bad_line == OnBadLine::Fail).then(|| external(line.to_error()));
        if self.tally.sample.len() < super::issues::SAMPLE {
            self.tally.sample.push(line);
        }
        match error {
            None => Ok(()),
            Some(error) => {
                self.done = true;
                self.report();
                Err(error)
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.done = true;
        let first = self.tally.sample.first().cloned();
        self.report();
        let span = self.part.span();
        let ranges = (span.start, span.end);
        let counts = (self.good, self.bad);
        let issues = &self.plan.issues;
        let Some(head) = issues.finish_part(&self.part.label, ranges, self.part.size, counts, self.documents.head())
        else {
            return Ok(());
        };
        let found = if head.is_empty() { "no document".to_string() } else { describe(&head) };
        let mut message = format!("{}: expected JSON documents, found {found}", self.part.label);
        if let Some(bad) = issues.first_in(&self.part.label).or(first) {
            message = format!("{message} (at byte {}: {})", bad.offset, bad.reason);
        }
        let error = Error::new(Kind::Input, message).with_help(
            "leave the file out; a JSON file holds one document a line, an array or an Elasticsearch export, \
             plain, .gz or .zst",
        );
        Err(external(error))
    }

    /// Hands the counts so far to the shared tally.
    fn report(&mut self) {
        let mut tally = std::mem::take(&mut self.tally);
        let mut fields = BTreeMap::new();
        for (column, count) in self.columns.iter().zip(&mut self.counts) {
            if column.is_built() {
                fields.insert(column.field.name.clone(), std::mem::take(count));
            }
        }
        tally.fields = fields;
        self.plan.issues.add(tally);
    }

    /// The batch of the rows so far.
    fn batch(&mut self) -> Result<RecordBatch> {
        let mut columns = self.columns.iter_mut();
        let mut metadata = self.metadata.iter_mut();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.plan.wanted.len());
        for index in &self.plan.wanted {
            match self.plan.columns.get(*index) {
                Some(ColumnSpec::Field(_)) => arrays.extend(columns.next().map(Column::finish).transpose()?),
                Some(ColumnSpec::Metadata(_)) => arrays.extend(metadata.next().map(MetadataColumn::finish)),
                None => {}
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.tally.documents += self.rows as u64;
        (self.rows, self.text) = (0, 0);
        self.report();
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.plan.schema), arrays, &options)?)
    }
}

impl Drop for Decoder {
    /// A scan that is not read to its end has its counts too.
    fn drop(&mut self) {
        self.report();
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// At most the first 80 characters of a value.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or("")),
        None => text.to_string(),
    }
}
