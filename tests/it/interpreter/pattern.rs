//! The syntax of Java's and Ruby's regular expressions, as far as they go together.

/// Whose expression it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Java,
    Ruby,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) fewest: usize,
    pub(super) most: Option<usize>,
    pub(super) lazy: bool,
    pub(super) possessive: bool,
}

/// A part of an expression. The flag of a character is whether case does not matter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Char(char, bool),
    /// Any character but these.
    Any(&'static [char]),
    Set(Vec<(char, char)>, bool, bool),
    Cat(Vec<Node>),
    Or(Vec<Node>),
    Repeat(Box<Node>, Times),
    Group(Box<Node>, usize),
    Atomic(Box<Node>),
    Ahead(Box<Node>, bool),
    Behind(Box<Node>, bool),
    Start(bool),
    End(bool),
    Edge(bool),
}

impl Node {
    pub(super) const fn is_char(&self) -> bool {
        matches!(self, Self::Char(..) | Self::Any(_) | Self::Set(..))
    }

    /// Whether a single character is matched.
    pub(super) fn takes(&self, c: char) -> bool {
        let within = |ranges: &[(char, char)], c: char| ranges.iter().any(|(a, b)| (*a..=*b).contains(&c));
        match self {
            Self::Char(wanted, any_case) => c == *wanted || (*any_case && c.eq_ignore_ascii_case(wanted)),
            Self::Any(but) => !but.contains(&c),
            Self::Set(ranges, negated, any_case) => {
                let other = |c: char| within(ranges, c.to_ascii_lowercase()) || within(ranges, c.to_ascii_uppercase());
                (within(ranges, c) || (*any_case && other(c))) != *negated
            }
            _ => false,
        }
    }
}

/// The expression of a pattern, and the names of its groups from 1.
pub(super) fn parse(pattern: &str, dialect: Dialect) -> (Node, Vec<Option<String>>) {
    let flags = Flags { any_case: false, lines: false, all: false };
    let mut parser = Parser { text: pattern.chars().collect(), at: 0, names: Vec::new(), flags, dialect };
    let node = parser.union();
    assert_eq!(parser.at, parser.text.len(), "{pattern}");
    (node, parser.names)
}

#[derive(Debug, Clone, Copy)]
struct Flags {
    any_case: bool,
    lines: bool,
    all: bool,
}

struct Parser {
    text: Vec<char>,
    at: usize,
    names: Vec<Option<String>>,
    flags: Flags,
    dialect: Dialect,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> char {
        self.at += 1;
        self.text[self.at - 1]
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let wanted: Vec<char> = wanted.chars().collect();
        let found = self.text[self.at..].starts_with(&wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn until(&mut self, end: char) -> String {
        let mut text = String::new();
        while self.peek() != Some(end) {
            text.push(self.next());
        }
        self.at += 1;
        text
    }

    /// Arms up to the end or the closing parenthesis; flags set within them end there.
    fn union(&mut self) -> Node {
        let flags = self.flags;
        let mut arms = vec![self.sequence()];
        while self.eat("|") {
            arms.push(self.sequence());
        }
        self.flags = flags;
        if arms.len() == 1 { arms.remove(0) } else { Node::Or(arms) }
    }

    fn sequence(&mut self) -> Node {
        let mut parts = Vec::new();
        while self.peek().is_some_and(|c| !matches!(c, '|' | ')')) {
            if let Some(one) = self.one() {
                parts.push(self.repeated(one));
            }
        }
        Node::Cat(parts)
    }

    fn repeated(&mut self, mut node: Node) -> Node {
        loop {
            let (fewest, most) = match self.peek() {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some('{') => {
                    self.at += 1;
                    let text = self.until('}');
                    self.at -= 1;
                    let (low, high) =
                        text.split_once(',').map_or((text.as_str(), Some(text.as_str())), |(low, high)| {
                            (low, Some(high).filter(|high| !high.is_empty()))
                        });
                    (low.parse().unwrap(), high.map(|high| high.parse().unwrap()))
                }
                _ => return node,
            };
            self.at += 1;
            let lazy = self.eat("?");
            let possessive = !lazy && self.eat("+");
            node = Node::Repeat(Box::new(node), Times { fewest, most, lazy, possessive });
        }
    }

    fn one(&mut self) -> Option<Node> {
        let Flags { any_case, lines, all } = self.flags;
        Some(match self.next() {
            '.' if all => Node::Any(&[]),
            '.' if self.dialect == Dialect::Ruby => Node::Any(&['\n']),
            '.' => Node::Any(&['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']),
            '^' => Node::Start(lines),
            '$' => Node::End(lines),
            '[' => self.set(),
            '(' => return self.parenthesis(),
            '\\' => match self.next() {
                'b' => Node::Edge(true),
                'B' => Node::Edge(false),
                c => class(c).map_or(Node::Char(escaped(c), any_case), |(ranges, not)| Node::Set(ranges, not, false)),
            },
            c => Node::Char(c, any_case),
        })
    }

    /// What an opening parenthesis starts; nothing for flags.
    fn parenthesis(&mut self) -> Option<Node> {
        let closed = |parser: &mut Self| {
            let node = Box::new(parser.union());
            assert!(parser.eat(")"));
            node
        };
        if !self.eat("?") {
            return Some(self.group(None));
        }
        Some(if self.eat("=") {
            Node::Ahead(closed(self), true)
        } else if self.eat("!") {
            Node::Ahead(closed(self), false)
        } else if self.eat("<=") {
            Node::Behind(closed(self), true)
        } else if self.eat("<!") {
            Node::Behind(closed(self), false)
        } else if self.eat(">") {
            Node::Atomic(closed(self))
        } else if self.eat("<") {
            let name = self.until('>');
            self.group(Some(name))
        } else {
            let before = self.flags;
            loop {
                match self.next() {
                    'i' => self.flags.any_case = true,
                    'm' if self.dialect == Dialect::Ruby => self.flags.all = true,
                    'm' => self.flags.lines = true,
                    's' => self.flags.all = true,
                    ':' => break,
                    ')' => return None,
                    c => panic!("flag {c}"),
                }
            }
            let node = *closed(self);
            self.flags = before;
            node
        })
    }

    fn group(&mut self, name: Option<String>) -> Node {
        self.names.push(name);
        let number = self.names.len();
        let inner = self.union();
        assert!(self.eat(")"));
        Node::Group(Box::new(inner), number)
    }

    fn set(&mut self) -> Node {
        let negated = self.eat("^");
        let mut ranges = Vec::new();
        while !self.eat("]") {
            let first = match self.next() {
                '\\' => match self.next() {
                    c if class(c).is_some_and(|(_, not)| !not) => {
                        ranges.extend(class(c).unwrap().0);
                        continue;
                    }
                    c => escaped(c),
                },
                c => c,
            };
            if self.peek() == Some('-') && self.text[self.at + 1] != ']' {
                self.at += 1;
                let last = match self.next() {
                    '\\' => escaped(self.next()),
                    c => c,
                };
                ranges.push((first, last));
            } else {
                ranges.push((first, first));
            }
        }
        Node::Set(ranges, negated, self.flags.any_case)
    }
}

fn class(c: char) -> Option<(Vec<(char, char)>, bool)> {
    let ranges = match c.to_ascii_lowercase() {
        'd' => vec![('0', '9')],
        'w' => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
        's' => vec![(' ', ' '), ('\t', '\r')],
        _ => return None,
    };
    Some((ranges, c.is_ascii_uppercase()))
}

const fn escaped(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        c => c,
    }
}
