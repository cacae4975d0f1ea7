//! Date math: instants that are written relative to another one, as rule files and the command line write them.
//!
//! | text | instant |
//! |---|---|
//! | `now` | the execution's time |
//! | `now-7d/d` | seven days earlier, then the start of that day |
//! | `now+1h-30m` | steps apply from left to right |
//! | `2026-10-01\|\|+1d` | a day after a fixed date |
//! | `2026-10-01T12:30:00+02:00`, `2026-10-01` | fixed instants; UTC where no offset is written |
//!
//! Units are `y`, `M`, `w`, `d`, `h` (or `H`), `m` and `s`; a number may be left out (`now-d`). Everything is UTC and has a
//! precision of milliseconds; a week begins on Monday. Rounding always goes down, at both ends of a window: that is what
//! Elastic's detection engine does with `from` and `to`, while the `lte` of an Elasticsearch range query would round up.
//! Results outside of the years 1 to 9999 are moved to the nearest instant inside.
//!
//! ```
//! use chrono::{DateTime, Utc};
//! use egret::rule::DateMath;
//! let now: DateTime<Utc> = "2026-10-08T12:34:56Z".parse()?;
//! let from: DateMath = "now-7d/d".parse()?;
//! assert_eq!(from.resolve(now).to_rfc3339(), "2026-10-01T00:00:00+00:00");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::error::{Error, Kind};

const HELP: &str = "write `now`, `now-1h`, `now-7d/d`, `2026-10-01||+1d` or a date such as `2026-10-01T12:00:00Z`";

/// A point in time, fixed or relative to the time of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateMath {
    text: String,
    anchor: Anchor,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchor {
    Now,
    Fixed(DateTime<Utc>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Add(i64, Unit),
    Round(Unit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

impl DateMath {
    /// The instant that `text` describes.
    ///
    /// # Errors
    /// A diagnostic whose span points into `text`.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let (anchor, rest) = if let Some(rest) = text.strip_prefix("now") {
            (Anchor::Now, rest)
        } else {
            let (date, rest) = text.split_once("||").unwrap_or((text, ""));
            let instant = fixed(date).ok_or_else(|| {
                let message = format!("expected a date or date math, found `{date}`");
                Diagnostic::error(Code::BadValue, Span::new(0, date.len()), message).with_help(HELP)
            })?;
            (Anchor::Fixed(instant), rest)
        };
        let steps = steps(rest).map_err(|d| d.shift(text.len() - rest.len()))?;
        Ok(Self { text: text.to_owned(), anchor, steps })
    }

    /// The time of the execution itself.
    pub fn now() -> Self {
        Self { text: "now".to_owned(), anchor: Anchor::Now, steps: Vec::new() }
    }

    /// The instant, `now` being the execution's time; in whole milliseconds, rounded down.
    pub fn resolve(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let start = match self.anchor {
            Anchor::Now => now,
            Anchor::Fixed(at) => at,
        };
        self.steps.iter().fold(clamp(start), |at, step| match *step {
            Step::Add(count, unit) => add(at, count, unit),
            Step::Round(unit) => round_down(at, unit),
        })
    }

    /// Whether the instant moves with the time of the execution.
    pub fn is_relative(&self) -> bool {
        self.anchor == Anchor::Now
    }

    /// The fixed distance from the time of the execution, where there is one: neither rounded nor of calendar units.
    pub(crate) fn offset(&self) -> Option<TimeDelta> {
        let steps = self.steps.iter().map(|step| match *step {
            Step::Add(count, unit) => unit.length().and_then(|length| length.checked_mul(i32::try_from(count).ok()?)),
            Step::Round(_) => None,
        });
        let sum = |total: TimeDelta, step: Option<TimeDelta>| total.checked_add(&step?);
        self.is_relative().then_some(())?;
        steps.into_iter().try_fold(TimeDelta::zero(), sum)
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<DateTime<Utc>> for DateMath {
    fn from(at: DateTime<Utc>) -> Self {
        let at = clamp(at);
        Self { text: at.to_rfc3339(), anchor: Anchor::Fixed(at), steps: Vec::new() }
    }
}

impl fmt::Display for DateMath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for DateMath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).map_err(|d| Error::new(Kind::Usage, d.message).with_help(HELP))
    }
}

