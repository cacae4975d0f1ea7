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
