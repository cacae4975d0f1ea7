//! A pipeline becomes a chain of common table expressions, one a command.
//!
//! The pipeline is walked until what a walk learns no longer changes: which fields the query reads and whether it
//! needs all values of a field or only a single one. The last walk's SQL is the result. So FROM lists exactly the
//! fields that are needed, and a field whose list nobody looks at is scalar from the start.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{Cte, Expr as Sql, OrderByExpr, Query as SqlQuery, SelectItem};

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::esql::ast::{CommandKind, Name, Query};

use super::build::{self, Stage};
use super::catalog::{Catalog, Field, Source, Type};
use super::expr::{Mode, Typed};
use super::lowered::{self, Lowered, TableUse};
use super::near::nearest;
use super::scope::{Column, Definition, Learned, Scope};

/// The planner's time grows with the square of the commands: this many take it about a second.
const MOST_COMMANDS: usize = 200;
/// The limit of a query that states none.
const DEFAULT_LIMIT: u64 = 1000;
/// No query returns more rows, whatever its limit says.
const MAXIMUM_LIMIT: u64 = 10_000;
/// The hidden column of a relation that has no other.
const ROW: &str = "__row";

/// The SQL of a query, and what the engine must know beside it. `text` is the text that `query` was parsed from.
///
/// # Errors
/// Every mistake of the query, each with its place.
pub fn lower(query: &Query, text: &str, catalog: &dyn Catalog) -> Result<Lowered, Vec<Diagnostic>> {
    if let Some(command) = query.commands.get(MOST_COMMANDS) {
        let message = format!("the query has {} commands, more than {MOST_COMMANDS}", query.commands.len());
        let help = "join neighbouring EVAL, WHERE, RENAME or DROP commands: each takes several expressions";
        return Err(vec![Diagnostic::error(Code::Syntax, command.span, message).with_help(help)]);
    }
    let mut learned = None;
    // Each walk needs at most as much as the one before; a use disappears at most once a command.
    for _ in 0..query.commands.len() + 2 {
        let walk = Lowering::new(query, text, catalog, learned.clone());
        let (result, now) = walk.run();
        if learned.as_ref() == Some(&now) {
            return result;
        }
        learned = Some(now);
    }
    Lowering::new(query, text, catalog, learned).run().0
}

/// A key of the order that rows have.
#[derive(Debug, Clone)]
pub(crate) struct SortBy {
    /// The SQL column that holds it.
    pub(crate) column: String,
    pub(crate) ty: Type,
    pub(crate) multi: bool,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// One walk over a pipeline.
pub(crate) struct Lowering<'a> {
    pub(crate) query: &'a Query,
    pub(crate) text: &'a str,
    pub(crate) catalog: &'a dyn Catalog,
    /// What the walk before learned; `None` on the first walk, which takes every field as read and whole.
    pub(crate) before: Option<Learned>,
    pub(crate) now: Learned,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The position of the command at work, from 0.
    pub(crate) position: usize,
    pub(crate) scope: Scope,
    /// SQL columns that are carried along unseen.
    pub(crate) hidden: Vec<String>,
    pub(crate) source: Option<Source>,
    pub(crate) mode: Mode,
    /// The condition of `aggregate WHERE condition`, while the aggregate is lowered.
    pub(crate) aggregate_filter: Option<Sql>,
    /// The order that rows have: first as asked for, then to break ties.
    pub(crate) order: Vec<SortBy>,
    pub(crate) ties: Vec<SortBy>,
    /// The SQL columns that identify a group, after a STATS.
    pub(crate) keys: Option<Vec<String>>,
    /// The columns that MV_EXPAND took apart, before a STATS.
    pub(crate) expanded: Vec<String>,
    pub(crate) limit: Option<u64>,
    /// Whether a command that makes columns could not be lowered, so that unknown names say nothing.
    pub(crate) incomplete: bool,
    ctes: Vec<Cte>,
    tables: Vec<TableUse>,
    warned: HashSet<String>,
    counter: usize,
}

impl<'a> Lowering<'a> {
    fn new(query: &'a Query, text: &'a str, catalog: &'a dyn Catalog, before: Option<Learned>) -> Self {
        Self {
            query,
            text,
            catalog,
            before,
            now: Learned::default(),
            diagnostics: Vec::new(),
            position: 0,
            scope: Scope::default(),
            hidden: Vec::new(),
            source: None,
            mode: Mode::Rows,
            aggregate_filter: None,
            order: Vec::new(),
            ties: Vec::new(),
            keys: None,
            expanded: Vec::new(),
            limit: None,
            incomplete: false,
            ctes: Vec::new(),
            tables: Vec::new(),
            warned: HashSet::new(),
            counter: 0,
        }
    }

