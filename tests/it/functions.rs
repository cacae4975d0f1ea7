//! The examples of the table of functions, each with the result that the table states.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use datafusion::catalog::MemTable;
use egret::alert::sink::{self, Sink};
use egret::diagnostic::{Diagnostic, Report};
use egret::engine::plan::prepare;
use egret::engine::run::Run;
use egret::engine::session::{Options, Scan, Session};
use egret::esql::ast::Ident;
use egret::sql::catalog::{Catalog, Field, Source, Type};
use egret::sql::{FunctionDoc, functions};

/// The events of the examples.
struct Events;

impl Catalog for Events {
    fn source(&self, _: &[Ident]) -> Result<Source, Diagnostic> {
        let fields = [("@timestamp", Type::Date), ("bytes", Type::Long), ("host", Type::Keyword)];
        let fields = fields.map(|(name, ty)| Field { name: name.to_owned(), ty, multi: false });
        Ok(Source { name: "events".to_owned(), fields: fields.into(), open: false })
    }

    fn ecs(&self, _: &str) -> Option<Type> {
        None
    }

    fn near(&self, _: &Source, _: &str) -> Option<String> {
        None
    }
}

fn events() -> RecordBatch {
    let instants = TimestampMicrosecondArray::from(vec![1_000_000, 2_000_000, 3_000_000]).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 3] = [
        ("@timestamp", Arc::new(instants)),
        ("bytes", Arc::new(Int64Array::from(vec![1, 2, 6]))),
        ("host", Arc::new(StringViewArray::from(vec!["a", "b", "a"]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// What an example gives over the events, or over the first of them.
async fn given(function: &FunctionDoc) -> Result<String, String> {
    let example = function.example;
    let text = if function.aggregate {
        format!("FROM events | STATS x = {example}")
    } else {
        format!("FROM events | WHERE bytes == 1 | EVAL x = {example} | KEEP x")
    };
    let told = |diagnostics| Report::new(function.name, text.as_str(), diagnostics).render(false);
    let (query, diagnostics) = egret::esql::parse(&text);
    let Some(query) = query else { return Err(told(diagnostics)) };
    let lowered = egret::sql::lower(&query, &text, &Events).map_err(told)?;
    let options =
        Options { threads: NonZeroUsize::MIN, memory_limit: 64 << 20, spill_dir: None, scan: Scan::default() };
    let session = Session::try_new(&options).unwrap();
    let batch = events();
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
    session.context().register_table("events", Arc::new(table)).unwrap();
    let failed = |error: egret::error::Error| error.to_string();
    let hidden = lowered.hidden;
    let at = "2026-10-01T12:00:00Z".parse().unwrap();
    let prepared = prepare(&session, lowered, at, None).await.map_err(failed)?;
    let mut run = Run::start(&prepared).map_err(failed)?;
    let mut rows =
        Sink::try_new("ndjson".parse().unwrap(), run.schema(), Vec::new(), &sink::Options::default()).unwrap();
    while let Some(batch) = run.next().await.map_err(failed)? {
        rows.write(&batch).unwrap();
    }
    assert_eq!(hidden, 0);
    let text = String::from_utf8(rows.finish().unwrap()).unwrap();
    let value = text.trim().strip_prefix("{\"x\":").and_then(|rest| rest.strip_suffix('}'));
    Ok(value.map_or(text.clone(), str::to_owned))
}

#[test]
fn examples_give_what_the_table_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wrong: Vec<String> = functions()
        .filter_map(|function| match runtime.block_on(given(&function)) {
            Ok(found) if found == function.gives => None,
            Ok(found) => Some(format!("{} gives {found}, not {}", function.example, function.gives)),
            Err(message) => Some(message),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
