//! What a plan costs: the time that its nodes computed, and its part of a scan that it shares with others.

use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;

use super::exec::SharedScanExec;

/// The time that a plan computed so far, on all threads.
pub fn cost(plan: &Arc<dyn ExecutionPlan>) -> Duration {
    let own = match plan.downcast_ref::<SharedScanExec>() {
        Some(shared) => shared.compute_time() + cost(shared.scan()).div_f64(shared.shared_by().max(1) as f64),
        None => plan.metrics().map_or(Duration::ZERO, |metrics| computed(&metrics)),
    };
    plan.children().into_iter().map(cost).fold(own, |sum, part| sum + part)
}

/// The time of one node. Scans of Parquet count it under a name of their own.
pub(crate) fn computed(metrics: &MetricsSet) -> Duration {
    let scanned = metrics.sum_by_name("time_elapsed_processing").map_or(0, |time| time.as_usize());
    Duration::from_nanos(metrics.elapsed_compute().unwrap_or(0).max(scanned) as u64)
}
