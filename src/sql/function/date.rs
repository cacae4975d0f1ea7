//! Functions of instants, all in UTC.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::diagnostic::Code;
use crate::esql::ast::{Expr, ExprKind, Literal, TimeUnit};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::literal::{Instant, date_literal, interval, month};
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;

use super::{Call, Function, scalar};

pub(super) static FUNCTIONS: &[Function] = &[
    scalar(("now", "now() -> date"), (0, 0), "the time of the execution", ("now() == now()", "true"), |_, _, _| {
        Some(Typed::single(build::call("now", []), Type::Date))
    }),
    scalar(
        ("date_trunc", "date_trunc(time span, date) -> date"),
        (2, 2),
        "the start of the span that an instant falls in",
        ("date_trunc(1 hour, \"2024-01-31T10:20:30Z\")", "\"2024-01-31T10:00:00.000Z\""),
        date_trunc,
    ),
    scalar(
        ("bucket", "bucket(date | number, time span | size | count[, from, to]) -> date | double"),
        (2, 4),
        "the start of the bucket that a value falls in: of a size, or of the size that makes about so many between two values",
        ("bucket(17, 5)", "15.0"),
        bucket,
    ),
    scalar(
        ("date_diff", "date_diff(unit, date, date) -> integer"),
        (3, 3),
        "how many whole units lie between two instants",
        ("date_diff(\"hours\", \"2024-01-31T10:00:00Z\", \"2024-01-31T12:30:00Z\")", "2"),
        date_diff,
    ),
    scalar(
        ("date_extract", "date_extract(part, date) -> long"),
        (2, 2),
        "a part of an instant, by the name that Java's ChronoField gives it",
        ("date_extract(\"hour_of_day\", \"2024-01-31T10:20:30Z\")", "10"),
        |lowering, call, _| of_instant(lowering, call, "date_extract", Type::Long),
    ),
    scalar(
        ("date_format", "date_format([pattern, ]date) -> keyword"),
        (1, 2),
        "an instant as text, by a pattern of Java's DateTimeFormatter",
        ("date_format(\"dd/MMM/yyyy\", \"2024-01-31\")", "\"31/Jan/2024\""),
        date_format,
    ),
    scalar(
        ("date_parse", "date_parse([pattern, ]text) -> date"),
        (1, 2),
        "the instant that a text means, by a pattern of Java's DateTimeFormatter",
        ("date_parse(\"dd/MMM/yyyy\", \"31/Jan/2024\")", "\"2024-01-31T00:00:00.000Z\""),
        date_parse,
    ),
    scalar(
        ("day_name", "day_name(date) -> keyword"),
        (1, 1),
        "the name of the day of the week",
        ("day_name(\"2024-01-31\")", "\"Wednesday\""),
        |lowering, call, _| name_of(lowering, call, "EEEE"),
    ),
    scalar(
        ("month_name", "month_name(date) -> keyword"),
        (1, 1),
        "the name of the month",
        ("month_name(\"2024-01-31\")", "\"January\""),
        |lowering, call, _| name_of(lowering, call, "MMMM"),
    ),
];

/// The format of instants that names none.
const OPTIONAL_TIME: &str = "strict_date_optional_time";

fn date_trunc(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [span, date] = call.args else { return None };
    let (span, value) = (span_above_zero(lowering, span), lowering.date_argument(call, date));
    let ((count, unit), value) = (span?, value?);
    let ty = value.ty;
    Some(Typed::single(truncated(value.sql, count, unit), ty))
}

fn span_above_zero(lowering: &mut Lowering<'_>, span: &Expr) -> Option<(i64, TimeUnit)> {
    let (count, unit) = lowering.time_span(span)?;
    if count > 0 && (unit_months(unit) == 0 || count <= MOST_YEARS) {
        return Some((count, unit));
    }
    let help = "write a span of one unit or more, and of less than a thousand years";
    lowering.fail(Code::BadLiteral, span.span, "expected a span that a date can be cut to", Some(help))
}

/// The longest span of calendar units.
const MOST_YEARS: i64 = 999;

fn unit_months(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Month => 1,
        TimeUnit::Quarter => 3,
        TimeUnit::Year => 12,
        _ => 0,
    }
}

