//! `FROM pattern, pattern METADATA field, ...`

use super::super::ast::{CommandKind, Ident};
use super::super::lexer::{Token, TokenKind};
use super::cursor::{Parse, Parser};
use crate::diagnostic::{Code, Diagnostic, Span};

pub(super) fn from(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let lists = parser.separated("an index pattern", pattern)?;
    let patterns = lists.into_iter().flatten().collect();
    let mut metadata = Vec::new();
    if parser.is(TokenKind::LeftBracket) {
        let message = "METADATA stands in brackets";
        let help = "write it without them: METADATA _id, _index";
        return Err(Box::new(Diagnostic::error(Code::Syntax, parser.peek().span, message).with_help(help)));
    }
    if parser.eat_word("metadata") {
        metadata = parser.separated("a name", |p| {
            let token = p.expect(TokenKind::Source, "the name of a metadata field such as _id")?;
            Ok(Ident { text: p.text_of(token).to_owned(), span: token.span })
        })?;
    }
    if parser.is(TokenKind::Source) {
        return Err(Box::new(missing_comma(parser)));
    }
    Ok(CommandKind::From { patterns, metadata })
}

/// The patterns of one item: several where a string holds several.
fn pattern(parser: &mut Parser<'_>) -> Parse<Vec<Ident>> {
    let expected = "an index pattern behind FROM, such as logs-*";
    if let Some((token, value)) = parser.string_token() {
        return quoted(token, &value);
    }
    if parser.is(TokenKind::LeftParen) {
        let message = "a query within FROM is not supported";
        return Err(Box::new(Diagnostic::error(Code::Unsupported, parser.peek().span, message)));
    }
    if parser.is_word("metadata") {
        let help = "name an index before METADATA; an index of this name stands in quotes";
        return Err(Box::new(parser.unexpected(expected).with_help(help)));
    }
    let start = parser.expect(TokenKind::Source, expected)?;
    let mut text = parser.text_of(start).to_owned();
    for (separator, between, what) in [
        (TokenKind::Colon, ":", "the index pattern behind the name of a cluster"),
        (TokenKind::Cast, "::", "a selector such as data behind ::"),
    ] {
        if parser.eat(separator) {
            let part = parser.expect(TokenKind::Source, what)?;
            text.push_str(between);
            text.push_str(parser.text_of(part));
        }
    }
    let span = parser.span_from(start.span);
    if text.ends_with(';') {
        let at = Span::new(span.end - 1, span.end);
        let diagnostic = Diagnostic::error(Code::Syntax, at, "semicolon behind an index pattern");
        return Err(Box::new(diagnostic.with_help("a query has no semicolon: remove it")));
    }
    Ok(vec![Ident { text, span }])
}

/// The patterns of a string, which commas part, except within the angle brackets of date math.
fn quoted(token: Token, value: &str) -> Parse<Vec<Ident>> {
    let mut patterns = vec![String::new()];
    let mut angles = 0_usize;
    for c in value.chars() {
        match c {
            '<' => angles += 1,
            '>' => angles = angles.saturating_sub(1),
            _ => {}
        }
        if c == ',' && angles == 0 {
            patterns.push(String::new());
        } else if let Some(last) = patterns.last_mut() {
            last.push(c);
        }
    }
    if patterns.iter().any(|pattern| pattern.trim().is_empty()) {
        let message = "empty index pattern";
        let help = "write the name of an index, or a pattern such as logs-*";
        return Err(Box::new(Diagnostic::error(Code::BadLiteral, token.span, message).with_help(help)));
    }
    Ok(patterns.iter().map(|pattern| Ident { text: pattern.trim().to_owned(), span: token.span }).collect())
}

fn missing_comma(parser: &Parser<'_>) -> Diagnostic {
    let found = parser.peek();
    let word = parser.text_of(found);
    let message = format!("expected `,`, METADATA or |, found {word}");
    let help = "index patterns have commas between them, commands a |";
    Diagnostic::error(Code::Syntax, found.span, message).with_help(help)
}
