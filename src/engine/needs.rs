//! Which fields a query reads: what is left of its tables once the optimiser has taken away the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::TableReference;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::LogicalPlan;

use super::failure::engine_error;
use super::plan;
use super::session::Session;
use crate::error::Result;
use crate::lake::PACKED;
use crate::sql::catalog::{self, Type};
use crate::sql::lowered::{Lowered, TableUse};

/// The fields that `lowered` reads of each of its tables, whose columns are `fields` beside those it wants; planning
/// fails where the engine refuses the query.
pub(crate) async fn needs(
    session: &Session,
    lowered: &Lowered,
    fields: impl Fn(&TableUse) -> Vec<Arc<Field>>,
    now: DateTime<Utc>,
) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let context = session.context();
    for used in &lowered.tables {
        let table = EmptyTable::new(schema(used, fields(used)));
        let name = TableReference::bare(used.name.as_str());
        context.deregister_table(name.clone()).map_err(engine_error)?;
        context.register_table(name, Arc::new(table)).map_err(engine_error)?;
    }
    let planned = plan::logical(session, lowered, now).await;
    for used in &lowered.tables {
        context.deregister_table(TableReference::bare(used.name.as_str())).map_err(engine_error)?;
    }
    let mut found = BTreeMap::new();
    collect(&planned?, &mut found)?;
    for used in &lowered.tables {
        if let Some(names) = found.get_mut(&used.name)
            && names.remove(PACKED)
        {
            names.extend(used.packed.iter().cloned());
        }
    }
    Ok(found)
}

fn collect(plan: &LogicalPlan, found: &mut BTreeMap<String, BTreeSet<String>>) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let names = scan.projected_schema.fields().iter().map(|field| field.name().clone());
            found.entry(scan.table_name.table().to_owned()).or_default().extend(names);
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(engine_error)?;
    Ok(())
}

/// The columns of a table as a query sees them: its fields, those that are wanted, metadata.
fn schema(used: &TableUse, mut columns: Vec<Arc<Field>>) -> SchemaRef {
    let known: BTreeSet<_> = columns.iter().map(|field| field.name().clone()).collect();
    columns.extend(used.wanted.iter().filter(|field| !known.contains(&field.name)).map(column));
    columns.extend(used.metadata.iter().filter(|name| !known.contains(*name)).map(|name| metadata_column(name)));
    if !used.packed.is_empty() {
        let packed: BTreeSet<&String> = used.packed.iter().collect();
        let (members, mut others): (Vec<_>, Vec<_>) =
            columns.into_iter().partition(|field| packed.contains(field.name()));
        others.push(Arc::new(Field::new(PACKED, DataType::Struct(members.into()), false)));
        columns = others;
    }
    Arc::new(Schema::new(columns))
}

/// The column of a metadata name.
fn metadata_column(name: &str) -> Arc<Field> {
    let data_type = match name {
        "_version" => DataType::Int64,
        "_ignored" => DataType::new_list(DataType::Utf8View, true),
        _ => DataType::Utf8View,
    };
    Arc::new(Field::new(name, data_type, true))
}

/// The column that stands for a field of the lowering's catalog.
pub(crate) fn column(field: &catalog::Field) -> Arc<Field> {
    let one = match field.ty {
        Type::Boolean => DataType::Boolean,
        Type::Integer | Type::Long => DataType::Int64,
        Type::UnsignedLong => DataType::UInt64,
        Type::Double => DataType::Float64,
        Type::Date => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::DateNanos => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        _ => DataType::Utf8View,
    };
    let data_type = if field.multi { DataType::new_list(one, true) } else { one };
    Arc::new(Field::new(&field.name, data_type, true))
}
