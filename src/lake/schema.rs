//! The flat fields of a file's Arrow schema, and the one type that several files agree on for a field.
//!
//! A field is a column with a dotted name, a leaf of nested structs, or both. Its kind is the one of the Elastic
//! Common Schema wherever every stored type can represent it, else what the stored types have in common.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Fields, Schema, TimeUnit};

use super::ecs;
use super::field::{Field, Kind};
use super::mapping::Made;

/// A value that a file stores for a field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Leaf {
    /// The dotted name.
    pub(crate) name: String,
    /// The names to walk, from the column to the leaf.
    pub(crate) path: Vec<String>,
    /// The type of one value.
    pub(crate) data_type: DataType,
    /// How many of the path's names lead to a list of structs; that many lists lie around the leaf. Zero where none.
    pub(crate) lists_above: usize,
    /// Whether the leaf itself is a list.
    pub(crate) list: bool,
    /// Whether the reader of a list leaves out empty lists, nulls and duplicates already.
    pub(crate) clean: bool,
    /// How its values are made of what is stored, where they are not what is stored.
    pub(crate) made: Option<Made>,
}

impl Leaf {
    /// Whether a row may hold several values.
    pub(crate) const fn multi(&self) -> bool {
        self.list || self.lists_above > 0
    }
}

/// A column that is no field, and its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LeftOut {
    pub(crate) name: String,
    pub(crate) data_type: String,
}

/// The fields of a schema in its order, and the columns that are none.
pub(crate) fn leaves(schema: &Schema) -> (Vec<Leaf>, Vec<LeftOut>) {
    let mut found = Vec::new();
    let mut left_out = Vec::new();
    for field in schema.fields() {
        walk(field, &mut Vec::new(), 0, &mut found, &mut left_out);
    }
    (found, left_out)
}

fn walk(
    field: &ArrowField,
    above: &mut Vec<String>,
    lists_above: usize,
    found: &mut Vec<Leaf>,
    left_out: &mut Vec<LeftOut>,
) {
    above.push(field.name().clone());
    let mut leaf = |data_type: &DataType, list: bool, path: &[String]| {
        found.push(Leaf {
            name: path.join("."),
            path: path.to_vec(),
            data_type: data_type.clone(),
            lists_above,
            list,
            clean: false,
            made: None,
        });
    };
    match field.data_type() {
        DataType::Struct(children) => {
            for child in children {
                walk(child, above, lists_above, found, left_out);
            }
        }
        DataType::List(item) | DataType::LargeList(item) => match item.data_type() {
            DataType::Struct(children) => {
                for child in children {
                    walk(child, above, lists_above + 1, found, left_out);
                }
            }
            other if scalar(other) => leaf(other, true, above),
            _ => left_out.push(LeftOut { name: above.join("."), data_type: field.data_type().to_string() }),
        },
        other if scalar(other) => leaf(other, false, above),
        other => left_out.push(LeftOut { name: above.join("."), data_type: other.to_string() }),
    }
    above.pop();
}

/// Whether a type is one that a field's value can have.
fn scalar(data_type: &DataType) -> bool {
    data_type.is_numeric() || natural(data_type).is_some() || is_bytes(data_type) || *data_type == DataType::Null
}

const fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

/// The type of an instant, always in UTC.
pub(crate) fn instant(unit: TimeUnit) -> DataType {
    DataType::Timestamp(unit, Some("UTC".into()))
}

/// The schema that a reader is asked for instead of a file's own: text as views, instants in UTC, nothing else
/// changed. All are the same bytes, so nothing is converted, and predicates still see plain columns.
pub(crate) fn as_read(schema: &Schema) -> Schema {
    let fields: Fields = schema.fields().iter().map(read_field).collect();
    Schema::new(fields)
}

fn read_field(field: &FieldRef) -> FieldRef {
    let plain = ArrowField::new(field.name(), read_type(field.data_type()), field.is_nullable());
    Arc::new(plain)
}

fn read_type(data_type: &DataType) -> DataType {
    match data_type {
        text if is_text(text) => DataType::Utf8View,
        DataType::Dictionary(_, value) => read_type(value),
        DataType::Timestamp(unit, _) => instant(*unit),
        DataType::Struct(children) => DataType::Struct(children.iter().map(read_field).collect()),
        DataType::List(item) => DataType::List(read_field(item)),
        DataType::LargeList(item) => DataType::LargeList(read_field(item)),
        other => other.clone(),
    }
}

