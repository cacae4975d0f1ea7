//! A matcher that tries every way, read off Lucene's grammar once more and sharing nothing with the other: for tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

/// Whether the whole value matches the pattern, which must be one.
pub(crate) fn is_match(pattern: &str, value: &str) -> bool {
    let value: Vec<char> = value.chars().collect();
    if pattern.is_empty() {
        return value.is_empty();
    }
    let mut reader = Reader { chars: pattern.chars().collect(), at: 0 };
    let matcher = reader.union();
    assert_eq!(reader.at, reader.chars.len(), "{pattern}");
    matcher(&value, 0).contains(&value.len())
}

/// From a place in the value to all the places where a match may end.
type Ends = Box<dyn Fn(&[char], usize) -> BTreeSet<usize>>;

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self, any: &str) -> bool {
        self.chars.get(self.at).is_some_and(|c| any.contains(*c))
    }

    fn eat(&mut self, c: char) -> bool {
        let eaten = self.chars.get(self.at) == Some(&c);
        self.at += usize::from(eaten);
        eaten
    }

    fn next(&mut self) -> char {
        self.at += 1;
        self.chars[self.at - 1]
    }

    fn union(&mut self) -> Ends {
        let left = self.intersection();
        if !self.eat('|') {
            return left;
        }
        let right = self.union();
        Box::new(move |value, at| &left(value, at) | &right(value, at))
    }

    fn intersection(&mut self) -> Ends {
        let left = self.concat();
        if !self.eat('&') {
            return left;
        }
        let right = self.intersection();
        Box::new(move |value, at| &left(value, at) & &right(value, at))
    }

    fn concat(&mut self) -> Ends {
        let left = self.repeat();
        if self.at == self.chars.len() || self.peek(")|&") {
            return left;
        }
        let right = self.concat();
        Box::new(move |value, at| left(value, at).into_iter().flat_map(|end| right(value, end)).collect())
    }

    fn repeat(&mut self) -> Ends {
        let mut inner = self.complement();
        while self.peek("?*+{") {
            let (least, most) = match self.next() {
                '?' => (0, 1),
                '*' => (0, usize::MAX),
                '+' => (1, usize::MAX),
                _ => {
                    let least = self.number().unwrap();
                    let most = if self.eat(',') { self.number().unwrap_or(usize::MAX) } else { least };
                    assert!(self.eat('}'));
                    (least, most)
                }
            };
            inner = repeated(inner, least, most);
        }
        inner
    }

    fn number(&mut self) -> Option<usize> {
        let start = self.at;
        while self.peek("0123456789") {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect::<String>().parse().ok()
    }

    fn complement(&mut self) -> Ends {
        if self.eat('~') {
            let inner = self.complement();
            return Box::new(move |value, at| &(at..=value.len()).collect::<BTreeSet<_>>() - &inner(value, at));
        }
        if self.eat('[') {
            let negated = self.eat('^');
            let mut items = vec![self.class_item()];
            while !self.peek("]") {
                items.push(self.class_item());
            }
            self.next();
            return one(move |c| items.iter().any(|item| item(c)) != negated);
        }
        self.simple()
    }

    fn class_item(&mut self) -> Box<dyn Fn(char) -> bool> {
        if let Some(predefined) = self.predefined() {
            return predefined;
        }
        let from = self.character();
        let to = if self.eat('-') { self.character() } else { from };
        Box::new(move |c| (from..=to).contains(&c))
    }

    fn predefined(&mut self) -> Option<Box<dyn Fn(char) -> bool>> {
        if !self.eat('\\') || !self.peek("dDsSwW\\") {
            return None;
        }
        Some(match self.next() {
            'd' => Box::new(|c| c.is_ascii_digit()),
            'D' => Box::new(|c| !c.is_ascii_digit()),
            's' => Box::new(|c| " \t\n\r".contains(c)),
            'S' => Box::new(|c| !" \t\n\r".contains(c)),
            'w' => Box::new(|c| c.is_ascii_alphanumeric() || c == '_'),
            'W' => Box::new(|c| !(c.is_ascii_alphanumeric() || c == '_')),
            other => Box::new(move |c| c == other),
        })
    }

    fn character(&mut self) -> char {
        self.eat('\\');
        self.next()
    }

    fn until(&mut self, end: char) -> String {
        let start = self.at;
        while self.next() != end {}
        self.chars[start..self.at - 1].iter().collect()
    }

    fn simple(&mut self) -> Ends {
        if self.eat('.') {
            return one(|_| true);
        }
        if self.eat('#') {
            return Box::new(|_, _| BTreeSet::new());
        }
        if self.eat('@') {
            return Box::new(|value, at| (at..=value.len()).collect());
        }
        if self.eat('"') {
            let text: Vec<char> = self.until('"').chars().collect();
            return Box::new(move |value, at| {
                value[at..].starts_with(&text).then_some(at + text.len()).into_iter().collect()
            });
        }
        if self.eat('<') {
            let written = self.until('>');
            let (low, high) = written.split_once('-').unwrap();
            let padded = (low.len() == high.len()).then_some(low.len());
            let (low, high): (u32, u32) = (low.parse().unwrap(), high.parse().unwrap());
            let (low, high) = (low.min(high), low.max(high));
            return Box::new(move |value, at| {
                let fits = |end: &usize| {
                    let digits: String = value[at..*end].iter().collect();
                    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                    whole
                        && padded.is_none_or(|length| length == digits.len())
                        && digits.parse::<u32>().is_ok_and(|number| (low..=high).contains(&number))
                };
                (at..=value.len()).filter(fits).collect()
            });
        }
        if self.eat('(') {
            if self.eat(')') {
                return Box::new(|_, at| BTreeSet::from([at]));
            }
            let inner = self.union();
            assert!(self.eat(')'));
            return inner;
        }
        if let Some(class) = self.predefined() {
            one(class)
        } else {
            let literal = self.character();
            one(move |c| c == literal)
        }
    }
}

fn one(class: impl Fn(char) -> bool + 'static) -> Ends {
    Box::new(move |value, at| value.get(at).filter(|c| class(**c)).map(|_| at + 1).into_iter().collect())
}

fn repeated(inner: Ends, least: usize, most: usize) -> Ends {
    Box::new(move |value, at| {
        let (mut ends, mut front) = (BTreeSet::new(), BTreeSet::from([at]));
        let mut count = 0;
        loop {
            let before = ends.len();
            if count >= least && count <= most {
                ends.extend(&front);
            }
            // Rounds that reach no new place will reach none later, once the fewest are done.
            if count > most || front.is_empty() || (count > least && ends.len() == before) {
                return ends;
            }
            front = front.into_iter().flat_map(|at| inner(value, at)).collect();
            count += 1;
        }
    })
}
