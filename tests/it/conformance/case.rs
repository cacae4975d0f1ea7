//! A conformance case: a query, the columns and the rows that it must give. Values are compared as texts of one form.

use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::arrow::util::display::array_value_to_string;

/// The values of a row, each with none, one or several texts.
pub(crate) type Row = Vec<Vec<String>>;

/// A case.
pub(crate) struct Case {
    /// File stem and name: `math/addLongOverflow`.
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) ignore_order: bool,
    /// Names and types.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) rows: Vec<Row>,
}

/// The cases of a file.
pub(crate) fn read(path: &Path) -> Vec<Case> {
    let file = path.file_stem().unwrap().to_str().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with("//")).peekable();
    let mut cases = Vec::new();
    loop {
        while lines.next_if(|line| line.trim().is_empty()).is_some() {}
        let Some(name) = lines.next() else { return cases };
        while lines.next_if(|line| line.starts_with("required_capability:")).is_some() {}
        let mut query = String::new();
        for line in lines.by_ref() {
            query.push_str(line);
            query.push('\n');
            if line.trim_end().ends_with(';') {
                break;
            }
        }
        let query = query.trim_end().trim_end_matches(';').trim_end().to_owned();
        let options: Vec<&str> = std::iter::from_fn(|| lines.next_if(|line| !line.trim().is_empty())).collect();
        while lines.next_if(|line| line.trim().is_empty()).is_some() {}
        let header = lines.next().unwrap();
        let columns: Vec<(String, String)> = cells(header).iter().map(|cell| column(cell)).collect();
        let rows = lines.by_ref().take_while(|line| line.trim() != ";").map(|line| row(line, &columns)).collect();
        let name = format!("{file}/{}", name.trim());
        let ignore_order = options.iter().any(|option| option.trim() == "ignoreOrder:true");
        cases.push(Case { name, query, ignore_order, columns, rows });
    }
}

/// The cells of a line.
fn cells(line: &str) -> Vec<&str> {
    line.split('|').map(str::trim).collect()
}

fn column(cell: &str) -> (String, String) {
    let (name, ty) = cell.rsplit_once(':').unwrap();
    let ty = match ty.trim() {
        "s" | "string" => "keyword",
        "i" => "integer",
        "l" => "long",
        "d" => "double",
        "bool" => "boolean",
        "datetime" => "date",
        other => other,
    };
    (name.trim().to_owned(), ty.to_owned())
}

fn row(line: &str, columns: &[(String, String)]) -> Row {
    let cells = cells(line);
    assert_eq!(cells.len(), columns.len(), "{line}");
    let value = |(cell, (_, ty)): (&str, &(String, String))| match cell {
        "null" => Vec::new(),
        _ => match cell.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(items) => split(items).iter().map(|item| canonical(ty, item)).collect(),
            None => vec![canonical(ty, cell)],
        },
    };
    cells.into_iter().zip(columns).map(value).collect()
}

/// The items of a list: a comma parts them unless it is escaped or within quotes.
fn split(items: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in items.chars() {
        match c {
            ',' if !quoted && !escaped => found.push(String::new()),
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            _ => {
                quoted ^= c == '"';
                found.last_mut().unwrap().push(c);
            }
        }
        escaped = false;
    }
    found.iter().map(|item| item.trim().to_owned()).collect()
}

fn canonical(ty: &str, text: &str) -> String {
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    match ty {
        "integer" | "long" | "unsigned_long" => text.parse::<i128>().unwrap().to_string(),
        "double" => double(text.parse().unwrap()),
        "boolean" => text.to_ascii_lowercase(),
        "date" => instant(text).to_string(),
        _ => text.to_owned(),
    }
}

/// Twelve digits are more than the cases write and fewer than the order of additions changes.
fn double(number: f64) -> String {
    format!("{number:.11e}")
}

/// Milliseconds since 1970.
pub(crate) fn instant(text: &str) -> i64 {
    let naive = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok();
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.naive_utc());
    zoned.or_else(naive).or_else(date).unwrap().and_utc().timestamp_millis()
}

/// The rows of batches, the first `width` columns of each.
pub(crate) fn actual_rows(batches: &[RecordBatch], width: usize) -> Vec<Row> {
    let rows = |batch: &RecordBatch| {
        let batch = batch.clone();
        (0..batch.num_rows()).map(move |row| batch.columns().iter().take(width).map(|a| values(a, row)).collect())
    };
    batches.iter().flat_map(rows).collect()
}

fn values(array: &ArrayRef, row: usize) -> Vec<String> {
    if array.is_null(row) {
        return Vec::new();
    }
    match array.data_type() {
        DataType::List(_) => elements(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => elements(&array.as_list::<i64>().value(row)),
        DataType::Timestamp(..) => {
            let millis = cast(&array.slice(row, 1), &DataType::Timestamp(TimeUnit::Millisecond, None)).unwrap();
            let millis = cast(&millis, &DataType::Int64).unwrap();
            vec![millis.as_primitive::<Int64Type>().value(0).to_string()]
        }
        DataType::Float64 => {
            vec![double(array.as_primitive::<datafusion::arrow::datatypes::Float64Type>().value(row))]
        }
        _ => vec![array_value_to_string(array, row).unwrap()],
    }
}

fn elements(list: &ArrayRef) -> Vec<String> {
    (0..list.len()).flat_map(|row| values(list, row)).collect()
}
