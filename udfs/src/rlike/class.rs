//! Sets of characters as ranges in order, none of which touch.

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Class(Vec<(u32, u32)>);

const LAST: u32 = char::MAX as u32;

impl Class {
    /// Returns the set of all characters.
    pub(crate) fn any() -> Self {
        Self(vec![(0, LAST)])
    }

    /// Returns the empty set.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Returns the set of one character.
    pub(crate) fn of(c: char) -> Self {
        Self::range(c, c)
    }

    /// Returns the characters from one to another, both included.
    pub(crate) fn range(from: char, to: char) -> Self {
        Self(vec![(from.into(), to.into())])
    }

    /// `\d`
    pub(crate) fn digit() -> Self {
        Self::range('0', '9')
    }

    /// `\s`, which for Lucene are four characters.
    pub(crate) fn space() -> Self {
        Self::range('\t', '\n').union(&Self::of('\r')).union(&Self::of(' '))
    }

    /// `\w`
    pub(crate) fn word() -> Self {
        Self::digit().union(&Self::range('A', 'Z')).union(&Self::of('_')).union(&Self::range('a', 'z'))
    }

    /// Returns the characters of both.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut ranges: Vec<_> = self.0.iter().chain(&other.0).copied().collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match merged.last_mut() {
                Some((_, end)) if from <= end.saturating_add(1) => *end = (*end).max(to),
                _ => merged.push((from, to)),
            }
        }
        Self(merged)
    }

    /// Returns all other characters.
    pub(crate) fn negated(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.0.len() + 1);
        let mut next = 0;
        for (from, to) in &self.0 {
            if *from > next {
                ranges.push((next, from - 1));
            }
            next = to + 1;
        }
        if next <= LAST {
            ranges.push((next, LAST));
        }
        Self(ranges)
    }

    /// True if it holds the character.
    pub(crate) fn contains(&self, c: u32) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&c))
    }

    /// True if it holds every character.
    pub(crate) fn is_any(&self) -> bool {
        self.0 == [(0, LAST)]
    }

    /// True if it holds none.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the only character, if there is just one.
    pub(crate) fn only(&self) -> Option<char> {
        match self.0.as_slice() {
            [(from, to)] if from == to => char::from_u32(*from),
            _ => None,
        }
    }

    /// Returns the ranges, both ends included.
    pub(crate) fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let letters = Class::range('a', 'c').union(&Class::of('d')).union(&Class::range('b', 'b'));
        assert_eq!(letters, Class::range('a', 'd'));
        assert_eq!(letters.negated().negated(), letters);
        assert!(!letters.negated().contains('b'.into()) && letters.negated().contains('e'.into()));
        assert!(Class::any().negated().is_none() && Class::none().negated().is_any());
        assert_eq!(Class::of('x').only(), Some('x'));
        assert_eq!(letters.only(), None);
    }
}
