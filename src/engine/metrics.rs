//! What a plan has done so far, read from the metrics of its nodes; safe while it runs.

use std::ops::AddAssign;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::sorts::sort::SortExec;
use serde::{Deserialize, Serialize};

/// Counts over the scans of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScanMetrics {
    /// Events that a scan looked at: given on, or thrown away by a predicate inside the scan.
    pub events: u64,
    /// Bytes that were read from storage.
    pub bytes: u64,
    /// Lines and documents of JSON that were parsed.
    pub lines_parsed: u64,
    /// Lines and documents of JSON that were not parsed, since their bytes tell that the query does not want them.
    pub lines_skipped: u64,
    /// Files, row groups and pages that statistics ruled out before they were read.
    pub pruned: u64,
}

impl AddAssign for ScanMetrics {
    fn add_assign(&mut self, more: Self) {
        self.events += more.events;
        self.bytes += more.bytes;
        self.lines_parsed += more.lines_parsed;
        self.lines_skipped += more.lines_skipped;
        self.pruned += more.pruned;
    }
}

/// The counts of all scans below `plan`.
pub fn scan_metrics(plan: &Arc<dyn ExecutionPlan>) -> ScanMetrics {
    let mut sum = ScanMetrics::default();
    add_scans(plan, &mut sum);
    sum
}

fn add_scans(plan: &Arc<dyn ExecutionPlan>, sum: &mut ScanMetrics) {
    let children = plan.children();
    if children.is_empty()
        && let Some(metrics) = plan.metrics()
    {
        sum.events += metrics.output_rows().unwrap_or(0) as u64;
        for metric in metrics.iter() {
            match metric.value() {
                MetricValue::Count { name, count } => match name.as_ref() {
                    "bytes_scanned" => sum.bytes += count.value() as u64,
                    "pushdown_rows_pruned" | "dictionary_rows_pruned" => sum.events += count.value() as u64,
                    "lines_parsed" => sum.lines_parsed += count.value() as u64,
                    "lines_skipped" => sum.lines_skipped += count.value() as u64,
                    _ => {}
                },
                MetricValue::PruningMetrics { pruning_metrics, .. } => sum.pruned += pruning_metrics.pruned() as u64,
                _ => {}
            }
        }
    }
    for child in children {
        add_scans(child, sum);
    }
}

/// The node whose rows are all the rows of a query before its last limit, where the plan has one: what enters its
/// last sort. The nodes above it only order, cut or rename.
pub(crate) fn total_node(plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let mut node = Arc::clone(plan);
    loop {
        if let Some(sort) = node.downcast_ref::<SortExec>() {
            return Some(Arc::clone(sort.input()));
        }
        let passes = matches!(
            node.name(),
            "ProjectionExec"
                | "CoalescePartitionsExec"
                | "CooperativeExec"
                | "GlobalLimitExec"
                | "LocalLimitExec"
                | "SortPreservingMergeExec"
                | "UnpackExec"
        );
        let child = match node.children().as_slice() {
            [only] if passes => Arc::clone(only),
            _ => return None,
        };
        node = child;
    }
}

/// How many rows a node gave on.
pub(crate) fn output_rows(plan: &Arc<dyn ExecutionPlan>) -> Option<u64> {
    plan.metrics()?.output_rows().map(|rows| rows as u64)
}
