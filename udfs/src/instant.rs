//! Instants as text: ISO 8601 as Elasticsearch reads it, and patterns as Java writes them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

/// Nanoseconds of a second.
pub(crate) const SECOND: i128 = 1_000_000_000;

/// Returns the instant as UTC knows it, or `None` outside the years that a calendar of ours holds.
pub(crate) fn utc(nanos: i128) -> Option<DateTime<Utc>> {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok()?;
    DateTime::from_timestamp(seconds, u32::try_from(nanos.rem_euclid(SECOND)).ok()?)
}

/// Returns the nanoseconds since 1970.
pub(crate) fn nanos(instant: &NaiveDateTime) -> i128 {
    let utc = instant.and_utc();
    i128::from(utc.timestamp()) * SECOND + i128::from(utc.timestamp_subsec_nanos())
}

/// Returns the instant as a warning shows it.
pub(crate) fn show(nanos: i128) -> String {
    utc(nanos).map_or_else(|| nanos.to_string(), |utc| utc.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

/// Returns the nanoseconds since 1970 of a text of ISO 8601: a year at least, in UTC where it names no offset.
///
/// This is `strict_date_optional_time`: `2024`, `2024-02`, `2024-02-29`, `2024-02-29T23:30:00.250-01:30`.
///
/// ```
/// assert_eq!(egret_udfs::instant::parse_iso("1970-01-01T01:00:00.5+01:00"), Some(500_000_000));
/// assert_eq!(egret_udfs::instant::parse_iso("yesterday"), None);
/// ```
#[must_use]
pub fn parse_iso(text: &str) -> Option<i128> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    if parts.next().is_some() || (time.is_some() && date.len() != 10) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let Some(time) = time else { return Some(nanos(&date.and_time(NaiveTime::MIN))) };
    let end = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = (time.get(..end)?, time.get(end..)?);
    Some(nanos(&date.and_time(parse_clock(clock)?)) - i128::from(parse_zone(zone)?) * SECOND)
}

fn parse_clock(text: &str) -> Option<NaiveTime> {
    let mut parts = text.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(part) => match part.split_once(['.', ',']) {
            None => (digits(part, 2)?, 0),
            Some((whole, fraction)) if (1..=9).contains(&fraction.len()) => {
                let scale = 10_u32.pow(9 - u32::try_from(fraction.len()).ok()?);
                (digits(whole, 2)?, digits(fraction, fraction.len())? * scale)
            }
            Some(_) => return None,
        },
    };
    if parts.next().is_some() {
        return None;
    }
    NaiveTime::from_hms_nano_opt(hour, minute, second, fraction)
}

/// Seconds that a zone is ahead of UTC.
fn parse_zone(text: &str) -> Option<i64> {
    if text.is_empty() || text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { digits(minutes.strip_prefix(':').unwrap_or(minutes), 2)? };
    let hours = digits(hours, 2)?;
    (hours <= 18 && minutes < 60).then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

fn digits(text: &str, length: usize) -> Option<u32> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A pattern of Java's `DateTimeFormatter`, of the letters that have the same meaning in every locale but for names,
/// which are English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Field(char, usize),
}

/// What the names of ES|QL's own formats stand for.
const NAMED: [(&str, &str); 7] = [
    ("strict_date_optional_time", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"),
    ("date_optional_time", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"),
    ("strict_date_time", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"),
    ("strict_date_time_no_millis", "yyyy-MM-dd'T'HH:mm:ssXXX"),
    ("strict_date", "yyyy-MM-dd"),
    ("basic_date", "yyyyMMdd"),
    ("iso8601", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"),
];

const LETTERS: &str = "yuMLdDEeaHhKkmsSnXxZ";
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// How often a letter stands at most, as in Java.
const LONGEST: usize = 19;

impl Pattern {
    /// Returns the pattern that a text writes, or what is wrong with it.
    pub(crate) fn try_new(text: &str) -> Result<Self, String> {
        let text = NAMED.iter().find(|(name, _)| *name == text).map_or(text, |(_, pattern)| pattern);
        let mut parts: Vec<Part> = Vec::new();
        let literal = |parts: &mut Vec<Part>, c: char| match parts.last_mut() {
            Some(Part::Literal(text)) => text.push(c),
            _ => parts.push(Part::Literal(c.to_string())),
        };
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' {
                if chars.next_if_eq(&'\'').is_some() {
                    literal(&mut parts, '\'');
                    continue;
                }
                loop {
                    match chars.next() {
                        Some('\'') if chars.next_if_eq(&'\'').is_some() => literal(&mut parts, '\''),
                        Some('\'') => break,
                        Some(c) => literal(&mut parts, c),
                        None => return Err(format!("'{text}' is no date pattern: a quote is not closed")),
                    }
                }
            } else if LETTERS.contains(c) {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if count > LONGEST {
                    return Err(format!(
                        "'{text}' is no date pattern: found {count} times '{c}', expected {LONGEST} at most"
                    ));
                }
                parts.push(Part::Field(c, count));
            } else if c.is_ascii_alphabetic() {
                return Err(format!("'{text}' is no date pattern: found the letter '{c}', expected one of {LETTERS}"));
            } else {
                literal(&mut parts, c);
            }
        }
        Ok(Self(parts))
    }

    /// Returns the text of an instant.
    pub(crate) fn format(&self, nanos: i128) -> Option<String> {
        let at = utc(nanos)?;
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Field(letter, count) => text.push_str(&field(&at, *letter, *count)),
            }
        }
        Some(text)
    }

    /// Returns the nanoseconds since 1970 that a text of this pattern means; what it leaves out is the start of 1970.
    pub(crate) fn parse(&self, text: &str) -> Option<i128> {
        let mut read = Read { rest: text, ..Read::default() };
        for (at, part) in self.0.iter().enumerate() {
            match part {
                Part::Literal(literal) => read.rest = read.rest.strip_prefix(literal.as_str())?,
                Part::Field(letter, count) => {
                    let adjacent = matches!(self.0.get(at + 1), Some(Part::Field(..)));
                    read.field(*letter, *count, adjacent)?;
                }
            }
        }
        if read.rest.is_empty() { read.instant() } else { None }
    }
}

