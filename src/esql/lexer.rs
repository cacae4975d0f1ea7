//! Text to tokens, for the parser and for whoever colours or formats a query.
//!
//! White space and comments are tokens too, so that the tokens tile the text: each begins where the one before ends.
//! What is wrong is reported and lexing goes on behind it.
//!
//! ```
//! use egret::esql::lexer::{TokenKind, lex};
//! let lexed = lex("FROM logs-* // all\n| WHERE a >= 1min");
//! assert!(lexed.diagnostics.is_empty());
//! let kinds: Vec<_> = lexed.tokens.iter().map(|t| t.kind).filter(|k| !k.is_trivia()).collect();
//! assert_eq!(kinds[..3], [TokenKind::Word, TokenKind::Source, TokenKind::Pipe]);
//! assert_eq!(kinds[3..], [TokenKind::Word, TokenKind::Word, TokenKind::GtEq, TokenKind::Integer, TokenKind::Word]);
//! ```

use super::parser::is_piped;
pub use super::token::{Token, TokenKind};
use crate::diagnostic::{Code, Diagnostic, Span};

/// The tokens of a text and what is wrong with them.
#[derive(Debug, Clone)]
pub struct Lexed {
    /// All tokens, white space and comments included; they tile the text.
    pub tokens: Vec<Token>,
    /// What is wrong, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

/// The tokens of `text`.
pub fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer {
        text,
        at: 0,
        mode: Mode::Command,
        comments_nest: true,
        out: Lexed { tokens: Vec::new(), diagnostics: Vec::new() },
    };
    while lexer.at < text.len() {
        let start = lexer.at;
        let kind = lexer.next_kind();
        if lexer.at == start {
            lexer.skip_char();
        }
        lexer.push(kind, start);
    }
    lexer.out
}

