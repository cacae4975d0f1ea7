//! A regular expression of Java read by Java's own grammar: flags, classes, groups, quantifiers of all three kinds,
//! look-around, quotation, references back. What comes out says by itself what it means: no flag is left in it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::set::{Set, VERTICAL};
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

    fn escape(&mut self, start: usize) -> Result<Node, Mistake> {
        let Some(letter) = self.peek_token().map(|token| token.c) else {
            let mistake = Mistake::new(self.from(start), "a backslash at the end of the pattern");
            return Err(mistake.with_help("write \\\\ for a backslash itself"));
        };
        self.at += 1;
        Ok(match letter {
            'b' => Node::At(Place::Word),
            'B' => Node::At(Place::NotWord),
            'A' => Node::At(Place::Start),
            'Z' => Node::At(Place::LastEnd(self.flags.unix_lines)),
            'z' => Node::At(Place::End),
            'R' => {
                let pair = Node::Concat(vec![Node::One(Set::of('\r'), false), Node::One(Set::of('\n'), false)]);
                Node::Atomic(Box::new(Node::Union(vec![pair, Node::One(Set::Ranges(VERTICAL.to_vec()), false)])))
            }
            'k' => {
                if !self.eat('<') {
                    return self.mistake(start, "\\k without the name of a group, such as \\k<name>");
                }
                let name = self.name(start)?;
                match self.names.get(&name) {
                    Some(number) => Node::Back(*number, self.flags.case),
                    None => return self.mistake(start, format!("no group before this is called <{name}>")),
                }
            }
            '1'..='9' => {
                let mut number = letter.to_digit(10).unwrap_or(0) as usize;
                while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
                    let longer = number * 10 + digit as usize;
                    if longer > self.groups {
                        break;
                    }
                    number = longer;
                    self.at += 1;
                }
                Node::Back(number, self.flags.case)
            }
            _ => {
                let set = self.escaped(start, letter)?;
                self.one(set)
            }
        })
    }

    /// What a backslash makes of a character, within classes and elsewhere.
    fn escaped(&mut self, start: usize, letter: char) -> Result<Set, Mistake> {
        if let Some(set) = Set::escape(letter) {
            return Ok(set);
        }
        Ok(match letter {
            'p' | 'P' => {
                let set = self.property(start)?;
                if letter == 'P' { Set::Not(Box::new(set)) } else { set }
            }
            c if !c.is_ascii_alphanumeric() => Set::of(c),
            _ => Set::of(self.character(start, letter)?),
        })
    }

    fn character(&mut self, start: usize, letter: char) -> Result<char, Mistake> {
        let code = match letter {
            't' => 0x9,
            'n' => 0xA,
            'r' => 0xD,
            'f' => 0xC,
            'a' => 0x7,
            'e' => 0x1B,
            'c' => match self.bump().map(|token| token.c) {
                Some(c) => u32::from(c) ^ 64,
                None => return self.mistake(start, "\\c without a character behind it"),
            },
            '0' => self.octal(start)?,
            'x' if self.eat('{') => {
                let code = self.hex(start, 1, 6)?;
                if !self.eat('}') {
                    return self.mistake(start, "\\x{ without its closing }");
                }
                code
            }
            'x' => self.hex(start, 2, 2)?,
            'u' => {
                let high = self.hex(start, 4, 4)?;
                if (0xD800..0xDC00).contains(&high) && self.eat('\\') && self.eat('u') {
                    let low = self.hex(start, 4, 4)?;
                    0x1_0000 + ((high - 0xD800) << 10) + low.wrapping_sub(0xDC00)
                } else {
                    high
                }
            }
            other => {
                let mistake =
                    Mistake::new(self.from(start), format!("\\{other} has no meaning in a regular expression of Java"));
                return Err(
                    mistake.with_help("leave out the backslash for the letter itself, write \\\\ for a backslash")
                );
            }
        };
        match char::from_u32(code) {
            Some(c) => Ok(c),
            None => self.mistake(start, format!("no character has the number {code:X}")),
        }
    }

    fn octal(&mut self, start: usize) -> Result<u32, Mistake> {
        let (mut code, mut count) = (0, 0);
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) {
            if count == 3 || (count == 2 && code * 8 + digit > 0o377) {
                break;
            }
            code = code * 8 + digit;
            count += 1;
            self.at += 1;
        }
        if count == 0 { self.mistake(start, "\\0 without an octal number behind it") } else { Ok(code) }
    }

    fn hex(&mut self, start: usize, least: u32, most: u32) -> Result<u32, Mistake> {
        let (mut code, mut count) = (0, 0);
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(16)).filter(|_| count < most) {
            code = code * 16 + digit;
            count += 1;
            self.at += 1;
        }
        if count < least { self.mistake(start, "too few hexadecimal digits") } else { Ok(code) }
    }

    /// Behind `\p`.
    fn property(&mut self, start: usize) -> Result<Set, Mistake> {
        let name = if self.eat('{') {
            let mut name = String::new();
            loop {
                match self.bump().map(|token| token.c) {
                    Some('}') => break name,
                    Some(c) => name.push(c),
                    None => return self.mistake(start, "\\p{ without its closing }"),
                }
            }
        } else {
            self.bump().map(|token| token.c.to_string()).unwrap_or_default()
        };
        match Set::property(&name) {
            Some(set) => Ok(set),
            None => self.mistake(start, format!("unknown property '{name}' of characters")),
        }
    }

    /// Behind `[`: unions, and what `&&` stands between.
    fn class(&mut self, open: usize) -> Result<Set, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.mistake(open, format!("classes within each other, more than {DEPTH}"));
        }
        let negated = self.eat('^');
        let mut all: Vec<Set> = Vec::new();
        let mut union: Vec<Set> = Vec::new();
        let mut first = true;
        loop {
            self.skip();
            let start = self.at;
            let Some(token) = self.bump() else {
                let place = self.tokens.get(open).map_or(0..0, |token| token.place.clone());
                let help = "write \\[ for the character itself";
                return Err(Mistake::new(place, "[ without its closing ]").with_help(help));
            };
            match token.c {
                ']' if !token.literal && (!first || !all.is_empty()) => break,
                '[' if !token.literal => union.push(self.class(start)?),
                '&' if !token.literal && self.peek() == Some('&') => {
                    self.at += 1;
                    if !union.is_empty() || first {
                        all.push(Set::Union(std::mem::take(&mut union)));
                    }
                }
                _ => {
                    let set = self.class_item(start, &token)?;
                    union.push(set);
                }
            }
            first = false;
        }
        self.depth -= 1;
        if !union.is_empty() || all.is_empty() {
            all.push(match union.pop() {
                Some(only) if union.is_empty() => only,
                last => Set::Union(union.into_iter().chain(last).collect()),
            });
        }
        let set = match all.pop() {
            Some(only) if all.is_empty() => only,
            last => Set::Intersection(all.into_iter().chain(last).collect()),
        };
        Ok(if negated { Set::Not(Box::new(set)) } else { set })
    }

    fn class_item(&mut self, start: usize, token: &Token) -> Result<Set, Mistake> {
        let from = match self.class_character(start, token)? {
            Ok(c) => c,
            Err(set) => return Ok(set),
        };
        let dash = self.at;
        let ranges = self.peek() == Some('-')
            && self.tokens.get(dash + 1).is_some_and(|next| next.literal || !matches!(next.c, ']' | '['));
        if !ranges {
            return Ok(Set::of(from));
        }
        self.at += 1;
        let next = self.at;
        let Some(token) = self.bump() else { return Ok(Set::of(from)) };
        let Ok(to) = self.class_character(next, &token)? else {
            return self.mistake(start, "a range ends in a class of characters");
        };
        if from > to {
            return self.mistake(start, format!("the range runs backwards, from {from:?} to {to:?}"));
        }
        Ok(Set::Ranges(vec![(from.into(), to.into())]))
    }

    /// A character, or the set that an escape means.
    fn class_character(&mut self, start: usize, token: &Token) -> Result<Result<char, Set>, Mistake> {
        if token.literal || token.c != '\\' {
            return Ok(Ok(token.c));
        }
        let Some(letter) = self.peek_token().map(|token| token.c) else {
            return self.mistake(start, "a backslash at the end of the pattern");
        };
        self.at += 1;
        Ok(match self.escaped(start, letter)? {
            Set::Ranges(ranges) => match ranges.as_slice() {
                [(from, to)] if from == to => char::from_u32(*from).ok_or(Set::Ranges(ranges)),
                _ => Err(Set::Ranges(ranges)),
            },
            set => Err(set),
        })
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
