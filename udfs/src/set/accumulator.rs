//! DataFusion's accumulators over sets: for all groups, for one group, and for a window that slides.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{cast, filter};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::groups::Sets;
use super::interner::{Interner, NONE};
use super::leaves::{Leaves, Rows, leaf_type};
use crate::list::{assemble, element_type, list_of};

/// What an aggregate makes of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Its values in order, null if there are none.
    List,
    /// How many values it has.
    Count,
}

impl Output {
    fn of(self, sets: &Sets, groups: usize) -> Result<ArrayRef> {
        match self {
            Self::List => Ok(Arc::new(sets.lists(groups, true)?)),
            Self::Count => Ok(sets.count(groups)),
        }
    }
}

/// The sets of all groups of an aggregation.
#[derive(Debug)]
pub(crate) struct GroupSets {
    sets: Sets,
    output: Output,
    element: DataType,
}

impl GroupSets {
    /// Returns an accumulator for an argument of this type.
    pub(crate) fn try_new(argument: &DataType, output: Output) -> Result<Self> {
        let element = leaf_type(argument);
        Ok(Self { sets: Sets::try_new(&element)?, output, element })
    }

    fn emit(&mut self, emit_to: EmitTo, array: impl FnOnce(&Sets, usize) -> Result<ArrayRef>) -> Result<ArrayRef> {
        let groups = match emit_to {
            EmitTo::All => self.sets.len(),
            EmitTo::First(groups) => groups,
        };
        let emitted = array(&self.sets, groups)?;
        self.sets.forget(emit_to)?;
        Ok(emitted)
    }
}

impl GroupsAccumulator for GroupSets {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let rows = Rows::Of(Cow::Borrowed(group_indices));
        self.sets.update(only(values)?, rows, opt_filter, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let output = self.output;
        self.emit(emit_to, |sets, groups| output.of(sets, groups))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        // Order is for whoever reads the result; a state is only merged.
        Ok(vec![self.emit(emit_to, |sets, groups| Ok(Arc::new(sets.lists(groups, false)?)))?])
    }

    /// A state is a list a group, and lists are flattened: merging is updating.
    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let array = only(values)?;
        if element_type(array.data_type()).is_some() {
            let mut sets = Sets::try_new(&self.element)?;
            let rows = Rows::Of((0..array.len()).collect::<Vec<usize>>().into());
            sets.update(array, rows, opt_filter, array.len())?;
            return Ok(vec![Arc::new(sets.lists(array.len(), false)?)]);
        }
        let leaves = Leaves::new(array, Rows::One, opt_filter)?;
        let counts = |row| leaves.selected.as_ref().is_none_or(|selected| selected.is_valid(row));
        let lengths: Vec<Option<usize>> = (0..array.len()).map(|row| counts(row).then_some(1)).collect();
        let values = cast(array, &self.element)?;
        let values = match &leaves.selected {
            Some(selected) => filter(&values, &BooleanArray::new(selected.inner().clone(), None))?,
            None => values,
        };
        Ok(vec![assemble(&list_of(self.element.clone()), values, &lengths)?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sets.size()
    }
}

/// The set of the only group of an aggregation, or of a window frame that only grows.
#[derive(Debug)]
pub(crate) struct SingleSet {
    sets: Sets,
    output: Output,
}

impl SingleSet {
    /// Returns an accumulator for an argument of this type.
    pub(crate) fn try_new(argument: &DataType, output: Output) -> Result<Self> {
        let mut sets = Sets::try_new(&leaf_type(argument))?;
        let nothing = datafusion::arrow::array::new_empty_array(&leaf_type(argument));
        sets.update(&nothing, Rows::One, None, 1)?;
        Ok(Self { sets, output })
    }
}

impl Accumulator for SingleSet {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sets.update(only(values)?, Rows::One, None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.output.of(&self.sets, 1)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::List(Arc::new(self.sets.lists(1, false)?))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sets.size()
    }
}

/// The set of a window frame that rows also leave: how often each value is in it.
#[derive(Debug)]
pub(crate) struct SlidingSet {
    element: DataType,
    interner: Interner,
    /// How often each value is in the frame, by number.
    frequency: Vec<u64>,
    output: Output,
}

impl SlidingSet {
    /// Returns an accumulator for an argument of this type.
    pub(crate) fn try_new(argument: &DataType, output: Output) -> Result<Self> {
        let element = leaf_type(argument);
        Ok(Self { interner: Interner::try_new(&element)?, element, frequency: Vec::new(), output })
    }

    fn numbers(&mut self, values: &[ArrayRef]) -> Result<Vec<u32>> {
        let leaves = Leaves::new(only(values)?, Rows::One, None)?;
        let mut ids = Vec::with_capacity(leaves.array.len());
        self.interner.intern(&leaves.array, leaves.selected.as_ref(), &mut ids)?;
        ids.retain(|id| *id != NONE);
        self.frequency.resize(self.interner.len(), 0);
        Ok(ids)
    }

    fn list(&self) -> Result<ListArray> {
        let mut ids: Vec<u32> = (0..).zip(&self.frequency).filter(|(_, times)| **times > 0).map(|(id, _)| id).collect();
        ids.sort_unstable_by(|left, right| self.interner.compare(*left, *right));
        let field = Arc::new(Field::new_list_field(self.element.clone(), true));
        if ids.is_empty() {
            return Ok(ListArray::new_null(field, 1));
        }
        let offsets = OffsetBuffer::from_lengths([ids.len()]);
        Ok(ListArray::try_new(field, offsets, self.interner.values(&ids)?, None)?)
    }
}

impl Accumulator for SlidingSet {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for id in self.numbers(values)? {
            self.frequency[id as usize] += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for id in self.numbers(values)? {
            let times = &mut self.frequency[id as usize];
            *times = times.saturating_sub(1);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.output {
            Output::List => Ok(ScalarValue::List(Arc::new(self.list()?))),
            Output::Count => {
                let values = self.frequency.iter().filter(|times| **times > 0).count();
                ScalarValue::try_from_array(&Int64Array::from(vec![values as i64]), 0)
            }
        }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::List(Arc::new(self.list()?))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.interner.size() + self.frequency.capacity() * size_of::<u64>()
    }
}

fn only(values: &[ArrayRef]) -> Result<&ArrayRef> {
    match values {
        [array] => Ok(array),
        _ => exec_err!("found {} arguments, expected one", values.len()),
    }
}
