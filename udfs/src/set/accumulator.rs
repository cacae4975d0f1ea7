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
    if let [array] = values { Ok(array) } else { exec_err!("found {} arguments, expected one", values.len()) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::collections::BTreeSet;

    use datafusion::arrow::array::{AsArray, DictionaryArray, Int64Array, StringArray, StringViewArray};
    use datafusion::arrow::datatypes::Int8Type;
    use proptest::prelude::*;

    use super::*;

    /// What the sets of all groups should be.
    type Model = Vec<BTreeSet<String>>;

    fn lists(array: &ArrayRef) -> Model {
        let set = |list: Option<ArrayRef>| match list {
            None => BTreeSet::new(),
            Some(values) => {
                let values = cast(&values, &DataType::Utf8).unwrap();
                let values: Vec<String> =
                    values.as_string::<i32>().iter().map(|value| value.unwrap().to_owned()).collect();
                assert!(!values.is_empty() && values.is_sorted(), "{values:?}");
                values.into_iter().collect()
            }
        };
        array.as_list::<i32>().iter().map(set).collect()
    }

    fn emit(sets: &mut GroupSets, model: &mut Model, emit_to: EmitTo) {
        let emitted = sets.evaluate(emit_to).unwrap();
        let rest = match emit_to {
            EmitTo::All => Vec::new(),
            EmitTo::First(groups) => model.split_off(groups),
        };
        assert_eq!(lists(&emitted), std::mem::replace(model, rest));
    }

    proptest! {
        #[test]
        fn equals_the_model(
            steps in proptest::collection::vec(
                (proptest::collection::vec((0..20_usize, proptest::option::of(0..40_u8), proptest::option::of(any::<bool>())), 0..60), any::<Option<u8>>()),
                1..12,
            ),
        ) {
            let mut sets = GroupSets::try_new(&DataType::Utf8View, Output::List).unwrap();
            let mut model = Model::new();
            for (cells, then) in steps {
                let groups: Vec<usize> = cells.iter().map(|(group, _, _)| *group).collect();
                let texts: Vec<Option<String>> = cells.iter().map(|(_, value, _)| value.map(|value| format!("a value longer than a view, {value:02}"))).collect();
                let passes: BooleanArray = cells.iter().map(|(_, _, passes)| *passes).collect();
                let total = model.len().max(groups.iter().max().map_or(0, |group| group + 1));
                model.resize(total, BTreeSet::new());
                for ((group, _, passes), text) in cells.iter().zip(&texts) {
                    if let (Some(true), Some(text)) = (passes, text) {
                        model[*group].insert(text.clone());
                    }
                }
                let array: ArrayRef = Arc::new(texts.into_iter().collect::<StringViewArray>());
                sets.update_batch(&[array], &groups, Some(&passes), total).unwrap();
                match then {
                    Some(first) if first % 2 == 0 => {
                        let groups = usize::from(first) % (model.len() + 1);
                        emit(&mut sets, &mut model, EmitTo::First(groups));
                    }
                    Some(_) => {
                        // What goes out as a state comes back by merging, its groups in another order.
                        let state = sets.state(EmitTo::All).unwrap();
                        let groups: Vec<usize> = (0..model.len()).rev().collect();
                        sets.merge_batch(&state, &groups, groups.len()).unwrap();
                        model.reverse();
                    }
                    None => {}
                }
            }
            emit(&mut sets, &mut model, EmitTo::All);
        }
    }

    #[test]
    fn long_batches_of_views_shared_and_not() {
        let distinct: Vec<String> = (0..4000).map(|n| format!("value number {:05}", n % 1500)).collect();
        let apart: ArrayRef = Arc::new(distinct.iter().map(|text| Some(text.as_str())).collect::<StringViewArray>());
        let few: Vec<&str> = (0..4000).map(|n| if n % 3 == 0 { "" } else { "the same text in each row" }).collect();
        let few: DictionaryArray<Int8Type> = few.into_iter().collect();
        let shared = cast(&few, &DataType::Utf8View).unwrap();
        for (array, expected) in [(apart, 1500), (shared, 2)] {
            let mut set = SingleSet::try_new(array.data_type(), Output::Count).unwrap();
            set.update_batch(std::slice::from_ref(&array)).unwrap();
            set.update_batch(&[array]).unwrap();
            assert_eq!(set.evaluate().unwrap(), ScalarValue::Int64(Some(expected)));
        }
    }

    #[test]
    fn groups_that_come_and_go_leave_nothing_behind() {
        let mut sets = GroupSets::try_new(&DataType::Utf8, Output::List).unwrap();
        let mut largest = 0;
        for round in 0..300 {
            let values = (0..200).map(|n| format!("round {round:05} value {n:05}"));
            let array: ArrayRef = Arc::new(StringArray::from_iter_values(values));
            let groups: Vec<usize> = (0..200).map(|n| n / 4).collect();
            sets.update_batch(&[array], &groups, None, 50).unwrap();
            let emitted = lists(&sets.evaluate(EmitTo::First(49)).unwrap());
            assert!(emitted.iter().skip(1).all(|set| set.len() == 4), "round {round}");
            // The last group stays and is the first of the next round.
            assert!(emitted[0].len() == if round == 0 { 4 } else { 8 }, "round {round}");
            largest = largest.max(sets.size());
        }
        assert!(largest < 1 << 20, "{largest} bytes for fifty groups at a time");
    }

    #[test]
    fn rows_as_states_merge_to_the_same_sets() {
        let texts = StringArray::from(vec![Some("b"), None, Some("a"), Some("b"), Some("c"), Some("a")]);
        let dictionary: ArrayRef = Arc::new(texts.iter().collect::<DictionaryArray<Int8Type>>());
        let lengths = [Some(2), None, Some(0), Some(1), Some(3), Some(0)];
        let field = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
        let list = assemble(&field, Arc::new(texts.clone()), &lengths).unwrap();
        let passes = BooleanArray::from(vec![Some(true), Some(true), Some(true), Some(true), None, Some(true)]);
        let groups = [0, 0, 1, 1, 2, 0];
        for array in [Arc::new(texts) as ArrayRef, dictionary, list] {
            for filter in [None, Some(&passes)] {
                let mut whole = GroupSets::try_new(array.data_type(), Output::List).unwrap();
                whole.update_batch(std::slice::from_ref(&array), &groups, filter, 3).unwrap();
                let mut merged = GroupSets::try_new(array.data_type(), Output::List).unwrap();
                let state = merged.convert_to_state(std::slice::from_ref(&array), filter).unwrap();
                merged.merge_batch(&state, &groups, 3).unwrap();
                let (whole, merged) = (whole.evaluate(EmitTo::All).unwrap(), merged.evaluate(EmitTo::All).unwrap());
                assert_eq!(&whole, &merged, "{}", array.data_type());
            }
        }
    }

    #[test]
    fn size_is_what_is_held() {
        let mut sets = GroupSets::try_new(&DataType::Int64, Output::Count).unwrap();
        let empty = sets.size();
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100_000));
        let groups: Vec<usize> = (0..100_000).collect();
        sets.update_batch(&[values], &groups, None, 100_000).unwrap();
        // A word, a number in a table, a number and a count of the group, and a number of the batch.
        let least = 100_000 * (8 + 5 + 4 + 4 + 4);
        assert!((least..least * 3).contains(&sets.size()), "{}", sets.size());
        assert_eq!(sets.evaluate(EmitTo::All).unwrap().len(), 100_000);
        assert!(sets.size() < empty + 1024);
    }
}
