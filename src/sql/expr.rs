//! Expressions: what they are in SQL, of which type, and how many values they hold.
//!
//! An expression is asked for in one of two ways: *single* (its only value, null where it has several) or *whole*
//! (all its values). A field that holds lists is wrapped as `single_value("f")` where its single value is asked for.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::diagnostic::{Code, Span};
use crate::esql::ast::{BinaryOp, Expr, ExprKind, Name};

use super::build;
use super::catalog::Type;
use super::lowering::Lowering;
use super::search::Manner;

/// How many values an expression is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Its only value; null where it has several.
    Single,
    /// All its values.
    Whole,
}

/// An expression in SQL.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) sql: Sql,
    pub(crate) ty: Type,
    /// Whether it is a list in SQL.
    pub(crate) multi: bool,
    /// Whether it is shown as a list even where it holds one value.
    pub(crate) list: bool,
    /// The field of unknown type that it is.
    pub(crate) unknown: Option<String>,
}

impl Typed {
    /// A single value.
    pub(crate) fn single(sql: Sql, ty: Type) -> Self {
        Self { sql, ty, multi: false, list: false, unknown: None }
    }

    /// The literal null.
    pub(crate) fn null() -> Self {
        Self::single(build::null(), Type::Null)
    }

    /// Whether nothing but null can be its value.
    pub(crate) fn is_null(&self) -> bool {
        self.ty == Type::Null && self.unknown.is_none()
    }

    /// The same with another text in SQL.
    pub(crate) fn map(self, sql: impl FnOnce(Sql) -> Sql) -> Self {
        Self { sql: sql(self.sql), ..self }
    }

    /// The same where `to` is expected: a null of unknown type is cast.
    pub(crate) fn adapt(self, to: Type) -> Self {
        if self.ty != Type::Null {
            return self;
        }
        let ty = to;
        // A column of unknown type is kept as text.
        if to.is_stored_as_text() && !build::is_null_literal(&self.sql) {
            return Self { ty, ..self };
        }
        Self { sql: build::cast(self.sql, to.sql()), ty, ..self }
    }
}

/// What a field's name means at the place of an expression.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// A column of the row.
    Rows,
    /// In a STATS: aggregates over groups; a name must be a key.
    Groups(Groups),
    /// In a STATS: the argument or filter of an aggregate; a key that was taken apart stands whole under another name.
    Argument {
        /// Where the whole values of such keys are.
        whole: HashMap<String, String>,
    },
}

/// What an expression over aggregates may use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    /// Keys: name to expression.
    pub(crate) keys: HashMap<String, Typed>,
    /// Where the whole values of keys that were taken apart are.
    pub(crate) whole: HashMap<String, String>,
    /// Whether an aggregate was met.
    pub(crate) aggregates: bool,
}

