//! Byte strings, kept end to end in one buffer.

use ahash::RandomState;
use datafusion::arrow::buffer::NullBuffer;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::interner::NONE;

/// Distinct byte strings, numbered in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    buffer: Vec<u8>,
    /// Where each string ends; it begins where the one before ends.
    ends: Vec<usize>,
    table: HashTable<Slot>,
    random: RandomState,
}

/// The hash stands beside the number: most strings that differ are told apart, and the table grows, without a look at
/// the strings.
#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u64,
    id: u32,
}

impl Bytes {
    /// Writes the number of each selected string of `len`, [`NONE`] for the others.
    pub(crate) fn intern<'a>(
        &mut self,
        len: usize,
        at: impl Fn(usize) -> &'a [u8],
        selected: Option<&NullBuffer>,
        ids: &mut Vec<u32>,
    ) {
        match selected {
            None => ids.extend((0..len).map(|row| self.number(at(row)))),
            Some(selected) => {
                ids.extend((0..len).map(|row| if selected.is_valid(row) { self.number(at(row)) } else { NONE }));
            }
        }
    }

    /// As [`intern`](Self::intern), for strings that come as views.
    ///
    /// Equal views are equal strings, and a scan makes equal views of equal strings where the file has a dictionary:
    /// most rows are told by a look at the view.
    pub(crate) fn intern_views<'a>(
        &mut self,
        views: &[u128],
        at: impl Fn(usize) -> &'a [u8],
        selected: Option<&NullBuffer>,
        ids: &mut Vec<u32>,
    ) {
        const SLOTS: usize = 256;
        /// After so many rows it is known whether looking at views pays.
        const TRIAL: usize = 512;
        let counts = |row: usize| selected.is_none_or(|selected| selected.is_valid(row));
        // An empty slot holds no number, so that the view it was made with, of an empty string, does not match either.
        let mut seen = [(0_u128, NONE); SLOTS];
        let mut misses = 0;
        for (row, view) in views.iter().enumerate() {
            if row == TRIAL && misses > TRIAL / 2 {
                ids.extend((row..views.len()).map(|row| if counts(row) { self.number(at(row)) } else { NONE }));
                return;
            }
            if !counts(row) {
                ids.push(NONE);
                continue;
            }
            // Length, first characters, buffer and offset: whichever differ, the product's upper bits do.
            let mixed = (*view as u64 ^ (*view >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let slot = &mut seen[(mixed >> 56) as usize % SLOTS];
            if slot.0 != *view || slot.1 == NONE {
                *slot = (*view, self.number(at(row)));
                misses += 1;
            }
            ids.push(slot.1);
        }
    }

    fn number(&mut self, bytes: &[u8]) -> u32 {
        let Self { buffer, ends, table, random } = self;
        let hash = random.hash_one(bytes);
        let known = |slot: &Slot| slot.hash == hash && string(buffer, ends, slot.id) == bytes;
        match table.entry(hash, known, |slot| slot.hash) {
            Entry::Occupied(known) => known.get().id,
            Entry::Vacant(new) => {
                let id = ends.len() as u32;
                new.insert(Slot { hash, id });
                buffer.extend_from_slice(bytes);
                ends.push(buffer.len());
                id
            }
        }
    }

    /// Returns how many strings there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns a string by number.
    pub(crate) fn at(&self, id: u32) -> &[u8] {
        string(&self.buffer, &self.ends, id)
    }

    /// Returns the bytes allocated.
    pub(crate) fn size(&self) -> usize {
        self.buffer.capacity() + self.ends.capacity() * size_of::<usize>() + self.table.allocation_size()
    }
}

fn string<'a>(buffer: &'a [u8], ends: &[usize], id: u32) -> &'a [u8] {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] };
    &buffer[start..ends[id]]
}
