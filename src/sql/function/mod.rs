//! The functions of ES|QL: one table row each, with what it takes and gives, and how it is written in SQL.
//!
//! A new function is a row in the table of its family's file; a new family is a file and a line in [`FAMILIES`].

mod aggregate;
mod conditional;
mod convert;
mod date;
mod distribution;
mod encode;
mod geo;
mod ip;
mod math;
mod multi;
mod names;
mod number;
mod part;
mod pick;
mod replace;
mod search;
mod statistics;
mod text;

use datafusion::sql::sqlparser::ast::Expr as Sql;

use crate::diagnostic::{Code, Span};
use crate::esql::ast::{Expr, Ident, StringLiteral};

use super::catalog::Type;
use super::expr::{Mode, Typed, Want};
use super::lowering::Lowering;
use super::near::nearest;
use super::operator::string_literal;

/// What a function is, for documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionDoc {
    /// The name, lower case.
    pub name: &'static str,
    /// What it takes and gives: `length(text) -> integer`.
    pub signature: &'static str,
    /// What it returns, in one line.
    pub summary: &'static str,
    /// A call. One of an aggregate reads the fields `host`, `bytes` and `@timestamp` of three events.
    pub example: &'static str,
    /// What the example gives, as JSON.
    pub gives: &'static str,
    /// Whether it makes one value of many rows.
    pub aggregate: bool,
}

/// Every function that is lowered, in the order of the families.
pub fn functions() -> impl Iterator<Item = FunctionDoc> {
    FAMILIES.iter().flat_map(|family| family.iter()).map(|function| FunctionDoc {
        name: function.name,
        signature: function.signature,
        summary: function.summary,
        example: function.example,
        gives: function.gives,
        aggregate: matches!(function.build, Build::Aggregate(_)),
    })
}

static FAMILIES: &[&[Function]] = &[
    aggregate::FUNCTIONS,
    distribution::FUNCTIONS,
    pick::FUNCTIONS,
    conditional::FUNCTIONS,
    convert::FUNCTIONS,
    date::FUNCTIONS,
    replace::FUNCTIONS,
    search::FUNCTIONS,
    text::FUNCTIONS,
    part::FUNCTIONS,
    encode::FUNCTIONS,
    number::FUNCTIONS,
    math::FUNCTIONS,
    multi::FUNCTIONS,
    statistics::FUNCTIONS,
    ip::FUNCTIONS,
    geo::FUNCTIONS,
];

/// One row of the table.
pub(super) struct Function {
    name: &'static str,
    signature: &'static str,
    summary: &'static str,
    example: &'static str,
    gives: &'static str,
    /// Fewest and most arguments.
    arity: (usize, usize),
    build: Build,
}

/// How a call becomes a value of one row.
type Scalar = fn(&mut Lowering<'_>, &Call<'_>, Want) -> Option<Typed>;
/// How a call becomes a value of a group of rows; its arguments are those of a row.
type Aggregate = fn(&mut Lowering<'_>, &Call<'_>) -> Option<Typed>;

/// How a call becomes SQL.
#[derive(Clone, Copy)]
enum Build {
    Scalar(Scalar),
    /// Whether an event is what a search looks for; takes options.
    Search(Aggregate),
    Aggregate(Aggregate),
}

/// A row of the table: the call with its types, fewest and most arguments, what it returns, an example with its result.
const fn scalar(
    (name, signature): (&'static str, &'static str),
    arity: (usize, usize),
    summary: &'static str,
    (example, gives): (&'static str, &'static str),
    build: Scalar,
) -> Function {
    Function { name, signature, summary, example, gives, arity, build: Build::Scalar(build) }
}

/// The same for an aggregate.
const fn aggregate(
    (name, signature): (&'static str, &'static str),
    arity: (usize, usize),
    summary: &'static str,
    (example, gives): (&'static str, &'static str),
    build: Aggregate,
) -> Function {
    Function { name, signature, summary, example, gives, arity, build: Build::Aggregate(build) }
}

/// As many arguments as one likes.
const MANY: usize = usize::MAX;

/// A call in a query.
pub(crate) struct Call<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) args: &'a [Expr],
    pub(crate) star: bool,
    pub(crate) options: &'a [(StringLiteral, Expr)],
    pub(crate) span: Span,
}

fn find(name: &str) -> Option<&'static Function> {
    FAMILIES.iter().flat_map(|family| family.iter()).find(|function| function.name.eq_ignore_ascii_case(name))
}

