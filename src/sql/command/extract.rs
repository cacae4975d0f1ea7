//! GROK and DISSECT: a struct of what a pattern finds, and its fields as new columns at the end.
//!
//! ```esql
//! FROM logs | GROK message "%{IP:client} %{WORD}"
//! ```
//! ```sql
//! grok_2 AS (SELECT *, grok(message, '%{IP:client} %{WORD}') AS "__grok_1" FROM from_1)
//! grok_2_2 AS (SELECT * EXCEPT ("__grok_1"), captured("__grok_1", 'client') AS "client" FROM grok_2)
//! ```

use datafusion::sql::sqlparser::ast::Expr as Sql;
use egret_udfs::patterns::{self, Capture, CaptureType};

use crate::diagnostic::Code;
use crate::esql::ast::{Expr, StringLiteral};

use crate::sql::build::{self, Stage};
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;
use crate::sql::scope::Column;

impl Lowering<'_> {
    /// `GROK input "pattern", ...`: the fields of all patterns, by name.
    pub(super) fn lower_grok(&mut self, input: &Expr, patterns: &[StringLiteral]) {
        let mut captures: Vec<Capture> = Vec::new();
        let mut known = true;
        for pattern in patterns {
            let Some(found) = self.checked(pattern, patterns::grok(&pattern.value)) else {
                known = false;
                continue;
            };
            for capture in found {
                match captures.iter_mut().find(|other| other.name == capture.name) {
                    None => captures.push(capture),
                    Some(other) if other.ty == capture.ty => other.several |= capture.several,
                    Some(other) => {
                        let (one, two) = (type_of(other.ty).name(), type_of(capture.ty).name());
                        let message = format!("`{}` is captured as {one} and as {two}", capture.name);
                        self.fail::<()>(Code::BadLiteral, pattern.span, message, Some("give it one type"));
                    }
                }
            }
        }
        captures.sort_by(|a, b| a.name.cmp(&b.name));
        let literals = patterns.iter().map(|pattern| build::text(&pattern.value)).collect();
        self.extract("grok", input, literals, &captures, known);
    }

    /// `DISSECT input "pattern" APPEND_SEPARATOR=","`: the keys in the order of the pattern.
    pub(super) fn lower_dissect(&mut self, input: &Expr, pattern: &StringLiteral, separator: Option<&StringLiteral>) {
        let checked = self.checked(pattern, patterns::dissect(&pattern.value));
        let known = checked.is_some();
        let literals = std::iter::once(pattern).chain(separator).map(|text| build::text(&text.value)).collect();
        self.extract("dissect", input, literals, &checked.unwrap_or_default(), known);
    }

    fn extract(&mut self, function: &str, input: &Expr, literals: Vec<Sql>, captures: &[Capture], known: bool) {
        // Without its pattern nobody knows the columns, so that unknown names say nothing.
        self.incomplete |= !known;
        let value = self.whole(input);
        let value = value.and_then(|value| {
            let sql = self.expect_text(&function.to_uppercase(), &value, input.span)?;
            Some(Typed { sql, ..value })
        });
        let value = value.unwrap_or_else(|| Typed::null().adapt(Type::Keyword));
        if captures.is_empty() {
            return;
        }
        let found = self.hidden_name(function);
        let call = build::call(function, std::iter::once(value.sql).chain(literals));
        let items = vec![build::star_except(&[]), build::item(call, &found)];
        self.push(function, Stage { items, ..Stage::default() });

        let names: Vec<String> = captures.iter().map(|capture| capture.name.clone()).collect();
        let columns: Vec<(Column, Sql)> =
            captures.iter().map(|capture| self.captured(capture, value.multi, &found)).collect();
        let replaced: Vec<String> =
            names.iter().filter(|name| self.scope.find(name).is_some_and(|column| column.live)).cloned().collect();
        let copies = self.release(&names);
        let star = build::star_except(&[replaced, vec![found]].concat());
        let alone = self.hidden.is_empty() && self.scope.columns.iter().all(|c| !c.live || names.contains(&c.name));
        let star = (!alone).then_some(star);
        let fields = columns.iter().map(|(column, sql)| build::item(sql.clone(), &column.name));
        let items = star.into_iter().chain(copies).chain(fields).collect();
        self.push(function, Stage { items, ..Stage::default() });
        for (column, _) in columns {
            self.scope.append(column);
        }
    }

    /// The column of a captured field: a list where there may be several values and all of them are looked at.
    fn captured(&self, capture: &Capture, of_list: bool, found: &str) -> (Column, Sql) {
        let multi = of_list || capture.several;
        let single = multi && !self.is_whole(&self.definition(&capture.name));
        let sql = build::call("captured", [build::column(found), build::text(&capture.name)]);
        let sql = if single { build::call("single_value", [sql]) } else { sql };
        let value = Typed { multi: multi && !single, ..Typed::single(sql.clone(), type_of(capture.ty)) };
        (self.new_column(&capture.name, &value), sql)
    }
}

fn type_of(ty: CaptureType) -> Type {
    match ty {
        CaptureType::Keyword => Type::Keyword,
        CaptureType::Integer => Type::Integer,
        CaptureType::Long => Type::Long,
        CaptureType::Double | CaptureType::Float => Type::Double,
        CaptureType::Boolean => Type::Boolean,
    }
}
