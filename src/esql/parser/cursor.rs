//! The parser's place in the tokens, and the words for what it did not expect there.

use super::super::ast::Ident;
use super::super::lexer::{Token, TokenKind};
use super::super::token::{name_value, string_value};
use super::depth::MAX_DEPTH;
use crate::diagnostic::{Code, Diagnostic, Span};

/// A part of the tree, or the mistake that ends the command. Boxed, since the way down is deep and frames are many.
pub(super) type Parse<T> = Result<T, Box<Diagnostic>>;

/// The tokens of a query without white space and comments, and the place in them.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// A parser at the first token.
    pub(super) fn new(text: &'a str, tokens: &[Token]) -> Self {
        let tokens = tokens.iter().copied().filter(|t| !t.kind.is_trivia()).collect();
        Self { text, tokens, at: 0, depth: 0 }
    }

    /// The tokens from here on.
    pub(super) fn remaining(&self) -> &[Token] {
        self.tokens.get(self.at..).unwrap_or(&[])
    }

    /// The token `ahead` places on.
    pub(super) fn nth(&self, ahead: usize) -> Token {
        let end = Span::new(self.text.len(), self.text.len());
        self.tokens.get(self.at + ahead).copied().unwrap_or(Token { kind: TokenKind::End, span: end })
    }

    /// The next token.
    pub(super) fn peek(&self) -> Token {
        self.nth(0)
    }

    /// The kind of the next token.
    pub(super) fn kind(&self) -> TokenKind {
        self.peek().kind
    }

    /// Whether the next token is of this kind.
    pub(super) fn is(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    /// Whether the command ends here.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.kind(), TokenKind::Pipe | TokenKind::End)
    }

    /// The next token, which is left behind.
    pub(super) fn bump(&mut self) -> Token {
        let token = self.peek();
        self.at = (self.at + 1).min(self.tokens.len());
        token
    }

    /// The next token left behind if it is of this kind.
    pub(super) fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.is(kind);
        if found {
            self.bump();
        }
        found
    }

    /// The text of a token.
    pub(super) fn text_of(&self, token: Token) -> &'a str {
        token.span.text(self.text)
    }

    /// Whether the token `ahead` places on is this keyword.
    pub(super) fn nth_is_word(&self, ahead: usize, keyword: &str) -> bool {
        let token = self.nth(ahead);
        matches!(token.kind, TokenKind::Word | TokenKind::Source) && self.text_of(token).eq_ignore_ascii_case(keyword)
    }

    /// Whether the next token is this keyword.
    pub(super) fn is_word(&self, keyword: &str) -> bool {
        self.nth_is_word(0, keyword)
    }

    /// The keyword left behind if it comes next.
    pub(super) fn eat_word(&mut self, keyword: &str) -> bool {
        let found = self.is_word(keyword);
        if found {
            self.bump();
        }
        found
    }

    /// The end of the token before this place.
    pub(super) fn end_of_last(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |t| t.span.end)
    }

    /// The span from `start` to the token before this place.
    pub(super) fn span_from(&self, start: Span) -> Span {
        Span::new(start.start, self.end_of_last().max(start.end))
    }

    /// The place, to come back to with [`Parser::reset`].
    pub(super) const fn mark(&self) -> usize {
        self.at
    }

    /// Goes to a marked place.
    pub(super) const fn reset(&mut self, mark: usize) {
        self.at = mark;
    }

    /// Forgets how deep the expression of a command went that was given up.
    pub(super) const fn surface(&mut self) {
        self.depth = 0;
    }

    /// Goes one level further down. A mistake needs no way back up: it ends the command.
    pub(super) fn enter(&mut self) -> Parse<()> {
        if self.depth >= MAX_DEPTH {
            return Err(Box::new(too_deep(self.peek().span)));
        }
        self.depth += 1;
        Ok(())
    }

    /// Comes back up from where [`Parser::enter`] went down.
    pub(super) const fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// A token of this kind, or a mistake that says what was expected.
    pub(super) fn expect(&mut self, kind: TokenKind, expected: &str) -> Parse<Token> {
        if self.is(kind) { Ok(self.bump()) } else { Err(Box::new(self.unexpected(expected))) }
    }

    /// A keyword, or a mistake that says what was expected.
    pub(super) fn expect_word(&mut self, keyword: &str) -> Parse<Token> {
        if self.is_word(keyword) { Ok(self.bump()) } else { Err(Box::new(self.unexpected(keyword))) }
    }

    /// A string token and its value.
    pub(super) fn string_token(&mut self) -> Option<(Token, String)> {
        let token = self.peek();
        if !matches!(token.kind, TokenKind::String | TokenKind::RawString) {
            return None;
        }
        self.bump();
        Some((token, string_value(token.kind, self.text_of(token))))
    }

    /// A word or quoted name as it is meant.
    pub(super) fn word_value(&self, token: Token) -> Option<Ident> {
        let text = match token.kind {
            TokenKind::Word => self.text_of(token).to_owned(),
            TokenKind::QuotedName => name_value(self.text_of(token)),
            _ => return None,
        };
        Some(Ident { text, span: token.span })
    }

    /// The bracket that closes `opener`, or a mistake that points at the bracket left open.
    pub(super) fn close(&mut self, opener: Token, expected: &str) -> Parse<Token> {
        match opener.kind.closer() {
            Some(closer) if self.is(closer) => Ok(self.bump()),
            _ if self.at_end() => Err(Box::new(self.unclosed(opener))),
            _ => Err(Box::new(self.unexpected(expected))),
        }
    }

    /// The mistake of a bracket that is open where the command ends.
    pub(super) fn unclosed(&self, opener: Token) -> Diagnostic {
        let (open, close) = match opener.kind {
            TokenKind::LeftBracket => ("[", "]"),
            TokenKind::LeftBrace => ("{", "}"),
            _ => ("(", ")"),
        };
        let help = format!("add {close} before {}", self.describe(self.peek()));
        let message = format!("{open} without its closing {close}");
        Diagnostic::error(Code::Syntax, opener.span, message).with_help(help)
    }

    /// The mistake that something else than `expected` comes next.
    pub(super) fn unexpected(&self, expected: &str) -> Diagnostic {
        let found = self.peek();
        let message = format!("expected {expected}, found {}", self.describe(found));
        let diagnostic = Diagnostic::error(Code::Syntax, found.span, message);
        match self.help_for(found) {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        }
    }

    /// A token in the words of a message.
    pub(super) fn describe(&self, token: Token) -> String {
        const SHOWN: usize = 30;
        if token.kind == TokenKind::End {
            return "the end of the query".to_owned();
        }
        let text = self.text_of(token);
        let mut shown: String = text.chars().take(SHOWN).take_while(|c| *c != '\n').collect();
        if shown.len() < text.len() {
            shown.push_str("...");
        }
        format!("`{shown}`")
    }

    /// What to do about a token that must not stand here, where that is known.
    fn help_for(&self, found: Token) -> Option<String> {
        let text = self.text_of(found);
        let help = match found.kind {
            TokenKind::Assign => "values are compared with ==; = names a column in EVAL, ROW and STATS",
            TokenKind::RightParen => "remove the parenthesis, or open it before",
            TokenKind::Semicolon => "a query has no semicolon: remove it",
            TokenKind::Eq | TokenKind::NotEq | TokenKind::Lt | TokenKind::LtEq | TokenKind::Gt | TokenKind::GtEq => {
                "comparisons do not chain: join two of them with AND, or put one in parentheses"
            }
            TokenKind::Parameter => "a rule has no parameters: write the value itself",
            TokenKind::Source | TokenKind::Word => match text.to_ascii_lowercase().as_str() {
                "between" => "write a >= low AND a <= high",
                "ilike" => "write TO_LOWER(field) LIKE \"pattern\" to ignore case",
                "regexp" | "matches" | "regex" => "write field RLIKE \"pattern\"",
                "not" if self.nth_is_word(1, "null") => "write IS NOT NULL",
                "not" => "NOT stands before a condition, or before IN, LIKE and RLIKE",
                "having" => "filter groups with a | WHERE behind STATS",
                _ => return super::unknown::command_help(text),
            },
            _ => return None,
        };
        Some(help.to_owned())
    }
}

/// The mistake of an expression that is nested too deep.
pub(super) fn too_deep(span: Span) -> Diagnostic {
    let message = format!("expression nested deeper than {MAX_DEPTH} levels");
    let help = "split it over several EVAL or WHERE commands";
    Diagnostic::error(Code::Syntax, span, message).with_help(help)
}
