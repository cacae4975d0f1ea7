//! GROK: the pattern library of the `grok` crate, expanded, its captures typed, searched by Oniguruma.
//!
//! The engine is the one that Elasticsearch's is a port of, in the same dialect (Ruby's). Names of captures are mapped to
//! names that the engine takes: those of Elasticsearch hold dots, colons and `@`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use onig::{MatchParam, RegexOptions, Region, SearchOptions, Syntax};

use super::fields::Found;
use super::{Capture, CaptureType};
use crate::patterns::Mistake;

/// Patterns ready to search.
#[derive(Debug)]
pub(crate) struct Grok {
    /// The fields of all patterns, by name.
    pub(crate) captures: Vec<Capture>,
    /// For each pattern the expression, and the field of each of its groups.
    patterns: Vec<(onig::Regex, Vec<usize>)>,
}

/// Returns the fields that a pattern of GROK captures, by name.
///
/// # Errors
/// The first mistake of a text that is none.
///
/// ```
/// let captures = egret_udfs::patterns::grok("%{IP:client} (?<user.name>[a-z]+)").unwrap();
/// assert_eq!(captures.iter().map(|capture| capture.name.as_str()).collect::<Vec<_>>(), ["client", "user.name"]);
/// assert_eq!(egret_udfs::patterns::grok("a %{IPP:client}").unwrap_err().at, 4..7);
/// ```
pub fn captures(pattern: &str) -> Result<Vec<Capture>, Mistake> {
    Grok::new(&[pattern]).map(|grok| grok.captures).map_err(|(_, mistake)| mistake)
}

impl Grok {
    /// Returns the patterns, or the one that is wrong with its mistake.
    pub(crate) fn new<'p>(patterns: &[&'p str]) -> Result<Self, (&'p str, Mistake)> {
        let mut fields: BTreeMap<String, Capture> = BTreeMap::new();
        let mut compiled = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let mut expansion = Expansion::default();
            expansion.expand(pattern, 0, None).map_err(|mistake| (*pattern, mistake))?;
            let mut met: Vec<&str> = Vec::new();
            for group in &expansion.groups {
                let (name, ty) = (group.name.clone(), group.ty);
                let field = fields.entry(name.clone()).or_insert(Capture { name, ty, several: false });
                if field.ty != group.ty {
                    let message = format!("the field `{}` is captured with two types", group.name);
                    return Err((pattern, Mistake::new(group.at.clone(), message)));
                }
                field.several |= met.contains(&group.name.as_str());
                met.push(&group.name);
            }
            let regex = onig::Regex::with_options(&expansion.text, RegexOptions::REGEX_OPTION_NONE, Syntax::ruby());
            let regex = regex.map_err(|error| {
                let message = format!("the expression cannot be compiled: {}", error.description());
                (*pattern, Mistake::new(0..pattern.len(), message))
            })?;
            compiled.push((regex, expansion.groups));
        }
        let place = |name: &str| fields.keys().position(|field| field == name).unwrap_or(usize::MAX);
        let patterns = compiled.into_iter().map(|(regex, groups)| {
            let groups = groups.iter().map(|group| place(&group.name)).collect();
            (regex, groups)
        });
        let patterns = patterns.collect();
        Ok(Self { captures: fields.into_values().collect(), patterns })
    }

    /// Adds what the first pattern that matches somewhere captures.
    pub(crate) fn extract<'t>(&self, text: &'t str, found: &mut Found<'t>) {
        for (regex, groups) in &self.patterns {
            let mut region = Region::new();
            let (options, limits) = (SearchOptions::SEARCH_OPTION_NONE, MatchParam::default());
            // An expression that goes back too often has not matched.
            let matched = regex.search_with_param(text, 0, text.len(), options, Some(&mut region), limits);
            if !matches!(matched, Ok(Some(_))) {
                continue;
            }
            for (number, field) in groups.iter().enumerate() {
                let value = region.pos(number + 1).and_then(|(start, end)| text.get(start..end));
                if let Some(value) = value {
                    found.push(*field, value);
                }
            }
            return;
        }
    }
}

