//! One data page: which rows have a value, and the bits that their ids stand for.

use datafusion::parquet::basic::Encoding;
use datafusion::parquet::column::page::Page;

use super::bits::Bits;
use super::hybrid::{Malformed, Run, Runs, unpack};
use super::narrow::Narrow;

/// The bit of a verdict that says that no entry has the id.
pub(super) const NO_ENTRY: u8 = 0x80;

/// How many questions a column answers at once.
pub(super) const QUESTIONS: usize = 7;

/// What a dictionary's entries answer.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// The verdict of each entry: bit `n` answers question `n`.
    pub(super) entries: Vec<u8>,
    /// That of a row without a value.
    pub(super) null: u8,
    narrow: Option<Narrow>,
}

impl Verdicts {
    pub(super) const fn new(entries: Vec<u8>, null: u8) -> Self {
        Self { entries, null, narrow: None }
    }

    /// Makes ready for the ids of a page, which are mostly as wide as those of the page before.
    pub(super) fn prepare(&mut self, page: &IdPage<'_>, questions: usize) {
        if !self.narrow.as_ref().is_some_and(|narrow| narrow.is_for(page.width)) {
            self.narrow = Narrow::try_new(&self.entries, page.width, questions);
        }
    }
}

/// A page of ids.
#[derive(Debug)]
pub(super) struct IdPage<'a> {
    /// The rows with a value; `None` where all have one.
    valid: Option<Bits>,
    rows: usize,
    values: usize,
    width: usize,
    ids: &'a [u8],
}

/// What is in a data page.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// Ids into the chunk's dictionary.
    Ids(IdPage<'a>),
    /// Values, or levels of a kind that is not read here.
    Other,
}

/// The content of a data page of a column whose values lie `max_level` optional steps deep and never in a list.
pub(super) fn content(page: &Page, max_level: u32) -> Result<Content<'_>, Malformed> {
    let rows = page.num_values() as usize;
    if !matches!(page.encoding(), Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY) {
        return Ok(Content::Other);
    }
    let (levels, values): (&[u8], &[u8]) = match page {
        Page::DataPage { buf, .. } if max_level == 0 => (&[], buf),
        Page::DataPage { buf, def_level_encoding: Encoding::RLE, .. } => {
            let (length, rest) = buf.split_first_chunk::<4>().ok_or(Malformed)?;
            rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(Malformed)?
        }
        Page::DataPageV2 { buf, rep_levels_byte_len: 0, def_levels_byte_len, .. } => {
            buf.split_at_checked(*def_levels_byte_len as usize).ok_or(Malformed)?
        }
        _ => return Ok(Content::Other),
    };
    let valid = if max_level == 0 { None } else { valid(levels, max_level, rows)? };
    let count = valid.as_ref().map_or(rows, Bits::count);
    let (width, ids) = match values.split_first() {
        Some((width, ids)) => (usize::from(*width), ids),
        None if count == 0 => (0, values),
        None => return Err(Malformed),
    };
    Ok(Content::Ids(IdPage { valid, rows, values: count, width, ids }))
}

/// The rows whose level is the deepest.
fn valid(levels: &[u8], max_level: u32, rows: usize) -> Result<Option<Bits>, Malformed> {
    let width = (u32::BITS - max_level.leading_zeros()) as usize;
    let mut valid = Bits::clear(rows);
    let mut at = 0;
    for run in Runs::try_new(levels, width, rows)? {
        match run? {
            Run::Repeated { value, count } => {
                if value == max_level {
                    valid.set_range(at..at + count);
                }
                at += count;
            }
            Run::Packed { bytes, count } => unpack(bytes, width, count, |levels| {
                let word = levels.iter().rev().fold(0, |word, level| word << 1 | u64::from(*level == max_level));
                valid.or_word(at, word, levels.len());
                at += levels.len();
            }),
        }
    }
    Ok((valid.count() < rows).then_some(valid))
}

