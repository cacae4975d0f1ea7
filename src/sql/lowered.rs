//! What a query becomes: a SQL query and what the engine must know beside it.

use datafusion::sql::sqlparser::ast;

use super::catalog::{Field, Type};
use crate::diagnostic::Diagnostic;

/// A rule's query in its canonical form.
#[derive(Debug, Clone)]
pub struct Lowered {
    /// The query, without the trailing limit; ordered where `ordered` says so.
    pub query: ast::Query,
    /// The trailing limit: written or the language's default.
    pub limit: Option<u64>,
    /// Whether the rows have a stated order.
    pub ordered: bool,
    /// The tables that the query reads.
    pub tables: Vec<TableUse>,
    /// The columns of the result, where the language tells them; empty for SQL.
    pub columns: Vec<Column>,
    /// Whether rows are groups rather than events.
    pub aggregating: bool,
    /// The columns, visible or hidden, that identify a group. Hidden ones follow the visible columns in the query's
    /// result. `None` where the whole row identifies it.
    pub group_key: Option<Vec<String>>,
    /// The columns of the result that MV_EXPAND took apart: they tell apart the rows of one event.
    pub expanded: Vec<String>,
    /// How many of the query's last columns only serve `group_key` and are not shown.
    pub hidden: usize,
    /// The fields of the event that each row carries in columns behind all others; none where rows carry no event.
    pub origin: Vec<String>,
    /// The names of all columns of the result, in order, where some come as the members of one column of the query; see
    /// [`TableUse::packed`].
    pub unpacked: Option<Vec<String>>,
    /// What its author should know.
    pub warnings: Vec<Diagnostic>,
}

/// A table that a query reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableUse {
    /// The table's name in SQL.
    pub name: String,
    /// The patterns of FROM that it stands for.
    pub patterns: Vec<String>,
    /// The fields that the query reads and that the source did not list; the table must offer them, as null if need be.
    pub wanted: Vec<Field>,
    /// Metadata columns that the query reads: `_id`, `_index`, `_version`, `_source`, `_ignored`.
    pub metadata: Vec<String>,
    /// Whether the query reads every field.
    pub all_fields: bool,
    /// The fields that the query only carries along, and that the table gives it as the members of one column.
    pub packed: Vec<String>,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether it is shown as a list even where it holds one value (a result of VALUES).
    pub list: bool,
}
