//! What the raw bytes of a document must hold, as a formula of pieces of JSON text.
//!
//! JSON spells a text in many ways, but once `\u` escapes (and `\/`) are set aside each character has one spelling left.
//! A [`Piece`] is made in that spelling; documents with escapes that could spell one of its characters are never judged
//! by it (see [`Escapes`](super::escapes::Escapes)).

use std::collections::HashSet;

/// A formula that holds of every document that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Need {
    /// Nothing is known of the document.
    Nothing,
    /// The document holds these bytes.
    Piece(Piece),
    /// All of these hold.
    All(Vec<Need>),
    /// At least one of these holds.
    Any(Vec<Need>),
}

/// Bytes to search for: at least [`SHORTEST`] of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Piece {
    bytes: Box<[u8]>,
    /// Whether a key holds them, and not a value.
    is_key: bool,
}

/// Shorter pieces are in almost every document.
const SHORTEST: usize = 2;

/// Which ends of a piece are ends of the whole value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) start: bool,
    pub(crate) end: bool,
}

impl Ends {
    /// A whole value.
    pub(crate) const BOTH: Self = Self { start: true, end: true };
    /// The beginning of a value.
    pub(crate) const START: Self = Self { start: true, end: false };
    /// The end of a value.
    pub(crate) const END: Self = Self { start: false, end: true };
    /// Anywhere in a value.
    pub(crate) const NEITHER: Self = Self { start: false, end: false };
}

impl Need {
    /// All of `needs`.
    pub(crate) fn all(needs: impl IntoIterator<Item = Self>) -> Self {
        let inner = needs.into_iter().flat_map(|need| match need {
            Self::Nothing => Vec::new(),
            Self::All(inner) => inner,
            other => vec![other],
        });
        Self::joined(inner, Self::All)
    }

    /// One of `needs`; of none nothing is known.
    pub(crate) fn any(needs: impl IntoIterator<Item = Self>) -> Self {
        let mut alternatives = Vec::new();
        for need in needs {
            match need {
                Self::Nothing => return Self::Nothing,
                Self::Any(inner) => alternatives.extend(inner),
                other => alternatives.push(other),
            }
        }
        Self::joined(alternatives, Self::Any)
    }

    /// The parts of a formula, each once.
    fn joined(parts: impl IntoIterator<Item = Self>, join: fn(Vec<Self>) -> Self) -> Self {
        let mut seen = HashSet::new();
        let mut kept: Vec<Self> = parts.into_iter().filter(|part| seen.insert(part.clone())).collect();
        match kept.len() {
            0 | 1 => kept.pop().unwrap_or(Self::Nothing),
            _ => join(kept),
        }
    }

    /// The document has a value whose text holds `text`, at these ends of it.
    ///
    /// A text that is no number, `true` or `false` stands in quotes, which then belong to the piece.
    pub(crate) fn value(text: &str, ends: Ends) -> Self {
        let quoted = !may_be_bare(text, ends);
        let runs = spelled(text);
        let last = runs.len().saturating_sub(1);
        let with_quotes = |(at, run): (usize, Vec<u8>)| {
            let mut piece = Vec::with_capacity(run.len() + 2);
            if quoted && ends.start && at == 0 {
                piece.push(b'"');
            }
            piece.extend(run);
            if quoted && ends.end && at == last {
                piece.push(b'"');
            }
            Self::piece(piece, false)
        };
        Self::all(runs.into_iter().enumerate().map(with_quotes))
    }

    /// The document has a key for the field `name`, nested or dotted: the key ends with the last step of the name.
    pub(crate) fn key(name: &str) -> Self {
        let step = name.rsplit('.').next().unwrap_or(name);
        let mut runs = spelled(step);
        match runs.pop() {
            Some(mut last) => {
                last.push(b'"');
                Self::piece(last, true)
            }
            None => Self::Nothing,
        }
    }

    fn piece(bytes: Vec<u8>, is_key: bool) -> Self {
        if bytes.len() < SHORTEST { Self::Nothing } else { Self::Piece(Piece { bytes: bytes.into(), is_key }) }
    }

    /// Whether every document that is wanted holds a part of a literal. Keys alone tell little: most documents have them.
    pub(crate) fn has_literal(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Piece(piece) => !piece.is_key,
            Self::All(needs) => needs.iter().any(Self::has_literal),
            Self::Any(needs) => needs.iter().all(Self::has_literal),
        }
    }

    /// The formula without alternatives of which more than `most` pieces would have to be searched for.
    pub(crate) fn within(&self, most: usize) -> Self {
        match self {
            Self::All(needs) => Self::all(needs.iter().map(|need| need.within(most))),
            Self::Any(needs) => match Self::any(needs.iter().map(|need| need.within(most))) {
                many if many.fewest() > most => Self::Nothing,
                few => few,
            },
            other => other.clone(),
        }
    }

    /// The least number of pieces of which every wanted document holds one.
    fn fewest(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Piece(_) => 1,
            Self::All(needs) => needs.iter().map(Self::fewest).min().unwrap_or(0),
            Self::Any(needs) => needs.iter().map(Self::fewest).sum(),
        }
    }

    /// The pieces of the formula, each once, in order.
    pub(crate) fn pieces(&self) -> Vec<&Piece> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a Piece>) {
        match self {
            Self::Nothing => {}
            Self::Piece(piece) => found.push(piece),
            Self::All(needs) | Self::Any(needs) => needs.iter().for_each(|need| need.collect(found)),
        }
    }
}

