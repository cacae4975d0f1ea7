//! A part of a plan, run by an executor: scans decide rows by dictionaries, and what was met is told.

use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::serde::protobuf::{RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use datafusion::prelude::SessionConfig;

use super::codec::Task;
use super::compact::CompactExec;
use super::report::Met;
use super::{fault, settings};
use crate::engine::session::preselect;

/// Makes stages of tasks.
pub(super) struct Stages(Arc<DefaultExecutionEngine>);

impl Stages {
    pub(super) fn new() -> Self {
        Self(Arc::new(DefaultExecutionEngine::new()))
    }
}

impl ExecutionEngine for Stages {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        global_output_partition_ids: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        let Some(task) = plan.downcast_ref::<Task>() else { return internal_err!("a task without its root") };
        Ok(Arc::new(Stage {
            engine: Arc::clone(&self.0),
            part: (job_id, stage_id, task_id, global_output_partition_ids),
            root: Arc::clone(task.root()),
            met: task.met().clone(),
            metered: task.metered(),
            work_dir: work_dir.to_owned(),
            config: config.clone(),
            running: OnceLock::new(),
        }))
    }
}

/// A task that runs.
struct Stage {
    engine: Arc<DefaultExecutionEngine>,
    part: (JobId, usize, usize, Vec<usize>),
    root: Arc<dyn ExecutionPlan>,
    met: Met,
    metered: usize,
    work_dir: String,
    config: SessionConfig,
    running: OnceLock<Begun>,
}

/// What runs of a task.
struct Begun {
    /// Which task of which attempt it is.
    task: String,
    plan: Arc<dyn ExecutionPlan>,
    stage: Arc<dyn QueryStageExecutor>,
}

impl Stage {
    /// The stage of Ballista, once it runs.
    fn running(&self) -> Option<&dyn QueryStageExecutor> {
        self.running.get().map(|begun| begun.stage.as_ref())
    }

    fn begin(&self, context: &TaskContext) -> Result<Arc<dyn QueryStageExecutor>> {
        settings::same_version(context.session_config(), "executor")?;
        let mut root = Arc::clone(&self.root);
        if settings::scans_dictionaries(context.session_config()) {
            let rule = preselect(context.runtime_env());
            root = rule.optimize(root, context.session_config().options())?;
        }
        if let [rows] = root.children().as_slice() {
            let rows = Arc::new(CompactExec::new(Arc::clone(rows)));
            root = replace_children_if_necessary(root, vec![rows])?;
        }
        let (job, stage, task, partitions) = self.part.clone();
        let plan = Arc::clone(&root);
        let stage =
            self.engine.create_query_stage_exec(job, stage, task, partitions, root, &self.work_dir, &self.config)?;
        let task = context.task_id().unwrap_or_default();
        Ok(Arc::clone(&self.running.get_or_init(|| Begun { task, plan, stage }).stage))
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("part", &self.part).finish_non_exhaustive()
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.running() {
            Some(stage) => Display::fmt(stage, f),
            None => f.write_str("a stage that does not run"),
        }
    }
}

#[async_trait]
impl QueryStageExecutor for Stage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        let stage = self.begin(&context).map_err(fault::to_travel)?;
        stage.execute_query_stage(task_id, context).await.map_err(fault::to_travel)
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        let Some(Begun { task, plan, stage }) = self.running.get() else { return Vec::new() };
        self.met.report(task, plan, stage.collect_plan_metrics(), self.metered)
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.running().map(QueryStageExecutor::collect_runtime_stats_reports).unwrap_or_default()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.running().map_or(Ok(Vec::new()), QueryStageExecutor::collect_window_state_reports)
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.running().map(QueryStageExecutor::collect_column_stats).unwrap_or_default()
    }
}
