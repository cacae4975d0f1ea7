//! TO_* and `::`. A value that does not convert is null, with a warning.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::diagnostic::{Code, Span};
use crate::esql::ast::{Expr, ExprKind, Ident, Literal, TimeUnit};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::literal::interval;
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;

use super::{Call, Function, Scalar, scalar};

const TEXT: Scalar = |lowering, call, want| convert(lowering, call, Type::Keyword, want);
const LONG: Scalar = |lowering, call, want| convert(lowering, call, Type::Long, want);
const INTEGER: Scalar = |lowering, call, want| convert(lowering, call, Type::Integer, want);
const UNSIGNED: Scalar = |lowering, call, want| convert(lowering, call, Type::UnsignedLong, want);
const DOUBLE: Scalar = |lowering, call, want| convert(lowering, call, Type::Double, want);
const BOOLEAN: Scalar = |lowering, call, want| convert(lowering, call, Type::Boolean, want);
const DATE: Scalar = |lowering, call, want| convert(lowering, call, Type::Date, want);
const NANOS: Scalar = |lowering, call, want| convert(lowering, call, Type::DateNanos, want);
const VERSION: Scalar = |lowering, call, want| convert(lowering, call, Type::Version, want);

/// A function that converts: its name, what it takes and gives, what it returns, an example, how.
macro_rules! conversion {
    ($name:literal, $signature:literal, $summary:literal, $example:literal, $gives:literal, $build:expr) => {
        scalar(($name, concat!($name, $signature)), (1, 1), $summary, (concat!($name, $example), $gives), $build)
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    conversion!("to_string", "(any) -> keyword", "the value as text", "(443)", "\"443\"", TEXT),
    conversion!("to_str", "(any) -> keyword", "the value as text", "(443)", "\"443\"", TEXT),
    conversion!(
        "to_ip",
        "(text | ip) -> ip",
        "the address that a text writes",
        "(\"::FFFF:10.0.0.1\")",
        "\"10.0.0.1\"",
        |lowering, call, want| convert(lowering, call, Type::Ip, want)
    ),
    conversion!(
        "to_long",
        "(boolean | number | text | date) -> long",
        "the value as a whole number, the nearest one where it has a fraction",
        "(\"79.5\")",
        "80",
        LONG
    ),
    conversion!(
        "to_integer",
        "(boolean | number | text | date) -> integer",
        "the value as a whole number of 32 bits",
        "(\"443\")",
        "443",
        INTEGER
    ),
    conversion!(
        "to_int",
        "(boolean | number | text | date) -> integer",
        "the value as a whole number of 32 bits",
        "(\"443\")",
        "443",
        INTEGER
    ),
    conversion!(
        "to_unsigned_long",
        "(boolean | number | text | date) -> unsigned_long",
        "the value as a whole number without sign",
        "(\"18446744073709551615\")",
        "18446744073709551615",
        UNSIGNED
    ),
    conversion!(
        "to_ulong",
        "(boolean | number | text | date) -> unsigned_long",
        "the value as a whole number without sign",
        "(\"18446744073709551615\")",
        "18446744073709551615",
        UNSIGNED
    ),
    conversion!(
        "to_ul",
        "(boolean | number | text | date) -> unsigned_long",
        "the value as a whole number without sign",
        "(\"18446744073709551615\")",
        "18446744073709551615",
        UNSIGNED
    ),
    conversion!(
        "to_double",
        "(boolean | number | text | date) -> double",
        "the value as a number with fraction",
        "(\"1.5\")",
        "1.5",
        DOUBLE
    ),
    conversion!(
        "to_dbl",
        "(boolean | number | text | date) -> double",
        "the value as a number with fraction",
        "(\"1.5\")",
        "1.5",
        DOUBLE
    ),
    conversion!(
        "to_boolean",
        "(boolean | number | text) -> boolean",
        "whether a text is true in any case, or a number is not 0",
        "(\"True\")",
        "true",
        BOOLEAN
    ),
    conversion!(
        "to_bool",
        "(boolean | number | text) -> boolean",
        "whether a text is true in any case, or a number is not 0",
        "(\"True\")",
        "true",
        BOOLEAN
    ),
    conversion!(
        "to_datetime",
        "(date | number | text) -> date",
        "the instant of a text, or of milliseconds since 1970",
        "(\"2024-01-31\")",
        "\"2024-01-31T00:00:00.000Z\"",
        DATE
    ),
    conversion!(
        "to_dt",
        "(date | number | text) -> date",
        "the instant of a text, or of milliseconds since 1970",
        "(\"2024-01-31\")",
        "\"2024-01-31T00:00:00.000Z\"",
        DATE
    ),
    conversion!(
        "to_date_nanos",
        "(date | number | text) -> date_nanos",
        "the instant of a text, or of nanoseconds since 1970",
        "(\"2024-01-31T00:00:00.123456789Z\")",
        "\"2024-01-31T00:00:00.123456789Z\"",
        NANOS
    ),
    conversion!(
        "to_datenanos",
        "(date | number | text) -> date_nanos",
        "the instant of a text, or of nanoseconds since 1970",
        "(\"2024-01-31T00:00:00.123456789Z\")",
        "\"2024-01-31T00:00:00.123456789Z\"",
        NANOS
    ),
    conversion!(
        "to_version",
        "(text | version) -> version",
        "the version that a text writes",
        "(\"1.10.0\")",
        "\"1.10.0\"",
        VERSION
    ),
    conversion!(
        "to_ver",
        "(text | version) -> version",
        "the version that a text writes",
        "(\"1.10.0\")",
        "\"1.10.0\"",
        VERSION
    ),
    conversion!(
        "to_dateperiod",
        "(text) -> time span",
        "the span of days or more that a text literal writes",
        "(\"3 days\") + to_datetime(\"2024-01-31\")",
        "\"2024-02-03T00:00:00.000Z\"",
        |lowering, call, _| span(lowering, call)
    ),
    conversion!(
        "to_timeduration",
        "(text) -> time span",
        "the span of hours or less that a text literal writes",
        "(\"90 minutes\") + to_datetime(\"2024-01-31\")",
        "\"2024-01-31T01:30:00.000Z\"",
        |lowering, call, _| span(lowering, call)
    ),
];

fn convert(lowering: &mut Lowering<'_>, call: &Call<'_>, to: Type, want: Want) -> Option<Typed> {
    lowering.convert(call.args.first()?, to, call.span, want)
}

fn span(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let (count, unit) = lowering.time_span(call.args.first()?)?;
    Some(Typed::single(interval(count, unit), Type::TimeSpan))
}

impl Lowering<'_> {
    /// The time span that an expression writes: a literal, a text literal, or a conversion of one.
    pub(super) fn time_span(&mut self, expr: &Expr) -> Option<(i64, TimeUnit)> {
        match &expr.kind {
            ExprKind::Literal(Literal::TimeSpan { value, unit }) => return Some((*value, *unit)),
            ExprKind::Cast { operand, .. } => return self.time_span(operand),
            ExprKind::Call { name, args, .. } if name.text.to_ascii_lowercase().starts_with("to_") => {
                if let [only] = args.as_slice() {
                    return self.time_span(only);
                }
            }
            ExprKind::Literal(Literal::String(literal)) => {
                let text = literal.value.trim();
                let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
                let (count, unit) = text.split_at(digits);
                if let (Ok(count), Some(unit)) = (count.parse(), TimeUnit::from_word(unit.trim())) {
                    return Some((count, unit));
                }
            }
            _ => {}
        }
        self.fail(Code::Arguments, expr.span, "expected a time span", Some("write a time span, such as 1 hour"))
    }

    /// `operand::ty`.
    pub(crate) fn conversion(&mut self, operand: &Expr, ty: &Ident, span: Span, want: Want) -> Option<Typed> {
        let target = match ty.text.to_ascii_lowercase().as_str() {
            "string" | "keyword" | "text" => Type::Keyword,
            "ip" => Type::Ip,
            "long" => Type::Long,
            "integer" | "int" => Type::Integer,
            "unsigned_long" | "ul" | "ulong" => Type::UnsignedLong,
            "double" | "dbl" => Type::Double,
            "boolean" | "bool" => Type::Boolean,
            "date" | "datetime" => Type::Date,
            "date_nanos" => Type::DateNanos,
            "version" => Type::Version,
            "geo_point" => Type::GeoPoint,
            "date_period" | "time_duration" => {
                let (count, unit) = self.time_span(operand)?;
                return Some(Typed::single(interval(count, unit), Type::TimeSpan));
            }
            "geo_shape"
            | "cartesian_point"
            | "cartesian_shape"
            | "aggregate_metric_double"
            | "dense_vector"
            | "geohash"
            | "geotile"
            | "geohex" => {
                return self.unsupported(ty.span, format_args!("the conversion to {}", ty.text.to_lowercase()));
            }
            _ => {
                let message = format!("unknown type `{}`", ty.text);
                let help = "types are keyword, ip, version, long, integer, unsigned_long, double, boolean, datetime, \
                            date_nanos, geo_point, date_period, time_duration";
                return self.fail(Code::Arguments, ty.span, message, Some(help));
            }
        };
        self.convert(operand, target, span, want)
    }

    pub(super) fn convert(&mut self, operand: &Expr, to: Type, span: Span, want: Want) -> Option<Typed> {
        if let (Some(literal), Type::Date | Type::DateNanos) = (string_literal(operand), to) {
            return self.cast_literal(literal, to);
        }
        // Values that do not convert do not count, so a single one may be left of several.
        let want = if to == Type::Keyword || to == Type::Version { want } else { Want::Whole };
        let value = self.wanted(operand, want)?;
        if value.ty == Type::Null && !value.multi {
            return Some(Typed { list: false, ..value.adapt(to) });
        }
        // What documents hold unlisted converts from text, whatever it is.
        let value = self.demand(value, if to.is_date() { to } else { Type::Keyword });
        if same(value.ty, to) {
            return Some(Typed { ty: to, ..value });
        }
        let Typed { sql, ty: from, multi, list, .. } = value;
        let each = |sql| Typed { multi, list, ..Typed::single(sql, to) };
        match (to, from) {
            (Type::Ip, Type::Keyword | Type::Text) => return Some(each(self.labelled("to_ip", vec![sql], span))),
            (Type::GeoPoint, Type::Keyword | Type::Text) if !multi => {
                return Some(each(self.labelled("to_geopoint", vec![sql], span)));
            }
            _ => {}
        }
        if !multi && let Some(sql) = exact(&sql, from, to) {
            return Some(each(sql));
        }
        if let Some(name) = target(from, to) {
            return Some(each(self.labelled("mv_cast", vec![sql, build::text(name)], span)));
        }
        let message = format!("{} does not convert to {}", from.name(), to.name());
        self.fail(Code::TypeMismatch, span, message, Some("convert it to text first, or take another type"))
    }
}

