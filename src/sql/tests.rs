//! The lowering over a catalog in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

use crate::diagnostic::{Diagnostic, Report};
use crate::esql::ast::Ident;

use super::catalog::{Catalog, Field, Source, Type};
use super::lowered::Lowered;

mod errors;
mod expressions;
mod fields;
mod order;
mod pipeline;
mod properties;
mod sql;
mod stats;

/// One source, whose fields are `name type`, with `*` behind the type of a list.
pub(super) struct Memory {
    fields: Vec<Field>,
    open: bool,
}

/// Fields of events as a Parquet file with scalar columns holds them.
pub(super) const FLAT: &str = "@timestamp date, agent.id keyword, bytes long, destination.ip ip, event.action keyword, \
    event.code long, flag boolean, host.name keyword, process.executable keyword, process.name keyword, ratio double, \
    version version";

/// The same as NDJSON offers them.
pub(super) const LISTS: &str = "@timestamp date*, agent.id keyword*, bytes long*, destination.ip ip*, \
    event.action keyword*, flag boolean*, host.name keyword*, process.executable keyword*, process.name keyword*";

impl Memory {
    pub(super) fn new(fields: &str, open: bool) -> Self {
        let mut fields: Vec<Field> = fields.split(',').map(field).collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Self { fields, open }
    }
}

fn field(text: &str) -> Field {
    let (name, ty) = text.trim().split_once(' ').unwrap();
    let multi = ty.ends_with('*');
    let ty = match ty.trim_end_matches('*') {
        "keyword" => Type::Keyword,
        "ip" => Type::Ip,
        "date" => Type::Date,
        "long" => Type::Long,
        "double" => Type::Double,
        "boolean" => Type::Boolean,
        "version" => Type::Version,
        other => panic!("{other}"),
    };
    Field { name: name.to_owned(), ty, multi }
}

impl Catalog for Memory {
    fn source(&self, patterns: &[Ident]) -> Result<Source, Diagnostic> {
        let name = patterns.iter().map(|pattern| pattern.text.as_str()).collect::<Vec<_>>().join(",");
        Ok(Source { name, fields: self.fields.clone(), open: self.open })
    }

    fn ecs(&self, field: &str) -> Option<Type> {
        match field {
            "source.ip" => Some(Type::Ip),
            "user.name" | "host.os.type" | "event.type" => Some(Type::Keyword),
            "destination.port" => Some(Type::Long),
            _ => None,
        }
    }

    fn near(&self, source: &Source, field: &str) -> Option<String> {
        super::near::nearest(field, source.fields.iter().map(|f| f.name.as_str())).map(str::to_owned)
    }
}

fn rendered(text: &str, diagnostics: Vec<Diagnostic>) -> String {
    Report::new("test", text, diagnostics).render(false)
}

/// What a query becomes over `catalog`.
pub(super) fn lowered(text: &str, catalog: &Memory) -> Lowered {
    let (query, mistakes) = crate::esql::parse(text);
    let query = query.unwrap_or_else(|| panic!("{}", rendered(text, mistakes)));
    super::lower(&query, text, catalog).unwrap_or_else(|mistakes| panic!("{}", rendered(text, mistakes)))
}

/// The mistakes of a query, as `code text: message (help)`.
pub(super) fn mistakes(text: &str, catalog: &Memory) -> Vec<String> {
    let (query, mistakes) = crate::esql::parse(text);
    let query = query.unwrap_or_else(|| panic!("{}", rendered(text, mistakes)));
    match super::lower(&query, text, catalog) {
        Ok(lowered) => panic!("{}", lowered.query),
        Err(mistakes) => shown(text, &mistakes),
    }
}

/// Diagnostics as `code text: message (help)`.
pub(super) fn shown(text: &str, diagnostics: &[Diagnostic]) -> Vec<String> {
    let one = |d: &Diagnostic| {
        let help = d.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{} {}: {}{help}", d.code.name(), d.span.text(text), d.message)
    };
    diagnostics.iter().map(one).collect()
}

/// The SQL of a query over flat columns, one stage a line.
pub(super) fn flat(text: &str) -> String {
    stages(&lowered(text, &Memory::new(FLAT, false)))
}

/// The SQL of a query over lists, one stage a line.
pub(super) fn lists(text: &str) -> String {
    stages(&lowered(text, &Memory::new(LISTS, true)))
}

/// Each stage of a query on a line of its own.
pub(super) fn stages(lowered: &Lowered) -> String {
    let mut lines = Vec::new();
    if let Some(with) = &lowered.query.with {
        lines.extend(with.cte_tables.iter().map(|cte| format!("{}: {}", cte.alias, cte.query)));
    }
    let last = datafusion::sql::sqlparser::ast::Query { with: None, ..lowered.query.clone() };
    lines.push(last.to_string());
    lines.join("\n")
}
