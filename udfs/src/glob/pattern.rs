//! An ES|QL LIKE pattern read into its shape: the shape decides how fast it can be matched.
//!
//! `*` is any sequence, `?` any one character, `\` takes the meaning from a `*`, `?` or `\` after it and may stand
//! before nothing else. A pattern covers the whole value, is case-sensitive, and its wildcards match newlines.

/// A pattern by shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `*`: every value that is not null.
    Everything,
    /// No wildcard.
    Exact(String),
    /// `text*`
    Prefix(String),
    /// `*text`
    Suffix(String),
    /// `*text*`
    Contains(String),
    /// Anything else.
    Pieces(Vec<Piece>),
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// These characters.
    Literal(String),
    /// `?`
    One,
    /// `*`
    Many,
}

impl Pattern {
    /// Returns the pattern a text spells, or where and why it spells none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = pieces(text)?;
        let shape = match pieces.as_mut_slice() {
            [] => Self::Exact(String::new()),
            [Piece::Many] => Self::Everything,
            [Piece::Literal(text)] => Self::Exact(std::mem::take(text)),
            [Piece::Literal(text), Piece::Many] => Self::Prefix(std::mem::take(text)),
            [Piece::Many, Piece::Literal(text)] => Self::Suffix(std::mem::take(text)),
            [Piece::Many, Piece::Literal(text), Piece::Many] => Self::Contains(std::mem::take(text)),
            _ => Self::Pieces(pieces),
        };
        Ok(shape)
    }

    /// Returns the characters that every match starts with, if there are any before the first wildcard.
    pub(crate) fn start(&self) -> Option<&str> {
        match self {
            Self::Exact(text) | Self::Prefix(text) if !text.is_empty() => Some(text),
            Self::Pieces(pieces) => match pieces.first() {
                Some(Piece::Literal(text)) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Returns the parts of a pattern: no two literals and no two `*` side by side, and no `*` before a `?`.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut characters = text.chars().zip(1..);
    while let Some((character, position)) = characters.next() {
        let literal = match character {
            '*' => {
                if pieces.last() != Some(&Piece::Many) {
                    pieces.push(Piece::Many);
                }
                continue;
            }
            '?' => {
                // `*?` is `?*`, and with the `*` last, runs of both come out alike.
                let at = pieces.len() - usize::from(pieces.last() == Some(&Piece::Many));
                pieces.insert(at, Piece::One);
                continue;
            }
            '\\' => match characters.next() {
                Some((escaped @ ('*' | '?' | '\\'), _)) => escaped,
                found => return Err(bad_escape(found.map(|(character, _)| character), position)),
            },
            plain => plain,
        };
        match pieces.last_mut() {
            Some(Piece::Literal(text)) => text.push(literal),
            _ => pieces.push(Piece::Literal(literal.to_string())),
        }
    }
    Ok(pieces)
}

fn bad_escape(found: Option<char>, position: usize) -> String {
    let found = found.map_or_else(|| "nothing".to_owned(), |character| format!("'{character}'"));
    format!(
        "found {found} after the backslash at character {position}, expected '*', '?' or '\\'; \
         write '\\\\' for a backslash itself"
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn shape(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn shapes() {
        assert_eq!(shape(""), Pattern::Exact(String::new()));
        assert_eq!(shape("**"), Pattern::Everything);
        assert_eq!(shape(r"C:\\x\*"), Pattern::Exact(r"C:\x*".into()));
        assert_eq!(shape("/tmp/*"), Pattern::Prefix("/tmp/".into()));
        assert_eq!(shape("*.exe"), Pattern::Suffix(".exe".into()));
        assert_eq!(shape("**a%_**"), Pattern::Contains("a%_".into()));
        let (one, many) = (Piece::One, Piece::Many);
        assert_eq!(shape("*?*?"), Pattern::Pieces(vec![one.clone(), one.clone(), many.clone()]));
        assert_eq!(
            shape("a*?b"),
            Pattern::Pieces(vec![Piece::Literal("a".into()), one, many, Piece::Literal("b".into())])
        );
    }

    #[test]
    fn a_backslash_escapes_only_wildcards_and_itself() {
        assert_eq!(
            Pattern::parse(r"é\n").unwrap_err(),
            r"found 'n' after the backslash at character 2, expected '*', '?' or '\'; write '\\' for a backslash itself"
        );
        assert!(Pattern::parse(r"abc\").unwrap_err().starts_with("found nothing after the backslash at character 4"));
    }
}
