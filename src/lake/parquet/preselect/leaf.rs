//! Which leaf of a file an expression reads, and what the expression says of the leaf's values.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::functions::core::getfield::GetFieldFunc;
use datafusion::logical_expr::Volatility;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NegativeExpr,
    NotExpr, TryCastExpr,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::page::{NO_ENTRY, QUESTIONS};

/// A leaf column of a table's files, and what is asked about its values.
#[derive(Debug)]
pub(super) struct Leaf {
    /// The names from the root column to the leaf.
    pub(super) path: Vec<String>,
    /// The type that the table gives its values.
    data_type: DataType,
    /// Expressions over a schema with the leaf as its only column, and the answer that is a yes.
    questions: Vec<(Arc<dyn PhysicalExpr>, bool)>,
}

impl Leaf {
    pub(super) const fn new(path: Vec<String>, data_type: DataType) -> Self {
        Self { path, data_type, questions: Vec::new() }
    }

    pub(super) fn questions(&self) -> usize {
        self.questions.len()
    }

    /// The number of the question whether `expr` is `wanted`; `None` where a column answers as many as it can.
    pub(super) fn ask(&mut self, expr: &Arc<dyn PhysicalExpr>, wanted: bool, schema: &Schema) -> Option<usize> {
        let rebased = rebase(expr, schema)?;
        let asked =
            self.questions.iter().position(|(other, answer)| *answer == wanted && other.as_ref() == rebased.as_ref());
        asked.or_else(|| {
            (self.questions.len() < QUESTIONS).then(|| {
                self.questions.push((rebased, wanted));
                self.questions.len() - 1
            })
        })
    }

    /// The verdict on a missing value; `None` where evaluating it fails.
    pub(super) fn null(&self) -> Option<u8> {
        self.verdicts(&new_null_array(&self.data_type, 1)).ok().map(|(_, null)| null)
    }

    /// The verdicts on `entries`, whose last one stands for a missing value, and on that: bit `n` answers question `n`.
    pub(super) fn verdicts(&self, entries: &ArrayRef) -> Result<(Vec<u8>, u8)> {
        // What does not convert is an error, as where the rows are read for good.
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let values = cast_with_options(entries, &self.data_type, &options)?;
        let field = Field::new("value", self.data_type.clone(), true);
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![values])?;
        let mut verdicts = vec![0u8; batch.num_rows()];
        for (question, (expr, wanted)) in self.questions.iter().enumerate() {
            let answers = expr.evaluate(&batch)?.into_array(batch.num_rows())?;
            let answers = as_boolean_array(&answers)?;
            for (verdict, answer) in verdicts.iter_mut().zip(answers) {
                *verdict |= u8::from(answer == Some(*wanted)) << question;
            }
        }
        debug_assert!(verdicts.iter().all(|verdict| verdict & NO_ENTRY == 0));
        let null = verdicts.pop().unwrap_or(0);
        Ok((verdicts, null))
    }
}

/// The path and the type of the one leaf that `expr` reads; `None` if it reads none or several, or if evaluating it on
/// values that no row of the result has could be seen, as with the functions that `quiet` refuses.
pub(super) fn only_leaf(
    expr: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    quiet: &dyn Fn(&str) -> bool,
) -> Option<(Vec<String>, DataType)> {
    let mut found: Option<(Vec<String>, DataType)> = None;
    let mut fits = true;
    let walked = expr.apply(|node| {
        if let Some(path) = path(node, schema) {
            let data_type = node.data_type(schema)?;
            fits = !data_type.is_nested() && found.as_ref().is_none_or(|(other, _)| *other == path);
            found = Some((path, data_type));
            return Ok(if fits { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Stop });
        }
        fits = is_plain(node, quiet);
        Ok(if fits { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    found.filter(|_| fits && walked.is_ok())
}

/// Whether what a node gives depends on the values below it alone, row by row.
fn is_plain(node: &Arc<dyn PhysicalExpr>, quiet: &dyn Fn(&str) -> bool) -> bool {
    if let Some(function) = node.downcast_ref::<ScalarFunctionExpr>() {
        return function.fun().signature().volatility == Volatility::Immutable && quiet(function.fun().name());
    }
    node.is::<Literal>()
        || node.is::<BinaryExpr>()
        || node.is::<LikeExpr>()
        || node.is::<InListExpr>()
        || node.is::<NotExpr>()
        || node.is::<IsNullExpr>()
        || node.is::<IsNotNullExpr>()
        || node.is::<CastExpr>()
        || node.is::<TryCastExpr>()
        || node.is::<CaseExpr>()
        || node.is::<NegativeExpr>()
}

/// The names that lead to a column, or through `get_field` to a field of a struct.
fn path(node: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Vec<String>> {
    if let Some(column) = node.downcast_ref::<Column>() {
        // A column behind the file's own comes from its path.
        let field = schema.fields().get(column.index())?;
        return (field.name() == column.name()).then(|| vec![column.name().to_owned()]);
    }
    let function = node.downcast_ref::<ScalarFunctionExpr>()?;
    function.fun().inner().downcast_ref::<GetFieldFunc>()?;
    let (base, names) = function.args().split_first()?;
    let mut path = path(base, schema)?;
    for name in names {
        match name.downcast_ref::<Literal>()?.value() {
            ScalarValue::Utf8(Some(name)) | ScalarValue::LargeUtf8(Some(name)) | ScalarValue::Utf8View(Some(name)) => {
                path.push(name.clone());
            }
            _ => return None,
        }
    }
    Some(path)
}

/// The expression over a schema whose only column is its leaf.
fn rebase(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Arc<dyn PhysicalExpr>> {
    let rebased = Arc::clone(expr).transform_down(|node| {
        Ok(if path(&node, schema).is_some() {
            let column = Arc::new(Column::new("value", 0)) as Arc<dyn PhysicalExpr>;
            Transformed::new(column, true, TreeNodeRecursion::Jump)
        } else {
            Transformed::no(node)
        })
    });
    rebased.ok().map(|done| done.data)
}
