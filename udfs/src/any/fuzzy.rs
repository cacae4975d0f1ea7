//! Texts that differ by a letter or two, as Lucene's fuzzy queries count them.

/// A text and how far others may be from it.
#[derive(Debug)]
pub(crate) struct Fuzzy {
    text: Vec<char>,
    edits: usize,
    prefix: usize,
}

impl Fuzzy {
    /// Returns the text with so many edits allowed; less than 0 means what its length allows (`AUTO`): none up to two
    /// letters, one up to five, two beyond.
    pub(crate) fn new(text: &str, edits: i64, prefix: i64) -> Self {
        let text: Vec<char> = text.chars().collect();
        let edits = usize::try_from(edits).unwrap_or(match text.len() {
            0..=2 => 0,
            3..=5 => 1,
            _ => 2,
        });
        Self { text, edits, prefix: usize::try_from(prefix).unwrap_or(0) }
    }

    /// Whether a value is near enough.
    pub(crate) fn is_match(&self, value: &str) -> bool {
        if self.edits == 0 {
            return value.chars().eq(self.text.iter().copied());
        }
        let value: Vec<char> = value.chars().collect();
        let prefix = self.prefix.min(self.text.len());
        value.len().abs_diff(self.text.len()) <= self.edits
            && value.get(..prefix) == self.text.get(..prefix)
            && distance(&self.text, &value) <= self.edits
    }
}

/// How many letters are changed, added, left out or swapped with the next, none of them twice.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let at = |cells: &[usize], place: usize| cells.get(place).copied().unwrap_or(usize::MAX / 2);
            let mut least = (at(&above, j) + usize::from(x != y)).min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Counts by trying everything.
    fn naive(a: &[char], b: &[char]) -> usize {
        match (a, b) {
            ([], rest) | (rest, []) => rest.len(),
            ([first, a_rest @ ..], [other, b_rest @ ..]) => {
                let changed = naive(a_rest, b_rest) + usize::from(first != other);
                let added = naive(a, b_rest).min(naive(a_rest, b)) + 1;
                let swaps =
                    a.get(..2).zip(b.get(..2)).is_some_and(|(two, others)| two[0] == others[1] && two[1] == others[0]);
                let swapped = if swaps { naive(&a[2..], &b[2..]) + 1 } else { usize::MAX };
                changed.min(added).min(swapped)
            }
        }
    }

    #[test]
    fn edits_by_length() {
        assert!(Fuzzy::new("svchost.exe", 1, 0).is_match("scvhost.exe"));
        assert!(!Fuzzy::new("svchost.exe", 1, 2).is_match("scvhost.exe"));
        assert!(Fuzzy::new("abc", -1, 0).is_match("abd") && !Fuzzy::new("ab", -1, 0).is_match("ac"));
        assert!(Fuzzy::new("éa", 0, 0).is_match("éa") && !Fuzzy::new("éa", 0, 0).is_match("éb"));
    }

    proptest! {
        #[test]
        fn equals_the_naive_count(a in "[abé]{0,5}", b in "[abé]{0,5}") {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            prop_assert_eq!(distance(&a, &b), naive(&a, &b));
        }
    }
}
