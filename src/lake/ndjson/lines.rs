//! Cuts text into lines, each a document.
//!
//! A line belongs to the part of a file in which its first byte lies. What cannot be a document is not kept: a long
//! line without an opening brace (binary data, say) is bad as soon as its beginning is seen.

use std::sync::Arc;

use super::frames::{Buffer, Frame, LONGEST};
use super::sieve::Sieve;
use super::sieve::lines::Sifter;
use super::sniff::describe;

/// How much of a line without end is kept before it must look like an object.
const GLANCE: usize = 64 * 1024;

/// The lines of a file or a part of it.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Whether the text up to the next line feed belongs to no line of ours.
    skipping: bool,
    /// The end of the part.
    limit: u64,
    /// How far the current line was searched for its end.
    searched: usize,
    /// What tells the lines that matter from the others, and the end of the whole lines that it goes over.
    sifter: Option<Sifter>,
    whole: usize,
    /// How many lines it passed over.
    passed: u64,
}

impl Lines {
    /// The lines that begin below `limit`; `inside` says that the text begins in front of a part, in a line of another.
    pub(crate) const fn new(inside: bool, limit: u64) -> Self {
        Self { skipping: inside, limit, searched: 0, sifter: None, whole: 0, passed: 0 }
    }

    /// From now on only lines that matter are frames.
    pub(crate) fn sift(&mut self, sieve: Arc<Sieve>) {
        self.sifter = Some(Sifter::new(sieve));
    }

    /// How many lines were passed over since the last call.
    pub(crate) const fn take_passed(&mut self) -> u64 {
        std::mem::replace(&mut self.passed, 0)
    }

    pub(crate) const fn shift(&mut self, used: usize) {
        self.searched = self.searched.saturating_sub(used);
        self.whole = self.whole.saturating_sub(used);
    }

    pub(crate) fn next(&mut self, buffer: &mut Buffer) -> Frame {
        loop {
            if !self.skipping && buffer.offset(buffer.start) >= self.limit {
                return Frame::End;
            }
            let start = buffer.start;
            let from = start.max(self.searched);
            if let (Some(sifter), false) = (&mut self.sifter, self.skipping) {
                if start >= self.whole {
                    let Some(last) = memchr::memrchr(b'\n', buffer.from(from)) else {
                        return self.unfinished(buffer);
                    };
                    self.whole = own_lines(buffer, self.limit, from + last + 1);
                    sifter.begin(buffer.slice(start..self.whole));
                }
                let found = sifter.next(buffer.slice(0..self.whole), start);
                self.passed += found.passed;
                (buffer.start, self.searched) = (found.next, found.next);
                match found.line {
                    Some(line) => return Frame::Document(line),
                    None => continue,
                }
            }
            let Some(length) = memchr::memchr(b'\n', buffer.from(from)) else {
                return self.unfinished(buffer);
            };
            let end = from + length;
            buffer.start = end + 1;
            self.searched = end + 1;
            if std::mem::replace(&mut self.skipping, false) {
                continue;
            }
            if let Some(frame) = trimmed(buffer, start, end) {
                return frame;
            }
        }
    }

    /// Deals with a line whose end is not in the buffer.
    fn unfinished(&mut self, buffer: &mut Buffer) -> Frame {
        let (start, end) = (buffer.start, buffer.bytes.len());
        if self.skipping {
            (buffer.start, self.searched) = (end, end);
            return if buffer.ended { Frame::End } else { Frame::More };
        }
        if buffer.ended {
            (buffer.start, self.searched) = (end, end);
            return trimmed(buffer, start, end).unwrap_or(Frame::End);
        }
        self.searched = end;
        let line = buffer.from(start).trim_ascii_start();
        let hopeless = line.len() > GLANCE && !line.starts_with(b"{");
        if !hopeless && end - start <= LONGEST {
            return Frame::More;
        }
        let reason = if hopeless {
            format!("expected an object, found {}", describe(line))
        } else {
            format!("expected a document of at most {LONGEST} bytes, found a longer line")
        };
        self.skipping = true;
        buffer.start = end;
        Frame::Bad { at: buffer.offset(start), reason, last: false }
    }
}

