//! How events are stored in a Parquet file, so that rules find them fast.
//!
//! - Rows are sorted by time; row groups of [`GROUP_ROWS`] rows, fewer where they are wide; statistics of every page.
//! - zstd; dictionaries for all columns but ids, which have no value twice.
//! - A bloom filter on a column of text (or addresses) where rules compare with single values and statistics and
//!   dictionaries do not tell enough: one that has more than [`FEW`] distinct values among the first [`SAMPLE`] rows of
//!   the file, of [`LONG`] bytes at most on average (ids, hashes, addresses, names; not command lines, which rules compare
//!   by patterns). It is sized for the distinct values that a row group is then expected to hold, with one false answer in
//!   a hundred. All of a row group together take [`MOST_BYTES`] at most; the smallest go first.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use datafusion::parquet::schema::types::ColumnPath;

use super::unwritable;
use crate::error::Result;
use crate::lake::METADATA;

/// Rows of a row group at most.
const GROUP_ROWS: usize = 131_072;
/// Bytes of a row group at most: it is in memory until it is whole.
const GROUP_BYTES: usize = 64 * 1024 * 1024;
/// Rows that are looked at before the first is written.
pub(super) const SAMPLE: usize = 16_384;
/// A column with no more values than this has a dictionary that answers as fast.
const FEW: usize = 128;
/// Bytes of a text that is too long to be compared as a whole.
const LONG: usize = 128;
/// Bytes of the bloom filters of a row group at most.
const MOST_BYTES: u64 = 1024 * 1024;
/// How many values in a hundred that are not there a filter takes for there.
const FALSE_ANSWERS: f64 = 0.01;

/// The order in which instants are kept.
pub(super) const ORDER: SortOptions = SortOptions { descending: false, nulls_first: true };

/// A file of events while it is written.
pub(super) struct EventFile(ArrowWriter<BufWriter<File>>);

impl EventFile {
    /// A file whose first events are `sample`, sorted by the column `time`.
    pub(super) fn create(
        path: &Path,
        file: File,
        schema: &SchemaRef,
        time: Option<usize>,
        sample: &[RecordBatch],
    ) -> Result<Self> {
        let failed = |error: ParquetError| unwritable(path, error);
        // As other programs write: no Arrow schema beside that of Parquet.
        let options = ArrowWriterOptions::new()
            .with_properties(properties(schema, time, sample).map_err(failed)?)
            .with_skip_arrow_metadata(true);
        let file = BufWriter::with_capacity(1 << 20, file);
        ArrowWriter::try_new_with_options(file, SchemaRef::clone(schema), options).map(Self).map_err(failed)
    }

    pub(super) fn write(&mut self, path: &Path, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch).map_err(|error| unwritable(path, error))
    }

    /// How many bytes it has, and will have once what waits is written.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes_written() + self.0.in_progress_size()
    }

    pub(super) fn finish(self, path: &Path) -> Result<()> {
        let mut file = self.0.into_inner().map_err(|error| unwritable(path, error))?;
        file.flush().map_err(|error| unwritable(path, error))
    }
}

fn properties(
    schema: &SchemaRef,
    time: Option<usize>,
    sample: &[RecordBatch],
) -> std::result::Result<WriterProperties, ParquetError> {
    let stored = ArrowSchemaConverter::new().convert(schema)?;
    let leaf = |name: &str| stored.columns().iter().position(|c| c.path().parts().first().is_some_and(|p| p == name));
    let path = |name: &str| leaf(name).and_then(|at| stored.columns().get(at)).map(|c| c.path().clone());
    let time = time.and_then(|time| leaf(schema.fields().get(time)?.name())).and_then(|at| i32::try_from(at).ok());
    let sorted =
        |column_idx| SortingColumn { column_idx, descending: ORDER.descending, nulls_first: ORDER.nulls_first };
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_sorting_columns(time.map(|time| vec![sorted(time)]));
    for name in ["_id", "_source"] {
        builder = path(name).into_iter().fold(builder, |b, path| b.set_column_dictionary_enabled(path, false));
    }
    let mut filters: Vec<Filter> = schema.fields().iter().filter_map(|field| filter(field.name(), sample)).collect();
    filters.sort_by(|a, b| (a.values, &a.column).cmp(&(b.values, &b.column)));
    let mut room = MOST_BYTES;
    for Filter { column, values } in filters {
        let bytes = filter_bytes(values);
        if bytes > room {
            break;
        }
        room -= bytes;
        builder = path(&column).into_iter().fold(builder, |builder, path| with_filter(builder, path, values));
    }
    Ok(builder.build())
}