/// What mv_cast calls a type, where values convert to it.
fn target(from: Type, to: Type) -> Option<&'static str> {
    let plain = from.is_number() || from.is_text() || from == Type::Boolean;
    match to {
        Type::Keyword if from == Type::DateNanos => Some("varchar_ns"),
        Type::Keyword if plain || from.is_date() => Some("varchar"),
        Type::Long if plain || from.is_date() => Some("bigint"),
        Type::Integer if plain || from.is_date() => Some("int"),
        Type::UnsignedLong if plain || from.is_date() => Some("bigint unsigned"),
        Type::Double if plain || from.is_date() => Some("double"),
        Type::Boolean if plain => Some("boolean"),
        Type::Date if from.is_whole_number() || from.is_text() || from.is_date() => Some("timestamp"),
        Type::DateNanos if from.is_whole_number() || from.is_text() || from.is_date() => Some("timestamp_ns"),
        _ => None,
    }
}

/// Whether a conversion changes nothing that SQL sees.
fn same(from: Type, to: Type) -> bool {
    match to {
        Type::Keyword => from.is_stored_as_text(),
        Type::Version => matches!(from, Type::Keyword | Type::Text | Type::Version),
        Type::Long => matches!(from, Type::Integer | Type::Long),
        _ => from == to,
    }
}

/// What SQL converts without a function of ours, where every value converts.
fn exact(sql: &Sql, from: Type, to: Type) -> Option<Sql> {
    match (from, to) {
        (Type::Boolean | Type::Integer | Type::Long | Type::UnsignedLong, Type::Keyword)
        | (Type::Boolean, Type::Long)
        | (Type::Integer | Type::Long | Type::UnsignedLong, Type::Double) => Some(build::cast(sql.clone(), to.sql())),
        (Type::Keyword | Type::Text, Type::Boolean) => {
            let lower = build::call("lower", [sql.clone()]);
            Some(build::binary(lower, BinaryOperator::Eq, build::text("true")))
        }
        (from, Type::Boolean) if from.is_number() => {
            Some(build::binary(sql.clone(), BinaryOperator::NotEq, build::number(0)))
        }
        _ => None,
    }
}
