//! The executions that see an event, as functions of its time: `exec_times(instant, ..)` lists them.
//!
//! The first instant that is not null says when the event was, as for the window of one execution. Both ends of a
//! window belong to it. Windows never move back from one execution to the next, so the executions that see an event
//! follow each other, and two binary searches find them.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, StructArray, TimestampNanosecondArray,
};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::rule::{Execution, Window};

/// The times of executions and what each sees, from first to last.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Timetable {
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
    fn seen_by(&self, nanos: i128) -> Range<usize> {
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

    /// The pane of an event: a nanosecond that stands for all that the same executions see.
    fn pane(&self, nanos: i128) -> Option<i64> {
        let seen = self.seen_by(nanos);
        // All of them lie up to the end of the first window and before the start of the one behind the last.
        let end = *self.to.get(seen.start).filter(|_| !seen.is_empty())?;
        Some(self.from.get(seen.end).map_or(end, |from| end.min(from - 1)))
    }

    /// The function that finds the executions of an event; with `ingested` its first argument says from when on it was
    /// known.
    pub(super) fn function(self: &Arc<Self>, ingested: bool) -> ScalarUDF {
        self.tells(if ingested { What::Known } else { What::Executions })
    }

    /// The function that tells, by when an event was ingested and when it was, whether that was after every execution
    /// that looks at its time.
    pub(super) fn late(self: &Arc<Self>) -> ScalarUDF {
        self.tells(What::Late)
    }

    fn tells(self: &Arc<Self>, what: What) -> ScalarUDF {
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::from(ExecTimes { table: Arc::clone(self), what, signature })
    }
}

#[cfg(feature = "cluster")]
impl Timetable {
    /// What a function of a timetable is made of: its times, first and last nanoseconds, and its name.
    pub(crate) fn of(function: &ScalarUDF) -> Option<([&[i64]; 3], &'static str)> {
        let known = function.inner().downcast_ref::<ExecTimes>()?;
        let Self { at, from, to } = known.table.as_ref();
        Some(([at, from, to], known.what.name()))
    }

    /// The function of this name that such times give; none where there is no such function.
    pub(crate) fn named(name: &str, [at, from, to]: [Vec<i64>; 3]) -> Option<ScalarUDF> {
        let what = What::ALL.into_iter().find(|what| what.name() == name)?;
        Some(Arc::new(Self { at, from, to }).tells(what))
    }
}

/// The type of an execution's time, which is that of `now()`.
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// The time of a pane or of an edge.
pub(super) const MARK_TIME: &str = "time";
/// Whether it is an edge.
pub(super) const MARK_EDGE: &str = "edge";

fn marks() -> Fields {
    Fields::from(vec![Field::new(MARK_TIME, DataType::Int64, false), Field::new(MARK_EDGE, DataType::Boolean, false)])
}

/// A function of the timetable.
#[derive(Debug)]
struct ExecTimes {
    table: Arc<Timetable>,
    what: What,
    signature: Signature,
}

/// What a function tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    /// `exec_times(instant, ..)`: the executions that see an event.
    Executions,
    /// `exec_known(ingested, instant, ..)`: those of them that are not before the event was ingested.
    Known,
    /// `exec_late(ingested, instant, ..)`: whether some see it, and all of them are before it was ingested.
    Late,
    /// `exec_pane(instant, ..)`: the pane of an event, null where no execution sees it.
    Pane,
    /// `exec_marks(pane)`: the pane, and the edges where it enters the windows and where it has left them.
    Marks,
    /// `exec_span(edge, next)`: the executions from one edge to before the next, to the last where there is none.
    Span,
}

impl What {
    #[cfg(feature = "cluster")]
    const ALL: [Self; 6] = [Self::Executions, Self::Known, Self::Late, Self::Pane, Self::Marks, Self::Span];

    const fn name(self) -> &'static str {
        match self {
            Self::Executions => "exec_times",
            Self::Known => "exec_known",
            Self::Late => "exec_late",
            Self::Pane => "exec_pane",
            Self::Marks => "exec_marks",
            Self::Span => "exec_span",
        }
    }
}

