//! Literals, checked when the query is lowered: addresses, CIDR blocks, patterns, instants.

use std::net::{IpAddr, Ipv6Addr};

use crate::diagnostic::{Code, Span};
use crate::esql::ast::{Literal, StringLiteral, TimeUnit};

use super::build;
use super::catalog::Type;
use super::expr::Typed;
use super::lowering::Lowering;
use super::operator::text_literal;

impl Lowering<'_> {
    /// A literal.
    pub(crate) fn literal(&mut self, literal: &Literal, span: Span) -> Option<Typed> {
        Some(match literal {
            Literal::Null => Typed::null(),
            Literal::Boolean(value) => Typed::single(build::boolean(*value), Type::Boolean),
            Literal::Integer(value) => {
                let ty = if i32::try_from(*value).is_ok() { Type::Integer } else { Type::Long };
                let digits = build::number(value.unsigned_abs());
                Typed::single(if *value < 0 { build::minus(digits) } else { digits }, ty)
            }
            Literal::Unsigned(value) => Typed::single(build::number(value), Type::UnsignedLong),
            Literal::Double(value) => Typed::single(double(*value), Type::Double),
            Literal::String(literal) => text_literal(literal),
            Literal::TimeSpan { value, unit } => Typed::single(interval(*value, *unit), Type::TimeSpan),
            Literal::List(items) => {
                let mut ty = Type::Null;
                let mut values = Vec::new();
                for item in items {
                    let value = self.single(item)?;
                    let Some(both) = ty.unify(value.ty) else {
                        let message = format!("a list holds {} and {}", ty.name(), value.ty.name());
                        return self.fail(Code::TypeMismatch, span, message, Some("write values of one type"));
                    };
                    ty = both;
                    values.push(value.sql);
                }
                Typed { multi: true, list: true, ..Typed::single(build::call("make_array", values), ty) }
            }
        })
    }

    /// A text literal as a value of another type.
    pub(crate) fn cast_literal(&mut self, literal: &StringLiteral, ty: Type) -> Option<Typed> {
        let text = literal.value.as_str();
        match ty {
            Type::Ip => match address(text) {
                Some(address) => Some(Typed::single(build::text(&address.to_string()), ty)),
                None => self.bad(literal, "an address", "write an IPv4 or IPv6 address, such as \"10.0.0.1\""),
            },
            Type::Date | Type::DateNanos => match instant(text) {
                Some(instant) => Some(Typed::single(date_literal(&instant), ty)),
                None => self.bad(literal, "a date", "write it as 2024-01-31 or 2024-01-31T12:00:00Z"),
            },
            Type::Boolean => match text.to_ascii_lowercase().as_str() {
                "true" => Some(Typed::single(build::boolean(true), ty)),
                "false" => Some(Typed::single(build::boolean(false), ty)),
                _ => self.bad(literal, "a boolean", "write true or false"),
            },
            _ => Some(Typed { ty, ..text_literal(literal) }),
        }
    }

    fn bad<T>(&mut self, literal: &StringLiteral, expected: &str, help: &str) -> Option<T> {
        let message = format!("\"{}\" is not {expected}", literal.value);
        self.fail(Code::BadLiteral, literal.span, message, Some(help))
    }

    /// Checks a block of CIDR_MATCH.
    pub(crate) fn block(&mut self, literal: &StringLiteral) -> Option<()> {
        if is_block(&literal.value) {
            return Some(());
        }
        self.bad(literal, "a CIDR block", "write an address and a prefix length, such as \"10.0.0.0/8\"")
    }

    /// Checks a pattern of LIKE: a backslash escapes `*`, `?` or itself, and nothing else.
    pub(crate) fn glob(&mut self, literal: &StringLiteral) -> Option<()> {
        let mut chars = literal.value.chars();
        while let Some(char) = chars.next() {
            if char != '\\' {
                continue;
            }
            match chars.next() {
                Some('*' | '?' | '\\') => {}
                other => {
                    let found = other.map_or("the end".to_owned(), |char| format!("`{char}`"));
                    let message = format!("a backslash in a LIKE pattern escapes `*`, `?` or `\\`, found {found}");
                    let help = "double the backslash; in \"..\" each of them is written twice, in \"\"\"..\"\"\" once";
                    return self.fail(Code::BadLiteral, literal.span, message, Some(help));
                }
            }
        }
        Some(())
    }
}

/// A double as SQL writes it, always with a point or an exponent.
fn double(value: f64) -> datafusion::sql::sqlparser::ast::Expr {
    let digits = build::number(format!("{:?}", value.abs()));
    if value.is_sign_negative() { build::minus(digits) } else { digits }
}

/// A time span as an interval.
pub(crate) fn interval(value: i64, unit: TimeUnit) -> datafusion::sql::sqlparser::ast::Expr {
    let (factor, unit) = match unit {
        TimeUnit::Week => (7, "day"),
        TimeUnit::Quarter => (3, "month"),
        other => (1, other.name()),
    };
    build::interval(&format!("{} {unit}", value.saturating_mul(factor)))
}

/// The address that a text writes; one mapped into IPv6 is the IPv4 address.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    Some(match text.parse().ok()? {
        IpAddr::V6(v6) => Ipv6Addr::to_canonical(&v6),
        v4 @ IpAddr::V4(_) => v4,
    })
}

