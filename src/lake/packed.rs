//! Fields of a scan as the members of one column.
//!
//! Thousands of fields that a query only carries along, or makes one text of, would each be a column of every node of its
//! plan, and planning takes time that grows with the square of the columns. As members of one struct they are one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Statistics};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::{Column, cast};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

use super::functions::row_struct;

/// The column with the fields that a query only carries along.
pub const PACKED: &str = "__egret_fields";

/// The column with every field of an event.
pub(crate) const DOCUMENT: &str = "__egret_document";

/// A column that has fields as its members.
#[derive(Debug)]
pub(crate) struct Pack {
    name: &'static str,
    /// What each member is made of.
    values: Vec<Expr>,
    members: Fields,
}

impl Pack {
    /// A column of fields, each with its name, its type and what it is made of.
    pub(crate) fn new(name: &'static str, fields: Vec<(String, DataType, Expr)>) -> Self {
        let (members, values): (Vec<FieldRef>, Vec<Expr>) = fields
            .into_iter()
            .map(|(name, data_type, value)| (Arc::new(Field::new(name, data_type, true)), value))
            .unzip();
        Self { name, values, members: members.into() }
    }

    fn field(&self) -> FieldRef {
        Arc::new(Field::new(self.name, DataType::Struct(self.members.clone()), false))
    }
}

/// A scan with further columns that have fields as their members.
#[derive(Debug)]
pub(crate) struct PackedScan {
    scan: Arc<dyn TableProvider>,
    packs: Vec<Pack>,
    schema: SchemaRef,
}

impl PackedScan {
    /// The columns of `scan`, then those of `packs`.
    pub(crate) fn new(scan: Arc<dyn TableProvider>, packs: Vec<Pack>) -> Self {
        let fields = scan.schema().fields().iter().cloned().chain(packs.iter().map(Pack::field)).collect::<Vec<_>>();
        Self { scan, packs, schema: Arc::new(Schema::new(fields)) }
    }
}

#[async_trait]
impl TableProvider for PackedScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.scan.table_type()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.scan.supports_filters_pushdown(filters)
    }

    fn statistics(&self) -> Option<Statistics> {
        None
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let wanted = projection.unwrap_or(&all);
        let inside = self.scan.schema();
        let own = inside.fields().len();
        let packs: Vec<&Pack> = wanted.iter().filter_map(|at| self.packs.get(at.checked_sub(own)?)).collect();
        if packs.is_empty() {
            return self.scan.scan(state, projection, filters, limit).await;
        }
        let place: HashMap<&str, usize> =
            inside.fields().iter().enumerate().map(|(at, field)| (field.name().as_str(), at)).collect();
        let mut read: BTreeSet<usize> = wanted.iter().copied().filter(|at| *at < own).collect();
        for value in packs.iter().flat_map(|pack| &pack.values) {
            read.extend(value.column_refs().iter().filter_map(|column| place.get(column.name.as_str())));
        }
        let read: Vec<usize> = read.into_iter().collect();
        let input = self.scan.scan(state, Some(&read), filters, limit).await?;
        let given = Given::new(input.schema(), state)?;
        let mut columns: Vec<(Arc<dyn PhysicalExpr>, String)> = Vec::with_capacity(wanted.len());
        for at in wanted {
            columns.push(match self.packs.get(at.wrapping_sub(own)) {
                Some(pack) => (given.packed(pack)?, pack.name.to_owned()),
                None => {
                    let name = inside.field(*at).name();
                    (given.column(name)?, name.clone())
                }
            });
        }
        Ok(Arc::new(ProjectionExec::try_new(columns, input)?))
    }
}

/// What a scan gives, for the expressions over it.
struct Given<'a> {
    state: &'a dyn Session,
    columns: DFSchema,
    schema: SchemaRef,
    place: HashMap<String, usize>,
}

impl<'a> Given<'a> {
    fn new(schema: SchemaRef, state: &'a dyn Session) -> Result<Self> {
        let place = schema.fields().iter().enumerate().map(|(at, field)| (field.name().clone(), at)).collect();
        Ok(Self { state, columns: DFSchema::try_from(Arc::clone(&schema))?, schema, place })
    }

    /// A column by name, without looking through all of them as DataFusion does.
    fn column(&self, name: &str) -> Result<Arc<dyn PhysicalExpr>> {
        match self.place.get(name) {
            Some(at) => Ok(Arc::new(Column::new(name, *at))),
            None => Ok(Arc::new(Column::new_with_schema(name, &self.schema)?)),
        }
    }

    fn value(&self, value: &Expr, member: &Field) -> Result<Arc<dyn PhysicalExpr>> {
        let made = match value {
            Expr::Column(column) => self.column(&column.name)?,
            other => self.state.create_physical_expr(other.clone(), &self.columns)?,
        };
        cast(made, &self.schema, member.data_type().clone())
    }

    fn packed(&self, pack: &Pack) -> Result<Arc<dyn PhysicalExpr>> {
        let members = pack.values.iter().zip(&pack.members);
        let values = members.map(|(value, member)| self.value(value, member)).collect::<Result<Vec<_>>>()?;
        let function = Arc::new(row_struct(pack.members.clone()));
        let options = Arc::clone(self.state.config().options());
        Ok(Arc::new(ScalarFunctionExpr::new(pack.name, function, values, pack.field(), options)))
    }
}