impl IdPage<'_> {
    /// Sets, in each of `answers`, the bits of the rows from `at` on whose verdict has that bit.
    pub(super) fn answer(&self, verdicts: &Verdicts, at: usize, answers: &mut [Bits]) -> Result<(), Malformed> {
        let Some(valid) = &self.valid else {
            return self.dense(verdicts, at, answers);
        };
        let mut dense = vec![Bits::clear(self.values); answers.len()];
        self.dense(verdicts, 0, &mut dense)?;
        for (question, (answer, dense)) in answers.iter_mut().zip(&dense).enumerate() {
            let nulls = verdicts.null >> question & 1 == 1;
            let mut value = 0;
            for row in (0..self.rows).step_by(64) {
                let count = (self.rows - row).min(64);
                let valid = valid.word(row, count);
                let values = valid.count_ones() as usize;
                let spread = spread(dense.word(value, values), valid);
                answer.or_word(at + row, if nulls { spread | !valid } else { spread }, count);
                value += values;
            }
        }
        Ok(())
    }

    /// The answers of the values alone, one behind the other.
    fn dense(&self, verdicts: &Verdicts, at: usize, answers: &mut [Bits]) -> Result<(), Malformed> {
        let mut at = at;
        for run in Runs::try_new(self.ids, self.width, self.values)? {
            at += match run? {
                Run::Repeated { value, count } => {
                    let verdict = verdicts.entries.get(value as usize).ok_or(Malformed)?;
                    for (question, answer) in answers.iter_mut().enumerate() {
                        if verdict >> question & 1 == 1 {
                            answer.set_range(at..at + count);
                        }
                    }
                    count
                }
                Run::Packed { mut bytes, count } => {
                    let mut done = 0;
                    if let Some(narrow) = &verdicts.narrow {
                        // What lies behind the last number stands for nothing, so whole words only.
                        done = count / 64 * 64;
                        for (question, answer) in answers.iter_mut().enumerate() {
                            for first in (0..done).step_by(64) {
                                let word = narrow.answers(question, bytes, first / 8 * self.width).ok_or(Malformed)?;
                                answer.or_word(at + first, word, 64);
                            }
                        }
                        bytes = bytes.get(done / 8 * self.width..).unwrap_or_default();
                    }
                    self.packed(&verdicts.entries, bytes, at + done, count - done, answers)?;
                    count
                }
            };
        }
        Ok(())
    }

    /// The answers of `count` packed ids.
    fn packed(
        &self,
        verdicts: &[u8],
        bytes: &[u8],
        at: usize,
        count: usize,
        answers: &mut [Bits],
    ) -> Result<(), Malformed> {
        match answers.len() {
            1 => self.packed_of::<1>(verdicts, bytes, at, count, answers),
            2 => self.packed_of::<2>(verdicts, bytes, at, count, answers),
            3 => self.packed_of::<3>(verdicts, bytes, at, count, answers),
            _ => self.packed_of::<QUESTIONS>(verdicts, bytes, at, count, answers),
        }
    }

    fn packed_of<const N: usize>(
        &self,
        verdicts: &[u8],
        bytes: &[u8],
        mut at: usize,
        count: usize,
        answers: &mut [Bits],
    ) -> Result<(), Malformed> {
        // Eight verdicts a word.
        let mut all = 0u64;
        unpack(bytes, self.width, count, |ids| {
            let mut found = [0u8; 64];
            for (found, id) in found.iter_mut().zip(ids) {
                *found = verdicts.get(*id as usize).copied().unwrap_or(NO_ENTRY);
            }
            let mut words = [0u64; N];
            for (place, eight) in found.as_chunks::<8>().0.iter().enumerate() {
                let eight = u64::from_le_bytes(*eight);
                all |= eight;
                for (question, word) in words.iter_mut().enumerate() {
                    *word |= lowest_bits(eight >> question) << (place * 8);
                }
            }
            for (answer, word) in answers.iter_mut().zip(words) {
                if word != 0 {
                    answer.or_word(at, word, ids.len());
                }
            }
            at += ids.len();
        });
        if all & u64::from_le_bytes([NO_ENTRY; 8]) == 0 { Ok(()) } else { Err(Malformed) }
    }
}

/// The lowest bit of each of eight bytes, the first byte's first.
#[inline]
const fn lowest_bits(eight: u64) -> u64 {
    // Of the product's highest byte, bit `n` is that of byte `n`, moved there by the factor's bit 56 - 7n.
    (eight & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// The lowest bits of `bits`, each moved to the next bit that is set in `places`.
#[inline]
fn spread(bits: u64, places: u64) -> u64 {
    if bits == 0 || places == u64::MAX {
        return bits & places;
    }
    let (mut bits, mut places, mut spread) = (bits, places, 0);
    while bits != 0 && places != 0 {
        let lowest = places & places.wrapping_neg();
        if bits & 1 == 1 {
            spread |= lowest;
        }
        bits >>= 1;
        places ^= lowest;
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_become_eight_bits() {
        for bits in 0..=u8::MAX {
            let bytes = std::array::from_fn(|at| 0xfe | bits >> at & 1);
            assert_eq!(lowest_bits(u64::from_le_bytes(bytes)), u64::from(bits));
        }
    }

    #[test]
    fn bits_move_to_their_places() {
        assert_eq!(spread(0b101, 0b0110_0100), 0b0100_0100);
        assert_eq!(spread(u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(spread(0b1, 1 << 63), 1 << 63);
        assert_eq!(spread(0b111, 0), 0);
    }
}
