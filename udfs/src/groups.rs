//! IPv6 texts of groups alone, `2001:db8::1`, in one pass over their bytes.
//!
//! The parser of the standard library looks for a dotted end before each group. What has one is left to it.

/// What each byte is as a hexadecimal digit; 16 for no digit.
const DIGITS: [u8; 256] = {
    let mut digits = [16; 256];
    let mut digit = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digits[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
};

/// Returns the 128 bits of an address spelled as groups of one to four digits, with `::` for groups of zeros at most once.
#[inline]
pub(crate) fn parse(text: &[u8]) -> Option<u128> {
    // The groups before and behind the gap, and how many groups were read when it came.
    let (mut head, mut bits, mut read, mut gap) = (0_u128, 0_u128, 0_u32, None);
    let mut rest = text;
    if let [b':', b':', more @ ..] = rest {
        (gap, rest) = (Some(0), more);
        if rest.is_empty() {
            return Some(0);
        }
    }
    loop {
        let (mut group, mut length) = (0_u128, 0);
        while let Some((byte, more)) = rest.split_first() {
            let digit = DIGITS[usize::from(*byte)];
            if digit == 16 {
                break;
            }
            (group, length, rest) = (group << 4 | u128::from(digit), length + 1, more);
            if length > 4 {
                return None;
            }
        }
        if length == 0 || read == 8 {
            return None;
        }
        (bits, read) = (bits << 16 | group, read + 1);
        match rest {
            [] => break,
            [b':', b':', more @ ..] if gap.is_none() && read < 8 => {
                // What was read lies at the top once the gap is as wide as it must be.
                (head, bits, gap, rest) = (bits << (128 - 16 * read), 0, Some(read), more);
                if rest.is_empty() {
                    break;
                }
            }
            [b':', more @ ..] => rest = more,
            _ => return None,
        }
    }
    match gap {
        Some(_) if read < 8 => Some(head | bits),
        None if read == 8 => Some(bits),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    fn by_std(text: &str) -> Option<u128> {
        text.parse::<Ipv6Addr>().ok().map(Ipv6Addr::to_bits)
    }

    proptest! {
        #[test]
        fn agrees_with_std_on_addresses(groups in proptest::array::uniform8(prop_oneof![Just(0_u16), any::<u16>()])) {
            let bits = Ipv6Addr::from(groups).to_bits();
            let long = groups.map(|group| format!("{group:04X}")).join(":");
            prop_assert_eq!(parse(long.as_bytes()), Some(bits));
            let short = Ipv6Addr::from_bits(bits).to_string();
            if !short.contains('.') {
                prop_assert_eq!(parse(short.as_bytes()), Some(bits));
            }
        }

        #[test]
        fn agrees_with_std_on_near_misses(text in "(:{0,3}[0-9a-fA-F]{1,5}){0,9}:{0,3}[g]?") {
            prop_assert_eq!(parse(text.as_bytes()), by_std(&text), "{}", text);
        }
    }
}