/// The kind that a stored type has by itself.
fn natural(data_type: &DataType) -> Option<Kind> {
    match data_type {
        text if is_text(text) => Some(Kind::Keyword),
        DataType::Boolean => Some(Kind::Boolean),
        DataType::UInt64 => Some(Kind::UnsignedLong),
        whole if whole.is_integer() => Some(Kind::Long),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Some(Kind::Double),
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            Some(Kind::Double)
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Some(Kind::Date),
        _ => None,
    }
}

/// Whether a stored type can represent a kind, if need be after a conversion.
fn represents(kind: Kind, data_type: &DataType) -> bool {
    let natural = natural(data_type);
    let number = matches!(natural, Some(Kind::Long | Kind::UnsignedLong | Kind::Double));
    if *data_type == DataType::Null {
        return true;
    }
    match kind {
        Kind::Keyword | Kind::Text | Kind::Version => {
            number || is_bytes(data_type) || matches!(natural, Some(Kind::Keyword | Kind::Boolean))
        }
        Kind::GeoPoint => is_text(data_type),
        Kind::Boolean => matches!(natural, Some(Kind::Keyword | Kind::Boolean)),
        Kind::Long => matches!(natural, Some(Kind::Keyword | Kind::Long | Kind::UnsignedLong)),
        Kind::UnsignedLong => matches!(natural, Some(Kind::Keyword | Kind::Long | Kind::UnsignedLong)),
        Kind::Double => number || is_text(data_type),
        Kind::Date => number || matches!(natural, Some(Kind::Keyword | Kind::Date)),
        Kind::Ip => {
            is_text(data_type)
                || matches!(data_type, DataType::UInt32 | DataType::FixedSizeBinary(4 | 16))
                || matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
        }
    }
}

/// A field as one file, group or table stores it.
#[derive(Debug, Clone)]
pub(crate) struct Stored<'a> {
    pub(crate) data_type: &'a DataType,
    pub(crate) multi: bool,
}

