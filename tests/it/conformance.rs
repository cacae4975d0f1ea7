//! The conformance cases of others, run through the product: parse, lower, plan, execute; columns, types and rows.
//!
//! `conformance_pending.txt` names each case that does not pass, with its reason. A listed case that passes must leave
//! the list; one that is not listed must pass.

pub(crate) mod case;
mod data;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::common::TableReference;
use egret::diagnostic::Report;
use egret::engine::plan::prepare;
use egret::engine::run::Run;
use egret::engine::session::{Options, Scan, Session};
use egret::esql;

use self::case::{Case, Row, actual_rows};
use self::data::Data;
use super::program::{root, shared};

/// The share of the cases that must pass, in percent.
const TARGET: usize = 95;
/// Stack of the threads that plan: builds for tests use much of it.
const STACK: usize = 256 << 20;

/// What a query gave.
struct Outcome {
    columns: Vec<(String, String)>,
    rows: Vec<Row>,
}

async fn run(case: &Case, data: &Data) -> Result<Outcome, String> {
    let text = &case.query;
    let told = |diagnostics| Report::new("case.esql", text.as_str(), diagnostics).render(false);
    let (query, diagnostics) = esql::parse(text);
    let Some(query) = query else { return Err(told(diagnostics)) };
    let lowered = egret::sql::lower(&query, text, data).map_err(told)?;
    let options =
        Options { threads: NonZeroUsize::MIN, memory_limit: 256 << 20, spill_dir: None, scan: Scan::default() };
    let session = Session::try_new(&options).unwrap();
    for used in &lowered.tables {
        let table = data.table(&used.name).unwrap();
        session.context().register_table(TableReference::bare(used.name.as_str()), table).unwrap();
    }
    let now: DateTime<Utc> = "2026-10-01T12:00:00Z".parse().unwrap();
    let columns: Vec<(String, String)> =
        lowered.columns.iter().map(|column| (column.name.clone(), column.ty.name().to_owned())).collect();
    let limit = lowered.limit;
    let failed = |error: egret::error::Error| error.to_string();
    let prepared = prepare(&session, lowered, now, limit).await.map_err(failed)?;
    let mut running = Run::start(&prepared).map_err(failed)?;
    let mut batches: Vec<RecordBatch> = Vec::new();
    while let Some(batch) = running.next().await.map_err(failed)? {
        batches.push(batch);
    }
    let rows = actual_rows(&batches, columns.len());
    Ok(Outcome { columns, rows })
}

/// What is wrong with the outcome of a case; nothing where it is as expected.
fn mismatch(case: &Case, outcome: Result<Outcome, String>) -> Option<String> {
    let mut outcome = match outcome {
        Ok(outcome) => outcome,
        Err(message) => return Some(message),
    };
    if outcome.columns != case.columns {
        return Some(format!("columns {:?}, expected {:?}", outcome.columns, case.columns));
    }
    let mut expected = case.rows.clone();
    if case.ignore_order {
        outcome.rows.sort();
        expected.sort();
    }
    if outcome.rows == expected {
        return None;
    }
    let mut message = format!("{} rows, expected {}", outcome.rows.len(), expected.len());
    for at in 0..outcome.rows.len().max(expected.len()) {
        let (found, wanted) = (outcome.rows.get(at), expected.get(at));
        if found != wanted {
            let _ = write!(message, "\n  row {at}: {found:?}\n  expected {wanted:?}");
            break;
        }
    }
    Some(message)
}

/// Runs every case; what is wrong with each that does not pass.
fn failures(cases: &[Case], data: &Data) -> BTreeMap<String, String> {
    let part = |cases: &[Case]| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tell = |case: &Case| Some((case.name.clone(), mismatch(case, runtime.block_on(run(case, data)))?));
        cases.iter().filter_map(tell).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let spawn = |cases| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || part(cases));
        let threads: Vec<_> = cases.chunks(cases.len().div_ceil(2)).map(spawn).collect();
        threads.into_iter().flat_map(|thread| thread.unwrap().join().unwrap()).collect()
    })
}

/// The cases that are known not to pass, each with its reason.
fn pending() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("tests/it/conformance_pending.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap()).map(|(case, reason)| (case.into(), reason.trim().into())).collect()
}

fn cases(folder: &Path) -> Vec<Case> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "csv-spec"));
    paths.sort();
    paths.iter().flat_map(|path| case::read(path)).collect()
}

#[test]
fn cases_pass_or_are_listed() {
    let Some(corpora) = shared("cases_pass_or_are_listed") else { return };
    let folder = corpora.join("esql-spec");
    let cases = cases(&folder);
    assert!(cases.len() >= 391, "{} cases", cases.len());
    let failing = failures(&cases, &Data::read(&folder.join("data")));
    let listed = pending();
    let strange: Vec<_> = listed.keys().filter(|name| cases.iter().all(|case| case.name != **name)).collect();
    assert!(strange.is_empty(), "no such cases: {strange:#?}");
    let fixed: Vec<_> = listed.keys().filter(|name| !failing.contains_key(*name)).collect();
    let mut broken = String::new();
    for (name, message) in failing.iter().filter(|(name, _)| !listed.contains_key(*name)) {
        let _ = writeln!(broken, "{name}: {message}");
    }
    eprintln!("{} of {} cases pass", cases.len() - failing.len(), cases.len());
    assert!(broken.is_empty(), "{} cases fail that are not listed:\n{broken}", broken.lines().count());
    assert!(fixed.is_empty(), "these pass now, take them off tests/it/conformance_pending.txt: {fixed:#?}");
    assert!((cases.len() - failing.len()) * 100 >= cases.len() * TARGET, "{} cases fail", failing.len());
}
