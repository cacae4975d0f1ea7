//! The words of ES|QL: what kinds of token there are, and what a quoted one means.

use crate::diagnostic::Span;

/// A piece of the text: a token, white space or a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of token. Keywords are [`TokenKind::Word`]s: the parser knows where a word is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Blanks, tabs and ends of lines.
    Whitespace,
    /// `// to the end of the line`
    LineComment,
    /// `/* ... */`
    BlockComment,
    /// A keyword or a name without quotes.
    Word,
    /// A name in backquotes.
    QuotedName,
    /// `"text"`
    String,
    /// `"""text"""`
    RawString,
    /// Digits.
    Integer,
    /// A number with point or exponent.
    Decimal,
    /// Part of an index pattern behind FROM.
    Source,
    /// `?name`, a parameter of the query API.
    Parameter,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `[`
    LeftBracket,
    /// `]`
    RightBracket,
    /// `{`
    LeftBrace,
    /// `}`
    RightBrace,
    /// `|`
    Pipe,
    /// `=`
    Assign,
    /// `==`
    Eq,
    /// `!=`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `%`
    Percent,
    /// `::`
    Cast,
    /// `:`
    Colon,
    /// `;`
    Semicolon,
    /// `&&`, which other languages write for AND.
    AndAnd,
    /// `||`, which other languages write for OR.
    OrOr,
    /// `!`, which other languages write for NOT.
    Bang,
    /// What no token begins with.
    Unknown,
    /// The end of the text.
    End,
}

impl TokenKind {
    /// Whether it is white space or a comment.
    pub const fn is_trivia(self) -> bool {
        matches!(self, Self::Whitespace | Self::LineComment | Self::BlockComment)
    }

    /// The token that closes this bracket.
    pub(crate) const fn closer(self) -> Option<Self> {
        match self {
            Self::LeftParen => Some(Self::RightParen),
            Self::LeftBracket => Some(Self::RightBracket),
            Self::LeftBrace => Some(Self::RightBrace),
            _ => None,
        }
    }
}

/// The value of a string token, quotes removed and escapes resolved. A wrong escape stays as it is written.
pub(crate) fn string_value(kind: TokenKind, token: &str) -> String {
    if kind == TokenKind::RawString {
        let inner = token.strip_prefix("\"\"\"").unwrap_or(token);
        return inner.strip_suffix("\"\"\"").unwrap_or(inner).to_owned();
    }
    let inner = strip_quotes(token);
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => value.push('\t'),
            Some('n') => value.push('\n'),
            Some('r') => value.push('\r'),
            Some(c @ ('"' | '\\')) => value.push(c),
            other => {
                value.push('\\');
                value.extend(other);
            }
        }
    }
    value
}

/// The name that stands in backquotes, doubled backquotes resolved.
pub(crate) fn name_value(token: &str) -> String {
    let inner = token.strip_prefix('`').unwrap_or(token);
    inner.strip_suffix('`').unwrap_or(inner).replace("``", "`")
}

fn strip_quotes(token: &str) -> &str {
    let quote = if token.starts_with('\'') { '\'' } else { '"' };
    let inner = token.strip_prefix(quote).unwrap_or(token);
    inner.strip_suffix(quote).unwrap_or(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_strings() {
        for (token, value) in
            [(r#""""#, ""), (r#""a\tb\n\r\"\\""#, "a\tb\n\r\"\\"), (r#""C:\\\\*""#, r"C:\\*"), (r#""\d""#, r"\d")]
        {
            assert_eq!(string_value(TokenKind::String, token), value, "{token}");
        }
        for (token, value) in [
            (r#""""C:\\*""""#, r"C:\\*"),
            (r#""""""""#, ""),
            (r#""""a"b""""#, r#"a"b"#),
            (r#""""a"""""#, r#"a""#),
            (r#""""a""""""#, r#"a"""#),
        ] {
            assert_eq!(string_value(TokenKind::RawString, token), value, "{token}");
        }
    }

    #[test]
    fn values_of_names() {
        assert_eq!(name_value("`a`"), "a");
        assert_eq!(name_value("`a``b`"), "a`b");
        assert_eq!(name_value("````"), "`");
    }
}
