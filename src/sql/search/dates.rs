//! Dates in searches: an instant, a span of time that an incomplete date names, or date math such as `now-1d/d`.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::esql::ast::TimeUnit;
use crate::esql::kql::Comparison;

use super::super::build;
use super::super::literal::{date_literal, instant, interval};

/// A span of time: from its first instant up to the next span, or a single instant.
pub(super) struct Moment {
    first: Sql,
    /// How long it is; an instant has no length.
    length: Option<TimeUnit>,
}

/// What a text names; `None` for one that names no time.
pub(super) fn moment(text: &str) -> Option<Moment> {
    if let Some(math) = text.strip_prefix("now") {
        return date_math(build::call("now", []), math);
    }
    if let Some((date, math)) = text.split_once("||") {
        return date_math(date_literal(&instant(date)?), math);
    }
    // Milliseconds since 1970; four digits are a year.
    if text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let millis = build::call("to_timestamp_millis", [build::number(text.parse::<i64>().ok()?)]);
        return Some(Moment { first: millis, length: None });
    }
    let first = date_literal(&instant(text)?);
    let (date, time) = text.split_once('T').map_or((text, ""), |(date, time)| (date, time));
    let clock = time.split(['Z', '+', '-']).next().unwrap_or_default();
    let length = match (date.len(), clock.len()) {
        (4, _) => TimeUnit::Year,
        (7, _) => TimeUnit::Month,
        (_, 0) => TimeUnit::Day,
        (_, 2) => TimeUnit::Hour,
        (_, 5) => TimeUnit::Minute,
        (_, 8) => TimeUnit::Second,
        _ => return Some(Moment { first, length: None }),
    };
    Some(Moment { first, length: Some(length) })
}

/// `+1d`, `-2h`, `/d` behind a time, in order; a rounding must come last, and makes a span of it.
fn date_math(mut time: Sql, mut math: &str) -> Option<Moment> {
    while let Some(sign) = math.chars().next() {
        let rest = math.get(1..)?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let amount = rest.get(..digits)?;
        let letter = rest.get(digits..)?.chars().next()?;
        let unit = match letter {
            'y' => TimeUnit::Year,
            'M' => TimeUnit::Month,
            'w' => TimeUnit::Week,
            'd' => TimeUnit::Day,
            'h' | 'H' => TimeUnit::Hour,
            'm' => TimeUnit::Minute,
            's' => TimeUnit::Second,
            _ => return None,
        };
        math = rest.get(digits + 1..)?;
        let operator = match sign {
            '+' => BinaryOperator::Plus,
            '-' => BinaryOperator::Minus,
            '/' if amount.is_empty() && math.is_empty() => {
                let first = build::call("date_trunc", [build::text(unit.name()), time]);
                return Some(Moment { first, length: Some(unit) });
            }
            _ => return None,
        };
        let amount = if amount.is_empty() { 1 } else { amount.parse().ok()? };
        time = build::binary(time, operator, interval(amount, unit));
    }
    Some(Moment { first: time, length: None })
}

impl Moment {
    /// The first instant.
    pub(super) fn first(&self) -> Sql {
        self.first.clone()
    }

    /// The instant that the last one compares with: the next span's first, or the only one.
    pub(super) fn last(&self) -> Sql {
        match self.length {
            None => self.first.clone(),
            Some(unit) => build::binary(self.first.clone(), BinaryOperator::Plus, interval(1, unit)),
        }
    }

    /// How the instants of the span compare with [`last`](Self::last).
    pub(super) fn last_comparison(&self) -> Comparison {
        if self.length.is_some() { Comparison::Less } else { Comparison::LessOrEqual }
    }

    /// A comparison with the span as one with an instant: later than it is from the next span on, at most it is before.
    pub(super) fn compared(&self, comparison: Comparison) -> (Comparison, Sql) {
        match (comparison, self.length) {
            (Comparison::Greater, Some(_)) => (Comparison::GreaterOrEqual, self.last()),
            (Comparison::LessOrEqual, Some(_)) => (Comparison::Less, self.last()),
            (other, _) => (other, self.first()),
        }
    }
}
