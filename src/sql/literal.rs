//! Literals, checked when the query is lowered: addresses, CIDR blocks, patterns, instants.

use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};

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
pub(crate) struct Instant(DateTime<Utc>);

impl Instant {
    /// The start of 1970.
    pub(crate) const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// Milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        self.0.timestamp_millis()
    }
}

/// The start of a month, in years that a calendar of ours holds.
pub(crate) fn month(year: i64, month: i64) -> Option<Instant> {
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, 1)?;
    Some(Instant(date.and_time(NaiveTime::MIN).and_utc()))
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%dT%H:%M:%S"))?;
        let fraction = self.0.timestamp_subsec_nanos();
        if fraction != 0 {
            write!(f, ".{}", format!("{fraction:09}").trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// The literal of an instant. Nanoseconds, SQL's own choice, end in the year 2262.
pub(crate) fn date_literal(instant: &Instant) -> datafusion::sql::sqlparser::ast::Expr {
    if (1678..2262).contains(&instant.0.year()) {
        return build::typed(Type::Date, &instant.to_string());
    }
    let ty = build::text(r#"Timestamp(Microsecond, Some("UTC"))"#);
    build::call("arrow_cast", [build::text(&instant.to_string()), ty])
}

/// The instant that a text of ISO 8601 writes: a year at least; UTC where it names no offset.
pub(crate) fn instant(text: &str) -> Option<Instant> {
    let nanos = egret_udfs::instant::parse_iso(text)?;
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok()?;
    DateTime::from_timestamp(seconds, u32::try_from(nanos.rem_euclid(SECOND)).ok()?).map(Instant)
}

const SECOND: i128 = 1_000_000_000;

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
