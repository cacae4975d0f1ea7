//! A regular expression of Lucene read by Lucene's own grammar, all operators on, leniencies included.
//!
//! | written | means |
//! |---|---|
//! | `a\|b`, `a&b`, `~a` | either, both, not |
//! | `a?`, `a*`, `a+`, `a{2}`, `a{2,}`, `a{2,5}` | repeated; all match the whole value, so there is no lazy form |
//! | `.`, `@`, `#` | any character, any text, nothing at all |
//! | `[a-z]`, `[^a-z]`, `\d \D \s \S \w \W` | a character of a class |
//! | `"text"`, `\c` | the text, the character, without a meaning of its own |
//! | `<1-10>` | a whole number of the interval; zero-padded where both ends have the same length |
//! | `()` | the empty text |
//!
//! A quantifier, `)` or `|` at a place where an operand must stand is the character itself; `^` and `$` always are.

use std::ops::Range;

use super::class::Class;
use crate::patterns::Mistake;

/// A regular expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// One character of a class; of an empty one nothing is.
    One(Class),
    /// One behind the other; the empty text if there is none.
    Concat(Vec<Node>),
    /// Any of them.
    Union(Vec<Node>),
    /// All of them.
    Intersection(Vec<Node>),
    /// Everything but this.
    Complement(Box<Node>),
    /// This at least and at most so often.
    Repeat(Box<Node>, u32, Option<u32>),
}

/// Deeper than any author writes, and shallow enough for those who walk it.
const DEPTH: usize = 200;

impl Node {
    /// Returns what a pattern says.
    pub(crate) fn parse(pattern: &str) -> Result<Self, Mistake> {
        if pattern.is_empty() {
            return Ok(Self::Concat(Vec::new()));
        }
        let mut parser = Parser { pattern, at: 0, depth: 0 };
        let node = parser.union()?;
        if parser.at < pattern.len() {
            let at = parser.at..parser.at + 1;
            let help = "write \\) for the character itself";
            return Err(Mistake::new(at, ") without its opening (").with_help(help));
        }
        Ok(node)
    }

    /// Returns any text at all.
    pub(crate) fn anything() -> Self {
        Self::Repeat(Box::new(Self::One(Class::any())), 0, None)
    }

    fn text(text: &str) -> Self {
        Self::Concat(text.chars().map(|c| Self::One(Class::of(c))).collect())
    }
}