impl Unit {
    fn parse(letter: char) -> Option<Self> {
        Some(match letter {
            'y' => Self::Year,
            'M' => Self::Month,
            'w' => Self::Week,
            'd' => Self::Day,
            'h' | 'H' => Self::Hour,
            'm' => Self::Minute,
            's' => Self::Second,
            _ => return None,
        })
    }

    /// The length of a unit that is always equally long: UTC days and weeks are.
    fn length(self) -> Option<TimeDelta> {
        match self {
            Self::Year | Self::Month => None,
            Self::Week => TimeDelta::try_weeks(1),
            Self::Day => TimeDelta::try_days(1),
            Self::Hour => TimeDelta::try_hours(1),
            Self::Minute => TimeDelta::try_minutes(1),
            Self::Second => TimeDelta::try_seconds(1),
        }
    }
}

/// The steps behind the anchor; a diagnostic points into `text`.
fn steps(text: &str) -> Result<Vec<Step>, Diagnostic> {
    let wrong = |start: usize, end: usize, message: String| {
        Err(Diagnostic::error(Code::BadValue, Span::new(start, end), message).with_help(HELP))
    };
    let mut steps = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, sign)) = chars.next() {
        if !matches!(sign, '+' | '-' | '/') {
            return wrong(start, start + sign.len_utf8(), format!("expected `+`, `-` or `/`, found `{sign}`"));
        }
        let mut end = start + 1;
        while chars.next_if(|(_, c)| c.is_ascii_digit()).is_some() {
            end += 1;
        }
        let digits = text.get(start + 1..end).unwrap_or("");
        let Some((at, letter)) = chars.next() else {
            return wrong(start, end, format!("expected a unit after `{sign}{digits}`, found the end"));
        };
        let Some(unit) = Unit::parse(letter) else {
            let message = format!("expected a unit of `y`, `M`, `w`, `d`, `h`, `m` or `s`, found `{letter}`");
            return wrong(at, at + letter.len_utf8(), message);
        };
        steps.push(if sign == '/' {
            if !matches!(digits, "" | "1") {
                return wrong(start, at + 1, format!("expected one unit to round to, found {digits}"));
            }
            Step::Round(unit)
        } else {
            let Ok(count) = (if digits.is_empty() { Ok(1) } else { digits.parse::<i32>() }) else {
                return wrong(start, at + 1, format!("expected a number of up to {}, found {digits}", i32::MAX));
            };
            Step::Add(if sign == '-' { -i64::from(count) } else { i64::from(count) }, unit)
        });
    }
    Ok(steps)
}

/// A date, or a date and a time, with or without offset.
fn fixed(text: &str) -> Option<DateTime<Utc>> {
    let date = text.get(..10)?;
    let shaped =
        date.bytes().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
    let date = shaped.then(|| NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()).flatten()?;
    let rest = text.get(10..)?;
    let at = if rest.is_empty() {
        date.and_time(NaiveTime::MIN).and_utc()
    } else {
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let (time, offset) = split_offset(rest)?;
        let at = NaiveDateTime::new(date, time_of_day(time)?);
        at.and_utc().checked_sub_signed(offset)?
    };
    Some(clamp(at))
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    // chrono takes numbers of one digit, signs and blanks, which RFC 3339 does not
    let shaped = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b','));
    let text = text.replace(',', ".");
    let format = match text.len() {
        2 => return NaiveTime::parse_from_str(&format!("{text}:00"), "%H:%M").ok().filter(|_| shaped),
        5 => "%H:%M",
        8 => "%H:%M:%S",
        10.. => "%H:%M:%S%.f",
        _ => return None,
    };
    NaiveTime::parse_from_str(&text, format).ok().filter(|_| shaped)
}

/// The time of day and its offset from UTC: `Z`, `+02:00`, `+0200`, `+02` or nothing.
fn split_offset(text: &str) -> Option<(&str, TimeDelta)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, TimeDelta::zero()));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, TimeDelta::zero())) };
    let (time, offset) = (text.get(..at)?, text.get(at + 1..)?);
    let (hours, minutes) = match offset.len() {
        2 => (offset, "0"),
        4 => (offset.get(..2)?, offset.get(2..)?),
        5 => offset.split_once(':')?,
        _ => return None,
    };
    let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let offset = TimeDelta::try_minutes(hours * 60 + minutes).filter(|_| hours <= 23 && minutes <= 59)?;
    Some((time, if text[at..].starts_with('-') { -offset } else { offset }))
}

