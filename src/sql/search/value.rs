//! One value looked for in one field: what that is in SQL, by the field's type.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Sql};

use crate::diagnostic::{Code, Span};
use crate::esql::kql::{Comparison, Word};

use super::super::build;
use super::super::catalog::Type;
use super::super::expr::Typed;
use super::super::literal::address;
use super::super::lowering::Lowering;
use super::dates;

/// How a search takes case and words that do not fit a field.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Habits {
    /// Whether texts are compared in any case.
    pub(super) any_case: bool,
    /// Whether a value that is none of the field's type is not found, rather than a mistake: of many fields some fit.
    pub(super) lenient: bool,
}

impl Lowering<'_> {
    /// Whether any value of a column is one of these. `None` where a value does not fit the column's type.
    pub(super) fn any_of(&mut self, column: &Typed, words: &[&Word], place: Span, habits: Habits) -> Option<Sql> {
        if matches!(column.ty, Type::Keyword | Type::Null | Type::Version) {
            let column = self.demand(column.clone(), Type::Keyword);
            return Some(texts(&column, words, habits.any_case));
        }
        let mut all: Option<Sql> = None;
        for word in words {
            let one = self.any_is(column, word, place, habits)?;
            all = Some(match all {
                Some(all) => build::or(all, one),
                None => one,
            });
        }
        all
    }

    fn any_is(&mut self, column: &Typed, word: &Word, place: Span, habits: Habits) -> Option<Sql> {
        let text = word.text();
        match column.ty {
            Type::Text => {
                let operator = match (word.is_wildcard(), word.quoted) {
                    (true, _) => "wildcard",
                    (false, true) => "phrase",
                    (false, false) => "or",
                };
                let args = [column.sql.clone(), build::text(&text), build::text(operator)];
                Some(build::call("text_match", args))
            }
            _ if word.is_wildcard() => Some(texts(&as_text(column), &[word], habits.any_case)),
            Type::Ip if is_block(&text) => Some(if column.multi {
                build::call("any_cidr", [column.sql.clone(), build::text(&text)])
            } else {
                known(column, build::call("cidr_match", [column.sql.clone(), build::text(&text)]))
            }),
            Type::Ip => match address(&text) {
                Some(address) => Some(texts(column, &[&exact(&address.to_string())], false)),
                None => self.unfit(column.ty, &text, place, habits),
            },
            Type::Boolean => match text.as_str() {
                "true" => Some(equals(column, build::boolean(true))),
                "false" => Some(equals(column, build::boolean(false))),
                _ => self.unfit(column.ty, &text, place, habits),
            },
            Type::Date | Type::DateNanos => match dates::moment(&text) {
                Some(moment) => Some(build::and(
                    bound(column, Comparison::GreaterOrEqual, moment.first()),
                    bound(column, moment.last_comparison(), moment.last()),
                )),
                None => self.unfit(column.ty, &text, place, habits),
            },
            ty => match number(&text, ty) {
                Some(number) => Some(equals(column, number)),
                None => self.unfit(ty, &text, place, habits),
            },
        }
    }

    /// Whether any value of a column compares so with this one.
    pub(super) fn any_compares(
        &mut self,
        column: &Typed,
        comparison: Comparison,
        word: &Word,
        place: Span,
        habits: Habits,
    ) -> Option<Sql> {
        let text = word.text();
        // A field of unknown type takes that of what it is compared with.
        let unknown = match (number(&text, Type::Long), number(&text, Type::Double), dates::moment(&text)) {
            (Some(_), ..) => Type::Long,
            (_, Some(_), _) => Type::Double,
            (.., Some(_)) => Type::Date,
            _ => Type::Keyword,
        };
        let column = self.demand(column.clone(), unknown);
        let value = match column.ty {
            Type::Keyword | Type::Text | Type::Null => Some(build::text(&text)),
            Type::Ip => address(&text).map(|address| build::text(&address.to_string())),
            Type::Date | Type::DateNanos => {
                let moment = dates::moment(&text);
                return match moment {
                    Some(moment) => {
                        let (comparison, value) = moment.compared(comparison);
                        Some(bound(&column, comparison, value))
                    }
                    None => self.unfit(column.ty, &text, place, habits),
                };
            }
            Type::Version => return self.unsupported(place, "the order of versions in KQL"),
            ty => number(&text, ty),
        };
        match value {
            Some(value) => Some(bound(&column, comparison, value)),
            None => self.unfit(column.ty, &text, place, habits),
        }
    }

    fn unfit<T>(&mut self, ty: Type, text: &str, place: Span, habits: Habits) -> Option<T> {
        if habits.lenient {
            return None;
        }
        let help = match ty {
            Type::Ip => "write an address or a block, such as 10.0.0.0/8",
            Type::Boolean => "write true or false",
            Type::Date | Type::DateNanos => "write it as 2024-01-31, 2024-01-31T12:00:00Z or now-1h",
            _ => "write a number",
        };
        let message = format!("the field is of type {}, which \"{text}\" is not", ty.name());
        self.fail(Code::BadLiteral, place, message, Some(help))
    }
}

