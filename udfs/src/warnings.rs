//! What the functions met and could not take: counted, each kind with one example, for whoever runs the query.
//!
//! A function that cannot use a value yields null, as ES|QL does, and says so here. Recording happens once a batch and
//! only where something failed, so a clean column costs nothing.
//!
//! ```
//! use egret_udfs::Warnings;
//!
//! let warnings = Warnings::default();
//! assert!(warnings.take().is_empty());
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One kind of trouble: which function met it, in which column, how often, and an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Name of the function, as written in SQL.
    pub function: String,
    /// Column or expression text of the argument the function could not take.
    pub subject: String,
    /// What was wrong, lower case, without a full stop.
    pub message: String,
    /// How many values were affected. A plan may evaluate a row twice, so this is an upper bound of the rows.
    pub count: u64,
    /// One of the values, shortened if long.
    pub example: String,
}

/// A shared collector of warnings; a clone refers to the same collection.
///
/// [`register_all`](crate::register_all) returns the one its functions write to.
#[derive(Debug, Clone, Default)]
pub struct Warnings(Arc<Mutex<BTreeMap<Key, Tally>>>);

type Key = (Cow<'static, str>, String, Cow<'static, str>);

#[derive(Debug)]
struct Tally {
    count: u64,
    example: String,
}

impl Warnings {
    /// Returns what was recorded since the last call, ordered by function and subject, and forgets it.
    pub fn take(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.lock())
            .into_iter()
            .map(|((function, subject, message), tally)| Warning {
                function: function.into_owned(),
                subject,
                message: message.into_owned(),
                count: tally.count,
                example: tally.example,
            })
            .collect()
    }

    /// Adds what functions recorded elsewhere, such as in another process.
    ///
    /// ```
    /// use egret_udfs::{Warning, Warnings};
    ///
    /// let (function, subject, message) = ("to_ip".to_owned(), "x".to_owned(), "no address".to_owned());
    /// let warning = Warning { function, subject, message, count: 2, example: "n/a".to_owned() };
    /// let warnings = Warnings::default();
    /// warnings.add(warning.clone());
    /// assert_eq!(warnings.take(), [warning]);
    /// ```
    pub fn add(&self, warning: Warning) {
        let Warning { function, subject, message, count, example } = warning;
        self.lock()
            .entry((function.into(), subject, message.into()))
            .or_insert_with(|| Tally { count: 0, example: shorten(example) })
            .count += count;
    }

    /// Adds `count` failures of one kind; the example is only asked for when it is the first of its kind.
    pub(crate) fn record(
        &self,
        function: &'static str,
        subject: &str,
        message: &'static str,
        count: u64,
        example: impl FnOnce() -> String,
    ) {
        if count == 0 {
            return;
        }
        self.lock()
            .entry((function.into(), subject.to_owned(), message.into()))
            .or_insert_with(|| Tally { count: 0, example: shorten(example()) })
            .count += count;
    }

    /// A panic while holding the lock cannot leave a half-made entry, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Tally>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two functions are the same for the planner only if they report to the same place.
impl PartialEq for Warnings {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Warnings {}

impl Hash for Warnings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// Keeps an example readable in a summary line.
fn shorten(text: String) -> String {
    const LIMIT: usize = 80;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_kind_and_keeps_the_first_example() {
        let warnings = Warnings::default();
        let same = warnings.clone();
        warnings.record("f", "x", "bad", 2, || "one".into());
        same.record("f", "x", "bad", 3, || unreachable!("the example of this kind is known"));
        same.record("f", "y", "bad", 1, || "é".repeat(200));
        same.record("f", "z", "bad", 0, || unreachable!("nothing failed"));
        let taken = warnings.take();
        assert_eq!(taken.len(), 2);
        assert_eq!((taken[0].subject.as_str(), taken[0].count, taken[0].example.as_str()), ("x", 5, "one"));
        assert_eq!(taken[1].example, format!("{}...", "é".repeat(80)));
        assert!(warnings.take().is_empty());
    }
}
