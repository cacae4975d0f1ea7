//! The sample rule over Parquet and JSON, with both scans of Parquet: from planning to the last row.
#![expect(clippy::unwrap_used, missing_docs, reason = "a bench fails by panicking and has no readers of its API")]

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use egret::engine::run::Run;
use egret::engine::session::{Options, Scan};
use egret::engine::{Engine, TimeField};
use egret::generate::{Config, Layout, generate};
use egret::lake::LakeConfig;
use egret::rule::{Execution, Language, Rule};

fn rows() -> u64 {
    // A test only asks whether it runs.
    if std::env::args().any(|arg| arg == "--bench") { 1_000_000 } else { 5_000 }
}

async fn run(engine: &Engine, rule: &Rule) -> u64 {
    let lowered = engine.compile(rule).await.unwrap();
    let execution = Execution { at: chrono::DateTime::UNIX_EPOCH, window: None };
    let prepared = engine.prepare(lowered, &TimeField::of(rule), &execution, None).await.unwrap();
    let mut run = Run::start(&prepared).unwrap();
    while run.next().await.unwrap().is_some() {}
    run.rows()
}

fn of_layout(criterion: &mut Criterion, folder: &Path, layout: Layout, scans: &[(&str, Scan)]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let path = folder.join(if layout == Layout::Ndjson { "events.ndjson" } else { "events.parquet" });
    let mut config = Config::new(&path, layout);
    config.rows = rows();
    generate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    let query = include_str!("../data/rules/egress-unusual-executable.sql")
        .replace("@timestamp > now() - INTERVAL '1 hour'", "TRUE");
    let rule = Rule::bare("egress.sql", &query, Language::Sql).unwrap().rule;
    let mut group = criterion.benchmark_group("rule");
    group.throughput(Throughput::Elements(config.rows)).sample_size(10);
    for (name, scan) in scans {
        let (threads, scan) = (NonZeroUsize::new(2).unwrap(), *scan);
        let options = Options { threads, memory_limit: 1 << 30, spill_dir: None, scan };
        let lake = LakeConfig { events: Some(path.display().to_string()), ..LakeConfig::default() };
        let engine = runtime.block_on(Engine::open(&options, &lake)).unwrap();
        group.bench_function(*name, |bencher| {
            bencher.iter(|| assert!(runtime.block_on(run(&engine, &rule)) > 0));
        });
    }
}

fn rule(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let both = [("parquet, by dictionaries", Scan::Dictionary), ("parquet, stock", Scan::Stock)];
    of_layout(criterion, folder.path(), Layout::FlatParquet, &both);
    of_layout(criterion, folder.path(), Layout::Ndjson, &[("json", Scan::Dictionary)]);
}

criterion_group!(benches, rule);
criterion_main!(benches);
