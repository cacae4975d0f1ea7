//! What the functions test a value for, made of their literals.

use super::fuzzy::Fuzzy;
use super::words::Words;
use crate::cidr::{Blocks, blocks};
use crate::glob::{Matcher, matcher};

/// Which function it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Glob,
    Cidr,
    Text,
    Fuzzy,
}

impl Kind {
    /// The function's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Glob => "any_glob",
            Self::Cidr => "any_cidr",
            Self::Text => "text_match",
            Self::Fuzzy => "fuzzy_match",
        }
    }

    /// What stands behind the value.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Glob => "one or more literal patterns",
            Self::Cidr => "one or more literal blocks",
            Self::Text => {
                "a literal text, an operator ('or', 'and', a number, 'phrase' or 'wildcard') and perhaps edits"
            }
            Self::Fuzzy => "a literal text, a number of edits and perhaps the length of a prefix",
        }
    }
}

/// A test of one value.
#[derive(Debug)]
pub(crate) enum Test {
    Glob(Matcher),
    Cidr(Blocks),
    Text(Words),
    Fuzzy(Fuzzy),
}

impl Test {
    /// Returns the test that these literals mean, or what is wrong with them.
    pub(crate) fn new(kind: Kind, literals: &[&str]) -> Result<Self, String> {
        let number =
            |text: &str| text.parse::<i64>().map_err(|_| format!("found '{text}', expected {}", kind.expected()));
        Ok(match (kind, literals) {
            (Kind::Glob, [_, ..]) => Self::Glob(matcher(literals)?),
            (Kind::Cidr, [_, ..]) => Self::Cidr(blocks(literals)?),
            (Kind::Text, [text, operator]) => Self::Text(Words::new(text, operator, 0)?),
            (Kind::Text, [text, operator, edits]) => Self::Text(Words::new(text, operator, number(edits)?)?),
            (Kind::Fuzzy, [text, edits]) => Self::Fuzzy(Fuzzy::new(text, number(edits)?, 0)),
            (Kind::Fuzzy, [text, edits, prefix]) => Self::Fuzzy(Fuzzy::new(text, number(edits)?, number(prefix)?)),
            _ => {
                return Err(format!(
                    "found {} arguments behind the value, expected {}",
                    literals.len(),
                    kind.expected()
                ));
            }
        })
    }

    /// Whether a value passes.
    pub(crate) fn passes(&self, value: &str) -> bool {
        match self {
            Self::Glob(matcher) => matcher.is_match(value),
            Self::Cidr(blocks) => blocks.contain_text(value).unwrap_or(false),
            Self::Text(words) => words.are_in(value),
            Self::Fuzzy(fuzzy) => fuzzy.is_match(value),
        }
    }
}
