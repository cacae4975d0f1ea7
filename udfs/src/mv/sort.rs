//! `mv_sort(x[, order])`: the values of a list in order, `'asc'` (the default) or `'desc'`.

use std::sync::LazyLock;

use datafusion::arrow::array::{Array, ArrayRef, make_comparator};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::one_value_back;
use crate::documentation::documentation;
use crate::list::{Lists, element_type, list_argument, without_null_elements};
use crate::text::{scalar_text, text_argument};

const NAME: &str = "mv_sort";

/// Returns the function `mv_sort`.
pub(crate) fn mv_sort() -> ScalarUDF {
    ScalarUDF::from(MvSort { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MvSort {
    signature: Signature,
}

impl ScalarUDFImpl for MvSort {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.first().map_or_else(|| plan_err!("{NAME}: found no argument, expected a list"), |list| Ok(list.clone()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        if let Some(Some(text)) = args.scalar_arguments.get(1).copied().flatten().and_then(scalar_text) {
            descending(text).or_else(|message| plan_err!("{message}"))?;
        }
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(FieldRef::new(Field::new(NAME, self.return_type(&types)?, true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [value] => Ok(vec![list_argument(value)]),
            [value, order] => match text_argument(order) {
                Some(order) => Ok(vec![list_argument(value), order]),
                None => plan_err!("{NAME}: found {order} as the order, expected 'asc' or 'desc'"),
            },
            _ => plan_err!("{NAME}: found {} arguments, expected a list and perhaps an order", types.len()),
        }
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.first() {
            Some(value) if element_type(&info.get_data_type(value)?).is_none() => {
                Ok(ExprSimplifyResult::Simplified(value.clone()))
            }
            _ => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (value, order) = match args.args.as_slice() {
            [value] => (value, None),
            [value, ColumnarValue::Scalar(order)] => (value, scalar_text(order).flatten()),
            _ => return exec_err!("{NAME}: found a column as the order, expected a literal, 'asc' or 'desc'"),
        };
        let descending = order.map_or(Ok(false), descending).or_else(|message| exec_err!("{message}"))?;
        one_value_back(value, |array| sort(array, descending))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns a list with its elements in order; anything else as it is.",
                "mv_sort(value[, order])",
                "SELECT mv_sort(make_array(2, 3, 1), 'desc');",
            )
            .with_argument("value", "A list, or anything else.")
            .with_argument("order", "'asc' (the default) or 'desc'.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

fn sort(array: &ArrayRef, descending: bool) -> Result<ArrayRef> {
    if element_type(array.data_type()).is_none() {
        return Ok(ArrayRef::clone(array));
    }
    let array = without_null_elements(array)?;
    let lists = Lists::try_new(&array)?;
    if lists.values.is_empty() {
        return lists.reorder(array.data_type(), |_, _| {});
    }
    let options = SortOptions { descending, nulls_first: false };
    let compare = make_comparator(&lists.values, &lists.values, options)?;
    lists.reorder(array.data_type(), |range, into| {
        let before = into.len();
        into.extend(range);
        if let Some(places) = into.get_mut(before..) {
            places.sort_unstable_by(|left, right| compare(*left, *right));
        }
    })
}

fn descending(order: &str) -> std::result::Result<bool, String> {
    match order {
        _ if order.eq_ignore_ascii_case("asc") => Ok(false),
        _ if order.eq_ignore_ascii_case("desc") => Ok(true),
        other => Err(format!("{NAME}: found '{other}' as the order, expected 'asc' or 'desc'")),
    }
}