impl Lowering<'_> {
    /// The same where `to` is expected. A field of unknown type that documents may hold unlisted is taken to be of
    /// that type from the next walk on.
    pub(crate) fn demand(&mut self, value: Typed, to: Type) -> Typed {
        if let Some(field) = value.unknown.as_ref().and_then(|name| self.now.missing.get_mut(name))
            && field.multi
            && field.ty == Type::Null
        {
            // Elasticsearch, too, takes the whole numbers of a field it does not know for long ones.
            field.ty = if to == Type::Integer { Type::Long } else { to };
        }
        value.adapt(to)
    }

    /// The single value of an expression.
    pub(crate) fn single(&mut self, expr: &Expr) -> Option<Typed> {
        let value = self.value(expr, Want::Single)?;
        if !value.multi {
            return Some(value);
        }
        let single = self.labelled("single_value", vec![value.sql.clone()], expr.span);
        Some(Typed { multi: false, list: false, ..value.map(|_| single) })
    }

    /// A call of a function that warns of values it cannot take: a last argument tells what the query's author wrote at
    /// `span`, where the first one is no column that tells it.
    pub(crate) fn labelled(&self, function: &str, mut args: Vec<Sql>, span: Span) -> Sql {
        match args.first() {
            // A table may make it of its columns, and a plan does not know what is made by a name.
            Some(Sql::Identifier(name)) if name.value == SOURCE => args.push(build::text(SOURCE)),
            Some(first) if is_visible_column(first) => {}
            _ => args.push(build::text(&self.written(span))),
        }
        build::call(function, args)
    }

    /// What stands at a place of the query, on one line, shortened where it is long.
    pub(crate) fn written(&self, span: Span) -> String {
        const LONGEST: usize = 80;
        let words: Vec<&str> = span.text(self.text).split_whitespace().collect();
        let line = words.join(" ");
        match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
            None => line,
        }
    }

    /// All values of an expression.
    pub(crate) fn whole(&mut self, expr: &Expr) -> Option<Typed> {
        self.value(expr, Want::Whole)
    }

    /// The single value of an expression, as asked for, or all its values.
    pub(crate) fn wanted(&mut self, expr: &Expr, want: Want) -> Option<Typed> {
        match want {
            Want::Single => self.single(expr),
            Want::Whole => self.whole(expr),
        }
    }

    /// A condition: a single boolean.
    pub(crate) fn condition(&mut self, expr: &Expr) -> Option<Sql> {
        let value = self.single(expr)?;
        match value.ty {
            Type::Boolean | Type::Null => Some(self.demand(value, Type::Boolean).sql),
            ty => self.fail(
                Code::TypeMismatch,
                expr.span,
                format!("expected a condition, found {}", ty.name()),
                Some("compare the value with something, or test it with IS NOT NULL"),
            ),
        }
    }

    fn value(&mut self, expr: &Expr, want: Want) -> Option<Typed> {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal, expr.span),
            ExprKind::Field(name) => self.field(name, want),
            ExprKind::Unary { negative, operand } => self.sign(*negative, operand, expr.span),
            ExprKind::Not(operand) => self.not(operand),
            ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right } => {
                self.connective(*op, left, right)
            }
            ExprKind::Binary { op, left, right } if op.is_comparison() => self.comparison(*op, left, right, expr.span),
            ExprKind::Binary { op, left, right } => self.arithmetic(*op, left, right, expr.span),
            ExprKind::IsNull { operand, negated } => {
                let value = self.whole(operand)?;
                Some(Typed::single(build::is_null(value.sql, *negated), Type::Boolean))
            }
            ExprKind::In { operand, list, negated } => self.membership(operand, list, *negated),
            ExprKind::Like { operand, kind, patterns, negated, .. } => self.like(*kind, operand, patterns, *negated),
            ExprKind::Match { field, query } => {
                let field = Expr { kind: ExprKind::Field(field.clone()), span: field.span };
                self.match_value(&field, query, &[], Manner::Match)
            }
            ExprKind::Call { name, args, star, options } => {
                let call = super::function::Call { name, args, star: *star, options, span: expr.span };
                self.call(&call, want)
            }
            ExprKind::Cast { operand, ty } => self.conversion(operand, ty, expr.span, want),
        }
    }

    /// A field or column.
    fn field(&mut self, name: &Name, want: Want) -> Option<Typed> {
        let mut sql_name = name.text.clone();
        match &self.mode {
            Mode::Rows => {}
            Mode::Argument { whole } => {
                if let Some(column) = whole.get(&name.text) {
                    sql_name.clone_from(column);
                }
            }
            Mode::Groups(groups) => {
                if let Some(key) = groups.keys.get(&name.text) {
                    return Some(key.clone());
                }
                let message = format!("`{}` is neither a key of BY nor the argument of an aggregate", name.text);
                let help = format!("write an aggregate, such as values({})", name.text);
                return self.fail(Code::Arguments, name.span, message, Some(&help));
            }
        }
        let column = self.resolve(name)?;
        self.record(&column.definition, |used| match want {
            Want::Single => used.single = true,
            Want::Whole => used.whole = true,
        });
        // Where the key was taken apart the copy is what it was before.
        let multi = column.multi || sql_name != name.text;
        let unknown = (column.ty == Type::Null && column.definition.command == 0).then_some(column.name);
        Some(Typed { sql: build::column(&sql_name), ty: column.ty, multi, list: column.list, unknown })
    }

    fn not(&mut self, operand: &Expr) -> Option<Typed> {
        let condition = self.condition(operand)?;
        Some(Typed::single(build::not(condition), Type::Boolean))
    }

    fn connective(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Option<Typed> {
        let (left, right) = (self.condition(left), self.condition(right));
        let op = if op == BinaryOp::And { BinaryOperator::And } else { BinaryOperator::Or };
        Some(Typed::single(build::binary(left?, op, right?), Type::Boolean))
    }

    /// The SQL of a value that must be text.
    pub(crate) fn expect_text(&mut self, what: &str, value: &Typed, span: Span) -> Option<Sql> {
        match value.ty {
            Type::Keyword | Type::Text | Type::Null => Some(self.demand(value.clone(), Type::Keyword).sql),
            ty => self.fail(
                Code::TypeMismatch,
                span,
                format!("{what} takes text, found {}", ty.name()),
                Some("convert it with to_string(..)"),
            ),
        }
    }
}

/// The metadata column with the document as text.
const SOURCE: &str = "_source";

/// Whether an expression is a column that the query's author sees under that name.
pub(crate) fn is_visible_column(sql: &Sql) -> bool {
    matches!(sql, Sql::Identifier(name) if !name.value.starts_with("__"))
}
