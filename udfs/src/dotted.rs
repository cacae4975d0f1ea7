//! Dotted IPv4 texts to numbers, without a branch that depends on the digits.
//!
//! Octets of one to three digits come in no order that a processor could guess: a loop over the bytes pays for every
//! wrong guess. Here all sixteen bytes are looked at together, and the same steps are taken for every text.

/// The bytes of a word that are dots, one bit each.
#[inline]
const fn dots(word: u64) -> u32 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let other = word ^ 0x2e2e_2e2e_2e2e_2e2e;
    // The high bit of each byte that is zero: exact, no carry leaves a byte.
    let zero = !((other & LOW).wrapping_add(LOW) | other | LOW);
    // The eight high bits side by side.
    ((zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

/// The number that up to three digits spell, and whether they are digits and a number of an address.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch")]
const fn octet(text: u128, start: u32, end: u32) -> (u32, bool) {
    const LEAST: [u32; 4] = [256, 0, 10, 100];
    let length = end.wrapping_sub(start);
    let (shift, cut) = ((start & 15) * 8, (4_u32.wrapping_sub(length) & 3) * 8);
    // The last digit comes to lie in the highest byte, nothing before the first.
    let digits = ((text >> shift) as u32 ^ 0x3030_3030) << cut;
    let is_digits = (digits.wrapping_add(0x7676_7676) | digits) & 0x8080_8080 == 0;
    let number = (digits >> 8 & 0xff) * 100 + (digits >> 16 & 0xff) * 10 + (digits >> 24);
    let least = LEAST[(length & 3) as usize];
    (number, is_digits & (length.wrapping_sub(1) < 3) & (number >= least) & (number <= 255))
}

/// Returns the IPv4 address of a dotted text: four numbers from 0 to 255 without leading zeros.
#[inline]
pub(crate) fn parse(text: &[u8]) -> Option<u32> {
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
    let text = u128::from(low) | u128::from(high) << 64;
    let marks = dots(low) | dots(high) << 8;
    let first = marks.trailing_zeros();
    let rest = marks & marks.wrapping_sub(1);
    let second = rest.trailing_zeros();
    let last = rest & rest.wrapping_sub(1);
    let third = last.trailing_zeros();
    let three = last != 0 && last & last.wrapping_sub(1) == 0;
    let (a, is_a) = octet(text, 0, first);
    let (b, is_b) = octet(text, first + 1, second);
    let (c, is_c) = octet(text, second + 1, third);
    let (d, is_d) = octet(text, third + 1, length as u32);
    (three & is_a & is_b & is_c & is_d).then_some(a << 24 | b << 16 | c << 8 | d)
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
