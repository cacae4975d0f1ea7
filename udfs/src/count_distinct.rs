//! `count_distinct(x)`: how many distinct values a group has, counted exactly.
//!
//! Null is no value; lists are flattened; 0 if there is none.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let sql = "SELECT count_distinct(host) AS hosts FROM (VALUES ('b'), ('a'), (NULL), ('b')) AS t (host)";
//! let rows = context.sql(sql).await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("| 2 "));
//! # Ok(())
//! # }
//! ```

use std::sync::LazyLock;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, GroupsAccumulator, SetMonotonicity, Signature, Volatility,
};

use crate::collect_set::{argument, only, set_argument, set_state};
use crate::documentation::documentation;
use crate::set::{GroupSets, Output, SingleSet, SlidingSet};

/// The function `count_distinct`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct CountDistinct {
    signature: Signature,
}

impl CountDistinct {
    /// Returns the function.
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for CountDistinct {
    fn name(&self) -> &'static str {
        "count_distinct"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        only(types, self.name()).map(|_| DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        only(types, self.name()).map(|argument| vec![set_argument(argument)])
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        set_state(&args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SingleSet::try_new(argument(&args)?, Output::Count)?))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SlidingSet::try_new(argument(&args)?, Output::Count)?))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(GroupSets::try_new(argument(&args)?, Output::Count)?))
    }

    /// A count has no order to be sensitive to.
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn set_monotonicity(&self, _data_type: &DataType) -> SetMonotonicity {
        SetMonotonicity::Increasing
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns how many distinct values a group has, exactly; 0 if there is none. Nulls are no values, and lists \
                 count as the values in them.",
                "count_distinct(expression)",
                "SELECT count_distinct(column_name) FROM table_name;",
            )
            .with_argument("expression", "Any type.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}
