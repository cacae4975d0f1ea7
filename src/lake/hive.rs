//! Columns that a file's path spells: folders named `key=value`, as Hive lays them out.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

/// A column of a path: its name, and its value if it has one.
pub(crate) type PathColumn = (String, Option<String>);

/// What Hive writes where a value is null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The columns that the folders of a relative path spell, outermost first. The file's own name is none.
pub(crate) fn columns(relative: &str) -> Vec<PathColumn> {
    let Some((folders, _)) = relative.rsplit_once('/') else { return Vec::new() };
    let mut found: Vec<PathColumn> = Vec::new();
    for (key, value) in folders.split('/').filter_map(|folder| folder.split_once('=')) {
        let key = decode(key);
        if !key.is_empty() && !found.iter().any(|(k, _)| *k == key) {
            found.push((key, (value != NULL).then(|| decode(value))));
        }
    }
    found
}

/// The type of a path column: whole numbers where every value is one, else text.
pub(crate) fn data_type<'a>(values: impl Iterator<Item = Option<&'a str>>) -> DataType {
    let mut some = false;
    for value in values.flatten() {
        if value.parse::<i64>().is_err() {
            return DataType::Utf8View;
        }
        some = true;
    }
    if some { DataType::Int64 } else { DataType::Utf8View }
}

/// The value of a path column as its column's type holds it.
pub(crate) fn scalar(value: Option<&str>, data_type: &DataType) -> ScalarValue {
    match data_type {
        DataType::Int64 => ScalarValue::Int64(value.and_then(|v| v.parse().ok())),
        _ => ScalarValue::Utf8View(value.map(str::to_owned)),
    }
}

/// The text with `%XX` replaced by the byte it stands for; other text, and what would not be UTF-8, stays.
pub(crate) fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|d| byte == b'%' && d.bytes().all(|c| c.is_ascii_hexdigit()));
        if let Some(decoded) = digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            out.push(decoded);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_become_columns() {
        assert_eq!(
            columns("date=2026-10-01/hour=07/at=10%3A00/x=__HIVE_DEFAULT_PARTITION__/plain/f=1.parquet"),
            [
                ("date".to_owned(), Some("2026-10-01".to_owned())),
                ("hour".to_owned(), Some("07".to_owned())),
                ("at".to_owned(), Some("10:00".to_owned())),
                ("x".to_owned(), None),
            ]
        );
        assert_eq!(columns("a=1.parquet"), []);
        assert_eq!(decode("100%_%zz%C3%A9"), "100%_%zzé");
    }

    #[test]
    fn numbers_only_where_all_are() {
        assert_eq!(data_type([Some("1"), None, Some("-2")].into_iter()), DataType::Int64);
        assert_eq!(data_type([Some("1"), Some("b")].into_iter()), DataType::Utf8View);
        assert_eq!(data_type([None].into_iter()), DataType::Utf8View);
        assert_eq!(scalar(Some("07"), &DataType::Int64), ScalarValue::Int64(Some(7)));
    }
}
