//! What the functions of a lake's plans are made of, so that another process can make them again.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::instant::{ParseInstant, Unparsed};
use super::list_leaf::ListLeaf;
use super::object_text::ObjectText;
use super::row_json::RowJson;
use super::row_struct::{Row, RowStruct, row_struct};
use super::value_map::{ValueMap, Values};

/// A function of a lake's plans.
#[derive(Debug, Clone)]
pub(crate) enum LakeFunction {
    /// What a value becomes.
    ValueMap(Arc<Values>),
    /// The instants of the texts of a field, and where those that are none are counted.
    ParseInstant { field: String, unparsed: Option<Arc<Unparsed>> },
    /// A struct of the columns of a row.
    RowStruct(Arc<Row>),
    /// The text of an object in a document.
    ObjectText { path: Vec<String> },
    /// The JSON text of a struct.
    RowJson,
    /// The values that names lead to.
    ListLeaf { path: Vec<String> },
}

impl LakeFunction {
    /// The function of a lake's plans that `function` is.
    pub(crate) fn of(function: &ScalarUDF) -> Option<Self> {
        let inner = function.inner();
        if let Some(known) = inner.downcast_ref::<ValueMap>() {
            return Some(Self::ValueMap(Arc::clone(&known.values)));
        }
        if let Some(known) = inner.downcast_ref::<ParseInstant>() {
            return Some(Self::ParseInstant { field: known.field.clone(), unparsed: known.unparsed.clone() });
        }
        if let Some(known) = inner.downcast_ref::<RowStruct>() {
            return Some(Self::RowStruct(Arc::clone(&known.row)));
        }
        if let Some(known) = inner.downcast_ref::<ObjectText>() {
            return Some(Self::ObjectText { path: known.path.clone() });
        }
        if let Some(known) = inner.downcast_ref::<ListLeaf>() {
            return Some(Self::ListLeaf { path: known.path.clone() });
        }
        inner.downcast_ref::<RowJson>().map(|_| Self::RowJson)
    }

    /// The function.
    pub(crate) fn into_function(self) -> ScalarUDF {
        match self {
            Self::ValueMap(values) => ScalarUDF::from(ValueMap::new(values)),
            Self::ParseInstant { field, unparsed } => ScalarUDF::from(ParseInstant::new(field, unparsed)),
            Self::RowStruct(row) => row_struct(row),
            Self::ObjectText { path } => ScalarUDF::from(ObjectText::new(path)),
            Self::RowJson => ScalarUDF::from(RowJson::new()),
            Self::ListLeaf { path } => ScalarUDF::from(ListLeaf::new(path)),
        }
    }
}
