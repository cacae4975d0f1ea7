//! The executions of a past range, and the time that they leave uncovered.

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Error, Kind, Result};
use crate::rule::{DateMath, Execution, Interval, Rule, Schedule};

/// A range and the schedule that a rule ran by in it.
///
/// ```
/// use egret::backtest::Span;
/// use egret::rule::{Rule, Schedule};
/// let rule = Rule::from_text("a.esql", "FROM logs").map_err(|report| report.render(false))?.rule;
/// let (from, to) = ("2026-10-01T00:00:00Z".parse()?, "2026-10-02T00:00:00Z".parse()?);
/// let span = Span::of(&rule, Some("1h".parse()?), Some("61m".parse()?), from, to)?;
/// assert_eq!(span.executions().len(), 24);
/// assert_eq!(span.uncovered().total.num_minutes(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The start, which is no execution.
    pub from: DateTime<Utc>,
    /// The end, which is one if a whole number of intervals leads there.
    pub to: DateTime<Utc>,
    /// The schedule.
    pub schedule: Schedule,
}

/// The time within a range that no execution ever sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uncovered {
    /// How long it is altogether.
    pub total: TimeDelta,
    /// How many stretches it falls into.
    pub gaps: usize,
    /// The first stretch.
    pub first: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Span {
    /// The span from `from` to `to` of a rule, with an interval and a look-back instead of its own where they are given.
    ///
    /// # Errors
    /// An empty range; a rule without schedule for which interval or look-back are not given.
    pub fn of(
        rule: &Rule,
        interval: Option<Interval>,
        lookback: Option<Interval>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Self> {
        if from >= to {
            let message = format!("the range is empty: it starts at {from} and ends at {to}");
            return Err(Error::new(Kind::Usage, message).with_help("write --from before --to"));
        }
        let missing = |flag: &str| {
            Error::new(Kind::Usage, format!("{}: a bare query has no schedule", rule.origin.name))
                .with_help(format!("add {flag}, such as --interval 1h --lookback 61m"))
        };
        let own = rule.schedule.as_ref();
        let interval = interval.or_else(|| own.map(|own| own.interval.clone())).ok_or_else(|| missing("--interval"))?;
        let schedule = match (own, lookback) {
            (Some(own), None) => Schedule { interval, ..own.clone() },
            (own, Some(lookback)) => {
                let end = own.map_or_else(DateMath::now, |own| own.to.clone());
                let fixed = if end.is_relative() || end.as_str().contains("||") { "" } else { "||" };
                let start = format!("{end}{fixed}-{lookback}").parse()?;
                Schedule { interval, from: start, to: end }
            }
            (None, None) => return Err(missing("--lookback")),
        };
        Ok(Self { from, to, schedule })
    }

    /// Its executions, from first to last.
    pub fn executions(&self) -> Vec<Execution> {
        self.schedule.executions(self.from, self.to).collect()
    }

    /// The time of the range between windows, which none of them holds. What lies behind the last one is left to
    /// executions after the range.
    pub fn uncovered(&self) -> Uncovered {
        let mut uncovered = Uncovered { total: TimeDelta::zero(), gaps: 0, first: None };
        let mut add = |from: DateTime<Utc>, to: DateTime<Utc>| {
            if from < to {
                uncovered.total += to - from;
                uncovered.gaps += 1;
                uncovered.first.get_or_insert((from, to));
            }
        };
        let mut covered = self.from;
        for window in self.schedule.executions(self.from, self.to).filter_map(|execution| execution.window) {
            if window.from <= window.to {
                add(covered, window.from.min(self.to));
                covered = covered.max(window.to);
            }
        }
        uncovered
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    fn span(interval: &str, lookback: &str, to: &str) -> Span {
        let rule = Rule::from_text("a.esql", "FROM logs").unwrap().rule;
        let from = "2026-10-01T00:00:00Z".parse().unwrap();
        let interval = Some(interval.parse().unwrap());
        Span::of(&rule, interval, Some(lookback.parse().unwrap()), from, to.parse().unwrap()).unwrap()
    }

    #[test]
    fn time_that_no_window_holds() {
        assert_eq!(span("1h", "61m", "2026-10-02T00:00:00Z").uncovered().gaps, 0);
        let every_ten = span("1h", "10m", "2026-10-02T00:00:00Z").uncovered();
        assert_eq!((every_ten.total.num_minutes(), every_ten.gaps), (24 * 50, 24));
        assert_eq!(every_ten.first.unwrap().1.to_rfc3339(), "2026-10-01T00:50:00+00:00");
        // The last half hour waits for an execution behind the end.
        assert_eq!(span("1h", "1h", "2026-10-01T02:30:00Z").uncovered().gaps, 0);
    }

    #[test]
    fn a_bare_query_needs_both_flags() {
        let rule = Rule::from_text("a.esql", "FROM logs").unwrap().rule;
        let (from, to) = ("2026-10-01T00:00:00Z".parse().unwrap(), "2026-10-02T00:00:00Z".parse().unwrap());
        let hour = || Some("1h".parse::<Interval>().unwrap());
        for (interval, lookback, flag) in [(None, None, "--interval"), (hour(), None, "--lookback")] {
            let error = Span::of(&rule, interval, lookback, from, to).unwrap_err();
            assert!(error.help().unwrap().contains(flag), "{error}");
        }
        let empty = Span::of(&rule, hour(), hour(), to, from).unwrap_err();
        assert!(empty.to_string().contains("the range is empty"));
    }

    #[test]
    fn a_look_back_counts_from_the_end_of_the_window() {
        let text = "FROM logs";
        let mut rule = Rule::from_text("a.esql", text).unwrap().rule;
        rule.schedule = Some(Schedule {
            interval: "1h".parse().unwrap(),
            from: "now-2h".parse().unwrap(),
            to: "now-5m".parse().unwrap(),
        });
        let (from, to) = ("2026-10-01T00:00:00Z".parse().unwrap(), "2026-10-02T00:00:00Z".parse().unwrap());
        let span = Span::of(&rule, None, Some("30m".parse().unwrap()), from, to).unwrap();
        let window = span.executions()[0].window.unwrap();
        assert_eq!(window.from.to_rfc3339(), "2026-10-01T00:25:00+00:00");
        assert_eq!(window.to.to_rfc3339(), "2026-10-01T00:55:00+00:00");
    }
}