impl Lowering<'_> {
    /// A call of a function.
    pub(crate) fn call(&mut self, call: &Call<'_>, want: Want) -> Option<Typed> {
        let Some(function) = find(&call.name.text) else { return self.unknown_function(call) };
        let (fewest, most) = function.arity;
        let count = call.args.len();
        if count < fewest || count > most || (call.star && function.name != "count") {
            let message = format!("{} takes {}, found {}", function.name, arguments(fewest, most), found(call));
            let help = format!("its form is {}", function.signature);
            return self.fail(Code::Arguments, call.span, message, Some(&help));
        }
        if let (Some((option, _)), false) = (call.options.first(), matches!(function.build, Build::Search(_))) {
            return self.unsupported(option.span, format_args!("options of {}", function.name));
        }
        match function.build {
            Build::Scalar(build) => build(self, call, want),
            Build::Search(build) => build(self, call),
            Build::Aggregate(build) => self.aggregate(call, build),
        }
    }

    fn unknown_function(&mut self, call: &Call<'_>) -> Option<Typed> {
        let name = call.name.text.as_str();
        let lower = name.to_lowercase();
        if names::KNOWN.contains(&lower.as_str()) {
            return self.unsupported(call.name.span, format_args!("the function {lower}"));
        }
        let known = names::KNOWN.iter().copied().chain(FAMILIES.iter().flat_map(|f| f.iter()).map(|f| f.name));
        let help = nearest(name, known).map(|near| format!("the nearest function is {near}"));
        self.fail(Code::UnknownFunction, call.name.span, format!("unknown function `{name}`"), help.as_deref())
    }

    /// Refuses a value that a function does not take.
    fn refuse<T>(&mut self, call: &Call<'_>, expected: &str, found: Type, span: Span) -> Option<T> {
        let message = format!("{} takes {expected}, found {}", call.name.text.to_lowercase(), found.name());
        let help = find(&call.name.text).map(|function| format!("its form is {}", function.signature));
        self.fail(Code::TypeMismatch, span, message, help.as_deref())
    }

    /// The single text of an argument.
    fn text_argument(&mut self, call: &Call<'_>, expr: &Expr) -> Option<Sql> {
        let value = self.single(expr)?;
        match value.ty {
            Type::Keyword | Type::Text | Type::Null => Some(self.demand(value, Type::Keyword).sql),
            ty => self.refuse(call, "text", ty, expr.span),
        }
    }

    /// The single instant of an argument; a text literal is cast to one.
    fn date_argument(&mut self, call: &Call<'_>, expr: &Expr) -> Option<Typed> {
        if let Some(literal) = string_literal(expr) {
            return self.cast_literal(literal, Type::Date);
        }
        let value = self.single(expr)?;
        match value.ty {
            Type::Null => Some(self.demand(value, Type::Date)),
            ty if ty.is_date() => Some(value),
            ty => self.refuse(call, "a date", ty, expr.span),
        }
    }

    /// The single whole number of an argument.
    fn whole_number_argument(&mut self, call: &Call<'_>, expr: &Expr) -> Option<Sql> {
        let value = self.number_argument(call, expr)?;
        if value.ty.is_whole_number() {
            Some(value.sql)
        } else {
            self.refuse(call, "a whole number", value.ty, expr.span)
        }
    }

    /// All texts of an argument; a list where the field is one.
    fn texts_argument(&mut self, call: &Call<'_>, expr: &Expr) -> Option<Typed> {
        let value = self.whole(expr)?;
        match value.ty {
            Type::Keyword | Type::Text | Type::Null => Some(self.demand(value, Type::Keyword)),
            ty => self.refuse(call, "text", ty, expr.span),
        }
    }

    /// All numbers of an argument.
    fn numbers_argument(&mut self, call: &Call<'_>, expr: &Expr) -> Option<Typed> {
        let value = self.whole(expr)?;
        let value = self.demand(value, Type::Long);
        if value.ty.is_number() { Some(value) } else { self.refuse(call, "numbers", value.ty, expr.span) }
    }

    /// A function of the single texts of its arguments.
    fn of_texts(&mut self, call: &Call<'_>, function: &str, ty: Type) -> Option<Typed> {
        let texts: Vec<Option<Sql>> = call.args.iter().map(|arg| self.text_argument(call, arg)).collect();
        let texts = texts.into_iter().collect::<Option<Vec<Sql>>>()?;
        Some(Typed::single(self.labelled(function, texts, call.span), ty))
    }

    /// The single number of an argument.
    fn number_argument(&mut self, call: &Call<'_>, expr: &Expr) -> Option<Typed> {
        let value = self.single(expr)?;
        match value.ty {
            Type::Null => Some(self.demand(value, Type::Long)),
            ty if ty.is_number() => Some(value),
            ty => self.refuse(call, "a number", ty, expr.span),
        }
    }

    /// An aggregate: allowed where groups are, its arguments read the rows.
    fn aggregate(&mut self, call: &Call<'_>, build: Aggregate) -> Option<Typed> {
        let name = call.name.text.to_lowercase();
        match &mut self.mode {
            Mode::Groups(groups) => {
                groups.aggregates = true;
                let argument = Mode::Argument { whole: groups.whole.clone() };
                let groups = std::mem::replace(&mut self.mode, argument);
                let value = build(self, call);
                self.mode = groups;
                value
            }
            Mode::Argument { .. } => {
                let message = format!("the aggregate {name} stands inside of another aggregate");
                self.fail(Code::Arguments, call.span, message, Some("aggregate in one STATS, and again in a second"))
            }
            Mode::Rows => {
                let message = format!("the aggregate {name} stands outside of STATS");
                self.fail(Code::Arguments, call.span, message, Some("aggregates are written in STATS"))
            }
        }
    }
}

fn arguments(fewest: usize, most: usize) -> String {
    let count = |n: usize| if n == 1 { "1 argument".to_owned() } else { format!("{n} arguments") };
    match (fewest, most) {
        (a, b) if a == b => count(a),
        (a, usize::MAX) => format!("at least {}", count(a)),
        (a, b) => format!("{a} to {}", count(b)),
    }
}

fn found(call: &Call<'_>) -> String {
    if call.star { "`*`".to_owned() } else { call.args.len().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_is_documented_once() {
        let mut names: Vec<&str> = functions().map(|function| function.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for function in functions() {
            assert!(function.signature.starts_with(&format!("{}(", function.name)), "{}", function.name);
            assert!(function.example.contains(&format!("{}(", function.name)), "{}", function.name);
            assert!(!function.gives.is_empty(), "{}", function.name);
            assert!(!function.summary.is_empty() && !function.summary.ends_with('.'), "{}", function.name);
            assert!(!names::KNOWN.contains(&function.name), "{} is lowered", function.name);
        }
    }

    #[test]
    fn says_how_many_arguments() {
        assert_eq!(arguments(1, 1), "1 argument");
        assert_eq!(arguments(2, usize::MAX), "at least 2 arguments");
        assert_eq!(arguments(0, 1), "0 to 1 argument");
    }
}
