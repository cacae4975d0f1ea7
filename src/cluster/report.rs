//! What tasks met and did: counted by executors, told to the client, and counted there as if the plan had run there.
//!
//! A task's report travels as the name of a counter among the metrics of its plan, which the scheduler keeps by task.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ballista_core::serde::protobuf::operator_metric::Metric as Metered;
use ballista_core::serde::protobuf::{GetJobMetricsResult, NamedCount};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{Count, Metric, MetricBuilder, MetricValue, MetricsSet};
use serde::{Deserialize, Serialize};

use crate::engine::Warnings;
use crate::engine::metrics::{ScanMetrics, scan_metrics};
use crate::engine::shared::computed;
use crate::lake::{Issues, Tally, Unparsed};

const NAME: &str = "egret_report ";

/// What the scans and functions of a plan report to, on the client.
#[derive(Debug, Default)]
pub(super) struct Sinks {
    counters: Mutex<Vec<Arc<Unparsed>>>,
}

impl Sinks {
    /// The place of a counter among those of the plan.
    pub(super) fn counter(&self, counter: &Arc<Unparsed>) -> u32 {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let at = counters.iter().position(|known| Arc::ptr_eq(known, counter)).unwrap_or_else(|| {
            counters.push(Arc::clone(counter));
            counters.len() - 1
        });
        at as u32
    }
}

/// What the scans and functions of a task report to.
#[derive(Debug, Default, Clone)]
pub(super) struct Met {
    pub(super) warnings: Warnings,
    /// The scans of the task in the order of its plan: which one of the client's plan each is, and what it meets.
    pub(super) scans: Vec<(u32, Issues)>,
    pub(super) counters: BTreeMap<u32, Arc<Unparsed>>,
}

/// A report as it travels.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Report {
    /// Which task of which attempt it was, as [`Place`] reads it.
    task: String,
    scans: Vec<(u32, ScanMetrics, Tally)>,
    /// Function, subject, message, count, example.
    warnings: Vec<(String, String, String, u64, String)>,
    /// Counter, count, example.
    counters: Vec<(u32, u64, String)>,
    /// Nanoseconds that the nodes computed.
    computed: u64,
}

impl Met {
    /// The metrics of the nodes of a task that ran `plan`, with its report among those of the first; as many as the
    /// scheduler counts, which takes no others: a plan that is decoded may have a node more.
    pub(super) fn report(
        &self,
        task: &str,
        plan: &Arc<dyn ExecutionPlan>,
        mut metrics: Vec<MetricsSet>,
        metered: usize,
    ) -> Vec<MetricsSet> {
        let mut done = Vec::new();
        // Walking a plan fails only where what is done with its nodes does.
        let _ = plan.apply(|node| {
            if is_file_scan(node) {
                done.push(scan_metrics(node));
            }
            Ok(TreeNodeRecursion::Continue)
        });
        let scans = self.scans.iter().zip(done).map(|((scan, issues), done)| (*scan, done, issues.take())).collect();
        let warnings = self.warnings.take().into_iter();
        let warnings = warnings.map(|w| (w.function, w.subject, w.message, w.count, w.example)).collect();
        let counters = self.counters.iter().filter_map(|(counter, unparsed)| {
            let (count, example) = unparsed.take();
            (count > 0).then(|| (*counter, count, example.unwrap_or_default()))
        });
        let computed = metrics.iter().map(|node| computed(node).as_nanos() as u64).sum();
        let report = Report { task: task.to_owned(), scans, warnings, counters: counters.collect(), computed };
        let text = serde_json::to_string(&report).unwrap_or_default();
        let count = Count::new();
        count.add(1);
        let value = MetricValue::Count { name: Cow::Owned(format!("{NAME}{text}")), count };
        metrics.resize_with(metered, MetricsSet::new);
        if let Some(first) = metrics.first_mut() {
            // Told of the part that the task ran.
            first.push(Arc::new(Metric::new(value, Some(0))));
        }
        metrics
    }
}

/// Whether a node scans files.
pub(super) fn is_file_scan(node: &Arc<dyn ExecutionPlan>) -> bool {
    file_scan(node).is_some()
}

/// The scan of files that a node is.
pub(super) fn file_scan(node: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let scan = node.downcast_ref::<DataSourceExec>()?;
    (scan.data_source().as_ref() as &dyn std::any::Any).downcast_ref()
}

/// Which attempt at which part of a stage a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    stage_attempt: u32,
    task: u32,
    attempt: u32,
}

impl Place {
    /// Reads `TID JOB/STAGE.ATTEMPT/TASK.ATTEMPT`.
    fn of(text: &str) -> Option<Self> {
        let mut parts = text.rsplit('/');
        let (task, attempt) = parts.next()?.split_once('.')?;
        let (_, stage_attempt) = parts.next()?.split_once('.')?;
        let number = |text: &str| text.parse().ok();
        Some(Self { stage_attempt: number(stage_attempt)?, task: number(task)?, attempt: number(attempt)? })
    }
}

/// What the tasks of a job told.
#[derive(Debug, Default)]
pub(super) struct Told(Vec<Report>);

/// What keeps the rows of a job from being given on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsound {
    /// A part of it ran several times. Ballista reads what parts gave that ran again, at times beside what they gave before:
    /// rows would come several times.
    Again,
    /// Its tasks told something else than reports, or nothing.
    Silent,
}

