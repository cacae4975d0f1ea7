//! `exec_times(instant, ..)`: the executions that see an event, as a list of their times.
//!
//! The first instant that is not null says when the event was, as for the window of one execution. Both ends of a
//! window belong to it. Windows never move back from one execution to the next, so the executions that see an event
//! follow each other, and two binary searches find them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, TimestampNanosecondArray};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::rule::{Execution, Window};

/// The times of executions and what each sees, from first to last.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Timetable {
    /// Nanoseconds since 1970.
    at: Vec<i64>,
    /// The first nanosecond of each window; never before that of the execution before.
    from: Vec<i64>,
    /// The last nanosecond of each window; likewise.
    to: Vec<i64>,
}

impl Timetable {
    /// The timetable of executions; `None` where one has no window, lies beyond what nanoseconds can tell, or sees
    /// events from before those that the execution before it saw.
    pub(super) fn new(executions: &[Execution]) -> Option<Self> {
        let nanos = |at: DateTime<Utc>| at.timestamp_nanos_opt();
        let mut table = Self { at: Vec::new(), from: Vec::new(), to: Vec::new() };
        for Execution { at, window } in executions {
            let Window { from, to } = (*window)?;
            table.at.push(nanos(*at)?);
            table.from.push(nanos(from)?);
            table.to.push(nanos(to)?);
        }
        (table.at.is_sorted() && table.from.is_sorted() && table.to.is_sorted()).then_some(table)
    }

    /// The executions that see an event of this instant, as a range of places.
    fn seen_by(&self, nanos: i128) -> std::ops::Range<usize> {
        let first = self.to.partition_point(|to| i128::from(*to) < nanos);
        let end = self.from.partition_point(|from| i128::from(*from) <= nanos);
        first..end.max(first)
    }

    /// All times, as one list.
    pub(super) fn list(&self) -> ScalarValue {
        let times = TimestampNanosecondArray::from(self.at.clone()).with_timezone("UTC");
        let length = times.len();
        let item = Arc::new(Field::new_list_field(instant(), true));
        let list = ListArray::new(item, OffsetBuffer::from_lengths([length]), Arc::new(times), None);
        ScalarValue::List(Arc::new(list))
    }

    /// The function that finds the executions of an event.
    pub(super) fn function(self: &Arc<Self>) -> ScalarUDF {
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::from(ExecTimes { table: Arc::clone(self), signature })
    }
}

/// The type of an execution's time, which is that of `now()`.
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

#[derive(Debug)]
struct ExecTimes {
    table: Arc<Timetable>,
    signature: Signature,
}

impl PartialEq for ExecTimes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table) || self.table == other.table
    }
}

impl Eq for ExecTimes {}

impl Hash for ExecTimes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.table.hash(state);
    }
}

impl ScalarUDFImpl for ExecTimes {
    fn name(&self) -> &'static str {
        "exec_times"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(instant(), true))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let places = args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let places = places.iter().map(Instants::try_new).collect::<Result<Vec<_>>>()?;
        let mut offsets = Vec::with_capacity(args.number_rows + 1);
        let mut times: Vec<i64> = Vec::with_capacity(args.number_rows);
        offsets.push(0_i32);
        // Events lie one after the other most of the time: the executions of the last are those of the next.
        let mut last: (i128, std::ops::Range<usize>) = (0, self.table.seen_by(0));
        for row in 0..args.number_rows {
            if let Some(nanos) = places.iter().find_map(|place| place.nanos(row)) {
                if nanos != last.0 {
                    last = (nanos, self.table.seen_by(nanos));
                }
                times.extend_from_slice(self.table.at.get(last.1.clone()).unwrap_or_default());
            }
            let Ok(end) = i32::try_from(times.len()) else {
                return exec_err!("exec_times: one batch of events belongs to more than {} executions", i32::MAX);
            };
            offsets.push(end);
        }
        let values = TimestampNanosecondArray::from(times).with_timezone("UTC");
        let item = Arc::new(Field::new_list_field(instant(), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(item, offsets, Arc::new(values), None)?)))
    }
}

/// A column of instants and how many nanoseconds one of its units is.
struct Instants<'a> {
    values: &'a [i64],
    array: &'a ArrayRef,
    unit: i64,
}

impl<'a> Instants<'a> {
    fn try_new(array: &'a ArrayRef) -> Result<Self> {
        let (values, unit) = match array.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => {
                (array.as_primitive::<TimestampSecondType>().values(), 1_000_000_000)
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                (array.as_primitive::<TimestampMillisecondType>().values(), 1_000_000)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                (array.as_primitive::<TimestampMicrosecondType>().values(), 1_000)
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                (array.as_primitive::<TimestampNanosecondType>().values(), 1)
            }
            other => return exec_err!("exec_times: expected an instant, found {other}"),
        };
        Ok(Self { values, array, unit })
    }

    fn nanos(&self, row: usize) -> Option<i128> {
        if self.array.is_null(row) {
            return None;
        }
        self.values.get(row).map(|value| i128::from(*value) * i128::from(self.unit))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;
    use crate::rule::Schedule;

    fn table(interval: &str, from: &str, to: &str) -> (Timetable, Vec<Execution>) {
        let schedule =
            Schedule { interval: interval.parse().unwrap(), from: from.parse().unwrap(), to: to.parse().unwrap() };
        let range = ("2026-10-01T00:00:00Z".parse().unwrap(), "2026-10-03T00:00:00Z".parse().unwrap());
        let executions: Vec<_> = schedule.executions(range.0, range.1).collect();
        (Timetable::new(&executions).unwrap(), executions)
    }

    #[test]
    fn an_event_belongs_to_the_executions_whose_window_holds_it() {
        for (interval, from, to) in [
            ("1h", "now-61m", "now"),
            ("1h", "now-10m", "now-5m"),
            ("5m", "now-1d/d", "now"),
            ("30m", "now-2h", "now-1h"),
            ("1h", "now", "now-1h"),
            ("7m", "now-1d/d", "now/h"),
        ] {
            let (table, executions) = table(interval, from, to);
            for window in executions.iter().filter_map(|execution| execution.window) {
                for edge in [window.from, window.to] {
                    for step in [-1, 0, 1] {
                        let at = edge + chrono::TimeDelta::nanoseconds(step);
                        let expected: Vec<_> = executions
                            .iter()
                            .enumerate()
                            .filter(|(_, e)| e.window.unwrap().contains(at))
                            .map(|(place, _)| place)
                            .collect();
                        let found = table.seen_by(i128::from(at.timestamp_nanos_opt().unwrap()));
                        assert_eq!(found.collect::<Vec<_>>(), expected, "{interval} {from} {to} {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn windows_that_move_back_are_no_timetable() {
        let (_, mut executions) = table("1h", "now-61m", "now");
        executions.swap(3, 4);
        assert_eq!(Timetable::new(&executions), None);
        executions.truncate(2);
        executions[0].window = None;
        assert_eq!(Timetable::new(&executions), None);
    }
}
