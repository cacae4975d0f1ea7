//! `mv_sort(x[, order])`: the values of a list in order, `'asc'` (the default) or `'desc'`.
//!
//! `mv_sort_ip(x[, order])` is the same for addresses, in the order of [`ip_key`](crate::ip_key).

use std::cmp::Ordering;
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
use super::unary::taken;
use crate::address::Address;
use crate::addresses::{address_argument, parse_all, unpack};
use crate::documentation::documentation;
use crate::list::{Lists, element_type, list_argument, without_null_elements};
use crate::text::{Text, plain_text, scalar_text, text_argument};
use crate::version_key;

/// Returns the function `mv_sort`.
pub(crate) fn mv_sort() -> ScalarUDF {
    Sort::udf(By::Value)
}

/// Returns the function `mv_sort_ip`.
pub(crate) fn mv_sort_ip() -> ScalarUDF {
    Sort::udf(By::Address)
}

/// Returns the function `mv_sort_version`.
pub(crate) fn mv_sort_version() -> ScalarUDF {
    Sort::udf(By::Version)
}

/// What orders the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum By {
    /// The elements themselves, text by its bytes.
    Value,
    /// The bytes of addresses.
    Address,
    /// The keys of versions.
    Version,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sort {
    signature: Signature,
    by: By,
}

impl Sort {
    fn udf(by: By) -> ScalarUDF {
        ScalarUDF::from(Self { signature: Signature::user_defined(Volatility::Immutable), by })
    }

    fn value_argument(&self, value: &DataType) -> Result<DataType> {
        let name = self.name();
        match self.by {
            By::Value => Ok(list_argument(value)),
            By::Address => taken(value, address_argument).map_or_else(
                || plan_err!("{name}: found {value}, expected addresses: text, UInt32 (IPv4), 4 or 16 bytes"),
                Ok,
            ),
            By::Version => taken(value, text_argument)
                .map_or_else(|| plan_err!("{name}: found {value}, expected versions as text"), Ok),
        }
    }
}

impl ScalarUDFImpl for Sort {
    fn name(&self) -> &'static str {
        match self.by {
            By::Value => "mv_sort",
            By::Address => "mv_sort_ip",
            By::Version => "mv_sort_version",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let name = self.name();
        types.first().map_or_else(|| plan_err!("{name}: found no argument, expected a list"), |list| Ok(list.clone()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        if let Some(Some(text)) = args.scalar_arguments.get(1).copied().flatten().and_then(scalar_text) {
            descending(text).or_else(|message| plan_err!("{}: {message}", self.name()))?;
        }
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(FieldRef::new(Field::new(self.name(), self.return_type(&types)?, true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        match types {
            [value] => Ok(vec![self.value_argument(value)?]),
            [value, order] => {
                if let Some(order) = text_argument(order) {
                    Ok(vec![self.value_argument(value)?, order])
                } else {
                    plan_err!("{name}: found {order} as the order, expected 'asc' or 'desc'")
                }
            }
            _ => plan_err!("{name}: found {} arguments, expected a list and perhaps an order", types.len()),
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
            _ => {
                return exec_err!("{}: found a column as the order, expected a literal, 'asc' or 'desc'", self.name());
            }
        };
        let descending =
            order.map_or(Ok(false), descending).or_else(|message| exec_err!("{}: {message}", self.name()))?;
        one_value_back(value, |array| sort(array, self.by, descending))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static BY_VALUE: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns a list with its elements in order; anything else as it is.",
                "mv_sort(value[, order])",
                "SELECT mv_sort(make_array(2, 3, 1), 'desc');",
            )
            .with_argument("value", "A list, or anything else.")
            .with_argument("order", "'asc' (the default) or 'desc'.")
            .build()
        });
        static BY_ADDRESS: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns a list of addresses in the order that `ip_key` gives them, without what is no address; one \
                 address as it is.",
                "mv_sort_ip(value[, order])",
                "SELECT mv_sort_ip(make_array('10.0.0.1', '9.0.0.1'));",
            )
            .with_argument("value", "A list of addresses, or one address: text, UInt32 (IPv4), 4 or 16 bytes.")
            .with_argument("order", "'asc' (the default) or 'desc'.")
            .build()
        });
        static BY_VERSION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns a list of versions in the order that `version_key` gives them; one version as it is.",
                "mv_sort_version(value[, order])",
                "SELECT mv_sort_version(make_array('1.10', '1.9'));",
            )
            .with_argument("value", "A list of text, or text.")
            .with_argument("order", "'asc' (the default) or 'desc'.")
            .build()
        });
        Some(match self.by {
            By::Value => &BY_VALUE,
            By::Address => &BY_ADDRESS,
            By::Version => &BY_VERSION,
        })
    }
}

fn sort(array: &ArrayRef, by: By, descending: bool) -> Result<ArrayRef> {
    if element_type(array.data_type()).is_none() {
        return Ok(ArrayRef::clone(array));
    }
    let array = without_null_elements(array)?;
    let lists = Lists::try_new(&array)?;
    if lists.values.is_empty() {
        return lists.reorder(array.data_type(), |_, _| {});
    }
    match by {
        By::Value => {
            let options = SortOptions { descending, nulls_first: false };
            let compare = make_comparator(&lists.values, &lists.values, options)?;
            lists.reorder(array.data_type(), |range, into| into.extend(sorted(range, &compare)))
        }
        By::Address => {
            let keys = parse_all(&unpack(&lists.values)?)?;
            by_keys(
                &lists,
                array.data_type(),
                &keys.into_iter().map(|a| a.map(Address::bits)).collect::<Vec<_>>(),
                descending,
            )
        }
        By::Version => by_keys(&lists, array.data_type(), &version_keys(&lists.values)?, descending),
    }
}

/// The lists in the order of their elements' keys, without elements that have none.
fn by_keys<K: Ord>(lists: &Lists, list: &DataType, keys: &[Option<K>], descending: bool) -> Result<ArrayRef> {
    let key = |at: usize| keys.get(at).and_then(Option::as_ref);
    let compare = |left: usize, right: usize| {
        let order = key(left).cmp(&key(right));
        if descending { order.reverse() } else { order }
    };
    lists.reorder(list, |range, into| into.extend(sorted(range.filter(|at| key(*at).is_some()), compare)))
}

/// The keys of versions kept as text.
pub(super) fn version_keys(values: &ArrayRef) -> Result<Vec<Option<Vec<u8>>>> {
    let plain = plain_text(values)?;
    let texts = Text::try_new(&plain)?;
    Ok((0..plain.len()).map(|row| texts.at(row).map(version_key::key)).collect())
}

fn sorted(places: impl Iterator<Item = usize>, compare: impl Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = places.collect();
    places.sort_unstable_by(|left, right| compare(*left, *right));
    places
}

fn descending(order: &str) -> std::result::Result<bool, String> {
    match order {
        _ if order.eq_ignore_ascii_case("asc") => Ok(false),
        _ if order.eq_ignore_ascii_case("desc") => Ok(true),
        other => Err(format!("found '{other}' as the order, expected 'asc' or 'desc'")),
    }
}
