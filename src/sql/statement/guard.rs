//! Only one query passes, and only what reads tables.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Query, Select, SetExpr, Spanned, Statement, TableFactor, Visit, Visitor,
};

use crate::diagnostic::{Code, Diagnostic, Span};

use super::tokens::Places;

/// Functions that make tables out of nothing but their arguments.
const TABLE_FUNCTIONS: &[&str] = &["generate_series", "range", "unnest"];
/// Each set operation in a row is one more level of a tree that is walked by recursion, here and in the planner.
const MAX_OPERATIONS: usize = 256;
/// Operators in a row make as deep a tree, and the planner's time grows with the square of it.
const MAX_CHAIN: usize = 1000;
const HELP: &str = "a rule is one SELECT, which may start with WITH";

/// The only query among `statements`, the first of which starts at the byte `start`.
pub(super) fn query(
    statements: Vec<Statement>,
    start: usize,
    text: &str,
    places: &Places<'_>,
) -> Result<Query, Vec<Diagnostic>> {
    let mut statements = statements.into_iter();
    let Some(first) = statements.next() else {
        let end = text.trim_end().len();
        let mistake = Diagnostic::error(Code::Syntax, Span::new(end, end), "expected a SELECT, found no statement");
        return Err(vec![mistake.with_help(HELP)]);
    };
    let mut mistakes = Vec::new();
    for other in statements {
        mistakes.push(refusal(places.span(other.span()), "a second statement"));
    }
    let mut guard = Guard { places, mistakes };
    let Statement::Query(query) = first else {
        let word: String = text.get(start..).unwrap_or("").chars().take_while(|c| c.is_alphabetic()).collect();
        let span = Span::new(start, start + word.len());
        guard.mistakes.push(refusal(span, &format!("the statement {}", word.to_uppercase())));
        return Err(guard.mistakes);
    };
    let _ = query.visit(&mut guard);
    if guard.mistakes.is_empty() { Ok(*query) } else { Err(guard.mistakes) }
}

fn refusal(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(Code::NotReadOnly, span, format!("expected one query that only reads, found {what}"))
        .with_help(HELP)
}

/// How many operators follow each other from `expr` on, counted no further than the limit.
fn chain(mut expr: &Expr) -> usize {
    let mut count = 0;
    while let (Expr::BinaryOp { left, .. }, true) = (expr, count <= MAX_CHAIN) {
        count += 1;
        expr = left;
    }
    count
}

/// How many UNION, EXCEPT and INTERSECT stand in a row.
fn operations(mut body: &SetExpr) -> usize {
    let mut count = 0;
    while let SetExpr::SetOperation { left, .. } = body {
        count += 1;
        body = left;
    }
    count
}

struct Guard<'a> {
    places: &'a Places<'a>,
    mistakes: Vec<Diagnostic>,
}

impl Guard<'_> {
    fn refuse(&mut self, place: &impl Spanned, what: &str) {
        self.mistakes.push(refusal(self.places.span(place.span()), what));
    }

    fn table_function(&mut self, name: &ObjectName) {
        let known = name.to_string().to_lowercase();
        if !TABLE_FUNCTIONS.contains(&known.as_str()) {
            self.refuse(name, &format!("the table function {known}"));
        }
    }

    fn body(&mut self, query: &Query, body: &SetExpr) {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                self.body(query, left);
                self.body(query, right);
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                self.refuse(query, "a statement that writes");
            }
            SetExpr::Table(_) => self.refuse(query, "TABLE instead of SELECT * FROM"),
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => {}
        }
    }
}

impl Visitor for Guard<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if chain(expr) <= MAX_CHAIN {
            return ControlFlow::Continue(());
        }
        // The span of the whole chain would be found by recursion, which is what must not happen here.
        let mut first = expr;
        while let Expr::BinaryOp { left, .. } = first {
            first = left;
        }
        let span = self.places.span(first.span());
        let message = format!("expected at most {MAX_CHAIN} operators in a row, found more");
        let mistake = Diagnostic::error(Code::Unsupported, Span::new(span.start, span.start), message);
        self.mistakes.push(mistake.with_help("put the values into an IN list, or the patterns into one glob_match"));
        ControlFlow::Break(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if operations(&query.body) > MAX_OPERATIONS {
            let span = self.places.span(query.span());
            let message = format!("expected at most {MAX_OPERATIONS} set operations in a row, found more");
            let mistake = Diagnostic::error(Code::Unsupported, Span::new(span.start, span.start), message);
            self.mistakes.push(mistake.with_help("put the rows into one table, or the values into an IN list"));
            return ControlFlow::Break(());
        }
        self.body(query, &query.body);
        if !query.locks.is_empty() {
            self.refuse(query, "a query that locks rows");
        }
        let foreign = query.for_clause.is_some() || query.settings.is_some() || query.format_clause.is_some();
        if foreign || !query.pipe_operators.is_empty() {
            self.refuse(query, "a clause of another dialect");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if let Some(into) = &select.into {
            self.refuse(&into.name, "SELECT INTO, which writes");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.table_function(name);
            }
            TableFactor::TableFunction { expr: Expr::Function(function), .. } => self.table_function(&function.name),
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => {}
            other => self.refuse(other, "a table of another dialect"),
        }
        ControlFlow::Continue(())
    }
}
