//! ROW and SHOW: a source of one row.

use crate::diagnostic::Span;
use crate::esql::ast::Assign;

use crate::sql::build::{self, Stage};
use crate::sql::catalog::{Source, Type};
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;
use crate::sql::scope::Column;

impl Lowering<'_> {
    /// `ROW a = 1, b = "x"`: of columns with one name the last counts.
    pub(super) fn lower_row(&mut self, assigns: &[Assign], span: Span) {
        let mut columns: Vec<(String, Typed)> = Vec::new();
        if !self.one_row("ROW", span) {
            return;
        }
        for assign in assigns {
            let name = self.name_of(assign);
            let value = self.whole(&assign.value).unwrap_or_else(Typed::null);
            let null = build::is_null_literal(&value.sql);
            let value = if null { value.map(|sql| build::cast(sql, Type::Null.sql())) } else { value };
            columns.retain(|(other, _)| *other != name);
            columns.push((name, value));
        }
        self.push_row(columns, "row");
    }

    /// `SHOW INFO`: what runs the query. Date and hash of the build are not kept.
    pub(super) fn lower_show(&mut self, span: Span) {
        if !self.one_row("SHOW", span) {
            return;
        }
        let unknown = || build::cast(build::null(), Type::Keyword.sql());
        let columns = [("version", build::text(env!("CARGO_PKG_VERSION"))), ("date", unknown()), ("hash", unknown())];
        let columns = columns.map(|(name, sql)| (name.to_owned(), Typed::single(sql, Type::Keyword)));
        self.push_row(columns.into(), "show");
    }

    /// Makes the source one without fields; false where a command comes before it.
    fn one_row(&mut self, command: &str, span: Span) -> bool {
        if self.position > 0 {
            self.unsupported::<()>(span, format_args!("{command} behind another command"));
            return false;
        }
        self.source = Some(Source { name: command.to_lowercase(), fields: Vec::new(), open: false });
        true
    }

    fn push_row(&mut self, columns: Vec<(String, Typed)>, word: &str) {
        let made: Vec<Column> = columns.iter().map(|(name, value)| self.new_column(name, value)).collect();
        let items = columns.into_iter().map(|(name, value)| build::item(value.sql, &name)).collect();
        self.push(word, Stage { items, ..Stage::default() });
        for column in made {
            self.scope.append(column);
        }
    }
}
