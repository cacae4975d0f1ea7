//! Texts as words, as Elasticsearch's standard analyser takes them: cut by Unicode's rules, in lower case.

use unicode_segmentation::UnicodeSegmentation;

use super::fuzzy::Fuzzy;
use crate::glob::{Matcher, matcher};

/// The words that are looked for.
#[derive(Debug)]
pub(crate) enum Words {
    /// So many of them at least.
    Some(Vec<Fuzzy>, usize),
    /// All of them, side by side in this order.
    Phrase(Vec<String>),
    /// One that looks so.
    Wildcard(Box<Matcher>),
}

impl Words {
    /// Returns what is looked for, or what is wrong with it.
    pub(crate) fn new(text: &str, operator: &str, edits: i64) -> Result<Self, String> {
        let words = || -> Vec<String> { text.unicode_words().map(str::to_lowercase).collect() };
        let fuzzy = || -> Vec<Fuzzy> { words().iter().map(|word| Fuzzy::new(word, edits, 0)).collect() };
        Ok(match operator {
            "or" => Self::Some(fuzzy(), 1),
            "and" => {
                let words = fuzzy();
                let all = words.len();
                Self::Some(words, all)
            }
            "phrase" => Self::Phrase(words()),
            "wildcard" => Self::Wildcard(Box::new(matcher(&[&text.to_lowercase()])?)),
            number => match number.parse() {
                Ok(least) => Self::Some(fuzzy(), least),
                Err(_) => {
                    return Err(format!(
                        "found the operator '{number}', expected 'or', 'and', a number, 'phrase' or 'wildcard'"
                    ));
                }
            },
        })
    }

    /// Whether a value holds what is looked for. No words at all are in no value.
    pub(crate) fn are_in(&self, value: &str) -> bool {
        let words: Vec<String> = value.unicode_words().map(str::to_lowercase).collect();
        match self {
            Self::Some(wanted, least) => {
                let found = |wanted: &&Fuzzy| words.iter().any(|word| wanted.is_match(word));
                !wanted.is_empty() && wanted.iter().filter(found).count() >= (*least).max(1)
            }
            Self::Phrase(wanted) => !wanted.is_empty() && words.windows(wanted.len()).any(|some| some == wanted),
            Self::Wildcard(matcher) => words.iter().any(|word| matcher.is_match(word)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn words_in_any_case() {
        for (text, operator, edits, value, expected) in [
            ("char", "or", 0, "[CHAR]65", true),
            ("char", "or", 0, "[charm]", false),
            ("one two", "or", 0, "two three", true),
            ("one two", "and", 0, "two three", false),
            ("one two", "and", 0, "two, ONE", true),
            ("one two three", "2", 0, "three one", true),
            ("one two", "phrase", 0, "x one-two", true),
            ("one two", "phrase", 0, "two one", false),
            ("sv*", "wildcard", 0, "a svchost.exe", true),
            ("strat", "or", 1, "the start", true),
            ("--", "or", 0, "--", false),
            ("--", "phrase", 0, "--", false),
        ] {
            assert_eq!(Words::new(text, operator, edits).unwrap().are_in(value), expected, "{text} {operator} {value}");
        }
    }
}