/// How the next token is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A command's keyword comes next.
    Command,
    /// Index patterns behind FROM; whether one was read since the last comma.
    Sources { pattern_read: bool },
    /// Everything else.
    Expression,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    mode: Mode,
    comments_nest: bool,
    out: Lexed,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip_char(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }

    fn skip_while(&mut self, keep: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !keep(c)).unwrap_or(rest.len());
    }

    fn report(&mut self, code: Code, start: usize, message: impl Into<String>, help: impl Into<String>) {
        let diagnostic = Diagnostic::error(code, Span::new(start, self.at), message).with_help(help);
        self.out.diagnostics.push(diagnostic);
    }

    /// Adds the token `start..at`; a run of unknown characters is one token.
    fn push(&mut self, kind: TokenKind, start: usize) {
        let span = Span::new(start, self.at);
        if !kind.is_trivia() {
            self.mode = self.mode_after(kind, span);
        }
        if let Some(last) = self.out.tokens.last_mut()
            && kind == TokenKind::Unknown
            && last.kind == kind
        {
            last.span.end = self.at;
            return;
        }
        self.out.tokens.push(Token { kind, span });
    }

    fn mode_after(&self, kind: TokenKind, span: Span) -> Mode {
        match (self.mode, kind) {
            (_, TokenKind::Pipe | TokenKind::Semicolon) => Mode::Command,
            (Mode::Command, TokenKind::Word) => {
                let word = span.text(self.text);
                if word.eq_ignore_ascii_case("from") || word.eq_ignore_ascii_case("ts") {
                    Mode::Sources { pattern_read: false }
                } else {
                    Mode::Expression
                }
            }
            (Mode::Sources { .. }, TokenKind::LeftParen) => Mode::Command,
            (Mode::Sources { .. }, TokenKind::Word | TokenKind::OrOr) => Mode::Expression,
            (Mode::Sources { .. }, TokenKind::Source) => {
                Mode::Sources { pattern_read: !span.text(self.text).eq_ignore_ascii_case("metadata") }
            }
            (Mode::Sources { .. }, TokenKind::String | TokenKind::RawString) => Mode::Sources { pattern_read: true },
            (Mode::Sources { .. }, _) => Mode::Sources { pattern_read: false },
            _ => Mode::Expression,
        }
    }

    fn next_kind(&mut self) -> TokenKind {
        match (self.byte(0), self.byte(1)) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {
                self.skip_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
                TokenKind::Whitespace
            }
            (b'/', b'/') => {
                self.skip_while(|c| c != '\n');
                TokenKind::LineComment
            }
            (b'/', b'*') => self.block_comment(),
            (b'"', _) => self.string(),
            (b'|', _) => self.pipe(),
            _ if matches!(self.mode, Mode::Sources { .. }) => self.source(),
            (b'`', _) => self.quoted_name(),
            (b'0'..=b'9', _) => self.number(),
            (b'.', b'0'..=b'9') if !self.touches_name() => self.number(),
            (b'a'..=b'z' | b'A'..=b'Z' | b'_', _) | (b'@', b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'*') => {
                self.at += 1;
                self.skip_while(|c| c.is_ascii_alphanumeric() || c == '_');
                TokenKind::Word
            }
            (b'?', _) => {
                self.skip_while(|c| c == '?');
                self.skip_while(|c| c.is_ascii_alphanumeric() || c == '_');
                TokenKind::Parameter
            }
            _ => self.operator(),
        }
    }

    /// Whether the token before is a name that ends here: then a point goes on with the name.
    fn touches_name(&self) -> bool {
        self.out.tokens.last().is_some_and(|t| matches!(t.kind, TokenKind::Word | TokenKind::QuotedName))
    }

    fn block_comment(&mut self) -> TokenKind {
        let rest = self.rest();
        let body = rest.get(2..).unwrap_or("");
        let nested = if self.comments_nest { nested_end(body) } else { None };
        // Comments nest where every one is closed; where not, the first end ends them all.
        self.comments_nest &= nested.is_some();
        if let Some(end) = nested.or_else(|| body.find("*/").map(|at| at + 2)) {
            self.at += 2 + end;
        } else {
            let start = self.at;
            self.at += 2;
            self.report(Code::Unclosed, start, "comment without its end", "close it with */");
            self.at = self.text.len();
        }
        TokenKind::BlockComment
    }

    fn string(&mut self) -> TokenKind {
        let start = self.at;
        let rest = self.rest();
        if let Some(body) = rest.strip_prefix("\"\"\"") {
            let mut quotes = body.match_indices(['"', '\n', '\r']);
            let end =
                quotes.find(|(at, found)| *found != "\"" || body.get(*at..).is_some_and(|b| b.starts_with("\"\"\"")));
            match end {
                Some((end, "\"")) => {
                    let after = body.get(end + 3..).unwrap_or("");
                    self.at += 6 + end + after.bytes().take(2).take_while(|b| *b == b'"').count();
                }
                other => {
                    self.at += trimmed(rest, other.map_or(rest.len(), |(at, _)| 3 + at));
                    let help = "close it with \"\"\" on the same line; a text of several lines needs \"...\\n...\"";
                    self.report(Code::Unclosed, start, "string without its closing \"\"\"", help);
                }
            }
            return TokenKind::RawString;
        }
        let mut escapes = Vec::new();
        let mut line_end = rest.len();
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    self.report_escape(start, &escapes);
                    return TokenKind::String;
                }
                '\\' if !rest.get(at + 1..).unwrap_or("").starts_with(['\n', '\r']) => match chars.next() {
                    Some((_, 't' | 'n' | 'r' | '"' | '\\')) | None => {}
                    Some((_, other)) => escapes.push((start + at, other)),
                },
                '\n' | '\r' => {
                    line_end = at;
                    break;
                }
                _ => {}
            }
        }
        self.at += trimmed(rest, line_end);
        self.report(Code::Unclosed, start, "string without its closing quote", "close it with \" on the same line");
        TokenKind::String
    }

    /// One diagnostic a string: who forgets to double a backslash forgets it all through a pattern.
    fn report_escape(&mut self, start: usize, escapes: &[(usize, char)]) {
        let Some((at, c)) = escapes.first().copied() else { return };
        let span = Span::new(at, at + 1 + c.len_utf8());
        let text = Span::new(start + 1, self.at - 1).text(self.text);
        let raw = if text.contains("\"\"\"") { String::new() } else { format!(", or write \"\"\"{text}\"\"\"") };
        let message = format!("unknown escape \\{c} in a string, expected one of \\\\ \\\" \\t \\n \\r");
        let help = format!("write \\\\{c} for a backslash before {c}{raw}");
        self.out.diagnostics.push(Diagnostic::error(Code::Unclosed, span, message).with_help(help));
    }

    fn quoted_name(&mut self) -> TokenKind {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while let Some(byte) = bytes.get(at) {
            if *byte != b'`' {
                at += 1;
            } else if bytes.get(at + 1) == Some(&b'`') {
                at += 2;
            } else {
                self.at = at + 1;
                if at == start + 1 {
                    self.report(Code::Syntax, start, "empty name in backquotes", "write a name between them");
                }
                return TokenKind::QuotedName;
            }
        }
        let rest = self.rest();
        self.at += trimmed(rest, rest.find('\n').unwrap_or(rest.len()));
        let help = "close it with `; a backquote within a name is doubled";
        self.report(Code::Unclosed, start, "name without its closing backquote", help);
        TokenKind::QuotedName
    }

    fn number(&mut self) -> TokenKind {
        let mut kind = TokenKind::Integer;
        self.skip_while(|c| c.is_ascii_digit());
        if self.byte(0) == b'.' {
            self.at += 1;
            self.skip_while(|c| c.is_ascii_digit());
            kind = TokenKind::Decimal;
        }
        let sign = usize::from(matches!(self.byte(1), b'+' | b'-'));
        if matches!(self.byte(0), b'e' | b'E') && self.byte(1 + sign).is_ascii_digit() {
            self.at += 1 + sign;
            self.skip_while(|c| c.is_ascii_digit());
            kind = TokenKind::Decimal;
        }
        kind
    }

    /// `|`, or the `||` of other languages.
    fn pipe(&mut self) -> TokenKind {
        let start = self.at;
        self.at += 1;
        if self.byte(0) != b'|' {
            return TokenKind::Pipe;
        }
        self.at += 1;
        let word = self.rest().trim_start().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        let message = "found ||, which ES|QL does not have";
        if word.is_some_and(is_piped) {
            self.report(Code::Syntax, start, message, "write a single | before a command");
            return TokenKind::Pipe;
        }
        self.report(Code::Syntax, start, message, "write OR between conditions");
        TokenKind::OrOr
    }

    /// A piece of an index pattern, or what parts them.
    fn source(&mut self) -> TokenKind {
        let single = match self.byte(0) {
            b',' => Some((TokenKind::Comma, 1)),
            b':' if self.byte(1) == b':' => Some((TokenKind::Cast, 2)),
            b':' => Some((TokenKind::Colon, 1)),
            b'=' => Some((TokenKind::Assign, 1)),
            b'[' => Some((TokenKind::LeftBracket, 1)),
            b']' => Some((TokenKind::RightBracket, 1)),
            b'(' => Some((TokenKind::LeftParen, 1)),
            b')' => Some((TokenKind::RightParen, 1)),
            _ => None,
        };
        if let Some((kind, length)) = single {
            self.at += length;
            return kind;
        }
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let ends =
            |(at, c): (usize, char)| !is_source_char(c) || (c == '/' && matches!(bytes.get(at + 1), Some(b'/' | b'*')));
        let length = rest.char_indices().find(|found| ends(*found)).map_or(rest.len(), |(at, _)| at);
        self.at += length;
        // A command's keyword cannot go on with the patterns: its `|` is missing, and what follows is read as the command.
        if self.mode == (Mode::Sources { pattern_read: true }) && rest.get(..length).is_some_and(is_piped) {
            return TokenKind::Word;
        }
        TokenKind::Source
    }

    fn operator(&mut self) -> TokenKind {
        let start = self.at;
        let (kind, length) = match (self.byte(0), self.byte(1)) {
            (b',', _) => (TokenKind::Comma, 1),
            (b'.', _) => (TokenKind::Dot, 1),
            (b'(', _) => (TokenKind::LeftParen, 1),
            (b')', _) => (TokenKind::RightParen, 1),
            (b'[', _) => (TokenKind::LeftBracket, 1),
            (b']', _) => (TokenKind::RightBracket, 1),
            (b'{', _) => (TokenKind::LeftBrace, 1),
            (b'}', _) => (TokenKind::RightBrace, 1),
            (b'=', b'=') => (TokenKind::Eq, 2),
            (b'!', b'=') | (b'<', b'>') | (b'=', b'~') => (TokenKind::NotEq, 2),
            (b'=', _) => (TokenKind::Assign, 1),
            (b'<', b'=') => (TokenKind::LtEq, 2),
            (b'<', _) => (TokenKind::Lt, 1),
            (b'>', b'=') => (TokenKind::GtEq, 2),
            (b'>', _) => (TokenKind::Gt, 1),
            (b'+', _) => (TokenKind::Plus, 1),
            (b'-', _) => (TokenKind::Minus, 1),
            (b'*', _) => (TokenKind::Star, 1),
            (b'/', _) => (TokenKind::Slash, 1),
            (b'%', _) => (TokenKind::Percent, 1),
            (b':', b':') => (TokenKind::Cast, 2),
            (b':', _) => (TokenKind::Colon, 1),
            (b';', _) => (TokenKind::Semicolon, 1),
            (b'&', b'&') => (TokenKind::AndAnd, 2),
            (b'!', _) => (TokenKind::Bang, 1),
            _ => return self.unknown(),
        };
        self.at += length;
        let help = match Span::new(start, self.at).text(self.text) {
            "<>" => "write != for not equal",
            "=~" => "write TO_LOWER(field) == \"text\" to ignore case, LIKE or RLIKE for patterns",
            "&&" => "write AND between conditions",
            "!" => "write NOT before a condition",
            _ => return kind,
        };
        let found = Span::new(start, self.at).text(self.text);
        self.report(Code::Syntax, start, format!("found {found}, which ES|QL does not have"), help);
        kind
    }

    /// A character that nothing begins with; quotes of other kinds are taken for strings, so that they stay one mistake.
    fn unknown(&mut self) -> TokenKind {
        let start = self.at;
        let Some(c) = self.rest().chars().next() else { return TokenKind::Unknown };
        let in_run = self.out.tokens.last().is_some_and(|t| t.kind == TokenKind::Unknown);
        self.at += c.len_utf8();
        if c == '\u{feff}' && start == 0 {
            return TokenKind::Whitespace;
        }
        if c == '\'' {
            let rest = self.rest();
            if let Some(end) =
                rest.find(['\'', '\n', '\r']).filter(|at| rest.get(*at..).is_some_and(|r| r.starts_with('\'')))
            {
                self.at += end + 1;
                self.report(Code::Character, start, "string in single quotes", "write it in double quotes: \"...\"");
                return TokenKind::String;
            }
        }
        let help = match c {
            '\'' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => {
                "strings stand in straight double quotes: \"...\""
            }
            c if c.is_whitespace() => "replace it with a plain blank",
            c if c.is_alphanumeric() => "a name with other letters than a to z stands in backquotes",
            '$' | '#' | '@' | '~' => "a name with this character stands in backquotes",
            '&' => "write AND between conditions",
            _ => "remove it, or put the name or text that it belongs to in quotes",
        };
        if !in_run {
            self.report(Code::Character, start, format!("unknown character {}", shown(c)), help);
        }
        if c.is_whitespace() { TokenKind::Whitespace } else { TokenKind::Unknown }
    }
}