/// The start of the span: one unit as SQL cuts it, several counted from where Elasticsearch counts.
fn truncated(date: Sql, count: i64, unit: TimeUnit) -> Sql {
    let months = unit_months(unit);
    let bin =
        |origin: Option<Sql>| build::call("date_bin", [interval(count, unit), date.clone()].into_iter().chain(origin));
    match (count, unit) {
        (1, _) => build::call("date_trunc", [build::text(unit.name()), date]),
        (7, TimeUnit::Day) => build::call("date_trunc", [build::text("week"), date]),
        // Spans of the calendar are counted from the year 1; an origin near today is the start of one of them.
        _ if months > 0 => {
            let length = count.saturating_mul(months);
            let since = 1969 * 12;
            let first = since + (length - since % length) % length;
            bin(month(1 + first / 12, 1 + first % 12).map(|origin| date_literal(&origin)))
        }
        // The year 1 began with a Monday, 719162 days before 1970.
        (_, TimeUnit::Week) => {
            let length = count.saturating_mul(7);
            let origin = build::binary(
                date_literal(&Instant::EPOCH),
                BinaryOperator::Minus,
                interval(719_162 % length, TimeUnit::Day),
            );
            bin(Some(origin))
        }
        _ => bin(None),
    }
}

fn bucket(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [value, size, range @ ..] = call.args else { return None };
    let field = match string_literal(value) {
        Some(literal) => lowering.cast_literal(literal, Type::Date),
        None => lowering.single(value),
    }?;
    match (field.ty, range) {
        (ty, []) if ty.is_date() => {
            let (count, unit) = span_above_zero(lowering, size)?;
            Some(Typed::single(truncated(field.sql, count, unit), ty))
        }
        (ty, [from, to]) if ty.is_date() => {
            let (buckets, from, to) =
                (lowering.number_value(call, size), lowering.instant_value(from), lowering.instant_value(to));
            let (count, unit) = readable_span(buckets?, from?, to?);
            Some(Typed::single(truncated(field.sql, count, unit), ty))
        }
        (ty, _) if ty.is_number() || ty == Type::Null => {
            let size = match range {
                [from, to] => {
                    let (buckets, from, to) = (
                        lowering.number_value(call, size),
                        lowering.number_value(call, from),
                        lowering.number_value(call, to),
                    );
                    build::number(format!("{:?}", readable_size(buckets?, from?, to?)))
                }
                _ => lowering.number_literal(call, size)?,
            };
            let number = build::cast(lowering.demand(field, Type::Double).sql, Type::Double.sql());
            let size = build::cast(size, Type::Double.sql());
            let count = build::call("floor", [build::binary(number, BinaryOperator::Divide, size.clone())]);
            Some(Typed::single(build::binary(count, BinaryOperator::Multiply, size), Type::Double))
        }
        (ty, _) => lowering.refuse(call, "a date or a number", ty, value.span),
    }
}

/// Half a power of ten, or a power of ten.
fn readable_size(buckets: f64, from: f64, to: f64) -> f64 {
    let precise = (to - from) / buckets;
    let power = 10_f64.powf(precise.log10().ceil());
    if precise < power / 2.0 { power / 2.0 } else { power }
}

/// Spans that people read, from the longest, with their milliseconds.
const READABLE: [(i64, TimeUnit, f64); 18] = [
    (1, TimeUnit::Month, 30.0 * 86_400_000.0),
    (1, TimeUnit::Week, 7.0 * 86_400_000.0),
    (1, TimeUnit::Day, 86_400_000.0),
    (12, TimeUnit::Hour, 12.0 * 3_600_000.0),
    (3, TimeUnit::Hour, 3.0 * 3_600_000.0),
    (1, TimeUnit::Hour, 3_600_000.0),
    (30, TimeUnit::Minute, 30.0 * 60_000.0),
    (10, TimeUnit::Minute, 10.0 * 60_000.0),
    (5, TimeUnit::Minute, 5.0 * 60_000.0),
    (1, TimeUnit::Minute, 60_000.0),
    (30, TimeUnit::Second, 30_000.0),
    (10, TimeUnit::Second, 10_000.0),
    (5, TimeUnit::Second, 5_000.0),
    (1, TimeUnit::Second, 1_000.0),
    (100, TimeUnit::Millisecond, 100.0),
    (50, TimeUnit::Millisecond, 50.0),
    (10, TimeUnit::Millisecond, 10.0),
    (1, TimeUnit::Millisecond, 1.0),
];

