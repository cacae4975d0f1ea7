//! Progress of a run on stderr, drawn only for people.

use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};

use super::report::Console;
use crate::engine::metrics::ScanMetrics;

/// How often the line is drawn anew.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// One line that tells how far a run is; it is gone when the run ends.
pub(super) struct Progress {
    bar: ProgressBar,
    bytes: u64,
}

impl Progress {
    /// Progress of a run over at most `bytes`, hidden where nobody watches.
    pub(super) fn new(console: Console, label: &str, bytes: u64) -> Self {
        if !console.draws_progress() {
            return Self { bar: ProgressBar::hidden(), bytes };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(label.to_owned());
        Self { bar, bytes }
    }

    /// Tells what the scans have done so far.
    pub(super) fn scanned(&self, scanned: ScanMetrics) {
        self.bar.set_message(format!(
            "{} events, {} of at most {}",
            HumanCount(scanned.events),
            HumanBytes(scanned.bytes),
            HumanBytes(self.bytes)
        ));
        self.bar.tick();
    }

    /// Tells how far a replay of so many executions is, `before` of which were complete when it began.
    pub(super) fn replayed(&self, before: u64, done: crate::backtest::Progress, executions: u64) {
        let left = match done.executions.saturating_sub(before) {
            0 => String::new(),
            now => {
                let (done, executions) = (now, executions.saturating_sub(before));
                let each = self.bar.elapsed().as_secs_f64() / done as f64;
                let left = each * executions.saturating_sub(done) as f64;
                format!(", {} left", HumanDuration(Duration::from_secs_f64(left)))
            }
        };
        self.bar.set_message(format!(
            "{} events, {} of {} executions, {} alerts{left}",
            HumanCount(done.scanned.events),
            HumanCount(done.executions),
            HumanCount(executions),
            HumanCount(done.rows),
        ));
        self.bar.tick();
    }

    /// Tells how far a conversion is.
    pub(super) fn converted(&self, done: crate::convert::Progress) {
        let crate::convert::Progress { total, bytes, read, written } = done;
        self.bar.set_message(if written > 0 {
            format!("{} of {} events written", HumanCount(written), HumanCount(read))
        } else {
            format!("{} events read, {} of {}", HumanCount(read), HumanBytes(bytes), HumanBytes(total))
        });
        self.bar.tick();
    }

    /// Tells how many rows were written.
    pub(super) fn rows(&self, rows: u64) {
        self.bar.set_message(format!("{} events", HumanCount(rows)));
        self.bar.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
