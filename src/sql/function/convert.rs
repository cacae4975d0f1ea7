//! TO_* and `::`: what SQL converts exactly. A value that does not convert is null.

use crate::diagnostic::{Code, Span};
use crate::esql::ast::{Expr, Ident};

use crate::sql::build;
use crate::sql::catalog::Type;
use crate::sql::expr::{Typed, Want};
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;

use super::{Build, Function};

use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType, Expr as Sql};

macro_rules! conversion {
    ($name:literal, $signature:literal, $summary:literal, $example:literal, $ty:expr) => {
        Function {
            name: $name,
            signature: $signature,
            summary: $summary,
            example: $example,
            arity: (1, 1),
            build: Build::Scalar(|lowering, call, want| {
                let arg = call.args.first()?;
                lowering.convert(arg, $ty, call.span, want)
            }),
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    conversion!("to_string", "to_string(any) -> keyword", "the value as text", "to_string(port)", Type::Keyword),
    conversion!("to_str", "to_str(any) -> keyword", "the value as text", "to_str(port)", Type::Keyword),
    conversion!("to_ip", "to_ip(text | ip) -> ip", "the address that a text writes", "to_ip(\"::1\")", Type::Ip),
    conversion!(
        "to_long",
        "to_long(boolean | number | text | date) -> long",
        "the value as a whole number",
        "to_long(event.code)",
        Type::Long
    ),
    conversion!(
        "to_integer",
        "to_integer(boolean | number | text) -> integer",
        "the value as a whole number of 32 bits",
        "to_integer(event.code)",
        Type::Integer
    ),
    conversion!("to_int", "to_int(boolean | number | text) -> integer", "as to_integer", "to_int(x)", Type::Integer),
    conversion!(
        "to_double",
        "to_double(boolean | number | text) -> double",
        "the value as a number with fraction",
        "to_double(bytes)",
        Type::Double
    ),
    conversion!("to_dbl", "to_dbl(boolean | number | text) -> double", "as to_double", "to_dbl(x)", Type::Double),
    conversion!(
        "to_boolean",
        "to_boolean(boolean | number | text) -> boolean",
        "whether a text is true in any case, or a number is not 0",
        "to_boolean(flag)",
        Type::Boolean
    ),
    conversion!("to_bool", "to_bool(boolean | number | text) -> boolean", "as to_boolean", "to_bool(x)", Type::Boolean),
    conversion!(
        "to_datetime",
        "to_datetime(date | number | literal) -> date",
        "the instant of a text literal, or of milliseconds since 1970",
        "to_datetime(\"2024-01-31\")",
        Type::Date
    ),
    conversion!("to_dt", "to_dt(date | number | literal) -> date", "as to_datetime", "to_dt(\"2024\")", Type::Date),
];

impl Lowering<'_> {
    /// `operand::ty`.
    pub(crate) fn conversion(&mut self, operand: &Expr, ty: &Ident, span: Span, want: Want) -> Option<Typed> {
        let target = match ty.text.to_ascii_lowercase().as_str() {
            "string" | "keyword" => Type::Keyword,
            "ip" => Type::Ip,
            "long" => Type::Long,
            "integer" | "int" => Type::Integer,
            "double" => Type::Double,
            "boolean" | "bool" => Type::Boolean,
            "date" | "datetime" => Type::Date,
            "text"
            | "version"
            | "unsigned_long"
            | "ul"
            | "date_nanos"
            | "date_period"
            | "time_duration"
            | "geo_point"
            | "geo_shape"
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
                let help = "types are keyword, ip, long, integer, double, boolean, datetime";
                return self.fail(Code::Arguments, ty.span, message, Some(help));
            }
        };
        self.convert(operand, target, span, want)
    }

    fn convert(&mut self, operand: &Expr, to: Type, span: Span, want: Want) -> Option<Typed> {
        if let (Some(literal), Type::Date) = (string_literal(operand), to) {
            return self.cast_literal(literal, to);
        }
        // Values that do not convert do not count, so a single one may be left of several.
        let want = if may_fail(to) { Want::Whole } else { want };
        let value = self.wanted(operand, want)?;
        if value.ty == Type::Null && !value.multi {
            return Some(Typed { list: false, ..value.adapt(to) });
        }
        // What documents hold unlisted converts from text, whatever it is.
        let value = self.demand(value, if to == Type::Date { to } else { Type::Keyword });
        if same(value.ty, to) {
            return Some(Typed { ty: to, ..value });
        }
        let Typed { sql, ty: from, multi, list, .. } = value;
        let each = |sql| Typed { multi, list, ..Typed::single(sql, to) };
        if to == Type::Ip && from.is_text() {
            return Some(each(build::call("to_ip", [sql])));
        }
        match (converted(sql.clone(), from, to), target(to)) {
            (Some(_), Some(name)) if multi => Some(each(build::call("mv_cast", [sql, build::text(name)]))),
            (Some(sql), _) => Some(each(sql)),
            (None, _) => self.unsupported(span, format_args!("the conversion of {} to {}", from.name(), to.name())),
        }
    }
}

