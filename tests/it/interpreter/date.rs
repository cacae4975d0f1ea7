//! Instants: moved by a span, cut to one, and how far they are apart.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use egret::esql::ast::{BinaryOp, TimeUnit};

use super::value::Value;

fn utc(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}

/// How long a unit is that always has the same length, in milliseconds.
const fn length(unit: TimeUnit) -> Option<i64> {
    Some(match unit {
        TimeUnit::Millisecond => 1,
        TimeUnit::Second => 1_000,
        TimeUnit::Minute => 60_000,
        TimeUnit::Hour => 3_600_000,
        TimeUnit::Day => 86_400_000,
        TimeUnit::Week => 604_800_000,
        _ => return None,
    })
}

const fn months(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::Year => 12,
        TimeUnit::Quarter => 3,
        _ => 1,
    }
}

/// An instant plus or minus a span; nothing where the operands are others.
pub(super) fn moved(op: BinaryOp, left: &Value, right: &Value) -> Option<Value> {
    let (millis, count, unit) = match (op, left, right) {
        (BinaryOp::Add, Value::Date(at), Value::Span(count, unit)) => (*at, *count, *unit),
        (BinaryOp::Add, Value::Span(count, unit), Value::Date(at)) => (*at, *count, *unit),
        (BinaryOp::Subtract, Value::Date(at), Value::Span(count, unit)) => (*at, -count, *unit),
        _ => return None,
    };
    if let Some(length) = length(unit) {
        return Some(Value::Date(millis + count * length));
    }
    let by = Months::new(count.unsigned_abs() as u32 * months(unit));
    let at = if count < 0 { utc(millis).checked_sub_months(by) } else { utc(millis).checked_add_months(by) };
    Some(Value::Date(at?.timestamp_millis()))
}

/// The start of the span that an instant lies in.
pub(super) fn truncated(count: i64, unit: TimeUnit, millis: i64) -> i64 {
    let day = utc(millis).date_naive();
    let start = |date: NaiveDate| date.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis();
    match unit {
        TimeUnit::Week => {
            assert_eq!(count, 1);
            start(day) - i64::from(day.weekday().num_days_from_monday()) * 86_400_000
        }
        TimeUnit::Month | TimeUnit::Quarter | TimeUnit::Year => {
            assert_eq!(count, 1);
            let first = day.month0() - day.month0() % months(unit);
            start(NaiveDate::from_ymd_opt(day.year(), first + 1, 1).unwrap())
        }
        _ => {
            let length = count * length(unit).unwrap();
            millis - millis.rem_euclid(length)
        }
    }
}

/// How many whole units lie between two instants; null where they are too many.
pub(super) fn difference(unit: &str, from: i64, to: i64) -> Option<Value> {
    let unit = unit.to_lowercase();
    let length = match unit.trim_end_matches('s') {
        "millisecond" => 1,
        "second" => 1_000,
        "minute" => 60_000,
        "hour" => 3_600_000,
        "day" => 86_400_000,
        "week" => 604_800_000,
        other => panic!("unit {other}"),
    };
    i32::try_from((to - from) / length).ok().map(|count| Value::Integer(i64::from(count)))
}