/// Any value compares so if the greatest, or the least, does.
fn bound(column: &Typed, comparison: Comparison, value: Sql) -> Sql {
    let greater = matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual);
    let ip = column.ty == Type::Ip;
    let extreme = match (greater, ip) {
        (true, false) => "mv_max",
        (false, false) => "mv_min",
        (true, true) => "mv_max_ip",
        (false, true) => "mv_min_ip",
    };
    let single = if column.multi { build::call(extreme, [column.sql.clone()]) } else { column.sql.clone() };
    let key = |sql| if ip { build::call("ip_key", [sql]) } else { sql };
    known(column, build::binary(key(single), operator(comparison), key(value)))
}

/// A predicate that is null without a value, made false then.
pub(super) fn known(column: &Typed, predicate: Sql) -> Sql {
    build::and(predicate, build::is_null(column.sql.clone(), true))
}

/// Whether any value of a column of text is one of these.
fn texts(column: &Typed, words: &[&Word], any_case: bool) -> Sql {
    let lower = |text: &str| if any_case { text.to_lowercase() } else { text.to_owned() };
    let value = match (any_case, column.multi) {
        (false, _) => column.sql.clone(),
        (true, false) => build::call("lower", [column.sql.clone()]),
        (true, true) => build::call("mv_lower", [column.sql.clone()]),
    };
    let wild = words.iter().any(|word| word.is_wildcard());
    if wild || column.multi {
        let globs = words.iter().map(|word| build::text(&lower(&glob(word))));
        let args = std::iter::once(value).chain(globs);
        return if column.multi {
            build::call("any_glob", args)
        } else {
            known(column, build::call("glob_match", args))
        };
    }
    let mut literals: Vec<Sql> = words.iter().map(|word| build::text(&lower(&word.text()))).collect();
    let equal = match (literals.pop(), literals.is_empty()) {
        (Some(only), true) => build::binary(value, BinaryOperator::Eq, only),
        (last, _) => build::in_list(value, literals.into_iter().chain(last).collect(), false),
    };
    known(column, equal)
}

/// A word as a pattern of LIKE.
fn glob(word: &Word) -> String {
    let escaped = |piece: &String| {
        let mut text = String::with_capacity(piece.len());
        for c in piece.chars() {
            if matches!(c, '*' | '?' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text
    };
    word.pieces.iter().map(escaped).collect::<Vec<_>>().join("*")
}

fn exact(text: &str) -> Word {
    Word { pieces: vec![text.to_owned()], quoted: true, at: 0..0 }
}

/// The column's values as text, where a wildcard is looked for.
fn as_text(column: &Typed) -> Typed {
    let sql = match (column.ty, column.multi) {
        (Type::Ip, _) => column.sql.clone(),
        (_, false) => build::cast(column.sql.clone(), Type::Keyword.sql()),
        (_, true) => build::call("mv_cast", [column.sql.clone(), build::text("varchar")]),
    };
    Typed { ty: Type::Keyword, sql, ..column.clone() }
}

fn equals(column: &Typed, value: Sql) -> Sql {
    let predicate = if column.multi {
        build::call("array_has", [column.sql.clone(), value])
    } else {
        build::binary(column.sql.clone(), BinaryOperator::Eq, value)
    };
    known(column, predicate)
}

/// A number as a value of the type; `None` for what is none.
fn number(text: &str, ty: Type) -> Option<Sql> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let sql = match ty {
        Type::Double => build::number(format!("{:?}", digits.parse::<f64>().ok()?)),
        _ => build::number(digits.parse::<u64>().ok()?),
    };
    Some(if negative { build::minus(sql) } else { sql })
}

fn is_block(text: &str) -> bool {
    text.contains('/') && super::super::literal::is_block(text)
}

fn operator(comparison: Comparison) -> BinaryOperator {
    match comparison {
        Comparison::Less => BinaryOperator::Lt,
        Comparison::LessOrEqual => BinaryOperator::LtEq,
        Comparison::Greater => BinaryOperator::Gt,
        Comparison::GreaterOrEqual => BinaryOperator::GtEq,
    }
}
