//! Many plans, one scan: plans that read the same JSON files get the rows that at least one of them wants from one scan.
//!
//! Each plan keeps its own predicate and its own columns (`exec`); the scan reads the columns of all, passes over the
//! lines that none can want, and hands its batches to every plan that still takes them (`feed`). A plan that ends or
//! fails takes no more, and the others go on.
//!
//! Plans whose literals tell by the bytes of a line that they do not want it share a scan, and those that want lines of
//! every kind share another: otherwise every line would be parsed for the former too.
//!
//! A plan shares one scan at most. So plans wait for scans, scans wait for plans, but never in a circle.

mod cost;
mod exec;
mod feed;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;

#[cfg(feature = "cluster")]
pub(crate) use self::cost::computed;
pub use self::cost::cost;
use self::exec::SharedScanExec;
use self::feed::Feed;
use super::failure::engine_error;
use super::metrics::total_node;
use super::plan::Prepared;
use crate::error::Result;
use crate::lake::ndjson::{Issues, NdjsonSource};

/// Plans that read the same files.
struct Group {
    files: String,
    config: FileScanConfig,
    source: NdjsonSource,
    seeks_literals: bool,
    members: Vec<Member>,
}

/// A plan's scan.
struct Member {
    plan: usize,
    scan: Arc<dyn ExecutionPlan>,
}

/// Lets plans that read the same JSON files share one scan. They must run at the same time, or be dropped.
///
/// # Errors
/// Where the engine refuses a plan whose scan was replaced.
pub fn share(plans: &mut [&mut Prepared]) -> Result<()> {
    let mut groups: Vec<Group> = Vec::new();
    for (plan, prepared) in plans.iter().enumerate().filter(|(_, prepared)| !prepared.elsewhere) {
        if let Some(scan) = only_scan(&prepared.physical) {
            join(&mut groups, plan, scan);
        }
    }
    groups.retain(|group| group.members.len() > 1);
    for group in &groups {
        let config = FileScanConfigBuilder::from(group.config.clone()).with_source(Arc::new(group.source.clone()));
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config.build());
        let (feed, mut takers) = Feed::new(scan, group.members.len());
        let feed = Arc::new(feed);
        for member in &group.members {
            let (Some(prepared), Some(taker)) = (plans.get_mut(member.plan), takers.pop()) else { continue };
            let own = SharedScanExec::try_new(Arc::clone(&feed), taker, &member.scan).map_err(engine_error)?;
            let own: Arc<dyn ExecutionPlan> = Arc::new(own);
            prepared.physical = replaced(&prepared.physical, &member.scan, &own)?;
            prepared.total = prepared.total.as_ref().and_then(|_| total_node(&prepared.physical));
        }
    }
    Ok(())
}

/// The scan of JSON files of a plan, where it has one, runs it once, and can share it.
fn only_scan(plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let (mut found, mut recurs) = (Vec::new(), false);
    let visited = plan.apply(|node| {
        if parts(node).is_some() {
            found.push(Arc::clone(node));
        }
        recurs |= node.is::<RecursiveQueryExec>();
        Ok(TreeNodeRecursion::Continue)
    });
    let scan = found.pop().filter(|_| found.is_empty() && !recurs && visited.is_ok())?;
    let (config, _) = parts(&scan)?;
    config.limit.is_none().then_some(scan)
}

/// The tables whose JSON files a plan scans, each with what its scan meets.
pub(super) fn issues(plan: &Arc<dyn ExecutionPlan>) -> Vec<(String, Issues)> {
    let shared = plan.downcast_ref::<SharedScanExec>().map(SharedScanExec::scan);
    let own = parts(shared.unwrap_or(plan)).map(|(_, source)| (source.table().to_owned(), source.issues().clone()));
    own.into_iter().chain(plan.children().into_iter().flat_map(issues)).collect()
}

/// How many plans share a scan of this one; one where it has its own.
pub fn shared_by(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.downcast_ref::<SharedScanExec>().map_or(1, SharedScanExec::shared_by);
    plan.children().into_iter().map(shared_by).fold(own, usize::max)
}

fn parts(plan: &Arc<dyn ExecutionPlan>) -> Option<(&FileScanConfig, &NdjsonSource)> {
    plan.downcast_ref::<DataSourceExec>()?.downcast_to_file_source::<NdjsonSource>()
}

/// Adds a plan's scan to the first group that it goes with.
fn join(groups: &mut Vec<Group>, plan: usize, scan: Arc<dyn ExecutionPlan>) {
    let Some((config, source)) = parts(&scan) else { return };
    let (config, source) = (config.clone(), source.clone());
    let (files, seeks_literals) = (files_of(&config), source.seeks_literals());
    let alike = |group: &&mut Group| group.files == files && group.seeks_literals == seeks_literals;
    for group in groups.iter_mut().filter(alike) {
        if let Some(united) = group.source.united(&source) {
            group.source = united;
            group.members.push(Member { plan, scan });
            return;
        }
    }
    // As a group of one, which reads all columns it offers.
    if let Some(source) = source.united(&source) {
        groups.push(Group { files, config, source, seeks_literals, members: vec![Member { plan, scan }] });
    }
}

/// The files of a scan and how they are spread, as a text that tells scans apart.
fn files_of(config: &FileScanConfig) -> String {
    let file = |file: &datafusion::datasource::listing::PartitionedFile| {
        format!("{} {:?} {:?}", file.object_meta.location, file.range(), file.partition_values)
    };
    let group = |group: &FileGroup| group.iter().map(file).collect::<Vec<_>>();
    format!("{:?} {:?}", config.object_store_url, config.file_groups.iter().map(group).collect::<Vec<_>>())
}

fn replaced(
    plan: &Arc<dyn ExecutionPlan>,
    old: &Arc<dyn ExecutionPlan>,
    new: &Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let replace = |node: Arc<dyn ExecutionPlan>| {
        Ok(if Arc::ptr_eq(&node, old) { Transformed::yes(Arc::clone(new)) } else { Transformed::no(node) })
    };
    Arc::clone(plan).transform_up(replace).map(|done| done.data).map_err(engine_error)
}
