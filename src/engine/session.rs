//! The only place where a DataFusion session is built: functions, memory, disk, options.

#[cfg(feature = "cluster")]
use std::collections::HashMap;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use datafusion::execution::context::SessionContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
#[cfg(feature = "cluster")]
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionConfig;
use egret_udfs::Warnings;

use super::elsewhere::Elsewhere;
use super::failure::engine_error;
use super::unpack::Planner;
use crate::error::Result;
use crate::lake::Preselect;

/// How many consumers of memory an error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);

/// How Parquet files are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scan {
    /// Predicates are decided once a dictionary entry where they can be, and columns are decoded for the rest.
    #[default]
    Dictionary,
    /// As DataFusion does it alone, with predicates pushed down. For comparison.
    Stock,
}

/// What the user may choose about a session.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads that scan and aggregate.
    pub threads: NonZeroUsize,
    /// Bytes that operators may hold before they spill or fail.
    pub memory_limit: usize,
    /// Where operators spill; the system's folder for temporary files where `None`.
    pub spill_dir: Option<PathBuf>,
    /// How Parquet files are scanned.
    pub scan: Scan,
}

/// Whether nobody sees that a scalar function was evaluated on a value of its own: most of ours report what they cannot
/// take. These report lists of several values only.
fn is_quiet(function: &str) -> bool {
    const QUIET: [&str; 2] = ["glob_match", "rlike_match"];
    static OURS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let ours = egret_udfs::scalar_functions(&Warnings::default());
        ours.iter().map(|function| function.name().to_owned()).collect()
    });
    QUIET.contains(&function) || !OURS.contains(function)
}

/// The scalar functions of rules by name, reporting to `warnings`.
#[cfg(feature = "cluster")]
pub(crate) fn functions(warnings: &Warnings) -> HashMap<String, Arc<ScalarUDF>> {
    let ours = egret_udfs::scalar_functions(warnings).into_iter();
    ours.map(|function| (function.name().to_owned(), Arc::new(function))).collect()
}

/// The rule that lets scans decide rows by dictionaries.
pub(crate) fn preselect(runtime: Arc<RuntimeEnv>) -> Preselect {
    Preselect::new(runtime, is_quiet)
}

/// A DataFusion session with the functions of rules.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
    warnings: Warnings,
    elsewhere: Option<Arc<dyn Elsewhere>>,
}

impl Session {
    /// A session with these options.
    pub fn try_new(options: &Options) -> Result<Self> {
        Self::build(options, None)
    }

    /// The same for plans that run elsewhere.
    pub fn with_elsewhere(options: &Options, elsewhere: Arc<dyn Elsewhere>) -> Result<Self> {
        Self::build(options, Some(elsewhere))
    }

    fn build(options: &Options, elsewhere: Option<Arc<dyn Elsewhere>>) -> Result<Self> {
        let mut config =
            SessionConfig::new().with_target_partitions(options.threads.get()).with_information_schema(false);
        let settings = config.options_mut();
        settings.execution.time_zone = Some("UTC".to_owned());
        // Rules are narrow and selective: rows are decided before other columns are decoded.
        settings.execution.parquet.pushdown_filters = true;
        settings.execution.parquet.reorder_filters = true;
        // Lists of indicators are longer than the default of 20 and should still prune.
        settings.execution.parquet.max_in_list_size = 200;
        // The total of a run is what enters its last sort: nothing may be thrown away below it.
        settings.optimizer.enable_topk_dynamic_filter_pushdown = false;
        settings.optimizer.enable_topk_aggregation = false;

        if let Some(elsewhere) = &elsewhere {
            elsewhere.settle(&mut config)?;
        }

        let pool = TrackConsumersPool::new(FairSpillPool::new(options.memory_limit), NAMED_CONSUMERS);
        let mode = match &options.spill_dir {
            Some(dir) => DiskManagerMode::Directories(vec![dir.clone()]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
            // Its entries never age: a file that appears later would stay invisible.
            .with_object_list_cache_limit(0)
            .build_arc()
            .map_err(engine_error)?;
        let mut state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&runtime))
            .with_default_features()
            .with_optimizer_rules(super::optimizer::rules())
            .with_query_planner(Arc::new(Planner));
        // Whoever runs a plan elsewhere decides there how files are scanned.
        if options.scan == Scan::Dictionary && elsewhere.is_none() {
            state = state.with_physical_optimizer_rule(Arc::new(preselect(runtime)));
        }
        let state = state.build();
        let context = SessionContext::new_with_state(state);
        let warnings = egret_udfs::register_all(&context).map_err(engine_error)?;
        Ok(Self { context, warnings, elsewhere })
    }

    /// The DataFusion context.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// What functions could not take.
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// Who runs the plans, where that is not this process.
    pub(super) fn elsewhere(&self) -> Option<&dyn Elsewhere> {
        self.elsewhere.as_deref()
    }

    /// The state in which everything that asks for the time gets `now`.
    pub fn state_at(&self, now: DateTime<Utc>) -> SessionState {
        let mut state = self.context.state();
        state.execution_props_mut().query_execution_start_time = Some(now);
        state
    }
}
