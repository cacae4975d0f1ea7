//! The shape that the functions of one list share: type by type what they return, and how lists and scalars go through.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::one_value_back;
use crate::label;
use crate::list::{element_type, list_argument};
use crate::warnings::Warnings;

/// A function of one value, which may be a list.
#[derive(Debug)]
pub(crate) struct Unary {
    signature: Signature,
    documentation: OnceLock<Documentation>,
    shape: Shape,
    takes: Takes,
}

/// Which types a function takes.
#[derive(Debug)]
pub(crate) struct Takes {
    /// The type a value, or an element of a list, of this type is handed over in; `None` refuses it.
    pub(crate) value: fn(&DataType) -> Option<DataType>,
    /// What to say was expected.
    pub(crate) expected: &'static str,
}

/// Any value.
const ANYTHING: Takes = Takes { value: |value| Some(value.clone()), expected: "anything" };

/// What one function is.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Name in SQL.
    pub(crate) name: &'static str,
    /// Type returned for this type of list.
    pub(crate) returns: fn(&DataType) -> DataType,
    /// What it makes of an array of lists.
    pub(crate) lists: fn(&ArrayRef, Option<&Warnings>, &str) -> Result<ArrayRef>,
    /// What it makes of anything else.
    pub(crate) scalars: Scalars,
    /// What a catalogue says of it.
    pub(crate) documentation: fn() -> Documentation,
    /// Where it reports what it could not take, if there is such a thing.
    pub(crate) warnings: Option<Warnings>,
}

/// How a function takes a value that is no list.
#[derive(Debug)]
pub(crate) enum Scalars {
    /// Returns it: the planner drops the call.
    Same,
    /// Returns another type, made so.
    Made(fn(&DataType) -> DataType, fn(&ArrayRef) -> Result<ArrayRef>),
}

impl Unary {
    /// Returns the function of this shape.
    pub(crate) fn udf(shape: Shape) -> ScalarUDF {
        Self::of(shape, ANYTHING)
    }

    /// Returns the function of this shape that takes some types only.
    pub(crate) fn of(shape: Shape, takes: Takes) -> ScalarUDF {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(Self { signature, documentation: OnceLock::new(), shape, takes })
    }
}

impl ScalarUDFImpl for Unary {
    fn name(&self) -> &'static str {
        self.shape.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match (types, &self.shape.scalars) {
            ([list, ..], _) if element_type(list).is_some() => Ok((self.shape.returns)(list)),
            ([value, ..], Scalars::Same) => Ok(value.clone()),
            ([value, ..], Scalars::Made(returns, _)) => Ok(returns(value)),
            _ => plan_err!("{}: found {} arguments, expected one", self.shape.name, types.len()),
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (value, label) = match types {
            [value] => (value, &[][..]),
            [value, label @ ..] if self.shape.warnings.is_some() => (value, label),
            _ => return plan_err!("{}: found {} arguments, expected one", self.shape.name, types.len()),
        };
        let Some(taken) = taken(value, self.takes.value) else {
            return plan_err!("{}: found {value}, expected {}", self.shape.name, self.takes.expected);
        };
        Ok([vec![taken], label::argument(self.shape.name, label)?].concat())
    }

    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let is_list = |data_type: DataType| element_type(&data_type).is_some();
        match (args.first(), &self.shape.scalars) {
            (Some(value), Scalars::Same) if !is_list(info.get_data_type(value)?) => {
                Ok(ExprSimplifyResult::Simplified(args.swap_remove(0)))
            }
            _ => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let subject = label::subject(&args, 1);
        let Some(value) = args.args.first() else {
            return exec_err!("{}: found no argument, expected one", self.shape.name);
        };
        one_value_back(value, |array| match &self.shape.scalars {
            _ if element_type(array.data_type()).is_some() => {
                (self.shape.lists)(array, self.shape.warnings.as_ref(), subject)
            }
            Scalars::Same => Ok(ArrayRef::clone(array)),
            Scalars::Made(_, make) => make(array),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.documentation.get_or_init(self.shape.documentation))
    }
}

/// Returns the type a value or a list of values is handed over in; null is no list.
pub(crate) fn taken(value: &DataType, of_value: fn(&DataType) -> Option<DataType>) -> Option<DataType> {
    let value = list_argument(value);
    match &value {
        DataType::List(element) | DataType::LargeList(element) => {
            let taken = of_value(element.data_type())?;
            let element = Arc::new(element.as_ref().clone().with_data_type(taken));
            Some(match &value {
                DataType::LargeList(_) => DataType::LargeList(element),
                _ => DataType::List(element),
            })
        }
        other => of_value(other),
    }
}

/// A name stands for one shape.
impl PartialEq for Unary {
    fn eq(&self, other: &Self) -> bool {
        self.shape.name == other.shape.name && self.shape.warnings == other.shape.warnings
    }
}

impl Eq for Unary {}

impl Hash for Unary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shape.name.hash(state);
    }
}
