//! DISSECT: a text cut at literal delimiters.
//!
//! | key | means |
//! |---|---|
//! | `%{name}` | what stands up to the next delimiter, of the last key the rest |
//! | `%{}`, `%{?name}` | the same, left out |
//! | `%{+name}`, `%{+name/2}` | the same, appended to the others of this name, in order or in the order said |
//! | `%{name->}` | the same, and the delimiter may be repeated |

use std::collections::BTreeMap;
use std::ops::Range;

use super::fields::Found;
use super::{Capture, CaptureType};
use crate::patterns::Mistake;

/// A pattern ready to cut.
#[derive(Debug)]
pub(crate) struct Dissect {
    /// The keys that are not left out, in order of the pattern.
    pub(crate) captures: Vec<Capture>,
    /// What every text starts with.
    start: String,
    keys: Vec<Key>,
    separator: String,
}

#[derive(Debug)]
struct Key {
    /// Its place among the captures; none for one that is left out.
    field: Option<usize>,
    append: Option<u32>,
    padded: bool,
    delimiter: String,
}

/// Returns the keys that a pattern of DISSECT takes out of a text, in order.
///
/// # Errors
/// The first mistake of a text that is none.
///
/// ```
/// let keys = egret_udfs::patterns::dissect("%{user}@%{?domain} %{action}").unwrap();
/// assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["user", "action"]);
/// assert_eq!(egret_udfs::patterns::dissect("%{user} %{&ref}").unwrap_err().at, 8..15);
/// ```
pub fn keys(pattern: &str) -> Result<Vec<Capture>, Mistake> {
    Dissect::new(pattern, "").map(|dissect| dissect.captures)
}

impl Dissect {
    /// Returns the pattern; `separator` stands between appended values.
    pub(crate) fn new(pattern: &str, separator: &str) -> Result<Self, Mistake> {
        let mut written = Vec::new();
        let mut start = None;
        let mut at = 0;
        while let Some(open) = pattern.get(at..).and_then(|rest| rest.find("%{")).map(|found| at + found) {
            let Some(close) = pattern.get(open..).and_then(|rest| rest.find('}')).map(|found| open + found) else {
                return Err(Mistake::new(open..open + 2, "%{ without its closing }"));
            };
            let before = pattern.get(at..open).unwrap_or_default().to_owned();
            match written.last_mut() {
                None => start = Some(before),
                Some(Written { delimiter, .. }) => *delimiter = before,
            }
            written.push(Written::parse(pattern.get(open + 2..close).unwrap_or_default(), open..close + 1)?);
            at = close + 1;
        }
        let (Some(start), Some(last)) = (start, written.last_mut()) else {
            let mistake = Mistake::new(0..pattern.len(), "a pattern without a key");
            return Err(mistake.with_help("keys are written %{name}"));
        };
        pattern.get(at..).unwrap_or_default().clone_into(&mut last.delimiter);
        Ok(Self::of(start, &written, separator))
    }

    fn of(start: String, written: &[Written<'_>], separator: &str) -> Self {
        // One key that appends makes all of its name append.
        let appended: Vec<&str> = written.iter().filter(|key| key.append.is_some()).map(|key| key.name).collect();
        let mut captures: Vec<Capture> = Vec::new();
        let mut keys = Vec::with_capacity(written.len());
        for key in written {
            let field = (!key.skipped).then(|| {
                captures.iter().position(|capture| capture.name == key.name).unwrap_or_else(|| {
                    let (name, ty) = (key.name.to_owned(), CaptureType::Keyword);
                    captures.push(Capture { name, ty, several: false });
                    captures.len() - 1
                })
            });
            let append = match key.append {
                Some(order) => Some(order),
                None if !key.skipped && appended.contains(&key.name) => Some(0),
                None => None,
            };
            keys.push(Key { field, append, padded: key.padded, delimiter: key.delimiter.clone() });
        }
        Self { captures, start, keys, separator: separator.to_owned() }
    }

    /// Adds the value of each key, if the whole pattern matches.
    pub(crate) fn extract<'t>(&self, text: &'t str, found: &mut Found<'t>) {
        let Some(values) = self.cut(text) else { return };
        let mut single: BTreeMap<usize, &'t str> = BTreeMap::new();
        let mut joined: BTreeMap<usize, Vec<(u32, &'t str)>> = BTreeMap::new();
        for (key, value) in self.keys.iter().zip(values) {
            match (key.field, key.append) {
                (Some(field), Some(order)) => joined.entry(field).or_default().push((order, value)),
                (Some(field), None) => {
                    single.insert(field, value);
                }
                (None, _) => {}
            }
        }
        for (field, value) in single {
            found.push(field, value);
        }
        for (field, mut parts) in joined {
            // Stable: those without an order of their own stay as they come.
            parts.sort_by_key(|(order, _)| *order);
            let parts: Vec<&str> = parts.into_iter().map(|(_, value)| value).collect();
            found.push(field, parts.join(&self.separator));
        }
    }

    /// The value of each key, or `None` where the text does not match. A delimiter that follows itself stands, as in
    /// Elasticsearch, for an empty value of the next key, whatever that key's own delimiter is.
    fn cut<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let mut at = self.start.len();
        if text.len() <= at || !text.starts_with(&self.start) {
            return None;
        }
        let mut values = Vec::with_capacity(self.keys.len());
        let mut keys = self.keys.iter();
        let mut key = keys.next()?;
        loop {
            let delimiter = key.delimiter.as_str();
            let Some(length) = text.get(at..)?.find(delimiter).filter(|_| !delimiter.is_empty()) else { break };
            values.push(text.get(at..at + length)?);
            at += length + delimiter.len();
            while text.get(at..)?.starts_with(delimiter) {
                at += delimiter.len();
                if !key.padded {
                    let Some(next) = keys.next() else { break };
                    key = next;
                    values.push("");
                }
            }
            match keys.next() {
                Some(next) => key = next,
                None => break,
            }
        }
        if values.len() < self.keys.len() && key.delimiter.is_empty() {
            values.push(text.get(at..)?);
        }
        (values.len() == self.keys.len()).then_some(values)
    }
}

