//! Memory: small, counted, and spilled when it is not enough.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool, PeakRecordingPool, UnboundedMemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use egret_udfs::register_all;

use crate::encodings::{register, rows};

const ROWS: i64 = 400_000;
const GROUPS: i64 = 20_000;

fn context(pool: Arc<dyn MemoryPool>) -> SessionContext {
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
    let config = SessionConfig::new().with_target_partitions(1);
    let context = SessionContext::new_with_config_rt(config, runtime);
    register_all(&context).unwrap();
    context
}

fn columns(distinct: i64) -> Vec<(&'static str, ArrayRef)> {
    let groups = Int64Array::from_iter_values((0..ROWS).map(|row| row * 7919 % GROUPS));
    let values = (0..ROWS).map(|row| Some(format!("a host with a long name {}", row * 31 % distinct)));
    vec![("g", Arc::new(groups)), ("x", Arc::new(values.collect::<StringViewArray>()))]
}

#[tokio::test]
async fn twenty_thousand_groups_cost_a_few_megabytes() {
    let peak = Arc::new(PeakRecordingPool::new(Arc::new(UnboundedMemoryPool::default())));
    let context = context(peak.clone());
    register(&context, &columns(3));
    let aggregates = "g, collect_set(x) AS s, count_distinct(x) FILTER (WHERE g >= 0) AS n";
    let sql = format!("SELECT count(*), min(n), max(mv_count(s)) FROM (SELECT {aggregates} FROM t GROUP BY g)");
    assert_eq!(rows(&context, &sql).await, [format!("{GROUPS}|3|3")]);
    let megabytes = peak.peak_reserved() >> 20;
    assert!((1..24).contains(&megabytes), "{megabytes} MB");
}

#[tokio::test]
async fn too_little_memory_spills_and_changes_nothing() {
    let sql = "SELECT sum(n), sum(mv_count(s)), min(mv_min(s)), max(mv_max(s)), count(*) FROM \
               (SELECT g, collect_set(x) AS s, count_distinct(x) FILTER (WHERE g >= 0) AS n FROM t GROUP BY g)";
    let plenty = context(Arc::new(UnboundedMemoryPool::default()));
    let scarce = context(Arc::new(FairSpillPool::new(6 << 20)));
    register(&plenty, &columns(50_000));
    register(&scarce, &columns(50_000));
    assert_eq!(rows(&scarce, sql).await, rows(&plenty, sql).await);
    let report = rows(&scarce, &format!("EXPLAIN ANALYZE {sql}")).await.join("\n");
    let spills = report.split("spill_count=").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10));
    assert!(spills.sum::<u32>() > 0, "{report}");
}
