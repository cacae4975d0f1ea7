//! Functions of instants: `date_diff`, `date_extract`, `format_date`, `parse_date`, all in UTC.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let sql = "SELECT date_diff('month', TIMESTAMP '2023-12-31T23:59:59Z', TIMESTAMP '2024-02-01T00:00:00Z') AS months";
//! let rows = context.sql(sql).await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("| 1 "));
//! # Ok(())
//! # }
//! ```

use chrono::{DateTime, Datelike, Timelike, Utc};
use datafusion::logical_expr::{Documentation, ScalarUDF};

use crate::documentation::documentation;
use crate::instant::{Pattern, SECOND, utc};
use crate::row::{Each, Gives, Made, RowFunction, Shape, Takes};
use crate::warnings::Warnings;

/// Returns the functions of this file, reporting to `warnings`.
pub(crate) fn functions(warnings: &Warnings) -> Vec<ScalarUDF> {
    let text_and_instant = &[Takes::Text, Takes::Instant];
    let shapes = [
        Shape {
            name: "date_diff",
            takes: &[Takes::Text, Takes::Instant, Takes::Instant],
            optional: 0,
            gives: Gives::Int,
            each: date_diff,
            check: Some((0, |unit| Unit::named(unit).map(drop))),
            documentation: describe_diff,
        },
        Shape {
            name: "date_extract",
            takes: text_and_instant,
            optional: 0,
            gives: Gives::Long,
            each: date_extract,
            check: Some((0, |part| extract(part).map(drop))),
            documentation: describe_extract,
        },
        Shape {
            name: "format_date",
            takes: text_and_instant,
            optional: 0,
            gives: Gives::Text,
            each: format_date,
            check: Some((0, |pattern| Pattern::try_new(pattern).map(drop))),
            documentation: describe_format,
        },
        Shape {
            name: "parse_date",
            takes: &[Takes::Text, Takes::Text],
            optional: 0,
            gives: Gives::Millis,
            each: parse_date,
            check: Some((0, |pattern| Pattern::try_new(pattern).map(drop))),
            documentation: describe_parse,
        },
    ];
    shapes.into_iter().map(|shape| RowFunction::udf(shape, warnings)).collect()
}

/// What a difference is counted in.
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// Months of the calendar.
    Months(i128),
    /// Nanoseconds.
    Nanos(i128),
}

impl Unit {
    fn named(name: &str) -> Result<Self, String> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "year" | "years" | "yy" | "yyyy" => Self::Months(12),
            "quarter" | "quarters" | "qq" | "q" => Self::Months(3),
            "month" | "months" | "mm" | "m" => Self::Months(1),
            "dayofyear" | "dy" | "y" | "day" | "days" | "dd" | "d" => Self::Nanos(86_400 * SECOND),
            "week" | "weeks" | "wk" | "ww" => Self::Nanos(7 * 86_400 * SECOND),
            "weekday" | "weekdays" | "dw" => Self::Nanos(86_400 * SECOND),
            "hour" | "hours" | "hh" => Self::Nanos(3600 * SECOND),
            "minute" | "minutes" | "mi" | "n" => Self::Nanos(60 * SECOND),
            "second" | "seconds" | "ss" | "s" => Self::Nanos(SECOND),
            "millisecond" | "milliseconds" | "ms" => Self::Nanos(1_000_000),
            "microsecond" | "microseconds" | "mcs" => Self::Nanos(1000),
            "nanosecond" | "nanoseconds" | "ns" => Self::Nanos(1),
            _ => {
                return Err(format!(
                    "found '{name}' as the unit, expected year, quarter, month, week, day, hour, minute, second, \
                     millisecond, microsecond or nanosecond"
                ));
            }
        })
    }

    /// Whole units from one instant to another, towards zero.
    fn between(self, start: i128, end: i128) -> Option<i128> {
        match self {
            Self::Nanos(unit) => Some((end - start) / unit),
            Self::Months(unit) => Some(months(&utc(start)?, &utc(end)?) / unit),
        }
    }
}

/// Whole months from one instant to another: a month is over once day and time of day are reached again.
fn months(start: &DateTime<Utc>, end: &DateTime<Utc>) -> i128 {
    // Ordered like instants within months, and no month has 32 days.
    let packed = |at: &DateTime<Utc>| {
        let month = i128::from(at.year()) * 12 + i128::from(at.month0());
        let within = i128::from(at.day()) * 86_400 + i128::from(at.num_seconds_from_midnight());
        (month * 32 * 86_400 + within) * SECOND + i128::from(at.nanosecond())
    };
    (packed(end) - packed(start)) / (32 * 86_400 * SECOND)
}

