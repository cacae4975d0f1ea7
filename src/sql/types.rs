//! What the types of ES|QL are called, how they go together, and how SQL casts to them.

use datafusion::sql::sqlparser::ast::{DataType, ExactNumberInfo, TimezoneInfo};

use super::catalog::Type;

impl Type {
    /// The name that ES|QL gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Long => "long",
            Self::UnsignedLong => "unsigned_long",
            Self::Double => "double",
            Self::Keyword => "keyword",
            Self::Text => "text",
            Self::Ip => "ip",
            Self::Date => "date",
            Self::DateNanos => "date_nanos",
            Self::Version => "version",
            Self::GeoPoint => "geo_point",
            Self::TimeSpan => "time span",
        }
    }

    /// Whether it is a number.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Long | Self::UnsignedLong | Self::Double)
    }

    /// Whether it is a whole number.
    pub const fn is_whole_number(self) -> bool {
        matches!(self, Self::Integer | Self::Long | Self::UnsignedLong)
    }

    /// Whether it is text that is compared as text.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Keyword | Self::Text)
    }

    /// Whether it is an instant.
    pub const fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::DateNanos)
    }

    /// Whether SQL keeps it as text.
    pub(crate) const fn is_stored_as_text(self) -> bool {
        matches!(self, Self::Null | Self::Keyword | Self::Text | Self::Ip | Self::Version | Self::GeoPoint)
    }

    /// The SQL function whose result orders such values, where they do not compare as they are kept.
    pub(crate) const fn order_key(self) -> Option<&'static str> {
        match self {
            Self::Ip => Some("ip_key"),
            Self::Version => Some("version_key"),
            _ => None,
        }
    }

    /// The function that does to lists of such values, in their own order, what `name` does to most.
    pub(crate) fn of_list(self, name: &str) -> String {
        match self {
            Self::Ip => format!("{name}_ip"),
            Self::Version => format!("{name}_version"),
            _ => name.to_owned(),
        }
    }

    /// The type that holds values of both, if one does.
    pub(crate) fn unify(self, other: Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Self::Null, other) | (other, Self::Null) => Some(other),
            (a, b) if a.is_number() && b.is_number() => Some(widest(a, b)),
            (a, b) if a.is_text() && b.is_text() => Some(Self::Keyword),
            (a, b) if a.is_date() && b.is_date() => Some(Self::DateNanos),
            _ => None,
        }
    }

    /// What SQL casts to, where the type has a name there.
    pub(crate) fn sql(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer | Self::Long => DataType::BigInt(None),
            Self::UnsignedLong => DataType::BigIntUnsigned(None),
            Self::Double => DataType::Double(ExactNumberInfo::None),
            Self::Date | Self::DateNanos => DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
            Self::TimeSpan => DataType::Interval { fields: None, precision: None },
            Self::Null | Self::Keyword | Self::Text | Self::Ip | Self::Version | Self::GeoPoint => {
                DataType::Varchar(None)
            }
        }
    }
}

fn widest(a: Type, b: Type) -> Type {
    let double = a == Type::Double || b == Type::Double;
    let unsigned = a == Type::UnsignedLong || b == Type::UnsignedLong;
    match (double, unsigned) {
        (true, _) => Type::Double,
        (_, true) => Type::UnsignedLong,
        _ => Type::Long,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_widen_and_texts_are_one() {
        assert_eq!(Type::Integer.unify(Type::Long), Some(Type::Long));
        assert_eq!(Type::Long.unify(Type::Double), Some(Type::Double));
        assert_eq!(Type::Text.unify(Type::Keyword), Some(Type::Keyword));
        assert_eq!(Type::Null.unify(Type::Ip), Some(Type::Ip));
        assert_eq!(Type::Keyword.unify(Type::Long), None);
        assert_eq!(Type::Ip.unify(Type::Keyword), None);
    }
}
