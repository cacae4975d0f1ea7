//! When a rule runs and which events each execution sees.
//!
//! ```
//! use chrono::{DateTime, Utc};
//! use egret::rule::Schedule;
//! let schedule = Schedule::default(); // every 5 minutes over the last 6
//! let at: DateTime<Utc> = "2026-10-01T12:00:00Z".parse()?;
//! let window = schedule.window_at(at);
//! assert_eq!(window.from.to_rfc3339(), "2026-10-01T11:54:00+00:00");
//! assert!(window.contains(window.from) && window.contains(window.to));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use chrono::{DateTime, TimeDelta, Utc};

use super::date_math::DateMath;
use crate::interval::Interval;

/// How often a rule runs, and from when to when each execution looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The time between two executions.
    pub interval: Interval,
    /// The first instant that an execution sees.
    pub from: DateMath,
    /// The last instant that an execution sees.
    pub to: DateMath,
}

impl Default for Schedule {
    /// What a rule file means that says nothing: every 5 minutes, from `now-6m` to `now`.
    fn default() -> Self {
        let from = DateMath::parse("now-6m").unwrap_or_else(|_| DateMath::now());
        Self { interval: Interval::minutes(5), from, to: DateMath::now() }
    }
}

impl Schedule {
    /// The window of an execution at `at`.
    pub fn window_at(&self, at: DateTime<Utc>) -> Window {
        Window { from: self.from.resolve(at), to: self.to.resolve(at) }
    }

    /// The execution at `at`, with its window.
    pub fn execution_at(&self, at: DateTime<Utc>) -> Execution {
        Execution { at, window: Some(self.window_at(at)) }
    }

    /// Every execution after `from` up to and with `to`, one interval apart, the first one interval after `from`.
    pub fn executions(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = Execution> + '_ {
        let next = move |at: &DateTime<Utc>| at.checked_add_signed(self.interval.length()).filter(|at| *at <= to);
        std::iter::successors(next(&from), next).map(|at| self.execution_at(at))
    }

    /// How much longer the interval is than the window: events of that time are never seen. `None` where every event is
    /// seen or where that depends on the calendar.
    pub fn unseen(&self) -> Option<TimeDelta> {
        let window = self.to.offset()?.checked_sub(&self.from.offset()?)?;
        self.interval.length().checked_sub(&window).filter(|unseen| *unseen > TimeDelta::zero())
    }
}

/// The events that an execution sees: from one instant to another, both included. Empty where `from` is after `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The last instant.
    pub to: DateTime<Utc>,
}

impl Window {
    /// Whether the window covers `at`.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at <= self.to
    }
}

/// One run of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Execution {
    /// Its time: what `now()` means in the query.
    pub at: DateTime<Utc>,
    /// The events that it sees; every event where there is none.
    pub window: Option<Window>,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    fn schedule(interval: &str, from: &str, to: &str) -> Schedule {
        Schedule { interval: interval.parse().unwrap(), from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    #[test]
    fn executions_leave_out_the_start_and_keep_the_end() {
        let schedule = schedule("1h", "now-61m", "now");
        let (from, to) = ("2026-10-01T00:00:00Z".parse().unwrap(), "2026-10-01T03:00:00Z".parse().unwrap());
        let times: Vec<_> = schedule.executions(from, to).map(|e| e.at.to_rfc3339()).collect();
        assert_eq!(times, ["2026-10-01T01:00:00+00:00", "2026-10-01T02:00:00+00:00", "2026-10-01T03:00:00+00:00"]);
        let first = schedule.executions(from, to).next().unwrap().window.unwrap();
        assert_eq!(first.from.to_rfc3339(), "2026-09-30T23:59:00+00:00");
        assert_eq!(schedule.executions(to, from).count(), 0);
        assert_eq!(schedule.executions(from, from).count(), 0);
    }

    #[test]
    fn time_that_no_execution_sees() {
        assert_eq!(schedule("1h", "now-61m", "now").unseen(), None);
        assert_eq!(schedule("1h", "now-1h", "now").unseen(), None);
        assert_eq!(schedule("1h", "now-10m", "now-5m").unseen(), TimeDelta::try_minutes(55));
        assert_eq!(schedule("1h", "now/d", "now").unseen(), None);
    }

    #[test]
    fn both_ends_belong_to_the_window() {
        let window = Schedule::default().window_at("2026-10-01T12:00:00Z".parse().unwrap());
        let tick = TimeDelta::try_milliseconds(1).unwrap();
        assert!(window.contains(window.from) && window.contains(window.to));
        assert!(!window.contains(window.from - tick) && !window.contains(window.to + tick));
    }
}