fn date_diff() -> Each {
    Box::new(|values| {
        let [unit, start, end] = values else { return Ok(Made::Null) };
        let unit = Unit::named(unit.text()).map_err(|_| "no unit of time, taken as null")?;
        let between = unit.between(start.nanos(), end.nanos()).ok_or("no date of the calendar, taken as null")?;
        match i32::try_from(between) {
            Ok(between) => Ok(Made::Long(between.into())),
            Err(_) => Err("difference out of the range of an integer, taken as null"),
        }
    })
}

/// The part of an instant that Java's `ChronoField` names.
fn extract(name: &str) -> Result<fn(&DateTime<Utc>) -> i64, String> {
    let part: fn(&DateTime<Utc>) -> i64 = match name.to_ascii_lowercase().as_str() {
        "aligned_day_of_week_in_month" => |at| i64::from(at.day0() % 7) + 1,
        "aligned_day_of_week_in_year" => |at| i64::from(at.ordinal0() % 7) + 1,
        "aligned_week_of_month" => |at| i64::from(at.day0() / 7) + 1,
        "aligned_week_of_year" => |at| i64::from(at.ordinal0() / 7) + 1,
        "ampm_of_day" => |at| i64::from(at.hour() / 12),
        "clock_hour_of_ampm" => |at| i64::from((at.hour() + 11) % 12) + 1,
        "clock_hour_of_day" => |at| i64::from((at.hour() + 23) % 24) + 1,
        "day_of_month" => |at| at.day().into(),
        "day_of_week" => |at| at.weekday().number_from_monday().into(),
        "day_of_year" => |at| at.ordinal().into(),
        "epoch_day" => |at| at.timestamp().div_euclid(86_400),
        "era" => |at| i64::from(at.year() > 0),
        "hour_of_ampm" => |at| i64::from(at.hour() % 12),
        "hour_of_day" => |at| at.hour().into(),
        "instant_seconds" => |at| at.timestamp(),
        "micro_of_day" => |at| of_day(at) / 1000,
        "micro_of_second" => |at| i64::from(at.nanosecond() / 1000),
        "milli_of_day" => |at| of_day(at) / 1_000_000,
        "milli_of_second" => |at| i64::from(at.nanosecond() / 1_000_000),
        "minute_of_day" => |at| i64::from(at.num_seconds_from_midnight() / 60),
        "minute_of_hour" => |at| at.minute().into(),
        "month_of_year" => |at| at.month().into(),
        "nano_of_day" => of_day,
        "nano_of_second" => |at| at.nanosecond().into(),
        "offset_seconds" => |_| 0,
        "proleptic_month" => |at| i64::from(at.year()) * 12 + i64::from(at.month0()),
        "second_of_day" => |at| at.num_seconds_from_midnight().into(),
        "second_of_minute" => |at| at.second().into(),
        "year" => |at| at.year().into(),
        "year_of_era" => |at| if at.year() > 0 { at.year().into() } else { 1 - i64::from(at.year()) },
        _ => {
            return Err(format!(
                "found '{name}' as the part of a date, expected one such as year, month_of_year, day_of_month, \
                 day_of_week, hour_of_day, minute_of_hour or second_of_minute"
            ));
        }
    };
    Ok(part)
}

fn of_day(at: &DateTime<Utc>) -> i64 {
    i64::from(at.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(at.nanosecond())
}

fn date_extract() -> Each {
    Box::new(|values| {
        let [part, at] = values else { return Ok(Made::Null) };
        let part = extract(part.text()).map_err(|_| "no part of a date, taken as null")?;
        Ok(utc(at.nanos()).map_or(Made::Null, |at| Made::Long(part(&at))))
    })
}

/// The pattern that was compiled last, since it is mostly a literal.
#[derive(Default)]
struct Last(Option<(String, Pattern)>);

impl Last {
    fn pattern(&mut self, text: &str) -> Result<&Pattern, &'static str> {
        if self.0.as_ref().is_none_or(|(known, _)| known != text) {
            let pattern = Pattern::try_new(text).map_err(|_| NO_PATTERN)?;
            self.0 = Some((text.to_owned(), pattern));
        }
        self.0.as_ref().map(|(_, pattern)| pattern).ok_or(NO_PATTERN)
    }
}

