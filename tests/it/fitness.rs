//! Plans stay fit: for single-valued columns of Parquet no function stands where a comparison can, and planning is quick.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use egret::engine::plan::Prepared;
use egret::engine::session::{Options, Scan};
use egret::engine::{Engine, TimeField};
use egret::lake::LakeConfig;
use egret::rule::Execution;

use super::corpora::{rule_files, stem};
use super::interpreter::single_valued_parquet;
use super::program::{root, shared};

/// Functions that the meaning of several values brings; nothing with one value needs them.
const OF_SEVERAL: [&str; 6] = ["single_value", "any_glob", "any_cidr", "array_has", "mv_rows", "mv_dedupe"];

/// What it took to plan a query.
#[derive(Debug, Default, Clone, Copy)]
struct Times {
    lowering: Duration,
    planning: Duration,
}

/// Plans a query over a Parquet file that has a value of each field that it reads.
fn plan(text: &str, folder: &Path) -> (Prepared, Times) {
    let query = egret::esql::parse(text).0.unwrap();
    let path = folder.join("events.parquet");
    single_valued_parquet(&query, &path);
    let options =
        Options { threads: NonZeroUsize::MIN, memory_limit: 256 << 20, spill_dir: None, scan: Scan::default() };
    let config = LakeConfig { events: Some(path.display().to_string()), ..LakeConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::open(&options, &config).await.unwrap();
        let catalog = egret::engine::catalog::LakeCatalog::new(engine.lake());
        let start = Instant::now();
        let lowered = egret::sql::lower(&query, text, &catalog).unwrap();
        let lowering = start.elapsed();
        let time = TimeField { name: "@timestamp".into(), fallback: None, ingested: None };
        let at: DateTime<Utc> = "2026-10-01T12:00:00Z".parse().unwrap();
        let limit = lowered.limit;
        let start = Instant::now();
        let prepared = engine.prepare(lowered, &time, &Execution { at, window: None }, limit).await.unwrap();
        (prepared, Times { lowering, planning: start.elapsed() })
    })
}

/// The names of the functions in a plan's conditions over a scan.
fn functions(plan: &LogicalPlan) -> Vec<String> {
    let mut names = Vec::new();
    let mut see = |expr: &Expr| {
        if let Expr::ScalarFunction(function) = expr {
            names.push(function.name().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    };
    plan.apply(|node| {
        for expr in node.expressions() {
            expr.apply(&mut see).unwrap();
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    names
}

fn rules() -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(root().join("tests/rules")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "esql"));
    paths.sort();
    paths
}

#[test]
fn single_values_cost_no_function() {
    let paths = rules();
    assert!(paths.len() >= 10, "{} rules", paths.len());
    let folder = tempfile::tempdir().unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("tests/rules/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for path in paths {
        let (prepared, _) = plan(&fs::read_to_string(&path).unwrap(), folder.path());
        let name = stem(&path.display().to_string());
        let shown = prepared.optimized.display_indent().to_string();
        settings.bind(|| insta::assert_snapshot!(name.as_str(), shown));
        // A list that the query itself makes is looked into by such functions; these rules compare none.
        let found: Vec<String> =
            functions(&prepared.optimized).into_iter().filter(|name| OF_SEVERAL.contains(&name.as_str())).collect();
        assert!(found.is_empty(), "{name} calls {found:?}\n{shown}");
    }
}

/// A release is held to 5 milliseconds for the lowering of a rule and to 2 seconds for the planning of all. A build for
/// tests is some ten times as slow (2 milliseconds, and 12 seconds for 102 rules, were seen), and the machine may be busy.
#[test]
fn planning_is_quick() {
    let mut texts: Vec<String> = rules().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    if let Some(corpora) = shared("planning_is_quick, as to the rules of others,") {
        texts.extend(rule_files(&corpora).iter().filter_map(|path| {
            let found = egret::rule::load(path, Path::new("/")).unwrap();
            let text = found.rules.into_iter().next().unwrap().unwrap().rule.query.text.clone();
            (!text.contains("| COMPLETION ")).then_some(text)
        }));
    }
    let stack = std::thread::Builder::new().stack_size(256 << 20);
    let measured = stack.spawn(move || {
        let folder = tempfile::tempdir().unwrap();
        texts.iter().map(|text| plan(text, folder.path()).1).collect::<Vec<_>>()
    });
    let times: Vec<Times> = measured.unwrap().join().unwrap();
    let count = times.len() as u32;
    let lowering: Duration = times.iter().map(|times| times.lowering).sum();
    let planning: Duration = times.iter().map(|times| times.planning).sum();
    let slowest = times.iter().map(|times| times.lowering).max().unwrap();
    eprintln!("{count} rules: lowered in {:?} each, {slowest:?} at most; planned in {planning:?}", lowering / count);
    assert!(lowering / count < Duration::from_millis(50), "{:?} for the lowering of a rule", lowering / count);
    assert!(planning / count < Duration::from_millis(600), "{planning:?} for the planning of {count} rules");
}
