//! A regular expression of Java read by Java's own grammar: flags, classes, groups, quantifiers of all three kinds,
//! look-around, quotation, references back. What comes out says by itself what it means: no flag is left in it.

mod class;
mod escape;

use std::collections::BTreeMap;
use std::ops::Range;

use super::set::Set;
use crate::patterns::Mistake;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// One character of a set; with cases folded as Unicode does where that is asked for.
    One(Set, bool),
    /// One behind the other.
    Concat(Vec<Node>),
    /// The first that leads to a match.
    Union(Vec<Node>),
    /// A group of this number.
    Group(usize, Box<Node>),
    /// This so often.
    Repeat(Box<Node>, u32, Option<u32>, Manner),
    /// This, as it matches first.
    Atomic(Box<Node>),
    /// What is ahead or behind, or is not.
    Look { behind: bool, negated: bool, node: Box<Node> },
    /// What a group matched, cases folded or not.
    Back(usize, bool),
    /// A place.
    At(Place),
}

/// How a repetition goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As often as it can.
    Greedy,
    /// As seldom as it can.
    Lazy,
    /// As often as it can, giving nothing back.
    Possessive,
}

/// A place between characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The start of the text.
    Start,
    /// Its end.
    End,
    /// Its end, or before the end of a line that ends it; only `\n` ends lines if so.
    LastEnd(bool),
    /// The start of a line.
    LineStart(bool),
    /// The end of a line.
    LineEnd(bool),
    /// Between a letter, digit or `_` and anything else.
    Word,
    /// Anywhere else.
    NotWord,
}

/// An expression with the groups that it has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) node: Node,
    /// How many groups there are.
    pub(crate) groups: usize,
    /// Those that have names.
    pub(crate) names: BTreeMap<String, usize>,
}

/// Deeper than any author writes, and shallow enough for those who walk it.
const DEPTH: usize = 200;

/// Returns what a pattern says.
pub(crate) fn parse(pattern: &str) -> Result<Parsed, Mistake> {
    let tokens = unquote(pattern);
    let groups = 0;
    let flags = Flags::default();
    let mut parser = Parser { tokens, at: 0, end: pattern.len(), flags, groups, names: BTreeMap::new(), depth: 0 };
    let node = parser.union()?;
    if let Some(token) = parser.peek_token() {
        let help = "write \\) for the character itself";
        return Err(Mistake::new(token.place.clone(), ") without its opening (").with_help(help));
    }
    Ok(Parsed { node, groups: parser.groups, names: parser.names })
}

#[derive(Debug, Clone)]
struct Token {
    c: char,
    /// Whether it has no meaning of its own.
    literal: bool,
    place: Range<usize>,
}

/// The characters of a pattern, those between `\Q` and `\E` marked.
fn unquote(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut quoted = false;
    let mut chars = pattern.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let token = |c: char, at: usize, literal: bool| Token { c, literal, place: at..at + c.len_utf8() };
        match (c, chars.peek().copied(), quoted) {
            ('\\', Some((_, 'Q')), false) | ('\\', Some((_, 'E')), _) => {
                quoted = !quoted && chars.peek().is_some_and(|(_, c)| *c == 'Q');
                chars.next();
            }
            ('\\', Some((next_at, next)), false) => {
                chars.next();
                tokens.push(token(c, at, false));
                tokens.push(token(next, next_at, false));
            }
            _ => tokens.push(token(c, at, quoted)),
        }
    }
    tokens
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    case: bool,
    unicode_case: bool,
    multiline: bool,
    dot_all: bool,
    unix_lines: bool,
    comments: bool,
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    end: usize,
    flags: Flags,
    groups: usize,
    names: BTreeMap<String, usize>,
    depth: usize,
}

