//! Regular expressions of Java (REPLACE) and Ruby (GROK): the textbook's backtracking search, nothing clever.

use super::pattern::{Dialect, Node, Times, parse};

/// Where groups matched: the whole is group 0.
pub(super) type Groups = Vec<Option<(usize, usize)>>;

/// An expression ready to search.
pub(super) struct Regex {
    pub(super) node: Node,
    /// The name of each group, from 1.
    pub(super) names: Vec<Option<String>>,
    dialect: Dialect,
}

/// What is called with the place that a match reaches; whether that is the end of the search.
type Next<'n> = &'n mut dyn FnMut(usize, &mut Groups) -> bool;

impl Regex {
    pub(super) fn new(pattern: &str, dialect: Dialect) -> Self {
        let (node, names) = parse(pattern, dialect);
        Self { node, names, dialect }
    }

    /// The first match that starts at `from` or later.
    pub(super) fn find(&self, text: &[char], from: usize) -> Option<Groups> {
        (from..=text.len()).find_map(|start| {
            let mut groups: Groups = vec![None; self.names.len() + 1];
            let mut end = None;
            let search = Search { text, dialect: self.dialect };
            let found = search.run(&self.node, start, &mut groups, &mut |at, _| {
                end = Some(at);
                true
            });
            found.then(|| {
                groups[0] = Some((start, end.unwrap()));
                groups
            })
        })
    }

    /// Every match replaced by what the template says: `$1` is a group, a backslash takes a meaning away.
    pub(super) fn replace(&self, text: &str, template: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let (mut out, mut copied, mut from) = (String::new(), 0, 0);
        while let Some(groups) = self.find(&chars, from) {
            let (start, end) = groups[0].unwrap();
            out.extend(&chars[copied..start]);
            expand(template, &groups, &chars, &mut out);
            copied = end;
            from = if end > start { end } else { end + 1 };
            if from > chars.len() {
                break;
            }
        }
        out.extend(&chars[copied..]);
        out
    }
}

fn expand(template: &str, groups: &Groups, text: &[char], out: &mut String) {
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            '$' => {
                let mut number = chars.next().unwrap().to_digit(10).unwrap() as usize;
                // A further digit belongs to the number while there is such a group.
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    if number * 10 + digit as usize >= groups.len() {
                        break;
                    }
                    number = number * 10 + digit as usize;
                    chars.next();
                }
                if let Some((start, end)) = groups[number] {
                    out.extend(&text[start..end]);
                }
            }
            c => out.push(c),
        }
    }
}

struct Search<'t> {
    text: &'t [char],
    dialect: Dialect,
}

