//! A small memory of compiled literal lists, for plans whose literals were not compiled while planning.
//!
//! A plan that travels to another process is decoded by function name, so the function that runs there is the
//! registered one, without anything compiled. It compiles each list of literals once and finds it here afterwards.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::Result;

/// Maps a list of literals (`None` is a null literal) to what was compiled from it; holds the most recent few.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    recent: Mutex<Vec<(Literals, Arc<T>)>>,
}

/// Literal arguments of a call, in order, nulls included.
pub(crate) type Literals = Vec<Option<String>>;

/// One session seldom runs more distinct calls of one function at a time than this.
const CAPACITY: usize = 32;

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { recent: Mutex::new(Vec::new()) }
    }
}

impl<T> Cache<T> {
    /// Returns what `compile` makes of these literals, made now or earlier.
    pub(crate) fn compiled(&self, literals: &[Option<&str>], compile: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let find = |recent: &mut Vec<(Literals, Arc<T>)>| {
            let at = recent.iter().position(|(known, _)| same(known, literals))?;
            // The most recent stands last, so that what falls out at the front is the oldest.
            let found = recent.remove(at);
            let compiled = Arc::clone(&found.1);
            recent.push(found);
            Some(compiled)
        };
        if let Some(compiled) = find(&mut self.recent.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(compiled);
        }
        // Compiled outside the lock: other partitions go on; at worst two of them compile the same list.
        let compiled = Arc::new(compile()?);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == CAPACITY {
            recent.remove(0);
        }
        recent.push((literals.iter().map(|text| text.map(str::to_owned)).collect(), Arc::clone(&compiled)));
        Ok(compiled)
    }
}

/// True if a remembered list equals a list of borrowed literals.
pub(crate) fn same(known: &[Option<String>], literals: &[Option<&str>]) -> bool {
    known.len() == literals.len() && known.iter().zip(literals).all(|(known, literal)| known.as_deref() == *literal)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn compiles_each_list_once_and_forgets_the_oldest() {
        let cache = Cache::<usize>::default();
        let never = || -> Result<usize> { unreachable!("compiled before") };
        assert_eq!(*cache.compiled(&[Some("a"), None], || Ok(1)).unwrap(), 1);
        assert_eq!(*cache.compiled(&[Some("a"), None], never).unwrap(), 1);
        assert_eq!(*cache.compiled(&[Some("a")], || Ok(2)).unwrap(), 2);
        for n in 0..CAPACITY {
            cache.compiled(&[Some(&n.to_string())], || Ok(n)).unwrap();
        }
        assert_eq!(*cache.compiled(&[Some("a")], || Ok(3)).unwrap(), 3);
    }
}
