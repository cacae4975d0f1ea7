//! The optimizer rule that lets scans select rows by dictionaries.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use super::super::fuse::{fused, small_columns};
use super::super::reader::Readers;
use super::condition::Conditions;
use super::source::PreselectSource;

/// Selects, in every Parquet scan of a plan, rows by dictionaries before columns are decoded.
///
/// What no dictionary can decide stays with DataFusion's reader, in fewer conjuncts where that is cheaper. Files of the
/// local file system are read on the thread that decodes them, whatever made readers of them before.
///
/// ```
/// use std::sync::Arc;
/// use datafusion::execution::session_state::SessionStateBuilder;
/// use datafusion::prelude::SessionContext;
/// use egret::lake::Preselect;
///
/// let runtime = SessionContext::new().runtime_env();
/// let rule = Preselect::new(runtime, |function| function == "glob_match");
/// let state = SessionStateBuilder::new().with_default_features().with_physical_optimizer_rule(Arc::new(rule)).build();
/// assert!(state.physical_optimizers().iter().any(|rule| rule.name() == "preselect"));
/// ```
pub struct Preselect {
    runtime: Arc<RuntimeEnv>,
    quiet: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Preselect {
    /// The rule for sessions over `runtime`, whose cache of footers tells how large columns are.
    ///
    /// A scalar function is evaluated on values that no row of the result may have if `quiet` says of its name that
    /// nobody sees that: it reports nothing.
    pub fn new(runtime: Arc<RuntimeEnv>, quiet: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { runtime, quiet: Box::new(quiet) }
    }

    fn source(&self, source: &ParquetSource, scan: &FileScanConfig) -> Result<Arc<dyn FileSource>> {
        let source = self.reads_itself(source, scan)?;
        let Some(predicate) = source.filter().filter(|_| source.table_parquet_options().global.pushdown_filters) else {
            return Ok(Arc::new(source));
        };
        let small = small_columns(scan, &self.runtime.cache_manager);
        Ok(match Conditions::of(&predicate, source.table_schema().file_schema(), &*self.quiet) {
            Some(conditions) => Arc::new(PreselectSource::new(source, conditions, small)),
            None => Arc::new(match fused(&predicate, &small) {
                Some(fused) => source.with_predicate(fused),
                None => source,
            }),
        })
    }

    /// The source, which reads local files without a detour.
    fn reads_itself(&self, source: &ParquetSource, scan: &FileScanConfig) -> Result<ParquetSource> {
        let store = self.runtime.object_store(&scan.object_store_url)?;
        let local = scan.object_store_url == ObjectStoreUrl::local_filesystem();
        let footers = self.runtime.cache_manager.get_file_metadata_cache();
        Ok(source.clone().with_parquet_file_reader_factory(Arc::new(Readers::new(store, local, footers))))
    }
}

impl Debug for Preselect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preselect").finish_non_exhaustive()
    }
}

impl PhysicalOptimizerRule for Preselect {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let scan = node.downcast_ref::<DataSourceExec>();
            let Some((config, source)) = scan.and_then(|scan| scan.downcast_to_file_source::<ParquetSource>()) else {
                return Ok(Transformed::no(node));
            };
            let source = self.source(source, config)?;
            let config = FileScanConfigBuilder::from(config.clone()).with_source(source).build();
            Ok(Transformed::yes(DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>))
        })
        .map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "preselect"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
