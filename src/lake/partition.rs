//! Folders that are named after days (`date=2026-10-01`, or `year=2026/month=10/day=1`): which of them may hold events of
//! a window.
//!
//! Such a day is that of an event's `@timestamp`, in UTC. Nothing in a lake says so, and an event may be ingested days
//! after it was: so folders only rule out a file where it is declared how late events may be.

use chrono::{Days, NaiveDate, TimeDelta};
use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::ScalarValue;

use super::window::Window;

const TIMESTAMP: &str = "@timestamp";
const INGESTED: &str = "event.ingested";
const DATES: [&str; 3] = ["date", "dt", "day"];

/// Whether a file, whose path spells these values, may hold events of the window where none is ingested later than
/// `lateness` after it was; true where that is not declared.
pub(crate) fn may_hold(
    columns: &[FieldRef],
    values: &[ScalarValue],
    window: Option<&Window>,
    lateness: Option<TimeDelta>,
) -> bool {
    let (Some(window), Some(lateness)) = (window, lateness) else { return true };
    let slack = match window.field.as_str() {
        TIMESTAMP => TimeDelta::zero(),
        // A clock that is ahead stamps an event later than it is ingested.
        INGESTED => lateness,
        _ => return true,
    };
    let Some(day) = day(columns, values) else { return true };
    let first = window.from.checked_sub_signed(slack).map(|at| at.date_naive());
    let last = window.to.checked_add_signed(slack).map(|at| at.date_naive());
    first.is_none_or(|first| first <= day) && last.is_none_or(|last| day <= last)
}

/// The day that a path spells.
fn day(columns: &[FieldRef], values: &[ScalarValue]) -> Option<NaiveDate> {
    let value =
        |name: &str| columns.iter().zip(values).find(|(column, _)| column.name() == name).map(|(_, value)| value);
    let number = |name: &str| match value(name)? {
        ScalarValue::Int64(number) => *number,
        _ => None,
    };
    if let (Some(year), Some(month), Some(day)) = (number("year"), number("month"), number("day")) {
        let first = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, 1)?;
        let day = first.checked_add_days(Days::new(u64::try_from(day).ok()?.checked_sub(1)?))?;
        return (day.format("%m").to_string() == first.format("%m").to_string()).then_some(day);
    }
    DATES.into_iter().find_map(|name| match value(name)? {
        ScalarValue::Utf8View(Some(text)) => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
        ScalarValue::Int64(Some(number)) => NaiveDate::parse_from_str(&number.to_string(), "%Y%m%d").ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;

    fn holds(field: &str, path: &[(&str, ScalarValue)], lateness: Option<i64>) -> bool {
        let at = |text: &str| text.parse().unwrap_or_default();
        let (from, to) = (at("2026-10-02T23:00:00Z"), at("2026-10-03T01:00:00Z"));
        let window = Window { field: field.to_owned(), fallback: None, from, to, known: None };
        let columns: Vec<FieldRef> =
            path.iter().map(|(name, value)| Arc::new(Field::new(*name, value.data_type(), true)) as FieldRef).collect();
        let values: Vec<ScalarValue> = path.iter().map(|(_, value)| value.clone()).collect();
        assert!(columns.iter().all(|column| *column.data_type() != DataType::Null));
        may_hold(&columns, &values, Some(&window), lateness.map(TimeDelta::hours))
    }

    #[test]
    fn days_of_a_window() {
        let date = |day: &str| [("date", ScalarValue::Utf8View(Some(day.to_owned())))];
        let on = |day: &str, field: &str, lateness| holds(field, &date(day), lateness);
        for (day, inside) in [("2026-10-01", false), ("2026-10-02", true), ("2026-10-03", true), ("2026-10-04", false)]
        {
            assert_eq!(on(day, "@timestamp", Some(1)), inside, "{day}");
            assert!(
                on(day, "@timestamp", None) && on(day, "event.ingested", None) && on(day, "event.created", Some(1))
            );
        }
        assert!(!on("2026-10-01", "event.ingested", Some(22)));
        assert!(on("2026-10-01", "event.ingested", Some(24)));
        assert!(on("2026-10-04", "event.ingested", Some(24)));
        assert!(!on("2026-10-05", "event.ingested", Some(24)));
        assert!(on("yesterday", "@timestamp", Some(1)));
    }

    #[test]
    fn days_in_parts_and_as_numbers() {
        let number = |name, value| (name, ScalarValue::Int64(Some(value)));
        let parts = |day| [number("year", 2026), number("month", 10), number("day", day)];
        assert!(holds("@timestamp", &parts(3), Some(1)));
        assert!(!holds("@timestamp", &parts(4), Some(1)));
        assert!(holds("@timestamp", &parts(44), Some(1)), "no day of that month");
        assert!(!holds("@timestamp", &[number("dt", 20_261_001)], Some(1)));
        assert!(holds("@timestamp", &[number("dt", 20_261_002)], Some(1)));
        assert!(holds("@timestamp", &[number("hour", 20_261_001)], Some(1)));
    }
}
