//! A field of a table: its name, what kind of value it holds, and how it is stored.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// What kind of value a field holds: the types of Elasticsearch's mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A text that is compared as a whole; also `constant_keyword`, `wildcard`, `flattened` leaves.
    Keyword,
    /// A text that Elasticsearch would analyse; compared as a whole here.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number of up to 64 bits.
    Long,
    /// A whole number of 64 bits without sign.
    UnsignedLong,
    /// A number with fraction.
    Double,
    /// An instant.
    Date,
    /// An IPv4 or IPv6 address, kept as text, as 4 or 16 bytes, or as 32 bits.
    Ip,
    /// A software version, kept as text.
    Version,
    /// A point on earth, kept as text.
    GeoPoint,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Keyword,
        Self::Text,
        Self::Boolean,
        Self::Long,
        Self::UnsignedLong,
        Self::Double,
        Self::Date,
        Self::Ip,
        Self::Version,
        Self::GeoPoint,
    ];

    /// The kind of a name in Elasticsearch's mapping, as [`Kind::name`] gives it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name in Elasticsearch's mapping.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Long => "long",
            Self::UnsignedLong => "unsigned_long",
            Self::Double => "double",
            Self::Date => "date",
            Self::Ip => "ip",
            Self::Version => "version",
            Self::GeoPoint => "geo_point",
        }
    }

    /// The Arrow type of one value, where the reader may choose.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Keyword | Self::Text | Self::Ip | Self::Version | Self::GeoPoint => DataType::Utf8View,
            Self::Boolean => DataType::Boolean,
            Self::Long => DataType::Int64,
            Self::UnsignedLong => DataType::UInt64,
            Self::Double => DataType::Float64,
            Self::Date => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

/// A field as a table offers it to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The dotted name, in its own case.
    pub name: String,
    /// What kind of value it holds.
    pub kind: Kind,
    /// The Arrow type of one value (of an element, where the field is a list).
    pub data_type: DataType,
    /// Whether the column is a list, since a document may hold several values.
    pub multi: bool,
}
