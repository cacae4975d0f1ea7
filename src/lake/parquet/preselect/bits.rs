//! A bit a row.

use std::ops::Range;

/// Bits of a fixed length, all clear at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: usize,
}

/// The lowest `count` bits, at most 64.
const fn low(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

impl Bits {
    /// `len` bits that are clear.
    pub(super) fn clear(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// `len` bits that are set.
    pub(super) fn set(len: usize) -> Self {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let Some(last) = words.last_mut() {
            *last = low(len - (len - 1) / 64 * 64);
        }
        Self { words, len }
    }

    /// The bits of the rows in `ranges`.
    pub(super) fn of_ranges(ranges: impl Iterator<Item = Range<usize>>, len: usize) -> Self {
        let mut bits = Self::clear(len);
        for range in ranges {
            bits.set_range(range);
        }
        bits
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn none(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Whether a bit of `range` is set.
    pub(super) fn any_in(&self, range: Range<usize>) -> bool {
        let (from, to) = (range.start, range.end.min(self.len));
        if from >= to {
            return false;
        }
        let (first, last) = (from / 64, (to - 1) / 64);
        self.words.get(first..=last).unwrap_or_default().iter().enumerate().any(|(at, word)| {
            let mut word = *word;
            if at == 0 {
                word &= !low(from % 64);
            }
            if first + at == last {
                word &= low(to - last * 64);
            }
            word != 0
        })
    }

    /// Sets the bits of `range`.
    pub(super) fn set_range(&mut self, range: Range<usize>) {
        let mut at = range.start;
        let to = range.end.min(self.len);
        while at < to {
            let step = (64 - at % 64).min(to - at);
            self.or_word(at, low(step), step);
            at += step;
        }
    }

    /// Sets those of the `count` bits from `at` on that are set in `word`.
    #[inline]
    pub(super) fn or_word(&mut self, at: usize, word: u64, count: usize) {
        let word = word & low(count);
        let (slot, shift) = (at / 64, at % 64);
        if let Some(first) = self.words.get_mut(slot) {
            *first |= word << shift;
        }
        if shift > 0
            && let Some(second) = self.words.get_mut(slot + 1)
        {
            *second |= word >> (64 - shift);
        }
    }

    /// The `count` bits from `at` on, at most 64.
    #[inline]
    pub(super) fn word(&self, at: usize, count: usize) -> u64 {
        let (slot, shift) = (at / 64, at % 64);
        let first = self.words.get(slot).copied().unwrap_or(0) >> shift;
        let second = if shift == 0 { 0 } else { self.words.get(slot + 1).copied().unwrap_or(0) << (64 - shift) };
        (first | second) & low(count)
    }

    pub(super) fn and(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine &= theirs);
    }

    pub(super) fn or(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// The ranges of bits that are set, in order; neighbours are joined.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let from = self.next(at, true)?;
            let to = self.next(from, false).unwrap_or(self.len);
            at = to;
            Some(from..to)
        })
    }

    /// The next position from `at` on whose bit is `wanted`.
    fn next(&self, at: usize, wanted: bool) -> Option<usize> {
        let flip = |word: u64| if wanted { word } else { !word };
        let mut slot = at / 64;
        let mut word = flip(*self.words.get(slot)?) & !low(at % 64);
        while word == 0 {
            slot += 1;
            word = flip(*self.words.get(slot)?);
        }
        let found = slot * 64 + word.trailing_zeros() as usize;
        (found < self.len).then_some(found)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::single_range_in_vec_init, reason = "tests")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn of(bools: &[bool]) -> Bits {
        let mut bits = Bits::clear(bools.len());
        for (at, _) in bools.iter().enumerate().filter(|(_, set)| **set) {
            bits.set_range(at..at + 1);
        }
        bits
    }

    #[test]
    fn all_bits_are_one_range() {
        for len in [0, 1, 63, 64, 65, 128, 200] {
            let bits = Bits::set(len);
            assert_eq!(bits.count(), len);
            let ranges: Vec<_> = bits.ranges().collect();
            assert_eq!(ranges, if len == 0 { vec![] } else { vec![0..len] });
        }
    }

    proptest! {
        #[test]
        fn ranges_words_and_questions_agree_with_a_list(bools in vec(any::<bool>(), 0..300), from in 0usize..310, len in 0usize..310) {
            let bits = of(&bools);
            prop_assert_eq!(bits.count(), bools.iter().filter(|b| **b).count());
            prop_assert_eq!(bits.none(), !bools.contains(&true));
            let mut again = vec![false; bools.len()];
            for range in bits.ranges() {
                again.get_mut(range).unwrap().fill(true);
            }
            prop_assert_eq!(&again, &bools);
            let to = (from + len).min(bools.len());
            let any = from < to && bools.get(from..to).unwrap().contains(&true);
            prop_assert_eq!(bits.any_in(from..from + len), any);
            let word = (0..64).filter(|i| bools.get(from + i) == Some(&true)).fold(0u64, |w, i| w | 1 << i);
            prop_assert_eq!(bits.word(from, 64), word);
        }
    }
}
