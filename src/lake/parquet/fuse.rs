//! Predicates that are decided together inside a Parquet scan.
//!
//! DataFusion's scan decides each conjunct on its own: it decodes the conjunct's columns, evaluates, and works the
//! result into a selection of rows. `x LIKE 'a%' AND x NOT LIKE 'ab%' AND x NOT LIKE 'ac%'` is decoded three times, and
//! skipping rows of a column that takes a few bits a row costs more than decoding it. This rule makes one conjunct
//!
//! - of those whose columns all take next to nothing in the files, and
//! - of those whose columns lie within the columns of another.
//!
//! Statistics of row groups still look inside. Those of pages and bloom filters are asked only for a conjunct over one
//! column, so a comparison for equality stays alone where its column has a bloom filter or is not small.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::parquet::metadata::CachedParquetMetaData;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::CacheManager;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, InListExpr, lit};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

/// A column is small where its chunks take at most so many bits a row.
const SMALL_BITS: u64 = 8;

/// How many files are asked how large their columns are.
const SAMPLE: usize = 4;

/// The rule: rewrites the predicate of every Parquet scan of a plan.
#[derive(Debug)]
pub struct FusePredicates {
    runtime: Arc<RuntimeEnv>,
}

impl FusePredicates {
    /// The rule for sessions over `runtime`, whose cache of footers tells how large columns are.
    pub const fn new(runtime: Arc<RuntimeEnv>) -> Self {
        Self { runtime }
    }
}

impl PhysicalOptimizerRule for FusePredicates {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some((config, source)) =
                node.downcast_ref::<DataSourceExec>().and_then(|scan| scan.downcast_to_file_source::<ParquetSource>())
            else {
                return Ok(Transformed::no(node));
            };
            let small = small_columns(config, &self.runtime.cache_manager);
            let Some(fused) = source.filter().as_ref().and_then(|predicate| fused(predicate, &small)) else {
                return Ok(Transformed::no(node));
            };
            let source = Arc::new(source.with_predicate(fused));
            let config = FileScanConfigBuilder::from(config.clone()).with_source(source).build();
            Ok(Transformed::yes(DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>))
        })
        .map(|done| done.data)
    }

    fn name(&self) -> &'static str {
        "fuse_predicates"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The columns of a scan's files that take next to nothing and have no bloom filter, as far as footers are at hand.
fn small_columns(config: &FileScanConfig, caches: &CacheManager) -> BTreeSet<String> {
    let cache = caches.get_file_metadata_cache();
    let mut rows = 0;
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    let mut filtered = BTreeSet::new();
    for file in config.file_groups.iter().flat_map(datafusion::datasource::physical_plan::FileGroup::iter).take(SAMPLE)
    {
        let entry = cache.get(&file.object_meta.location);
        let Some(footer) =
            entry.as_ref().and_then(|e| e.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>())
        else {
            continue;
        };
        for group in footer.parquet_metadata().row_groups() {
            rows += u64::try_from(group.num_rows()).unwrap_or(0);
            for column in group.columns() {
                let root = column.column_path().parts().first().cloned().unwrap_or_default();
                if column.bloom_filter_offset().is_some() {
                    filtered.insert(root.clone());
                }
                *bytes.entry(root).or_default() += u64::try_from(column.compressed_size()).unwrap_or(u64::MAX / 2);
            }
        }
    }
    let small = |(name, bytes): (String, u64)| {
        let is_small = bytes.saturating_mul(8) <= rows.saturating_mul(SMALL_BITS);
        (is_small && !filtered.contains(&name)).then_some(name)
    };
    bytes.into_iter().filter_map(small).collect()
}

/// Conjuncts that are decided together, and the columns that they read.
struct Group {
    columns: BTreeSet<usize>,
    parts: Vec<Arc<dyn PhysicalExpr>>,
}

/// The same predicate with fewer conjuncts; `None` where there is nothing to fuse.
fn fused(predicate: &Arc<dyn PhysicalExpr>, small: &BTreeSet<String>) -> Option<Arc<dyn PhysicalExpr>> {
    let all = split_conjunction(predicate);
    let count = all.len();
    let is_small = |part: &Arc<dyn PhysicalExpr>| {
        let columns = collect_columns(part);
        !columns.is_empty() && columns.iter().all(|column| small.contains(column.name()))
    };
    let (first, rest): (Vec<_>, Vec<_>) = all.into_iter().cloned().partition(is_small);
    let (alone, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_equality);
    let mut groups: Vec<Group> = Vec::new();
    let mut others: Vec<_> = others.into_iter().map(|part| (columns(&part), part)).collect();
    // The widest first, so that narrower ones find the group that has their columns.
    others.sort_by_key(|(columns, _)| std::cmp::Reverse(columns.len()));
    for (columns, part) in others {
        match groups.iter_mut().find(|group| columns.is_subset(&group.columns)) {
            Some(group) => group.parts.push(part),
            None => groups.push(Group { columns, parts: vec![part] }),
        }
    }
    if !first.is_empty() {
        groups.insert(0, Group { columns: BTreeSet::new(), parts: first });
    }
    if alone.len() + groups.len() == count {
        return None;
    }
    Some(conjunction(alone.into_iter().chain(groups.into_iter().map(Group::into_one))))
}

impl Group {
    /// One conjunct that DataFusion does not take apart: `(a AND b) OR false`. Its statistics still look inside.
    fn into_one(self) -> Arc<dyn PhysicalExpr> {
        let several = self.parts.len() > 1;
        let all = conjunction(self.parts);
        if several { Arc::new(BinaryExpr::new(all, Operator::Or, lit(false))) } else { all }
    }
}

fn columns(part: &Arc<dyn PhysicalExpr>) -> BTreeSet<usize> {
    collect_columns(part).into_iter().map(|column| column.index()).collect()
}

fn is_equality(part: &Arc<dyn PhysicalExpr>) -> bool {
    part.downcast_ref::<BinaryExpr>().is_some_and(|binary| *binary.op() == Operator::Eq)
        || part.downcast_ref::<InListExpr>().is_some()
}
