//! Filters on columns that a file's path spells: they keep or drop whole files, exactly.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::catalog::Session;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Volatility};

/// Whether a filter reads path columns alone, so that all rows of a file have one answer.
pub(crate) fn covers(path_columns: &[FieldRef], filter: &Expr) -> bool {
    let unstable = filter.exists(|e| {
        Ok(match e {
            Expr::ScalarFunction(f) => f.func.signature().volatility != Volatility::Immutable,
            Expr::InSubquery(_) | Expr::Exists(_) | Expr::ScalarSubquery(_) | Expr::OuterReferenceColumn(..) => true,
            _ => false,
        })
    });
    let columns = filter.column_refs();
    let known = |name: &str| path_columns.iter().any(|p| p.name() == name);
    !unstable.unwrap_or(true) && !columns.is_empty() && columns.iter().all(|c| known(c.name()))
}

/// Which files the filters over path columns keep; `values` holds each file's values of the path columns.
pub(crate) fn kept(
    path_columns: &[FieldRef],
    state: &dyn Session,
    filters: &[Expr],
    values: &[Vec<ScalarValue>],
) -> Result<Vec<bool>> {
    let count = values.len();
    let by_path = filters.iter().filter(|f| covers(path_columns, f)).map(unqualified).collect::<Result<Vec<_>>>()?;
    let Some(filter) = conjunction(by_path).filter(|_| count > 0) else { return Ok(vec![true; count]) };
    let schema = Arc::new(Schema::new(path_columns.to_vec()));
    let columns = (0..path_columns.len())
        .map(|at| ScalarValue::iter_to_array(values.iter().filter_map(|v| v.get(at).cloned())))
        .collect::<Result<Vec<ArrayRef>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
    let filter = state.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
    let keep = filter.evaluate(&batch)?.into_array(count)?;
    Ok(as_boolean_array(&keep)?.iter().map(|keep| keep == Some(true)).collect())
}

/// The filter with its columns named alone, as a batch of path columns has them.
pub(crate) fn unqualified(filter: &Expr) -> Result<Expr> {
    let rename = |e| {
        Ok(match e {
            Expr::Column(c) => Transformed::yes(Expr::Column(Column::new_unqualified(c.name))),
            other => Transformed::no(other),
        })
    };
    filter.clone().transform(rename).map(|t| t.data)
}