impl Told {
    /// The reports of a job in which every part ran once.
    ///
    /// # Errors
    /// Where one did not, or did not tell.
    pub(super) fn of(told: &GetJobMetricsResult) -> Result<Self, Unsound> {
        let mut reports = Vec::new();
        for stage in &told.stages {
            let metrics = stage.operators.iter().flat_map(|operator| &operator.metrics);
            let texts = metrics.filter_map(|metric| match &metric.metric {
                Some(Metered::Count(NamedCount { name, .. })) => name.strip_prefix(NAME),
                _ => None,
            });
            let mut tasks = Vec::new();
            for text in texts {
                let report: Report = serde_json::from_str(text).map_err(|_| Unsound::Silent)?;
                let place = Place::of(&report.task).ok_or(Unsound::Silent)?;
                // Tasks are numbered as they begin: one beyond the parts of its stage takes the place of another.
                if place.stage_attempt > 0 || place.attempt > 0 || place.task >= stage.partitions.max(1) {
                    return Err(Unsound::Again);
                }
                tasks.push(place.task);
                reports.push(report);
            }
            tasks.sort_unstable();
            let each = (0..stage.partitions.max(1)).eq(tasks.iter().copied());
            // A stage that brings rows together is one task.
            if !each && tasks != [0] {
                return Err(if tasks.is_empty() { Unsound::Silent } else { Unsound::Again });
            }
        }
        if reports.is_empty() { Err(Unsound::Silent) } else { Ok(Self(reports)) }
    }

    /// Adds it to what `plan`, which the job ran, counts itself.
    pub(super) fn credit(self, plan: &Arc<dyn ExecutionPlan>, sinks: &Sinks, warnings: &Warnings) {
        let counters = sinks.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut scans = Vec::new();
        let _ = plan.apply(|node| {
            if is_file_scan(node) {
                scans.push(Arc::clone(node));
            }
            Ok(TreeNodeRecursion::Continue)
        });
        for report in self.0 {
            report.credit(&scans, &counters, warnings);
        }
    }
}

impl Report {
    fn credit(self, scans: &[Arc<dyn ExecutionPlan>], counters: &[Arc<Unparsed>], warnings: &Warnings) {
        for (function, subject, message, count, example) in self.warnings {
            warnings.add(crate::engine::Warning { function, subject, message, count, example });
        }
        for (counter, count, example) in self.counters {
            if let Some(counter) = counters.get(counter as usize) {
                counter.add_counted(count, &example);
            }
        }
        let mut computed = self.computed as usize;
        for (scan, done, tally) in self.scans {
            let Some(config) = scans.get(scan as usize).and_then(file_scan) else { continue };
            let source = &config.file_source;
            let counted = |name: &'static str, count: u64| {
                MetricBuilder::new(source.metrics()).counter(name, 0).add(count as usize);
            };
            MetricBuilder::new(source.metrics()).output_rows(0).add(done.events as usize);
            counted("bytes_scanned", done.bytes);
            counted("lines_parsed", done.lines_parsed);
            counted("lines_skipped", done.lines_skipped);
            MetricBuilder::new(source.metrics())
                .pruning_metrics("pruned_elsewhere", 0)
                .add_pruned(done.pruned as usize);
            let time = MetricBuilder::new(source.metrics()).elapsed_compute(0);
            time.add_duration(std::time::Duration::from_nanos(std::mem::take(&mut computed) as u64));
            if let Some(ndjson) = source.downcast_ref::<crate::lake::ndjson::NdjsonSource>() {
                ndjson.issues().add(tally);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use ballista_core::serde::protobuf::{JobStageMetrics, OperatorMetric, OperatorWithMetrics};

    use super::*;

    /// A job of one stage whose tasks are these.
    fn job(partitions: u32, tasks: &[&str]) -> GetJobMetricsResult {
        let metric = |task: &&str| {
            let report = Report { task: (*task).to_owned(), ..Report::default() };
            let name = format!("{NAME}{}", serde_json::to_string(&report).unwrap());
            OperatorMetric { partition: Some(0), metric: Some(Metered::Count(NamedCount { name, value: 1 })) }
        };
        let metrics = tasks.iter().map(metric).collect();
        let operator = OperatorWithMetrics { metrics, ..OperatorWithMetrics::default() };
        GetJobMetricsResult { stages: vec![JobStageMetrics { stage_id: 1, partitions, operators: vec![operator] }] }
    }

    #[test]
    fn rows_of_parts_that_ran_twice_are_not_given_on() {
        let of = |partitions, tasks: &[&str]| Told::of(&job(partitions, tasks)).map(|told| told.0.len());
        assert_eq!(of(3, &["TID j/1.0/0.0", "TID j/1.0/2.0", "TID j/1.0/1.0"]), Ok(3));
        assert_eq!(of(16, &["TID j/1.0/0.0"]), Ok(1));
        // Another task, another attempt at a task or a stage, a part that does not tell.
        assert_eq!(of(2, &["TID j/1.0/0.0", "TID j/1.0/2.0"]), Err(Unsound::Again));
        assert_eq!(of(2, &["TID j/1.0/0.0", "TID j/1.0/1.1"]), Err(Unsound::Again));
        assert_eq!(of(1, &["TID j/1.1/0.0"]), Err(Unsound::Again));
        assert_eq!(of(3, &["TID j/1.0/0.0", "TID j/1.0/1.0"]), Err(Unsound::Again));
        assert_eq!(of(3, &[]), Err(Unsound::Silent));
        assert_eq!(of(1, &["some task"]), Err(Unsound::Silent));
    }
}