/// The shortest span of which there are not more than `buckets` between two instants, in milliseconds.
fn readable_span(buckets: f64, from: f64, to: f64) -> (i64, TimeUnit) {
    let fits = |length: f64| {
        let first = (from / length).floor();
        (to / length).ceil() - first <= buckets
    };
    let fitting = READABLE.iter().take_while(|(_, _, length)| fits(*length));
    fitting.last().map_or((1, TimeUnit::Year), |(count, unit, _)| (*count, *unit))
}

fn date_diff(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let [unit, start, end] = call.args else { return None };
    let unit = lowering.text_argument(call, unit);
    let (start, end) = (lowering.date_argument(call, start), lowering.date_argument(call, end));
    let args = vec![unit?, start?.sql, end?.sql];
    Some(Typed::single(lowering.labelled("date_diff", args, call.span), Type::Integer))
}

/// A function of a text and an instant.
fn of_instant(lowering: &mut Lowering<'_>, call: &Call<'_>, function: &str, ty: Type) -> Option<Typed> {
    let [text, date] = call.args else { return None };
    let (text, date) = (lowering.text_argument(call, text), lowering.date_argument(call, date));
    Some(Typed::single(lowering.labelled(function, vec![text?, date?.sql], call.span), ty))
}

fn date_format(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    match call.args {
        [date] => name_of_argument(lowering, call, date, OPTIONAL_TIME),
        _ => of_instant(lowering, call, "format_date", Type::Keyword),
    }
}

fn name_of(lowering: &mut Lowering<'_>, call: &Call<'_>, pattern: &str) -> Option<Typed> {
    name_of_argument(lowering, call, call.args.first()?, pattern)
}

fn name_of_argument(lowering: &mut Lowering<'_>, call: &Call<'_>, date: &Expr, pattern: &str) -> Option<Typed> {
    let date = lowering.date_argument(call, date)?;
    Some(Typed::single(build::call("format_date", [build::text(pattern), date.sql]), Type::Keyword))
}

fn date_parse(lowering: &mut Lowering<'_>, call: &Call<'_>, _: Want) -> Option<Typed> {
    let (pattern, text) = match call.args {
        [pattern, text] => (lowering.text_argument(call, pattern), lowering.text_argument(call, text)),
        [text] => (Some(build::text(OPTIONAL_TIME)), lowering.text_argument(call, text)),
        _ => return None,
    };
    let args = vec![pattern?, text?];
    Some(Typed::single(lowering.labelled("parse_date", args, call.span), Type::Date))
}

impl Lowering<'_> {
    /// The milliseconds since 1970 of a text literal.
    fn instant_value(&mut self, expr: &Expr) -> Option<f64> {
        let literal = match &expr.kind {
            ExprKind::Literal(Literal::String(literal)) => Some(literal),
            ExprKind::Call { args, .. } => args.first().and_then(string_literal),
            ExprKind::Cast { operand, .. } => string_literal(operand),
            _ => None,
        };
        match literal {
            Some(literal) => {
                self.cast_literal(literal, Type::Date)?;
                crate::sql::literal::instant(&literal.value).map(|instant| instant.millis() as f64)
            }
            None => self.fail(
                Code::Arguments,
                expr.span,
                "the ends of the buckets must be literals",
                Some("write a date, such as \"2024-01-31\""),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        assert!((readable_size(20.0, 0.0, 90.0) - 5.0).abs() < 1e-9);
        assert!((readable_size(10.0, 25_324.0, 74_999.0) - 5000.0).abs() < 1e-9);
        assert!((readable_size(10.0, 0.0, 80.0) - 10.0).abs() < 1e-9);
        let day = 86_400_000.0;
        assert_eq!(readable_span(20.0, 0.0, 365.0 * day), (1, TimeUnit::Month));
        assert_eq!(readable_span(100.0, 0.0, 365.0 * day), (1, TimeUnit::Week));
        assert_eq!(readable_span(5.0, 0.0, 3650.0 * day), (1, TimeUnit::Year));
        assert_eq!(readable_span(24.0, 0.0, day), (1, TimeUnit::Hour));
    }
}