fn with_filter(builder: WriterPropertiesBuilder, path: ColumnPath, values: u64) -> WriterPropertiesBuilder {
    builder
        .set_column_bloom_filter_enabled(path.clone(), true)
        .set_column_bloom_filter_fpp(path.clone(), FALSE_ANSWERS)
        .set_column_bloom_filter_max_ndv(path, values)
}

/// A bloom filter that a column gets.
#[derive(Debug, PartialEq, Eq)]
struct Filter {
    column: String,
    /// The distinct values that a row group is expected to hold.
    values: u64,
}

/// The filter of a column whose first values are those of `sample`, where it gets one.
fn filter(column: &str, sample: &[RecordBatch]) -> Option<Filter> {
    if METADATA.contains(&column) {
        return None;
    }
    let mut distinct: HashSet<&str> = HashSet::new();
    let (mut count, mut bytes) = (0_usize, 0_usize);
    let rows: usize = sample.iter().map(RecordBatch::num_rows).sum();
    for batch in sample {
        for text in texts(batch.column_by_name(column)?)?.iter().flatten() {
            count += 1;
            bytes += text.len();
            distinct.insert(text);
        }
    }
    if distinct.len() <= FEW || bytes > LONG * count {
        return None;
    }
    // Where most values are new a larger sample holds as many more; else there are few that it does not hold.
    let in_group = (GROUP_ROWS * count).checked_div(rows)?;
    let values = if distinct.len() * 2 > count { in_group * distinct.len() / count } else { distinct.len() * 4 };
    Some(Filter { column: column.to_owned(), values: values.min(in_group).max(distinct.len()) as u64 })
}

/// The texts of a column, or of its lists; `None` where it holds something else.
fn texts(column: &ArrayRef) -> Option<&StringArray> {
    match column.data_type() {
        DataType::Utf8 => column.as_string_opt::<i32>(),
        DataType::List(_) => column.as_list_opt::<i32>()?.values().as_string_opt::<i32>(),
        _ => None,
    }
}

/// The bytes of a filter for so many values: Parquet's have a power of two.
fn filter_bytes(values: u64) -> u64 {
    let bits = -8.0 * values as f64 / (1.0 - FALSE_ANSWERS.powf(1.0 / 8.0)).ln();
    ((bits / 8.0) as u64).next_power_of_two()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use std::sync::Arc;

    use super::*;

    fn sample(values: impl Iterator<Item = String>) -> Vec<RecordBatch> {
        let values: ArrayRef = Arc::new(StringArray::from_iter_values(values));
        vec![RecordBatch::try_from_iter([("f", values)]).unwrap()]
    }

    fn values(values: impl Iterator<Item = String>) -> Option<u64> {
        filter("f", &sample(values)).map(|filter| filter.values)
    }

    #[test]
    fn filters_are_for_short_texts_with_many_values() {
        let id = |n: usize| format!("id-{n}");
        assert_eq!(values((0..10_000).map(|n| id(n % FEW))), None);
        assert_eq!(values((0..10_000).map(|n| id(n % 1_000))), Some(4_000));
        assert_eq!(values((0..10_000).map(id)), Some(GROUP_ROWS as u64));
        assert_eq!(values((0..10_000).map(|n| "x".repeat(LONG) + &id(n))), None);
        let numbers: ArrayRef = Arc::new(datafusion::arrow::array::Int64Array::from_iter_values(0..1_000));
        assert_eq!(filter("n", &[RecordBatch::try_from_iter([("n", numbers)]).unwrap()]), None);
        let ids = sample((0..1_000).map(id)).remove(0);
        assert_eq!(filter("_id", &[RecordBatch::try_from_iter([("_id", Arc::clone(ids.column(0)))]).unwrap()]), None);
    }

    #[test]
    fn all_filters_of_a_row_group_are_bounded() {
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values((0..1_000).map(|n| format!("id-{n}"))));
        let names: Vec<String> = (0..20).map(|n| format!("f{n}")).collect();
        let batch = RecordBatch::try_from_iter(names.iter().map(|name| (name, Arc::clone(&ids)))).unwrap();
        let properties = properties(&batch.schema(), None, &[batch]).unwrap();
        let filtered: Vec<u64> = names
            .iter()
            .filter_map(|name| properties.bloom_filter_properties(&ColumnPath::from(name.as_str())))
            .map(datafusion::parquet::file::properties::BloomFilterProperties::ndv)
            .collect();
        assert!(!filtered.is_empty() && filtered.len() < 20, "{filtered:?}");
        assert!(filtered.iter().map(|values| filter_bytes(*values)).sum::<u64>() <= MOST_BYTES);
    }
}
