//! A regular expression with `&` or `~` as a table of states, which no crate of regular expressions has.
//!
//! A state is what is still to be matched: the derivative of the expression by the characters read so far (Brzozowski).
//! Characters that no class of the expression tells apart are one column of the table.

use std::collections::HashMap;

use super::class::Class;
use super::parse::Node;

/// A table of states.
#[derive(Debug)]
pub(crate) struct Automaton {
    /// The first character of each column, from the second on, in order.
    bounds: Vec<u32>,
    /// The column of each ASCII character.
    ascii: [usize; 128],
    columns: usize,
    /// For each state and column the next state.
    next: Vec<usize>,
    accepting: Vec<bool>,
    /// States that no text leads out of, whatever it is: they accept all or nothing.
    settled: Vec<bool>,
}

/// Lucene gives up at ten thousand states, too.
const STATES: usize = 10_000;
/// How many terms the derivatives may have together.
const TERMS: usize = 200_000;

impl Automaton {
    /// Returns the table of an expression, or `None` if it is too large.
    pub(crate) fn new(node: &Node) -> Option<Self> {
        let mut terms = Terms::default();
        let start = terms.of(node)?;
        let (bounds, samples) = terms.columns();
        let columns = samples.len();
        let (mut states, mut numbers) = (vec![start], HashMap::from([(start, 0)]));
        let (mut next, mut accepting) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(&term) = states.get(at) {
            accepting.push(terms.nullable(term));
            for sample in &samples {
                let derived = terms.derivative(term, *sample)?;
                let number = *numbers.entry(derived).or_insert_with(|| {
                    states.push(derived);
                    states.len() - 1
                });
                next.push(number);
            }
            at += 1;
            if states.len() > STATES {
                return None;
            }
        }
        let settled = (0..states.len())
            .map(|state| next.iter().skip(state * columns).take(columns).all(|next| *next == state))
            .collect();
        let mut automaton = Self { bounds, ascii: [0; 128], columns, next, accepting, settled };
        for c in 0..128_u32 {
            let column = automaton.column(c);
            if let Some(cell) = automaton.ascii.get_mut(c as usize) {
                *cell = column;
            }
        }
        Some(automaton)
    }

    /// True if the whole value matches.
    pub(crate) fn is_match(&self, value: &str) -> bool {
        let mut state = 0;
        for c in value.chars() {
            let column = self.ascii.get(c as usize).copied().unwrap_or_else(|| self.column(c.into()));
            state = self.next.get(state * self.columns + column).copied().unwrap_or(0);
            if self.settled.get(state) == Some(&true) {
                break;
            }
        }
        self.accepting.get(state) == Some(&true)
    }

    fn column(&self, c: u32) -> usize {
        self.bounds.partition_point(|bound| *bound <= c)
    }
}

type Id = usize;

/// What is to be matched, in a form in which equal things mostly look equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Term {
    Empty,
    One(Class),
    Concat(Id, Id),
    Union(Vec<Id>),
    Intersection(Vec<Id>),
    Complement(Id),
    Star(Id),
}

#[derive(Debug, Default)]
struct Terms {
    all: Vec<Term>,
    ids: HashMap<Term, Id>,
    derived: HashMap<(Id, u32), Id>,
}

impl Terms {
    fn id(&mut self, term: Term) -> Option<Id> {
        if let Some(id) = self.ids.get(&term) {
            return Some(*id);
        }
        if self.all.len() >= TERMS {
            return None;
        }
        self.all.push(term.clone());
        self.ids.insert(term, self.all.len() - 1);
        Some(self.all.len() - 1)
    }

    fn term(&self, id: Id) -> Term {
        self.all.get(id).cloned().unwrap_or(Term::Empty)
    }

    fn of(&mut self, node: &Node) -> Option<Id> {
        match node {
            Node::One(class) => self.id(Term::One(class.clone())),
            Node::Concat(nodes) => {
                let mut all = self.id(Term::Empty)?;
                for node in nodes.iter().rev() {
                    let first = self.of(node)?;
                    all = self.concat(first, all)?;
                }
                Some(all)
            }
            Node::Union(nodes) => {
                let ids = nodes.iter().map(|node| self.of(node)).collect::<Option<Vec<_>>>()?;
                self.union(ids)
            }
            Node::Intersection(nodes) => {
                let ids = nodes.iter().map(|node| self.of(node)).collect::<Option<Vec<_>>>()?;
                self.intersection(ids)
            }
            Node::Complement(node) => {
                let id = self.of(node)?;
                self.complement(id)
            }
            Node::Repeat(node, least, most) => self.repeat(node, *least, *most),
        }
    }

    fn repeat(&mut self, node: &Node, least: u32, most: Option<u32>) -> Option<Id> {
        let once = self.of(node)?;
        let empty = self.id(Term::Empty)?;
        let mut all = match most {
            None => self.star(once)?,
            Some(most) if most < least => return self.nothing(),
            Some(most) => {
                let mut rest = empty;
                for _ in least..most {
                    let more = self.concat(once, rest)?;
                    rest = self.union(vec![empty, more])?;
                }
                rest
            }
        };
        for _ in 0..least {
            all = self.concat(once, all)?;
        }
        Some(all)
    }

    fn nothing(&mut self) -> Option<Id> {
        self.id(Term::One(Class::none()))
    }

    fn is_nothing(&self, id: Id) -> bool {
        matches!(self.all.get(id), Some(Term::One(class)) if class.is_none())
    }

