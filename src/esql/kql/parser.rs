//! Tokens to a query.

use std::ops::Range;

use super::lexer::{Token, TokenKind, lex};
use super::{Comparison, Kql, Mistake, Word};

/// No query is deeper, so that whoever walks one may recurse.
const MAX_DEPTH: usize = 100;

/// The query that a text holds; an empty one is everything.
///
/// # Errors
/// The first mistake of a text that is no query.
///
/// ```
/// use egret::esql::kql::{Kql, parse};
/// assert!(matches!(parse("host.name: web-* or not user.name: root"), Ok(Kql::Or(_))));
/// assert_eq!(parse("host.name: \"web").unwrap_err().at, 11..12);
/// ```
pub fn parse(text: &str) -> Result<Kql, Mistake> {
    let mut parser = Parser { tokens: lex(text)?, at: 0, end: text.len(), depth: 0 };
    if parser.tokens.is_empty() {
        return Ok(Kql::Everything);
    }
    let query = parser.or()?;
    if parser.at < parser.tokens.len() {
        return parser.unexpected("`and`, `or` or the end of the query", "combine conditions with `and` or `or`");
    }
    Ok(query)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn place(&self) -> Range<usize> {
        self.tokens.get(self.at).map_or(self.end..self.end, |token| token.at.clone())
    }

    fn eat(&mut self, kind: &TokenKind) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn unexpected<T>(&self, expected: &str, help: &'static str) -> Result<T, Mistake> {
        let found = match self.peek() {
            None => "the end of the query".to_owned(),
            Some(TokenKind::Word(pieces)) => format!("`{}`", pieces.join("*")),
            Some(TokenKind::Quoted(text)) => format!("\"{text}\""),
            Some(kind) => format!("`{}`", sign(kind)),
        };
        Err(Mistake { at: self.place(), message: format!("expected {expected}, found {found}"), help: Some(help) })
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Mistake>) -> Result<T, Mistake> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("conditions within each other, more than {MAX_DEPTH}");
            return Err(Mistake { at: self.place(), message, help: None });
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Kql, Mistake> {
        let mut all = vec![self.and()?];
        while self.eat(&TokenKind::Or) {
            all.push(self.and()?);
        }
        Ok(several(all, Kql::Or))
    }

    fn and(&mut self) -> Result<Kql, Mistake> {
        let mut all = vec![self.not()?];
        while self.eat(&TokenKind::And) {
            all.push(self.not()?);
        }
        Ok(several(all, Kql::And))
    }

    fn not(&mut self) -> Result<Kql, Mistake> {
        if self.eat(&TokenKind::Not) {
            return Ok(Kql::Not(Box::new(self.deeper(Self::not)?)));
        }
        if self.eat(&TokenKind::Open) {
            let inner = self.deeper(Self::or)?;
            self.close()?;
            return Ok(inner);
        }
        self.condition()
    }

    fn close(&mut self) -> Result<(), Mistake> {
        if self.eat(&TokenKind::Close) {
            return Ok(());
        }
        self.unexpected("`)`", "close what `(` opened; a ( in a value stands in quotes or behind a backslash")
    }

    fn condition(&mut self) -> Result<Kql, Mistake> {
        let word = self.word("a field or a value", false)?;
        let comparison = match self.peek() {
            Some(TokenKind::Colon) => {
                self.at += 1;
                return self.value(&word);
            }
            Some(TokenKind::Less) => Comparison::Less,
            Some(TokenKind::LessOrEqual) => Comparison::LessOrEqual,
            Some(TokenKind::Greater) => Comparison::Greater,
            Some(TokenKind::GreaterOrEqual) => Comparison::GreaterOrEqual,
            _ => {
                let word = self.more(word);
                return Ok(if word.is_anything() { Kql::Everything } else { Kql::Is(None, word) });
            }
        };
        self.at += 1;
        let value = self.word("a value", true)?;
        Ok(Kql::Compares(word, comparison, value))
    }

    /// What stands behind `field:`.
    fn value(&mut self, field: &Word) -> Result<Kql, Mistake> {
        if self.eat(&TokenKind::OpenBrace) {
            self.deeper(Self::or)?;
            if !self.eat(&TokenKind::CloseBrace) {
                return self.unexpected("`}`", "close what `{` opened");
            }
            return Ok(Kql::Nested(field.clone()));
        }
        if self.eat(&TokenKind::Open) {
            let values = self.deeper(|parser| parser.or_values(field))?;
            self.close()?;
            return Ok(values);
        }
        let word = self.word("a value", true)?;
        Ok(is(field, word))
    }

    fn or_values(&mut self, field: &Word) -> Result<Kql, Mistake> {
        let mut all = vec![self.and_values(field)?];
        while self.eat(&TokenKind::Or) {
            all.push(self.and_values(field)?);
        }
        Ok(several(all, Kql::Or))
    }

    fn and_values(&mut self, field: &Word) -> Result<Kql, Mistake> {
        let mut all = vec![self.not_value(field)?];
        while self.eat(&TokenKind::And) {
            all.push(self.not_value(field)?);
        }
        Ok(several(all, Kql::And))
    }

    fn not_value(&mut self, field: &Word) -> Result<Kql, Mistake> {
        if self.eat(&TokenKind::Not) {
            return Ok(Kql::Not(Box::new(self.deeper(|parser| parser.not_value(field))?)));
        }
        if self.eat(&TokenKind::Open) {
            let values = self.deeper(|parser| parser.or_values(field))?;
            self.close()?;
            return Ok(values);
        }
        let word = self.word("a value", true)?;
        Ok(is(field, word))
    }

    /// A word or a quoted text; of a value all the words up to the next sign or keyword.
    fn word(&mut self, expected: &str, value: bool) -> Result<Word, Mistake> {
        let at = self.place();
        let word = match self.peek() {
            Some(TokenKind::Word(pieces)) => Word { pieces: pieces.clone(), quoted: false, at },
            Some(TokenKind::Quoted(text)) => Word { pieces: vec![text.clone()], quoted: true, at },
            _ => return self.unexpected(expected, "write a word, or any text in quotes"),
        };
        self.at += 1;
        Ok(if value { self.more(word) } else { word })
    }

    /// A word with those that follow it.
    fn more(&mut self, mut word: Word) -> Word {
        while let (false, Some(TokenKind::Word(pieces))) = (word.quoted, self.peek()) {
            // A word before a sign is the field of the next condition, and what lacks before it is told there.
            let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
            let signs = [TokenKind::Colon, TokenKind::Less, TokenKind::LessOrEqual, TokenKind::Greater];
            if next.is_some_and(|next| signs.contains(next) || *next == TokenKind::GreaterOrEqual) {
                break;
            }
            let mut pieces = pieces.clone().into_iter();
            if let (Some(last), Some(first)) = (word.pieces.last_mut(), pieces.next()) {
                last.push(' ');
                last.push_str(&first);
            }
            word.pieces.extend(pieces);
            word.at.end = self.place().end;
            self.at += 1;
        }
        word
    }
}

