//! The columns that a command sees, in order, and what became of those it no longer sees.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::diagnostic::Span;

use super::catalog::{Field, Type};

/// The place where a column comes into being: the number of the command from 1, or 0 for a field of the source, and the
/// name it was given there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Definition {
    pub(crate) command: usize,
    pub(crate) name: String,
}

/// How a column is used; a column that holds lists may become scalar where it starts if nothing needs it whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Use {
    /// Somewhere its single value is asked for.
    pub(crate) single: bool,
    /// Somewhere all its values matter.
    pub(crate) whole: bool,
}

/// What one walk over a pipeline learns about the columns it reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Learned {
    pub(crate) uses: BTreeMap<Definition, Use>,
    /// Fields that the query names and the source does not list.
    pub(crate) missing: BTreeMap<String, Field>,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// Whether its SQL column is a list.
    pub(crate) multi: bool,
    /// Whether it is shown as a list even where it holds one value.
    pub(crate) list: bool,
    /// Whether SQL carries it; a field that nothing reads only has a name.
    pub(crate) live: bool,
    pub(crate) definition: Definition,
}

/// Why a column is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Removal {
    pub(crate) command: &'static str,
    pub(crate) span: Span,
}

/// The visible columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) columns: Vec<Column>,
    /// Whether a name that is not listed may still be a field of the source.
    pub(crate) open: bool,
    pub(crate) removed: HashMap<String, Removal>,
}

impl Scope {
    /// The column of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Appends a column, in place of one of the same name elsewhere.
    pub(crate) fn append(&mut self, column: Column) {
        self.columns.retain(|other| other.name != column.name);
        self.removed.remove(&column.name);
        self.columns.push(column);
    }

    /// Takes columns away and remembers which command did.
    pub(crate) fn remove(&mut self, names: &[String], removal: Removal) {
        let gone: HashSet<&String> = names.iter().collect();
        self.columns.retain(|column| !gone.contains(&column.name));
        self.removed.extend(names.iter().map(|name| (name.clone(), removal)));
    }

    /// Leaves only `columns` and remembers which command removed the others.
    pub(crate) fn replace(&mut self, columns: Vec<Column>, removal: Removal) {
        for old in std::mem::replace(&mut self.columns, columns) {
            self.removed.insert(old.name, removal);
        }
        for column in &self.columns {
            self.removed.remove(&column.name);
        }
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }
}
