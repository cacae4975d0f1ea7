//! `collect_set` and `count_distinct` beside the engine's own aggregates: 20,000 groups, few and many distinct values.
#![expect(clippy::unwrap_used, missing_docs, reason = "a bench fails by panicking and has no readers of its API")]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

const GROUPS: usize = 20_000;

fn context(rows: usize, distinct: usize) -> SessionContext {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    egret_udfs::register_all(&context).unwrap();
    let fields = vec![Field::new("g", DataType::Int64, false), Field::new("x", DataType::Utf8View, false)];
    let schema = Arc::new(Schema::new(fields));
    let batches = (0..rows / 8192).map(|batch| {
        let rows = batch * 8192..(batch + 1) * 8192;
        let groups = Int64Array::from_iter_values(rows.clone().map(|row| (row * 7919 % GROUPS) as i64));
        let values = rows.map(|row| format!("host-with-a-long-name-{}", row * 31 % distinct));
        let columns: Vec<ArrayRef> = vec![Arc::new(groups), Arc::new(StringViewArray::from_iter_values(values))];
        RecordBatch::try_new(schema.clone(), columns).unwrap()
    });
    let batches = vec![batches.collect()];
    context.register_table("t", Arc::new(MemTable::try_new(schema.clone(), batches).unwrap())).unwrap();
    context
}

fn all(criterion: &mut Criterion) {
    // `cargo test --benches` only checks that it runs.
    let rows = if std::env::args().any(|argument| argument == "--bench") { 400_000 } else { 16_384 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    for distinct in [3, 20_000] {
        let context = context(rows, distinct);
        let mut group = criterion.benchmark_group(format!("sets of {distinct}"));
        group.sample_size(10).throughput(Throughput::Elements(rows as u64));
        for (name, aggregate) in [
            ("collect_set", "collect_set(x)"),
            ("count_distinct", "count_distinct(x)"),
            ("both", "collect_set(x), count_distinct(x)"),
            ("array_agg(distinct)", "array_agg(DISTINCT x)"),
            ("count(distinct)", "count(DISTINCT x), count(*)"),
        ] {
            let sql = format!("SELECT g, {aggregate} FROM t GROUP BY g");
            group.bench_function(name, |bencher| {
                bencher.iter_batched(
                    || runtime.block_on(context.sql(&sql)).unwrap(),
                    |query| runtime.block_on(query.collect()).unwrap(),
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