/// A key as it is written.
struct Written<'p> {
    name: &'p str,
    skipped: bool,
    append: Option<u32>,
    padded: bool,
    delimiter: String,
}

impl<'p> Written<'p> {
    fn parse(written: &'p str, at: Range<usize>) -> Result<Self, Mistake> {
        let (name, padded) = match written.strip_suffix("->") {
            Some(name) => (name, true),
            None => (written, false),
        };
        let key = |name: &'p str, skipped: bool, append: Option<u32>| {
            Ok(Self { name, skipped, append, padded, delimiter: String::new() })
        };
        if name.is_empty() {
            return key(name, true, None);
        }
        if let Some(name) = name.strip_prefix('?') {
            return key(name, true, None);
        }
        if let Some(name) = name.strip_prefix('+') {
            let (name, order) = match name.rsplit_once('/') {
                Some((name, digits)) => {
                    if let Ok(order) = digits.parse() {
                        (name, order)
                    } else {
                        let message = format!("expected a number behind /, found `{digits}`");
                        return Err(
                            Mistake::new(at, message).with_help("the order of appended values is written %{+name/2}")
                        );
                    }
                }
                None => (name, 0),
            };
            if name.is_empty() {
                return Err(Mistake::new(at, "a key that appends without a name"));
            }
            return key(name, false, Some(order));
        }
        if name.starts_with(['*', '&']) {
            let mistake =
                Mistake::new(at, format!("keys that refer to each other, such as %{{{written}}}, are not supported"));
            return Err(mistake.with_help("ES|QL has no such keys; name the column"));
        }
        key(name, false, None)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    fn found(pattern: &str, separator: &str, text: &str) -> Vec<(String, Vec<String>)> {
        let dissect = Dissect::new(pattern, separator).unwrap();
        let mut found = Found::new(dissect.captures.len());
        dissect.extract(text, &mut found);
        dissect.captures.iter().map(|capture| capture.name.clone()).zip(found.into_values()).collect()
    }

    fn shown(pattern: &str, separator: &str, text: &str) -> String {
        let found = found(pattern, separator, text);
        found.iter().map(|(name, values)| format!("{name}={}", values.join("|"))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_modifier() {
        for (pattern, separator, text, expected) in [
            ("%{a} %{b}", "", "x y z", "a=x b=y z"),
            ("%{a} %{b}!", "", "x y!!", "a=x b=y"),
            ("%{a} %{b}!", "", "x y", "a= b="),
            ("<%{a}>", "", "<x>y", "a=x"),
            ("<%{a}>", "", "x>", "a="),
            ("%{a},%{b},%{c}", "", "x,,z", "a=x b= c=z"),
            ("%{a},%{b}:%{c}", "", "x,,y:z", "a=x b= c=y:z"),
            ("%{a->} %{b}", "", "x    y", "a=x b=y"),
            ("[%{a}]%{->}[%{b}]", "", "[x]    [y]", "a=x b=y"),
            ("%{+a} %{b} %{+a}", "-", "x y z", "a=x-z b=y"),
            ("%{a} %{+a}", "-", "x y", "a=x-y"),
            ("%{+a/2} %{+a/1}", ",", "x y", "a=y,x"),
            ("%{?s}=%{} %{a}", "", "x=y z", "a=z"),
            ("%{a} %{a}", "", "x y", "a=y"),
            ("%{a}%{b}", "", "xy", "a= b="),
            ("é%{a}é%{b}", "", "éüéö", "a=ü b=ö"),
        ] {
            assert_eq!(shown(pattern, separator, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        let at = |pattern: &str| keys(pattern).unwrap_err().at;
        assert_eq!((at("é%{a"), at("plain"), at("%{a} %{+b/x}"), at("%{*a}")), (2..4, 0..5, 5..12, 0..5));
    }

    proptest! {
        /// Values that hold no delimiter come out as they were put together.
        #[test]
        fn takes_apart_what_was_put_together(
            parts in prop::collection::vec(("[a-z]{1,4}", "[,;: ]{1,2}"), 1..5), start in "[<(]{0,2}", last in "[a-z]{1,3}",
        ) {
            let mut pattern = start.clone();
            let mut text = start;
            let mut expected = Vec::new();
            for (number, (value, delimiter)) in parts.iter().enumerate() {
                write!(pattern, "%{{k{number}}}{delimiter}").unwrap();
                write!(text, "{value}{delimiter}").unwrap();
                expected.push((format!("k{number}"), vec![value.clone()]));
            }
            pattern.push_str("%{last}");
            text.push_str(&last);
            expected.push(("last".to_owned(), vec![last]));
            prop_assert_eq!(found(&pattern, "", &text), expected);
        }

        #[test]
        fn no_text_makes_it_panic(pattern in "([%{}+?/>ab é-]|%\\{a?\\}){0,10}", text in "[ab é]{0,8}") {
            if let Ok(dissect) = Dissect::new(&pattern, "") {
                dissect.extract(&text, &mut Found::new(dissect.captures.len()));
            }
        }
    }
}
