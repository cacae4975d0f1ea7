//! The tables of the conformance cases in memory, as Elasticsearch would give their fields back.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::ListArray;
use datafusion::arrow::array::{Array, TimestampMicrosecondArray};
use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{Field as ArrowField, Schema};
use datafusion::catalog::{MemTable, TableProvider};
use egret::diagnostic::{Code, Diagnostic, Span};
use egret::esql::ast::Ident;
use egret::sql::catalog::{Catalog, Field, Source, Type};

use super::case::instant;

struct Table {
    fields: Vec<Field>,
    batch: RecordBatch,
}

/// All tables.
pub(crate) struct Data(BTreeMap<String, Table>);

impl Data {
    /// Reads every table of a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let table = |path: std::path::PathBuf| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let table = table(&name, &fs::read_to_string(&path).unwrap());
            (name, table)
        };
        Self(paths.map(table).collect())
    }

    /// The table of a name.
    pub(crate) fn table(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        let batch = self.0.get(name)?.batch.clone();
        Some(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap()))
    }
}

impl Catalog for Data {
    fn source(&self, patterns: &[Ident]) -> Result<Source, Diagnostic> {
        let names: Vec<&str> = patterns.iter().map(|pattern| pattern.text.as_str()).collect();
        let name = names.join(",");
        match self.0.get(&name) {
            Some(table) => Ok(Source { name, fields: table.fields.clone(), open: false }),
            None => Err(Diagnostic::error(Code::UnknownTable, Span::default(), format!("no table `{name}`"))),
        }
    }

    fn ecs(&self, _: &str) -> Option<Type> {
        None
    }

    fn near(&self, _: &Source, _: &str) -> Option<String> {
        None
    }
}

/// A table of a text whose first line tells fields and types.
fn table(name: &str, text: &str) -> Table {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let header: Vec<(&str, &str)> = lines.next().unwrap().split(',').map(|h| h.rsplit_once(':').unwrap()).collect();
    let rows: Vec<Vec<Vec<String>>> = lines.map(cells).collect();
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    for (at, (field, ty)) in header.iter().enumerate() {
        let cells: Vec<&Vec<String>> = rows.iter().map(|row| &row[at]).collect();
        let multi = cells.iter().any(|cell| cell.len() > 1);
        let ty = ty.trim();
        let array = column(ty, &cells, multi);
        columns.push((Field { name: field.trim().to_owned(), ty: type_of(ty), multi }, array));
    }
    columns.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let count = rows.len();
    let text = |value: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new((0..count).map(|row| Some(value(row))).collect::<StringViewArray>())
    };
    let metadata: [(&str, ArrayRef); 3] = [
        ("_id", text(&|row| format!("{name}-{row}"))),
        ("_index", text(&|_| name.to_owned())),
        ("_version", Arc::new(Int64Array::from(vec![1; count]))),
    ];
    let all = columns.iter().map(|(field, array)| (field.name.as_str(), array));
    let all: Vec<(&str, &ArrayRef)> = all.chain(metadata.iter().map(|(name, array)| (*name, array))).collect();
    let schema = Schema::new(
        all.iter().map(|(name, array)| ArrowField::new(*name, array.data_type().clone(), true)).collect::<Vec<_>>(),
    );
    let arrays = all.iter().map(|(_, array)| Arc::clone(array)).collect();
    let batch = RecordBatch::try_new(Arc::new(schema), arrays).unwrap();
    Table { fields: columns.into_iter().map(|(field, _)| field).collect(), batch }
}

/// The cells of a line, each with its values; a comma parts cells unless it is escaped or within brackets.
fn cells(line: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = vec![vec![String::new()]];
    let (mut listed, mut escaped) = (false, false);
    for c in line.chars() {
        let cell = found.last_mut().unwrap();
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '[' if !escaped => listed = true,
            ']' if !escaped => listed = false,
            ',' if !escaped && listed => cell.push(String::new()),
            ',' if !escaped => found.push(vec![String::new()]),
            _ => cell.last_mut().unwrap().push(c),
        }
        escaped = false;
    }
    let trimmed = |cell: Vec<String>| cell.iter().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect();
    found.into_iter().map(trimmed).collect()
}

fn type_of(ty: &str) -> Type {
    match ty {
        "boolean" => Type::Boolean,
        "integer" | "short" | "byte" => Type::Integer,
        "long" => Type::Long,
        "double" | "float" | "half_float" | "scaled_float" => Type::Double,
        "date" => Type::Date,
        "ip" => Type::Ip,
        "text" => Type::Text,
        "keyword" => Type::Keyword,
        other => panic!("unknown type {other}"),
    }
}

/// A column: values in the order in which Elasticsearch keeps them.
fn column(ty: &str, cells: &[&Vec<String>], multi: bool) -> ArrayRef {
    let mut values: Vec<Option<String>> = Vec::new();
    let mut lengths = Vec::new();
    for cell in cells {
        let mut kept = (*cell).clone();
        match ty {
            "keyword" => kept.sort(),
            "ip" => kept.sort_by_key(|text| match text.parse::<IpAddr>().unwrap() {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            }),
            "boolean" => kept.sort(),
            "text" => {}
            "date" => kept.sort_by_key(|text| instant(text)),
            _ => kept.sort_by(|a, b| a.parse::<f64>().unwrap().total_cmp(&b.parse().unwrap())),
        }
        if matches!(ty, "keyword" | "ip") {
            kept.dedup();
        }
        lengths.push(kept.len());
        if multi {
            values.extend(kept.into_iter().map(Some));
        } else {
            values.push(kept.pop());
        }
    }
    let values = scalars(ty, &values);
    if !multi {
        return values;
    }
    let nulls: NullBuffer = lengths.iter().map(|length| *length > 0).collect();
    let field = Arc::new(ArrowField::new_list_field(values.data_type().clone(), true));
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, Some(nulls)))
}

fn scalars(ty: &str, values: &[Option<String>]) -> ArrayRef {
    let texts = values.iter().map(Option::as_deref);
    let numbers = |round: fn(f64) -> f64| -> ArrayRef {
        let texts = values.iter().map(Option::as_deref);
        Arc::new(texts.map(|text| text.map(|text| round(text.parse().unwrap()))).collect::<Float64Array>())
    };
    match ty {
        "boolean" => Arc::new(texts.map(|text| text.map(|text| text == "true")).collect::<BooleanArray>()),
        "integer" | "short" | "byte" | "long" => {
            Arc::new(texts.map(|text| text.map(|text| text.parse().unwrap())).collect::<Int64Array>())
        }
        "double" | "scaled_float" => numbers(|number| number),
        "float" => numbers(|number| f64::from(number as f32)),
        "half_float" => numbers(half),
        "date" => {
            let micros = texts.map(|text| text.map(|text| instant(text) * 1000));
            Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        _ => Arc::new(texts.collect::<StringViewArray>()),
    }
}

/// The nearest number with eleven bits of fraction, as a float of 16 bits has them (within its range).
fn half(number: f64) -> f64 {
    if number == 0.0 {
        return number;
    }
    let unit = (number.abs().log2().floor() - 10.0).exp2();
    (number / unit).round_ties_even() * unit
}