/// Whether there are values that do not convert to a type.
fn may_fail(to: Type) -> bool {
    matches!(to, Type::Long | Type::Integer | Type::Double | Type::Ip)
}

/// What mv_cast, which converts each value of a list as [`converted`] does a single one, calls a type.
fn target(to: Type) -> Option<&'static str> {
    match to {
        Type::Keyword => Some("varchar"),
        Type::Long => Some("bigint"),
        Type::Integer => Some("int"),
        Type::Double => Some("double"),
        Type::Boolean => Some("boolean"),
        Type::Date => Some("timestamp"),
        _ => None,
    }
}

/// Whether a conversion changes nothing that SQL sees.
fn same(from: Type, to: Type) -> bool {
    match to {
        Type::Keyword => matches!(from, Type::Keyword | Type::Text | Type::Ip | Type::Version),
        Type::Long => matches!(from, Type::Integer | Type::Long),
        Type::Date => from == Type::Date,
        _ => from == to,
    }
}

fn converted(sql: Sql, from: Type, to: Type) -> Option<Sql> {
    let long = || DataType::BigInt(None);
    let int = || DataType::Int(None);
    Some(match (from, to) {
        (Type::Boolean | Type::Integer | Type::Long | Type::UnsignedLong, Type::Keyword) => {
            build::cast(sql, Type::Keyword.sql())
        }
        (Type::Date, Type::Keyword) => build::call("to_char", [sql, build::text("%Y-%m-%dT%H:%M:%S%.3fZ")]),
        (Type::Boolean, Type::Long) => build::cast(sql, long()),
        (Type::Boolean, Type::Integer) => build::cast(sql, int()),
        (Type::Double, Type::Long) => build::try_cast(rounded(sql), long()),
        (Type::Double, Type::Integer) => build::try_cast(rounded(sql), int()),
        (Type::Long | Type::UnsignedLong, Type::Integer) | (Type::UnsignedLong, Type::Long) => {
            build::try_cast(sql, if to == Type::Long { long() } else { int() })
        }
        (Type::Keyword | Type::Text, Type::Long | Type::Integer) => {
            let ty = if to == Type::Long { long } else { int };
            let fraction = build::try_cast(sql.clone(), Type::Double.sql());
            let whole = build::try_cast(sql, long());
            let whole = if to == Type::Long { whole } else { build::try_cast(whole, int()) };
            build::call("coalesce", [whole, build::try_cast(rounded(fraction), ty())])
        }
        (Type::Date, Type::Long) => {
            let millis = build::call("arrow_cast", [sql, build::text(MILLIS)]);
            build::cast(millis, long())
        }
        (Type::Integer | Type::Long | Type::UnsignedLong, Type::Double) => build::cast(sql, Type::Double.sql()),
        (Type::Boolean, Type::Double) => build::cast(build::cast(sql, long()), Type::Double.sql()),
        (Type::Keyword | Type::Text, Type::Double) => build::try_cast(sql, Type::Double.sql()),
        (Type::Keyword | Type::Text, Type::Boolean) => {
            build::binary(build::call("lower", [sql]), BinaryOperator::Eq, build::text("true"))
        }
        (Type::Integer | Type::Long | Type::UnsignedLong | Type::Double, Type::Boolean) => {
            build::binary(sql, BinaryOperator::NotEq, build::number(0))
        }
        (Type::Integer | Type::Long, Type::Date) => {
            build::call("arrow_cast", [build::cast(sql, long()), build::text(MILLIS)])
        }
        _ => return None,
    })
}

const MILLIS: &str = r#"Timestamp(Millisecond, Some("UTC"))"#;

/// The nearest whole number, halves up.
fn rounded(sql: Sql) -> Sql {
    build::call("floor", [build::binary(sql, BinaryOperator::Plus, build::number("0.5"))])
}