/// Whether a text is a CIDR block, or an address alone.
pub(crate) fn is_block(text: &str) -> bool {
    let Some((base, prefix)) = text.split_once('/') else { return text.parse::<IpAddr>().is_ok() };
    let Ok(base) = base.parse::<IpAddr>() else { return false };
    let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let most = if base.is_ipv4() { 32 } else { 128 };
    digits && prefix.parse::<u16>().is_ok_and(|length| length <= most)
}

/// An instant in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    year: i64,
    month: i64,
    day: i64,
    /// Nanoseconds of the day.
    nanos: i64,
}

impl Instant {
    /// Milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        days_from_civil(self.year, self.month, self.day) * 86_400_000 + self.nanos / 1_000_000
    }
}

/// The start of a month.
pub(crate) fn month(year: i64, month: i64) -> Instant {
    Instant { year, month, day: 1, nanos: 0 }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { year, month, day, nanos } = self;
        let (seconds, fraction) = (nanos / SECOND, nanos % SECOND);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if fraction != 0 {
            write!(f, ".{}", format!("{fraction:09}").trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The literal of an instant. Nanoseconds, SQL's own choice, end in the year 2262.
pub(crate) fn date_literal(instant: &Instant) -> datafusion::sql::sqlparser::ast::Expr {
    if (1678..2262).contains(&instant.year) {
        return build::typed(Type::Date, &instant.to_string());
    }
    let ty = build::text(r#"Timestamp(Microsecond, Some("UTC"))"#);
    build::call("arrow_cast", [build::text(&instant.to_string()), ty])
}

/// The instant that a text of ISO 8601 writes: a year at least; UTC where it names no offset.
pub(crate) fn instant(text: &str) -> Option<Instant> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let complete = date.len() == 10;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let mut nanos = 0;
    if let Some(time) = time {
        if !complete {
            return None;
        }
        nanos = time_of_day(time)?;
    }
    let moved = days_from_civil(year, month, day) + nanos.div_euclid(DAY);
    let (year, month, day) = civil_from_days(moved);
    Some(Instant { year, month, day, nanos: nanos.rem_euclid(DAY) })
}

/// Nanoseconds from the start of the day, less the offset; may lie outside of the day.
fn time_of_day(text: &str) -> Option<i64> {
    let end = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = (text.get(..end)?, text.get(end..)?);
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(part) => match part.split_once(['.', ',']) {
            None => (digits(part, 2)?, 0),
            Some((whole, fraction)) => {
                let length = fraction.len();
                let value = if (1..=9).contains(&length) { digits(fraction, length)? } else { return None };
                (digits(whole, 2)?, value * 10_i64.pow(u32::try_from(9 - length).ok()?))
            }
        },
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = match zone {
        "" | "Z" => 0,
        _ => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let zone = zone.get(1..)?.replace(':', "");
            let hours = digits(zone.get(..2)?, 2)?;
            let minutes = if zone.len() > 2 { digits(zone.get(2..)?, 2)? } else { 0 };
            sign * (hours * 60 + minutes)
        }
    };
    Some(((hour * 60 + minute - offset) * 60 + second) * SECOND + fraction)
}

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 (the algorithm of Howard Hinnant's `chrono` paper; years start in March there).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        instant(text).map(|instant| instant.to_string())
    }

    #[test]
    fn reads_instants() {
        assert_eq!(shown("2024").as_deref(), Some("2024-01-01T00:00:00Z"));
        assert_eq!(shown("2024-02").as_deref(), Some("2024-02-01T00:00:00Z"));
        assert_eq!(shown("2024-02-29").as_deref(), Some("2024-02-29T00:00:00Z"));
        assert_eq!(shown("2024-02-29T23:30:00.250-01:30").as_deref(), Some("2024-03-01T01:00:00.25Z"));
        assert_eq!(shown("2024-01-01T00:30+0100").as_deref(), Some("2023-12-31T23:30:00Z"));
        assert_eq!(shown("1969-12-31T23:59:59Z").as_deref(), Some("1969-12-31T23:59:59Z"));
        for wrong in ["", "24", "2023-02-29", "2024-13", "2024-01T10:00", "2024-01-01T24:00", "now", "2024-1-1"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for days in (-800_000..800_000).step_by(37) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            assert!((1..=days_in(year, month)).contains(&day), "{year}-{month}-{day}");
        }
    }

    #[test]
    fn knows_blocks() {
        for block in ["10.0.0.0/8", "::1", "FE80::/10", "192.0.2.1", "10.1.2.3/0", "::/0", "::/128"] {
            assert!(is_block(block), "{block}");
        }
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0/8", "", "/8", "10.0.0.0/", "10.0.0.0/+8", "x", "10.0.0.0/8/8"] {
            assert!(!is_block(wrong), "{wrong}");
        }
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert_eq!(address("::ffff:10.1.2.3").map(|a| a.to_string()).as_deref(), Some("10.1.2.3"));
        assert_eq!(address("FE80::A").map(|a| a.to_string()).as_deref(), Some("fe80::a"));
        assert_eq!(address("010.1.2.3"), None);
    }
}
