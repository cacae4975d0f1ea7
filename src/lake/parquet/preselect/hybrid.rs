//! Runs of numbers as Parquet stores ids and levels: the hybrid of run-length and bit-packed encoding.
//!
//! Source: `Encodings.md` of the Parquet format, "Run Length Encoding / Bit-Packing Hybrid".

use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;

/// What the bytes of a page say against the format. The reader that reads the page for good tells the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<Malformed> for DataFusionError {
    fn from(_: Malformed) -> Self {
        Self::from(ParquetError::General("levels or ids against the format".to_owned()))
    }
}

/// Numbers that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run<'a> {
    /// One number, `count` times.
    Repeated { value: u32, count: usize },
    /// `count` numbers, packed.
    Packed { bytes: &'a [u8], count: usize },
}

/// The runs that hold `left` numbers of `width` bits.
#[derive(Debug, Clone)]
pub(super) struct Runs<'a> {
    bytes: &'a [u8],
    width: usize,
    left: usize,
}

impl<'a> Runs<'a> {
    /// The runs of `count` numbers; a width over 32 bits is no width of ids or levels.
    pub(super) const fn try_new(bytes: &'a [u8], width: usize, count: usize) -> Result<Self, Malformed> {
        if width > 32 { Err(Malformed) } else { Ok(Self { bytes, width, left: count }) }
    }

    fn header(&mut self) -> Option<usize> {
        let mut value = 0usize;
        for shift in (0..35).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn run(&mut self) -> Option<Run<'a>> {
        let header = self.header()?;
        let run = if header & 1 == 0 {
            let (value, rest) = self.bytes.split_at_checked(self.width.div_ceil(8))?;
            self.bytes = rest;
            let value = value.iter().rev().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
            Run::Repeated { value, count: (header >> 1).min(self.left) }
        } else {
            let groups = header >> 1;
            let stored = groups.checked_mul(self.width)?;
            let count = groups.checked_mul(8)?.min(self.left);
            // The last run may end with the last number instead of the last group.
            let (bytes, rest) = self.bytes.split_at(stored.min(self.bytes.len()));
            self.bytes = rest;
            if bytes.len() * 8 < count * self.width {
                return None;
            }
            Run::Packed { bytes, count }
        };
        Some(run)
    }
}

impl<'a> Iterator for Runs<'a> {
    type Item = Result<Run<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let run = self.run();
        match &run {
            Some(Run::Repeated { count, .. } | Run::Packed { count, .. }) if *count > 0 => self.left -= count,
            _ => {
                self.left = 0;
                return Some(Err(Malformed));
            }
        }
        run.map(Ok)
    }
}

/// Gives `take` the numbers of a packed run, 64 at a time, the last time fewer.
#[inline]
pub(super) fn unpack(bytes: &[u8], width: usize, count: usize, mut take: impl FnMut(&[u32])) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_narrow::<$width>(bytes, count, &mut take),)*
                _ => unpack_wide(bytes, width, count, &mut take),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
}

/// Eight bytes from `at` on; what lies behind the end is zero.
#[inline]
pub(super) fn eight(bytes: &[u8], at: usize) -> u64 {
    if let Some(Ok(whole)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        return u64::from_le_bytes(whole);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take(8).rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Eight numbers of at most 16 bits take `WIDTH` bytes: four lie within the eight bytes at the start, four within those
/// from the middle on.
#[inline]
fn unpack_narrow<const WIDTH: usize>(bytes: &[u8], count: usize, take: &mut impl FnMut(&[u32])) {
    let mask = (1u64 << WIDTH) - 1;
    let mut numbers = [0u32; 64];
    let mut done = 0;
    while done < count {
        for (group, eight_numbers) in numbers.chunks_exact_mut(8).enumerate() {
            let at = done / 8 * WIDTH + group * WIDTH;
            let first = eight(bytes, at);
            let second = eight(bytes, at + WIDTH / 2) >> (WIDTH % 2 * 4);
            for (place, number) in eight_numbers.iter_mut().enumerate() {
                let (from, place) = if place < 4 { (first, place) } else { (second, place - 4) };
                *number = (from >> (place * WIDTH) & mask) as u32;
            }
        }
        let filled = (count - done).min(64);
        take(numbers.get(..filled).unwrap_or_default());
        done += filled;
    }
}

fn unpack_wide(bytes: &[u8], width: usize, count: usize, take: &mut impl FnMut(&[u32])) {
    let mask = (1u64 << width) - 1;
    let mut numbers = [0u32; 64];
    let mut done = 0;
    while done < count {
        let filled = (count - done).min(64);
        for (place, number) in numbers.iter_mut().take(filled).enumerate() {
            let bit = (done + place) * width;
            *number = (eight(bytes, bit / 8) >> (bit % 8) & mask) as u32;
        }
        take(numbers.get(..filled).unwrap_or_default());
        done += filled;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Bit by bit.
    fn pack(numbers: &[u32], width: usize) -> Vec<u8> {
        let mut bytes = vec![0u8; (numbers.len() * width).div_ceil(8)];
        for (at, number) in numbers.iter().enumerate() {
            for bit in 0..width {
                if number >> bit & 1 == 1 {
                    let place = at * width + bit;
                    bytes[place / 8] |= 1 << (place % 8);
                }
            }
        }
        bytes
    }

    fn read(bytes: &[u8], width: usize, count: usize) -> Result<Vec<u32>, Malformed> {
        let mut all = Vec::new();
        for run in Runs::try_new(bytes, width, count)? {
            match run? {
                Run::Repeated { value, count } => all.extend(std::iter::repeat_n(value, count)),
                Run::Packed { bytes, count } => unpack(bytes, width, count, |numbers| all.extend(numbers)),
            }
        }
        Ok(all)
    }

    proptest! {
        #[test]
        fn reads_what_was_packed(width in 0usize..=32, parts in vec((any::<bool>(), vec(any::<u32>(), 1..100)), 1..5)) {
            let mask = if width == 32 { u32::MAX } else { (1 << width) - 1 };
            let (mut bytes, mut expected) = (Vec::new(), Vec::new());
            let last = parts.len() - 1;
            for (at, (packed, numbers)) in parts.iter().enumerate() {
                let mut numbers: Vec<u32> = numbers.iter().map(|n| n & mask).collect();
                if *packed {
                    let groups = numbers.len().div_ceil(8);
                    if at < last {
                        numbers.resize(groups * 8, 0);
                    }
                    bytes.extend(varint(groups << 1 | 1));
                    let mut stored = numbers.clone();
                    stored.resize(groups * 8, mask);
                    bytes.extend(pack(&stored, width));
                    expected.extend(numbers);
                } else {
                    let value = numbers[0];
                    bytes.extend(varint(numbers.len() << 1));
                    bytes.extend(value.to_le_bytes().iter().take(width.div_ceil(8)));
                    expected.extend(std::iter::repeat_n(value, numbers.len()));
                }
            }
            prop_assert_eq!(read(&bytes, width, expected.len()).unwrap(), expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..60), width in 0usize..=40, count in 0usize..500) {
            if let Ok(numbers) = read(&bytes, width, count) {
                prop_assert_eq!(numbers.len(), count);
            }
        }
    }

    fn varint(mut value: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }
}
