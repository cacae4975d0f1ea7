//! Documents whose places are known while a predicate is decided over many of them at once.
//!
//! Their text is kept, so that the columns which only the result needs are built for the documents that meet it.

use std::ops::Range;

use super::document::Row;

/// So much text is kept at most, but for one document that is longer: what stays in the cache of a core.
const MOST_TEXT: usize = 512 * 1024;

/// A document that was read.
#[derive(Debug, Default)]
struct Document {
    row: Row,
    place: Range<usize>,
    offset: u64,
}

/// Documents that wait for their predicate, then those that meet it.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    text: String,
    /// Used again and again: of them so many hold a document.
    documents: Vec<Document>,
    count: usize,
    /// Those that meet the predicate, the next one last.
    survivors: Vec<usize>,
}

impl Pending {
    /// The row into which the next document is to be read, with places for so many columns.
    pub(crate) fn row(&mut self, columns: usize) -> Option<&mut Row> {
        if self.documents.len() == self.count {
            self.documents.push(Document { row: Row::new(columns), ..Document::default() });
        }
        self.documents.get_mut(self.count).map(|document| &mut document.row)
    }

    /// Keeps the document that was read into [`row`](Self::row).
    pub(crate) fn keep(&mut self, text: &str, offset: u64) {
        if let Some(document) = self.documents.get_mut(self.count) {
            let start = self.text.len();
            self.text.push_str(text);
            document.place = start..self.text.len();
            document.offset = offset;
            self.count += 1;
        }
    }

    /// How many documents wait.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Whether it is time to decide, where a batch has so many rows at most.
    pub(crate) fn is_full(&self, batch_size: usize) -> bool {
        self.count >= batch_size || self.text.len() >= MOST_TEXT
    }

    /// Lets only these go on.
    pub(crate) fn decide(&mut self, mut survivors: Vec<usize>) {
        survivors.reverse();
        self.survivors = survivors;
        if self.survivors.is_empty() {
            self.clear();
        }
    }

    /// The next document that meets the predicate: its text, what was found in it, its place in the file.
    pub(crate) fn survivor(&self) -> Option<(&str, &Row, u64)> {
        let document = self.documents.get(*self.survivors.last()?)?;
        Some((self.text.get(document.place.clone())?, &document.row, document.offset))
    }

    /// Goes on to the one after it.
    pub(crate) fn advance(&mut self) {
        self.survivors.pop();
        if self.survivors.is_empty() {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.count = 0;
    }
}
