//! SQL as text that a person reads: one stage a block, one column and one condition a line.
//!
//! ```sql
//! WITH from_1 AS (
//!   SELECT
//!     "process.name",
//!     "user.name"
//!   FROM "logs-*"
//! )
//! SELECT
//!   "user.name"
//! FROM from_1
//! WHERE "process.name" = 'sh'
//!   AND "user.name" IS NOT NULL
//! ```

use std::fmt::Display;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, LimitClause, OrderByKind, Query, Select, SelectFlavor, SetExpr, TableWithJoins,
};

/// The longest line that a list of expressions may take before each of them gets its own.
const WIDTH: usize = 100;

/// The text of a query, one clause a line, each stage of a pipeline a block of its own.
pub fn pretty(query: &Query) -> String {
    let mut printer = Printer { lines: Vec::new(), indent: 0 };
    printer.query(query);
    printer.lines.join("\n")
}

struct Printer {
    lines: Vec<String>,
    indent: usize,
}

impl Printer {
    fn line(&mut self, text: impl Display) {
        self.lines.push(format!("{}{text}", "  ".repeat(self.indent)));
    }

    fn query(&mut self, query: &Query) {
        let foreign = query.fetch.is_some()
            || !query.locks.is_empty()
            || query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty();
        if foreign {
            self.verbatim(query);
            return;
        }
        if let Some(with) = &query.with {
            for (at, cte) in with.cte_tables.iter().enumerate() {
                let head = if with.recursive { "WITH RECURSIVE " } else { "WITH " };
                let head = if at == 0 { head } else { "" };
                if cte.from.is_some() || cte.materialized.is_some() {
                    self.line(format_args!("{head}{cte}{}", comma(at, with.cte_tables.len())));
                    continue;
                }
                self.line(format_args!("{head}{} AS (", cte.alias));
                self.indented(|printer| printer.query(&cte.query));
                self.line(format_args!("){}", comma(at, with.cte_tables.len())));
            }
        }
        self.body(&query.body);
        if let Some(order_by) = &query.order_by {
            match &order_by.kind {
                OrderByKind::Expressions(keys) if order_by.interpolate.is_none() => self.list("ORDER BY", keys),
                _ => self.line(order_by),
            }
        }
        match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                if let Some(limit) = limit {
                    self.line(format_args!("LIMIT {limit}"));
                }
                if let Some(offset) = offset {
                    self.line(offset);
                }
            }
            Some(other) => self.line(other.to_string().trim_start()),
            None => {}
        }
    }

    fn body(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => {
                self.line("(");
                self.indented(|printer| printer.query(query));
                self.line(")");
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                self.body(left);
                let quantifier = set_quantifier.to_string();
                self.line(format!("{op} {quantifier}").trim_end());
                self.body(right);
            }
            other => self.line(other),
        }
    }

    fn select(&mut self, select: &Select) {
        let GroupByExpr::Expressions(keys, modifiers) = &select.group_by else { return self.verbatim(select) };
        if !is_plain(select) || !modifiers.is_empty() {
            return self.verbatim(select);
        }
        match &select.distinct {
            Some(distinct) => self.block(&format!("SELECT {distinct}"), &select.projection),
            None => self.block("SELECT", &select.projection),
        }
        self.from(&select.from);
        self.conditions("WHERE", select.selection.as_ref());
        if !keys.is_empty() {
            self.list("GROUP BY", keys);
        }
        self.conditions("HAVING", select.having.as_ref());
    }

    fn from(&mut self, tables: &[TableWithJoins]) {
        if !tables.is_empty() {
            let tables: Vec<String> = tables.iter().map(|table| format!("{table}")).collect();
            self.line(format_args!("FROM {}", tables.join(", ")));
        }
    }

    /// Each item on a line of its own; a lone one that is short beside the keyword.
    fn block(&mut self, keyword: &str, items: &[impl Display]) {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        if let [only] = items.as_slice()
            && only.len() < WIDTH
        {
            return self.line(format_args!("{keyword} {only}"));
        }
        self.line(keyword);
        self.indented(|printer| {
            for (at, item) in items.iter().enumerate() {
                printer.line(format_args!("{item}{}", comma(at, items.len())));
            }
        });
    }

    /// All items on one line where they are short.
    fn list(&mut self, keyword: &str, items: &[impl Display]) {
        let line = items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if line.len() < WIDTH { self.line(format_args!("{keyword} {line}")) } else { self.block(keyword, items) }
    }

    /// A condition, each part of its outermost AND on a line.
    fn conditions(&mut self, keyword: &str, condition: Option<&Expr>) {
        let Some(condition) = condition else { return };
        for (at, part) in parts(condition, &BinaryOperator::And).into_iter().enumerate() {
            let (head, indent) = if at == 0 { (keyword, 0) } else { ("AND", 1) };
            self.indent += indent;
            self.condition(head, part);
            self.indent -= indent;
        }
    }

    /// A part of a condition; an OR in parentheses that is too long for a line is broken.
    fn condition(&mut self, head: &str, part: &Expr) {
        let text = part.to_string();
        let (not, inner) = match part {
            Expr::Nested(inner) => ("", inner),
            Expr::UnaryOp { expr, .. } => match expr.as_ref() {
                Expr::Nested(inner) if text.starts_with("NOT ") => ("NOT ", inner),
                _ => return self.line(format_args!("{head} {text}")),
            },
            _ => return self.line(format_args!("{head} {text}")),
        };
        let arms = parts(inner, &BinaryOperator::Or);
        if text.len() < WIDTH || arms.len() < 2 {
            return self.line(format_args!("{head} {text}"));
        }
        self.line(format_args!("{head} {not}("));
        self.indented(|printer| {
            for (at, arm) in arms.into_iter().enumerate() {
                if at == 0 { printer.line(arm) } else { printer.condition("OR", arm) }
            }
        });
        self.line(")");
    }

    fn indented(&mut self, print: impl FnOnce(&mut Self)) {
        self.indent += 1;
        print(self);
        self.indent -= 1;
    }

    fn verbatim(&mut self, part: &(impl Display + ?Sized)) {
        self.line(part);
    }
}

/// Whether a SELECT has no clause but those that are printed one by one.
fn is_plain(select: &Select) -> bool {
    select.flavor == SelectFlavor::Standard
        && select.optimizer_hints.is_empty()
        && select.select_modifiers.is_none()
        && select.top.is_none()
        && select.exclude.is_none()
        && select.into.is_none()
        && select.lateral_views.is_empty()
        && select.prewhere.is_none()
        && select.connect_by.is_empty()
        && select.cluster_by.is_empty()
        && select.distribute_by.is_empty()
        && select.sort_by.is_empty()
        && select.named_window.is_empty()
        && select.qualify.is_none()
        && select.value_table_mode.is_none()
}

fn comma(at: usize, count: usize) -> &'static str {
    if at + 1 < count { "," } else { "" }
}

/// The operands of a chain of one operator, from left to right.
fn parts<'e>(expr: &'e Expr, chain: &BinaryOperator) -> Vec<&'e Expr> {
    let mut found = Vec::new();
    let mut open = vec![expr];
    while let Some(next) = open.pop() {
        match next {
            Expr::BinaryOp { left, op, right } if op == chain => {
                open.push(right);
                open.push(left);
            }
            other => found.push(other),
        }
    }
    found
}