fn field(at: &DateTime<Utc>, letter: char, count: usize) -> String {
    let padded = |number: i64| format!("{number:0count$}");
    let named = |names: &[&str], index: usize| {
        let name = names.get(index).copied().unwrap_or_default();
        if count == 4 { name.to_owned() } else { name.chars().take(if count == 5 { 1 } else { 3 }).collect() }
    };
    let hour = i64::from(at.hour());
    match letter {
        'y' | 'u' if count == 2 => format!("{:02}", at.year().rem_euclid(100)),
        'y' | 'u' => padded(i64::from(at.year())),
        'M' | 'L' if count > 2 => named(&MONTHS, at.month0() as usize),
        'M' | 'L' => padded(i64::from(at.month())),
        'd' => padded(i64::from(at.day())),
        'D' => padded(i64::from(at.ordinal())),
        'E' => named(&DAYS, at.weekday().num_days_from_monday() as usize),
        'e' => padded(i64::from(at.weekday().number_from_monday())),
        'a' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        'H' => padded(hour),
        'k' => padded(if hour == 0 { 24 } else { hour }),
        'K' => padded(hour % 12),
        'h' => padded(if hour % 12 == 0 { 12 } else { hour % 12 }),
        'm' => padded(i64::from(at.minute())),
        's' => padded(i64::from(at.second())),
        'S' => format!("{:09}", at.nanosecond()).chars().chain(std::iter::repeat('0')).take(count).collect(),
        'n' => padded(i64::from(at.nanosecond())),
        'X' => "Z".to_owned(),
        'x' | 'Z' => match count {
            1 if letter == 'x' => "+00".to_owned(),
            3 | 5 if letter == 'x' => "+00:00".to_owned(),
            _ => "+0000".to_owned(),
        },
        _ => String::new(),
    }
}

/// What has been read of a text.
#[derive(Default)]
struct Read<'a> {
    rest: &'a str,
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    ordinal: Option<u32>,
    hour: Option<u32>,
    afternoon: Option<bool>,
    minute: u32,
    second: u32,
    nanos: u32,
    offset: i64,
}

