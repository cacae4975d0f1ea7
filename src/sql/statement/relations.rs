//! What a query may name: the relations of its FROM, and the columns of each.

/// A column of a relation or of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) name: String,
    /// Whether it is a list.
    pub(super) multi: bool,
}

/// A table, a common table expression or a subquery of a FROM.
#[derive(Debug, Clone, Default)]
pub(super) struct Relation {
    /// The name before its columns.
    pub(super) qualifier: String,
    pub(super) columns: Vec<Output>,
    /// The table of the lake whose fields it offers, listed or not.
    pub(super) table: Option<usize>,
    /// Whether it may have columns that are not known here.
    pub(super) open: bool,
}

impl Relation {
    pub(super) fn find(&self, name: &str) -> Option<&Output> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// The relations of one SELECT, and the names that its items declare.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub(super) relations: Vec<Relation>,
    pub(super) outputs: Vec<Output>,
    /// Whether a name means an item before it means a column: in ORDER BY and HAVING.
    pub(super) outputs_first: bool,
}
