//! `list_leaf(column)`: the values of a leaf below one or more lists of structs, as one list a row.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, Int32Array, ListArray, OffsetSizeTrait, StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The expression for the values that the names lead to from a column.
pub(crate) fn list_leaf(column: Expr, path: &[String]) -> Expr {
    ScalarUDF::from(ListLeaf::new(path.to_vec())).call(vec![column])
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ListLeaf {
    pub(super) path: Vec<String>,
    signature: Signature,
}

impl ListLeaf {
    pub(super) fn new(path: Vec<String>) -> Self {
        Self { path, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ListLeaf {
    fn name(&self) -> &'static str {
        "list_leaf"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let Some(mut at) = arguments.first() else { return exec_err!("list_leaf: expected one argument") };
        let mut names = self.path.iter();
        loop {
            at = match at {
                DataType::List(item) | DataType::LargeList(item) => item.data_type(),
                DataType::Struct(fields) => {
                    let Some(name) = names.next() else { return exec_err!("list_leaf: the path ends at a struct") };
                    let Some(field) = fields.iter().find(|f| f.name() == name) else {
                        return exec_err!("list_leaf: no field '{name}'");
                    };
                    field.data_type()
                }
                leaf => return Ok(DataType::new_list(leaf.clone(), true)),
            };
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(input) = arrays.first() else { return exec_err!("list_leaf: expected one argument") };
        // Each row begins as one value; every list spreads it, every struct narrows it.
        let rows = input.len();
        let mut ends: Vec<usize> = (1..=rows).collect();
        let mut values = Arc::clone(input);
        let mut names = self.path.iter();
        loop {
            values = match values.data_type() {
                DataType::List(_) => spread(values.as_list::<i32>(), &mut ends)?,
                DataType::LargeList(_) => spread(values.as_list::<i64>(), &mut ends)?,
                DataType::Struct(_) => {
                    let Some(name) = names.next() else { return exec_err!("list_leaf: the path ends at a struct") };
                    child(values.as_struct(), name)?
                }
                _ => break,
            };
        }
        let lengths = ends.iter().scan(0, |before, end| Some(end - std::mem::replace(before, *end)));
        let offsets = OffsetBuffer::from_lengths(lengths);
        let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(item, offsets, values, None)?)))
    }
}

/// The elements of the lists that `ends` counts, and where each row's elements end.
fn spread<O: OffsetSizeTrait>(list: &GenericListArray<O>, ends: &mut [usize]) -> Result<ArrayRef> {
    let mut picked = Vec::with_capacity(list.values().len());
    let mut at = 0;
    for end in ends.iter_mut() {
        while at < *end {
            if list.is_valid(at) {
                let offsets = list.value_offsets();
                let range = offsets.get(at).zip(offsets.get(at + 1));
                if let Some((from, to)) = range {
                    picked.extend((from.as_usize()..to.as_usize()).filter_map(|i| i32::try_from(i).ok()));
                }
            }
            at += 1;
        }
        *end = picked.len();
    }
    Ok(take(list.values(), &Int32Array::from(picked), None)?)
}

/// A field of structs; null where the struct is.
fn child(parent: &StructArray, name: &str) -> Result<ArrayRef> {
    let Some(column) = parent.column_by_name(name) else { return exec_err!("list_leaf: no field '{name}'") };
    let nulls = NullBuffer::union(parent.nulls(), column.nulls());
    if nulls.as_ref().map(NullBuffer::null_count) == column.nulls().map(NullBuffer::null_count) {
        return Ok(Arc::clone(column));
    }
    let data = column.to_data().into_builder().nulls(nulls).build()?;
    Ok(datafusion::arrow::array::make_array(data))
}
