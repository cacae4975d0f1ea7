//! A length of time as rules, tables and flags write it: `5m`.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::error::{Error, Kind};

const HELP: &str = "write a whole number and one of `s`, `m`, `h`, `d`, such as `5m`";

/// A whole number of seconds, minutes, hours or days, as it was written.
///
/// ```
/// use egret::interval::Interval;
/// assert_eq!(Interval::parse("61m").map(|interval| interval.length().num_seconds()), Ok(3_660));
/// assert!(Interval::parse("0m").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    text: String,
    length: TimeDelta,
}

impl Interval {
    /// The interval that `text` describes: digits and one of `s`, `m`, `h`, `d`, more than zero.
    ///
    /// # Errors
    /// A diagnostic whose span is the whole text.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let wrong =
            |message: String| Diagnostic::error(Code::BadValue, Span::new(0, text.len()), message).with_help(HELP);
        let unit = text.chars().next_back().and_then(|unit| match unit {
            's' => Some(1),
            'm' => Some(60),
            'h' => Some(3_600),
            'd' => Some(86_400),
            _ => None,
        });
        let digits = text.get(..text.len().saturating_sub(1)).unwrap_or("");
        let Some(unit) = unit.filter(|_| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())) else {
            return Err(wrong(format!("expected an interval, found `{text}`")));
        };
        let seconds = digits.parse::<i32>().ok().and_then(|count| i64::from(count).checked_mul(unit));
        match seconds.and_then(TimeDelta::try_seconds) {
            Some(length) if length > TimeDelta::zero() => Ok(Self { text: text.to_owned(), length }),
            Some(_) => Err(wrong(format!("expected an interval of more than zero, found `{text}`"))),
            None => Err(wrong(format!("expected an interval of up to {}d, found `{text}`", i32::MAX))),
        }
    }

    /// So many minutes.
    pub(crate) fn minutes(count: u16) -> Self {
        Self { text: format!("{count}m"), length: TimeDelta::seconds(i64::from(count) * 60) }
    }

    /// How long it is.
    pub fn length(&self) -> TimeDelta {
        self.length
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Interval {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).map_err(|d| Error::new(Kind::Usage, d.message).with_help(HELP))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn intervals() {
        assert_eq!(Interval::parse("90s").unwrap().length(), TimeDelta::try_seconds(90).unwrap());
        assert_eq!(Interval::parse("2d").unwrap().length(), TimeDelta::try_hours(48).unwrap());
        for (text, part) in [
            ("", "found ``"),
            ("5", "expected an interval"),
            ("m", "expected an interval"),
            ("-5m", "expected an interval"),
            ("5 m", "expected an interval"),
            ("5M", "expected an interval"),
            ("5é", "expected an interval"),
            ("0m", "more than zero"),
            ("99999999999h", "up to"),
        ] {
            let diagnostic = Interval::parse(text).unwrap_err();
            assert!(diagnostic.message.contains(part), "{text}: {}", diagnostic.message);
        }
    }
}
