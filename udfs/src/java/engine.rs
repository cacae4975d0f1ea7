//! An expression of Java ready to replace.

use onig::{MatchParam, Region, SearchOptions, Syntax};

use super::parse::parse;
use super::template::{self, Part};
use super::write::{Target, write};
use crate::patterns::Mistake;

/// An expression and what its matches are replaced with.
#[derive(Debug)]
pub(crate) struct Replacer {
    engine: Engine,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Engine {
    Regex(Box<regex::Regex>),
    Oniguruma(Box<onig::Regex>),
}

/// The engine went back so often that it gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GaveUp;

/// Which of the two texts is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    Pattern(Mistake),
    Replacement(Mistake),
}

impl Replacer {
    /// Returns what replaces the matches of a pattern.
    pub(crate) fn new(pattern: &str, replacement: &str) -> Result<Self, Wrong> {
        let parsed = parse(pattern).map_err(Wrong::Pattern)?;
        let parts = template::parse(replacement, parsed.groups, &parsed.names).map_err(Wrong::Replacement)?;
        let refused = |error: String| {
            let message = format!("the expression cannot be compiled: {error}");
            Wrong::Pattern(Mistake::new(0..pattern.len(), message))
        };
        let engine = if let Some(text) = write(&parsed, Target::Regex) {
            let built = regex::RegexBuilder::new(&text).size_limit(64 << 20).build();
            Engine::Regex(Box::new(built.map_err(|_| refused("it is too large".to_owned()))?))
        } else {
            let text = write(&parsed, Target::Oniguruma).unwrap_or_default();
            let built =
                onig::Regex::with_options(&text, onig::RegexOptions::REGEX_OPTION_CAPTURE_GROUP, Syntax::ruby());
            Engine::Oniguruma(Box::new(built.map_err(|error| refused(error.description().to_owned()))?))
        };
        Ok(Self { engine, parts })
    }

    /// Writes the text with every match replaced; false if there is none.
    pub(crate) fn replace(&self, text: &str, into: &mut String) -> Result<bool, GaveUp> {
        let (mut from, mut copied) = (0, 0);
        let mut groups: Vec<Option<(usize, usize)>> = Vec::new();
        let mut found = false;
        while from <= text.len() && self.find(text, from, &mut groups)? {
            let Some(&Some((start, end))) = groups.first() else { break };
            found = true;
            into.push_str(text.get(copied..start).unwrap_or_default());
            for part in &self.parts {
                match part {
                    Part::Text(text) => into.push_str(text),
                    Part::Group(number) => {
                        let range = groups.get(*number).copied().flatten();
                        into.push_str(range.and_then(|(start, end)| text.get(start..end)).unwrap_or_default());
                    }
                }
            }
            copied = end;
            // Behind an empty match the search goes on one character later, behind another right there.
            let step = text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            from = if start == end { end + step } else { end };
        }
        into.push_str(text.get(copied..).unwrap_or_default());
        Ok(found)
    }

    /// The groups of the first match from a byte on.
    fn find(&self, text: &str, from: usize, groups: &mut Vec<Option<(usize, usize)>>) -> Result<bool, GaveUp> {
        groups.clear();
        match &self.engine {
            Engine::Regex(regex) => {
                let mut locations = regex.capture_locations();
                if regex.captures_read_at(&mut locations, text, from).is_none() {
                    return Ok(false);
                }
                groups.extend((0..locations.len()).map(|group| locations.get(group)));
                Ok(true)
            }
            Engine::Oniguruma(regex) => {
                let mut region = Region::new();
                let (options, limits) = (SearchOptions::SEARCH_OPTION_NONE, MatchParam::default());
                let found = regex.search_with_param(text, from, text.len(), options, Some(&mut region), limits);
                if found.map_err(|_| GaveUp)?.is_none() {
                    return Ok(false);
                }
                groups.extend((0..region.len()).map(|group| region.pos(group)));
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn replace(pattern: &str, replacement: &str, text: &str) -> String {
        let mut made = String::new();
        Replacer::new(pattern, replacement).unwrap().replace(text, &mut made).unwrap();
        made
    }

    #[test]
    fn what_java_does() {
        for (pattern, replacement, text, expected) in [
            ("a*", "-", "aab", "--b-"),
            ("(a)(b)?", "[$1$2]", "aab", "[a][ab]"),
            ("(?<x>a)", "${x}${x}", "ba", "baa"),
            ("\\Qa.b\\E+", "x", "a.bb a+b", "x a+b"),
            ("(?i)ß|é", "x", "Éé", "Éx"),
            ("(?iu)é", "x", "Éé", "xx"),
            ("(?x) a b # c", "x", "ab a b", "x a b"),
            ("(\\w)\\1", "<$1>", "aabcc", "<a>b<c>"),
            ("(?i)(a)\\1", "x", "aA", "x"),
            (".", "x", "a\r\u{85}\nb", "x\r\u{85}\nx"),
            ("(?s).", "x", "a\nb", "xxx"),
            ("(?d).", "x", "\r\n", "x\n"),
            ("(?m)^", ">", "a\r\nb\nc\n", ">a\r\n>b\n>c\n"),
            ("(?m)$", "<", "a\r\nb\n", "a<\r\nb<\n<"),
            ("$", "<", "a\r\n", "a<\r\n<"),
            ("\\R", "|", "a\r\nb\nc", "a|b|c"),
            ("[a-z&&[^m-p]]", "x", "amz", "xmx"),
            ("[a[0-9]&&[a5]]", "x", "a5b6", "xxb6"),
            ("[^\\s\\d]", "x", "a 1", "x 1"),
            ("\\p{Lu}|\\p{Alpha}", "x", "ÉaÉ1", "xxx1"),
            ("\\x41\\u0042\\103", "x", "ABC", "x"),
            ("\\bab\\B", "x", "abc ab éab", "xc ab éab"),
            ("(?<=a{1,3})b", "x", "ab aab b", "ax aax b"),
            ("a{2}?b++", "x", "aabb", "x"),
            ("\\h+", "_", "a \t\u{a0}b", "a_b"),
            ("\\n\\s+", "\\n ", "a\n  b", "an b"),
            ("\\3(a)", "x", "a", "a"),
            ("", "-", "ab", "-a-b-"),
        ] {
            // Octal is written \0103 in Java, \103 is group 1 and two digits.
            let pattern = pattern.replace("\\103", "\\0103");
            assert_eq!(replace(&pattern, replacement, text), expected, "{pattern}");
        }
    }

    #[test]
    fn gives_up_rather_than_going_back_for_ever() {
        let replacer = Replacer::new("(?=x*)(a|aa)+$", "").unwrap();
        assert_eq!(replacer.replace(&("a".repeat(60) + "!"), &mut String::new()), Err(GaveUp));
    }
}
