//! How a value is made of what is stored.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_nested::expr_fn::{array_concat, array_has_any, make_array};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, cast, lit, try_cast};

use super::super::functions::{Values, object_text, value_map};
use super::super::schema::{Leaf, instant};

/// How a value is made of what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Made {
    /// The same for every event.
    Constant(Vec<ScalarValue>),
    /// A value for each value of a leaf.
    Mapped(Box<Leaf>, Arc<Values>),
    /// A whole number of this unit since 1970.
    Epoch(TimeUnit),
    /// The values of several leaves.
    All(Vec<Leaf>),
    /// Of an object that a text holds, below these names.
    Text(Vec<String>),
    /// The value of a leaf, for events where each condition's leaf has one of its values.
    When { conditions: Vec<(Leaf, Vec<String>)>, value: Box<Leaf> },
}

impl Made {
    /// The value of the leaf `of`; `stored` is what its column holds.
    pub(crate) fn expr(&self, of: &Leaf, stored: Expr) -> Expr {
        match self {
            Self::Constant(values) if of.list => {
                lit(ScalarValue::List(ScalarValue::new_list_nullable(values, &of.data_type)))
            }
            Self::Constant(values) => lit(values.first().cloned().unwrap_or(ScalarValue::Null)),
            Self::Mapped(leaf, values) => value_map(leaf.expr(), Arc::clone(values)),
            Self::Epoch(unit) => {
                let typed = |t: DataType| if of.multi() { DataType::new_list(t, true) } else { t };
                cast(try_cast(stored, typed(DataType::Int64)), typed(instant(*unit)))
            }
            Self::All(leaves) => array_concat(leaves.iter().map(list).collect()),
            Self::Text(path) => object_text(stored, path),
            Self::When { conditions, value } => {
                let all = conditions.iter().map(|(leaf, values)| one_of(leaf, values)).reduce(Expr::and);
                let then = (Box::new(all.unwrap_or_else(|| lit(true))), Box::new(value.expr()));
                Expr::Case(Case::new(None, vec![then], None))
            }
        }
    }
}

/// A leaf's values as texts.
fn texts(leaf: &Leaf) -> Expr {
    let data_type = DataType::Utf8View;
    cast(leaf.expr(), if leaf.multi() { DataType::new_list(data_type, true) } else { data_type })
}

/// A leaf's values as a list of texts, an empty one where it has none.
fn list(leaf: &Leaf) -> Expr {
    let list = if leaf.multi() { texts(leaf) } else { make_array(vec![texts(leaf)]) };
    let none = ScalarValue::List(ScalarValue::new_list_nullable(&[], &DataType::Utf8View));
    coalesce(vec![list, lit(none)])
}

/// Whether a leaf has one of the values.
fn one_of(leaf: &Leaf, values: &[String]) -> Expr {
    let wanted = values.iter().map(|value| lit(ScalarValue::Utf8View(Some(value.clone())))).collect();
    if leaf.multi() { array_has_any(texts(leaf), make_array(wanted)) } else { texts(leaf).in_list(wanted, false) }
}
