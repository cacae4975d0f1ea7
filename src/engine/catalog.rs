//! A lake, or ECS alone, as the lowering sees it: names and types.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::esql::ast::Ident;
use crate::lake::{self, Kind, Lake, Table, ecs};
use crate::sql::catalog::{Catalog, Field, Source, Type};

/// The tables of a lake.
pub struct LakeCatalog<'a> {
    lake: &'a Lake,
}

impl<'a> LakeCatalog<'a> {
    /// The catalog of `lake`.
    pub const fn new(lake: &'a Lake) -> Self {
        Self { lake }
    }
}

impl Catalog for LakeCatalog<'_> {
    fn source(&self, patterns: &[Ident]) -> Result<Source, Diagnostic> {
        let names: Vec<&str> = patterns.iter().map(|pattern| pattern.text.as_str()).collect();
        let selection = self.lake.select(&names);
        if selection.tables.is_empty() {
            let found = self.lake.names();
            let near = patterns.first().and_then(|p| ecs::near(&p.text, found.iter().map(String::as_str)));
            let list = if found.is_empty() { "no tables".to_owned() } else { found.join(", ") };
            let help = near
                .map_or_else(|| format!("the lake has {list}"), |near| format!("`{near}` exists; the lake has {list}"));
            let message = format!("no table matches `{}`", names.join(","));
            return Err(Diagnostic::error(Code::UnknownTable, span(patterns), message).with_help(help));
        }
        let tables: Vec<&Table> = selection.tables.iter().map(AsRef::as_ref).collect();
        let (fields, _) = lake::union_fields(&tables);
        let fields = fields.into_iter().map(|f| Field { name: f.name, ty: type_of(f.kind), multi: f.multi }).collect();
        Ok(Source { name: names.join(","), fields, open: tables.iter().any(|table| table.open_ended()) })
    }

    fn ecs(&self, field: &str) -> Option<Type> {
        ecs::kind(field).map(type_of)
    }

    fn near(&self, source: &Source, field: &str) -> Option<String> {
        near(source, field)
    }
}

/// The fields of ECS that a query can name, as the fields of every table.
#[derive(Debug)]
pub struct EcsCatalog {
    fields: Vec<Field>,
}

impl EcsCatalog {
    /// The catalog of ECS for a query: the fields whose names its text holds, or a pattern of it may mean.
    ///
    /// The planner's time grows with the square of the columns of a query, and a query without KEEP has them all.
    pub fn of(query: &str) -> Self {
        let text = query.replace('`', "");
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '*');
        let patterns: BTreeSet<&str> = text
            .split(|c| !is_name(c))
            .filter_map(|word| word.split_once('*'))
            .map(|(start, _)| start)
            .filter(|start| !start.is_empty())
            .collect();
        let is_named = |name: &str| {
            name == "@timestamp" || text.contains(name) || patterns.iter().any(|start| name.starts_with(start))
        };
        let field = |name: &str| {
            let ty = ecs::kind(name).map(type_of)?;
            Some(Field { name: name.to_owned(), ty, multi: ecs::array(name) })
        };
        let mut fields: Vec<_> = ecs::names().filter(|name| is_named(name)).filter_map(field).collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Self { fields }
    }

    /// Its fields, sorted by name.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

impl Catalog for EcsCatalog {
    fn source(&self, patterns: &[Ident]) -> Result<Source, Diagnostic> {
        let names: Vec<&str> = patterns.iter().map(|pattern| pattern.text.as_str()).collect();
        Ok(Source { name: names.join(","), fields: self.fields.clone(), open: false })
    }

    fn ecs(&self, field: &str) -> Option<Type> {
        ecs::kind(field).map(type_of)
    }

    fn near(&self, _: &Source, field: &str) -> Option<String> {
        ecs::near(field, ecs::names()).map(str::to_owned)
    }
}

fn near(source: &Source, field: &str) -> Option<String> {
    let own = ecs::near(field, source.fields.iter().map(|f| f.name.as_str()));
    own.or_else(|| ecs::near(field, ecs::names())).map(str::to_owned)
}

fn span(patterns: &[Ident]) -> Span {
    patterns.iter().map(|pattern| pattern.span).reduce(Span::to).unwrap_or_default()
}

/// The type of ES|QL that a kind of field has.
pub const fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Keyword => Type::Keyword,
        Kind::Text => Type::Text,
        Kind::Boolean => Type::Boolean,
        Kind::Long => Type::Long,
        Kind::UnsignedLong => Type::UnsignedLong,
        Kind::Double => Type::Double,
        Kind::Date => Type::Date,
        Kind::Ip => Type::Ip,
        Kind::Version => Type::Version,
        Kind::GeoPoint => Type::GeoPoint,
    }
}

/// The kind of field that a type of ES|QL is kept as.
pub const fn kind_of(ty: Type) -> Kind {
    match ty {
        Type::Boolean => Kind::Boolean,
        Type::Integer | Type::Long => Kind::Long,
        Type::UnsignedLong => Kind::UnsignedLong,
        Type::Double => Kind::Double,
        Type::Date | Type::DateNanos => Kind::Date,
        Type::Ip => Kind::Ip,
        Type::Version => Kind::Version,
        Type::GeoPoint => Kind::GeoPoint,
        Type::Text => Kind::Text,
        Type::Keyword | Type::Null | Type::TimeSpan => Kind::Keyword,
    }
}