fn is(field: &Word, value: Word) -> Kql {
    match (value.is_anything(), field.is_anything()) {
        (true, true) => Kql::Everything,
        (true, false) => Kql::Exists(field.clone()),
        (false, true) => Kql::Is(None, value),
        (false, false) => Kql::Is(Some(field.clone()), value),
    }
}

/// The only one as it is, or several made one.
fn several(mut all: Vec<Kql>, make: fn(Vec<Kql>) -> Kql) -> Kql {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        last => make(all.into_iter().chain(last).collect()),
    }
}

fn sign(kind: &TokenKind) -> &'static str {
    match kind {
        TokenKind::And => "and",
        TokenKind::Or => "or",
        TokenKind::Not => "not",
        TokenKind::Open => "(",
        TokenKind::Close => ")",
        TokenKind::OpenBrace => "{",
        TokenKind::CloseBrace => "}",
        TokenKind::Colon => ":",
        TokenKind::Less => "<",
        TokenKind::LessOrEqual => "<=",
        TokenKind::Greater => ">",
        TokenKind::GreaterOrEqual => ">=",
        TokenKind::Word(_) | TokenKind::Quoted(_) => "",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    /// The query with all its parentheses.
    fn shown(query: &Kql) -> String {
        let word = |word: &Word| if word.quoted { format!("{:?}", word.text()) } else { word.text() };
        let join = |all: &[Kql], with: &str| all.iter().map(shown).collect::<Vec<_>>().join(with);
        match query {
            Kql::And(all) => format!("({})", join(all, " and ")),
            Kql::Or(all) => format!("({})", join(all, " or ")),
            Kql::Not(inner) => format!("not {}", shown(inner)),
            Kql::Everything => "everything".to_owned(),
            Kql::Exists(field) => format!("{}:*", word(field)),
            Kql::Is(None, value) => word(value),
            Kql::Is(Some(field), value) => format!("{}:{}", word(field), word(value)),
            Kql::Compares(field, comparison, value) => format!("{} {comparison:?} {}", word(field), word(value)),
            Kql::Nested(field) => format!("{}:{{}}", word(field)),
        }
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("", "everything"),
            ("a:b", "a:b"),
            ("a : b c  and d:e", "(a:b c and d:e)"),
            ("a:b or c:d and e:f", "(a:b or (c:d and e:f))"),
            ("NOT a:b AND not (c:d OR e:f)", "(not a:b and not (c:d or e:f))"),
            ("a:(b or \"c d\" and not e)", "(a:b or (a:\"c d\" and not a:e))"),
            ("a.b*:*", "a.b*:*"),
            ("*:*", "everything"),
            ("*", "everything"),
            ("a:w*ld", "a:w*ld"),
            ("a:\"*\"", "a:\"*\""),
            ("a >= 1 and b<2", "(a GreaterOrEqual 1 and b Less 2)"),
            ("a:/var/lib/*/script.sh", "a:/var/lib/*/script.sh"),
            ("a:C\\:\\\\x", "a:C:\\x"),
            ("a:\\and", "a:and"),
            ("a:android or b:notes", "(a:android or b:notes)"),
            ("word another", "word another"),
            ("a:{ b:c }", "a:{}"),
            ("a:x\\*", "a:x*"),
        ] {
            assert_eq!(shown(&parse(text).unwrap()), expected, "{text}");
        }
        assert!(!matches!(parse("a:x\\*").unwrap(), Kql::Is(_, word) if word.is_wildcard()));
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, at, message) in [
            ("a:", 2..2, "expected a value, found the end of the query"),
            ("é: (b or", 9..9, "expected a value, found the end of the query"),
            ("(a:b", 4..4, "expected `)`, found the end of the query"),
            ("a:b)", 3..4, "expected `and`, `or` or the end of the query, found `)`"),
            ("a:b c:d", 4..5, "expected `and`, `or` or the end of the query, found `c`"),
            ("a:\"b", 2..3, "a quoted value without its closing quote"),
            ("and a:b", 0..3, "expected a field or a value, found `and`"),
            ("a:b\\", 3..4, "a backslash at the end of the query"),
            ("a > > 1", 4..5, "expected a value, found `>`"),
        ] {
            let mistake = parse(text).unwrap_err();
            assert_eq!((mistake.at, mistake.message.as_str()), (at, message), "{text}");
        }
        assert!(parse(&"not ".repeat(1000)).is_err() && parse(&"(".repeat(1000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"([a-c :()*"\\<>={}é]|and|or|not){0,16}"#) {
            if let Err(mistake) = parse(&text) {
                prop_assert!(text.get(mistake.at.clone()).is_some(), "{:?}", mistake);
            }
        }
    }
}