struct Parser<'p> {
    pattern: &'p str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.pattern.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn peeks(&self, any: &str) -> bool {
        self.peek().is_some_and(|c| any.contains(c))
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    /// The next character; a pattern that ends here lacks an operand.
    fn next(&mut self) -> Result<char, Mistake> {
        let Some(c) = self.peek() else {
            let last = self.pattern.chars().next_back().map_or(0, char::len_utf8);
            let message = "found the end of the pattern, expected an expression";
            let help = "write () for the empty text, and a backslash before an operator that is meant as a character";
            return Err(Mistake::new(self.at - last..self.at, message).with_help(help));
        };
        self.at += c.len_utf8();
        Ok(c)
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Mistake>) -> Result<T, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Mistake::new(self.at..self.at, format!("expressions within each other, more than {DEPTH}")));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn union(&mut self) -> Result<Node, Mistake> {
        let mut nodes = vec![self.intersection()?];
        while self.eat('|') {
            nodes.push(self.intersection()?);
        }
        Ok(single(nodes, Node::Union))
    }

    fn intersection(&mut self) -> Result<Node, Mistake> {
        let mut nodes = vec![self.concatenation()?];
        while self.eat('&') {
            nodes.push(self.concatenation()?);
        }
        Ok(single(nodes, Node::Intersection))
    }

    /// At least one operand: what stands first is one, whatever it is.
    fn concatenation(&mut self) -> Result<Node, Mistake> {
        let mut nodes = vec![self.repetition()?];
        while self.peek().is_some() && !self.peeks(")|&") {
            nodes.push(self.repetition()?);
        }
        Ok(single(nodes, Node::Concat))
    }

    fn repetition(&mut self) -> Result<Node, Mistake> {
        let mut node = self.complement()?;
        let mut quantifiers = 0;
        while self.peeks("?*+{") {
            quantifiers += 1;
            if quantifiers > DEPTH {
                let message = format!("quantifiers behind each other, more than {DEPTH}");
                return Err(Mistake::new(self.at..self.at + 1, message));
            }
            let (least, most) = match self.next()? {
                '?' => (0, Some(1)),
                '*' => (0, None),
                '+' => (1, None),
                _ => self.braces()?,
            };
            node = Node::Repeat(Box::new(node), least, most);
        }
        Ok(node)
    }

    /// Behind `{`.
    fn braces(&mut self) -> Result<(u32, Option<u32>), Mistake> {
        let open = self.at - 1;
        let Some(least) = self.number()? else {
            let help = "write \\{ for the character itself, or {2}, {2,} or {2,5} for a repetition";
            return Err(Mistake::new(open..self.at, "{ without a number behind it").with_help(help));
        };
        let most = if self.eat(',') { self.number()? } else { Some(least) };
        if !self.eat('}') {
            return Err(Mistake::new(open..self.at, "{ without its closing }").with_help("write {2}, {2,} or {2,5}"));
        }
        Ok((least, most))
    }

    fn number(&mut self) -> Result<Option<u32>, Mistake> {
        let start = self.at;
        while self.peeks("0123456789") {
            self.at += 1;
        }
        let digits = self.pattern.get(start..self.at).unwrap_or_default();
        if digits.is_empty() {
            return Ok(None);
        }
        match digits.parse::<u32>() {
            Ok(number) if number <= i32::MAX.unsigned_abs() => Ok(Some(number)),
            _ => Err(Mistake::new(start..self.at, format!("the number {digits} is too large"))),
        }
    }

    fn complement(&mut self) -> Result<Node, Mistake> {
        if self.eat('~') {
            return Ok(Node::Complement(Box::new(self.deeper(Self::complement)?)));
        }
        if self.eat('[') { self.class().map(Node::One) } else { self.simple() }
    }

    /// Behind `[`.
    fn class(&mut self) -> Result<Class, Mistake> {
        let open = self.at - 1;
        let negated = self.eat('^');
        let mut class = self.class_item()?;
        while self.peek().is_some_and(|c| c != ']') {
            class = class.union(&self.class_item()?);
        }
        if !self.eat(']') {
            let help = "write \\[ for the character itself";
            return Err(Mistake::new(open..open + 1, "[ without its closing ]").with_help(help));
        }
        Ok(if negated { class.negated() } else { class })
    }

    fn class_item(&mut self) -> Result<Class, Mistake> {
        if let Some(class) = self.predefined()? {
            return Ok(class);
        }
        let start = self.at;
        let from = self.character()?;
        if !self.eat('-') {
            return Ok(Class::of(from));
        }
        let to = self.character()?;
        if from > to {
            let message = format!("the range runs backwards, from {from:?} to {to:?}");
            let help = "write \\- or put the - last for the character itself";
            return Err(Mistake::new(start..self.at, message).with_help(help));
        }
        Ok(Class::range(from, to))
    }

    /// A backslash and what it makes of the character behind it: a class, or `\\`. Of any other character only the
    /// backslash is taken.
    fn predefined(&mut self) -> Result<Option<Class>, Mistake> {
        let start = self.at;
        if !self.eat('\\') {
            return Ok(None);
        }
        let class = match self.peek() {
            Some('d' | 'D') => Class::digit(),
            Some('s' | 'S') => Class::space(),
            Some('w' | 'W') => Class::word(),
            Some('\\') => Class::of('\\'),
            Some(c) if c.is_ascii_alphabetic() => {
                let message = format!("\\{c} has no meaning in a regular expression of Lucene");
                let help = "classes are \\d \\D \\s \\S \\w \\W; for the letter itself leave out the backslash, for a \
                            backslash write two";
                return Err(Mistake::new(start..self.at + 1, message).with_help(help));
            }
            _ => return Ok(None),
        };
        let negated = self.peeks("DSW");
        self.next()?;
        Ok(Some(if negated { class.negated() } else { class }))
    }

    /// A character, perhaps behind a backslash.
    fn character(&mut self) -> Result<char, Mistake> {
        self.eat('\\');
        self.next()
    }

    fn simple(&mut self) -> Result<Node, Mistake> {
        let start = self.at;
        if self.eat('.') {
            return Ok(Node::One(Class::any()));
        }
        if self.eat('#') {
            return Ok(Node::One(Class::none()));
        }
        if self.eat('@') {
            return Ok(Node::anything());
        }
        if self.eat('"') {
            let text = self.until('"', start, "\" without its closing \"")?;
            return Ok(Node::text(self.pattern.get(text).unwrap_or_default()));
        }
        if self.eat('<') {
            let text = self.until('>', start, "< without its closing >")?;
            return self.interval(text);
        }
        if self.eat('(') {
            if self.eat(')') {
                return Ok(Node::Concat(Vec::new()));
            }
            let node = self.deeper(Self::union)?;
            if !self.eat(')') {
                let help = "write \\( for the character itself";
                return Err(Mistake::new(start..start + 1, "( without its closing )").with_help(help));
            }
            return Ok(node);
        }
        match self.predefined()? {
            Some(class) => Ok(Node::One(class)),
            None => self.character().map(|c| Node::One(Class::of(c))),
        }
    }

    /// What stands before the next `end`, which is taken too.
    fn until(&mut self, end: char, start: usize, message: &str) -> Result<Range<usize>, Mistake> {
        let rest = self.pattern.get(self.at..).unwrap_or_default();
        let Some(length) = rest.find(end) else {
            let help = "write a backslash before the character where it is meant itself";
            return Err(Mistake::new(start..start + 1, message).with_help(help));
        };
        let text = self.at..self.at + length;
        self.at = text.end + end.len_utf8();
        Ok(text)
    }

    fn interval(&self, text: Range<usize>) -> Result<Node, Mistake> {
        let written = self.pattern.get(text.clone()).unwrap_or_default();
        let ends = written.split_once('-').and_then(|(low, high)| {
            let whole =
                |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i32>().ok())?;
            Some((whole(low)?, whole(high)?, low.len(), high.len()))
        });
        let Some((low, high, low_digits, high_digits)) = ends else {
            let help = "an interval is written <1-10>; write \\< for the character itself";
            return Err(Mistake::new(text.start - 1..text.end + 1, "< without an interval behind it").with_help(help));
        };
        let (low, high) = (low.min(high).unsigned_abs(), low.max(high).unsigned_abs());
        Ok(super::interval::node(low, high, (low_digits == high_digits).then_some(low_digits)))
    }
}

