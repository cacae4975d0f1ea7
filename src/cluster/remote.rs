//! A session whose plans a cluster runs.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as PlanResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};
use datafusion::prelude::SessionConfig;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use prost::Message;

use super::codec::Codec;
use super::fit::fitted;
use super::job::Job;
use super::report::Sinks;
use super::settings::RemoteOptions;
use crate::engine::elsewhere::Elsewhere;
use crate::engine::engine_error;
use crate::engine::session::Session;
use crate::error::Result;

/// A cluster that runs the plans of a session.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
/// use std::time::Duration;
/// use egret::cluster::{Remote, RemoteOptions};
/// use egret::engine::session::{Options, Scan, Session};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let partitions = NonZeroUsize::new(16).ok_or("none")?;
/// let remote = Remote::new(RemoteOptions {
///     scheduler: "http://scheduler:50050".to_owned(),
///     client: "host-7 of today".to_owned(),
///     partitions,
///     timeout: Duration::from_secs(60),
///     scan: Scan::Dictionary,
/// });
/// let options =
///     Options { threads: NonZeroUsize::MIN, memory_limit: 64 << 20, spill_dir: None, scan: Scan::Dictionary };
/// let session = Session::with_elsewhere(&options, Arc::new(remote))?;
/// assert_eq!(session.context().state().config().target_partitions(), 16);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Remote {
    options: Arc<RemoteOptions>,
}

impl Remote {
    /// The cluster that the options name; it is asked for when the first plan runs.
    pub fn new(options: RemoteOptions) -> Self {
        Self { options: Arc::new(options) }
    }
}

impl Elsewhere for Remote {
    fn settle(&self, config: &mut SessionConfig) -> Result<()> {
        self.options.settle(config)
    }

    fn hand_over(&self, plan: Arc<dyn ExecutionPlan>, session: &Session) -> Result<Arc<dyn ExecutionPlan>> {
        let sinks = Arc::new(Sinks::default());
        let codec = Codec::client(Arc::clone(&sinks));
        let fitted = fitted(&plan, &codec)?;
        let message = PhysicalPlanNode::try_from_physical_plan(fitted, &codec).map_err(engine_error)?;
        let job = Job {
            options: Arc::clone(&self.options),
            settings: self.options.settings(session.context().state().config()),
            plan: message.encode_to_vec(),
            local: Arc::clone(&plan),
            sinks,
            warnings: session.warnings().clone(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(plan.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            plan.properties().boundedness,
        );
        Ok(Arc::new(RemoteExec { job: Arc::new(job), properties: Arc::new(properties) }))
    }
}

/// The rows of the plan below it, which a cluster makes.
#[derive(Debug)]
struct RemoteExec {
    job: Arc<Job>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for RemoteExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteExec: scheduler={}", self.job.options.scheduler)
    }
}

impl ExecutionPlan for RemoteExec {
    fn name(&self) -> &'static str {
        "RemoteExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.job.local]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        internal_err!("a plan that was handed over stays what it is")
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> PlanResult<Arc<dyn ExecutionPlan>> {
        internal_err!("a plan that was handed over stays what it is")
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        Ok(Arc::clone(&self.job).rows())
    }
}
