//! Rows selected by dictionaries are the rows that a scan without them gives, whatever the files look like.

use std::fs::File;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int32Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use datafusion::parquet::file::reader::{FileReader, SerializedFileReader};
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;

use super::Preselect;

/// An event: executable, name, port, bytes, tags.
type Event = (Option<String>, Option<String>, Option<i32>, i64, Option<Vec<String>>);

fn event() -> impl Strategy<Value = Event> {
    let path =
        select(vec!["/tmp/a", "/tmp/b", "/usr/bin/x", "/dev/shm/é", "", "%", "/var/tmp/.z"]).prop_map(str::to_owned);
    let rare = prop_oneof![8 => path.boxed(), 1 => "[a-c]{0,3}".boxed()];
    let name = select(vec![".hidden", "bash", "x_y", "XY"]).prop_map(str::to_owned);
    let tags = vec(select(vec!["a", "b"]).prop_map(str::to_owned), 0..3);
    (weighted(0.9, rare), weighted(0.7, name), weighted(0.8, 0i32..5), 0i64..40, weighted(0.8, tags))
}

/// A stretch of like events, so that ids come in runs, or one event.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let run = (event(), prop_oneof![4 => 1usize..4, 1 => 1usize..200]);
    vec(run, 0..60).prop_map(|runs| runs.into_iter().flat_map(|(event, times)| vec![event; times]).collect())
}

#[derive(Debug, Clone)]
struct Layout {
    version: WriterVersion,
    compression: Compression,
    dictionary: bool,
    dictionary_limit: usize,
    page_rows: usize,
    group_rows: usize,
    statistics: EnabledStatistics,
    nested: bool,
}

fn layout() -> impl Strategy<Value = Layout> {
    let compression = select(vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ]);
    let version = select(vec![WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0]);
    let statistics = select(vec![EnabledStatistics::None, EnabledStatistics::Chunk, EnabledStatistics::Page]);
    let sizes =
        (select(vec![20usize, 1 << 20]), select(vec![1usize, 7, 100, 20_000]), select(vec![1usize, 50, 333, 1 << 20]));
    (version, compression, prop::bool::weighted(0.9), sizes, statistics, any::<bool>()).prop_map(
        |(version, compression, dictionary, (dictionary_limit, page_rows, group_rows), statistics, nested)| Layout {
            version,
            compression,
            dictionary,
            dictionary_limit,
            page_rows,
            group_rows,
            statistics,
            nested,
        },
    )
}