impl PartialEq for ExecTimes {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what && (Arc::ptr_eq(&self.table, &other.table) || self.table == other.table)
    }
}

impl Eq for ExecTimes {}

impl Hash for ExecTimes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.what.hash(state);
        self.table.hash(state);
    }
}

impl ScalarUDFImpl for ExecTimes {
    fn name(&self) -> &'static str {
        self.what.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.what {
            What::Executions | What::Known | What::Span => DataType::new_list(instant(), true),
            What::Late => DataType::Boolean,
            What::Pane => DataType::Int64,
            What::Marks => DataType::new_list(DataType::Struct(marks()), true),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let rows = args.number_rows;
        Ok(ColumnarValue::Array(match self.what {
            What::Executions => self.executions(None, &arrays, rows)?,
            What::Known => match arrays.split_first() {
                Some((ingested, instants)) => self.executions(Some(ingested), instants, rows)?,
                None => return exec_err!("exec_known: expected when the event was ingested"),
            },
            What::Late => match arrays.split_first() {
                Some((ingested, instants)) => self.late(ingested, instants, rows)?,
                None => return exec_err!("exec_late: expected when the event was ingested"),
            },
            What::Pane => self.panes(&arrays, rows)?,
            What::Marks => self.marks(&arrays, rows)?,
            What::Span => self.spans(&arrays, rows)?,
        }))
    }
}

impl ExecTimes {
    fn executions(&self, ingested: Option<&ArrayRef>, arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let ingested = ingested.map(Instants::try_new).transpose()?;
        let places = arrays.iter().map(Instants::try_new).collect::<Result<Vec<_>>>()?;
        let mut lists = Lists::new(rows);
        // Events lie one after the other most of the time: the executions of the last are those of the next.
        let mut last: (i128, Range<usize>) = (0, self.table.seen_by(0));
        for row in 0..rows {
            let mut seen = 0..0;
            if let Some(nanos) = places.iter().find_map(|place| place.nanos(row)) {
                if nanos != last.0 {
                    last = (nanos, self.table.seen_by(nanos));
                }
                seen = last.1.clone();
            }
            if let Some(nanos) = ingested.as_ref().and_then(|ingested| ingested.nanos(row)) {
                let known = self.table.at.partition_point(|at| i128::from(*at) < nanos);
                seen.start = seen.start.max(known).min(seen.end);
            }
            lists.push(self.table.at.get(seen).unwrap_or_default())?;
        }
        lists.finish()
    }

    fn late(&self, ingested: &ArrayRef, arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let ingested = Instants::try_new(ingested)?;
        let places = arrays.iter().map(Instants::try_new).collect::<Result<Vec<_>>>()?;
        let late = |row| {
            let seen = self.table.seen_by(places.iter().find_map(|place| place.nanos(row))?);
            let last = self.table.at.get(seen)?.last()?;
            Some(i128::from(*last) < ingested.nanos(row)?)
        };
        Ok(Arc::new((0..rows).map(late).collect::<BooleanArray>()))
    }

    fn panes(&self, arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let places = arrays.iter().map(Instants::try_new).collect::<Result<Vec<_>>>()?;
        let pane = |row| self.table.pane(places.iter().find_map(|place| place.nanos(row))?);
        Ok(Arc::new((0..rows).map(pane).collect::<Int64Array>()))
    }