impl Parser {
    fn peek_token(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// The next character, if it has a meaning of its own.
    fn peek(&self) -> Option<char> {
        self.peek_token().filter(|token| !token.literal).map(|token| token.c)
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn bump(&mut self) -> Option<Token> {
        let token = self.peek_token().cloned();
        self.at += usize::from(token.is_some());
        token
    }

    /// The bytes from a token's start to what was read last.
    fn from(&self, token: usize) -> Range<usize> {
        let start = self.tokens.get(token).map_or(self.end, |token| token.place.start);
        let end = self.at.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(self.end, |t| t.place.end);
        start..end.max(start)
    }

    fn mistake<T>(&self, token: usize, message: impl Into<String>) -> Result<T, Mistake> {
        Err(Mistake::new(self.from(token), message))
    }

    /// White space and comments, where these have no meaning.
    fn skip(&mut self) {
        while self.flags.comments {
            match self.peek() {
                Some(c) if c.is_ascii_whitespace() || c == '\u{b}' => self.at += 1,
                Some('#') => {
                    while self.peek_token().is_some_and(|token| token.c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn union(&mut self) -> Result<Node, Mistake> {
        let mut nodes = vec![self.concat()?];
        while self.eat('|') {
            nodes.push(self.concat()?);
        }
        Ok(match nodes.pop() {
            Some(only) if nodes.is_empty() => only,
            last => Node::Union(nodes.into_iter().chain(last).collect()),
        })
    }

    fn concat(&mut self) -> Result<Node, Mistake> {
        let mut nodes = Vec::new();
        loop {
            self.skip();
            if self.peek_token().is_none() || matches!(self.peek(), Some('|' | ')')) {
                return Ok(Node::Concat(nodes));
            }
            if let Some(node) = self.atom()? {
                nodes.push(self.quantified(node)?);
            }
        }
    }

    fn quantified(&mut self, node: Node) -> Result<Node, Mistake> {
        self.skip();
        let start = self.at;
        let (least, most) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => {
                self.at += 1;
                let bounds = self.braces(start)?;
                return Ok(self.in_manner(node, bounds));
            }
            _ => return Ok(node),
        };
        self.at += 1;
        Ok(self.in_manner(node, (least, most)))
    }

    fn in_manner(&mut self, node: Node, (least, most): (u32, Option<u32>)) -> Node {
        let manner = match self.peek() {
            Some('?') => Manner::Lazy,
            Some('+') => Manner::Possessive,
            _ => Manner::Greedy,
        };
        self.at += usize::from(manner != Manner::Greedy);
        Node::Repeat(Box::new(node), least, most, manner)
    }

    fn braces(&mut self, open: usize) -> Result<(u32, Option<u32>), Mistake> {
        let least = self.number(open)?;
        let most = match (self.eat(','), least) {
            (true, _) => self.number(open)?,
            (false, least) => least,
        };
        let (Some(least), true) = (least, self.eat('}')) else {
            let mistake = Mistake::new(self.from(open), "{ without a repetition such as {2}, {2,} or {2,5}");
            return Err(mistake.with_help("write \\{ for the character itself"));
        };
        if most.is_some_and(|most| most < least) {
            return self.mistake(open, "the repetition's most is less than its least");
        }
        Ok((least, most))
    }

    fn number(&mut self, open: usize) -> Result<Option<u32>, Mistake> {
        let mut digits = String::new();
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            digits.push(digit);
            self.at += 1;
        }
        if digits.is_empty() {
            return Ok(None);
        }
        match digits.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => self.mistake(open, format!("the number {digits} is too large")),
        }
    }

    /// Something that matches, or `None` for flags alone.
    fn atom(&mut self) -> Result<Option<Node>, Mistake> {
        let start = self.at;
        let Some(token) = self.bump() else { return Ok(None) };
        if token.literal {
            return Ok(Some(self.one(Set::of(token.c))));
        }
        Ok(Some(match token.c {
            '.' => Node::One(Set::dot(self.flags.dot_all, self.flags.unix_lines), false),
            '^' if self.flags.multiline => Node::At(Place::LineStart(self.flags.unix_lines)),
            '^' => Node::At(Place::Start),
            '$' if self.flags.multiline => Node::At(Place::LineEnd(self.flags.unix_lines)),
            '$' => Node::At(Place::LastEnd(self.flags.unix_lines)),
            '[' => {
                let set = self.class(start)?;
                self.one(set)
            }
            '(' => return self.group(start),
            '\\' => self.escape(start)?,
            c @ ('*' | '+' | '?') => {
                let mistake = Mistake::new(token.place, format!("{c} without anything before it to repeat"));
                return Err(mistake.with_help("write a backslash before it for the character itself"));
            }
            '{' => {
                let mistake = Mistake::new(token.place, "{ without anything before it to repeat");
                return Err(mistake.with_help("write \\{ for the character itself"));
            }
            c => self.one(Set::of(c)),
        }))
    }

    /// One character of a set, as the flags say.
    fn one(&self, set: Set) -> Node {
        match (self.flags.case, self.flags.unicode_case) {
            (false, _) => Node::One(set, false),
            (true, false) => Node::One(set.fold(), false),
            (true, true) => Node::One(set, true),
        }
    }

    fn group(&mut self, start: usize) -> Result<Option<Node>, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.mistake(start, format!("groups within each other, more than {DEPTH}"));
        }
        let flags = self.flags;
        let make: Box<dyn FnOnce(Node) -> Node> = if self.eat('?') {
            match self.bump().map(|token| token.c) {
                Some(':') => Box::new(|node| node),
                Some('=') => look(false, false),
                Some('!') => look(false, true),
                Some('>') => Box::new(|node| Node::Atomic(Box::new(node))),
                Some('<') if self.eat('=') => look(true, false),
                Some('<') if self.eat('!') => look(true, true),
                Some('<') => {
                    let name = self.name(start)?;
                    self.groups += 1;
                    let number = self.groups;
                    if self.names.insert(name.clone(), number).is_some() {
                        return self.mistake(start, format!("the group <{name}> stands twice"));
                    }
                    Box::new(move |node| Node::Group(number, Box::new(node)))
                }
                _ => {
                    self.at -= usize::from(self.at > start + 2);
                    if !self.inline_flags(start)? {
                        // These hold to the end of the group that they stand in.
                        self.depth -= 1;
                        return Ok(None);
                    }
                    Box::new(|node| node)
                }
            }
        } else {
            self.groups += 1;
            let number = self.groups;
            Box::new(move |node| Node::Group(number, Box::new(node)))
        };
        let node = self.union()?;
        if !self.eat(')') {
            let place = self.tokens.get(start).map_or(0..0, |token| token.place.clone());
            let help = "write \\( for the character itself";
            return Err(Mistake::new(place, "( without its closing )").with_help(help));
        }
        self.flags = flags;
        self.depth -= 1;
        Ok(Some(make(node)))
    }

    /// A name and the `>` behind it.
    fn name(&mut self, start: usize) -> Result<String, Mistake> {
        let mut name = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_alphanumeric) {
            name.push(c);
            self.at += 1;
        }
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) && self.eat('>') {
            return Ok(name);
        }
        self.mistake(start, "a group's name is a letter and letters and digits behind it, up to >")
    }

