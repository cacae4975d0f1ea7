//! The folders of converted events: one a day, one an hour, or none, named after the time of what is in them.

use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat};
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::arrow::error::ArrowError;
use serde::{Deserialize, Serialize};

/// What Hive calls the folder of rows without a value; a lake never rules it out.
const NO_TIME: &str = "__HIVE_DEFAULT_PARTITION__";

/// How much time a folder holds, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Partition {
    /// A day: `date=2026-10-01`.
    Day,
    /// An hour: `date=2026-10-01/hour=07`.
    Hour,
    /// All: there are no folders.
    None,
}

impl Partition {
    /// Its name, as users write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour => "hour",
            Self::None => "none",
        }
    }

    const fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3_600,
            Self::Day | Self::None => 86_400,
        }
    }

    /// The folder of a bucket.
    pub(super) fn folder(self, bucket: Bucket) -> PathBuf {
        let start = bucket.and_then(|n| DateTime::from_timestamp(n.checked_mul(self.seconds())?, 0));
        let text = start.map(|start| start.to_rfc3339_opts(SecondsFormat::Secs, true));
        let date = text.as_deref().and_then(|text| text.get(..10)).unwrap_or(NO_TIME);
        let hour = text.as_deref().and_then(|text| text.get(11..13)).unwrap_or(NO_TIME);
        let date = PathBuf::from(format!("date={date}"));
        match self {
            Self::None => PathBuf::new(),
            Self::Day => date,
            Self::Hour => date.join(format!("hour={hour}")),
        }
    }
}

/// The folder of an event, as the number of days or hours since 1970; `None` for events without a time.
pub(super) type Bucket = Option<i64>;

/// When events were, in the order in which they are kept.
pub(super) struct Times {
    values: ArrayRef,
    /// How many of their unit a second has.
    scale: i64,
    partition: Partition,
}

/// The instants that a folder can be named after: of the years 0 to 9999, in seconds.
const NAMEABLE: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;

impl Times {
    /// The instants of a column; `None` where it holds none, or several an event.
    pub(super) fn new(column: &ArrayRef, partition: Partition) -> Result<Option<Self>, ArrowError> {
        let scale = match column.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => 1,
            DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000_000,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000_000,
            _ => return Ok(None),
        };
        Ok(Some(Self { values: cast(column, &DataType::Int64)?, scale, partition }))
    }

    /// The bucket of a row, and its place in it.
    pub(super) fn key(&self, row: usize) -> (Bucket, Option<i64>) {
        let values = self.values.as_primitive::<Int64Type>();
        if values.is_null(row) {
            return (if self.partition == Partition::None { Some(0) } else { None }, None);
        }
        let value = values.value(row);
        let seconds = value.div_euclid(self.scale);
        let bucket = match self.partition {
            Partition::None => Some(0),
            _ if !NAMEABLE.contains(&seconds) => None,
            by => Some(seconds.div_euclid(by.seconds())),
        };
        (bucket, Some(value))
    }
}

/// The bucket of events of which nobody knows the time.
pub(super) fn timeless(partition: Partition) -> Bucket {
    if partition == Partition::None { Some(0) } else { None }
}

/// The place of a file of a run in the output.
pub(super) fn file(partition: Partition, bucket: Bucket, run: u32, number: usize) -> PathBuf {
    partition.folder(bucket).join(format!("{}{number:03}.parquet", prefix(run)))
}

/// How the names of a run's files begin.
pub(super) fn prefix(run: u32) -> String {
    format!("events-{run:05}-")
}

/// A path below the output as it is noted, whatever the system's separator.
pub(super) fn noted(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use std::sync::Arc;

    use datafusion::arrow::array::{TimestampMillisecondArray, TimestampNanosecondArray};

    use super::*;

    fn folder(partition: Partition, bucket: Bucket) -> String {
        noted(&partition.folder(bucket))
    }

    #[test]
    fn folders_are_named_after_their_time() {
        assert_eq!(folder(Partition::Day, Some(20_727)), "date=2026-10-01");
        assert_eq!(folder(Partition::Hour, Some(20_727 * 24 + 7)), "date=2026-10-01/hour=07");
        assert_eq!(folder(Partition::Day, Some(-1)), "date=1969-12-31");
        assert_eq!(folder(Partition::Day, None), "date=__HIVE_DEFAULT_PARTITION__");
        assert_eq!(folder(Partition::Hour, None), "date=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__");
        assert_eq!(file(Partition::None, Some(0), 3, 1), PathBuf::from("events-00003-001.parquet"));
    }

    #[test]
    fn events_go_to_the_folder_of_their_time() {
        let day = 86_400_000;
        let millis = [Some(0), Some(day - 1), Some(day), Some(-1), None, Some(i64::MAX)];
        let column: ArrayRef = Arc::new(TimestampMillisecondArray::from(millis.to_vec()));
        let buckets = |partition| {
            let times = Times::new(&column, partition).unwrap().unwrap();
            (0..millis.len()).map(|row| times.key(row).0).collect::<Vec<_>>()
        };
        assert_eq!(buckets(Partition::Day), [Some(0), Some(0), Some(1), Some(-1), None, None]);
        assert_eq!(buckets(Partition::Hour), [Some(0), Some(23), Some(24), Some(-1), None, None]);
        assert_eq!(buckets(Partition::None), [Some(0); 6]);
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_000_000_000 * 86_400]));
        assert_eq!(Times::new(&nanos, Partition::Day).unwrap().unwrap().key(0).0, Some(1));
        assert!(
            Times::new(&(Arc::new(datafusion::arrow::array::Int64Array::from(vec![1])) as _), Partition::Day)
                .unwrap()
                .is_none()
        );
    }
}
