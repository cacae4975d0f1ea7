//! RLIKE: Lucene's regular expressions, as sets of the places that each part can lead to.

use std::collections::BTreeSet;

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Any,
    AnyText,
    Nothing,
    Char(char),
    Set(Vec<(char, char)>, bool),
    Cat(Vec<Node>),
    Or(Vec<Node>),
    And(Vec<Node>),
    Repeat(Box<Node>, usize, Option<usize>),
    Interval(u64, u64),
}

/// Whether the whole text is in the language of the pattern.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    step(&parse(pattern), &text, &BTreeSet::from([0])).contains(&text.len())
}

/// The expression that a pattern writes.
pub(super) fn parse(pattern: &str) -> Node {
    let mut parser = Parser { text: pattern.chars().collect(), at: 0 };
    let node = parser.union();
    assert_eq!(parser.at, parser.text.len(), "{pattern}");
    node
}

type Places = BTreeSet<usize>;

/// Where the text may go on behind `node`, from any of some places.
fn step(node: &Node, text: &[char], from: &Places) -> Places {
    let one = |test: &dyn Fn(char) -> bool| -> Places {
        from.iter().filter(|at| text.get(**at).is_some_and(|c| test(*c))).map(|at| at + 1).collect()
    };
    match node {
        Node::Any => one(&|_| true),
        Node::AnyText => from.first().map_or_else(Places::new, |first| (*first..=text.len()).collect()),
        Node::Nothing => Places::new(),
        Node::Char(wanted) => one(&|c| c == *wanted),
        Node::Set(ranges, negated) => one(&|c| ranges.iter().any(|(a, b)| (*a..=*b).contains(&c)) != *negated),
        Node::Cat(parts) => parts.iter().fold(from.clone(), |places, part| step(part, text, &places)),
        Node::Or(arms) => arms.iter().flat_map(|arm| step(arm, text, from)).collect(),
        Node::And(arms) => {
            let both = |at: usize| -> Places {
                let mut sets = arms.iter().map(|arm| step(arm, text, &Places::from([at])));
                let first = sets.next().unwrap_or_default();
                sets.fold(first, |kept, set| kept.intersection(&set).copied().collect())
            };
            from.iter().flat_map(|at| both(*at)).collect()
        }
        Node::Repeat(inner, fewest, most) => {
            let mut last = from.clone();
            for _ in 0..*fewest {
                last = step(inner, text, &last);
            }
            let (mut all, mut rounds) = (last.clone(), *fewest);
            while !last.is_empty() && most.is_none_or(|most| rounds < most) {
                last = step(inner, text, &last).difference(&all).copied().collect();
                all.extend(&last);
                rounds += 1;
            }
            all
        }
        Node::Interval(low, high) => {
            let number = |from: usize, to: usize| text[from..to].iter().collect::<String>().parse::<u64>();
            let ends = |at: usize| {
                (at + 1..=text.len()).filter(move |to| number(at, *to).is_ok_and(|n| (*low..=*high).contains(&n)))
            };
            from.iter().flat_map(|at| ends(*at)).collect()
        }
    }
}

struct Parser {
    text: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn union(&mut self) -> Node {
        let mut arms = vec![self.intersection()];
        while self.eat('|') {
            arms.push(self.intersection());
        }
        if arms.len() == 1 { arms.remove(0) } else { Node::Or(arms) }
    }

    fn intersection(&mut self) -> Node {
        let mut arms = vec![self.concatenation()];
        while self.eat('&') {
            arms.push(self.concatenation());
        }
        if arms.len() == 1 { arms.remove(0) } else { Node::And(arms) }
    }

    fn concatenation(&mut self) -> Node {
        let mut parts = vec![self.repeated()];
        while self.peek().is_some_and(|c| !matches!(c, ')' | '|' | '&')) {
            parts.push(self.repeated());
        }
        if parts.len() == 1 { parts.remove(0) } else { Node::Cat(parts) }
    }

    fn repeated(&mut self) -> Node {
        let mut node = self.simple();
        loop {
            let (fewest, most) = match self.peek() {
                Some('?') => (0, Some(1)),
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('{') => {
                    self.at += 1;
                    let fewest = self.digits();
                    let most = if self.eat(',') {
                        if self.peek() == Some('}') { None } else { Some(self.digits()) }
                    } else {
                        Some(fewest)
                    };
                    assert_eq!(self.peek(), Some('}'));
                    (fewest, most)
                }
                _ => return node,
            };
            self.at += 1;
            node = Node::Repeat(Box::new(node), fewest, most);
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect::<String>().parse().unwrap()
    }

    fn simple(&mut self) -> Node {
        let c = self.peek().unwrap();
        self.at += 1;
        match c {
            '.' => Node::Any,
            '@' => Node::AnyText,
            '#' => Node::Nothing,
            '(' if self.eat(')') => Node::Cat(Vec::new()),
            '(' => {
                let node = self.union();
                assert!(self.eat(')'));
                node
            }
            '[' => self.set(),
            '"' => {
                let end = self.at + self.text[self.at..].iter().position(|c| *c == '"').unwrap();
                let chars = self.text[self.at..end].iter().map(|c| Node::Char(*c)).collect();
                self.at = end + 1;
                Node::Cat(chars)
            }
            '<' => {
                let low = self.digits() as u64;
                assert!(self.eat('-'));
                let high = self.digits() as u64;
                assert!(self.eat('>'));
                Node::Interval(low, high)
            }
            '\\' => {
                let c = self.peek().unwrap();
                self.at += 1;
                predefined(c).map_or(Node::Char(c), |(ranges, negated)| Node::Set(ranges, negated))
            }
            // Also a quantifier that has nothing before it, and a bar that ends an empty arm.
            c => Node::Char(c),
        }
    }

    fn set(&mut self) -> Node {
        let negated = self.eat('^');
        let mut ranges = Vec::new();
        while !self.eat(']') {
            let mut c = self.peek().unwrap();
            self.at += 1;
            if c == '\\' {
                c = self.peek().unwrap();
                self.at += 1;
                if let Some((class, false)) = predefined(c) {
                    ranges.extend(class);
                    continue;
                }
            }
            if self.peek() == Some('-') && self.text.get(self.at + 1) != Some(&']') {
                self.at += 1;
                let mut last = self.peek().unwrap();
                self.at += 1;
                if last == '\\' {
                    last = self.peek().unwrap();
                    self.at += 1;
                }
                ranges.push((c, last));
            } else {
                ranges.push((c, c));
            }
        }
        Node::Set(ranges, negated)
    }
}

fn predefined(c: char) -> Option<(Vec<(char, char)>, bool)> {
    let ranges = match c.to_ascii_lowercase() {
        'd' => vec![('0', '9')],
        'w' => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
        's' => vec![(' ', ' '), ('\t', '\t'), ('\n', '\n'), ('\r', '\r')],
        _ => return None,
    };
    Some((ranges, c.is_ascii_uppercase()))
}

#[test]
fn expressions() {
    for (pattern, text, expected) in [
        ("a.*c", "abbc", true),
        ("a.*c", "abbcd", false),
        ("(a|b){2,3}", "aba", true),
        ("(a.*||b.*)", "|b", true),
        ("(a.*||b.*)", "b", false),
        ("*sh", "*sh", true),
        (".*(x&y).*", "xy", false),
        ("a@", "a.b", true),
        ("[^a-c\\d]+", "xyz", true),
        ("[^a-c\\d]+", "xy1", false),
        ("<1-12>", "07", true),
        ("\\.\\w\\s", ".a ", true),
        ("#", "", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}
