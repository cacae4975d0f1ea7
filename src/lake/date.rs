//! Reads an instant from text: ISO 8601 with any offset, a date alone, or epoch milliseconds.
//!
//! The forms are those of Elasticsearch's default format `strict_date_optional_time||epoch_millis`, and more that logs
//! hold: spaces around it, a space or a lower-case letter where a `T` or `Z` stands, an offset without colon, a comma
//! before the fraction, a leap second. Four digits alone are a year, any other number is epoch milliseconds. What is finer than
//! a microsecond is cut off; without an offset the text is UTC.

use super::number::scaled;

const SECOND: i64 = 1_000_000;

/// Microseconds since 1970-01-01T00:00:00Z of `text`, or nothing where it names no instant.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let text = text.trim_matches(' ');
    if text.len() != 4 && looks_numeric(text) {
        return epoch_millis(text);
    }
    calendar(text)
}

/// Microseconds of a number of milliseconds, spelled in decimal.
pub(crate) fn epoch_millis(text: &str) -> Option<i64> {
    i64::try_from(scaled(text, 3)?.whole).ok()
}

fn looks_numeric(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let first = digits.bytes().next().is_some_and(|b| b.is_ascii_digit());
    first && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+'))
}

/// What is left of a text that is read from its front.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn take(&mut self, any: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        any.contains(&first).then(|| {
            self.0 = rest;
            first
        })
    }

    /// A number of exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let value = digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))?;
        self.0 = rest;
        Some(value)
    }

    /// A number of exactly `count` digits that lies within `low..=high`.
    fn within(&mut self, count: usize, low: i64, high: i64) -> Option<i64> {
        self.digits(count).filter(|value| (low..=high).contains(value))
    }
}

fn calendar(text: &str) -> Option<i64> {
    let mut rest = Rest(text.as_bytes());
    let year = year(&mut rest)?;
    let (mut month, mut day) = (1, 1);
    if rest.take(b"-").is_some() {
        month = rest.within(2, 1, 12)?;
        if rest.take(b"-").is_some() {
            day = rest.within(2, 1, days_in(year, month))?;
        }
    }
    let mut micros = days_from_epoch(year, month, day).checked_mul(86_400 * SECOND)?;
    if rest.take(b"Tt ").is_some() {
        micros = micros.checked_add(time(&mut rest)?)?.checked_sub(offset(&mut rest)?)?;
    }
    rest.peek().is_none().then_some(micros)
}

/// Four digits, or a sign and four to six of them: all years that microseconds of 64 bits can reach.
fn year(rest: &mut Rest<'_>) -> Option<i64> {
    let Some(sign) = rest.take(b"+-") else { return rest.digits(4) };
    let count = rest.0.iter().take_while(|b| b.is_ascii_digit()).count();
    let value = if (4..=6).contains(&count) { rest.digits(count)? } else { return None };
    Some(if sign == b'-' { -value } else { value })
}

/// Microseconds since midnight of `HH[:MM[:SS[.fraction]]]`.
fn time(rest: &mut Rest<'_>) -> Option<i64> {
    let mut seconds = rest.within(2, 0, 23)? * 3600;
    let mut fraction = 0;
    if rest.take(b":").is_some() {
        seconds += rest.within(2, 0, 59)? * 60;
        if rest.take(b":").is_some() {
            seconds += rest.within(2, 0, 60)?;
            if rest.take(b".,").is_some() {
                fraction = fraction_micros(rest)?;
            }
        }
    }
    Some(seconds * SECOND + fraction)
}

fn fraction_micros(rest: &mut Rest<'_>) -> Option<i64> {
    let count = rest.0.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, after) = rest.0.split_at_checked(count)?;
    rest.0 = after;
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    (1..=9).contains(&count).then(|| padded.fold(0, |n, b| n * 10 + i64::from(b - b'0')))
}

