//! A cursor over the text of one JSON document: reads strings, numbers and literals, and skips what nobody asked for.
//!
//! It accepts exactly the grammar of RFC 8259, at any place of a document, wanted or not, so that which lines are bad
//! never depends on which columns a query names. Two things are laid down here: containers nest at most
//! [`MAX_DEPTH`] deep, and a `\u` escape of half a surrogate pair reads as U+FFFD. The cursor works on bytes of a
//! text that is known to be UTF-8, keeps numbers as they are spelled, and never recurses.

use std::borrow::Cow;

/// How deep arrays and objects of a document may nest.
pub(crate) const MAX_DEPTH: usize = 256;

/// What is wrong with a document, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) kind: FaultKind,
}

/// What kind of mistake a document has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The grammar wants something else here.
    Expected(&'static str),
    /// Containers nest too deep.
    Depth,
    /// The bytes are no UTF-8.
    Utf8,
    /// The document is no object.
    NotObject(&'static str),
}

impl Fault {
    /// The reason in words, with what stands in `text` at the place.
    pub(crate) fn reason(&self, text: &[u8]) -> String {
        let at = self.at;
        match &self.kind {
            FaultKind::Expected(what) => format!("expected {what}, found {} at byte {at} of it", found(text, at)),
            FaultKind::Depth => format!("nested more than {MAX_DEPTH} levels deep at byte {at} of it"),
            FaultKind::Utf8 => format!("expected UTF-8, found {} at byte {at} of it", found(text, at)),
            FaultKind::NotObject(kind) => format!("expected an object, found {kind} at byte {at} of it"),
        }
    }

    /// Whether the text may go on in an orderly way behind the document.
    pub(crate) const fn is_local(&self) -> bool {
        !matches!(self.kind, FaultKind::Expected(_))
    }
}

/// What stands at byte `at` of `text`, for a message.
fn found(text: &[u8], at: usize) -> String {
    match text.get(at) {
        None => "the end".to_string(),
        Some(&byte) if byte.is_ascii_graphic() => format!("`{}`", byte as char),
        Some(byte) => format!("byte 0x{byte:02x}"),
    }
}

type Result<T> = std::result::Result<T, Fault>;

/// A string between its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) escaped: bool,
}

