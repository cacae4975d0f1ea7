//! The product, over the same events.

use std::num::NonZeroUsize;

use chrono::DateTime;
use egret::diagnostic::Report;
use egret::engine::session::{Options, Scan};
use egret::engine::{Engine, TimeField};
use egret::esql;
use egret::lake::LakeConfig;
use egret::rule::Execution;

use super::super::conformance::case::{Row, actual_rows};

/// What the product gives: names, types and values.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) columns: Vec<(String, String)>,
    pub(super) rows: Vec<Row>,
}

/// Runs a query over the events of a file.
pub(super) async fn run(text: &str, query: &esql::ast::Query, events: &str, now: i64) -> Result<Given, String> {
    let options =
        Options { threads: NonZeroUsize::MIN, memory_limit: 512 << 20, spill_dir: None, scan: Scan::default() };
    let config = LakeConfig { events: Some(events.to_owned()), ..LakeConfig::default() };
    let failed = |error: egret::error::Error| format!("{error:?}");
    let engine = Engine::open(&options, &config).await.map_err(failed)?;
    let catalog = egret::engine::catalog::LakeCatalog::new(engine.lake());
    let told = |diagnostics| Report::new("rule.esql", text, diagnostics).render(false);
    let lowered = egret::sql::lower(query, text, &catalog).map_err(told)?;
    let columns: Vec<(String, String)> =
        lowered.columns.iter().map(|column| (column.name.clone(), column.ty.name().to_owned())).collect();
    let (limit, time) = (lowered.limit, TimeField { name: "@timestamp".into(), fallback: None, ingested: None });
    let execution = Execution { at: DateTime::from_timestamp_millis(now).unwrap(), window: None };
    let prepared = engine.prepare(lowered, &time, &execution, limit).await.map_err(failed)?;
    let mut running = egret::engine::run::Run::start(&prepared).map_err(failed)?;
    let mut batches = Vec::new();
    while let Some(batch) = running.next().await.map_err(failed)? {
        batches.push(batch);
    }
    let rows = actual_rows(&batches, columns.len());
    Ok(Given { columns, rows })
}
