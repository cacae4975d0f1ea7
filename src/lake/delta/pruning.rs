//! Which files of a Delta table a query can do without, by what the log says of their values.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::conjunction;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;

use super::super::paths::unqualified;
use super::snapshot::Active;

/// Which of some files of one table may hold rows that pass filters over the columns of `schema`, all in the order of
/// `files`.
///
/// # Errors
/// Where a filter cannot be evaluated on the bounds of its columns.
pub(crate) fn kept(state: &dyn Session, filters: &[Expr], schema: &SchemaRef, files: &[&Active]) -> Result<Vec<bool>> {
    let all = || Ok(vec![true; files.len()]);
    let named = DFSchema::try_from(Arc::clone(schema))?;
    // What only a plan can answer, such as a subquery, says nothing of a file.
    let physical: Vec<_> = filters
        .iter()
        .filter_map(|filter| state.create_physical_expr(unqualified(filter).ok()?, &named).ok())
        .collect();
    if physical.is_empty() || files.is_empty() {
        return all();
    }
    let built = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema)).try_build(conjunction(physical));
    // A predicate without a term that bounds can decide is none.
    let Ok(predicate) = built else { return all() };
    predicate.prune(&Files { files, schema })
}

/// Files of one table.
struct Files<'a> {
    files: &'a [&'a Active],
    schema: &'a SchemaRef,
}

/// Where the log tells of a column.
enum Told {
    Partition(usize),
    Statistics(usize),
}

impl Files<'_> {
    fn column(&self, column: &Column) -> Option<(Told, &DataType)> {
        let columns = &self.files.first()?.snapshot.columns;
        let data_type = self.schema.field_with_name(column.name()).ok()?.data_type();
        let partition = columns.partition.iter().position(|field| field.name() == column.name()).map(Told::Partition);
        let statistics = || columns.position(std::slice::from_ref(&column.name)).map(Told::Statistics);
        Some((partition.or_else(statistics)?, data_type))
    }

    /// A bound of a column in each file; `None` where nothing is known of any.
    fn bounds(&self, column: &Column, least: bool) -> Option<ArrayRef> {
        let (told, data_type) = self.column(column)?;
        let null = ScalarValue::try_new_null(data_type).ok()?;
        let bound = |file: &&Active| {
            let value = match told {
                Told::Partition(at) => file.partition.get(at).cloned(),
                Told::Statistics(at) => {
                    let column = file.statistics.column(at);
                    column.and_then(|column| if least { column.min.clone() } else { column.upper() })
                }
            };
            value.filter(|value| value.data_type() == *data_type).unwrap_or_else(|| null.clone())
        };
        ScalarValue::iter_to_array(self.files.iter().map(bound)).ok()
    }
}

impl PruningStatistics for Files<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, true)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, false)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let (told, _) = self.column(column)?;
        let count = |file: &&Active| match told {
            Told::Partition(at) if file.partition.get(at)?.is_null() => file.statistics.rows,
            Told::Partition(_) => Some(0),
            Told::Statistics(at) => file.statistics.column(at)?.nulls,
        };
        Some(Arc::new(self.files.iter().map(count).collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.files.iter().map(|file| file.statistics.rows).collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
