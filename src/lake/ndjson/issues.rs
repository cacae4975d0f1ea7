//! What a scan met on its way: bad lines, values of a wrong type, and how much was read.
//!
//! One [`Issues`] is shared by all partitions of a scan (a clone is the same tally); the command line reads it when the
//! scan has ended, or while it runs. What the scans of a table met is also counted together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Kind};

/// How many bad lines are told in full.
pub(crate) const SAMPLE: usize = 10;

/// What to do with a line that is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnBadLine {
    /// Count it and go on.
    #[default]
    Skip,
    /// End the scan with an error.
    Fail,
}

/// A line, or the rest of a file, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "cluster", derive(serde::Serialize, serde::Deserialize))]
pub struct BadLine {
    /// The file, as messages name it.
    pub file: String,
    /// The byte of the (decompressed) file at which the line begins.
    pub offset: u64,
    /// What was expected and found, and at which byte of the line.
    pub reason: String,
}

impl BadLine {
    /// The failure of a scan that must not skip anything.
    pub fn to_error(&self) -> Error {
        Error::new(Kind::Input, format!("{}: bad line at byte {}: {}", self.file, self.offset, self.reason))
            .with_help("correct the line, or count and skip lines like this one with `--on-bad-line skip`")
    }
}

/// What a scan met in one field of the documents that it parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cluster", derive(serde::Serialize, serde::Deserialize))]
pub struct FieldTally {
    /// Documents in which the field has a value.
    pub present: u64,
    /// Values that are not of the field's type. A field that only the result needs is looked at in documents that meet
    /// the query's predicate.
    pub not_coerced: u64,
    /// One of them, as the document spells it.
    pub example: Option<String>,
    /// Documents that hold several values where the column takes one.
    pub several: u64,
}

/// A reading of [`Issues`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cluster", derive(serde::Serialize, serde::Deserialize))]
pub struct Tally {
    /// Bytes of the files that were read, as they are stored.
    pub bytes_read: u64,
    /// Documents that were parsed.
    pub documents: u64,
    /// Documents that were not parsed, since their bytes tell that no query wants them.
    pub skipped: u64,
    /// Bad lines; the rest of a file that could not be read counts as one.
    pub bad_lines: u64,
    /// The first of them, by file and place.
    pub sample: Vec<BadLine>,
    /// Every field that was asked for, by name.
    pub fields: BTreeMap<String, FieldTally>,
}

/// The shared tally of a scan; a clone is the same tally.
///
/// ```
/// use egret::lake::ndjson::Issues;
/// let issues = Issues::default();
/// let same = issues.clone();
/// assert_eq!(same.tally().bad_lines, 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Issues {
    shared: Arc<Mutex<State>>,
    /// Where it is counted too.
    whole: Option<Arc<Mutex<State>>>,
}

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    sample: BTreeSet<(String, u64, String)>,
    files: BTreeMap<String, FileState>,
}

/// The parts of a file that were read to their ends: first byte -> one past the last, good and bad documents.
#[derive(Debug, Default)]
struct FileState {
    parts: BTreeMap<u64, (u64, u64, u64)>,
    head: Vec<u8>,
}

impl Issues {
    /// What was met so far.
    pub fn tally(&self) -> Tally {
        let state = self.lock();
        Tally { sample: state.sample(), ..state.tally.clone() }
    }

    /// What was met so far; the tally begins again from nothing.
    pub fn take(&self) -> Tally {
        let state = std::mem::take(&mut *self.lock());
        Tally { sample: state.sample(), ..state.tally }
    }