/// Where the library differs from the one that ES|QL has, which is of the later kind: there no port is captured.
const AMENDED: [(&str, &str); 1] = [("URIHOST", "%{IPORHOST}(?::%{POSINT})?")];

static LIBRARY: LazyLock<BTreeMap<&'static str, &'static str>> =
    LazyLock::new(|| grok::patterns().iter().copied().chain(AMENDED).collect());

/// No pattern of the library is deeper.
const DEPTH: usize = 32;

/// A group that captures a field.
#[derive(Debug)]
struct Group {
    name: String,
    ty: CaptureType,
    /// Where it stands in the pattern as it was written.
    at: std::ops::Range<usize>,
}

/// A pattern with what its names stand for.
#[derive(Debug, Default)]
struct Expansion {
    text: String,
    groups: Vec<Group>,
}

impl Expansion {
    /// Adds a pattern. One of the library stands, for its author, where its name does: at `within`.
    fn expand(&mut self, pattern: &str, depth: usize, within: Option<&std::ops::Range<usize>>) -> Result<(), Mistake> {
        let (mut at, mut classes) = (0, 0_usize);
        while let Some(rest) = pattern.get(at..).filter(|rest| !rest.is_empty()) {
            let place = |length: usize| within.cloned().unwrap_or(at..at + length);
            if rest.starts_with('\\') {
                let length = 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
                self.copy(rest, length, &mut at);
            } else if rest.starts_with("%{") {
                let Some(length) = rest.find('}') else {
                    let help = "write \\%{ for the characters themselves";
                    return Err(Mistake::new(place(2), "%{ without its closing }").with_help(help));
                };
                self.reference(rest.get(2..length).unwrap_or_default(), &place(length + 1), within.is_some(), depth)?;
                at += length + 1;
            } else if classes == 0 && rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")
            {
                let Some(length) = rest.find('>') else {
                    return Err(Mistake::new(place(3), "(?< without the > behind a name"));
                };
                self.open(rest.get(3..length).unwrap_or_default(), place(length + 1))?;
                at += length + 1;
            } else {
                match rest.as_bytes().first() {
                    Some(b'[') => classes += 1,
                    Some(b']') => classes = classes.saturating_sub(1),
                    _ => {}
                }
                let length = rest.chars().next().map_or(1, char::len_utf8);
                self.copy(rest, length, &mut at);
            }
        }
        Ok(())
    }

    fn copy(&mut self, rest: &str, length: usize, at: &mut usize) {
        self.text.push_str(rest.get(..length).unwrap_or_default());
        *at += length;
    }

    /// `NAME`, `NAME:field` or `NAME:field:type`.
    fn reference(
        &mut self,
        written: &str,
        place: &std::ops::Range<usize>,
        nested: bool,
        depth: usize,
    ) -> Result<(), Mistake> {
        let (name, field) = match written.split_once(':') {
            Some((name, field)) => (name, Some(field)),
            None => (written, None),
        };
        let Some(pattern) = LIBRARY.get(name) else {
            let at = if nested { place.clone() } else { place.start + 2..place.start + 2 + name.len() };
            let message = format!("unknown pattern `{name}`");
            let mistake = Mistake::new(at, message);
            return Err(match nearest(name) {
                Some(_) if name.is_empty() => mistake,
                Some(near) => {
                    Mistake { message: format!("{}; the nearest pattern is {near}", mistake.message), ..mistake }
                }
                None => mistake.with_help("names are those of the library, such as IP, WORD or GREEDYDATA"),
            });
        };
        if depth > DEPTH {
            return Err(Mistake::new(place.clone(), "patterns within each other without end"));
        }
        match field {
            Some(field) => self.open(field, place.clone())?,
            None => self.text.push_str("(?:"),
        }
        self.expand(pattern, depth + 1, Some(place))?;
        self.text.push(')');
        Ok(())
    }