    fn run(mut self) -> (Result<Lowered, Vec<Diagnostic>>, Learned) {
        let query = self.query;
        for (position, command) in query.commands.iter().enumerate() {
            self.position = position;
            self.command(command);
            // Without a source there is nothing that names could mean.
            if self.source.is_none() {
                break;
            }
        }
        for column in self.scope.columns.clone() {
            self.record(&column.definition, |used| used.whole = true);
        }
        let learned = std::mem::take(&mut self.now);
        (self.finish(), learned)
    }

    /// The result, once every command is lowered.
    fn finish(mut self) -> Result<Lowered, Vec<Diagnostic>> {
        let visible: Vec<Column> = self.scope.columns.iter().filter(|column| column.live).cloned().collect();
        if visible.is_empty() && !self.has_errors() {
            let span = self.query.commands.last().map_or(Span::default(), |command| command.span);
            self.fail::<()>(Code::Unsupported, span, "the query's result has no column", Some("keep at least one"));
        }
        let mut items: Vec<SelectItem> =
            visible.iter().map(|column| build::item(build::column(&column.name), &column.name)).collect();
        let shown = items.len();
        for key in self.keys.iter().flatten() {
            if !visible.iter().any(|column| column.name == *key) {
                items.push(build::item(build::column(key), key));
            }
        }
        let hidden = items.len() - shown;
        let is_visible = |name: &String| visible.iter().any(|column| column.name == *name);
        let expanded = std::mem::take(&mut self.expanded).into_iter().filter(is_visible).collect();
        let order_by = self.order_by();
        let ordered = !order_by.is_empty();
        let stage = Stage { items, from: self.from(), order_by, ..Stage::default() };
        let query = build::with(std::mem::take(&mut self.ctes), stage.into_query(false));
        if self.has_errors() {
            return Err(self.diagnostics);
        }
        Ok(Lowered {
            query,
            limit: Some(self.limit.unwrap_or(DEFAULT_LIMIT).min(MAXIMUM_LIMIT)),
            ordered,
            tables: self.tables,
            columns: visible
                .into_iter()
                .map(|column| lowered::Column { name: column.name, ty: column.ty, list: column.list })
                .collect(),
            aggregating: self.keys.is_some(),
            group_key: self.keys,
            expanded,
            hidden,
            origin: Vec::new(),
            unpacked: None,
            warnings: self.diagnostics,
        })
    }

    fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Reports a mistake; always `None`.
    pub(crate) fn fail<T>(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: Option<&str>,
    ) -> Option<T> {
        let diagnostic = Diagnostic::error(code, span, message);
        self.diagnostics.push(match help {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        });
        None
    }

    /// Reports a part of the language that does not run yet; always `None`.
    pub(crate) fn unsupported<T>(&mut self, span: Span, what: impl std::fmt::Display) -> Option<T> {
        self.fail(Code::Unsupported, span, format!("{what} is not supported yet"), None)
    }

    /// The place where the command at work defines `name`.
    pub(crate) fn definition(&self, name: &str) -> Definition {
        // 0 is the fields of a source.
        Definition { command: self.position + 1, name: name.to_owned() }
    }

    /// Whether all values of the column that is defined there are needed somewhere.
    pub(crate) fn is_whole(&self, definition: &Definition) -> bool {
        self.before.as_ref().is_none_or(|before| before.uses.get(definition).is_some_and(|used| used.whole))
    }

    /// Whether the column that is defined there is read anywhere.
    pub(crate) fn is_live(&self, definition: &Definition) -> bool {
        self.before.as_ref().is_none_or(|before| before.uses.contains_key(definition))
    }

    /// Whether a single value of the column that is defined there is asked for somewhere.
    pub(crate) fn is_single(&self, definition: &Definition) -> bool {
        self.before.as_ref().is_some_and(|before| before.uses.get(definition).is_some_and(|used| used.single))
    }

    /// Takes down how a column is used.
    pub(crate) fn record(&mut self, definition: &Definition, change: impl FnOnce(&mut super::scope::Use)) {
        change(self.now.uses.entry(definition.clone()).or_default());
    }

