//! The node that makes columns of the members of a packed column, above all other nodes of a plan.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StructArray, make_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::cast::as_struct_array;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference, plan_err};
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PhysicalExpr, PlanProperties,
};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use futures::StreamExt;

use super::tables::mark;
use crate::lake::PACKED;

/// Gives columns by name, those that its input has and those that are members of [`PACKED`], and behind them what else the
/// input has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Unpack {
    input: LogicalPlan,
    columns: Vec<String>,
    places: Vec<Place>,
    schema: DFSchemaRef,
}

/// Where a column is in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Column(usize),
    Member { of: usize, at: usize },
}

impl Unpack {
    /// The plan that gives `columns` of `input`.
    ///
    /// # Errors
    /// Where the input lacks one of them.
    pub(crate) fn plan(input: LogicalPlan, columns: Vec<String>) -> Result<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self::try_new(input, columns)?) }))
    }

    /// The node, where a plan is one.
    pub(crate) fn of(plan: &LogicalPlan) -> Option<&Self> {
        let LogicalPlan::Extension(extension) = plan else { return None };
        extension.node.as_any().downcast_ref()
    }

    pub(crate) fn input(&self) -> &LogicalPlan {
        &self.input
    }

    /// The column of the input that a column is; nothing where that is a packed field.
    pub(crate) fn below(&self, column: &Column) -> Option<Column> {
        match self.places.get(self.schema.index_of_column(column).ok()?)? {
            Place::Column(at) => Some(Column::from(self.input.schema().qualified_field(*at))),
            Place::Member { .. } => None,
        }
    }

    /// The same over another input.
    ///
    /// # Errors
    /// Where that lacks a column.
    pub(crate) fn over(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        Self::plan(input, self.columns.clone())
    }

    fn try_new(input: LogicalPlan, columns: Vec<String>) -> Result<Self> {
        let given = input.schema();
        let pack = given.iter().position(|(_, field)| field.name() == PACKED);
        let Some(of) = pack else { return plan_err!("a plan without packed fields") };
        let DataType::Struct(members) = given.field(of).data_type() else {
            return plan_err!("packed fields are members of a struct");
        };
        // The first of a name counts, and a column before a member.
        let mut known: HashMap<&str, Place> = HashMap::new();
        for (at, (_, field)) in given.iter().enumerate().filter(|(at, _)| *at != of) {
            known.entry(field.name()).or_insert(Place::Column(at));
        }
        for (at, member) in members.iter().enumerate() {
            known.entry(member.name()).or_insert(Place::Member { of, at });
        }
        let mut places = Vec::with_capacity(columns.len());
        for name in &columns {
            match known.get(name.as_str()) {
                Some(place) => places.push(*place),
                None => return plan_err!("a plan without the column {name}"),
            }
        }
        let mut taken = vec![false; given.fields().len()];
        for place in &places {
            if let Place::Column(at) = place
                && let Some(taken) = taken.get_mut(*at)
            {
                *taken = true;
            }
        }
        let more = (0..taken.len()).filter(|at| *at != of && taken.get(*at) == Some(&false)).map(Place::Column);
        places.extend(more);
        let field = |place: &Place| -> (Option<TableReference>, FieldRef) {
            match *place {
                Place::Column(at) => {
                    let (relation, field) = given.qualified_field(at);
                    (relation.cloned(), Arc::clone(field))
                }
                Place::Member { at, .. } => (None, mark_list(&members[at])),
            }
        };
        let fields = places.iter().map(field).collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, given.metadata().clone())?);
        Ok(Self { input, columns, places, schema })
    }
}

/// The field with the mark that lists of the events have.
fn mark_list(field: &FieldRef) -> FieldRef {
    match field.data_type() {
        DataType::List(_) | DataType::LargeList(_) => Arc::new(mark().add_to_field(field.as_ref().clone())),
        _ => Arc::clone(field),
    }
}

impl PartialOrd for Unpack {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.columns.as_slice(), &self.input).partial_cmp(&(other.columns.as_slice(), &other.input))
    }
}

impl UserDefinedLogicalNodeCore for Unpack {
    fn name(&self) -> &'static str {
        "Unpack"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unpack: {} columns", self.places.len())
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Ok([input]) = <[LogicalPlan; 1]>::try_from(inputs) else { return plan_err!("Unpack has one input") };
        Self::try_new(input, self.columns.clone())
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }
}

/// The node as it runs.
#[derive(Debug)]
pub(crate) struct UnpackExec {
    input: Arc<dyn ExecutionPlan>,
    places: Vec<Place>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl UnpackExec {
    /// The node that gives the columns at these places of its input.
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, places: Vec<Place>, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input, places, schema, properties: Arc::new(properties) }
    }

    /// Where its columns are in its input.
    #[cfg(feature = "cluster")]
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    fn over(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) else {
            return plan_err!("UnpackExec has one input");
        };
        Ok(Arc::new(Self::new(input, self.places.clone(), Arc::clone(&self.schema))))
    }
}

/// The columns at these places of a batch.
fn unpacked(batch: &RecordBatch, places: &[Place], schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |place: &Place| -> Result<ArrayRef> {
        Ok(match *place {
            Place::Column(at) => Arc::clone(batch.column(at)),
            Place::Member { of, at } => member(as_struct_array(batch.column(of))?, at)?,
        })
    };
    let columns = places.iter().map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// A member of a struct, null where the struct is.
fn member(row: &StructArray, at: usize) -> Result<ArrayRef> {
    let values = row.column(at);
    if row.null_count() == 0 {
        return Ok(Arc::clone(values));
    }
    let nulls = NullBuffer::union(row.nulls(), values.nulls());
    Ok(make_array(values.to_data().into_builder().nulls(nulls).build()?))
}

impl DisplayAs for UnpackExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnpackExec: {} columns", self.places.len())
    }
}

impl ExecutionPlan for UnpackExec {
    fn name(&self) -> &'static str {
        "UnpackExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (places, schema) = (self.places.clone(), Arc::clone(&self.schema));
        let rows = self.input.execute(partition, context)?;
        let rows = rows.map(move |batch| unpacked(&batch?, &places, &schema));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }
}

/// DataFusion's planner, which also plans [`Unpack`].
#[derive(Debug)]
pub(super) struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        logical_plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Self)]);
        planner.create_physical_plan(logical_plan, session).await
    }
}

#[async_trait]
impl ExtensionPlanner for Planner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(unpack), [input]) = (node.as_any().downcast_ref::<Unpack>(), physical_inputs) else {
            return Ok(None);
        };
        let schema = Arc::clone(unpack.schema.inner());
        Ok(Some(Arc::new(UnpackExec::new(Arc::clone(input), unpack.places.clone(), schema))))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by it")]

    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::datatypes::{Field, Int64Type};

    use super::*;

    #[test]
    fn a_member_is_null_where_its_row_is() {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)]));
        let fields = vec![Field::new("n", DataType::Int64, true)].into();
        let row = StructArray::try_new(fields, vec![values], Some(vec![true, true, false, true].into())).unwrap();
        let found = member(&row, 0).unwrap();
        assert_eq!(found.as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(1), None, None, Some(4)]);
    }
}
