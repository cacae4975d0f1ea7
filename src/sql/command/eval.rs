//! EVAL: new columns at the end; a column that is named anew is replaced.

use crate::diagnostic::Span;
use crate::esql::ast::{Assign, Expr, ExprKind, Literal, NamePattern};
use crate::esql::kql::{self, Kql, Word};

use crate::sql::build::{self, Stage};
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;
use crate::sql::scope::Column;

impl Lowering<'_> {
    pub(super) fn lower_eval(&mut self, assigns: &[Assign]) {
        let mut layer: Vec<(String, Typed)> = Vec::new();
        for assign in assigns {
            let name = self.name_of(assign);
            // A column of this command can be read, or replaced, only by the next SELECT.
            if layer.iter().any(|(earlier, _)| *earlier == name || mentions(&assign.value, earlier)) {
                self.eval_layer(std::mem::take(&mut layer));
            }
            let value = self.eval_value(&name, assign);
            layer.push((name, value));
        }
        self.eval_layer(layer);
    }

    /// The value of a new column: whole only where that is looked at. A value that fails is null, so that what
    /// reads it is still checked.
    fn eval_value(&mut self, name: &str, assign: &Assign) -> Typed {
        let definition = self.definition(name);
        let value = if self.is_whole(&definition) { self.whole(&assign.value) } else { self.single(&assign.value) };
        let value = value.unwrap_or_else(Typed::null);
        if matches!(assign.value.kind, ExprKind::Literal(Literal::Null)) {
            return Typed { sql: build::cast(value.sql, Type::Null.sql()), ..value };
        }
        value
    }

    fn eval_layer(&mut self, layer: Vec<(String, Typed)>) {
        if layer.is_empty() {
            return;
        }
        let names: Vec<String> = layer.iter().map(|(name, _)| name.clone()).collect();
        let star = self.star_except(&names);
        let alone = self.hidden.is_empty() && self.scope.columns.iter().all(|c| !c.live || names.contains(&c.name));
        let copies = self.release(&names);
        let star = (!alone).then_some(star);
        let columns: Vec<Column> = layer.iter().map(|(name, value)| self.new_column(name, value)).collect();
        let values = layer.into_iter().map(|(name, value)| build::item(value.sql, &name));
        let items = star.into_iter().chain(copies).chain(values).collect();
        self.push("eval", Stage { items, ..Stage::default() });
        for column in columns {
            self.scope.append(column);
        }
    }

    /// The name of a column: as written, or the text of its expression.
    pub(super) fn name_of(&self, assign: &Assign) -> String {
        match (&assign.name, &assign.value.kind) {
            (Some(name), _) | (None, ExprKind::Field(name)) => name.text.clone(),
            _ => assign.value.span.text(self.text).to_owned(),
        }
    }
}

/// Whether a search looks into a field; a value without field may be in any.
fn searches(query: &Kql, field: &str) -> bool {
    let is = |word: &Word| {
        let pattern = NamePattern { text: word.text(), pieces: word.pieces.clone(), span: Span::default() };
        pattern.matches(field)
    };
    match query {
        Kql::And(all) | Kql::Or(all) => all.iter().any(|inner| searches(inner, field)),
        Kql::Not(inner) => searches(inner, field),
        Kql::Is(None, _) => true,
        Kql::Exists(word) | Kql::Is(Some(word), _) | Kql::Compares(word, ..) | Kql::Nested(word) => is(word),
        Kql::Everything => false,
    }
}

/// Whether an expression reads a column.
pub(super) fn mentions(expr: &Expr, column: &str) -> bool {
    let any = |exprs: &[Expr]| exprs.iter().any(|expr| mentions(expr, column));
    match &expr.kind {
        ExprKind::Field(name) | ExprKind::Match { field: name, .. } => name.text == column,
        ExprKind::Literal(Literal::List(items)) => any(items),
        ExprKind::Literal(_) => false,
        ExprKind::Unary { operand, .. } | ExprKind::IsNull { operand, .. } | ExprKind::Cast { operand, .. } => {
            mentions(operand, column)
        }
        ExprKind::Not(operand) => mentions(operand, column),
        ExprKind::Binary { left, right, .. } => mentions(left, column) || mentions(right, column),
        ExprKind::In { operand, list, .. } => mentions(operand, column) || any(list),
        ExprKind::Like { operand, patterns, .. } => mentions(operand, column) || any(patterns),
        ExprKind::Call { name, args, .. } if name.text.eq_ignore_ascii_case("kql") => {
            let text = args.first().and_then(string_literal);
            text.and_then(|text| kql::parse(&text.value).ok()).is_some_and(|query| searches(&query, column))
        }
        ExprKind::Call { args, options, .. } => any(args) || options.iter().any(|(_, value)| mentions(value, column)),
    }
}
