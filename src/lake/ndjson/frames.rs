//! Cuts a stream of text into documents, one at a time, in bounded memory.
//!
//! Text is poured into a buffer, frames are taken out of it; when a frame needs more text it says so. A document may
//! be as long as [`LONGEST`]; nothing else is kept.

use std::ops::Range;
use std::sync::Arc;

use super::lines::Lines;
use super::sieve::Sieve;
use super::sieve::lines::Sifter;
use super::sniff::Form;
use super::values::Values;

/// The longest document that is read, in bytes.
pub(crate) const LONGEST: usize = 256 * 1024 * 1024;

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A document: where it stands in the buffer.
    Document(Range<usize>),
    /// Something that is no document: its first byte in the file, what is wrong; nothing comes after `last`.
    Bad { at: u64, reason: String, last: bool },
    /// More text is needed.
    More,
    /// The file, or its part, has ended.
    End,
}

/// The text of a file that was read and not used yet.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    /// The first byte that is still needed.
    pub(crate) start: usize,
    /// The place of the buffer's first byte in the file.
    base: u64,
    pub(crate) ended: bool,
}

impl Buffer {
    /// The place in the file of the buffer's byte `at`.
    pub(crate) const fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    /// The bytes of a range.
    pub(crate) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or(&[])
    }

    /// The bytes from `at` on.
    pub(crate) fn from(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or(&[])
    }
}

enum Cutter {
    Lines(Lines),
    /// What decides which of the values matter, and how many did not.
    Values(Values, Option<Sifter>, u64),
}

/// The documents of one file, or of one part of it.
pub(crate) struct Frames {
    buffer: Buffer,
    cutter: Cutter,
    /// Whether a byte order mark may still come.
    at_start: bool,
    stopped: bool,
    /// Whether the text breaks off, which was told.
    is_cut: bool,
}

impl Frames {
    /// The documents of a whole file.
    pub(crate) fn whole(form: Form) -> Self {
        let cutter = match form {
            Form::Lines => Cutter::Lines(Lines::new(false, u64::MAX)),
            Form::Documents | Form::Array | Form::Hits => Cutter::Values(Values::new(form), None, 0),
        };
        Self { buffer: Buffer::default(), cutter, at_start: true, stopped: false, is_cut: false }
    }

    /// The lines that begin in the bytes `range` of a file. The text that is poured begins one byte before, unless the
    /// range begins the file, and goes on behind the range as long as it is asked for.
    pub(crate) fn part(range: Range<u64>) -> Self {
        let inside = range.start > 0;
        let buffer = Buffer { base: range.start.saturating_sub(1), ..Buffer::default() };
        Self {
            buffer,
            cutter: Cutter::Lines(Lines::new(inside, range.end)),
            at_start: !inside,
            stopped: false,
            is_cut: false,
        }
    }

    /// From now on only documents that matter are frames.
    pub(crate) fn sift(&mut self, sieve: Arc<Sieve>) {
        match &mut self.cutter {
            Cutter::Lines(lines) => lines.sift(sieve),
            Cutter::Values(_, sifter, _) => *sifter = Some(Sifter::new(sieve)),
        }
    }

    /// How many documents that do not matter were passed over since the last call.
    pub(crate) const fn take_passed(&mut self) -> u64 {
        match &mut self.cutter {
            Cutter::Lines(lines) => lines.take_passed(),
            Cutter::Values(.., passed) => std::mem::replace(passed, 0),
        }
    }

    /// The end of the buffer, to which more text is to be added; what was used is dropped first.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        let used = self.buffer.start;
        self.buffer.bytes.drain(..used);
        self.buffer.base += used as u64;
        self.buffer.start = 0;
        match &mut self.cutter {
            Cutter::Lines(lines) => lines.shift(used),
            Cutter::Values(values, ..) => values.shift(used),
        }
        &mut self.buffer.bytes
    }

    /// The place in the file of the end of the text so far.
    pub(crate) const fn end_offset(&self) -> u64 {
        self.buffer.offset(self.buffer.bytes.len())
    }

    /// Gives up what comes behind the last document that is there in full.
    pub(crate) fn cut_off(&mut self) {
        let whole = match &self.cutter {
            Cutter::Lines(_) => memchr::memrchr(b'\n', &self.buffer.bytes).map_or(0, |at| at + 1),
            Cutter::Values(..) => self.buffer.bytes.len(),
        };
        self.buffer.bytes.truncate(whole.max(self.buffer.start));
        self.is_cut = true;
        self.buffer.ended = true;
    }

    /// Says that no more text comes.
    pub(crate) const fn end(&mut self) {
        self.buffer.ended = true;
    }

    /// Gives up the rest of a file whose documents can no longer be told apart; lines always can: whether it did.
    pub(crate) const fn give_up(&mut self) -> bool {
        self.stopped = matches!(self.cutter, Cutter::Values(..));
        self.stopped
    }

    /// The bytes of a frame, and their place in the file.
    pub(crate) fn document(&self, range: Range<usize>) -> (&[u8], u64) {
        (self.buffer.slice(range.clone()), self.buffer.offset(range.start))
    }

    /// What comes next.
    pub(crate) fn next(&mut self) -> Frame {
        if self.stopped {
            return Frame::End;
        }
        if self.at_start {
            if self.buffer.bytes.len() < 3 && !self.buffer.ended {
                return Frame::More;
            }
            self.at_start = false;
            if self.buffer.bytes.starts_with(b"\xef\xbb\xbf") {
                self.buffer.start = 3;
            }
        }
        let frame = match &mut self.cutter {
            Cutter::Lines(lines) => lines.next(&mut self.buffer),
            Cutter::Values(values, sifter, passed) => loop {
                let frame = values.next(&mut self.buffer);
                let (Some(sifter), Frame::Document(range)) = (&*sifter, &frame) else { break frame };
                if sifter.wants(self.buffer.slice(range.clone())) {
                    break frame;
                }
                *passed += 1;
            },
        };
        self.stopped = matches!(frame, Frame::Bad { last: true, .. });
        if self.stopped && self.is_cut && self.buffer.ended { Frame::End } else { frame }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Everything in `text`, poured in chunks: documents with their places, and bad frames as `!place reason`.
    pub(crate) fn frames(mut frames: Frames, text: &[u8], chunk: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut chunks = text.chunks(chunk);
        loop {
            match frames.next() {
                Frame::More => match chunks.next() {
                    Some(chunk) => frames.room().extend_from_slice(chunk),
                    None => frames.end(),
                },
                Frame::End => return out,
                Frame::Bad { at, reason, .. } => out.push(format!("!{at} {reason}")),
                Frame::Document(range) => {
                    let (bytes, at) = frames.document(range);
                    out.push(format!("{at} {}", String::from_utf8_lossy(bytes)));
                }
            }
        }
    }
}