    fn marks(&self, arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let [panes] = arrays else { return exec_err!("exec_marks: expected one pane") };
        let mut lists = Lists::new(rows);
        let mut edges = Vec::with_capacity(rows * 3);
        for pane in panes.as_primitive::<Int64Type>() {
            let seen = pane.map_or(0..0, |pane| self.table.seen_by(i128::from(pane)));
            let ends = [seen.start, seen.end].map(|k| self.table.to.get(k).filter(|_| !seen.is_empty()).copied());
            let marks: Vec<i64> = std::iter::once(pane).chain(ends).flatten().collect();
            edges.extend(marks.iter().enumerate().map(|(at, _)| at > 0));
            lists.push(&marks)?;
        }
        let Lists { offsets, values } = lists;
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(values)), Arc::new(BooleanArray::from(edges))];
        let values = StructArray::try_new(marks(), columns, None)?;
        let item = Arc::new(Field::new_list_field(DataType::Struct(marks()), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(values), None)?))
    }

    fn spans(&self, arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let [edges, nexts] = arrays else { return exec_err!("exec_span: expected two edges") };
        let (edges, nexts) = (edges.as_primitive::<Int64Type>(), nexts.as_primitive::<Int64Type>());
        let mut lists = Lists::new(rows);
        for (edge, next) in edges.iter().zip(nexts) {
            let place = |edge: i64| self.table.to.partition_point(|to| *to < edge);
            let span = edge.map_or(0..0, |edge| place(edge)..next.map_or(self.table.at.len(), place));
            lists.push(self.table.at.get(span).unwrap_or_default())?;
        }
        lists.finish()
    }
}

/// Lists of times, one a row.
struct Lists {
    offsets: Vec<i32>,
    values: Vec<i64>,
}

impl Lists {
    fn new(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, values: Vec::with_capacity(rows) }
    }

    fn push(&mut self, values: &[i64]) -> Result<()> {
        self.values.extend_from_slice(values);
        let Ok(end) = i32::try_from(self.values.len()) else {
            return exec_err!("one batch belongs to more than {} executions", i32::MAX);
        };
        self.offsets.push(end);
        Ok(())
    }

    fn finish(self) -> Result<ArrayRef> {
        let values: ArrayRef = Arc::new(TimestampNanosecondArray::from(self.values).with_timezone("UTC"));
        let item = Arc::new(Field::new_list_field(instant(), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Ok(Arc::new(ListArray::try_new(item, offsets, values, None)?))
    }
}

/// How an aggregation works by panes.
#[derive(Debug, Clone)]
pub(super) struct Panes {
    table: Arc<Timetable>,
    set: Arc<AggregateUDF>,
    length: i64,
}

impl Panes {
    /// Panes of a timetable whose windows are equally long and end at different times; `set` is `collect_set`.
    pub(super) fn new(table: &Arc<Timetable>, set: Arc<AggregateUDF>) -> Option<Self> {
        let length = table.to.first()?.checked_sub(*table.from.first()?)?;
        let even = table.from.iter().zip(&table.to).all(|(from, to)| to.checked_sub(*from) == Some(length));
        let apart = table.to.is_sorted_by(|a, b| a < b);
        (even && apart && length >= 0).then(|| Self { table: Arc::clone(table), set, length })
    }

    /// How long a window is, in nanoseconds.
    pub(super) const fn length(&self) -> i64 {
        self.length
    }

    /// The aggregate that collects a set.
    pub(super) fn set(&self) -> Arc<AggregateUDF> {
        Arc::clone(&self.set)
    }

    /// The edge at which the first window ends.
    pub(super) fn first_edge(&self) -> ScalarValue {
        ScalarValue::Int64(self.table.to.first().copied())
    }

    /// The function that finds the pane of an event.
    pub(super) fn function(&self) -> ScalarUDF {
        self.table.tells(What::Pane)
    }

    /// A pane and its edges, as a list of [`MARK_TIME`] and [`MARK_EDGE`].
    pub(super) fn marks(&self, pane: Expr) -> Expr {
        self.table.tells(What::Marks).call(vec![pane])
    }

    /// The executions from one edge to the next, as a list.
    pub(super) fn span(&self, edge: Expr, next: Expr) -> Expr {
        self.table.tells(What::Span).call(vec![edge, next])
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
                        let nanos = i128::from(at.timestamp_nanos_opt().unwrap());
                        let found = table.seen_by(nanos);
                        assert_eq!(found.clone().collect::<Vec<_>>(), expected, "{interval} {from} {to} {at}");
                        let pane = table.pane(nanos).map(|pane| table.seen_by(i128::from(pane)));
                        assert_eq!(pane, Some(found).filter(|found| !found.is_empty()), "{interval} {from} {to} {at}");
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
