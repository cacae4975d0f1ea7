//! LIKE: `*` is any text, `?` one character, a backslash takes the meaning of the next one away.

/// Whether the whole text is as the pattern says.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Which prefixes of the text the pattern read so far can stand for.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in parts(&pattern) {
        let mut next = vec![false; text.len() + 1];
        match part {
            Part::Many => {
                let mut any = false;
                for at in 0..=text.len() {
                    any |= reached[at];
                    next[at] = any;
                }
            }
            Part::One => next[1..].copy_from_slice(&reached[..text.len()]),
            Part::Char(c) => {
                for at in 0..text.len() {
                    next[at + 1] = reached[at] && text[at] == c;
                }
            }
        }
        reached = next;
    }
    reached[text.len()]
}

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Many,
    One,
    Char(char),
}

/// The parts of a pattern, in order.
pub(super) fn parts(pattern: &[char]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < pattern.len() {
        parts.push(match pattern[at] {
            '*' => Part::Many,
            '?' => Part::One,
            '\\' => {
                at += 1;
                Part::Char(pattern[at])
            }
            c => Part::Char(c),
        });
        at += 1;
    }
    parts
}

#[test]
fn globs() {
    assert!(matches("a*c?", "abbcd") && matches("*", "") && matches("a\\*", "a*") && matches("a", "a"));
    assert!(!matches("a*c?", "abbc") && !matches("a\\*", "ab") && !matches("a", "A"));
}