    /// A tally from nothing; what is added to it is added here too.
    pub(crate) fn part(&self) -> Self {
        Self { shared: Arc::default(), whole: Some(Arc::clone(&self.shared)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }

    /// Adds the counts of a stretch of a scan.
    pub(crate) fn add(&self, part: Tally) {
        if let Some(whole) = &self.whole {
            lock(whole).add(part.clone());
        }
        self.lock().add(part);
    }

    /// The first bad line of a file among those that are told.
    pub(crate) fn first_in(&self, file: &str) -> Option<BadLine> {
        self.lock().sample().into_iter().find(|bad| bad.file == file)
    }

    /// Notes that `range` of a file, which begins with `head`, was read to its end. Where this completes a file that
    /// holds not one document, its first bytes.
    pub(crate) fn finish_part(
        &self,
        file: &str,
        range: (u64, u64),
        size: u64,
        (good, bad): (u64, u64),
        head: &[u8],
    ) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let file_state = state.files.entry(file.to_string()).or_default();
        if range.0 == 0 {
            file_state.head = head.to_vec();
        }
        file_state.parts.insert(range.0, (range.1, good, bad));
        let tiled = file_state.parts.iter().try_fold(0, |end, (&start, &(next, ..))| (start == end).then_some(next));
        if tiled != Some(size) {
            return None;
        }
        let FileState { parts, head } = state.files.remove(file).unwrap_or_default();
        (parts.values().all(|part| part.1 == 0) && parts.values().any(|part| part.2 > 0)).then_some(head)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn add(&mut self, part: Tally) {
        let Self { tally, sample, .. } = self;
        tally.bytes_read += part.bytes_read;
        tally.documents += part.documents;
        tally.skipped += part.skipped;
        tally.bad_lines += part.bad_lines;
        for (name, field) in part.fields {
            let known = tally.fields.entry(name).or_default();
            known.present += field.present;
            known.not_coerced += field.not_coerced;
            known.several += field.several;
            known.example = known.example.take().or(field.example);
        }
        for bad in part.sample {
            sample.insert((bad.file, bad.offset, bad.reason));
            if sample.len() > SAMPLE {
                sample.pop_last();
            }
        }
    }

    fn sample(&self) -> Vec<BadLine> {
        let line = |(file, offset, reason): &(String, u64, String)| BadLine {
            file: file.clone(),
            offset: *offset,
            reason: reason.clone(),
        };
        self.sample.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_keeps_the_first_places() {
        let issues = Issues::default();
        for offset in (0..30).rev() {
            let bad = BadLine { file: "f".into(), offset, reason: "r".into() };
            issues.add(Tally { bad_lines: 1, sample: vec![bad], ..Tally::default() });
        }
        let tally = issues.take();
        assert_eq!(tally.bad_lines, 30);
        assert_eq!(tally.sample.iter().map(|bad| bad.offset).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert_eq!(issues.tally(), Tally::default());
    }

    #[test]
    fn a_table_counts_what_its_scans_do() {
        let table = Issues::default();
        let (one, two) = (table.part(), table.part());
        one.add(Tally { documents: 3, bad_lines: 1, ..Tally::default() });
        two.add(Tally { documents: 4, ..Tally::default() });
        assert_eq!((one.tally().documents, two.tally().documents, table.tally().documents), (3, 4, 7));
        assert_eq!((two.take().bad_lines, table.take().bad_lines), (0, 1));
        // The parts of a file are of one scan.
        assert_eq!(one.finish_part("f", (0, 5), 10, (0, 1), b""), None);
        assert_eq!(two.finish_part("f", (5, 10), 10, (0, 1), b""), None);
        assert!(one.finish_part("f", (5, 10), 10, (0, 1), b"").is_some());
    }

    #[test]
    fn a_file_without_a_document_shows_when_its_last_part_ends() {
        let issues = Issues::default();
        assert_eq!(issues.finish_part("f", (5, 10), 10, (0, 1), b"no"), None);
        assert_eq!(issues.finish_part("f", (0, 5), 10, (0, 0), b"head"), Some(b"head".to_vec()));
        assert_eq!(issues.finish_part("f", (0, 5), 10, (1, 0), b""), None);
        assert_eq!(issues.finish_part("f", (5, 10), 10, (0, 4), b""), None);
        assert_eq!(issues.finish_part("empty", (0, 0), 0, (0, 0), b""), None);
    }
}
