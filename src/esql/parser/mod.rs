//! Tokens to syntax tree. One file a command; the table `COMMANDS` says which keyword leads to which.
//!
//! A command that cannot be read costs one diagnostic, and parsing goes on behind the next `|`. Expressions are bounded:
//! no tree is higher than [`MAX_DEPTH`] (chains of AND and OR become balanced trees where they are long), so that whoever
//! walks the tree may recurse.

mod cursor;
mod depth;
mod expr;
mod names;
mod primary;
mod unknown;

mod completion;
mod dissect;
mod drop;
mod eval;
mod from;
mod grok;
mod keep;
mod limit;
mod mv_expand;
mod rename;
mod row;
mod show;
mod sort;
mod stats;
mod r#where;

use std::collections::HashMap;

use super::ast::{Command, CommandKind, Query};
use super::lexer::{Token, TokenKind, lex};
use crate::diagnostic::{Code, Diagnostic, Span};
use cursor::{Parse, Parser};
pub use depth::MAX_DEPTH;
pub(super) use expr::{binary_level, level};
pub(super) use names::is_reserved;

/// A keyword and what reads the command behind it.
struct CommandRow {
    keyword: &'static str,
    source: bool,
    parse: fn(&mut Parser<'_>) -> Parse<CommandKind>,
}

const fn source(keyword: &'static str, parse: fn(&mut Parser<'_>) -> Parse<CommandKind>) -> CommandRow {
    CommandRow { keyword, source: true, parse }
}

const fn pipe(keyword: &'static str, parse: fn(&mut Parser<'_>) -> Parse<CommandKind>) -> CommandRow {
    CommandRow { keyword, source: false, parse }
}

/// The commands of the language.
const COMMANDS: [CommandRow; 17] = [
    source("FROM", from::from),
    source("ROW", row::row),
    source("SHOW", show::show),
    pipe("WHERE", r#where::r#where),
    pipe("EVAL", eval::eval),
    pipe("STATS", stats::stats),
    pipe("INLINE", stats::inline_stats),
    pipe("INLINESTATS", stats::inlinestats),
    pipe("KEEP", keep::keep),
    pipe("DROP", drop::drop),
    pipe("RENAME", rename::rename),
    pipe("SORT", sort::sort),
    pipe("LIMIT", limit::limit),
    pipe("MV_EXPAND", mv_expand::mv_expand),
    pipe("DISSECT", dissect::dissect),
    pipe("GROK", grok::grok),
    pipe("COMPLETION", completion::completion),
];

/// How many mistakes are reported; a text with more is no query.
const MAX_DIAGNOSTICS: usize = 100;

/// The query that `text` holds, or none and what is wrong with it: every mistake, in order of place.
///
/// ```
/// use egret::esql::parse;
/// let (query, diagnostics) = parse("FROM logs-* | WHERE process.name == \"sh\" | STATS count(*) BY host.name");
/// assert_eq!(query.map(|q| q.commands.len()), Some(3));
/// assert!(diagnostics.is_empty());
///
/// let (query, diagnostics) = parse("FROM logs-* | WHRE a == 1 | KEEP a,");
/// assert!(query.is_none());
/// assert_eq!(diagnostics.len(), 2);
/// ```
pub fn parse(text: &str) -> (Option<Query>, Vec<Diagnostic>) {
    let lexed = lex(text);
    let parser = Parser::new(text, &lexed.tokens);
    let mut pipeline = Pipeline {
        bracketed: bracketed(parser.remaining()),
        parser,
        lexical: lexed.diagnostics.iter().map(|d| d.span).collect(),
        diagnostics: lexed.diagnostics,
        commands: Vec::new(),
    };
    pipeline.run();
    let Pipeline { mut diagnostics, commands, .. } = pipeline;
    diagnostics.sort_by_key(|d| (d.span, d.severity));
    diagnostics.truncate(MAX_DIAGNOSTICS);
    let query = diagnostics.is_empty().then_some(Query { commands });
    (query, diagnostics)
}

/// Where a command left off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Behind its last token.
    Behind,
    /// Somewhere within: what remains of it is skipped.
    Within {
        /// Whether it may hold commands in parentheses.
        subqueries: bool,
    },
}

struct Pipeline<'a> {
    parser: Parser<'a>,
    /// For each token whether brackets stand around it that are closed.
    bracketed: Vec<bool>,
    /// Where the lexer found mistakes: what the parser finds behind one in the same command follows from it.
    lexical: Vec<Span>,
    diagnostics: Vec<Diagnostic>,
    commands: Vec<Command>,
}

