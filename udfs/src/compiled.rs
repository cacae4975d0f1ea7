//! What the literals of a call compile to: once a plan where the planner saw them, else once in the registered function.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::Result;

use crate::cache::{Cache, Literals, same};

/// What a function compiled, or will.
#[derive(Debug)]
pub(crate) struct Compiled<T> {
    /// The literals of this call, once the planner has shown them, and what they compile to.
    held: Option<(Literals, Arc<T>)>,
    cache: Arc<Cache<T>>,
}

impl<T> Default for Compiled<T> {
    fn default() -> Self {
        Self { held: None, cache: Arc::default() }
    }
}

/// Both hold the same, and compile what else they meet once.
impl<T> Clone for Compiled<T> {
    fn clone(&self) -> Self {
        Self { held: self.held.clone(), cache: Arc::clone(&self.cache) }
    }
}

impl<T> Compiled<T> {
    /// Returns true if the planner has shown the literals.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Returns what the literals compile to, made now or earlier.
    pub(crate) fn of(&self, literals: &[Option<&str>], compile: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        match &self.held {
            Some((known, compiled)) if same(known, literals) => Ok(Arc::clone(compiled)),
            _ => self.cache.compiled(literals, compile),
        }
    }

    /// Returns the same for a function that holds what these literals compile to, or `None` if this one does already.
    pub(crate) fn hold(&self, literals: &[Option<&str>], compile: impl FnOnce() -> Result<T>) -> Result<Option<Self>> {
        if self.is_held() {
            return Ok(None);
        }
        let compiled = self.cache.compiled(literals, compile)?;
        let literals = literals.iter().map(|text| text.map(str::to_owned)).collect();
        Ok(Some(Self { held: Some((literals, compiled)), cache: Arc::clone(&self.cache) }))
    }
}

/// Functions that hold the same literals are the same to the planner.
impl<T> PartialEq for Compiled<T> {
    fn eq(&self, other: &Self) -> bool {
        let literals = |compiled: &Self| compiled.held.as_ref().map(|(literals, _)| literals.clone());
        literals(self) == literals(other)
    }
}

impl<T> Eq for Compiled<T> {}

impl<T> Hash for Compiled<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.held.as_ref().map(|(literals, _)| literals).hash(state);
    }
}