/// Where a comment that may hold comments ends, counted from behind its `/*`.
fn nested_end(body: &str) -> Option<usize> {
    let mut depth = 1;
    let mut at = 0;
    while depth > 0 {
        let rest = body.get(at..)?;
        at += rest.find(['*', '/'])?;
        match body.as_bytes().get(at..at + 2)? {
            b"*/" => (depth, at) = (depth - 1, at + 2),
            b"/*" => (depth, at) = (depth + 1, at + 2),
            _ => at += 1,
        }
    }
    Some(at)
}

/// The length of the line that `rest` begins with, `end` bytes long, without the white space at its end.
fn trimmed(rest: &str, end: usize) -> usize {
    rest.get(..end).unwrap_or("").trim_end().len()
}

/// Whether an index pattern without quotes may hold the character.
pub(crate) fn is_source_char(c: char) -> bool {
    !matches!(c, ':' | '"' | '=' | '|' | ',' | '[' | ']' | '(' | ')' | ' ' | '\t' | '\r' | '\n')
}

/// A character as a message shows it: what cannot be seen is spelled out.
fn shown(c: char) -> String {
    if c.is_control() || c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}' {
        format!("U+{:04X}", u32::from(c))
    } else {
        c.to_string()
    }
}

#[cfg(test)]
mod tests;
