//! Dotted IPv4 texts, without a branch that depends on the digits.
//!
//! Octets of one to three digits come in no order that a processor could guess: a loop over the bytes pays for every
//! wrong guess. Here all sixteen bytes are looked at together, and the same steps are taken for every text.

use wide::i8x16;

/// A dotted IPv4 address as it was spelled: four numbers from 0 to 255 without leading zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dotted {
    /// The bytes, the first one lowest, zeros behind the last.
    pub(crate) word: u128,
    length: u32,
    /// The bytes that are dots, one bit each.
    dots: u32,
}

impl Dotted {
    /// Returns the address of a text, or `None` for any other text.
    #[inline]
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let length = text.len();
        if !(7..=15).contains(&length) {
            return None;
        }
        // Two reads that overlap bring all bytes without a loop over them.
        let (low, high) = if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            let high = u64::from_le_bytes(*last).checked_shr((16 - length as u32) * 8);
            (u64::from_le_bytes(*first), high.unwrap_or(0))
        } else {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
            (u64::from_le_bytes(bytes), 0)
        };
        let (word, length) = (u128::from(low) | u128::from(high) << 64, length as u32);
        dots(word, length).map(|dots| Self { word, length, dots })
    }

    /// The number that the address is.
    #[inline]
    pub(crate) fn number(self) -> u32 {
        let rest = self.dots & self.dots.wrapping_sub(1);
        let last = rest & rest.wrapping_sub(1);
        let (first, second, third) = (self.dots.trailing_zeros(), rest.trailing_zeros(), last.trailing_zeros());
        octet(self.word, 0, first) << 24
            | octet(self.word, first + 1, second) << 16
            | octet(self.word, second + 1, third) << 8
            | octet(self.word, third + 1, self.length)
    }
}

/// The dots of an address, one bit each; `None` where the bytes are no address.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch")]
fn dots(word: u128, length: u32) -> Option<u32> {
    let bytes = i8x16::new(word.to_le_bytes().map(u8::cast_signed));
    let all = |byte: u8| i8x16::splat(byte.cast_signed());
    let (is, above) = (|byte| bytes.simd_eq(all(byte)).to_bitmask(), |byte| bytes.simd_gt(all(byte)).to_bitmask());
    let (dot, zero) = (is(b'.'), is(b'0'));
    let digit = above(b'/') & !above(b'9');
    // Digits that one, two and three digits follow, among those that begin a number.
    let one = digit & !(digit << 1);
    let two = one & digit >> 1;
    let three = two & digit >> 2;
    let four = three & digit >> 3;
    let over_255 = above(b'2') | is(b'2') & (above(b'5') >> 1 | is(b'5') >> 1 & above(b'5') >> 2);
    let wrong = (dot | digit) ^ ((1 << length) - 1) | four | zero & two | three & over_255;
    // A number stands at the beginning and behind each dot, and nowhere else.
    let misplaced = (dot << 1 | 1) ^ one;
    let second = dot & dot.wrapping_sub(1);
    let third = second & second.wrapping_sub(1);
    (((wrong | misplaced) == 0) & (third != 0) & (third & third.wrapping_sub(1) == 0)).then_some(dot)
}

/// The number that the digits between two places spell.
#[inline]
const fn octet(word: u128, start: u32, end: u32) -> u32 {
    let (shift, cut) = ((start & 15) * 8, (4_u32.wrapping_sub(end.wrapping_sub(start)) & 3) * 8);
    // The last digit comes to lie in the highest byte, nothing before the first.
    let digits = ((word >> shift) as u32 ^ 0x3030_3030) << cut;
    (digits >> 8 & 0xff) * 100 + (digits >> 16 & 0xff) * 10 + (digits >> 24)
}

/// Returns the IPv4 address of a dotted text.
#[inline]
pub(crate) fn parse(text: &[u8]) -> Option<u32> {
    Dotted::read(text).map(Dotted::number)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn by_std(text: &[u8]) -> Option<u32> {
        std::str::from_utf8(text).ok()?.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits)
    }

    #[test]
    fn every_spelling_of_an_octet() {
        for number in 0..1200 {
            for spelled in [format!("{number}"), format!("0{number}"), format!("{number:03}")] {
                for text in [format!("{spelled}.1.22.133"), format!("9.{spelled}.0.1"), format!("1.2.3.{spelled}")] {
                    assert_eq!(parse(text.as_bytes()), by_std(text.as_bytes()), "{text}");
                }
            }
        }
    }

    #[test]
    fn any_byte_in_any_place() {
        for text in ["1.2.3.4", "10.2.3.4", "192.168.20.1", "192.168.200.100"] {
            for at in 0..text.len() {
                for byte in 0..=255 {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] = byte;
                    assert_eq!(parse(&bytes), by_std(&bytes), "{bytes:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_std_on_addresses(bits in any::<u32>()) {
            let text = Ipv4Addr::from_bits(bits).to_string();
            prop_assert_eq!(parse(text.as_bytes()), Some(bits));
        }

        #[test]
        fn agrees_with_std_on_near_misses(text in "[0-9.]{0,17}") {
            prop_assert_eq!(parse(text.as_bytes()), by_std(text.as_bytes()));
        }

        #[test]
        fn agrees_with_std_on_bytes(text in proptest::collection::vec(any::<u8>(), 0..20)) {
            prop_assert_eq!(parse(&text), by_std(&text));
        }
    }
}
