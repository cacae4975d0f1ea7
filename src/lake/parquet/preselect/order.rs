//! Which conjunct to ask first: by what the conjuncts cost and left of the rows so far.

use std::sync::{Mutex, PoisonError};

/// What is known of a conjunct.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Rows that were asked.
    asked: u64,
    /// Rows that it left.
    left: u64,
}

/// What the row groups so far say of each conjunct; one for a scan, whose partitions learn from each other.
#[derive(Debug, Default)]
pub(super) struct Order {
    seen: Mutex<Vec<Seen>>,
}

impl Order {
    /// Notes that conjunct `at` left so many of the rows that it was asked about.
    pub(super) fn note(&self, at: usize, asked: usize, left: usize) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() <= at {
            seen.resize(at + 1, Seen::default());
        }
        if let Some(one) = seen.get_mut(at) {
            one.asked += asked as u64;
            one.left += left as u64;
        }
    }

    /// Sorts conjuncts, given with the bytes that asking them reads: those first that rule out most rows a byte.
    pub(super) fn sort(&self, conjuncts: &mut [(usize, u64)]) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let rank = |(at, bytes): (usize, u64)| {
            let one = seen.get(at).copied().unwrap_or_default();
            let left = if one.asked == 0 { 0.5 } else { one.left as f64 / one.asked as f64 };
            bytes.max(1) as f64 / (1.0 - left).max(1e-3)
        };
        conjuncts.sort_by(|a, b| rank(*a).total_cmp(&rank(*b)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_out_more_for_less_comes_first() {
        let order = Order::default();
        let mut conjuncts = [(0, 1_000), (1, 100), (2, 500)];
        order.sort(&mut conjuncts);
        assert_eq!(conjuncts.map(|(at, _)| at), [1, 2, 0]);
        order.note(1, 1_000, 1_000);
        order.note(0, 1_000, 1);
        order.sort(&mut conjuncts);
        assert_eq!(conjuncts.map(|(at, _)| at), [2, 0, 1]);
    }
}