/// A place in the text of a document.
pub(crate) struct Cursor<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) pos: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self { text, pos: 0 }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.pos).copied()
    }

    /// Steps over white space; most documents have little.
    #[inline]
    pub(crate) fn space(&mut self) {
        if self.peek().is_some_and(|byte| byte > b' ') {
            return;
        }
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.pos += 1;
        }
    }

    pub(crate) fn fail<T>(&self, what: &'static str) -> Result<T> {
        Err(Fault { at: self.pos, kind: FaultKind::Expected(what) })
    }

    /// Reads the key of a member and its colon; the cursor stands at the key's quote, then at the value.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Text> {
        if self.peek() != Some(b'"') {
            return self.fail("a key in quotes");
        }
        let key = self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return self.fail("`:` after a key");
        }
        self.pos += 1;
        self.space();
        Ok(key)
    }

    /// Steps into an array or object: whether it has a first element.
    #[inline]
    pub(crate) fn enter(&mut self, close: u8) -> bool {
        self.pos += 1;
        self.space();
        if self.peek() == Some(close) {
            self.pos += 1;
            return false;
        }
        true
    }

    /// Steps over what follows an element: whether another one comes.
    #[inline]
    pub(crate) fn next(&mut self, close: u8) -> Result<bool> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.pos += 1;
                self.space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.pos += 1;
                Ok(false)
            }
            _ if close == b'}' => self.fail("`,` or `}` after a value"),
            _ => self.fail("`,` or `]` after a value"),
        }
    }

    /// Reads a string; the cursor stands at its opening quote.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Text> {
        let start = self.pos + 1;
        let mut escaped = false;
        let mut at = start;
        loop {
            at = special(self.text, at);
            match self.text.get(at) {
                Some(b'"') => {
                    self.pos = at + 1;
                    return Ok(Text { start, end: at, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                Some(_) => {
                    self.pos = at;
                    return self.fail("no control character inside a string");
                }
                None => {
                    self.pos = at;
                    return self.fail("`\"` at the end of a string");
                }
            }
        }
    }

    fn escape(&mut self, at: usize) -> Result<usize> {
        match self.text.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => {
                if let Some(wrong) = (at + 2..at + 6).find(|&i| !self.text.get(i).is_some_and(u8::is_ascii_hexdigit)) {
                    self.pos = wrong;
                    return self.fail("four hexadecimal digits after `\\u`");
                }
                Ok(at + 6)
            }
            _ => {
                self.pos = at + 1;
                self.fail("an escape such as `\\n` or `\\u0041`")
            }
        }
    }

    /// Reads a number: first and last byte but one.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<(usize, usize)> {
        let start = self.pos;
        if self.peek() == Some(b'-') {
            self.pos += 1;
        }
        match self.peek() {
            Some(b'0') => self.pos += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.fail("a digit"),
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.pos += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.pos += 1;
            }
            self.some_digits()?;
        }
        Ok((start, self.pos))
    }

    #[inline]
    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.pos += 1;
        }
    }

    fn some_digits(&mut self) -> Result<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.fail("a digit");
        }
        self.digits();
        Ok(())
    }

    /// Reads `true`, `false` or `null`.
    #[inline]
    pub(crate) fn literal(&mut self, word: &'static str) -> Result<()> {
        if !self.text.get(self.pos..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return self.fail("a value");
        }
        self.pos += word.len();
        Ok(())
    }

    /// Reads a value that is no array and no object, without keeping it.
    #[inline]
    fn skip_scalar(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number().map(|_| ()),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => self.fail("a value"),
        }
    }

    /// Steps over a whole value that lies inside `depth` containers; containers are kept as one bit each.
    pub(crate) fn skip(&mut self, depth: usize) -> Result<()> {
        let mut objects = [0_u64; MAX_DEPTH / 64];
        let mut level = 0;
        loop {
            let is_object = match self.peek() {
                Some(b'{') => true,
                Some(b'[') => false,
                _ => {
                    self.skip_scalar()?;
                    if level == 0 || self.skip_end(&objects, &mut level)? {
                        return Ok(());
                    }
                    continue;
                }
            };
            self.check_depth(depth + level)?;
            if self.enter(if is_object { b'}' } else { b']' }) {
                if let Some(word) = objects.get_mut(level / 64) {
                    *word = (*word & !(1 << (level % 64))) | (u64::from(is_object) << (level % 64));
                }
                level += 1;
                if is_object {
                    self.key()?;
                }
            } else if level == 0 || self.skip_end(&objects, &mut level)? {
                return Ok(());
            }
        }
    }

    /// Steps from the end of an element to the next one, closing containers: whether the last one was closed.
    #[inline]
    fn skip_end(&mut self, objects: &[u64; MAX_DEPTH / 64], level: &mut usize) -> Result<bool> {
        loop {
            let top = *level - 1;
            let is_object = objects.get(top / 64).is_some_and(|word| word >> (top % 64) & 1 == 1);
            if self.next(if is_object { b'}' } else { b']' })? {
                if is_object {
                    self.key()?;
                }
                return Ok(false);
            }
            *level = top;
            if top == 0 {
                return Ok(true);
            }
        }
    }

    /// Says whether one more container may open inside `depth` others.
    #[inline]
    pub(crate) fn check_depth(&self, depth: usize) -> Result<()> {
        if depth < MAX_DEPTH { Ok(()) } else { Err(Fault { at: self.pos, kind: FaultKind::Depth }) }
    }
}