    /// The column that a name stands for, mentioned but not read yet. A field that the source does not list is
    /// taken as one of its fields; a column that is gone is an error.
    pub(crate) fn resolve(&mut self, name: &Name) -> Option<Column> {
        if let Some(column) = self.scope.find(&name.text).cloned() {
            if column.definition.command == 0 {
                self.warn_missing(name);
            }
            return Some(column);
        }
        if self.incomplete {
            let definition = self.definition(&name.text);
            let name = name.text.clone();
            return Some(Column { name, ty: Type::Null, multi: false, list: false, live: false, definition });
        }
        if self.scope.open && !self.scope.removed.contains_key(&name.text) {
            return self.missing_field(name);
        }
        let known = self.scope.names().map(str::to_owned).collect::<Vec<_>>();
        let mut help = match self.scope.removed.get(&name.text) {
            Some(removal) => {
                let (line, column) = line_column(self.text, removal.span.start);
                vec![format!("{} at line {line}, column {column} removed it", removal.command)]
            }
            None => Vec::new(),
        };
        if let Some(near) = nearest(&name.text, known.iter().map(String::as_str)) {
            help.push(format!("the nearest column is `{near}`"));
        }
        if help.is_empty() {
            help.push(format!("the columns here are {}", list_of(&known)));
        }
        self.fail(Code::UnknownColumn, name.span, format!("unknown column `{}`", name.text), Some(&help.join("; ")))
    }

    /// A field that the source does not list, from now on one of its columns.
    fn missing_field(&mut self, name: &Name) -> Option<Column> {
        let open = self.source.as_ref()?.open;
        let known = self.catalog.ecs(&name.text);
        let ty = known.unwrap_or(Type::Null);
        let field = Field { name: name.text.clone(), ty, multi: open };
        let definition = Definition { command: 0, name: name.text.clone() };
        let column = Column { name: field.name.clone(), ty, multi: open, list: false, live: true, definition };
        self.now.missing.insert(field.name.clone(), field);
        self.scope.columns.push(column.clone());
        self.warn_missing(name);
        Some(column)
    }

    /// Warns once of a field that a closed source lacks.
    fn warn_missing(&mut self, name: &Name) {
        let Some(source) = &self.source else { return };
        if source.open || !self.now.missing.contains_key(&name.text) || !self.warned.insert(name.text.clone()) {
            return;
        }
        let near = self.catalog.near(source, &name.text);
        let message = format!("no event of {} has the field `{}`, so it is null", source.name, name.text);
        let warning = Diagnostic::warning(Code::UnknownField, name.span, message);
        self.diagnostics.push(match near {
            Some(near) => warning.with_help(format!("the nearest field is `{near}`")),
            None => warning,
        });
    }

    /// The name of the last stage.
    pub(crate) fn from(&self) -> String {
        self.ctes.last().map(|cte| cte.alias.name.value.clone()).unwrap_or_default()
    }

    /// Adds a table of the lake as the first stage.
    pub(crate) fn push_table(&mut self, table: TableUse, mut items: Vec<SelectItem>) {
        self.keep_a_column(&mut items);
        let stage = Stage { items, from: table.name.clone(), ..Stage::default() };
        self.tables.push(table);
        self.push_query("from", stage.into_query(true));
    }

    /// Adds a stage that reads the one before.
    pub(crate) fn push(&mut self, word: &str, mut stage: Stage) {
        self.keep_a_column(&mut stage.items);
        stage.from = self.from();
        self.push_query(word, stage.into_query(false));
    }

    /// Adds a stage that reads an earlier one.
    pub(crate) fn push_from(&mut self, word: &str, from: String, mut stage: Stage) {
        self.keep_a_column(&mut stage.items);
        stage.from = from;
        self.push_query(word, stage.into_query(false));
    }

    /// Adds a stage that reads the one before, for another to join; its name.
    pub(crate) fn push_beside(&mut self, word: &str, mut stage: Stage) -> String {
        stage.from = self.from();
        self.push_query(word, stage.into_query(false));
        self.from()
    }

    fn push_query(&mut self, word: &str, query: SqlQuery) {
        let name = format!("{word}_{}", self.position + 1);
        let taken = self.ctes.iter().filter(|cte| cte.alias.name.value.starts_with(&name)).count();
        let name = if taken == 0 { name } else { format!("{name}_{}", taken + 1) };
        self.ctes.push(build::cte(&name, query));
    }

    /// A relation without columns cannot be written, so it has one that nobody sees.
    fn keep_a_column(&mut self, items: &mut Vec<SelectItem>) {
        if items.is_empty() {
            items.push(build::item(build::number(1), ROW));
            self.hidden.push(ROW.to_owned());
        }
    }

