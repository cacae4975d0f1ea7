//! What the log says of the values in a file: how many rows it has, and of columns the bounds and how many are null.
//!
//! Bounds need not be values of the file: texts are cut, instants too, and deleted rows still count. They hold for every
//! value all the same. Floating-point numbers are left out: writers do not agree where NaN stands among them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use serde_json::Value;

use super::super::parquet::Bounds;

/// Writers cut instants to milliseconds: so many microseconds later the largest one may be.
const CUT: i64 = 999;

/// What the log says of the values in a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct FileStatistics {
    /// How many rows it has, with those that are deleted.
    pub(crate) rows: Option<u64>,
    /// What is known of each column that may have statistics.
    columns: Vec<ColumnStatistics>,
}

/// What the log says of a column.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ColumnStatistics {
    pub(crate) min: Option<ScalarValue>,
    pub(crate) max: Option<ScalarValue>,
    /// How many are null; where rows are deleted only none and all are exact.
    pub(crate) nulls: Option<u64>,
}

impl FileStatistics {
    /// The statistics that a text of JSON has of these values; nothing is known where it is none.
    pub(crate) fn parse(text: Option<&str>, leaves: &[(Vec<String>, DataType)]) -> Self {
        let Some(json) = text.and_then(|text| serde_json::from_str::<Value>(text).ok()) else { return Self::default() };
        let of = |group: &str, path: &[String]| {
            path.iter().try_fold(json.get(group)?, |value, name| value.get(name)).filter(|value| !value.is_null())
        };
        let column = |(path, data_type): &(Vec<String>, DataType)| ColumnStatistics {
            min: of("minValues", path).and_then(|value| scalar(value, data_type)),
            max: of("maxValues", path).and_then(|value| scalar(value, data_type)),
            nulls: of("nullCount", path).and_then(Value::as_u64),
        };
        Self { rows: json.get("numRecords").and_then(Value::as_u64), columns: leaves.iter().map(column).collect() }
    }

    /// What is known of the column of a number.
    pub(crate) fn column(&self, at: usize) -> Option<&ColumnStatistics> {
        self.columns.get(at)
    }

    /// The bounds of a column of whole numbers or instants, in the unit of its type.
    pub(crate) fn bounds(&self, at: usize) -> Option<Bounds> {
        let told = self.told(at)?;
        let upper = self.column(at)?.upper();
        Some(Bounds {
            range: told.range.zip(upper.as_ref().and_then(whole)).map(|((low, _), high)| (low, high)),
            ..told
        })
    }

    /// The same as the log tells them, the largest instant perhaps cut.
    pub(crate) fn told(&self, at: usize) -> Option<Bounds> {
        let column = self.column(at)?;
        let range = column.min.as_ref().and_then(whole).zip(column.max.as_ref().and_then(whole));
        let all_null = column.nulls.is_some() && column.nulls == self.rows;
        Some(Bounds { range, nulls: column.nulls != Some(0), all_null })
    }
}

impl ColumnStatistics {
    /// A value that none is greater than.
    pub(crate) fn upper(&self) -> Option<ScalarValue> {
        Some(match self.max.clone()? {
            ScalarValue::TimestampMicrosecond(Some(at), zone) => {
                ScalarValue::TimestampMicrosecond(Some(at.saturating_add(CUT)), zone)
            }
            value => value,
        })
    }
}

/// Whether the log's bounds of values of a type are used.
pub(crate) const fn compares(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8View
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, _)
    )
}

/// A value of JSON as one of a column.
fn scalar(value: &Value, data_type: &DataType) -> Option<ScalarValue> {
    let number = || value.as_i64();
    Some(match data_type {
        DataType::Utf8View => ScalarValue::Utf8View(Some(value.as_str()?.to_owned())),
        DataType::Int8 => ScalarValue::Int8(Some(number()?.try_into().ok()?)),
        DataType::Int16 => ScalarValue::Int16(Some(number()?.try_into().ok()?)),
        DataType::Int32 => ScalarValue::Int32(Some(number()?.try_into().ok()?)),
        DataType::Int64 => ScalarValue::Int64(Some(number()?)),
        DataType::Date32 => {
            let day = NaiveDate::parse_from_str(value.as_str()?, "%Y-%m-%d").ok()?;
            ScalarValue::Date32(Some(day.signed_duration_since(NaiveDate::default()).num_days().try_into().ok()?))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            ScalarValue::TimestampMicrosecond(Some(micros(value.as_str()?)?), zone.clone())
        }
        _ => return None,
    })
}

/// The instant that a text spells; one without a zone is in UTC, as are the columns that have such.
fn micros(text: &str) -> Option<i64> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.timestamp_micros());
    }
    let plain = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
    let at = plain.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Some(at.and_utc().timestamp_micros())
}

fn whole(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int8(n) => n.map(i64::from),
        ScalarValue::Int16(n) => n.map(i64::from),
        ScalarValue::Int32(n) | ScalarValue::Date32(n) => n.map(i64::from),
        ScalarValue::Int64(n) | ScalarValue::TimestampMicrosecond(n, _) => *n,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::super::super::schema::instant;
    use super::*;

    #[test]
    fn values_of_json_by_the_type_of_their_column() {
        let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let leaves = [
            (path(&["t"]), instant(TimeUnit::Microsecond)),
            (path(&["host", "name"]), DataType::Utf8View),
            (path(&["n"]), DataType::Int32),
            (path(&["d"]), DataType::Date32),
            (path(&["absent"]), DataType::Int64),
        ];
        let text = r#"{"numRecords":3,
            "minValues":{"t":"1970-01-01T00:00:01.000Z","host":{"name":"a"},"n":-5,"d":"1970-01-02"},
            "maxValues":{"t":"1970-01-01T02:00:02.5+02:00","host":{"name":"b"},"n":5000000000,"d":"1969-12-31"},
            "nullCount":{"t":0,"host":{"name":3},"n":1}}"#;
        let read = FileStatistics::parse(Some(text), &leaves);
        assert_eq!(read.rows, Some(3));
        let bounds = |range, nulls, all_null| Some(Bounds { range, nulls, all_null });
        assert_eq!(read.bounds(0), bounds(Some((1_000_000, 2_500_999)), false, false));
        assert_eq!(read.told(0), bounds(Some((1_000_000, 2_500_000)), false, false));
        assert_eq!(read.bounds(1), bounds(None, true, true));
        assert_eq!(read.column(1).unwrap().max, Some(ScalarValue::Utf8View(Some("b".into()))));
        // A number that its column cannot hold bounds nothing.
        assert_eq!(read.bounds(2), bounds(None, true, false));
        assert_eq!(read.bounds(3), bounds(Some((1, -1)), true, false));
        assert_eq!(read.column(4), Some(&ColumnStatistics::default()));
        for none in [None, Some(""), Some("no JSON"), Some("[]")] {
            assert_eq!(FileStatistics::parse(none, &leaves).rows, None);
        }
        assert_eq!(micros("2026-10-01T00:00:00"), micros("2026-10-01T00:00:00Z"));
        assert_eq!(micros("2026-10-01 00:00:00.25"), micros("2026-10-01T00:00:00.25Z"));
    }
}