/// Microseconds by which local time is ahead of UTC: `Z`, `+HH`, `+HHMM`, `+HH:MM`, or nothing.
fn offset(rest: &mut Rest<'_>) -> Option<i64> {
    if rest.peek().is_none() || rest.take(b"Zz").is_some() {
        return Some(0);
    }
    rest.take(b" ");
    let sign = if rest.take(b"+-")? == b'-' { -1 } else { 1 };
    let mut minutes = rest.within(2, 0, 23)? * 60;
    let colon = rest.take(b":").is_some();
    if colon || rest.peek().is_some() {
        minutes += rest.within(2, 0, 59)?;
    }
    Some(sign * minutes * 60 * SECOND)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, counted in eras of 400 years that begin on a first of March.
const fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeZone, Utc};
    use proptest::prelude::*;

    fn rfc(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn every_spelling_of_an_instant() {
        let noon = rfc("2026-10-01T12:00:00Z");
        for text in [
            "2026-10-01T12:00:00Z",
            "2026-10-01t12:00:00z",
            "2026-10-01 12:00:00",
            "2026-10-01T12:00:00",
            "2026-10-01T12:00",
            "2026-10-01T12",
            "2026-10-01T12Z",
            "2026-10-01T14:00:00+02:00",
            "2026-10-01T14:00:00+0200",
            "2026-10-01T14:00:00+02",
            "2026-10-01T06:30:00.000-05:30",
            "2026-10-01 14:00:00 +02:00",
            "2026-10-01T12:00:00,000000000Z",
            "+2026-10-01T12:00:00Z",
            "1790856000000",
            "1.790856e12",
            " 2026-10-01T12:00:00Z ",
            "2026-10-01T14:00:00.000+02",
            "2026-10-01T12:00Z",
        ] {
            assert_eq!(micros(text), Some(noon), "{text}");
        }
        assert_eq!(micros("2026-10-01"), Some(rfc("2026-10-01T00:00:00Z")));
        assert_eq!(micros("2026-10"), Some(rfc("2026-10-01T00:00:00Z")));
        assert_eq!(micros("2026"), Some(rfc("2026-01-01T00:00:00Z")));
    }

    #[test]
    fn fractions_are_cut_at_the_microsecond() {
        let base = rfc("2026-10-01T00:00:00Z");
        for (text, more) in
            [(".1", 100_000), (".12", 120_000), (",123", 123_000), (".1234567", 123_456), (".999999999", 999_999)]
        {
            assert_eq!(micros(&format!("2026-10-01T00:00:00{text}Z")), Some(base + more), "{text}");
        }
        assert_eq!(micros("1969-12-31T23:59:59.5Z"), Some(-500_000));
        assert_eq!(micros("1790812800000.25"), Some(base + 250));
        assert_eq!(micros("-1"), Some(-1000));
        assert_eq!(micros("0"), Some(0));
    }

    #[test]
    fn leap_days_and_far_years() {
        assert!(micros("2024-02-29").is_some() && micros("2000-02-29").is_some());
        assert!(micros("2023-02-29").is_none() && micros("1900-02-29").is_none());
        assert_eq!(micros("9999-12-31T23:59:59Z"), Some(rfc("9999-12-31T23:59:59Z")));
        assert_eq!(micros("0000-03-01"), Some(-62_162_035_200_000_000));
        assert!(micros("+294246-01-01").is_some() && micros("+294249-01-01").is_none());
        assert!(micros("-0044-03-15").is_some());
        assert_eq!(micros("2016-12-31T23:59:60Z"), micros("2017-01-01T00:00:00Z"));
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            " ",
            "yesterday",
            "2026-13-01",
            "2026-00-01",
            "2026-10-32",
            "2026-10-01T24:00:00Z",
            "2026-10-01T12:60:00Z",
            "2026-10-01T",
            "2026-10-01T12:00:00.Z",
            "2026-10-01T12:00:00+",
            "2026-10-01T12:00:00+2",
            "2026-10-01T12:00:00+02:",
            "2026-10-01T12:00:00Zx",
            "26-10-01",
            "2026/10/01",
            "12345-01-01",
            "2026-1-1",
            "1e400",
            "99999999999999999999",
            "+",
            "-",
            "2026-10-01T12:00:00.1234567890Z",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn equals_chrono(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0_u32..1_000_000_000, minutes in -1439_i32..1440) {
            let utc = Utc.timestamp_opt(seconds, nanos).unwrap();
            let zone = chrono::FixedOffset::east_opt(minutes * 60).unwrap();
            let text = utc.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%.9f%:z").to_string();
            prop_assert_eq!(micros(&text), Some(utc.timestamp_micros()), "{}", text);
        }

        #[test]
        fn never_panics(text in "[0-9TtZz:+., eE-]{0,32}") {
            let _ = micros(&text);
        }
    }
}
