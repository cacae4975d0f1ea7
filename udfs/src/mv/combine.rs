//! Two lists of one type: `mv_append`, `mv_union`, `mv_intersection`, `mv_difference`, `mv_contains`, `mv_intersects`.
//!
//! A value that is no list is a list of one. The functions differ in what null means to them: [`Combination`] says it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array, make_comparator};
use datafusion::arrow::compute::{SortOptions, concat, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::addresses::unpack;
use crate::documentation::documentation;
use crate::list::{Lists, assemble, element_type, list_of};

/// Returns the functions of this file.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    use Combination::{Append, Contains, Difference, Intersection, Intersects, Union};
    let all = [Append, Union, Intersection, Difference, Contains, Intersects];
    let combine = |combination| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(Combine { signature, combination, documentation: OnceLock::new() })
    };
    all.map(combine).into()
}

/// What is made of two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Combination {
    /// All values of both; null where one is null.
    Append,
    /// The distinct values of both, null being a list without values.
    Union,
    /// The distinct values that both have; null where one is null.
    Intersection,
    /// The distinct values of the first that the second has not, null being a list without values.
    Difference,
    /// Whether the first has all values of the second, null being a list without values.
    Contains,
    /// Whether they have a value in common, null being a list without values.
    Intersects,
}

impl Combination {
    fn name(self) -> &'static str {
        match self {
            Self::Append => "mv_append",
            Self::Union => "mv_union",
            Self::Intersection => "mv_intersection",
            Self::Difference => "mv_difference",
            Self::Contains => "mv_contains",
            Self::Intersects => "mv_intersects",
        }
    }

    fn is_test(self) -> bool {
        matches!(self, Self::Contains | Self::Intersects)
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Append => "Returns the values of two lists one after the other; null if one is null.",
            Self::Union => "Returns the distinct values of two lists; null if there are none.",
            Self::Intersection => "Returns the distinct values that both lists have; null if there are none.",
            Self::Difference => {
                "Returns the distinct values of the first list that the second has not; null if there are none."
            }
            Self::Contains => "Returns whether the first list has all values of the second; null has no values.",
            Self::Intersects => "Returns whether two lists have a value in common; null has no values.",
        }
    }
}

#[derive(Debug)]
struct Combine {
    signature: Signature,
    combination: Combination,
    documentation: OnceLock<Documentation>,
}

impl PartialEq for Combine {
    fn eq(&self, other: &Self) -> bool {
        self.combination == other.combination
    }
}

impl Eq for Combine {}

impl std::hash::Hash for Combine {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.combination.hash(state);
    }
}

impl ScalarUDFImpl for Combine {
    fn name(&self) -> &'static str {
        self.combination.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            _ if self.combination.is_test() => Ok(DataType::Boolean),
            Some(list) => Ok(list.clone()),
            None => plan_err!("{}: found no argument, expected two lists", self.name()),
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = types else {
            return plan_err!("{}: found {} arguments, expected two lists", self.name(), types.len());
        };
        let element = |value: &DataType| match element_type(value).unwrap_or(value) {
            DataType::Dictionary(_, value) => value.as_ref().clone(),
            plain => plain.clone(),
        };
        let (one, other) = (element(left), element(right));
        let both = if one == other { Some(one) } else { comparison_coercion(&one, &other) };
        let Some(both) = both else {
            return plan_err!("{}: found {left} and {right}, expected lists of one type", self.name());
        };
        let both = if both == DataType::Null { DataType::Utf8View } else { both };
        // The planner's cast makes a list of one of a value that is no list.
        Ok(vec![list_of(both.clone()), list_of(both)])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return exec_err!("{}: found {} arguments, expected two lists", self.name(), args.args.len());
        };
        let scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let made = combine(self.combination, &left.to_array(rows)?, &right.to_array(rows)?)?;
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?));
        }
        Ok(ColumnarValue::Array(made))
    }

    fn documentation(&self) -> Option<&Documentation> {
        let make = || {
            let name = self.name();
            documentation(
                self.combination.meaning(),
                &format!("{name}(left, right)"),
                &format!("SELECT {name}(make_array('a', 'b'), make_array('b'));"),
            )
            .with_argument("left", "A list, or a value, which is a list of one.")
            .with_argument("right", "A list of the same type, or a value.")
            .build()
        };
        Some(self.documentation.get_or_init(make))
    }
}

fn combine(combination: Combination, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    let data_type = left.data_type().clone();
    let (left, right) = (Lists::of(left)?, Lists::of(right)?);
    let behind = left.values.len();
    // One array holds the values of both, so that places tell them apart and compare alike.
    let values = concat(&[&unpack(&left.values)?, &unpack(&right.values)?])?;
    let compare = make_comparator(&values, &values, SortOptions::default())?;
    let has = |range: &Range<usize>, at: usize| range.clone().any(|known| compare(known, at).is_eq());
    let mut truths = Vec::new();
    let mut places: Vec<u64> = Vec::new();
    let mut lengths = Vec::new();
    for (first, second) in left.ranges.into_iter().zip(right.ranges) {
        let second = second.map(|range| range.start + behind..range.end + behind);
        let either_null = first.is_none() || second.is_none();
        let (first, second) = (first.unwrap_or_default(), second.unwrap_or_default());
        let start = places.len();
        let mut keep = |at: usize, distinct: bool| {
            let known = |place: &u64| usize::try_from(*place).is_ok_and(|place| compare(place, at).is_eq());
            if !distinct || !places.iter().skip(start).any(known) {
                places.push(at as u64);
            }
        };
        match combination {
            Combination::Contains => truths.push(second.clone().all(|at| has(&first, at))),
            Combination::Intersects => truths.push(second.clone().any(|at| has(&first, at))),
            Combination::Append if either_null => {}
            Combination::Append => first.chain(second).for_each(|at| keep(at, false)),
            Combination::Union => first.chain(second).for_each(|at| keep(at, true)),
            Combination::Intersection => {
                first.filter(|at| has(&second, *at)).for_each(|at| keep(at, true));
            }
            Combination::Difference => {
                first.filter(|at| !has(&second, *at)).for_each(|at| keep(at, true));
            }
        }
        lengths.push(Some(places.len() - start).filter(|length| *length > 0));
    }
    if combination.is_test() {
        return Ok(Arc::new(BooleanArray::from(truths)));
    }
    assemble(&data_type, take(&values, &UInt64Array::from(places), None)?, &lengths)
}
