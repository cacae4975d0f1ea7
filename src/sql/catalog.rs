//! How the lowering sees tables: names and types, without I/O.
//!
//! The engine implements [`Catalog`] over a lake; tests implement it over a list of fields.

use crate::diagnostic::Diagnostic;
use crate::esql::ast::Ident;

/// The types of ES|QL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// Nothing but null is known of it; goes with every type.
    Null,
    /// `true` or `false`.
    Boolean,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// 64 bits without sign.
    UnsignedLong,
    /// A number with fraction.
    Double,
    /// Text.
    Keyword,
    /// Text that Elasticsearch analyses; taken as a whole.
    Text,
    /// An address.
    Ip,
    /// An instant.
    Date,
    /// An instant in nanoseconds.
    DateNanos,
    /// A software version.
    Version,
    /// A point on earth.
    GeoPoint,
    /// A duration; only as a literal.
    TimeSpan,
}

/// A field of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The dotted name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether its SQL column is a list.
    pub multi: bool,
}

/// What the patterns of one FROM select together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name of the table in SQL.
    pub name: String,
    /// The fields, sorted by name, without metadata.
    pub fields: Vec<Field>,
    /// Whether a document may hold fields that are not listed; such a field can be asked for, as a list.
    pub open: bool,
}

/// The tables that a query can be planned against.
pub trait Catalog {
    /// The source that the patterns of a FROM select; an error where they select none.
    fn source(&self, patterns: &[Ident]) -> Result<Source, Diagnostic>;

    /// The type that ECS gives a field.
    fn ecs(&self, field: &str) -> Option<Type>;

    /// The nearest name to `field` among those of `source` and of ECS.
    fn near(&self, source: &Source, field: &str) -> Option<String>;
}