/// The end of the lines in front of `end` that begin below `limit`.
fn own_lines(buffer: &Buffer, limit: u64, end: usize) -> usize {
    if buffer.offset(end) <= limit {
        return end;
    }
    // The line that holds the last byte below the limit is the last one.
    let last = usize::try_from(limit - buffer.offset(0)).unwrap_or(end).saturating_sub(1);
    memchr::memchr(b'\n', buffer.slice(last..end)).map_or(end, |at| last + at + 1)
}

/// The line without white space around it, unless it is blank.
fn trimmed(buffer: &Buffer, start: usize, end: usize) -> Option<Frame> {
    let line = buffer.slice(start..end);
    let kept = line.trim_ascii_start();
    let start = start + (line.len() - kept.len());
    let kept = kept.trim_ascii_end();
    (!kept.is_empty()).then_some(Frame::Document(start..start + kept.len()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use crate::lake::ndjson::frames::{Frames, tests::frames};
    use crate::lake::ndjson::sieve::need::{Ends, Need};
    use crate::lake::ndjson::sniff::Form;
    use proptest::prelude::*;

    #[test]
    fn blank_lines_line_ends_and_byte_order_mark() {
        let text = "\u{feff}{\"a\":1}\r\n\n \t\n  {\"a\":2} \n{\"a\":3}".as_bytes();
        for chunk in 1..text.len() {
            let lines = frames(Frames::whole(Form::Lines), text, chunk);
            assert_eq!(lines, ["3 {\"a\":1}", "18 {\"a\":2}", "27 {\"a\":3}"]);
        }
        assert!(frames(Frames::whole(Form::Lines), b"", 1).is_empty());
        assert!(frames(Frames::whole(Form::Lines), b"\n\r\n ", 1).is_empty());
    }

    #[test]
    fn long_junk_is_not_kept() {
        let junk = [&vec![1_u8; 3 * GLANCE][..], b"\n{\"a\":1}\n"].concat();
        let lines = frames(Frames::whole(Form::Lines), &junk, 4096);
        assert_eq!(lines.len(), 2);
        assert!(lines.first().is_some_and(|line| line.starts_with("!0 expected an object, found binary data")));
        assert_eq!(lines.last().map(String::as_str), Some("196609 {\"a\":1}"));
    }

    proptest! {
        #[test]
        fn every_split_reads_every_line_once(text in "[x\n\r ]{0,40}", cuts in prop::collection::vec(0_u64..45, 0..5), chunk in 1_usize..9) {
            let size = text.len() as u64;
            let mut bounds: Vec<u64> = cuts.into_iter().map(|cut| cut.min(size)).chain([0, size]).collect();
            bounds.sort_unstable();
            let whole = frames(Frames::whole(Form::Lines), text.as_bytes(), chunk);
            let parts: Vec<_> = bounds.windows(2).filter(|pair| pair[0] < pair[1]).flat_map(|pair| {
                let from = pair[0].saturating_sub(1) as usize;
                frames(Frames::part(pair[0]..pair[1]), &text.as_bytes()[from..], chunk)
            }).collect();
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn a_sieve_changes_nothing_but_what_is_passed_over(text in "(\\{[xy]{0,3}\\}|[x\n\r {}]){0,20}", cuts in prop::collection::vec(0_u64..45, 0..5), chunk in 1_usize..9) {
            let size = text.len() as u64;
            let mut bounds: Vec<u64> = cuts.into_iter().map(|cut| cut.min(size)).chain([0, size]).collect();
            bounds.sort_unstable();
            let need = Need::value("xx", Ends::NEITHER);
            let parts: Vec<_> = bounds.windows(2).filter(|pair| pair[0] < pair[1]).flat_map(|pair| {
                let from = pair[0].saturating_sub(1) as usize;
                let mut part = Frames::part(pair[0]..pair[1]);
                part.sift(Arc::new(Sieve::try_new(&need).unwrap()));
                frames(part, &text.as_bytes()[from..], chunk)
            }).collect();
            let is_passed = |line: &str| line.starts_with('{') && line.ends_with('}') && !line.contains("xx");
            let keep = |line: &String| !is_passed(line.split_once(' ').map_or("", |(_, line)| line));
            // The last line is parsed where no line feed ends it.
            let mut expected = frames(Frames::whole(Form::Lines), text.as_bytes(), chunk);
            let last = expected.pop().filter(|line| !text.trim_end_matches([' ', '\r']).ends_with('\n') || keep(line));
            expected.retain(keep);
            expected.extend(last);
            prop_assert_eq!(expected, parts);
        }
    }
}
