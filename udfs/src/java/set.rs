//! Sets of characters as Java writes them, and how the engines write them: as ranges, without a meaning of their own.

use std::fmt::Write;

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Set {
    /// Both ends included.
    Ranges(Vec<(u32, u32)>),
    /// A property of Unicode.
    Property(String),
    /// Any of them.
    Union(Vec<Set>),
    /// All of them.
    Intersection(Vec<Set>),
    /// None of it.
    Not(Box<Set>),
}

/// What ends a line, but for the pair `\r\n`.
pub(crate) const LINE_ENDS: &[(u32, u32)] = &[(0xA, 0xA), (0xD, 0xD), (0x85, 0x85), (0x2028, 0x2029)];
const DIGIT: &[(u32, u32)] = &[(0x30, 0x39)];
const SPACE: &[(u32, u32)] = &[(0x9, 0xD), (0x20, 0x20)];
const WORD: &[(u32, u32)] = &[(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)];
const HORIZONTAL: &[(u32, u32)] = &[
    (0x9, 0x9),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x180E, 0x180E),
    (0x2000, 0x200A),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
];
pub(crate) const VERTICAL: &[(u32, u32)] = &[(0xA, 0xD), (0x85, 0x85), (0x2028, 0x2029)];

/// The classes of ASCII that `\p` names.
const POSIX: [(&str, &[(u32, u32)]); 13] = [
    ("Lower", &[(0x61, 0x7A)]),
    ("Upper", &[(0x41, 0x5A)]),
    ("ASCII", &[(0, 0x7F)]),
    ("Alpha", &[(0x41, 0x5A), (0x61, 0x7A)]),
    ("Digit", DIGIT),
    ("Alnum", &[(0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)]),
    ("Punct", &[(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)]),
    ("Graph", &[(0x21, 0x7E)]),
    ("Print", &[(0x20, 0x7E)]),
    ("Blank", &[(0x9, 0x9), (0x20, 0x20)]),
    ("Cntrl", &[(0, 0x1F), (0x7F, 0x7F)]),
    ("XDigit", &[(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)]),
    ("Space", SPACE),
];

impl Set {
    /// Returns the set of one character.
    pub(crate) fn of(c: char) -> Self {
        Self::Ranges(vec![(c.into(), c.into())])
    }

    /// Returns the set of all characters.
    pub(crate) fn any() -> Self {
        Self::Not(Box::new(Self::none()))
    }

    /// Returns the empty set.
    pub(crate) fn none() -> Self {
        Self::Ranges(Vec::new())
    }

    /// Returns the set that `.` means.
    pub(crate) fn dot(all: bool, unix_lines: bool) -> Self {
        match (all, unix_lines) {
            (true, _) => Self::any(),
            (false, true) => Self::Not(Box::new(Self::of('\n'))),
            (false, false) => Self::Not(Box::new(Self::Ranges(LINE_ENDS.to_vec()))),
        }
    }

    /// Returns the set that `\d`, `\w` and the like mean.
    pub(crate) fn escape(letter: char) -> Option<Self> {
        let ranges = match letter.to_ascii_lowercase() {
            'd' => DIGIT,
            'h' => HORIZONTAL,
            's' => SPACE,
            'v' => VERTICAL,
            'w' => WORD,
            _ => return None,
        };
        let set = Self::Ranges(ranges.to_vec());
        Some(if letter.is_ascii_uppercase() { Self::Not(Box::new(set)) } else { set })
    }

    /// Returns the set that `\p{name}` means.
    pub(crate) fn property(name: &str) -> Option<Self> {
        if let Some((_, ranges)) = POSIX.iter().find(|(posix, _)| *posix == name) {
            return Some(Self::Ranges(ranges.to_vec()));
        }
        let java = name.strip_prefix("java").map(|rest| match rest {
            "LowerCase" => "Lowercase",
            "UpperCase" => "Uppercase",
            "Alphabetic" => "Alphabetic",
            "Letter" => "L",
            "Digit" => "Nd",
            other => other,
        });
        let name = java.or_else(|| name.strip_prefix("Is")).unwrap_or(name);
        let name = match name.split_once('=') {
            Some(("sc" | "script" | "gc" | "general_category", value)) => value,
            _ => name,
        };
        let known = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && regex::Regex::new(&format!(r"\p{{{name}}}")).is_ok();
        known.then(|| Self::Property(name.to_owned()))
    }

    /// Returns the set with the other case of each of its ASCII letters: what `(?i)` means.
    pub(crate) fn fold(self) -> Self {
        let all = |sets: Vec<Self>| sets.into_iter().map(Self::fold).collect();
        match self {
            Self::Ranges(mut ranges) => {
                let mut more = Vec::new();
                for (from, to) in &ranges {
                    for (low, high, other) in [(0x41, 0x5A, 0x20_i64), (0x61, 0x7A, -0x20)] {
                        let (start, end) = ((*from).max(low), (*to).min(high));
                        if start <= end {
                            let moved = |c: u32| u32::try_from(i64::from(c) + other).unwrap_or(c);
                            more.push((moved(start), moved(end)));
                        }
                    }
                }
                ranges.extend(more);
                ranges.sort_unstable();
                ranges.dedup();
                Self::Ranges(ranges)
            }
            Self::Union(sets) => Self::Union(all(sets)),
            Self::Intersection(sets) => Self::Intersection(all(sets)),
            Self::Not(set) => Self::Not(Box::new(set.fold())),
            Self::Property(name) => Self::Property(name),
        }
    }

    /// Returns the set as both engines write one.
    pub(crate) fn write(&self) -> String {
        match self {
            Self::Ranges(ranges) if ranges.is_empty() => r"[^\x{0}-\x{10FFFF}]".to_owned(),
            Self::Ranges(ranges) => {
                let mut text = String::from("[");
                for (from, to) in ranges {
                    let from = if (0xD800..=0xDFFF).contains(from) { 0xE000 } else { *from };
                    let to = if (0xD800..=0xDFFF).contains(to) { 0xD7FF } else { *to };
                    // Writing to a text cannot fail.
                    let _ = if from == to {
                        write!(text, r"\x{{{from:X}}}")
                    } else {
                        write!(text, r"\x{{{from:X}}}-\x{{{to:X}}}")
                    };
                }
                text + "]"
            }
            Self::Property(name) => format!(r"[\p{{{name}}}]"),
            Self::Union(sets) => format!("[{}]", sets.iter().map(Self::write).collect::<String>()),
            Self::Intersection(sets) => format!("[{}]", sets.iter().map(Self::write).collect::<Vec<_>>().join("&&")),
            Self::Not(set) => match set.as_ref() {
                Self::Ranges(ranges) if ranges.is_empty() => r"[\x{0}-\x{10FFFF}]".to_owned(),
                Self::Not(inner) => inner.write(),
                set => format!("[^{}]", set.write()),
            },
        }
    }
}