fn add(at: DateTime<Utc>, count: i64, unit: Unit) -> DateTime<Utc> {
    let sum = if let Some(length) = unit.length() {
        i32::try_from(count).ok().and_then(|count| at.checked_add_signed(length.checked_mul(count)?))
    } else {
        let months = if unit == Unit::Year { count.saturating_mul(12) } else { count };
        u32::try_from(months.unsigned_abs()).ok().and_then(|size| {
            if months < 0 { at.checked_sub_months(Months::new(size)) } else { at.checked_add_months(Months::new(size)) }
        })
    };
    sum.map_or_else(|| if count < 0 { earliest() } else { latest() }, clamp)
}

fn round_down(at: DateTime<Utc>, unit: Unit) -> DateTime<Utc> {
    let day = at.date_naive();
    let seconds = at.timestamp();
    let to_multiple = |length: i64| DateTime::from_timestamp(seconds - seconds.rem_euclid(length), 0);
    let rounded = match unit {
        Unit::Year => day.with_day(1).and_then(|day| day.with_month(1)).map(midnight),
        Unit::Month => day.with_day(1).map(midnight),
        Unit::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())).map(midnight),
        Unit::Day => to_multiple(86_400),
        Unit::Hour => to_multiple(3_600),
        Unit::Minute => to_multiple(60),
        Unit::Second => to_multiple(1),
    };
    clamp(rounded.unwrap_or(at))
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

fn earliest() -> DateTime<Utc> {
    // 0001-01-01T00:00:00Z
    DateTime::from_timestamp_millis(-62_135_596_800_000).unwrap_or(DateTime::UNIX_EPOCH)
}

