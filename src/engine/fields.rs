//! For each field that a rule reads: whether the events have it, as what, and how often.

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::{Column, TableReference};
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, lit, when};

use super::Engine;
use super::catalog::{LakeCatalog, type_of};
use super::failure::engine_error;
use super::needs::{column, needs};
use super::tables::{self, TimeField};
use crate::error::{Error, Kind, Result};
use crate::lake::ecs;
use crate::rule::Execution;
use crate::sql::catalog::Catalog;
use crate::sql::lowered::{Lowered, TableUse};

/// What is known of one field of a rule over the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldUse {
    /// The table, as FROM names it.
    pub table: String,
    /// The field.
    pub name: String,
    /// Its type, where the events hold it: that of ECS, else that of the stored values.
    pub kind: Option<&'static str>,
    /// The type that ECS gives it.
    pub ecs: Option<&'static str>,
    /// Events within the window.
    pub events: u64,
    /// Events that hold a value.
    pub present: u64,
    /// Events that hold several values.
    pub several: u64,
    /// The nearest name, where no event holds the field.
    pub near: Option<String>,
}

impl Engine {
    /// What the events hold of each field that a compiled rule reads, sorted by table and name.
    ///
    /// # Errors
    /// Where the engine refuses the query or the events cannot be read.
    pub async fn field_use(&self, lowered: &Lowered, time: &TimeField, execution: &Execution) -> Result<Vec<FieldUse>> {
        let listed = |used: &TableUse| self.columns(used);
        let needed = needs(self.session(), lowered, listed, execution.at).await?;
        let mut unpacked = lowered.clone();
        unpacked.tables.iter_mut().for_each(|used| used.packed.clear());
        tables::register(self.session(), self.lake(), &unpacked, time, execution).await?;
        let mut found = Vec::new();
        for used in &lowered.tables {
            let names: Vec<String> = needed.get(&used.name).into_iter().flatten().cloned().collect();
            let names: Vec<String> = names.into_iter().filter(|name| !used.metadata.contains(name)).collect();
            found.extend(self.count(used, &names).await?);
        }
        found.sort_by(|a, b| (&a.table, &a.name).cmp(&(&b.table, &b.name)));
        Ok(found)
    }

    fn columns(&self, used: &TableUse) -> Vec<std::sync::Arc<datafusion::arrow::datatypes::Field>> {
        self.source_fields(used).iter().map(column).collect()
    }

    fn source_fields(&self, used: &TableUse) -> Vec<crate::sql::catalog::Field> {
        let selection = self.lake().select(&used.patterns);
        let tables: Vec<_> = selection.tables.iter().map(AsRef::as_ref).collect();
        let (fields, _) = crate::lake::union_fields(&tables);
        let field =
            |f: crate::lake::Field| crate::sql::catalog::Field { name: f.name, ty: type_of(f.kind), multi: f.multi };
        fields.into_iter().map(field).collect()
    }

    async fn count(&self, used: &TableUse, names: &[String]) -> Result<Vec<FieldUse>> {
        let context = self.session().context();
        let state = context.state();
        let mv_count = state.scalar_functions().get("mv_count").cloned();
        let mv_count = mv_count.ok_or_else(|| Error::new(Kind::Engine, "the session lacks the function mv_count"))?;
        let mut counts = vec![count(lit(1_i64)).alias("events")];
        for (at, name) in names.iter().enumerate() {
            let field = Expr::Column(Column::from_name(name.as_str()));
            let several =
                when(mv_count.call(vec![field.clone()]).gt(lit(1)), lit(1_i64)).end().map_err(engine_error)?;
            counts.push(count(field).alias(format!("present_{at}")));
            counts.push(sum(several).alias(format!("several_{at}")));
        }
        let table = context.table(TableReference::bare(used.name.as_str())).await.map_err(engine_error)?;
        let batches =
            table.aggregate(Vec::new(), counts).map_err(engine_error)?.collect().await.map_err(engine_error)?;
        let at = |column: usize| batches.first().map_or(0, |batch| value(batch, column));
        let source =
            crate::sql::catalog::Source { name: used.name.clone(), fields: self.source_fields(used), open: false };
        let catalog = LakeCatalog::new(self.lake());
        let uses = names.iter().enumerate().map(|(index, name)| {
            let present = at(1 + 2 * index);
            let kind = source.fields.iter().find(|f| f.name == *name).map(|f| super::catalog::kind_of(f.ty).name());
            let ecs = ecs::kind(name).map(super::super::lake::field::Kind::name);
            FieldUse {
                table: used.name.clone(),
                name: name.clone(),
                kind: kind.or(ecs.filter(|_| present > 0)),
                ecs,
                events: at(0),
                present,
                several: at(2 + 2 * index),
                near: if present == 0 { catalog.near(&source, name) } else { None },
            }
        });
        Ok(uses.collect())
    }
}

fn value(batch: &RecordBatch, column: usize) -> u64 {
    let Some(array) = batch.columns().get(column).and_then(|array| array.as_primitive_opt::<Int64Type>()) else {
        return 0;
    };
    array.iter().next().flatten().and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}