    /// The opening of a group that captures `field` or `field:type`.
    fn open(&mut self, written: &str, at: std::ops::Range<usize>) -> Result<(), Mistake> {
        let (name, ty) = match written.rsplit_once(':') {
            None => (written, CaptureType::Keyword),
            Some((name, ty)) => {
                let ty = match ty {
                    "int" => CaptureType::Integer,
                    "long" => CaptureType::Long,
                    "double" => CaptureType::Double,
                    "float" => CaptureType::Float,
                    "boolean" => CaptureType::Boolean,
                    "string" => CaptureType::Keyword,
                    _ => {
                        let mistake = Mistake::new(at, format!("unknown type `{ty}` of a captured field"));
                        return Err(
                            mistake.with_help("types are int, long, double, float and boolean; text needs none")
                        );
                    }
                };
                (name, ty)
            }
        };
        if name.is_empty() {
            return Err(Mistake::new(at, "a captured field without a name"));
        }
        // Writing to a text cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut self.text, format_args!("(?<g{}>", self.groups.len()));
        self.groups.push(Group { name: name.to_owned(), ty, at });
        Ok(())
    }
}

/// The name of the library that differs from this one by a letter or two.
fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_ascii_uppercase();
    LIBRARY
        .keys()
        .copied()
        .map(|known| (strsim::osa_distance(&wanted, known), known))
        .min()
        .filter(|(edits, _)| *edits <= 2)
        .map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn found(patterns: &[&str], text: &str) -> Vec<(String, Vec<String>)> {
        let grok = Grok::new(patterns).unwrap();
        let mut found = Found::new(grok.captures.len());
        grok.extract(text, &mut found);
        let values = found.into_values();
        grok.captures.iter().map(|capture| capture.name.clone()).zip(values).collect()
    }

    fn one(patterns: &[&str], text: &str) -> Vec<(String, String)> {
        found(patterns, text).into_iter().map(|(name, values)| (name, values.join("|"))).collect()
    }

    #[test]
    fn every_pattern_of_the_library_compiles() {
        let wrong: Vec<_> = LIBRARY.keys().filter_map(|name| captures(&format!("%{{{name}}}")).err()).collect();
        assert!(LIBRARY.len() > 200 && wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn captures_by_name_typed_or_not() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(one(&["%{WORD:b} (?<a.x>.*)"], "foo bar baz"), [pair("a.x", "bar baz"), pair("b", "foo")]);
        assert_eq!(one(&["%{WORD:a} %{WORD:a}"], "x y"), [pair("a", "x|y")]);
        assert_eq!(one(&["no %{WORD:a}", "%{INT:b:int}"], "is 12"), [pair("a", ""), pair("b", "12")]);
        assert_eq!(one(&["[(?<x>]+(?<y>\\w)"], "(?<a"), [pair("y", "a")]);
        assert_eq!(
            one(&["%{URIPROTO:p}://%{URIHOST:h}"], "see http://a.b:80/x"),
            [pair("h", "a.b:80"), pair("p", "http")]
        );
        assert_eq!(one(&["(?im)^x(?<r>.*)\\r?$"], "a\nXyz\r"), [pair("r", "yz\r")]);
        let types = Grok::new(&["%{INT:i:int}%{INT:l:long}%{NUMBER:d:double}(?<b:boolean>x)"]).unwrap().captures;
        let types: Vec<_> = types.iter().map(|capture| capture.ty).collect();
        assert_eq!(types, [CaptureType::Boolean, CaptureType::Double, CaptureType::Integer, CaptureType::Long]);
    }

    #[test]
    fn mistakes_have_their_place() {
        let mistake = |pattern: &str| captures(pattern).unwrap_err();
        assert_eq!(mistake("é%{WORDD:a}").at, 4..9);
        assert!(mistake("%{WORDD:a}").message.contains("nearest pattern is WORD"));
        assert_eq!(mistake("a %{WORD:a").at, 2..4);
        assert_eq!(mistake("%{WORD:a:number}").at, 0..16);
        assert_eq!(mistake("x(?<>a)").at, 1..5);
        assert_eq!(mistake("%{WORD:a} %{INT:a:int}").at, 10..22);
        assert!(mistake("(a").message.contains("cannot be compiled"));
    }
}
