//! A set of numbered values for each group.

use std::sync::Arc;

use ahash::RandomState;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::EmitTo;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::interner::{Interner, NONE};
use super::leaves::{Leaves, Rows};

/// The sets of all groups.
///
/// The first value of a group stands in a vector; only further ones need the table. Most groups of a detection rule
/// have one agent or one host, and find it there.
#[derive(Debug)]
pub(crate) struct Sets {
    data_type: DataType,
    interner: Interner,
    /// First value of each group, or [`NONE`].
    first: Vec<u32>,
    /// How many values each group has.
    counts: Vec<u32>,
    /// The further values: pairs of group and value.
    rest: HashTable<(u32, u32)>,
    random: RandomState,
    /// Numbers of a batch's values, kept to be used again.
    scratch: Vec<u32>,
}

impl Sets {
    /// Returns sets of values of this type, for no group yet.
    pub(crate) fn try_new(data_type: &DataType) -> Result<Self> {
        Ok(Self {
            data_type: data_type.clone(),
            interner: Interner::try_new(data_type)?,
            first: Vec::new(),
            counts: Vec::new(),
            rest: HashTable::new(),
            random: RandomState::new(),
            scratch: Vec::new(),
        })
    }

    /// Returns how many groups there are.
    pub(crate) fn len(&self) -> usize {
        self.first.len()
    }

    /// Adds the values of a batch, flattened; `groups` is the number of groups from now on.
    pub(crate) fn update(
        &mut self,
        array: &ArrayRef,
        rows: Rows<'_>,
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        if groups > NONE as usize {
            return exec_err!("found {groups} groups, expected at most {NONE}");
        }
        if groups > self.len() {
            self.first.resize(groups, NONE);
            self.counts.resize(groups, 0);
        }
        let leaves = Leaves::new(array, rows, filter)?;
        let mut ids = std::mem::take(&mut self.scratch);
        ids.clear();
        self.interner.intern(&leaves.array, leaves.selected.as_ref(), &mut ids)?;
        match &leaves.rows {
            Rows::One => ids.iter().filter(|id| **id != NONE).for_each(|id| self.insert(0, *id)),
            Rows::Of(groups) => {
                for (id, group) in ids.iter().zip(groups.iter()) {
                    if *id != NONE {
                        self.insert(*group, *id);
                    }
                }
            }
        }
        self.scratch = ids;
        Ok(())
    }

    #[inline]
    fn insert(&mut self, group: usize, id: u32) {
        let first = &mut self.first[group];
        if *first == id {
            return;
        }
        if *first == NONE {
            *first = id;
            self.counts[group] = 1;
            return;
        }
        let pair = (group as u32, id);
        let hash = self.random.hash_one(pair);
        if let Entry::Vacant(new) = self.rest.entry(hash, |known| *known == pair, |pair| self.random.hash_one(*pair)) {
            new.insert(pair);
            self.counts[group] += 1;
        }
    }

    /// Returns how many values each of the first groups has.
    pub(crate) fn count(&self, groups: usize) -> ArrayRef {
        Arc::new(self.counts.iter().take(groups).map(|count| Some(i64::from(*count))).collect::<Int64Array>())
    }

    /// Returns the values of each of the first groups as a list, null for a group without any.
    pub(crate) fn lists(&self, groups: usize, sorted: bool) -> Result<ListArray> {
        let counts = self.counts.get(..groups).unwrap_or(&self.counts);
        let total: usize = counts.iter().map(|count| *count as usize).sum();
        if i32::try_from(total).is_err() {
            return exec_err!("found {total} values in the lists of one result, expected at most {}", i32::MAX);
        }
        let offsets = OffsetBuffer::<i32>::from_lengths(counts.iter().map(|count| *count as usize));
        let mut ids = vec![NONE; total];
        // Each group's first value goes to its place, the further ones behind it, in any order.
        let mut next: Vec<u32> = Vec::with_capacity(counts.len());
        for (start, first) in offsets.iter().zip(&self.first).take(counts.len()) {
            let mut at = *start as u32;
            if *first != NONE {
                ids[at as usize] = *first;
                at += 1;
            }
            next.push(at);
        }
        for (group, id) in &self.rest {
            if let Some(at) = next.get_mut(*group as usize) {
                ids[*at as usize] = *id;
                *at += 1;
            }
        }
        if sorted {
            self.sort(&mut ids, &offsets);
        }
        let nulls: NullBuffer = counts.iter().map(|count| *count > 0).collect::<Vec<bool>>().into();
        let field = Arc::new(Field::new_list_field(self.data_type.clone(), true));
        let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
        Ok(ListArray::try_new(field, offsets, self.interner.values(&ids)?, nulls)?)
    }