const NO_PATTERN: &str = "no date pattern, taken as null";

fn format_date() -> Each {
    let mut last = Last::default();
    Box::new(move |values| {
        let [pattern, at] = values else { return Ok(Made::Null) };
        Ok(last.pattern(pattern.text())?.format(at.nanos()).map_or(Made::Null, Made::Text))
    })
}

fn parse_date() -> Each {
    let mut last = Last::default();
    Box::new(move |values| {
        let [pattern, text] = values else { return Ok(Made::Null) };
        let parsed = last.pattern(pattern.text())?.parse(text.text());
        parsed.map(Made::Nanos).ok_or("no date of that pattern, taken as null")
    })
}

fn describe_diff() -> Documentation {
    documentation(
        "Returns how many whole units lie between two instants, negative where the second is the earlier one; null, with \
         a warning, if it does not fit 32 bits.",
        "date_diff(unit, start, end)",
        "SELECT date_diff('hour', TIMESTAMP '2024-01-31T10:00:00Z', TIMESTAMP '2024-01-31T12:30:00Z');",
    )
    .with_argument("unit", "Text: year, quarter, month, week, day, hour, minute, second and smaller, or their short forms.")
    .with_argument("start", "An instant.")
    .with_argument("end", "An instant.")
    .build()
}

fn describe_extract() -> Documentation {
    documentation(
        "Returns a part of an instant as a number.",
        "date_extract(part, instant)",
        "SELECT date_extract('hour_of_day', TIMESTAMP '2024-01-31T10:00:00Z');",
    )
    .with_argument("part", "Text: a name of Java's ChronoField, such as hour_of_day.")
    .with_argument("instant", "An instant.")
    .build()
}

fn describe_format() -> Documentation {
    documentation(
        "Returns the text of an instant.",
        "format_date(pattern, instant)",
        "SELECT format_date('yyyy-MM-dd', TIMESTAMP '2024-01-31T10:00:00Z');",
    )
    .with_argument("pattern", "Text: a pattern of Java's DateTimeFormatter.")
    .with_argument("instant", "An instant.")
    .build()
}

fn describe_parse() -> Documentation {
    documentation(
        "Returns the instant that a text means; null, with a warning, if it does not follow the pattern.",
        "parse_date(pattern, text)",
        "SELECT parse_date('dd/MMM/yyyy', '31/Jan/2024');",
    )
    .with_argument("pattern", "Text: a pattern of Java's DateTimeFormatter.")
    .with_argument("text", "Text.")
    .build()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::instant::parse_iso;

    fn between(unit: &str, start: &str, end: &str) -> Option<i128> {
        Unit::named(unit).unwrap().between(parse_iso(start).unwrap(), parse_iso(end).unwrap())
    }

    #[test]
    fn differences_are_whole() {
        assert_eq!(between("month", "2023-12-31T23:59:59.999Z", "2024-01-01"), Some(0));
        assert_eq!(between("month", "2024-01-31", "2024-02-29"), Some(0));
        assert_eq!(between("month", "2024-01-29T12:00:00Z", "2024-02-29T12:00:00Z"), Some(1));
        assert_eq!(between("years", "2024-03-01", "2023-03-01"), Some(-1));
        assert_eq!(between("m", "2024-03-02", "2024-02-01"), Some(-1));
        assert_eq!(between("mi", "2024-01-01T00:01:59Z", "2024-01-01"), Some(-1));
        assert_eq!(between("week", "2024-01-01", "2024-01-14T23:00:00Z"), Some(1));
    }

    #[test]
    fn parts_are_javas() {
        let at = utc(parse_iso("2024-02-04T00:05:06.007Z").unwrap()).unwrap();
        let part = |name: &str| extract(name).unwrap()(&at);
        assert_eq!((part("DAY_OF_WEEK"), part("day_of_year"), part("epoch_day")), (7, 35, 19_757));
        assert_eq!((part("clock_hour_of_day"), part("clock_hour_of_ampm"), part("ampm_of_day")), (24, 12, 0));
        assert_eq!((part("milli_of_second"), part("milli_of_day"), part("second_of_minute")), (7, 306_007, 6));
        assert!(extract("hour").is_err());
    }
}