    /// `*` without those of `names` that SQL carries.
    pub(crate) fn star_except(&self, names: &[String]) -> SelectItem {
        let live = self.scope.columns.iter().filter(|column| column.live);
        let live: HashSet<&str> = live.map(|column| column.name.as_str()).collect();
        let carried: Vec<String> = names.iter().filter(|name| live.contains(name.as_str())).cloned().collect();
        build::star_except(&carried)
    }

    /// A name for a column that nobody sees.
    pub(crate) fn hidden_name(&mut self, prefix: &str) -> String {
        loop {
            self.counter += 1;
            let name = format!("__{prefix}_{}", self.counter);
            if !self.text.contains(&name) {
                return name;
            }
        }
    }

    /// Before columns change or go: copies of those that order or identify the rows, to be selected by this stage.
    pub(crate) fn release(&mut self, names: &[String]) -> Vec<SelectItem> {
        let ordering = self.needed_later(|kind| matches!(kind, CommandKind::Sort(_) | CommandKind::Stats(_)));
        let identity = self.needed_later(|kind| matches!(kind, CommandKind::Stats(_)));
        let mut copies = Vec::new();
        for name in names {
            let key = identity && self.keys.iter().flatten().any(|key| key == name);
            let sorts = ordering && self.order.iter().any(|by| by.column == *name)
                || identity && self.ties.iter().any(|by| by.column == *name);
            if !key && !sorts {
                continue;
            }
            let copy = self.hidden_name(if key { "key" } else { "sort" });
            copies.push(build::item(build::column(name), &copy));
            self.rename_references(name, &copy);
            self.hidden.push(copy);
        }
        copies
    }

    /// Makes what orders and identifies the rows follow a column to its new name.
    pub(crate) fn rename_references(&mut self, from: &str, to: &str) {
        let sorts = self.order.iter_mut().chain(&mut self.ties).map(|by| &mut by.column);
        for name in sorts.chain(self.keys.iter_mut().flatten()) {
            if name == from {
                to.clone_into(name);
            }
        }
    }

    /// Whether the rows' order or identity matters behind the command at work: a LIMIT or the end comes before a
    /// command that makes it anew.
    pub(crate) fn needed_later(&self, renews: impl Fn(&CommandKind) -> bool) -> bool {
        let later = self.query.commands.iter().skip(self.position + 1).map(|command| &command.kind);
        for kind in later {
            if matches!(kind, CommandKind::Limit(_)) {
                return true;
            }
            if renews(kind) {
                return false;
            }
        }
        true
    }

    /// ORDER BY of the order that the rows have here.
    pub(crate) fn order_by(&self) -> Vec<OrderByExpr> {
        let mut seen = HashSet::new();
        let keys = self.order.iter().chain(&self.ties).filter(|by| seen.insert(by.column.clone()));
        keys.map(|by| build::order_key(sortable(by), by.descending, by.nulls_first)).collect()
    }

    /// The names of the visible columns that SQL carries, and of the hidden ones.
    pub(crate) fn carried_names(&self) -> Vec<String> {
        let visible = self.scope.columns.iter().filter(|column| column.live).map(|column| column.name.clone());
        visible.chain(self.hidden.iter().cloned()).collect()
    }

    /// Selects every visible column that SQL carries, and every hidden one.
    pub(crate) fn carried(&self, columns: &[Column]) -> Vec<SelectItem> {
        let visible = columns.iter().filter(|column| column.live).map(|column| column.name.as_str());
        let names = visible.chain(self.hidden.iter().map(String::as_str));
        names.map(|name| build::item(build::column(name), name)).collect()
    }

    /// Makes an expression's value a column of the command at work.
    pub(crate) fn new_column(&self, name: &str, value: &Typed) -> Column {
        let Typed { ty, multi, list, .. } = *value;
        Column { name: name.to_owned(), ty, multi, list, live: true, definition: self.definition(name) }
    }
}

/// What ORDER BY compares.
fn sortable(by: &SortBy) -> Sql {
    let column = build::column(&by.column);
    let name = by.ty.of_list(if by.descending { "mv_max" } else { "mv_min" });
    let single = if by.multi { build::call(&name, [column]) } else { column };
    match by.ty.order_key() {
        Some(key) => build::call(key, [single]),
        None => single,
    }
}

fn list_of(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    if names.len() > shown.len() {
        shown.push(format!("{} more", names.len() - shown.len()));
    }
    shown.join(", ")
}

/// Line and column, both from 1, of a byte of the text.
pub(crate) fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before.get(start..).unwrap_or("").chars().count() + 1)
}
