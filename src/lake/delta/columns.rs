//! The schema in a table's log -> the columns of its files.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Fields, Schema};
use datafusion::common::ScalarValue;
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::expressions::Scalar;
use delta_kernel::schema::{ColumnMetadataKey, DataType as LogType, MetadataValue, StructField, StructType};
use delta_kernel::table_features::ColumnMappingMode;

use super::super::schema::as_read;
use super::snapshot::{Columns, Numbered};
use super::statistics::compares;

/// The columns of a table of this schema.
///
/// # Errors
/// A type that Arrow has none for, a column of partitions that is no plain value.
pub(crate) fn columns(schema: &StructType, partition: &[String], mode: ColumnMappingMode) -> Result<Columns, String> {
    let mapped = mode != ColumnMappingMode::None;
    let mut names = HashMap::new();
    let is_partition = |field: &&StructField| partition.contains(field.name());
    for field in schema.fields() {
        name(field, mapped, &mut Vec::new(), &mut Vec::new(), &mut names);
    }
    let stored = schema.fields().filter(|field| !is_partition(field)).map(|field| arrow(field, mapped));
    let schema_of = |fields: Vec<ArrowField>| as_read(&Schema::new(fields));
    let stored = schema_of(stored.collect::<Result<_, _>>()?);
    let of_log = partition.iter().map(|name| {
        let field = schema
            .field(name)
            .ok_or_else(|| format!("the column '{name}' of its partitions is none of its columns"))?;
        match field.data_type() {
            LogType::Primitive(_) => arrow(field, mapped),
            other => Err(format!("the column '{name}' of its partitions is {other}")),
        }
    });
    let of_log = schema_of(of_log.collect::<Result<_, _>>()?);
    let mut leaves = Vec::new();
    for field in stored.fields() {
        bounded(field, &mut Vec::new(), &mut leaves);
    }
    let ids = || schema.fields().filter(|field| !is_partition(field)).map(numbered).collect();
    Ok(Columns {
        schema: Arc::new(stored),
        partition: of_log.fields().iter().cloned().collect(),
        names,
        leaves,
        ids: (mode == ColumnMappingMode::Id).then(ids),
    })
}

/// The name of a column, or of a member of a struct, in the files.
pub(crate) fn stored_name(field: &StructField, mapped: bool) -> &str {
    match field.get_config_value(&ColumnMetadataKey::ColumnMappingPhysicalName) {
        Some(MetadataValue::String(name)) if mapped => name,
        _ => field.name(),
    }
}

/// The expression that a column is generated from.
pub(crate) fn generation(field: &StructField) -> Option<&str> {
    match field.get_config_value(&ColumnMetadataKey::GenerationExpression) {
        Some(MetadataValue::String(expression)) => Some(expression),
        _ => None,
    }
}

/// The value of a partition column as the log spells it.
///
/// # Errors
/// A text that the column's type has no value for.
pub(crate) fn partition_value(
    text: Option<&str>,
    field: &StructField,
    column: &ArrowField,
) -> Result<ScalarValue, String> {
    let null = || ScalarValue::try_new_null(column.data_type()).map_err(|e| e.to_string());
    let (Some(text), LogType::Primitive(primitive)) = (text, field.data_type()) else { return null() };
    let value = match primitive.parse_scalar(text).map_err(|e| e.to_string())? {
        Scalar::Null(_) => return null(),
        Scalar::String(text) => ScalarValue::Utf8View(Some(text)),
        Scalar::Byte(n) => ScalarValue::Int8(Some(n)),
        Scalar::Short(n) => ScalarValue::Int16(Some(n)),
        Scalar::Integer(n) => ScalarValue::Int32(Some(n)),
        Scalar::Long(n) => ScalarValue::Int64(Some(n)),
        Scalar::Float(n) => ScalarValue::Float32(Some(n)),
        Scalar::Double(n) => ScalarValue::Float64(Some(n)),
        Scalar::Boolean(b) => ScalarValue::Boolean(Some(b)),
        Scalar::Date(days) => ScalarValue::Date32(Some(days)),
        Scalar::Timestamp(at) | Scalar::TimestampNtz(at) => {
            ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into()))
        }
        Scalar::Binary(bytes) => ScalarValue::Binary(Some(bytes)),
        Scalar::Decimal(decimal) => {
            ScalarValue::Decimal128(Some(decimal.bits()), decimal.precision(), decimal.scale() as i8)
        }
        other => return Err(format!("expected a plain value, found {other}")),
    };
    value.cast_to(column.data_type()).map_err(|e| e.strip_backtrace())
}

/// A column as its files store it.
fn arrow(field: &StructField, mapped: bool) -> Result<ArrowField, String> {
    // Files that were written before a column became one of the table lack it.
    Ok(ArrowField::new(stored_name(field, mapped), arrow_type(field.data_type(), mapped)?, true))
}

fn arrow_type(data_type: &LogType, mapped: bool) -> Result<DataType, String> {
    Ok(match data_type {
        LogType::Struct(members) => {
            let members = members.fields().map(|member| arrow(member, mapped).map(Arc::new));
            DataType::Struct(members.collect::<Result<Fields, _>>()?)
        }
        LogType::Array(array) => {
            DataType::List(Arc::new(ArrowField::new("element", arrow_type(array.element_type(), mapped)?, true)))
        }
        other => other.try_into_arrow().map_err(|e| format!("the type {other}: {e}"))?,
    })
}

/// Notes the names, in the files and in the table, of a column and of all that is in it.
fn name(
    field: &StructField,
    mapped: bool,
    stored: &mut Vec<String>,
    named: &mut Vec<String>,
    names: &mut HashMap<Vec<String>, String>,
) {
    stored.push(stored_name(field, mapped).to_owned());
    named.push(field.name().to_owned());
    names.insert(stored.clone(), named.join("."));
    for member in members(field).into_iter().flat_map(StructType::fields) {
        name(member, mapped, stored, named, names);
    }
    stored.pop();
    named.pop();
}

/// Notes the values below a column that the log may have statistics of.
fn bounded(field: &FieldRef, above: &mut Vec<String>, leaves: &mut Vec<(Vec<String>, DataType)>) {
    above.push(field.name().clone());
    match field.data_type() {
        DataType::Struct(members) => members.iter().for_each(|member| bounded(member, above, leaves)),
        data_type if compares(data_type) => leaves.push((above.clone(), data_type.clone())),
        _ => {}
    }
    above.pop();
}

fn numbered(field: &StructField) -> Numbered {
    let children = members(field).into_iter().flat_map(StructType::fields).map(numbered).collect();
    Numbered { id: field.column_mapping_id(), children }
}

/// The members of a struct, or of a list of structs.
fn members(field: &StructField) -> Option<&StructType> {
    let inner = match field.data_type() {
        LogType::Array(array) => array.element_type(),
        other => other,
    };
    match inner {
        LogType::Struct(members) => Some(members),
        _ => None,
    }
}
