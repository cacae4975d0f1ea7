//! Which plans a cluster runs right, and what stands against the others.
//!
//! Ballista cuts a plan where rows change their partition and gives each task a part of every scan below. A node that it
//! cannot cut would run whole in every task, and its rows would come several times: so a plan of other nodes than those
//! that are known here is refused before it is sent.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::Schema;
use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result as PlanResult;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr::{Partitioning, ScalarFunctionExpr};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, PhysicalExpr};
use datafusion_proto::physical_plan::PhysicalExtensionCodec;

use super::report::file_scan;
use super::{functions, scan};
use crate::engine::engine_error;
use crate::error::{Error, Kind, Result};
use crate::lake::location_of;

/// The nodes that can be cut whatever they do.
const KNOWN: [&str; 20] = [
    "AggregateExec",
    "BoundedWindowAggExec",
    "CoalesceBatchesExec",
    "CoalescePartitionsExec",
    "CooperativeExec",
    "CrossJoinExec",
    "FilterExec",
    "GlobalLimitExec",
    "InterleaveExec",
    "LocalLimitExec",
    "ProjectionExec",
    "SortExec",
    "SortExec(TopK)",
    "SortMergeJoinExec",
    "SortPreservingMergeExec",
    "UnionExec",
    "UnnestExec",
    "UnpackExec",
    "WindowAggExec",
    "RepartitionExec",
];

/// The plan as a cluster runs it, its scans sealed.
///
/// # Errors
/// Where it has a node that a cluster does not run right.
pub(super) fn fitted(
    plan: &Arc<dyn ExecutionPlan>,
    codec: &dyn PhysicalExtensionCodec,
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut refused = None;
    let _ = plan.apply(|node| {
        refused = refusal(node);
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    if let Some((node, why)) = refused {
        let message = format!("the cluster cannot run this query: its plan has the node {node}, {why}");
        return Err(Error::new(Kind::Cluster, message).with_help("run it on one machine, without --cluster"));
    }
    let mut scans = 0;
    let fit = |node: Arc<dyn ExecutionPlan>| -> PlanResult<Transformed<Arc<dyn ExecutionPlan>>> {
        if let Some(config) = file_scan(&node) {
            let sealed = scan::seal(config, scans, codec)?;
            scans += 1;
            return Ok(sealed.map_or_else(|| Transformed::no(Arc::clone(&node)), Transformed::yes));
        }
        let node = stored(node)?;
        if node.transformed { Ok(node) } else { sorted(node.data) }
    };
    // Scans are counted from left to right, as whoever reads the reports does.
    Arc::clone(plan).transform_up(fit).map(|done| done.data).map_err(engine_error)
}

/// Sorts anew what keeps its order while it changes partitions: between machines it does not.
fn sorted(node: Arc<dyn ExecutionPlan>) -> PlanResult<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(spread) = node.downcast_ref::<RepartitionExec>().filter(|spread| spread.preserve_order()) else {
        return Ok(Transformed::no(node));
    };
    let Some(order) = node.output_ordering().cloned() else { return Ok(Transformed::no(node)) };
    let spread = RepartitionExec::try_new(Arc::clone(spread.input()), spread.partitioning().clone())?;
    let sorted = SortExec::new(order, Arc::new(spread)).with_preserve_partitioning(true);
    Ok(Transformed::yes(Arc::new(sorted)))
}

/// What stands against a node, and its name.
fn refusal(node: &Arc<dyn ExecutionPlan>) -> Option<(String, String)> {
    let refused = |why: &str| Some((node.name().to_owned(), why.to_owned()));
    if let Some(config) = file_scan(node) {
        let file_type = config.file_source().file_type();
        if !["parquet", "ndjson"].contains(&file_type) {
            return refused(&format!("which reads {file_type} files"));
        }
        if config.expr_adapter_factory.is_some() {
            return refused("which reads files with columns that are made in this process");
        }
        let remote = config.object_store_url != ObjectStoreUrl::local_filesystem();
        let files = config.file_groups.iter().flat_map(FileGroup::files);
        let signed = |path: &object_store::path::Path| path.as_ref().split('/').nth(1).is_some_and(|s| s.contains('~'));
        let mut secret = files.map(|file| &file.object_meta.location).filter(|path| remote && signed(path));
        return secret.next().and_then(|path| {
            refused(&format!("and what signs in to {} is a part of its location, which is not sent", location_of(path)))
        });
    }
    if let Some(scan) = node.downcast_ref::<DataSourceExec>() {
        let source: &dyn std::any::Any = scan.data_source().as_ref();
        return if source.is::<MemorySourceConfig>() { None } else { refused("whose data is of this process alone") };
    }
    match node.name() {
        "EmptyExec" | "PlaceholderRowExec" if node.output_partitioning().partition_count() == 1 => None,
        // Its tasks would have to know what rows of the other tasks hold; the scheduler takes away what brings them together.
        "HashJoinExec" => node.downcast_ref::<HashJoinExec>().and_then(|join| {
            let probes = join.right().output_partitioning().partition_count();
            if join.null_aware && probes > 1 {
                refused("whose tasks do not know the nulls of each other")
            } else {
                None
            }
        }),
        "NestedLoopJoinExec" => node.downcast_ref::<NestedLoopJoinExec>().and_then(|join| {
            let probes = join.right().output_partitioning().partition_count();
            let of_right = matches!(
                join.join_type(),
                JoinType::Inner | JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark
            );
            if of_right || probes == 1 { None } else { refused("whose tasks would each give rows of its left side") }
        }),
        "RepartitionExec" => node.downcast_ref::<RepartitionExec>().and_then(|spread| match spread.partitioning() {
            Partitioning::Hash(keys, _) if keys.iter().any(calls_made) => {
                refused("which spreads rows by the values of a function that the query makes")
            }
            Partitioning::Range(_) => refused("which spreads rows by ranges"),
            _ => None,
        }),
        known if KNOWN.contains(&known) => None,
        _ => refused("of which it is not known whether it can be cut into parts"),
    }
}

/// Whether an expression calls a function that executors do not know by its name.
fn calls_made(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let made = expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| !functions::has_name(call.fun()));
    made || expr.children().into_iter().any(calls_made)
}

/// The rows of a node that makes its rows itself, as rows that are there: tasks would differ in their nodes else, and
/// Ballista does not take what tasks of different nodes tell.
fn stored(node: Arc<dyn ExecutionPlan>) -> PlanResult<Transformed<Arc<dyn ExecutionPlan>>> {
    let rows = usize::from(node.is::<PlaceholderRowExec>());
    if rows == 0 && !node.is::<EmptyExec>() {
        return Ok(Transformed::no(node));
    }
    // Nobody looks at the columns of the one row.
    let schema = if rows == 0 { node.schema() } else { Arc::new(Schema::empty()) };
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = || RecordBatch::try_new_with_options(Arc::clone(&schema), Vec::new(), &options);
    let parts = if rows == 0 { Vec::new() } else { vec![batch()?] };
    let source = MemorySourceConfig::try_new(&[parts], schema, None)?;
    Ok(Transformed::yes(DataSourceExec::from_data_source(source)))
}