/// The only node as it is, or several made one.
fn single(mut nodes: Vec<Node>, several: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            several(nodes)
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]
    use super::*;

    fn mistake(pattern: &str) -> (Range<usize>, String) {
        let mistake = Node::parse(pattern).expect_err(pattern);
        (mistake.at, mistake.message)
    }

    fn one(c: char) -> Node {
        Node::One(Class::of(c))
    }

    #[test]
    fn leniencies() {
        let parse = |pattern| Node::parse(pattern).unwrap_or_else(|mistake| unreachable!("{pattern}: {mistake:?}"));
        assert_eq!(parse("*a"), Node::Concat(vec![one('*'), one('a')]));
        assert_eq!(parse("a||b"), Node::Union(vec![one('a'), Node::Concat(vec![one('|'), one('b')])]));
        assert_eq!(parse(")a"), Node::Concat(vec![one(')'), one('a')]));
        assert_eq!(parse("^$"), Node::Concat(vec![one('^'), one('$')]));
        assert_eq!(parse("[]a]"), Node::One(Class::of(']').union(&Class::of('a'))));
        assert_eq!(parse("()"), parse(""));
        assert_eq!(parse("a&b"), Node::Intersection(vec![one('a'), one('b')]));
        assert_eq!(parse("\"a|b\""), Node::Concat(vec![one('a'), one('|'), one('b')]));
    }

    #[test]
    fn mistakes_have_their_place() {
        assert_eq!(mistake("(a"), (0..1, "( without its closing )".into()));
        assert_eq!(mistake("a)b"), (1..2, ") without its opening (".into()));
        assert_eq!(mistake("é[a"), (2..3, "[ without its closing ]".into()));
        assert_eq!(mistake("a{x"), (1..2, "{ without a number behind it".into()));
        assert_eq!(mistake("a{2"), (1..3, "{ without its closing }".into()));
        assert_eq!(mistake("[z-a]").0, 1..4);
        assert_eq!(mistake("\\q").0, 0..2);
        assert_eq!(mistake("a|").0, 1..2);
        assert_eq!(mistake("<a-b>").0, 0..5);
        assert_eq!(mistake("a{99999999999}").0, 2..13);
        assert!(Node::parse(&"(".repeat(1000)).is_err() && Node::parse(&"~".repeat(1000)).is_err());
    }
}
