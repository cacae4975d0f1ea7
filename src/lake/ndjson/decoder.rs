//! Turns the text of a file into record batches: documents are cut, read, coerced and counted here, without any I/O but
//! that of a reader that is handed in.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::metrics::{Count, Time};

use super::ColumnSpec;
use super::document::{Row, Trie, read};
use super::documents::Documents;
use super::filter::Filter;
use super::frames::Frame;
use super::issues::{BadLine, Issues, OnBadLine, Tally};
use super::json::Fault;
use super::metadata::Origin;
use super::pending::Pending;
use super::rows::{Rows, Wanted};
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
    /// What the scan decides itself.
    pub(crate) filter: Option<Arc<Filter>>,
    pub(crate) table: Arc<str>,
    pub(crate) batch_size: usize,
    pub(crate) on_bad_line: OnBadLine,
    pub(crate) issues: Issues,
    pub(crate) counters: Counters,
}

/// What one partition of a scan counts for the plan's metrics.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    pub(crate) bytes_scanned: Count,
    pub(crate) bad_lines: Count,
    /// Documents that were parsed, and those that were passed over.
    pub(crate) parsed: Count,
    pub(crate) skipped: Count,
    /// Documents that a predicate inside of the scan threw away.
    pub(crate) pruned: Count,
    /// The time in which documents were cut, read and coerced.
    pub(crate) compute: Time,
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
    pending: Pending,
    rows: Rows,
    text: usize,
    tally: Tally,
    good: u64,
    bad: u64,
    done: bool,
}

impl Decoder {
    pub(crate) fn new(plan: Plan, part: Part) -> Result<Self> {
        let filter = plan.filter.as_deref();
        let rows = Rows::new(Wanted { columns: &plan.columns, batch: &plan.wanted, filter });
        let mut documents = Documents::new(part.layout, part.range.clone())?;
        if let Some(sieve) = filter.and_then(|filter| filter.sieve.as_ref()) {
            documents.sift(Arc::clone(sieve));
        }
        let (trie, row) = (Trie::new(rows.names()), Row::new(rows.fields()));
        Ok(Self {
            documents,
            trie,
            row,
            pending: Pending::default(),
            rows,
            text: 0,
            tally: Tally::default(),
            good: 0,
            bad: 0,
            done: false,
            plan,
            part,
        })
    }

    /// Takes the next bytes of the file, of which `own` count for this part; none when the file has ended.
    pub(crate) fn feed(&mut self, chunk: Option<Bytes>, own: u64) {
        self.count_bytes(own);
        self.documents.feed(chunk);
    }

    /// Takes the next bytes of the file out of `reader`, at most `amount`: how many there were.
    pub(crate) fn fill(&mut self, reader: &mut impl Read, amount: usize) -> io::Result<usize> {
        self.documents.fill(reader, amount)
    }

    /// Counts bytes of the file that belong to this part.
    pub(crate) fn count_bytes(&mut self, own: u64) {
        self.tally.bytes_read += own;
        self.plan.counters.bytes_scanned.add(own as usize);
    }

    /// Goes on until a batch is full, more bytes are needed, or the file has ended.
    pub(crate) fn step(&mut self) -> Result<Step> {
        let compute = self.plan.counters.compute.clone();
        let _timer = compute.timer();
        loop {
            self.take_survivors();
            if self.is_full() {
                return self.batch().map(Step::Batch);
            }
            if self.done {
                if self.pending.count() > 0 {
                    self.decide()?;
                    continue;
                }
                return if self.rows.count() > 0 { self.batch().map(Step::Batch) } else { Ok(Step::Done) };
            }
            let frame = self.documents.next();
            self.passed_over();
            match frame {
                Frame::Document(range) => self.document(range)?,
                Frame::Bad { at, reason, .. } => self.bad_line(at, reason)?,
                Frame::More => return Ok(Step::More),
                Frame::End => self.finish()?,
            }
        }
    }

    fn is_full(&self) -> bool {
        self.rows.count() >= self.plan.batch_size || self.text >= BATCH_TEXT
    }

    fn document(&mut self, range: Range<usize>) -> Result<()> {
        let (bytes, offset) = self.documents.document(range);
        let filtered = self.plan.filter.is_some();
        let row = if filtered { self.pending.row(self.rows.fields()) } else { None };
        let row = row.unwrap_or(&mut self.row);
        if let Err(fault) = read(&self.trie, bytes, row) {
            let reason = fault.reason(bytes);
            return self.faulty(&fault, offset, reason);
        }
        // The reader has checked that it is UTF-8.
        let text = std::str::from_utf8(bytes).unwrap_or("");
        self.good += 1;
        self.tally.documents += 1;
        self.plan.counters.parsed.add(1);
        if filtered {
            self.rows.test(text, row);
            self.pending.keep(text, offset);
            if self.pending.is_full(self.plan.batch_size) {
                self.decide()?;
            }
            return Ok(());
        }
        let origin = Origin { key: &self.part.key, table: &self.plan.table, offset };
        self.rows.push(text, &self.row, &origin);
        if !self.rows.is_empty() {
            self.text += text.len();
        }
        Ok(())
    }

    /// Counts the documents that nobody wants.
    fn passed_over(&mut self) {
        let passed = self.documents.take_passed();
        if passed > 0 {
            self.good += passed;
            self.tally.skipped += passed;
            self.plan.counters.skipped.add(passed as usize);
            self.plan.counters.pruned.add(passed as usize);
        }
    }

    /// Decides which of the documents that wait meet the predicate.
    fn decide(&mut self) -> Result<()> {
        if let Some(filter) = &self.plan.filter {
            let count = self.pending.count();
            let survivors = filter.survivors(self.rows.take_tested()?, count)?;
            self.plan.counters.pruned.add(count - survivors.len());
            self.pending.decide(survivors);
        }
        Ok(())
    }

    /// Adds documents that meet the predicate to the batch until it is full.
    fn take_survivors(&mut self) {
        while !self.is_full()
            && let Some((text, row, offset)) = self.pending.survivor()
        {
            let origin = Origin { key: &self.part.key, table: &self.plan.table, offset };
            self.rows.push(text, row, &origin);
            if !self.rows.is_empty() {
                self.text += text.len();
            }
            self.pending.advance();
        }
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
        self.plan.counters.bad_lines.add(1);
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
        let tally = Tally { fields: self.rows.take_tallies(), ..std::mem::take(&mut self.tally) };
        self.plan.issues.add(tally);
    }

    /// The batch of the rows so far.
    fn batch(&mut self) -> Result<RecordBatch> {
        self.text = 0;
        self.report();
        self.rows.batch(&self.plan.schema)
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