fn latest() -> DateTime<Utc> {
    // 9999-12-31T23:59:59.999Z
    DateTime::from_timestamp_millis(253_402_300_799_999).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The instant in whole milliseconds, within the years that RFC 3339 can write.
fn clamp(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at).clamp(earliest(), latest())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use proptest::prelude::*;

    use super::*;

    fn resolved(text: &str, now: &str) -> String {
        let at = DateMath::parse(text).unwrap().resolve(now.parse().unwrap());
        at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    #[test]
    fn relative_to_now() {
        let now = "2026-10-08T12:34:56.789123Z";
        for (text, expected) in [
            ("now", "2026-10-08T12:34:56.789Z"),
            ("now-61m", "2026-10-08T11:33:56.789Z"),
            ("now+1h-30m", "2026-10-08T13:04:56.789Z"),
            ("now-7d/d", "2026-10-01T00:00:00.000Z"),
            ("now/w", "2026-10-05T00:00:00.000Z"),
            ("now/M-1d", "2026-09-30T00:00:00.000Z"),
            ("now/y", "2026-01-01T00:00:00.000Z"),
            ("now/H", "2026-10-08T12:00:00.000Z"),
            ("now/m", "2026-10-08T12:34:00.000Z"),
            ("now/s", "2026-10-08T12:34:56.000Z"),
            ("now-d", "2026-10-07T12:34:56.789Z"),
            ("now-2w", "2026-09-24T12:34:56.789Z"),
            ("now-9y+1M/M", "2017-11-01T00:00:00.000Z"),
            ("now-1y/1y", "2025-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(resolved(text, now), expected, "{text}");
        }
        assert_eq!(resolved("now-1M", "2026-03-31T00:00:00Z"), "2026-02-28T00:00:00.000Z");
        assert_eq!(resolved("now/d", "1969-12-31T23:59:59Z"), "1969-12-31T00:00:00.000Z");
    }

    #[test]
    fn fixed_instants() {
        for (text, expected) in [
            ("2026-10-01", "2026-10-01T00:00:00.000Z"),
            ("2026-10-01||+1d", "2026-10-02T00:00:00.000Z"),
            ("2026-10-01||", "2026-10-01T00:00:00.000Z"),
            ("2026-10-01T12:30:00+02:00", "2026-10-01T10:30:00.000Z"),
            ("2026-10-01T12:30:00-0530", "2026-10-01T18:00:00.000Z"),
            ("2026-10-01T12:30:00.1239Z||/m", "2026-10-01T12:30:00.000Z"),
            ("2026-10-01 12:30:00.1239", "2026-10-01T12:30:00.123Z"),
            ("2026-10-01T12:30", "2026-10-01T12:30:00.000Z"),
            ("2026-10-01t12z", "2026-10-01T12:00:00.000Z"),
            ("2024-02-29||+1y", "2025-02-28T00:00:00.000Z"),
        ] {
            assert_eq!(resolved(text, "2000-01-01T00:00:00Z"), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_point_into_the_text() {
        for (text, span, part) in [
            ("now-7", Span::new(3, 5), "found the end"),
            ("now-7x", Span::new(5, 6), "found `x`"),
            ("now 7d", Span::new(3, 4), "found ` `"),
            ("now/2d", Span::new(3, 6), "one unit"),
            ("now-99999999999d", Span::new(3, 16), "up to"),
            ("yesterday", Span::new(0, 9), "expected a date"),
            ("2026-13-01||+1d", Span::new(0, 10), "expected a date"),
            ("2026-10-01T25:00:00Z", Span::new(0, 20), "expected a date"),
            ("2026-10-01||+1é", Span::new(14, 16), "found `é`"),
            ("", Span::new(0, 0), "expected a date"),
        ] {
            let diagnostic = DateMath::parse(text).unwrap_err();
            assert_eq!(diagnostic.span, span, "{text}");
            assert!(diagnostic.message.contains(part), "{text}: {}", diagnostic.message);
        }
        for text in
            ["2026-10-1", "2026-10-01T1:00", "2026-10-01T12:30:00+2:00", "+026-10-01", "2026-10-01T12:30:00+24:00"]
        {
            assert!(DateMath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn far_away_is_the_end_of_time() {
        assert_eq!(resolved("now+2147483647y", "2026-01-01T00:00:00Z"), "9999-12-31T23:59:59.999Z");
        assert_eq!(resolved("now-2147483647w", "2026-01-01T00:00:00Z"), "0001-01-01T00:00:00.000Z");
        assert_eq!(DateMath::from(DateTime::<Utc>::MAX_UTC).resolve(DateTime::UNIX_EPOCH), latest());
    }

    #[test]
    fn offsets() {
        let offset = |text: &str| DateMath::parse(text).unwrap().offset();
        assert_eq!(offset("now-1h-1m"), TimeDelta::try_minutes(-61));
        assert_eq!(offset("now-1M"), None);
        assert_eq!(offset("now/d"), None);
        assert_eq!(offset("2026-10-01"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(now|2026-10-01\\|\\||[0-9T:.Z+-]{0,24})([+/-][0-9]{0,11}[yMwdhHms]?){0,4}\\PC{0,2}", millis: i64) {
            if let Ok(math) = DateMath::parse(&text) {
                let now = DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MIN_UTC);
                let at = math.resolve(now);
                prop_assert!(at >= earliest() && at <= latest());
                prop_assert_eq!(at.timestamp_subsec_nanos() % 1_000_000, 0);
                let _ = math.offset();
            }
        }

        #[test]
        fn any_text_is_told(text in "\\PC*") {
            if let Err(diagnostic) = DateMath::parse(&text) {
                prop_assert!(text.get(diagnostic.span.start..diagnostic.span.end).is_some());
            }
        }

        #[test]
        fn rounding_goes_down_and_is_stable(seconds in -60_000_000_000_i64..250_000_000_000, unit in "[yMwdhms]") {
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let math = DateMath::parse(&format!("now/{unit}")).unwrap();
            let at = math.resolve(now);
            prop_assert!(at <= now);
            prop_assert_eq!(math.resolve(at), at);
        }

        #[test]
        fn rfc_3339_is_read_as_chrono_does(seconds in -60_000_000_000_i64..250_000_000_000, minutes in -1439_i32..1440) {
            let offset = chrono::FixedOffset::east_opt(minutes * 60).unwrap();
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            let text = at.with_timezone(&offset).to_rfc3339();
            prop_assert_eq!(DateMath::parse(&text).unwrap().resolve(DateTime::UNIX_EPOCH), at);
        }
    }
}
