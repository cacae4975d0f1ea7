//! The documents of a file, out of its bytes as they are stored: decompressed and cut, one after the other.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::frames::{Frame, Frames};
use super::inflate::Inflate;
use super::sieve::Sieve;
use super::sniff::{Compression, Layout};
use super::values::REST_IS_LOST;

/// How much of the beginning is kept to say what a file seems to be.
const GLANCE: usize = 64;

/// The documents of one file, or of one part of it.
pub(crate) struct Documents {
    compression: Compression,
    inflate: Inflate,
    may_pour: bool,
    input_ended: bool,
    frames: Frames,
    head: Vec<u8>,
}

impl Documents {
    /// The documents of a file of this layout, or of the lines that begin in `range` of it.
    pub(crate) fn new(layout: Layout, range: Option<Range<u64>>) -> io::Result<Self> {
        Ok(Self {
            compression: layout.compression,
            inflate: Inflate::new(layout.compression)?,
            may_pour: false,
            input_ended: false,
            frames: range.map_or_else(|| Frames::whole(layout.form), Frames::part),
            head: Vec::new(),
        })
    }

    /// Takes the next bytes of the file; none when it has ended.
    pub(crate) fn feed(&mut self, chunk: Option<Bytes>) {
        match chunk {
            Some(chunk) => {
                self.inflate.feed(chunk);
                self.may_pour = true;
            }
            None => self.input_ended = true,
        }
    }

    /// From now on only documents that matter come.
    pub(crate) fn sift(&mut self, sieve: Arc<Sieve>) {
        self.frames.sift(sieve);
    }

    /// How many documents that do not matter were passed over since the last call.
    pub(crate) const fn take_passed(&mut self) -> u64 {
        self.frames.take_passed()
    }

    /// Takes the next bytes of the file out of `reader`, at most `amount`: how many there were.
    pub(crate) fn fill(&mut self, reader: &mut impl Read, amount: usize) -> io::Result<usize> {
        let mut reader = reader.take(amount as u64);
        if self.compression != Compression::Plain {
            let mut chunk = Vec::with_capacity(amount);
            let read = reader.read_to_end(&mut chunk)?;
            self.feed((read > 0).then(|| chunk.into()));
            return Ok(read);
        }
        // Text as it is goes where it is looked at.
        let room = self.frames.room();
        let before = room.len();
        // Without room for all of it the file would be asked for a few bytes first.
        room.reserve(amount);
        let read = reader.read_to_end(room)?;
        keep_head(&mut self.head, room, before);
        if read == 0 {
            self.feed(None);
        }
        Ok(read)
    }

    /// What comes next; where it is [`Frame::More`], bytes are to be fed.
    pub(crate) fn next(&mut self) -> Frame {
        loop {
            let frame = self.frames.next();
            if frame != Frame::More || !(self.may_pour || self.input_ended) {
                return frame;
            }
            if let Err(error) = self.pour() {
                return self.corrupt(&error);
            }
        }
    }

    /// The bytes of a frame, and their place in the file.
    pub(crate) fn document(&self, range: Range<usize>) -> (&[u8], u64) {
        self.frames.document(range)
    }

    /// Gives up the rest of a file whose documents can no longer be told apart: whether it did.
    pub(crate) const fn give_up(&mut self) -> bool {
        self.frames.give_up()
    }

    /// The first bytes of the text.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    fn pour(&mut self) -> io::Result<()> {
        let room = self.frames.room();
        let before = room.len();
        let result = if self.may_pour { self.inflate.pour(room) } else { self.inflate.finish(room).map(|()| false) };
        keep_head(&mut self.head, room, before);
        if !self.may_pour {
            self.frames.end();
        }
        self.may_pour = result?;
        Ok(())
    }

    /// Ends the text where the compressed data breaks off.
    fn corrupt(&mut self, error: &io::Error) -> Frame {
        (self.may_pour, self.input_ended) = (false, true);
        let at = self.frames.end_offset();
        self.frames.cut_off();
        let reason = format!("expected {} data, found {error}; {REST_IS_LOST}", self.compression.name());
        Frame::Bad { at, reason, last: false }
    }
}

/// Keeps what is wanted of the text behind `before` as the beginning of a file.
fn keep_head(head: &mut Vec<u8>, text: &[u8], before: usize) {
    if head.len() < GLANCE {
        head.extend(text.iter().skip(before).take(GLANCE - head.len()));
    }
}