/// The first byte at or behind `from` that ends or interrupts the plain part of a string; eight bytes at a time.
#[inline]
fn special(text: &[u8], from: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = from;
    while let Some(eight) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*eight);
        let quote = word ^ (ONES * u64::from(b'"'));
        let back = word ^ (ONES * u64::from(b'\\'));
        // A borrow can only mark bytes above a true hit, so the lowest mark is exact.
        let hits = ((quote.wrapping_sub(ONES) & !quote)
            | (back.wrapping_sub(ONES) & !back)
            | (word.wrapping_sub(ONES * 0x20) & !word))
            & HIGH;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|&byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
        at += 1;
    }
    at
}

/// The text of a string whose escapes the cursor has checked.
pub(crate) fn unescape(raw: &str, escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, tail)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('u') => {
                let (value, used) = code_point(tail);
                out.push(value);
                rest = tail.get(used..).unwrap_or("");
                continue;
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of `uXXXX` or `uXXXX\uXXXX` at the start of `tail`, and its length.
fn code_point(tail: &str) -> (char, usize) {
    let unit = |from: usize| tail.get(from..from + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(high) = unit(1) else { return (char::REPLACEMENT_CHARACTER, tail.len()) };
    if (0xd800..0xdc00).contains(&high)
        && tail.get(5..7) == Some("\\u")
        && let Some(low @ 0xdc00..0xe000) = unit(7)
    {
        let value = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return (char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn valid(text: &str) -> Result<()> {
        let mut cursor = Cursor::new(text.as_bytes());
        cursor.space();
        cursor.skip(0)?;
        cursor.space();
        if cursor.peek().is_some() { cursor.fail("the end") } else { Ok(()) }
    }

    #[test]
    fn depth_is_bounded_and_never_recurses() {
        for open in ["[", "{\"a\":", "[{\"a\":[", "[0,"] {
            let fault = valid(&open.repeat(10_000)).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Depth, "{open}");
        }
        assert_eq!(valid(&format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))), Ok(()));
        let deeper = MAX_DEPTH + 1;
        assert!(valid(&format!("{}{}", "[".repeat(deeper), "]".repeat(deeper))).is_err());
    }

    #[test]
    fn escapes_read_as_in_serde_json_and_half_pairs_as_replacement() {
        for raw in [r"a\n\t\r\b\f\/\\\u00e9", r#"\""#, r"\ud83d\ude00x", "plain", r"\u0000"] {
            let expected: String = serde_json::from_str(&format!("\"{raw}\"")).unwrap();
            assert_eq!(unescape(raw, true), expected);
        }
        assert_eq!(unescape(r"a\ud83dz", true), "a\u{fffd}z");
        assert_eq!(unescape(r"\ude00\ud83d\u0041", true), "\u{fffd}\u{fffd}A");
    }

    #[test]
    fn reasons_say_expected_found_and_where() {
        let text = "{\"a\":tru}";
        assert_eq!(valid(text).unwrap_err().reason(text.as_bytes()), "expected a value, found `t` at byte 5 of it");
        let text = "{\"a\":1";
        assert_eq!(
            valid(text).unwrap_err().reason(text.as_bytes()),
            "expected `,` or `}` after a value, found the end at byte 6 of it"
        );
    }

    proptest! {
        #[test]
        fn accepts_what_serde_json_accepts(text in r#"[\[\]{}:, 0-9a"\\untrefls.\-+eE\n]{0,24}"#) {
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(valid(&text).is_ok(), theirs, "{}", text);
        }

        #[test]
        fn cut_documents_are_refused(cut in 0_usize..70) {
            let text = r#"{"a":[1,-2.5e3,{"b":"x\u00e9\\y","c":[]},true,null],"d":{"e":false}}"#;
            let part = text.get(..cut.min(text.len())).unwrap();
            prop_assert_eq!(valid(part).is_ok(), part.len() == text.len());
        }
    }
}
