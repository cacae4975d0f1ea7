//! Reads decimal text exactly: whole numbers of 64 bits out of any spelling, without a detour through floating point.

/// A decimal number, cut at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scaled {
    /// The whole part, cut towards zero.
    pub(crate) whole: i128,
    /// Whether nothing was cut off.
    pub(crate) exact: bool,
}

/// The number that `text` spells, times ten to the power of `shift`, or nothing where it is no number or far beyond
/// 64 bits.
pub(crate) fn scaled(text: &str, shift: i64) -> Option<Scaled> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, signed_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // How many digits stand before the point once it has moved.
    let kept = (whole.len() as i64).checked_add(exponent)?.checked_add(shift)?;
    let mut value: i128 = 0;
    let mut exact = true;
    for (index, digit) in digits().enumerate() {
        if (index as i64) < kept {
            value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        } else {
            exact &= digit == b'0';
        }
    }
    if value != 0 {
        for _ in digits().count() as i64..kept {
            value = value.checked_mul(10)?;
        }
    }
    Some(Scaled { whole: if text.starts_with('-') { -value } else { value }, exact })
}

/// An exponent; beyond all reason it only has to stay far away from zero.
fn signed_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse::<i64>().unwrap_or(1 << 40).min(1 << 40);
    Some(if text.starts_with('-') { -value } else { value })
}

/// The finite floating-point number that `text` spells in decimal.
pub(crate) fn double(text: &str) -> Option<f64> {
    let decimal = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|value| decimal && value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exact_and_cut() {
        let whole = |text| scaled(text, 0).map(|s| (s.whole, s.exact));
        assert_eq!(whole("443"), Some((443, true)));
        assert_eq!(whole("+443.0"), Some((443, true)));
        assert_eq!(whole("443.7"), Some((443, false)));
        assert_eq!(whole("-0.5"), Some((0, false)));
        assert_eq!(whole("1e3"), Some((1000, true)));
        assert_eq!(whole("12345e-2"), Some((123, false)));
        assert_eq!(whole("18446744073709551615"), Some((18_446_744_073_709_551_615, true)));
        assert_eq!(whole("0e99999999999999999999"), Some((0, true)));
        assert_eq!(whole("1e-99999999999999999999"), Some((0, false)));
        for text in ["", "-", "x", "1x", "1e", "1e400", "0x10", "1 ", "--1", "1.2.3", ".", "inf", "NaN"] {
            assert_eq!(whole(text), None, "{text}");
        }
        assert_eq!(scaled("1.5", 3).map(|s| s.whole), Some(1500));
    }

    #[test]
    fn doubles_are_finite_decimals() {
        assert_eq!(double("1.5e3"), Some(1500.0));
        assert_eq!(double("443"), Some(443.0));
        for text in ["", "inf", "nan", "infinity", "1e999", "x", "0x1"] {
            assert_eq!(double(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_round_trip(value: i64) {
            prop_assert_eq!(scaled(&value.to_string(), 0), Some(Scaled { whole: value.into(), exact: true }));
        }

        #[test]
        fn never_panics(text in "[0-9.eE+-]{0,20}", shift in -5_i64..5) {
            let _ = scaled(&text, shift);
        }
    }
}
