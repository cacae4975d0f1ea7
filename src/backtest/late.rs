//! Events that came too late: ingested after every execution that looks at their time.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::span::Span;
use super::times::Timetable;
use crate::engine::plan::Prepared;
use crate::engine::{Engine, TimeField};
use crate::error::Result;
use crate::rule::{Execution, Schedule, Window};
use crate::sql::lowered::Lowered;

/// The column that says whether an event came too late.
const LATE: &str = "__late";
/// Executions beyond the range that are looked at on each side; where there are more, nothing is known.
const MOST: usize = 1 << 17;

/// The plans that give the events of the span which came too late, one for each table that the query reads; `None` where
/// executions do not follow each other, so that nothing is known of events between them, or where too many beyond the
/// range look at it.
///
/// Events near the ends of the span are judged by executions before and behind it, too: a rule goes on running.
///
/// # Errors
/// Where the tables cannot be planned.
pub async fn late_arrivals(
    engine: &Engine,
    lowered: &Lowered,
    time: &TimeField,
    span: &Span,
) -> Result<Option<Vec<Prepared>>> {
    let Some(executions) = looking(&span.schedule, span.from, span.to) else { return Ok(None) };
    let (Some(table), Some(last)) = (Timetable::new(&executions), executions.last()) else { return Ok(None) };
    let window = Window { from: span.from, to: span.to };
    let function = Arc::new(Arc::new(table).late());
    engine.events_on_time(lowered, time, &window, LATE, function, last).await.map(Some)
}

/// Every execution that looks at an instant from `from` to `to`, one interval apart, one of them at `from`; nothing where
/// more than [`MOST`] before or behind the range do.
fn looking(schedule: &Schedule, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Vec<Execution>> {
    let step = schedule.interval.length();
    let at = |at: DateTime<Utc>| schedule.execution_at(at);
    let sees = |execution: &Execution| execution.window.is_some_and(|window| window.to >= from && window.from <= to);
    let back = std::iter::successors(Some(from), |at| at.checked_sub_signed(step));
    let mut executions: Vec<Execution> = back.map(at).take_while(sees).take(MOST + 1).collect();
    if executions.len() > MOST {
        return None;
    }
    executions.reverse();
    let later = std::iter::successors(from.checked_add_signed(step), |at| at.checked_add_signed(step)).map(at);
    let mut beyond = 0;
    for execution in later.take_while(|execution| execution.at <= to || sees(execution)) {
        beyond += usize::from(execution.at > to);
        if beyond > MOST {
            return None;
        }
        executions.push(execution);
    }
    Some(executions)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn executions_beyond_the_range_look_too() {
        let schedule = Schedule {
            interval: "1h".parse().unwrap(),
            from: "now-3h".parse().unwrap(),
            to: "now-1h".parse().unwrap(),
        };
        let at = |hour: u32| -> DateTime<Utc> { format!("2026-10-01T{hour:02}:00:00Z").parse().unwrap() };
        let times: Vec<_> = looking(&schedule, at(10), at(12)).unwrap().iter().map(|e| e.at).collect();
        // Windows of 11:00 to 15:00 touch the range; the one at its start looks no further than 09:00.
        assert_eq!(times, [at(11), at(12), at(13), at(14), at(15)]);
        let often =
            |back: &str| Schedule { interval: "1s".parse().unwrap(), from: back.parse().unwrap(), ..schedule.clone() };
        let long = looking(&often("now-1s"), at(0), at(0) + chrono::TimeDelta::days(3)).unwrap();
        assert!(long.len() > MOST, "all executions of a long range look");
        assert!(looking(&often("now-3d"), at(0), at(1)).is_none());
    }
}
