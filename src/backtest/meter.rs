//! How far a replay is: shared between the one who runs it and the one who shows it.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::physical_plan::ExecutionPlan;
use serde::{Deserialize, Serialize};

use crate::engine::metrics::{ScanMetrics, scan_metrics};

/// What a replay has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// What the scans did, all together.
    pub scanned: ScanMetrics,
    /// Scans of the tables so far.
    pub scans: u64,
    /// Executions that are complete.
    pub executions: u64,
    /// Rows that they gave.
    pub rows: u64,
}

/// The progress of a replay; a clone shows the same.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    done: Progress,
    running: Option<Arc<dyn ExecutionPlan>>,
}

impl Meter {
    /// What is done so far, the running scan included.
    pub fn progress(&self) -> Progress {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut progress = state.done;
        if let Some(running) = &state.running {
            progress.scanned += scan_metrics(running);
        }
        progress
    }

    /// Goes on from what was done before.
    pub(super) fn resume(&self, done: Progress) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).done = done;
    }

    /// A scan begins, and the one before has ended.
    pub(super) fn scan(&self, plan: Option<&Arc<dyn ExecutionPlan>>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = state.running.take() {
            state.done.scanned += scan_metrics(&ended);
        }
        state.done.scans += u64::from(plan.is_some());
        state.running = plan.map(Arc::clone);
    }

    /// An execution is complete.
    pub(super) fn executed(&self, rows: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.done.executions += 1;
        state.done.rows += rows;
    }
}
