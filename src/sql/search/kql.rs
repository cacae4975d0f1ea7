//! `KQL("...")`: the query's conditions over the fields of the source.

use datafusion::sql::sqlparser::ast::Expr as Sql;

use crate::diagnostic::{Code, Span};
use crate::esql::ast::{Expr, ExprKind, Literal, Name, NamePattern, StringLiteral};
use crate::esql::kql::{self, Kql, Word};

use super::super::build;
use super::super::catalog::Type;
use super::super::expr::Typed;
use super::super::lowering::{Lowering, line_column};
use super::super::near::nearest;
use super::value::Habits;

const OPTIONS: [&str; 4] = ["case_insensitive", "time_zone", "default_field", "boost"];

/// The query that is lowered, and how.
struct Search<'q> {
    literal: &'q StringLiteral,
    habits: Habits,
    /// The fields that a value without field is looked for in, where not all of them.
    default: Option<Word>,
}

impl Lowering<'_> {
    /// The condition of `KQL("...", options)`.
    pub(crate) fn kql(&mut self, literal: &StringLiteral, options: &[(StringLiteral, Expr)]) -> Option<Typed> {
        let mut search = Search { literal, habits: Habits::default(), default: None };
        for (option, value) in options {
            self.kql_option(&mut search, option, value)?;
        }
        let query = match kql::parse(&literal.value) {
            Ok(query) => query,
            Err(kql::Mistake { at, message, help }) => {
                let place = literal.place(self.text, at);
                return self.fail(Code::Syntax, place, message, help);
            }
        };
        let condition = self.kql_condition(&query, &search)?;
        Some(Typed::single(condition, Type::Boolean))
    }

    fn kql_option(&mut self, search: &mut Search<'_>, option: &StringLiteral, value: &Expr) -> Option<()> {
        match (option.value.as_str(), &value.kind) {
            ("case_insensitive", ExprKind::Literal(Literal::Boolean(any_case))) => search.habits.any_case = *any_case,
            ("default_field", ExprKind::Literal(Literal::String(field))) => {
                let pieces = field.value.split('*').map(str::to_owned).collect();
                search.default = Some(Word { pieces, quoted: false, at: 0..0 });
            }
            ("time_zone", ExprKind::Literal(Literal::String(zone))) if matches!(zone.value.as_str(), "UTC" | "Z") => {}
            ("time_zone", _) => return self.unsupported(value.span, "a time zone other than UTC"),
            // It only changes the score, which nothing asks for.
            ("boost", ExprKind::Literal(_)) => {}
            (known, _) if OPTIONS.contains(&known) => {
                let message = format!("the option {known} of kql has another kind of value");
                return self.fail(
                    Code::Arguments,
                    value.span,
                    message,
                    Some("case_insensitive is true or false, others are text"),
                );
            }
            (unknown, _) => {
                let near = nearest(unknown, OPTIONS).unwrap_or("case_insensitive");
                let (message, help) =
                    (format!("unknown option `{unknown}` of kql"), format!("the nearest option is {near}"));
                return self.fail(Code::Arguments, option.span, message, Some(&help));
            }
        }
        Some(())
    }

    fn kql_condition(&mut self, query: &Kql, search: &Search<'_>) -> Option<Sql> {
        match query {
            Kql::Everything => Some(build::boolean(true)),
            Kql::Not(inner) => self.kql_condition(inner, search).map(build::not),
            Kql::And(all) => {
                let all: Vec<Option<Sql>> = all.iter().map(|inner| self.kql_condition(inner, search)).collect();
                all.into_iter().collect::<Option<Vec<_>>>()?.into_iter().reduce(build::and)
            }
            Kql::Or(all) => self.kql_any(all, search),
            Kql::Exists(field) => {
                let columns = self.kql_columns(field, search)?;
                let exists = columns.into_iter().map(|column| build::is_null(column.sql, true));
                Some(exists.reduce(build::or).unwrap_or_else(|| build::boolean(false)))
            }
            Kql::Is(field, value) => self.kql_is(field.as_ref(), &[value], search),
            Kql::Compares(field, comparison, value) => {
                let (place, habits) = (search.literal.place(self.text, value.at.clone()), lenient(field, search));
                let columns = self.kql_columns(field, search)?;
                let compared = |lowering: &mut Self, column: &Typed| {
                    lowering.any_compares(column, *comparison, value, place, habits)
                };
                self.kql_over(&columns, habits, compared)
            }
            Kql::Nested(field) => {
                let place = search.literal.place(self.text, field.at.clone());
                self.unsupported(place, "a query of nested documents")
            }
        }
    }

    /// An OR: values of one field that follow each other are one test.
    fn kql_any(&mut self, all: &[Kql], search: &Search<'_>) -> Option<Sql> {
        let mut tests: Vec<Option<Sql>> = Vec::new();
        let mut rest = all;
        while let Some((first, behind)) = rest.split_first() {
            let Kql::Is(Some(field), value) = first else {
                tests.push(self.kql_condition(first, search));
                rest = behind;
                continue;
            };
            let mut values = vec![value];
            rest = behind;
            while let Some((Kql::Is(Some(other), value), behind)) = rest.split_first() {
                if other.pieces != field.pieces {
                    break;
                }
                values.push(value);
                rest = behind;
            }
            tests.push(self.kql_is(Some(field), &values, search));
        }
        tests.into_iter().collect::<Option<Vec<_>>>()?.into_iter().reduce(build::or)
    }

    fn kql_is(&mut self, field: Option<&Word>, values: &[&Word], search: &Search<'_>) -> Option<Sql> {
        let first = values.first()?;
        let place = search.literal.place(self.text, first.at.clone());
        let anywhere = Word { pieces: vec![String::new(), String::new()], quoted: false, at: first.at.clone() };
        let field = field.or(search.default.as_ref()).unwrap_or(&anywhere);
        let habits = lenient(field, search);
        let columns = self.kql_columns(field, search)?;
        self.kql_over(&columns, habits, |lowering, column| lowering.any_of(column, values, place, habits))
    }

    /// A test over any of some columns; where there are many, those that it does not fit do not count.
    fn kql_over(
        &mut self,
        columns: &[Typed],
        habits: Habits,
        mut test: impl FnMut(&mut Self, &Typed) -> Option<Sql>,
    ) -> Option<Sql> {
        let mut tests = Vec::new();
        for column in columns {
            match test(self, column) {
                Some(test) => tests.push(test),
                None if habits.lenient => {}
                None => return None,
            }
        }
        Some(tests.into_iter().reduce(build::or).unwrap_or_else(|| build::boolean(false)))
    }

    /// The fields of the source that a name, or a name with wildcards, stands for.
    fn kql_columns(&mut self, field: &Word, search: &Search<'_>) -> Option<Vec<Typed>> {
        let span = search.literal.place(self.text, field.at.clone());
        let named = |text: String| Name { parts: vec![text.clone()], text, span };
        if !field.is_wildcard() {
            return Some(vec![self.source_field(&named(field.text()))?]);
        }
        let pattern = NamePattern { text: field.text(), pieces: field.pieces.clone(), span };
        let of_source = self.scope.columns.iter().filter(|column| column.definition.command == 0);
        let names: Vec<String> = of_source.map(|c| c.name.clone()).filter(|name| pattern.matches(name)).collect();
        let columns = names.into_iter().filter(|name| !name.starts_with('_'));
        Some(columns.filter_map(|name| self.source_field(&named(name))).collect())
    }

    /// All values of a field of the source; KQL sees no other column.
    fn source_field(&mut self, name: &Name) -> Option<Typed> {
        let column = self.resolve(name)?;
        if column.definition.command != 0 {
            let command = self.query.commands.get(column.definition.command - 1).map_or(Span::default(), |c| c.span);
            let (line, at) = line_column(self.text, command.start);
            let message = format!(
                "KQL reads fields of the source, and `{}` is a column made at line {line}, column {at}",
                name.text
            );
            let help = "search before the column is made, or compare it with ==, IN or LIKE";
            return self.fail(Code::Arguments, name.span, message, Some(help));
        }
        self.whole(&Expr { kind: ExprKind::Field(name.clone()), span: name.span })
    }
}

/// Of many fields, those that a value does not fit do not count.
fn lenient(field: &Word, search: &Search<'_>) -> Habits {
    Habits { lenient: field.is_wildcard(), ..search.habits }
}
