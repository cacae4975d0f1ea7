//! Tokens, with dotted names put together: `user.name` is one column, whatever its parts mean in SQL.

use std::collections::HashMap;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Span as SqlSpan, Token, TokenWithSpan, Tokenizer, Word};

use crate::diagnostic::{Code, Diagnostic, Span};

/// The parts of names that were put together, by the place where each name starts.
pub(super) type Chains = HashMap<Location, Vec<Part>>;

/// A part of a dotted name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    pub(super) quoted: bool,
}

/// What a text was read into.
pub(super) struct Read {
    pub(super) tokens: Vec<TokenWithSpan>,
    pub(super) chains: Chains,
    /// Where the first token starts.
    pub(super) start: usize,
    /// Where the last token ends.
    pub(super) end: usize,
}

/// Byte offsets of lines, to turn the parser's places into spans.
pub(super) struct Places<'a> {
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(starts).collect() }
    }

    /// The byte of a line and a column, both from 1; the column counts characters.
    pub(super) fn offset(&self, line: u64, column: u64) -> usize {
        let start = usize::try_from(line.saturating_sub(1)).ok().and_then(|line| self.lines.get(line)).copied();
        let Some(start) = start else { return self.text.len() };
        let skip = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        let rest = self.text.get(start..).unwrap_or("");
        start + rest.char_indices().nth(skip).map_or(rest.len(), |(at, _)| at)
    }

    /// The span of a place of the parser; the whole text where it names none.
    pub(super) fn span(&self, span: SqlSpan) -> Span {
        if span.start.line == 0 {
            return Span::new(0, self.text.len());
        }
        Span::new(self.offset(span.start.line, span.start.column), self.offset(span.end.line, span.end.column))
    }
}

/// The tokens of a text.
pub(super) fn read(text: &str, places: &Places<'_>) -> Result<Read, Diagnostic> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().map_err(|error| {
        let start = places.offset(error.location.line, error.location.column);
        let code = if error.message.starts_with("Unterminated") { Code::Unclosed } else { Code::Character };
        Diagnostic::error(code, Span::new(start, (start + 1).min(text.len()).max(start)), lower_first(&error.message))
            .with_help("texts stand in single quotes, names in double quotes")
    })?;
    let mut written = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    let start = written.next().map_or(0, |token| places.span(token.span).start);
    let end = written.next_back().map_or(text.trim_end().len(), |token| places.span(token.span).end);
    let mut merged = Vec::with_capacity(tokens.len());
    let mut chains = Chains::new();
    let mut rest = tokens.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        let Some((parts, count)) = chain(rest) else {
            merged.push(first.clone());
            rest = behind;
            continue;
        };
        let last = rest.get(count - 1).unwrap_or(first);
        let name = parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(".");
        let word = Word { value: name, quote_style: Some('"'), keyword: Keyword::NoKeyword };
        merged.push(TokenWithSpan::new(Token::Word(word), first.span.union(&last.span)));
        chains.insert(first.span.start, parts);
        rest = rest.get(count..).unwrap_or_default();
    }
    Ok(Read { tokens: merged, chains, start, end })
}

/// The parts of the name that starts here and has several, and how many tokens it takes. A name before `(` is a
/// function's.
fn chain(tokens: &[TokenWithSpan]) -> Option<(Vec<Part>, usize)> {
    let mut parts = vec![part(tokens.first()?)?];
    let mut count = 1;
    while let Some(next) = tokens.get(count + 1).and_then(part) {
        if !matches!(tokens.get(count), Some(TokenWithSpan { token: Token::Period, .. })) {
            break;
        }
        parts.push(next);
        count += 2;
    }
    let single = parts.len() == 1 && parts.iter().all(|part| part.quoted || !part.text.starts_with('@'));
    let next = tokens.iter().skip(count).find(|token| !matches!(token.token, Token::Whitespace(_)));
    let called = matches!(next, Some(TokenWithSpan { token: Token::LParen, .. }));
    (!single && !called).then_some((parts, count))
}

fn part(token: &TokenWithSpan) -> Option<Part> {
    match &token.token {
        Token::Word(word) if matches!(word.quote_style, None | Some('"')) => {
            Some(Part { text: word.value.clone(), quoted: word.quote_style.is_some() })
        }
        _ => None,
    }
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::*;

    fn words(text: &str) -> Vec<String> {
        let tokens = read(text, &Places::new(text)).unwrap().tokens;
        tokens.iter().filter(|t| matches!(t.token, Token::Word(_))).map(|t| t.token.to_string()).collect()
    }

    #[test]
    fn puts_names_together() {
        assert_eq!(words("user.name = process.end"), [r#""user.name""#, r#""process.end""#]);
        assert_eq!(words("@timestamp, e.@timestamp"), [r#""@timestamp""#, r#""e.@timestamp""#]);
        assert_eq!(words(r#"e."file.name""#), [r#""e.file.name""#]);
        assert_eq!(words("a.b(c.d), e .f, g.*"), ["a", "b", r#""c.d""#, "e", "f", "g"]);
        assert_eq!(words("a -- b.c\n/* d.e */"), ["a"]);
    }

    #[test]
    fn places_count_characters() {
        let text = "SELECT 'ä', x\nFROM é.ü";
        let places = Places::new(text);
        assert_eq!(&text[places.offset(1, 13)..][..1], "x");
        assert_eq!(places.offset(2, 6), text.find('é').unwrap());
        assert_eq!(places.offset(9, 1), text.len());
        let read = read(text, &places).unwrap();
        let last = read.tokens.iter().rev().find(|t| matches!(t.token, Token::Word(_))).unwrap();
        assert_eq!(places.span(last.span).text(text), "é.ü");
    }
}