fn batch(events: &[Event], nested: bool) -> RecordBatch {
    let exe: ArrayRef = Arc::new(events.iter().map(|e| e.0.as_deref()).collect::<StringArray>());
    let name: ArrayRef = Arc::new(events.iter().map(|e| e.1.as_deref()).collect::<StringArray>());
    let port: ArrayRef = Arc::new(events.iter().map(|e| e.2).collect::<Int32Array>());
    let bytes: ArrayRef = Arc::new(events.iter().map(|e| e.3).collect::<Int64Array>());
    let mut tags = ListBuilder::new(StringBuilder::new());
    for event in events {
        tags.append_option(event.4.as_ref().map(|tags| tags.iter().map(Some)));
    }
    let tags: ArrayRef = Arc::new(tags.finish());
    let at: ArrayRef = Arc::new(Int64Array::from_iter_values(0..events.len() as i64));
    let mut columns = vec![("at", at, false), ("port", port, true), ("bytes", bytes, false), ("tags", tags, true)];
    if nested {
        let fields =
            Fields::from(vec![Field::new("exe", DataType::Utf8, true), Field::new("name", DataType::Utf8, true)]);
        let valid = events.iter().map(|e| e.0.is_some() || e.1.is_some()).collect::<Vec<_>>().into();
        columns.push(("process", Arc::new(StructArray::new(fields, vec![exe, name], Some(valid))), true));
    } else {
        columns.push(("exe", exe, true));
        columns.push(("name", name, true));
    }
    let fields: Vec<_> =
        columns.iter().map(|(name, array, null)| Field::new(*name, array.data_type().clone(), *null)).collect();
    let columns = columns.into_iter().map(|(_, array, _)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn write(path: &std::path::Path, events: &[Event], layout: &Layout) {
    let properties = WriterProperties::builder()
        .set_writer_version(layout.version)
        .set_compression(layout.compression)
        .set_dictionary_enabled(layout.dictionary)
        .set_dictionary_page_size_limit(layout.dictionary_limit)
        .set_data_page_row_count_limit(layout.page_rows)
        .set_write_batch_size(layout.page_rows.min(64))
        .set_max_row_group_row_count(Some(layout.group_rows))
        .set_statistics_enabled(layout.statistics)
        .build();
    let batch = batch(events, layout.nested);
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A predicate as text; `{exe}` and `{name}` stand for the columns.
fn predicate() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "{exe} LIKE '/tmp/%'",
        "{exe} NOT LIKE '%b'",
        "{exe} = '/tmp/a'",
        "{exe} <> ''",
        "{exe} IN ('/tmp/b', '%', 'a')",
        "{exe} NOT IN ('/tmp/b', '')",
        "{exe} IS NULL",
        "{exe} IS NOT NULL",
        "regexp_like({exe}, '^/(tmp|dev)')",
        "upper({name}) = 'XY'",
        "{name} LIKE '.%'",
        "{name} IS NULL",
        "{name} > 'b'",
        "{exe} = {name}",
        "coalesce({name}, 'none') = 'none'",
        "CASE WHEN {exe} LIKE '/tmp%' THEN {name} = 'bash' ELSE false END",
        "port = 3",
        "port IN (1, 2)",
        "port IS NULL OR port > 3",
        "bytes < 20",
        "bytes + port > 21",
        "CAST({exe} AS INT) = 1 AND false",
        "array_has(tags, 'a')",
        "true",
        "NULL",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) AND ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) OR ({b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

fn context(preselect: bool) -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(2).with_batch_size(64);
    config.options_mut().execution.parquet.pushdown_filters = preselect;
    let state = SessionStateBuilder::new().with_config(config).with_default_features();
    if !preselect {
        return SessionContext::new_with_state(state.build());
    }
    let runtime = SessionContext::new().runtime_env();
    let state = state.with_runtime_env(Arc::clone(&runtime));
    let rule = Preselect::new(runtime, |_| true);
    SessionContext::new_with_state(state.with_physical_optimizer_rule(Arc::new(rule)).build())
}

async fn plan(context: &SessionContext, dir: &std::path::Path, sql: &str) -> Arc<dyn ExecutionPlan> {
    context.register_parquet("events", dir.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    context.sql(sql).await.unwrap().create_physical_plan().await.unwrap()
}

async fn rows(context: &SessionContext, dir: &std::path::Path, sql: &str) -> String {
    let plan = plan(context, dir, sql).await;
    let batches = collect(plan, context.task_ctx()).await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

fn columns(nested: bool, text: &str) -> String {
    let column = |name: &str| if nested { format!("process['{name}']") } else { name.to_owned() };
    text.replace("{exe}", &column("exe")).replace("{name}", &column("name"))
}

/// Runs `work` where an unoptimised build has stack enough.
fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(256 << 20).spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    deep(|| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(2).thread_stack_size(32 << 20).enable_all();
        runtime.build().unwrap().block_on(work)
    })
}

#[test]
fn rows_are_those_of_a_scan_without_dictionaries() {
    let same = |(first, second, one, two, predicates): (Vec<Event>, Vec<Event>, Layout, Layout, Vec<String>)| {
        let dir = tempfile::tempdir().unwrap();
        let nested = one.nested;
        write(&dir.path().join("a.parquet"), &first, &one);
        write(&dir.path().join("b.parquet"), &second, &Layout { nested, ..two });
        block_on(async {
            for predicate in &predicates {
                let select = "SELECT at, {exe} AS e, {name} AS n, bytes FROM events";
                let sql = columns(nested, &format!("{select} WHERE {predicate} ORDER BY at, bytes, e, n"));
                let expected = rows(&context(false), dir.path(), &sql).await;
                let found = rows(&context(true), dir.path(), &sql).await;
                assert_eq!(found, expected, "{sql}");
            }
        });
        Ok(())
    };
    deep(|| {
        let cases = (events(), events(), layout(), layout(), vec(predicate(), 1..4));
        TestRunner::new(ProptestConfig { cases: 32, ..ProptestConfig::default() }).run(&cases, same).unwrap();
    });
}

fn one_file(events: &[Event], page_rows: usize, group_rows: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout {
        version: WriterVersion::PARQUET_1_0,
        compression: Compression::SNAPPY,
        dictionary: true,
        dictionary_limit: 1 << 20,
        page_rows,
        group_rows,
        statistics: EnabledStatistics::None,
        nested: false,
    };
    write(&dir.path().join("a.parquet"), events, &layout);
    dir
}

fn run(exe: &str, name: &str, times: usize) -> Vec<Event> {
    vec![(Some(exe.to_owned()), Some(name.to_owned()), None, 0, None); times]
}

#[test]
fn a_scan_shows_what_it_passed_over() {
    let events = [run("/usr/bin/x", "x", 900), run("/tmp/a", "a", 100)].concat();
    let dir = one_file(&events, 50, 500);
    block_on(async {
        let context = context(true);
        let sql = "SELECT count(*) FROM events WHERE exe LIKE '/tmp/%' OR name LIKE '.%'";
        let plan = plan(&context, dir.path(), sql).await;
        let batches = collect(Arc::clone(&plan), context.task_ctx()).await.unwrap();
        assert!(pretty_format_batches(&batches).unwrap().to_string().contains("| 100 "));
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        assert!(shown.contains("dictionaries=[exe, name]"), "{shown}");
        let mut node = plan;
        while let Some(child) = node.children().first().map(|child| Arc::clone(child)) {
            node = child;
        }
        let metrics = node.metrics().unwrap();
        assert_eq!(metrics.sum_by_name("dictionary_rows_pruned").unwrap().as_usize(), 900);
        assert_eq!(metrics.sum_by_name("pushdown_rows_pruned").unwrap().as_usize(), 0);
        let groups = metrics.iter().find(|metric| metric.value().name() == "row_groups_pruned_dictionary").unwrap();
        assert_eq!(groups.value().to_string(), "2 total → 1 matched");
    });
}

/// The place of the first data page of a column of the only row group.
fn page_of(path: &std::path::Path, column: &str) -> usize {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let group = reader.metadata().row_group(0);
    let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column).unwrap();
    usize::try_from(chunk.data_page_offset()).unwrap()
}

#[test]
fn a_damaged_page_is_told_even_if_other_columns_rule_out_all_rows() {
    // No row has all three, but each dictionary has its value: ids must be read, the smallest column first.
    let events: Vec<Event> = (0..600i32)
        .map(|at| {
            let name = if at % 2 == 0 { "hidden" } else { "x" };
            let exe = if at % 3 == 0 { "/tmp/a" } else { "/usr/bin/x" };
            (Some(exe.to_owned()), Some(name.to_owned()), Some(i32::from(at % 3 == 1)), 0, None)
        })
        .collect();
    let dir = one_file(&events, 1000, 1000);
    let path = dir.path().join("a.parquet");
    let sql = "SELECT count(*) FROM events WHERE name = 'hidden' AND exe = '/tmp/a' AND port = 1";
    let run = || {
        block_on(async {
            let context = context(true);
            let plan = plan(&context, dir.path(), sql).await;
            collect(plan, context.task_ctx()).await.map(|batches| pretty_format_batches(&batches).unwrap().to_string())
        })
    };
    assert!(run().unwrap().contains("| 0 "));
    for column in ["name", "exe", "port"] {
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let page = page_of(&path, column);
        bytes.get_mut(page..page + 12).unwrap().fill(0xff);
        std::fs::write(&path, &bytes).unwrap();
        assert!(run().is_err(), "{column}");
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_damaged_page_is_told_by_the_reader() {
    let events = vec![[run("/tmp/a", "a", 3), run("/usr/bin/x", "x", 5)].concat(); 100].concat();
    let dir = one_file(&events, 100, 1000);
    let path = dir.path().join("a.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    let footer = bytes.last_chunk::<8>().unwrap().first_chunk::<4>().map(|length| u32::from_le_bytes(*length)).unwrap();
    let pages = bytes.len() - 8 - footer as usize;
    bytes.get_mut(4..pages).unwrap().fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    block_on(async {
        let context = context(true);
        let plan = plan(&context, dir.path(), "SELECT count(*) FROM events WHERE exe LIKE '/tmp/%'").await;
        assert!(collect(plan, context.task_ctx()).await.is_err());
    });
}