    fn is_everything(&self, id: Id) -> bool {
        matches!(self.all.get(id), Some(Term::Complement(inner)) if self.is_nothing(*inner))
    }

    fn concat(&mut self, first: Id, rest: Id) -> Option<Id> {
        match self.term(first) {
            _ if self.is_nothing(first) || self.is_nothing(rest) => self.nothing(),
            Term::Empty => Some(rest),
            _ if self.term(rest) == Term::Empty => Some(first),
            Term::Concat(head, tail) => {
                let tail = self.concat(tail, rest)?;
                self.id(Term::Concat(head, tail))
            }
            _ => self.id(Term::Concat(first, rest)),
        }
    }

    fn union(&mut self, ids: Vec<Id>) -> Option<Id> {
        let mut flat = Vec::with_capacity(ids.len());
        for id in ids {
            match self.term(id) {
                Term::Union(inner) => flat.extend(inner),
                _ => flat.push(id),
            }
        }
        if let Some(all) = flat.iter().copied().find(|id| self.is_everything(*id)) {
            return Some(all);
        }
        flat.retain(|id| !self.is_nothing(*id));
        self.several(flat, Term::Union)
    }

    fn intersection(&mut self, ids: Vec<Id>) -> Option<Id> {
        let mut flat = Vec::with_capacity(ids.len());
        for id in ids {
            match self.term(id) {
                Term::Intersection(inner) => flat.extend(inner),
                _ => flat.push(id),
            }
        }
        if let Some(none) = flat.iter().copied().find(|id| self.is_nothing(*id)) {
            return Some(none);
        }
        flat.retain(|id| !self.is_everything(*id));
        if flat.is_empty() {
            let nothing = self.nothing()?;
            return self.complement(nothing);
        }
        self.several(flat, Term::Intersection)
    }

    /// The order and number of the members mean nothing, so there is one form for all.
    fn several(&mut self, mut ids: Vec<Id>, make: fn(Vec<Id>) -> Term) -> Option<Id> {
        ids.sort_unstable();
        ids.dedup();
        match ids.as_slice() {
            [] => self.nothing(),
            [only] => Some(*only),
            _ => self.id(make(ids)),
        }
    }

    fn complement(&mut self, id: Id) -> Option<Id> {
        match self.term(id) {
            Term::Complement(inner) => Some(inner),
            _ => self.id(Term::Complement(id)),
        }
    }

    fn star(&mut self, id: Id) -> Option<Id> {
        match self.term(id) {
            Term::Star(_) | Term::Empty => Some(id),
            Term::One(class) if class.is_none() => self.id(Term::Empty),
            // Any text: so it is one with the complement of nothing.
            Term::One(class) if class.is_any() => {
                let nothing = self.nothing()?;
                self.complement(nothing)
            }
            _ => self.id(Term::Star(id)),
        }
    }

    fn nullable(&self, id: Id) -> bool {
        match self.all.get(id) {
            None | Some(Term::Empty | Term::Star(_)) => true,
            Some(Term::One(_)) => false,
            Some(Term::Concat(first, rest)) => self.nullable(*first) && self.nullable(*rest),
            Some(Term::Union(ids)) => ids.iter().any(|id| self.nullable(*id)),
            Some(Term::Intersection(ids)) => ids.iter().all(|id| self.nullable(*id)),
            Some(Term::Complement(inner)) => !self.nullable(*inner),
        }
    }

    /// What is left to be matched behind a character.
    fn derivative(&mut self, id: Id, c: u32) -> Option<Id> {
        if let Some(known) = self.derived.get(&(id, c)) {
            return Some(*known);
        }
        let derived = match self.term(id) {
            Term::Empty => self.nothing()?,
            Term::One(class) if class.contains(c) => self.id(Term::Empty)?,
            Term::One(_) => self.nothing()?,
            Term::Concat(first, rest) => {
                let inner = self.derivative(first, c)?;
                let through = self.concat(inner, rest)?;
                if self.nullable(first) {
                    let past = self.derivative(rest, c)?;
                    self.union(vec![through, past])?
                } else {
                    through
                }
            }
            Term::Union(ids) => {
                let ids = ids.into_iter().map(|id| self.derivative(id, c)).collect::<Option<Vec<_>>>()?;
                self.union(ids)?
            }
            Term::Intersection(ids) => {
                let ids = ids.into_iter().map(|id| self.derivative(id, c)).collect::<Option<Vec<_>>>()?;
                self.intersection(ids)?
            }
            Term::Complement(inner) => {
                let inner = self.derivative(inner, c)?;
                self.complement(inner)?
            }
            Term::Star(inner) => {
                let once = self.derivative(inner, c)?;
                self.concat(once, id)?
            }
        };
        self.derived.insert((id, c), derived);
        Some(derived)
    }

    /// Where columns begin, and a character of each.
    fn columns(&self) -> (Vec<u32>, Vec<u32>) {
        let mut bounds: Vec<u32> = Vec::new();
        for term in &self.all {
            if let Term::One(class) = term {
                bounds.extend(class.ranges().iter().flat_map(|(from, to)| [*from, to + 1]));
            }
        }
        bounds.retain(|bound| (1..=u32::from(char::MAX)).contains(bound));
        bounds.sort_unstable();
        bounds.dedup();
        let samples = std::iter::once(0).chain(bounds.iter().copied()).collect();
        (bounds, samples)
    }
}
