//! The words and signs of KQL.

use std::ops::Range;

use super::Mistake;

/// A word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) at: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// What stands between the wildcards of a word.
    Word(Vec<String>),
    Quoted(String),
    And,
    Or,
    Not,
    Open,
    Close,
    OpenBrace,
    CloseBrace,
    Colon,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The tokens of a query.
pub(super) fn lex(text: &str) -> Result<Vec<Token>, Mistake> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let equal = text.get(at + 1..).is_some_and(|rest| rest.starts_with('='));
        let (kind, end) = match c {
            '(' => (TokenKind::Open, at + 1),
            ')' => (TokenKind::Close, at + 1),
            '{' => (TokenKind::OpenBrace, at + 1),
            '}' => (TokenKind::CloseBrace, at + 1),
            ':' => (TokenKind::Colon, at + 1),
            '<' if equal => (TokenKind::LessOrEqual, at + 2),
            '<' => (TokenKind::Less, at + 1),
            '>' if equal => (TokenKind::GreaterOrEqual, at + 2),
            '>' => (TokenKind::Greater, at + 1),
            '"' => quoted(text, at)?,
            _ => word(text, at)?,
        };
        tokens.push(Token { kind, at: at..end });
        at = end;
    }
    Ok(tokens)
}

fn quoted(text: &str, start: usize) -> Result<(TokenKind, usize), Mistake> {
    let mut value = String::new();
    let mut at = start + 1;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        match c {
            '"' => return Ok((TokenKind::Quoted(value), at + 1)),
            '\\' => {
                let (c, end) = escaped(text, at, true)?;
                value.push(c);
                at = end;
            }
            c => {
                value.push(c);
                at += c.len_utf8();
            }
        }
    }
    let message = "a quoted value without its closing quote".to_owned();
    Err(Mistake { at: start..start + 1, message, help: Some("write \\\" for the character itself") })
}

fn word(text: &str, start: usize) -> Result<(TokenKind, usize), Mistake> {
    let mut pieces = vec![String::new()];
    let mut at = start;
    let mut plain = true;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        match c {
            c if c.is_whitespace() || "():<>\"{}".contains(c) => break,
            '*' => {
                pieces.push(String::new());
                at += 1;
            }
            _ => {
                let end;
                let mut literal = c;
                if c == '\\' {
                    plain = false;
                    (literal, end) = escaped(text, at, false)?;
                } else {
                    end = at + c.len_utf8();
                }
                if let Some(last) = pieces.last_mut() {
                    last.push(literal);
                }
                at = end;
            }
        }
    }
    let kind = match pieces.as_slice() {
        [only] if plain && only.eq_ignore_ascii_case("and") => TokenKind::And,
        [only] if plain && only.eq_ignore_ascii_case("or") => TokenKind::Or,
        [only] if plain && only.eq_ignore_ascii_case("not") => TokenKind::Not,
        _ => TokenKind::Word(pieces),
    };
    Ok((kind, at))
}

/// What a backslash makes of the character behind it, and where that ends. A backslash before a character that needs
/// none stands for itself; before a keyword it makes that a word.
fn escaped(text: &str, at: usize, quoted: bool) -> Result<(char, usize), Mistake> {
    let Some(c) = text.get(at + 1..).and_then(|rest| rest.chars().next()) else {
        let message = "a backslash at the end of the query".to_owned();
        return Err(Mistake { at: at..at + 1, message, help: Some("write \\\\ for a backslash itself") });
    };
    let end = at + 1 + c.len_utf8();
    let letters = text.get(at + 1..).unwrap_or_default();
    let letters = letters.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    if !quoted && ["and", "or", "not"].iter().any(|keyword| letters.eq_ignore_ascii_case(keyword)) {
        return Ok((c, end));
    }
    Ok(match c {
        't' => ('\t', end),
        'n' => ('\n', end),
        'r' => ('\r', end),
        'u' => match text.get(end..end + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), end + 4),
            None => ('u', end),
        },
        '\\' | '(' | ')' | ':' | '<' | '>' | '"' | '*' | '{' | '}' => (c, end),
        _ => ('\\', at + 1),
    })
}