/// The field that all the stored values make together.
///
/// # Errors
/// The positions of two whose types have nothing in common.
pub(crate) fn unify(name: &str, stored: &[Stored<'_>]) -> Result<Option<Field>, (usize, usize)> {
    let multi = stored.iter().any(|s| s.multi);
    let known = ecs::kind(name).filter(|k| stored.iter().all(|s| represents(*k, s.data_type)));
    let kind = match known {
        Some(kind) => kind,
        None => match common(stored)? {
            Some(kind) => kind,
            None => return Ok(None),
        },
    };
    let data_type = data_type(kind, stored);
    Ok(Some(Field { name: name.to_owned(), kind, data_type, multi }))
}

/// The kind that stored types have in common without knowledge of the field; `None` where none has one.
fn common(stored: &[Stored<'_>]) -> Result<Option<Kind>, (usize, usize)> {
    let mut so_far: Option<(usize, Kind)> = None;
    for (at, next) in stored.iter().enumerate() {
        // Bytes that ECS does not explain are no field; where all are null nothing is known.
        let Some(kind) = natural(next.data_type) else { continue };
        so_far = match so_far {
            None => Some((at, kind)),
            Some((first, before)) => Some((first, merge(before, kind).ok_or((first, at))?)),
        };
    }
    let all_null = stored.iter().all(|s| *s.data_type == DataType::Null);
    Ok(so_far.map(|(_, kind)| kind).or(all_null.then_some(Kind::Keyword)))
}

const fn merge(a: Kind, b: Kind) -> Option<Kind> {
    match (a, b) {
        (Kind::Keyword, Kind::Keyword) => Some(Kind::Keyword),
        (Kind::Boolean, Kind::Boolean) => Some(Kind::Boolean),
        (Kind::Date, Kind::Date) => Some(Kind::Date),
        (Kind::Long, Kind::Long) => Some(Kind::Long),
        (Kind::UnsignedLong, Kind::UnsignedLong) => Some(Kind::UnsignedLong),
        (Kind::Long | Kind::UnsignedLong | Kind::Double, Kind::Long | Kind::UnsignedLong | Kind::Double) => {
            Some(Kind::Double)
        }
        _ => None,
    }
}

/// The type that a kind's values have in a column that all the stored types can be brought to.
fn data_type(kind: Kind, stored: &[Stored<'_>]) -> DataType {
    match kind {
        Kind::Long => {
            let mut types = stored.iter().map(|s| s.data_type).filter(|t| **t != DataType::Null);
            match types.next() {
                Some(first) if first.is_signed_integer() && types.all(|t| t == first) => first.clone(),
                _ => DataType::Int64,
            }
        }
        Kind::Date => stored.iter().map(|s| unit(s.data_type)).max().map_or_else(|| kind.data_type(), instant),
        _ => kind.data_type(),
    }
}

/// The unit that holds a stored type's instants.
pub(crate) const fn unit(data_type: &DataType) -> TimeUnit {
    match data_type {
        DataType::Timestamp(unit, _) => *unit,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => TimeUnit::Microsecond,
        DataType::Null => TimeUnit::Second,
        // Days, and numbers, which are milliseconds.
        _ => TimeUnit::Millisecond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored<'a>(types: &'a [&'a DataType]) -> Vec<Stored<'a>> {
        types.iter().map(|t| Stored { data_type: t, multi: false }).collect()
    }

    fn of(name: &str, types: &[&DataType]) -> Option<(Kind, DataType)> {
        unify(name, &stored(types)).ok().flatten().map(|f| (f.kind, f.data_type))
    }

    #[test]
    fn flat_nested_and_lists() {
        let os = DataType::Struct(vec![ArrowField::new("type", DataType::Utf8, true)].into());
        let host = DataType::Struct(
            vec![ArrowField::new("os", os, true), ArrowField::new("x.y", DataType::Int8, true)].into(),
        );
        let hosts = DataType::List(Arc::new(ArrowField::new("item", host.clone(), true)));
        let tags = DataType::List(Arc::new(ArrowField::new("item", DataType::Utf8, true)));
        let map = DataType::Duration(TimeUnit::Second);
        let schema = Schema::new(vec![
            ArrowField::new("host.os.type", DataType::Utf8, true),
            ArrowField::new("host", host, true),
            ArrowField::new("hosts", hosts, true),
            ArrowField::new("tags", tags, true),
            ArrowField::new("took", map, true),
        ]);
        let (found, left_out) = leaves(&schema);
        let seen: Vec<_> = found.iter().map(|l| (l.name.as_str(), l.path.len(), l.lists_above, l.list)).collect();
        assert_eq!(
            seen,
            [
                ("host.os.type", 1, 0, false),
                ("host.os.type", 3, 0, false),
                ("host.x.y", 2, 0, false),
                ("hosts.os.type", 3, 1, false),
                ("hosts.x.y", 2, 1, false),
                ("tags", 1, 0, true),
            ]
        );
        assert_eq!(left_out.len(), 1);
    }

    #[test]
    fn ecs_decides_where_the_type_can_represent_it() {
        use DataType::{Float64, Int16, Int32, Int64, UInt32, UInt64, Utf8, Utf8View};
        let ms = DataType::Timestamp(TimeUnit::Millisecond, None);
        assert_eq!(of("destination.ip", &[&UInt32, &Utf8]), Some((Kind::Ip, Utf8View)));
        assert_eq!(of("event.code", &[&Int64]), Some((Kind::Keyword, Utf8View)));
        assert_eq!(of("destination.port", &[&Utf8, &Int32]), Some((Kind::Long, Int64)));
        assert_eq!(of("destination.port", &[&Int32]), Some((Kind::Long, Int32)));
        assert_eq!(of("destination.port", &[&Float64]), Some((Kind::Double, Float64)));
        assert_eq!(of("@timestamp", &[&Int64]), Some((Kind::Date, instant(TimeUnit::Millisecond))));
        assert_eq!(of("@timestamp", &[&ms, &Utf8]), Some((Kind::Date, instant(TimeUnit::Microsecond))));
        assert_eq!(of("source.bytes", &[&UInt64]), Some((Kind::Long, Int64)));
        assert_eq!(of("own.count", &[&UInt64]), Some((Kind::UnsignedLong, UInt64)));
        assert_eq!(of("own.count", &[&Int16, &Int64]), Some((Kind::Long, Int64)));
        assert_eq!(of("own.count", &[&Int16, &Float64]), Some((Kind::Double, Float64)));
        assert_eq!(of("own.blob", &[&DataType::Binary]), None);
        assert_eq!(unify("own.x", &stored(&[&Int64, &DataType::Null, &Utf8])), Err((0, 2)));
        assert_eq!(unify("@timestamp", &stored(&[&ms, &DataType::Boolean])), Err((0, 1)));
    }
}
