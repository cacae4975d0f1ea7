//! What footers say of a file's columns: for the optimizer, and for windows.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::file::statistics::Statistics as ChunkStatistics;

/// The statistics of a file for the columns of `wanted`; `physical` is the schema that the file is read with.
pub(crate) fn file(metadata: &ParquetMetaData, physical: &Schema, wanted: &Schema) -> Statistics {
    let rows: i64 =
        metadata.row_groups().iter().map(datafusion::parquet::file::metadata::RowGroupMetaData::num_rows).sum();
    let rows = usize::try_from(rows).unwrap_or(0);
    Statistics {
        num_rows: Precision::Exact(rows),
        total_byte_size: Precision::Absent,
        column_statistics: wanted
            .fields()
            .iter()
            .map(|f| column(metadata, physical, f.name(), f.data_type()).unwrap_or_else(ColumnStatistics::new_unknown))
            .collect(),
    }
}

/// The statistics of one column; `None` where the footer does not tell them for every row group.
fn column(metadata: &ParquetMetaData, physical: &Schema, name: &str, wanted: &DataType) -> Option<ColumnStatistics> {
    // A column of another type than the table's would be compared before its conversion.
    if physical.field_with_name(name).ok()?.data_type() != wanted || wanted.is_nested() {
        return None;
    }
    let groups = metadata.row_groups();
    let converter = StatisticsConverter::try_new(name, physical, metadata.file_metadata().schema_descr()).ok()?;
    let nulls = converter.row_group_null_counts(groups).ok()?;
    let mins = converter.row_group_mins(groups).ok()?;
    let maxes = converter.row_group_maxes(groups).ok()?;
    let mut null_count = 0;
    let mut range: Option<(ScalarValue, ScalarValue)> = None;
    for (at, group) in groups.iter().enumerate() {
        if nulls.is_null(at) {
            return None;
        }
        null_count += usize::try_from(nulls.value(at)).ok()?;
        if i64::try_from(nulls.value(at)).ok()? == group.num_rows() {
            continue;
        }
        if mins.is_null(at) || maxes.is_null(at) {
            return None;
        }
        let low = ScalarValue::try_from_array(&mins, at).ok()?;
        let high = ScalarValue::try_from_array(&maxes, at).ok()?;
        range = Some(match range {
            None => (low, high),
            Some((l, h)) => (if low < l { low } else { l }, if high > h { high } else { h }),
        });
    }
    let (low, high) = range?;
    // Writers may shorten the bounds of text, and leave NaN out of those of floats.
    let exact = wanted.is_integer()
        || matches!(wanted, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Boolean);
    let bound = |v| if exact { Precision::Exact(v) } else { Precision::Inexact(v) };
    Some(ColumnStatistics {
        null_count: Precision::Exact(null_count),
        min_value: bound(low),
        max_value: bound(high),
        ..ColumnStatistics::new_unknown()
    })
}

/// What a row group's footer says of a column of whole numbers or instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The smallest and the largest value as stored; `None` where the footer does not say, or all are null.
    pub(crate) range: Option<(i64, i64)>,
    /// Whether a value may be null.
    pub(crate) nulls: bool,
    /// Whether every value is null.
    pub(crate) all_null: bool,
}

/// The bounds of a leaf in each row group; `None` where the file lacks the leaf.
pub(crate) fn instants(metadata: &ParquetMetaData, path: &[String]) -> Option<Vec<Bounds>> {
    let columns = metadata.file_metadata().schema_descr().columns();
    let at = columns.iter().position(|c| c.path().parts() == path)?;
    let of = |group: &datafusion::parquet::file::metadata::RowGroupMetaData| {
        let statistics = group.columns().get(at).and_then(|c| c.statistics());
        let nulls = statistics.and_then(ChunkStatistics::null_count_opt);
        let range = match statistics {
            Some(ChunkStatistics::Int64(s)) => s.min_opt().copied().zip(s.max_opt().copied()),
            Some(ChunkStatistics::Int32(s)) => {
                s.min_opt().zip(s.max_opt()).map(|(a, b)| (i64::from(*a), i64::from(*b)))
            }
            _ => None,
        };
        let all_null = nulls.is_some_and(|n| i64::try_from(n).is_ok_and(|n| n == group.num_rows()));
        Bounds { range, nulls: nulls != Some(0), all_null }
    };
    Some(metadata.row_groups().iter().map(of).collect())
}