impl Read<'_> {
    fn field(&mut self, letter: char, count: usize, adjacent: bool) -> Option<()> {
        match letter {
            'y' | 'u' if count == 2 => self.year = Some(2000 + i32::try_from(self.number(2, 2)?).ok()?),
            'y' | 'u' => self.year = Some(i32::try_from(self.number(count, if adjacent { count } else { 9 })?).ok()?),
            'M' | 'L' if count > 2 => self.month = Some(self.name(&MONTHS, count)? + 1),
            'M' | 'L' => self.month = Some(self.number(count, 2)?),
            'd' => self.day = Some(self.number(count, 2)?),
            'D' => self.ordinal = Some(self.number(count, 3)?),
            'E' => _ = self.name(&DAYS, count)?,
            'e' => _ = self.number(1, 1)?,
            'a' => {
                let half = self.rest.get(..2)?.to_ascii_uppercase();
                self.rest = self.rest.get(2..)?;
                self.afternoon = Some(match half.as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
            }
            'H' | 'k' | 'K' | 'h' => self.hour = Some(self.number(count, 2)? % if letter == 'k' { 24 } else { 25 }),
            'm' => self.minute = self.number(count, 2)?,
            's' => self.second = self.number(count, 2)?,
            'S' => {
                let fraction = self.number(count, count)?;
                self.nanos =
                    fraction.checked_mul(10_u32.checked_pow(9_u32.checked_sub(u32::try_from(count).ok()?)?)?)?;
            }
            'n' => self.nanos = self.number(count, 9)?,
            _ => {
                let end = match self.rest.chars().next()? {
                    'Z' => 1,
                    '+' | '-' => {
                        let body = self.rest.get(1..)?;
                        1 + body.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(body.len())
                    }
                    _ => return None,
                };
                self.offset = parse_zone(self.rest.get(..end)?)?;
                self.rest = self.rest.get(end..)?;
            }
        }
        Some(())
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let length = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let number = if length < least { None } else { self.rest.get(..length)?.parse().ok() };
        self.rest = self.rest.get(length..)?;
        number
    }

    fn name(&mut self, names: &[&str], count: usize) -> Option<u32> {
        let length = |name: &str| if count == 4 { name.len() } else { 3 };
        let at = names.iter().position(|name| {
            let wanted = name.get(..length(name));
            self.rest.get(..length(name)).zip(wanted).is_some_and(|(found, wanted)| found.eq_ignore_ascii_case(wanted))
        })?;
        self.rest = self.rest.get(length(names.get(at)?)..)?;
        u32::try_from(at).ok()
    }

    fn instant(&self) -> Option<i128> {
        let year = self.year.unwrap_or(1970);
        let date = match self.ordinal {
            Some(ordinal) => NaiveDate::from_yo_opt(year, ordinal)?,
            None => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        let hour = self.hour.unwrap_or(0);
        let hour = match self.afternoon {
            Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
            None => hour,
        };
        let time = NaiveTime::from_hms_nano_opt(hour, self.minute, self.second, self.nanos)?;
        Some(nanos(&date.and_time(time)) - i128::from(self.offset) * SECOND)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn iso(text: &str) -> Option<String> {
        parse_iso(text).map(show)
    }

    #[test]
    fn reads_iso_8601() {
        assert_eq!(iso("2024").as_deref(), Some("2024-01-01T00:00:00Z"));
        assert_eq!(iso("2024-02-29T23:30:00.250-01:30").as_deref(), Some("2024-03-01T01:00:00.250Z"));
        assert_eq!(iso("2024-01-01T00:30+0100").as_deref(), Some("2023-12-31T23:30:00Z"));
        for wrong in ["", "24", "2023-02-29", "2024-01T10:00", "1964-06-02 00:00:00", "2024-01-01T24:00", "2024-1-1"] {
            assert_eq!(iso(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn patterns_write_and_read() {
        let at = parse_iso("2024-02-03T16:05:06.789Z").unwrap();
        for (pattern, text) in [
            ("yyyy-MM-dd", "2024-02-03"),
            ("dd/MMM/yyyy:HH:mm:ss Z", "03/Feb/2024:16:05:06 +0000"),
            ("EEEE, d MMMM yy h:mm a", "Saturday, 3 February 24 4:05 PM"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-02-03T16:05:06.789Z"),
            ("strict_date_optional_time", "2024-02-03T16:05:06.789Z"),
            ("'o''clock' H", "o'clock 16"),
            ("yyyyMMdd", "20240203"),
        ] {
            assert_eq!(Pattern::try_new(pattern).unwrap().format(at).as_deref(), Some(text), "{pattern}");
        }
        let read = |pattern: &str, text: &str| Pattern::try_new(pattern).unwrap().parse(text).map(show);
        assert_eq!(read("yyyyMMdd HHmm", "20240203 1605").as_deref(), Some("2024-02-03T16:05:00Z"));
        assert_eq!(
            read("dd/MMM/yyyy:HH:mm:ss Z", "03/Feb/2024:16:05:06 +0100").as_deref(),
            Some("2024-02-03T15:05:06Z")
        );
        assert_eq!(read("yyyy-MM-dd", "2024-13-01"), None);
        assert_eq!(read("yyyy-MM-dd", "2024-01-01x"), None);
        assert!(Pattern::try_new("yyyy-bb").is_err());
        assert!(Pattern::try_new("yyyy 'x").is_err());
        assert!(Pattern::try_new(&"y".repeat(70_000)).is_err());
        for zone in ["Z01", "+99:99", "+0:1:00", "+19:00", "+01:60", "+1", "x01"] {
            assert_eq!(parse_iso(&format!("2024-01-01T00:00{zone}")), None, "{zone}");
        }
        for zone in ["+01:30", "+0130"] {
            assert_eq!(parse_iso(&format!("2024-01-01T01:30{zone}")), parse_iso("2024-01-01T00:00Z"), "{zone}");
        }
    }
}