    /// Flags behind `(?`; true if they are for what stands behind a `:`.
    fn inline_flags(&mut self, start: usize) -> Result<bool, Mistake> {
        let mut on = true;
        loop {
            match self.bump().map(|token| token.c) {
                Some('-') if on => on = false,
                Some('i') => self.flags.case = on,
                Some('m') => self.flags.multiline = on,
                Some('s') => self.flags.dot_all = on,
                Some('d') => self.flags.unix_lines = on,
                Some('u') => self.flags.unicode_case = on,
                Some('x') => self.flags.comments = on,
                Some('U') => {
                    return self
                        .mistake(start, "the flag U, which gives classes their meaning of Unicode, is not supported");
                }
                Some(')') => return Ok(false),
                Some(':') => return Ok(true),
                _ => {
                    let mistake = Mistake::new(self.from(start), "unknown kind of group behind (?");
                    let help = "known are (?:x) (?<name>x) (?=x) (?!x) (?<=x) (?<!x) (?>x) and the flags i m s d u x";
                    return Err(mistake.with_help(help));
                }
            }
        }
    }
}

fn look(behind: bool, negated: bool) -> Box<dyn FnOnce(Node) -> Node> {
    Box::new(move |node| Node::Look { behind, negated, node: Box::new(node) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]
    use super::*;

    fn mistake(pattern: &str) -> (Range<usize>, String) {
        let mistake = parse(pattern).expect_err(pattern);
        (mistake.at, mistake.message)
    }

    #[test]
    fn mistakes_have_their_place() {
        assert_eq!(mistake("é(a"), (2..3, "( without its closing )".into()));
        assert_eq!(mistake("a)b"), (1..2, ") without its opening (".into()));
        assert_eq!(mistake("[a"), (0..1, "[ without its closing ]".into()));
        assert_eq!(mistake("*a"), (0..1, "* without anything before it to repeat".into()));
        assert_eq!(mistake("a**").0, 2..3);
        assert_eq!(mistake("a{2,1}").0, 1..6);
        assert_eq!(mistake("a{x}").0, 1..2);
        assert_eq!(mistake("\\y").0, 0..2);
        assert_eq!(mistake("a\\").0, 1..2);
        assert_eq!(mistake("(?<1a>x)").0.start, 0);
        assert_eq!(mistake("(?<a>x)(?<a>y)").0.start, 7);
        assert_eq!(mistake("\\k<b>").0, 0..5);
        assert_eq!(mistake("[z-a]").0, 1..4);
        assert_eq!(mistake("\\p{Nonsense}").0, 0..12);
        assert_eq!(mistake("(?q)").0, 0..3);
        assert!(parse(&"(".repeat(1000)).is_err() && parse(&"[".repeat(1000)).is_err());
    }

    #[test]
    fn groups_are_counted() {
        let parsed = parse("(a)(?:b)(?<name>c)((d))").unwrap_or_else(|mistake| unreachable!("{mistake:?}"));
        assert_eq!((parsed.groups, parsed.names.get("name")), (4, Some(&2)));
    }
}
