//! Fields of a scan as the members of one column.
//!
//! Thousands of fields that a query only carries along, or makes one text of, would each be a column of every node of its
//! plan, and planning takes time that grows with the square of the columns. As members of one struct they are one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Statistics, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::{Column, cast};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

use super::functions::{Row, row_struct};

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
        let place = places(&inside);
        let mut read: BTreeSet<usize> = wanted.iter().copied().filter(|at| *at < own).collect();
        for pack in &packs {
            read.extend(pack.columns().iter().filter_map(|name| place.get(*name)));
        }
        let read: Vec<usize> = read.into_iter().collect();
        let input = self.scan.scan(state, Some(&read), filters, limit).await?;
        let given = input.schema();
        let place = places(&given);
        let mut columns: Vec<(Arc<dyn PhysicalExpr>, String)> = Vec::with_capacity(wanted.len());
        for at in wanted {
            columns.push(if let Some(pack) = self.packs.get(at.wrapping_sub(own)) {
                (pack.expr(&given, &place, state)?, pack.name.to_owned())
            } else {
                let name = inside.field(*at).name();
                (column(name, &place)?, name.clone())
            });
        }
        Ok(Arc::new(ProjectionExec::try_new(columns, input)?))
    }
}

/// Where each column is: DataFusion looks through all of them for each.
fn places(schema: &Schema) -> HashMap<&str, usize> {
    schema.fields().iter().enumerate().map(|(at, field)| (field.name().as_str(), at)).collect()
}

fn column(name: &str, place: &HashMap<&str, usize>) -> Result<Arc<dyn PhysicalExpr>> {
    let Some(at) = place.get(name) else { return internal_err!("the scan has no column {name}") };
    Ok(Arc::new(Column::new(name, *at)))
}

impl Pack {
    /// The columns that its members are made of.
    fn columns(&self) -> BTreeSet<&str> {
        self.values.iter().flat_map(Expr::column_refs).map(|column| column.name.as_str()).collect()
    }

    /// The column over a scan's columns.
    fn expr(
        &self,
        given: &SchemaRef,
        place: &HashMap<&str, usize>,
        state: &dyn Session,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let names: Vec<&str> = self.columns().into_iter().collect();
        let arguments = names.iter().map(|name| column(name, place)).collect::<Result<Vec<_>>>()?;
        let own: Vec<usize> = names.iter().filter_map(|name| place.get(name).copied()).collect();
        let columns = Arc::new(given.project(&own)?);
        let (resolved, own) = (DFSchema::try_from(Arc::clone(&columns))?, places(&columns));
        let mut values = Vec::with_capacity(self.values.len());
        for (value, member) in self.values.iter().zip(&self.members) {
            let made = match value {
                Expr::Column(plain) => column(&plain.name, &own)?,
                other => state.create_physical_expr(other.clone(), &resolved)?,
            };
            values.push(cast(made, &columns, member.data_type().clone())?);
        }
        let row = Row { columns: Arc::clone(&columns), values, members: self.members.clone() };
        let function = row_struct(Arc::new(row));
        let options = Arc::clone(state.config().options());
        Ok(Arc::new(ScalarFunctionExpr::new(self.name, Arc::new(function), arguments, self.field(), options)))
    }
}
