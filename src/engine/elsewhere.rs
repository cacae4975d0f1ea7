//! Plans that another process runs, or several do.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;

use super::session::Session;
use crate::error::Result;

/// Who runs the plans of a session.
pub trait Elsewhere: Debug + Send + Sync {
    /// Sets what plans need to be run there.
    ///
    /// # Errors
    /// Where DataFusion does not know a setting.
    fn settle(&self, config: &mut SessionConfig) -> Result<()>;

    /// The plan whose only node above `plan` gives the rows of `plan`, which runs there.
    ///
    /// # Errors
    /// Where the plan cannot run there.
    fn hand_over(&self, plan: Arc<dyn ExecutionPlan>, session: &Session) -> Result<Arc<dyn ExecutionPlan>>;
}
