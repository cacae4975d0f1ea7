//! Escapes that could spell what is searched for: `\u0074` for a `t`, `\/` for a slash.
//!
//! A document without one of these spells each character in one way only.

use memchr::memmem::Finder;

/// The characters of what is searched for, as far as an escape could spell them.
#[derive(Debug, Clone)]
pub(crate) struct Escapes {
    /// Bit n: the ASCII character n.
    ascii: u128,
    /// Whether there are others.
    others: bool,
    unicode: Finder<'static>,
    slash: Option<Finder<'static>>,
}

impl Escapes {
    /// The escapes that could spell characters of these texts, each in the spelling of JSON without escapes of that kind.
    pub(crate) fn of<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut ascii, mut others) = (0_u128, false);
        for &byte in pieces.flatten() {
            if byte.is_ascii() {
                ascii |= 1 << byte;
            } else {
                others = true;
            }
        }
        // A backslash in a spelling may stand for any of the characters that are escaped with one.
        if ascii >> b'\\' & 1 == 1 {
            ascii |= (1 << b'"') | ((1 << b' ') - 1);
        }
        let slash = (ascii >> b'/' & 1 == 1).then(|| Finder::new(br"\/").into_owned());
        Self { ascii, others, unicode: Finder::new(br"\u").into_owned(), slash }
    }

    /// The place of the first such escape at or behind `from`.
    pub(crate) fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = text.get(from..)?;
        // Most texts hold no backslash at all.
        let first = from + memchr::memchr(b'\\', rest)?;
        let unicode = self.next(&self.unicode, text, first);
        let end = unicode.map_or(text.len(), |at| at + 2);
        let slash = self.slash.as_ref().and_then(|slash| self.next(slash, text.get(..end)?, first));
        slash.or(unicode)
    }

    fn next(&self, finder: &Finder<'_>, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let found = at + finder.find(text.get(at..)?)?;
            if is_escape(text, found) && self.spells(text, found) {
                return Some(found);
            }
            at = found + 1;
        }
    }

    /// Whether the escape at `at` spells one of the characters; what is no escape at all may spell anything.
    fn spells(&self, text: &[u8], at: usize) -> bool {
        if text.get(at + 1) == Some(&b'/') {
            return true;
        }
        let digits = text.get(at + 2..at + 6).and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else { return true };
        if code < 128 { self.ascii >> code & 1 == 1 } else { self.others }
    }
}

/// Whether the backslash at `at` begins an escape: it does not where the one before it does.
fn is_escape(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or(&[]);
    before.iter().rev().take_while(|byte| **byte == b'\\').count().is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pieces: &[&str], text: &str) -> Option<usize> {
        Escapes::of(pieces.iter().map(|piece| piece.as_bytes())).find(text.as_bytes(), 0)
    }

    #[test]
    fn only_escapes_of_the_characters_count() {
        assert_eq!(find(&["linux"], r#"{"a":"\u006cinux"}"#), Some(6));
        assert_eq!(find(&["linux"], r#"{"a":"\u003c\u003E\u0026"}"#), None);
        assert_eq!(find(&["linux"], r#"{"a":"\u003c\u0058\u0078"}"#), Some(18));
        assert_eq!(find(&["linux"], r#"{"a":"C:\\users\\\\unix"}"#), None);
        assert_eq!(find(&["linux"], r#"{"a":"C:\\\u0075"}"#), Some(10));
        assert_eq!(find(&["linux"], r#"{"a":"\/tmp"}"#), None);
        assert_eq!(find(&["/tmp"], r#"{"a":"\/tmp"}"#), Some(6));
        assert_eq!(find(&["/tmp"], r#"{"a":"\\/tmp\u0000"}"#), None);
        assert_eq!(find(&["/tmp"], r#"{"a":"\\/\/tmp\u0074"}"#), Some(9));
        assert_eq!(find(&["é"], r#"{"a":"\u0041\u00e9"}"#), Some(12));
        assert_eq!(find(&["e"], r#"{"a":"\u00e9"}"#), None);
        assert_eq!(find(&["e"], r#"{"a":"\u00"}"#), Some(6), "what is no escape is for the parser to refuse");
    }

    #[test]
    fn an_escaped_character_has_two_spellings() {
        assert_eq!(find(&[r"a\\b"], r#"{"a":"a\u005cb"}"#), Some(7));
        assert_eq!(find(&[r"a\nb"], r#"{"a":"a\u000Ab"}"#), Some(7));
        assert_eq!(find(&[r#"a\"b"#], r#"{"a":"a\u0022b"}"#), Some(7));
    }
}
