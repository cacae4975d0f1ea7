//! The verdicts of several neighbouring ids at once, where ids are so narrow that all their combinations are few.

use super::hybrid::eight;
use super::page::NO_ENTRY;

/// What says in an entry that one of its ids is none of the dictionary.
const UNKNOWN: u16 = 0x100;

/// How many ids of a width are looked up together; 0 where ids are too wide for it.
const fn together(width: usize) -> usize {
    match width {
        1 => 8,
        2 | 3 => 4,
        4..=6 => 2,
        _ => 0,
    }
}

/// For each question a bit for each id of each combination.
#[derive(Debug)]
pub(super) struct Narrow {
    width: usize,
    questions: Vec<Vec<u16>>,
}

impl Narrow {
    /// The tables for ids of `width` bits, where they are worth it.
    pub(super) fn try_new(verdicts: &[u8], width: usize, questions: usize) -> Option<Self> {
        let together = together(width);
        if together == 0 {
            return None;
        }
        let mask = (1 << width) - 1;
        let entry = |question: usize, combination: usize| {
            (0..together).fold(0, |entry, place| {
                let id = combination >> (place * width) & mask;
                let verdict = verdicts.get(id).copied().unwrap_or(NO_ENTRY);
                let unknown = if verdict == NO_ENTRY { UNKNOWN } else { 0 };
                entry | unknown | u16::from(verdict >> question & 1) << place
            })
        };
        let combinations = 1 << (together * width);
        let table = |question| (0..combinations).map(|combination| entry(question, combination)).collect();
        Some(Self { width, questions: (0..questions).map(table).collect() })
    }

    /// Whether these are the tables for ids of a width.
    pub(super) const fn is_for(&self, width: usize) -> bool {
        self.width == width
    }

    /// The answers of the 64 ids that are packed from `at` on; `None` where one is no id of the dictionary.
    #[inline]
    pub(super) fn answers(&self, question: usize, bytes: &[u8], at: usize) -> Option<u64> {
        let table = self.questions.get(question)?;
        match self.width {
            1 => look_up::<1>(table, bytes, at),
            2 => look_up::<2>(table, bytes, at),
            3 => look_up::<3>(table, bytes, at),
            4 => look_up::<4>(table, bytes, at),
            5 => look_up::<5>(table, bytes, at),
            _ => look_up::<6>(table, bytes, at),
        }
    }
}

#[inline]
fn look_up<const WIDTH: usize>(table: &[u16], bytes: &[u8], at: usize) -> Option<u64> {
    let (together, bits) = (const { together(WIDTH) }, const { together(WIDTH) * WIDTH });
    let (mut answers, mut all) = (0, 0);
    for group in 0..8 {
        let ids = eight(bytes, at + group * WIDTH);
        for part in 0..8 / together {
            let entry = table.get((ids >> (part * bits)) as usize & ((1 << bits) - 1)).copied().unwrap_or(UNKNOWN);
            all |= entry;
            answers |= u64::from(entry & 0xff) << (group * 8 + part * together);
        }
    }
    (all & UNKNOWN == 0).then_some(answers)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_one_by_one(width in 1usize..=6, entries in 1usize..64, verdicts in vec(0u8..128, 64), ids in vec(0usize..64, 64)) {
            let known = entries.min(1 << width);
            let verdicts: Vec<u8> = verdicts.iter().map(|verdict| verdict & 0x7f).take(known).collect();
            let ids: Vec<usize> = ids.iter().map(|id| id % (1 << width)).collect();
            let mut bytes = vec![0u8; 8 * width];
            for (at, id) in ids.iter().enumerate() {
                for bit in (0..width).filter(|bit| id >> bit & 1 == 1) {
                    bytes[(at * width + bit) / 8] |= 1 << ((at * width + bit) % 8);
                }
            }
            let tables = Narrow::try_new(&verdicts, width, 7).unwrap();
            for question in 0..7 {
                let expected = ids.iter().enumerate().try_fold(0u64, |word, (at, id)| {
                    verdicts.get(*id).map(|verdict| word | u64::from(verdict >> question & 1) << at)
                });
                prop_assert_eq!(tables.answers(question, &bytes, 0), expected);
            }
        }
    }
}
