//! MATCH, MATCH_PHRASE and `:`: words of a text, or the whole of a keyword, in any value of a field.
//!
//! A field is taken for analysed text where ECS says so, and where ECS does not know it: Elasticsearch, too, analyses the
//! text of fields that nobody told it the type of.

use datafusion::sql::sqlparser::ast::Expr as Sql;

use crate::diagnostic::Code;
use crate::esql::ast::{Expr, ExprKind, Literal, StringLiteral};
use crate::esql::kql::Word;

use super::super::build;
use super::super::catalog::Type;
use super::super::expr::Typed;
use super::super::lowering::Lowering;
use super::super::near::nearest;
use super::value::Habits;

/// What is looked for of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Any or all of them.
    Match,
    /// All, side by side.
    Phrase,
}

/// Options that change which values are found.
const MEANT: [&str; 4] = ["operator", "fuzziness", "prefix_length", "minimum_should_match"];
/// Options that change how Elasticsearch finds them, or their score.
const IDLE: [&str; 9] = [
    "analyzer",
    "auto_generate_synonyms_phrase_query",
    "boost",
    "fuzzy_rewrite",
    "fuzzy_transpositions",
    "lenient",
    "max_expansions",
    "slop",
    "zero_terms_query",
];

/// What the options say.
struct Options {
    operator: String,
    edits: i64,
    prefix: i64,
}

impl Lowering<'_> {
    /// The condition of `MATCH(field, query, options)`.
    pub(crate) fn match_value(
        &mut self,
        field: &Expr,
        query: &Expr,
        options: &[(StringLiteral, Expr)],
        manner: Manner,
    ) -> Option<Typed> {
        let options = self.match_options(options, manner)?;
        let analysed = self.is_analysed(field);
        let column = self.whole(field)?;
        let text = self.searched(query)?;
        let is_text = matches!(column.ty, Type::Keyword | Type::Text | Type::Null);
        let found = if is_text && (analysed || column.ty == Type::Text) {
            let column = self.demand(column, Type::Keyword);
            let operator = if manner == Manner::Phrase { "phrase" } else { &options.operator };
            let args = [column.sql, build::text(&text), build::text(operator)];
            let edits = (options.edits != 0).then(|| build_number(options.edits));
            build::call("text_match", args.into_iter().chain(edits))
        } else if is_text && options.edits != 0 {
            let column = self.demand(column, Type::Keyword);
            let args = [column.sql, build::text(&text), build_number(options.edits)];
            let prefix = (options.prefix != 0).then(|| build_number(options.prefix));
            build::call("fuzzy_match", args.into_iter().chain(prefix))
        } else {
            let word = Word { pieces: vec![text], quoted: true, at: 0..0 };
            self.any_of(&column, &[&word], query.span, Habits::default())?
        };
        Some(Typed::single(found, Type::Boolean))
    }

    /// Whether a field's text is taken for words.
    fn is_analysed(&self, field: &Expr) -> bool {
        match &field.kind {
            ExprKind::Field(name) => match self.catalog.ecs(&name.text) {
                Some(ty) => ty == Type::Text,
                None => self.scope.find(&name.text).is_none_or(|column| column.definition.command == 0),
            },
            ExprKind::Cast { operand, .. } => self.is_analysed(operand),
            ExprKind::Call { args, .. } => args.first().is_some_and(|arg| self.is_analysed(arg)),
            _ => false,
        }
    }

    /// The text that is looked for.
    fn searched(&mut self, query: &Expr) -> Option<String> {
        match &query.kind {
            ExprKind::Literal(Literal::String(text)) => Some(text.value.clone()),
            ExprKind::Literal(Literal::Integer(number)) => Some(number.to_string()),
            ExprKind::Literal(Literal::Unsigned(number)) => Some(number.to_string()),
            ExprKind::Literal(Literal::Double(number)) => Some(number.to_string()),
            ExprKind::Literal(Literal::Boolean(truth)) => Some(truth.to_string()),
            ExprKind::Unary { negative, operand } => {
                let number = self.searched(operand)?;
                Some(if *negative { format!("-{number}") } else { number })
            }
            _ => {
                let message = "what is looked for must be a literal";
                self.fail(Code::Arguments, query.span, message, Some("write a text in quotes, or a number"))
            }
        }
    }

    fn match_options(&mut self, options: &[(StringLiteral, Expr)], manner: Manner) -> Option<Options> {
        let mut read = Options { operator: "or".to_owned(), edits: 0, prefix: 0 };
        for (option, value) in options {
            let name = option.value.as_str();
            let known = match manner {
                Manner::Match => MEANT.contains(&name) || IDLE.contains(&name),
                Manner::Phrase => IDLE.contains(&name),
            };
            if !known {
                let near = nearest(name, MEANT.into_iter().chain(IDLE));
                let help = near.map_or_else(
                    || format!("options are {}", MEANT.join(", ")),
                    |near| format!("the nearest option is {near}"),
                );
                return self.fail(
                    Code::Arguments,
                    option.span,
                    format!("unknown option `{name}` of match"),
                    Some(&help),
                );
            }
            let text = self.searched(value)?;
            match (name, text.to_ascii_lowercase().as_str()) {
                ("operator", operator @ ("or" | "and")) => operator.clone_into(&mut read.operator),
                ("fuzziness", "auto") => read.edits = -1,
                ("fuzziness", edits @ ("0" | "1" | "2")) => read.edits = edits.parse().unwrap_or(0),
                ("prefix_length", length) if length.parse::<u32>().is_ok() => read.prefix = length.parse().unwrap_or(0),
                ("minimum_should_match", least) if least.parse::<u32>().is_ok() => least.clone_into(&mut read.operator),
                ("slop", "0") | ("fuzzy_transpositions", "true") => {}
                ("slop" | "fuzzy_transpositions", _) => {
                    return self.unsupported(value.span, format_args!("this value of the option {name}"));
                }
                _ if IDLE.contains(&name) => {}
                (name, found) => {
                    let help = match name {
                        "operator" => "write \"OR\" or \"AND\"",
                        "fuzziness" => "write \"AUTO\", 0, 1 or 2",
                        _ => "write a whole number",
                    };
                    let message = format!("the option {name} is not \"{found}\"");
                    return self.fail(Code::Arguments, value.span, message, Some(help));
                }
            }
        }
        Some(read)
    }
}

fn build_number(number: i64) -> Sql {
    let digits = build::number(number.unsigned_abs());
    if number < 0 { build::minus(digits) } else { digits }
}