impl Search<'_> {
    fn run(&self, node: &Node, at: usize, groups: &mut Groups, next: Next<'_>) -> bool {
        match node {
            Node::Cat(parts) => self.all(parts, at, groups, next),
            Node::Or(arms) => arms.iter().any(|arm| self.run(arm, at, groups, next)),
            Node::Repeat(inner, times) if inner.is_char() => self.chars(inner, times, at, groups, next),
            Node::Repeat(inner, times) if times.possessive => {
                let once = Times { possessive: false, ..*times };
                self.run(&Node::Atomic(Box::new(Node::Repeat(inner.clone(), once))), at, groups, next)
            }
            Node::Repeat(inner, times) => self.repeat(inner, times, 0, at, groups, next),
            Node::Group(inner, number) => {
                let before = groups[*number];
                let found = self.run(inner, at, groups, &mut |end, groups| {
                    let inner_before = groups[*number];
                    groups[*number] = Some((at, end));
                    let found = next(end, groups);
                    if !found {
                        groups[*number] = inner_before;
                    }
                    found
                });
                if !found {
                    groups[*number] = before;
                }
                found
            }
            Node::Atomic(inner) => {
                let mut reached = None;
                self.run(inner, at, groups, &mut |end, _| {
                    reached = Some(end);
                    true
                }) && next(reached.unwrap(), groups)
            }
            Node::Ahead(inner, wanted) => {
                let mut inside = groups.clone();
                let found = self.run(inner, at, &mut inside, &mut |_, _| true);
                found == *wanted && next(at, groups)
            }
            Node::Behind(inner, wanted) => {
                let mut inside = groups.clone();
                let ends = |start: usize, inside: &mut Groups| self.run(inner, start, inside, &mut |end, _| end == at);
                let found = (0..=at).any(|start| ends(start, &mut inside));
                found == *wanted && next(at, groups)
            }
            Node::Start(lines) => {
                let lines = *lines || self.dialect == Dialect::Ruby;
                (at == 0 || (lines && self.text[at - 1] == '\n')) && next(at, groups)
            }
            Node::End(lines) => {
                let lines = *lines || self.dialect == Dialect::Ruby;
                let rest = &self.text[at..];
                let here = rest.is_empty() || rest == ['\n'] || (lines && rest[0] == '\n');
                here && next(at, groups)
            }
            Node::Edge(wanted) => {
                let word = |place: Option<usize>| {
                    place.and_then(|place| self.text.get(place)).is_some_and(|c| c.is_alphanumeric() || *c == '_')
                };
                (word(at.checked_sub(1)) != word(Some(at))) == *wanted && next(at, groups)
            }
            _ => self.text.get(at).is_some_and(|c| node.takes(*c)) && next(at + 1, groups),
        }
    }

    fn all(&self, parts: &[Node], at: usize, groups: &mut Groups, next: Next<'_>) -> bool {
        match parts.split_first() {
            None => next(at, groups),
            Some((first, rest)) => self.run(first, at, groups, &mut |at, groups| self.all(rest, at, groups, next)),
        }
    }

    /// So many of one character, without a call each.
    fn chars(&self, one: &Node, times: &Times, at: usize, groups: &mut Groups, next: Next<'_>) -> bool {
        let room = times.most.unwrap_or(usize::MAX);
        let most = self.text[at..].iter().take(room).take_while(|c| one.takes(**c)).count();
        if most < times.fewest {
            return false;
        }
        if times.possessive {
            return next(at + most, groups);
        }
        if times.lazy {
            return (times.fewest..=most).any(|count| next(at + count, groups));
        }
        (times.fewest..=most).rev().any(|count| next(at + count, groups))
    }

    fn repeat(&self, inner: &Node, times: &Times, done: usize, at: usize, groups: &mut Groups, next: Next<'_>) -> bool {
        let enough = done >= times.fewest;
        if enough && times.lazy && next(at, groups) {
            return true;
        }
        let more = times.most.is_none_or(|most| done < most)
            && self.run(inner, at, groups, &mut |end, groups| {
                // A round that takes nothing is the last one.
                if end == at && enough {
                    return false;
                }
                self.repeat(inner, times, done + 1, end, groups, next)
            });
        more || (enough && !times.lazy && next(at, groups))
    }
}

#[test]
fn replaces() {
    let java = |pattern: &str, text: &str, template: &str| Regex::new(pattern, Dialect::Java).replace(text, template);
    assert_eq!(java("(?i)(bearer +)[^'\" ]+", "BEARER abc x", "$1<R>"), "BEARER <R> x");
    assert_eq!(java("\\d++a|b", "12b12a", "\\$"), "12$$");
    assert_eq!(java("a(?!b)", "abac", "-"), "ab-c");
    assert_eq!(java("x*", "ab", "-"), "-a-b-");
    assert_eq!(java(":[0-9]+$", "h:8:80", ""), "h:8");
    assert_eq!(java("(a|ab)(c|bcd)(d*)", "abcd", "$1.$2.$3"), "a.bcd.");
    let ruby = Regex::new("^(?<n.a>b+?)c$", Dialect::Ruby);
    let text: Vec<char> = "a\nbbc\nd".chars().collect();
    assert_eq!(ruby.find(&text, 0).unwrap()[1], Some((2, 4)));
    assert_eq!(ruby.names, [Some("n.a".to_owned())]);
}