impl Piece {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |f: &mut std::fmt::Formatter<'_>, needs: &[Self], word: &str| {
            for (at, need) in needs.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                match need {
                    Self::Any(_) | Self::All(_) => write!(f, "({need})")?,
                    _ => write!(f, "{need}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Nothing => f.write_str("anything"),
            Self::Piece(piece) => write!(f, "`{}`", String::from_utf8_lossy(piece.bytes())),
            Self::All(needs) => list(f, needs, "and"),
            Self::Any(needs) => list(f, needs, "or"),
        }
    }
}

/// The text as JSON spells it inside of quotes without `\u` and `\/`, cut at characters that have only a `\u` spelling.
/// The first run begins the text and the last one ends it; a run may be empty.
fn spelled(text: &str) -> Vec<Vec<u8>> {
    let mut runs = vec![Vec::new()];
    for character in text.chars() {
        let Some(run) = runs.last_mut() else { break };
        match character {
            '"' => run.extend(b"\\\""),
            '\\' => run.extend(b"\\\\"),
            '\n' => run.extend(b"\\n"),
            '\r' => run.extend(b"\\r"),
            '\t' => run.extend(b"\\t"),
            '\u{8}' => run.extend(b"\\b"),
            '\u{c}' => run.extend(b"\\f"),
            control if control < ' ' => runs.push(Vec::new()),
            other => run.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    runs
}

/// Whether a value with `text` at these ends of it may be spelled without quotes: a number, `true` or `false`.
fn may_be_bare(text: &str, ends: Ends) -> bool {
    // A number begins with a digit or a minus, and ends with a digit.
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'))
        && !(ends.start && text.starts_with(['+', '.', 'e', 'E']))
        && (!ends.end || text.ends_with(|last: char| last.is_ascii_digit()));
    let word = |word: &str| match (ends.start, ends.end) {
        (true, true) => word == text,
        (true, false) => word.starts_with(text),
        (false, true) => word.ends_with(text),
        (false, false) => word.contains(text),
    };
    numeric || word("true") || word("false")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, ends: Ends) -> String {
        Need::value(text, ends).to_string()
    }

    #[test]
    fn quotes_belong_to_what_can_only_be_a_text() {
        assert_eq!(shown("linux", Ends::BOTH), "`\"linux\"`");
        assert_eq!(shown("/tmp/", Ends::START), "`\"/tmp/`");
        assert_eq!(shown(".exe", Ends::END), "`.exe\"`");
        assert_eq!(shown("bash", Ends::NEITHER), "`bash`");
        for (text, ends) in [("443", Ends::BOTH), ("tr", Ends::START), ("se", Ends::END), ("-1.5e+3", Ends::START)] {
            assert_eq!(shown(text, ends), format!("`{text}`"));
        }
        assert_eq!((shown(".", Ends::START), shown("4.", Ends::BOTH)), ("`\".`".into(), "`\"4.\"`".into()));
        assert_eq!(shown("truest", Ends::START), "`\"truest`");
        assert_eq!(shown("", Ends::BOTH), "`\"\"`");
        assert_eq!(shown("4", Ends::BOTH), "anything");
        assert_eq!(shown("x", Ends::BOTH), "`\"x\"`");
    }

    #[test]
    fn characters_have_one_spelling() {
        assert_eq!(shown("C:\\Temp\\", Ends::START), r#"`"C:\\Temp\\`"#);
        assert_eq!(shown("a\"b\nc", Ends::BOTH), r#"`"a\"b\nc"`"#);
        assert_eq!(shown("one\u{1}two", Ends::BOTH), "`\"one` and `two\"`");
        assert_eq!(shown("é", Ends::NEITHER), "`é`");
    }

    #[test]
    fn keys_and_formulas() {
        assert_eq!(Need::key("host.os.type").to_string(), "`type\"`");
        assert_eq!(Need::key("a."), Need::Nothing);
        let (a, b) = (Need::value("aa", Ends::NEITHER), Need::value("bb", Ends::NEITHER));
        assert_eq!(Need::all([a.clone(), Need::Nothing, a.clone()]), a);
        assert_eq!(Need::any([a.clone(), Need::Nothing]), Need::Nothing);
        let both = Need::any([a.clone(), Need::all([a.clone(), b.clone()]), Need::any([b, a])]);
        assert_eq!(both.to_string(), "`aa` or (`aa` and `bb`) or `bb`");
        assert_eq!(both.pieces().len(), 2);
    }

    #[test]
    fn literals_tell_more_than_keys() {
        let literal = |text| Need::value(text, Ends::BOTH);
        let (linux, key) = (Need::all([literal("linux"), Need::key("host.os.type")]), Need::key("@timestamp"));
        assert!(linux.has_literal() && !key.has_literal() && !Need::Nothing.has_literal());
        assert!(Need::any([linux.clone(), literal("tcp")]).has_literal());
        assert!(!Need::any([linux.clone(), key.clone()]).has_literal());
        assert!(Need::all([key, linux]).has_literal());
    }

    #[test]
    fn too_many_alternatives_are_left_out() {
        let many = |count: u32| Need::any((0..count).map(|n| Need::value(&format!("v{n}"), Ends::BOTH)));
        let (key, few) = (Need::key("host.name"), Need::value("few", Ends::NEITHER));
        assert_eq!(Need::all([many(5), key.clone()]).within(4), key);
        assert_eq!(Need::all([many(4), key.clone()]).within(4), Need::all([many(4), key.clone()]));
        assert_eq!(many(5).within(4), Need::Nothing);
        // Of each alternative only its smallest part is searched for.
        let small = Need::any([Need::all([many(4), few.clone()]), key.clone()]);
        assert_eq!(small.within(4), small);
        assert_eq!(Need::any([few, many(9)]).within(4), Need::Nothing);
    }
}
