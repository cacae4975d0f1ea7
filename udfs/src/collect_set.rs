//! `collect_set(x)`: the distinct values of a group, ES|QL's VALUES.
//!
//! Null is no value; lists are flattened; the result is sorted, always a list, and null if there is no value.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let sql = "SELECT collect_set(host) AS hosts FROM (VALUES ('b'), ('a'), (NULL), ('b')) AS t (host)";
//! let rows = context.sql(sql).await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("[a, b]"));
//! # Ok(())
//! # }
//! ```

use std::sync::LazyLock;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature, Volatility,
};

use crate::documentation::documentation;
use crate::list::{list_argument, list_of};
use crate::set::{GroupSets, Output, SingleSet, SlidingSet, leaf_type};

/// The function `collect_set`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct CollectSet {
    signature: Signature,
}

impl CollectSet {
    /// Returns the function.
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for CollectSet {
    fn name(&self) -> &'static str {
        "collect_set"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        only(types, self.name()).map(|argument| list_of(leaf_type(argument)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        only(types, self.name()).map(|argument| vec![set_argument(argument)])
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        set_state(&args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SingleSet::try_new(argument(&args)?, Output::List)?))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SlidingSet::try_new(argument(&args)?, Output::List)?))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(GroupSets::try_new(argument(&args)?, Output::List)?))
    }

    /// A set has no order to be sensitive to.
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns the distinct values of a group as a sorted list; null if there is none. Nulls are no values, and \
                 lists count as the values in them.",
                "collect_set(expression)",
                "SELECT collect_set(column_name) FROM table_name;",
            )
            .with_argument("expression", "Any type.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

/// Returns the type a set takes its argument in.
pub(crate) fn set_argument(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Null => DataType::Utf8View,
        other => list_argument(other),
    }
}

/// Returns the only state of a set: a list of its values.
pub(crate) fn set_state(args: &StateFieldsArgs) -> Result<Vec<FieldRef>> {
    let types: Vec<DataType> = args.input_fields.iter().map(|field| field.data_type().clone()).collect();
    let list = list_of(leaf_type(only(&types, args.name)?));
    Ok(vec![FieldRef::new(Field::new(format_state_name(args.name, "set"), list, true))])
}

/// Returns the type of the only argument.
pub(crate) fn argument<'a>(args: &'a AccumulatorArgs) -> Result<&'a DataType> {
    match args.expr_fields {
        [field] => Ok(field.data_type()),
        fields => plan_err!("{}: found {} arguments, expected one", args.name, fields.len()),
    }
}

/// Returns the only one of these types.
pub(crate) fn only<'a>(types: &'a [DataType], function: &str) -> Result<&'a DataType> {
    if let [argument] = types {
        Ok(argument)
    } else {
        plan_err!("{function}: found {} arguments, expected one", types.len())
    }
}
