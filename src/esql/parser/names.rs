//! Names, patterns of names, and `name = value`.

use super::super::ast::{Assign, Expr, Ident, Name, NamePattern, StringLiteral};
use super::super::lexer::{Token, TokenKind};
use super::super::token::name_value;
use super::cursor::{Parse, Parser};
use crate::diagnostic::{Code, Diagnostic, Span};

/// Words that begin no field name unless they are quoted.
pub(in super::super) const RESERVED: [&str; 17] = [
    "and", "as", "asc", "by", "desc", "false", "in", "is", "like", "not", "null", "nulls", "on", "or", "rlike", "true",
    "with",
];

/// Whether a field name that begins with the word must be quoted.
pub(in super::super) fn is_reserved(word: &str) -> bool {
    word.eq_ignore_ascii_case("where") || RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}

impl Parser<'_> {
    /// A dotted name.
    pub(super) fn name(&mut self, expected: &str) -> Parse<Name> {
        let token = self.peek();
        let Some(first) = self.word_value(token) else {
            return Err(Box::new(self.unexpected(expected)));
        };
        if token.kind == TokenKind::Word && is_reserved(&first.text) {
            let word = &first.text;
            let message = format!("expected {expected}, found the keyword {}", word.to_uppercase());
            let help = format!("a field of this name stands in backquotes: `{word}`");
            return Err(Box::new(Diagnostic::error(Code::Syntax, token.span, message).with_help(help)));
        }
        self.bump();
        let mut parts = vec![first.text];
        while self.is(TokenKind::Dot) {
            self.bump();
            let part = self.peek();
            match self.word_value(part) {
                Some(ident) => parts.push(ident.text),
                None => return Err(Box::new(self.bad_part(part))),
            }
            self.bump();
        }
        Ok(Name { text: parts.join("."), parts, span: self.span_from(token.span) })
    }

    fn bad_part(&self, part: Token) -> Diagnostic {
        match part.kind {
            TokenKind::Integer | TokenKind::Decimal => {
                let text = self.text_of(part);
                let digits = text.split('.').next().unwrap_or(text);
                let message = format!("part {digits} of a name begins with a digit");
                let help = format!("put it in backquotes: `{digits}`");
                Diagnostic::error(Code::Syntax, part.span, message).with_help(help)
            }
            TokenKind::Star => {
                let message = "a wildcard stands in a name, where only KEEP and DROP take one";
                Diagnostic::error(Code::Syntax, part.span, message).with_help("write out the name")
            }
            _ => self.unexpected("a part of the name behind the point"),
        }
    }

    /// A name that may hold wildcards.
    pub(super) fn name_pattern(&mut self, command: &str) -> Parse<NamePattern> {
        let start = self.peek();
        let mut pieces = vec![String::new()];
        let mut text = String::new();
        let mut part_start = true;
        loop {
            let token = self.peek();
            let touches = token.span.start == self.end_of_last();
            let literal = match token.kind {
                TokenKind::Star if part_start || touches => {
                    pieces.push(String::new());
                    text.push('*');
                    part_start = false;
                    self.bump();
                    continue;
                }
                TokenKind::Dot if !part_start => ".".to_owned(),
                TokenKind::Word if part_start || touches => self.text_of(token).to_owned(),
                TokenKind::QuotedName if part_start || touches => name_value(self.text_of(token)),
                TokenKind::Integer | TokenKind::Decimal if touches && !part_start => self.text_of(token).to_owned(),
                _ => break,
            };
            part_start = token.kind == TokenKind::Dot;
            text.push_str(&literal);
            if let Some(piece) = pieces.last_mut() {
                piece.push_str(&literal);
            }
            self.bump();
        }
        if part_start {
            return Err(Box::new(if text.is_empty() {
                self.unexpected(&format!("a field name or pattern for {command}"))
            } else {
                self.bad_part(self.peek())
            }));
        }
        self.refuse_unquoted(start.span)?;
        Ok(NamePattern { text, pieces, span: self.span_from(start.span) })
    }

    /// A mistake if a name goes on with what only backquotes let it hold: `data-stream`, `count(*)`.
    fn refuse_unquoted(&self, start: Span) -> Parse<()> {
        let found = self.peek();
        let goes_on = matches!(
            found.kind,
            TokenKind::LeftParen | TokenKind::Minus | TokenKind::Plus | TokenKind::Slash | TokenKind::Colon
        );
        if !goes_on || found.span.start != self.end_of_last() {
            return Ok(());
        }
        let name = self.span_from(start).text(self.text);
        let message = format!("expected `,` or | behind the name {name}, found {}", self.describe(found));
        let help = "a name with other characters than letters, digits and _ stands in backquotes: `count(*)`";
        Err(Box::new(Diagnostic::error(Code::Syntax, found.span, message).with_help(help)))
    }

    /// Items with commas between them.
    pub(super) fn separated<T>(
        &mut self,
        item_name: &str,
        mut item: impl FnMut(&mut Self) -> Parse<T>,
    ) -> Parse<Vec<T>> {
        let mut items = Vec::new();
        loop {
            items.push(item(self)?);
            let comma = self.peek();
            if !self.eat(TokenKind::Comma) {
                return Ok(items);
            }
            self.refuse_trailing(comma, item_name)?;
        }
    }

    /// A mistake if a comma is the last token of a list.
    pub(super) fn refuse_trailing(&self, comma: Token, item_name: &str) -> Parse<()> {
        let ends = matches!(
            self.kind(),
            TokenKind::Pipe
                | TokenKind::End
                | TokenKind::Comma
                | TokenKind::RightParen
                | TokenKind::RightBracket
                | TokenKind::RightBrace
        );
        // A keyword that can only follow the list ends it as well, unless KEEP takes it for a name.
        let goes_on = matches!(self.nth(1).kind, TokenKind::Word | TokenKind::QuotedName | TokenKind::Source);
        let keyword = goes_on && ["by", "where", "metadata"].iter().any(|word| self.is_word(word));
        if !ends && !keyword {
            return Ok(());
        }
        let message = format!("comma without {item_name} behind it");
        let help = format!("remove the comma, or write {item_name} behind it");
        Err(Box::new(Diagnostic::error(Code::Syntax, comma.span, message).with_help(help)))
    }

    /// `name = ` where it comes next.
    pub(super) fn target(&mut self) -> Option<Name> {
        let mark = self.mark();
        if let Ok(name) = self.name("a name")
            && self.eat(TokenKind::Assign)
        {
            return Some(name);
        }
        self.reset(mark);
        None
    }

    /// `name = expression`, or an expression alone.
    pub(super) fn assign(&mut self, expected: &str) -> Parse<Assign> {
        let start = self.peek().span;
        let name = self.target();
        let value = self.expression(expected)?;
        if name.is_none() && self.is(TokenKind::Assign) {
            let written = value.span.text(self.text);
            let message = format!("{written} before = is no name");
            let help = "a name with other characters than letters, digits and _ stands in backquotes; == compares";
            return Err(Box::new(Diagnostic::error(Code::Syntax, value.span, message).with_help(help)));
        }
        Ok(Assign { name, value, span: self.span_from(start) })
    }

    /// A string.
    pub(super) fn string(&mut self, expected: &str) -> Parse<StringLiteral> {
        match self.string_token() {
            Some((token, value)) => {
                Ok(StringLiteral { value, raw: token.kind == TokenKind::RawString, span: token.span })
            }
            None => Err(Box::new(self.unexpected(expected))),
        }
    }

    /// `{ "key": value, ... }`
    pub(super) fn options(&mut self) -> Parse<Vec<(StringLiteral, Expr)>> {
        let opener = self.expect(TokenKind::LeftBrace, "options in braces")?;
        let mut entries = Vec::new();
        if !self.is(TokenKind::RightBrace) && !self.at_end() {
            entries = self.separated("an option", |p| {
                let key = p.string("the name of an option, a string")?;
                p.expect(TokenKind::Colon, "`:` behind the name of an option")?;
                if p.is(TokenKind::LeftBrace) {
                    let message = "options within options are not supported";
                    return Err(Box::new(Diagnostic::error(Code::Unsupported, p.peek().span, message)));
                }
                Ok((key, p.constant("the value of an option")?))
            })?;
        }
        self.close(opener, "`,` or `}` behind an option")?;
        Ok(entries)
    }

    /// A word that names something other than a field.
    pub(super) fn ident(&mut self, expected: &str) -> Parse<Ident> {
        let Some(ident) = self.word_value(self.peek()) else {
            return Err(Box::new(self.unexpected(expected)));
        };
        self.bump();
        Ok(ident)
    }

    /// An empty place behind the last token, for what is missing there.
    pub(super) fn behind_last(&self) -> Span {
        Span::new(self.end_of_last(), self.end_of_last())
    }
}
