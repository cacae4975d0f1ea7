//! Goes over whole lines of a text: which of them are to be parsed, and how many are passed over.

use std::ops::Range;
use std::sync::Arc;

use super::search::{Scout, Sieve};

/// Goes over the lines of one text.
#[derive(Debug)]
pub(crate) struct Sifter {
    sieve: Arc<Sieve>,
    /// What is searched for, and what searches.
    sought: Vec<usize>,
    scout: Scout,
    /// The next escape that matters, if that is known.
    escape: Option<usize>,
}

/// What came of a search.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The next line to parse, without its end and the white space around it.
    pub(crate) line: Option<Range<usize>>,
    /// How many lines before it are documents that nobody wants.
    pub(crate) passed: u64,
    /// Where the search is to go on: behind the line.
    pub(crate) next: usize,
}

impl Sifter {
    pub(crate) fn new(sieve: Arc<Sieve>) -> Self {
        Self { sieve, sought: Vec::new(), scout: Scout::Every, escape: None }
    }

    /// Whether a document that stands alone may be wanted.
    pub(crate) fn wants(&self, document: &[u8]) -> bool {
        self.sieve.may_hold(document) || !is_sound(document, document.is_ascii())
    }

    /// Begins to go over a text; places in the one before mean nothing any more.
    pub(crate) fn begin(&mut self, text: &[u8]) {
        let sought = self.sieve.sought(text);
        if sought != self.sought {
            self.scout = self.sieve.scout(&sought);
            self.sought = sought;
        }
        self.scout.renew();
        self.escape = None;
    }

    /// The next line of `text` to parse. A line begins at `from`, and the text ends with one.
    pub(crate) fn next(&mut self, text: &[u8], from: usize) -> Found {
        let mut passed = 0;
        let mut at = from;
        loop {
            let escape = self.escape_from(text, at);
            let place = self.scout.find(text.get(..escape).unwrap_or(text), at);
            let rest = text.get(at..place).unwrap_or(&[]);
            let start =
                if place == text.len() { place } else { at + memchr::memrchr(b'\n', rest).map_or(0, |n| n + 1) };
            if let Some(line) = pass(text, at..start, &mut passed) {
                let next = end_of_line(text, line.end) + 1;
                return Found { line: Some(line), passed, next };
            }
            if start >= text.len() {
                return Found { line: None, passed, next: text.len() };
            }
            let end = end_of_line(text, place);
            at = end + 1;
            let line = trimmed(text, start..end);
            let bytes = text.get(line.clone()).unwrap_or(&[]);
            if bytes.is_empty() {
                continue;
            }
            if escape < end || self.sieve.holds(bytes) || !is_sound(bytes, bytes.is_ascii()) {
                return Found { line: Some(line), passed, next: at.min(text.len()) };
            }
            passed += 1;
        }
    }

    /// The next escape that matters; the end of the text where there is none.
    fn escape_from(&mut self, text: &[u8], from: usize) -> usize {
        match self.escape {
            Some(known) if known >= from => known,
            _ => {
                let found = self.sieve.escape(text, from).unwrap_or(text.len());
                self.escape = Some(found);
                found
            }
        }
    }
}

/// Goes over whole lines that need not be parsed for what they hold: the first that must be, since it is no document as
/// far as one can see.
fn pass(text: &[u8], range: Range<usize>, passed: &mut u64) -> Option<Range<usize>> {
    let lines = text.get(range.clone()).unwrap_or(&[]);
    let is_ascii = lines.is_ascii();
    let mut at = range.start;
    for end in memchr::memchr_iter(b'\n', lines).map(|end| range.start + end) {
        let line = trimmed(text, at..end);
        at = end + 1;
        let bytes = text.get(line.clone()).unwrap_or(&[]);
        if bytes.is_empty() {
            continue;
        }
        if !is_sound(bytes, is_ascii) {
            return Some(line);
        }
        *passed += 1;
    }
    None
}

/// Whether a document that is not parsed looks like one.
fn is_sound(document: &[u8], is_ascii: bool) -> bool {
    document.first() == Some(&b'{')
        && document.last() == Some(&b'}')
        && (is_ascii || std::str::from_utf8(document).is_ok())
}

fn end_of_line(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or(&[]);
    memchr::memchr(b'\n', rest).map_or(text.len(), |end| from + end)
}

fn trimmed(text: &[u8], line: Range<usize>) -> Range<usize> {
    let bytes = text.get(line.clone()).unwrap_or(&[]);
    let kept = bytes.trim_ascii_start();
    let start = line.start + (bytes.len() - kept.len());
    start..start + kept.trim_ascii_end().len()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use crate::lake::ndjson::sieve::need::{Ends, Need};
    use proptest::prelude::*;

    fn sifter() -> Sifter {
        let need = Need::all([Need::value("ab", Ends::NEITHER), Need::value("x/", Ends::NEITHER)]);
        Sifter::new(Arc::new(Sieve::try_new(&need).unwrap()))
    }

    /// The lines to parse, and how many are not.
    fn sifted(text: &str) -> (Vec<&str>, u64) {
        let mut sifter = sifter();
        sifter.begin(text.as_bytes());
        let (mut lines, mut passed, mut at) = (Vec::new(), 0, 0);
        loop {
            let found = sifter.next(text.as_bytes(), at);
            passed += found.passed;
            at = found.next;
            let Some(line) = found.line else { return (lines, passed) };
            lines.push(&text[line]);
        }
    }

    #[test]
    fn what_is_parsed() {
        let text = "{1}\n\n {abx/}\r\n{ab}\n{2}\n{\"\\u0061\"}\n{\"\\u0063\"}\n{\"\\/\"}\n{3\n4}\n[5]\n{x/ab}\n{6}\n";
        let expected = ["{abx/}", "{\"\\u0061\"}", "{\"\\/\"}", "{3", "4}", "[5]", "{x/ab}"];
        assert_eq!(sifted(text), (expected.to_vec(), 5));
    }

    #[test]
    fn a_line_that_is_no_utf8_is_parsed() {
        let text = b"{ab}\n{\xff}\n{ab}\n\xc3\xa9{x}\n{\xc3\xa9}\n{\xc3\n{\xff ab}\n";
        let mut sifter = sifter();
        sifter.begin(text);
        let (mut found, mut at) = (Vec::new(), 0);
        while let Found { line: Some(line), next, .. } = sifter.next(text, at) {
            found.push(line.start);
            at = next;
        }
        assert_eq!(found, [5, 14, 25, 28]);
    }

    proptest! {
        #[test]
        fn as_line_by_line(lines in prop::collection::vec("(\\{[abx/é\\\\u0017 ]{0,8}\\}|[abx/{}\\\\u61 \r]{0,6})", 0..8)) {
            let text = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
            let wanted = |line: &&str| {
                let sound = line.starts_with('{') && line.ends_with('}');
                let escape = sifter().sieve.escape(line.as_bytes(), 0).is_some();
                !line.is_empty() && (!sound || escape || (line.contains("ab") && line.contains("x/")))
            };
            let trimmed: Vec<&str> = lines.iter().map(|line| line.trim_matches([' ', '\r'])).collect();
            let expected: Vec<&str> = trimmed.iter().copied().filter(wanted).collect();
            let passed = trimmed.iter().filter(|line| !line.is_empty()).count() - expected.len();
            prop_assert_eq!(sifted(&text), (expected, passed as u64));
        }
    }
}
