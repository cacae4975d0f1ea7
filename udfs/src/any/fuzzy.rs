//! Texts that differ by a letter or two, as Lucene's fuzzy queries count them.

/// A text and how far others may be from it.
#[derive(Debug)]
pub(crate) struct Fuzzy {
    text: String,
    letters: usize,
    edits: usize,
    prefix: usize,
}

impl Fuzzy {
    /// Returns the text with so many edits allowed; less than 0 means what its length allows (`AUTO`): none up to two
    /// letters, one up to five, two beyond.
    pub(crate) fn new(text: &str, edits: i64, prefix: i64) -> Self {
        let letters = text.chars().count();
        let edits = usize::try_from(edits).unwrap_or(match letters {
            0..=2 => 0,
            3..=5 => 1,
            _ => 2,
        });
        Self { text: text.to_owned(), letters, edits, prefix: usize::try_from(prefix).unwrap_or(0) }
    }

    /// Whether a value is near enough: so many letters are changed, added, left out or swapped with the next, none of
    /// them twice.
    pub(crate) fn is_match(&self, value: &str) -> bool {
        if self.edits == 0 {
            return value == self.text;
        }
        let prefix = self.prefix.min(self.letters);
        value.chars().count().abs_diff(self.letters) <= self.edits
            && value.chars().take(prefix).eq(self.text.chars().take(prefix))
            && strsim::osa_distance(&self.text, value) <= self.edits
    }
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
        fn matches_what_the_naive_count_does(a in "[abé]{0,5}", b in "[abé]{0,5}", edits in 0_usize..4, prefix in 0_usize..3) {
            let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            let start = prefix.min(x.len());
            let same_start = edits == 0 || y.get(..start) == x.get(..start);
            let fuzzy = Fuzzy::new(&a, i64::try_from(edits).unwrap_or(0), i64::try_from(prefix).unwrap_or(0));
            prop_assert_eq!(fuzzy.is_match(&b), same_start && naive(&x, &y) <= edits);
        }
    }
}