    /// Sorts the values of each group.
    fn sort(&self, ids: &mut [u32], offsets: &OffsetBuffer<i32>) {
        // Ranking costs one sort of the distinct values, and then numbers compare; not worth it for a few groups.
        let ranks = if ids.len() > self.interner.len() / 2 { self.interner.ranks() } else { Vec::new() };
        for pair in offsets.windows(2) {
            let group = &mut ids[pair[0] as usize..pair[1] as usize];
            if group.len() < 2 {
                continue;
            }
            if ranks.is_empty() {
                group.sort_unstable_by(|left, right| self.interner.compare(*left, *right));
            } else {
                group.sort_unstable_by_key(|id| ranks[*id as usize]);
            }
        }
    }

    /// Forgets the groups that were emitted; those that stay move to the front.
    pub(crate) fn forget(&mut self, emitted: EmitTo) -> Result<()> {
        let EmitTo::First(groups) = emitted else {
            *self = Self::try_new(&self.data_type)?;
            return Ok(());
        };
        let groups = groups.min(self.len());
        self.first.drain(..groups);
        self.counts.drain(..groups);
        let moved = groups as u32;
        let mut stay = HashTable::new();
        for (group, id) in self.rest.drain().filter(|(group, _)| *group >= moved) {
            let pair = (group - moved, id);
            stay.insert_unique(self.random.hash_one(pair), pair, |pair| self.random.hash_one(*pair));
        }
        self.rest = stay;
        self.first.shrink_to_fit();
        self.counts.shrink_to_fit();
        self.compact()
    }

    /// Drops values that no group refers to any more, once they are the bulk: groups that come and go in order must not
    /// gather every value ever seen.
    fn compact(&mut self) -> Result<()> {
        const FEW: usize = 1024;
        let alive = self.first.len() + self.rest.len();
        if self.interner.len() < FEW || self.interner.len() / 4 < alive {
            return Ok(());
        }
        let mut used: Vec<u32> = self.first.iter().copied().filter(|id| *id != NONE).collect();
        used.extend(self.rest.iter().map(|(_, id)| *id));
        used.sort_unstable();
        used.dedup();
        let mut interner = Interner::try_new(&self.data_type)?;
        let mut numbers = Vec::with_capacity(used.len());
        interner.intern(&self.interner.values(&used)?, None, &mut numbers)?;
        let renumber = |id: u32| used.binary_search(&id).ok().and_then(|at| numbers.get(at)).copied().unwrap_or(NONE);
        for first in self.first.iter_mut().filter(|first| **first != NONE) {
            *first = renumber(*first);
        }
        let mut rest = HashTable::with_capacity(self.rest.len());
        for (group, id) in self.rest.drain() {
            let pair = (group, renumber(id));
            rest.insert_unique(self.random.hash_one(pair), pair, |pair| self.random.hash_one(*pair));
        }
        self.rest = rest;
        self.interner = interner;
        self.scratch = Vec::new();
        Ok(())
    }

    /// Returns the bytes allocated.
    pub(crate) fn size(&self) -> usize {
        let numbers = self.first.capacity() + self.counts.capacity() + self.scratch.capacity();
        self.interner.size() + numbers * size_of::<u32>() + self.rest.allocation_size()
    }
}
