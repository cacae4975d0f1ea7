//! Values, their order, and what text becomes where a type wants something else.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use egret::esql::ast::TimeUnit;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Boolean(bool),
    /// A number of 32 bits.
    Integer(i64),
    Long(i64),
    Double(f64),
    Text(String),
    /// An address as sixteen bytes.
    Ip(u128),
    /// Milliseconds since 1970.
    Date(i64),
    Span(i64, TimeUnit),
}

/// The values of a field: none is null.
pub(super) type Cell = Vec<Value>;

/// An event or a row.
pub(super) type Row = BTreeMap<String, Cell>;

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Long(_) => "long",
            Self::Double(_) => "double",
            Self::Text(_) => "keyword",
            Self::Ip(_) => "ip",
            Self::Date(_) => "date",
            Self::Span(..) => "time_duration",
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(n) | Self::Long(n) => Some(*n as f64),
            Self::Double(n) => Some(*n),
            _ => None,
        }
    }

    pub(super) const fn whole(&self) -> Option<i64> {
        match self {
            Self::Integer(n) | Self::Long(n) => Some(*n),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As TO_STRING writes it.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Boolean(b) => b.to_string(),
            Self::Integer(n) | Self::Long(n) => n.to_string(),
            Self::Double(n) => {
                let plain = format!("{n:?}");
                if (1e-3..1e7).contains(&n.abs()) || *n == 0.0 { plain } else { scientific(*n) }
            }
            Self::Text(text) => text.clone(),
            Self::Ip(address) => ip_text(*address),
            Self::Date(millis) => instant_text(*millis),
            Self::Span(count, unit) => format!("{count} {}", unit.name()),
        }
    }

    /// As results are compared: twelve digits of a double, milliseconds of an instant.
    pub(super) fn canonical(&self) -> String {
        match self {
            Self::Double(n) => format!("{n:.11e}"),
            Self::Date(millis) => millis.to_string(),
            other => other.written(),
        }
    }

    /// The order of two values of one type; numbers of any kind have one.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Self::Ip(a), Self::Ip(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Ip(a), Self::Text(text)) => Some(a.cmp(&address(text)?)),
            (Self::Text(text), Self::Ip(b)) => Some(address(text)?.cmp(b)),
            (Self::Date(a), Self::Text(text)) => Some(a.cmp(&instant(text)?)),
            (Self::Text(text), Self::Date(b)) => Some(instant(text)?.cmp(b)),
            (Self::Boolean(a), Self::Text(text)) => Some(a.cmp(&text.parse::<bool>().ok()?)),
            (Self::Text(text), Self::Boolean(b)) => Some(text.parse::<bool>().ok()?.cmp(b)),
            (a, b) => match (a.whole(), b.whole()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => a.number()?.partial_cmp(&b.number()?),
            },
        }
    }
}

/// The single value of a cell; a cell without or with several values has none.
pub(super) fn single(cell: &[Value]) -> Option<&Value> {
    match cell {
        [only] => Some(only),
        _ => None,
    }
}

/// Sorted, as all lists of distinct values are.
pub(super) fn sorted(mut cell: Cell) -> Cell {
    cell.sort_by(|a, b| a.order(b).unwrap_or(Ordering::Equal));
    cell
}

/// Each value once, in the order of their first appearance.
pub(super) fn distinct(cell: &[Value]) -> Cell {
    let mut kept: Cell = Vec::new();
    for value in cell {
        if !kept.contains(value) {
            kept.push(value.clone());
        }
    }
    kept
}

/// The address that a text writes; no leading zeros.
pub(super) fn address(text: &str) -> Option<u128> {
    match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(v4) => Some(u128::from(v4.to_ipv6_mapped())),
        IpAddr::V6(v6) => Some(u128::from(v6)),
    }
}

fn ip_text(address: u128) -> String {
    let v6 = Ipv6Addr::from(address);
    v6.to_ipv4_mapped().map_or_else(|| v6.to_string(), |v4| v4.to_string())
}

/// Whether an address lies in a block, or is the address where there is no slash.
pub(super) fn in_block(value: u128, block: &str) -> bool {
    let Some((base, length)) = block.split_once('/') else { return address(block) == Some(value) };
    let bits = if base.contains(':') { 128 } else { 32 };
    let (base, length) = (address(base).unwrap(), length.parse::<u32>().unwrap());
    // The prefix counts from the left of the written form.
    let free = bits - length;
    let is_v4 = |a: u128| Ipv6Addr::from(a).to_ipv4_mapped().is_some();
    if bits == 32 && !is_v4(value) {
        return false;
    }
    free == 128 || base >> free == value >> free
}

/// The instant that a text writes, in milliseconds.
pub(super) fn instant(text: &str) -> Option<i64> {
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.timestamp_millis());
    let naive = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok();
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    zoned.or_else(|| naive().or_else(date).map(|instant| instant.and_utc().timestamp_millis()))
}

pub(super) fn instant_text(millis: i64) -> String {
    let instant = DateTime::from_timestamp_millis(millis).unwrap();
    instant.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Java's form of large and small numbers.
fn scientific(number: f64) -> String {
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}