impl Pipeline<'_> {
    fn run(&mut self) {
        let mut first = true;
        while !self.parser.is(TokenKind::End) {
            let start = self.parser.peek().span;
            if let Next::Within { subqueries } = self.command(first) {
                self.skip(subqueries);
            }
            first = self.parser.is(TokenKind::Semicolon);
            let separator = self.parser.peek();
            if matches!(separator.kind, TokenKind::Semicolon | TokenKind::Pipe) {
                self.parser.bump();
            }
            if separator.kind == TokenKind::Pipe && self.parser.is(TokenKind::End) {
                let message = "expected a command behind |, found the end of the query";
                let help = "remove the |, or write a command behind it";
                self.report(start, Diagnostic::error(Code::Syntax, separator.span, message).with_help(help));
            }
        }
        if self.commands.is_empty() && self.diagnostics.is_empty() {
            let help = "write for example FROM logs-* | WHERE process.name == \"sh\"";
            let empty = Diagnostic::error(Code::Syntax, self.parser.peek().span, "expected a query, found none");
            self.diagnostics.push(empty.with_help(help));
        }
    }

    /// Reads one command with what is wrong with it.
    fn command(&mut self, first: bool) -> Next {
        let keyword = self.parser.peek();
        let Some(row) = row_of(self.parser.text_of(keyword)).filter(|_| keyword.kind == TokenKind::Word) else {
            let diagnostic = unknown::command(&self.parser, first);
            self.report(keyword.span, diagnostic);
            return Next::Within { subqueries: true };
        };
        if let Some(diagnostic) = misplaced(row, keyword.span, first) {
            self.report(keyword.span, diagnostic);
        }
        self.parser.bump();
        self.parser.surface();
        match (row.parse)(&mut self.parser) {
            Ok(kind) => {
                self.commands.push(Command { kind, span: self.parser.span_from(keyword.span) });
                self.end_of_command(row, keyword.span)
            }
            Err(diagnostic) => {
                self.report(keyword.span, *diagnostic);
                Next::Within { subqueries: row.source }
            }
        }
    }

    /// Reports what stands behind a command and does not belong to it.
    fn end_of_command(&mut self, row: &CommandRow, start: Span) -> Next {
        let found = self.parser.peek();
        if self.parser.at_end() {
            return Next::Behind;
        }
        if found.kind == TokenKind::Word && row_of(self.parser.text_of(found)).is_some() {
            // Read on as if the `|` stood there.
            let word = self.parser.text_of(found).to_uppercase();
            let diagnostic = Diagnostic::error(Code::Syntax, found.span, format!("expected | before {word}"));
            self.report(start, diagnostic.with_help(format!("write | {word}")));
            return Next::Behind;
        }
        let mut diagnostic = self.parser.unexpected(&format!("| or the end of {}", row.keyword));
        let operand = matches!(
            found.kind,
            TokenKind::Word
                | TokenKind::QuotedName
                | TokenKind::String
                | TokenKind::RawString
                | TokenKind::Integer
                | TokenKind::Decimal
                | TokenKind::LeftParen
        );
        if operand && diagnostic.help.is_none() {
            diagnostic = diagnostic.with_help("an operator, a comma or a | is missing before it");
        }
        self.report(start, diagnostic);
        Next::Within { subqueries: false }
    }

    /// Keeps a mistake, unless the lexer found one before it in the same command.
    fn report(&mut self, command: Span, diagnostic: Diagnostic) {
        let at = self.lexical.partition_point(|lexical| lexical.start < command.start);
        if self.lexical.get(at).is_none_or(|lexical| lexical.start > diagnostic.span.end) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Goes to the next `|` outside of brackets, or the next one before a command's keyword, or the end.
    fn skip(&mut self, subqueries: bool) {
        loop {
            let bracketed = self.bracketed.get(self.parser.mark()).copied().unwrap_or(false);
            match self.parser.kind() {
                TokenKind::End => return,
                TokenKind::Pipe | TokenKind::Semicolon if !bracketed => return,
                TokenKind::Pipe if !subqueries && row_of(self.parser.text_of(self.parser.nth(1))).is_some() => return,
                _ => self.parser.bump(),
            };
        }
    }
}

/// Whether the word is the keyword of a command that stands behind a `|`.
pub(super) fn is_piped(word: &str) -> bool {
    row_of(word).is_some_and(|row| !row.source)
}

fn row_of(keyword: &str) -> Option<&'static CommandRow> {
    COMMANDS.iter().find(|row| keyword.eq_ignore_ascii_case(row.keyword))
}

/// The mistake of a source command behind a `|`, or of another command at the start.
fn misplaced(row: &CommandRow, span: Span, first: bool) -> Option<Diagnostic> {
    if row.source == first {
        return None;
    }
    let keyword = row.keyword;
    Some(if first {
        let message = format!("expected FROM, ROW or SHOW at the start of the query, found {keyword}");
        Diagnostic::error(Code::Syntax, span, message).with_help(format!("write FROM logs-* | {keyword} ..."))
    } else {
        let message = format!("{keyword} behind |, where it can only begin a query");
        let help = "several indices stand behind one FROM, with commas between them";
        Diagnostic::error(Code::Syntax, span, message).with_help(help)
    })
}

/// For each token whether it stands within brackets that are closed.
fn bracketed(tokens: &[Token]) -> Vec<bool> {
    let mut open: Vec<(usize, TokenKind)> = Vec::new();
    // Brackets of each kind that are open: without one, the search below would go through all of them for nothing.
    let mut counts = HashMap::new();
    let mut change = vec![0_isize; tokens.len() + 1];
    for (at, token) in tokens.iter().enumerate() {
        if let Some(closer) = token.kind.closer() {
            open.push((at, closer));
            *counts.entry(closer).or_insert(0_usize) += 1;
        } else if counts.get(&token.kind).is_some_and(|count| *count > 0) {
            // What was opened within and is open still stays without effect.
            while let Some((from, closer)) = open.pop() {
                counts.entry(closer).and_modify(|count| *count -= 1);
                if closer == token.kind {
                    for (place, step) in [(from, 1), (at, -1)] {
                        change.get_mut(place).into_iter().for_each(|c| *c += step);
                    }
                    break;
                }
            }
        }
    }
    let mut depth = 0;
    let step = |change: isize| {
        depth += change;
        depth > 0
    };
    change.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests;
