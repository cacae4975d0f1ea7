//! Statements and the rows that they must give, in `tests/slt`: one file a function, a command, a kind of lake.
//!
//! Files of functions (`udfs`) run once for each encoding of text: `TEXT(x)` is `x` in the encoding, `TEXTS(x)` a list of
//! it. In the other folders a statement that begins with `EVENTS name` writes the lines that follow to a file of that
//! name below a new lake, and every query runs over the lake as a rule would.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use egret::engine::run::Run;
use egret::engine::session::{Options, Scan, Session};
use egret::engine::{Engine, TimeField};
use egret::lake::LakeConfig;
use egret::rule::{Execution, Language, Rule};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use tempfile::TempDir;

/// The encodings of text: a name, the type of a text, the type of a list of texts.
const ENCODINGS: [(&str, &str, &str); 4] = [
    ("Utf8", "Utf8", "List(Utf8)"),
    ("LargeUtf8", "LargeUtf8", "List(LargeUtf8)"),
    ("Utf8View", "Utf8View", "List(Utf8View)"),
    ("Dictionary", "Dictionary(Int32, Utf8)", "List(Dictionary(Int32, Utf8))"),
];

fn options() -> Options {
    Options { threads: NonZeroUsize::new(2).unwrap(), memory_limit: 256 << 20, spill_dir: None, scan: Scan::default() }
}

/// What a statement failed with.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// The failure that an error and its reports tell.
fn failure(error: &egret::error::Error) -> Failure {
    let reports: Vec<_> = error.reports().iter().map(|report| report.render(false)).collect();
    Failure(if reports.is_empty() { error.to_string() } else { reports.join("\n") })
}

/// Rows as texts: null is NULL, an empty text (empty).
fn output(batches: &[RecordBatch]) -> DBOutput<DefaultColumnType> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    let mut width = 0;
    for batch in batches {
        width = batch.num_columns();
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap());
        let columns: Vec<_> = columns.collect();
        for row in 0..batch.num_rows() {
            let cell = |column: &ArrayFormatter| Some(column.value(row).to_string()).filter(|text| !text.is_empty());
            rows.push(columns.iter().map(|column| cell(column).unwrap_or_else(|| "(empty)".to_owned())).collect());
        }
    }
    DBOutput::Rows { types: vec![DefaultColumnType::Any; width], rows }
}

/// SQL of a session, tables of its own included, with texts in one encoding.
struct Functions {
    session: Session,
    encoding: (&'static str, &'static str, &'static str),
}

#[async_trait]
impl AsyncDB for Functions {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Self::ColumnType>, Failure> {
        let (_, text, list) = self.encoding;
        let sql = cast_calls(&cast_calls(sql, "TEXTS", list), "TEXT", text);
        let told = |error: datafusion::error::DataFusionError| Failure(error.strip_backtrace());
        let rows = self.session.context().sql(&sql).await.map_err(told)?;
        let statement = rows.schema().fields().is_empty();
        let batches = rows.collect().await.map_err(told)?;
        Ok(if statement { DBOutput::StatementComplete(0) } else { output(&batches) })
    }

    async fn shutdown(&mut self) {}
}

/// The text with `NAME(x)` written as `arrow_cast(x, 'TYPE')`.
fn cast_calls(sql: &str, name: &str, data_type: &str) -> String {
    let call = format!("{name}(");
    let Some((head, rest)) = sql.split_once(&call) else { return sql.to_owned() };
    let mut depth = 1;
    let mut quoted = false;
    for (at, c) in rest.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let inner = cast_calls(&rest[..at], name, data_type);
            return format!("{head}arrow_cast({inner}, '{data_type}'){}", cast_calls(&rest[at + 1..], name, data_type));
        }
    }
    panic!("`{name}(` is not closed: {sql}")
}

/// Queries in one language over the events that were written before.
struct Events {
    lake: TempDir,
    language: Language,
}

impl Events {
    /// Writes a file of events.
    fn write(&self, name: &str, lines: &str) {
        let path = self.lake.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, lines).unwrap();
    }

    /// The rows of a query.
    async fn rows(&self, text: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let lake = LakeConfig { lake: Some(self.lake.path().to_string_lossy().into_owned()), ..LakeConfig::default() };
        let engine = Engine::open(&options(), &lake).await.map_err(|error| failure(&error))?;
        let loaded = Rule::bare("query", text, self.language).map_err(|report| Failure(report.render(false)))?;
        let lowered = engine.compile(&loaded.rule).await.map_err(|error| failure(&error))?;
        let (limit, hidden) = (lowered.limit, lowered.hidden);
        let at: DateTime<Utc> = "2026-10-01T12:00:00Z".parse().unwrap();
        let execution = Execution { at, window: None };
        let prepared = engine.prepare(lowered, &TimeField::of(&loaded.rule), &execution, limit).await;
        let prepared = prepared.map_err(|error| failure(&error))?;
        let mut run = Run::start(&prepared).map_err(|error| failure(&error))?;
        let mut batches = Vec::new();
        while let Some(batch) = run.next().await.map_err(|error| failure(&error))? {
            let visible: Vec<usize> = (0..batch.num_columns() - hidden).collect();
            batches.push(batch.project(&visible).unwrap());
        }
        Ok(output(&batches))
    }
}

#[async_trait]
impl AsyncDB for Events {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, text: &str) -> Result<DBOutput<Self::ColumnType>, Failure> {
        if let Some(events) = text.strip_prefix("EVENTS ") {
            let (name, lines) = events.split_once('\n').unwrap_or((events, ""));
            self.write(name.trim(), lines);
            return Ok(DBOutput::StatementComplete(0));
        }
        // The future of a run cannot be sent between threads as the trait asks for: it is driven here.
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.rows(text)))
    }

    async fn shutdown(&mut self) {}
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt")
}

/// Runs a file against what `connect` gives; a failure names the file, the line and `what`.
fn run_file<D: AsyncDB>(path: &Path, what: &str, connect: impl Fn() -> D) {
    let script = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(script.contains("\nquery "), "{} asks nothing", path.display());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let connect = &connect;
    let mut runner = Runner::new(move || async move { Ok(connect()) });
    let name = path.display().to_string();
    if let Err(error) = runtime.block_on(runner.run_script_with_name_async(&script, name)) {
        panic!("{what}: {}", error.display(false));
    }
}

fn function(name: &str) {
    let path = folder().join("udfs").join(name).with_extension("slt");
    let script = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(script.contains(&format!("{name}(")), "{name} is not called in its file");
    for encoding in ENCODINGS {
        run_file(&path, encoding.0, || Functions { session: Session::try_new(&options()).unwrap(), encoding });
        if !script.contains("TEXT(") && !script.contains("TEXTS(") {
            break;
        }
    }
}

fn events(below: &str, name: &str, language: Language) {
    let path = folder().join(below).join(name).with_extension("slt");
    run_file(&path, language.name(), || Events { lake: tempfile::tempdir().unwrap(), language });
}

/// The files of a folder, without their ending.
fn files(below: &str) -> BTreeSet<String> {
    let names = std::fs::read_dir(folder().join(below)).unwrap().map(|entry| entry.unwrap().path());
    names.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

/// One test a file, and one that no file is left out.
macro_rules! suite {
    ($module:ident, $run:expr, [$($name:ident),* $(,)?]) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    let run: fn(&str) = $run;
                    run(stringify!($name));
                }
            )*

            #[test]
            fn every_file_is_run() {
                let listed: std::collections::BTreeSet<String> = [$(stringify!($name)),*].map(str::to_owned).into();
                assert_eq!(super::files(stringify!($module)), listed);
            }
        }
    };
}

suite!(
    udfs,
    super::function,
    [
        any_cidr,
        any_glob,
        captured,
        checked_add,
        checked_div,
        checked_mul,
        checked_neg,
        checked_rem,
        checked_sub,
        cidr_match,
        collect_set,
        completion,
        count_distinct,
        date_diff,
        date_extract,
        dissect,
        finite,
        format_date,
        from_base64,
        fuzzy_match,
        glob_match,
        grok,
        hash,
        ip_key,
        ip_prefix,
        java_replace,
        json_extract,
        mv_append,
        mv_avg,
        mv_cast,
        mv_clean,
        mv_concat,
        mv_contains,
        mv_count,
        mv_dedupe,
        mv_difference,
        mv_first,
        mv_intersection,
        mv_intersects,
        mv_last,
        mv_lower,
        mv_max,
        mv_max_ip,
        mv_max_version,
        mv_median,
        mv_median_absolute_deviation,
        mv_min,
        mv_min_ip,
        mv_min_version,
        mv_percentile,
        mv_pseries_weighted_sum,
        mv_rows,
        mv_slice,
        mv_sort,
        mv_sort_ip,
        mv_sort_version,
        mv_std_dev,
        mv_sum,
        mv_union,
        mv_upper,
        mv_variance,
        mv_zip,
        parse_date,
        reverse_text,
        rlike_match,
        single_value,
        split_text,
        st_distance,
        st_x,
        st_y,
        text_match,
        to_geopoint,
        to_ip,
        url_decode,
        url_encode,
        url_encode_component,
        version_key,
    ]
);
suite!(
    esql,
    |name| super::events("esql", name, egret::rule::Language::Esql),
    [
        eval,
        filter,
        inline_stats,
        keep_drop_rename,
        metadata,
        mv_expand,
        nulls,
        patterns,
        several_values,
        sort_limit,
        stats
    ]
);
suite!(sql, |name| super::events("sql", name, egret::rule::Language::Sql), [fields, functions, read_only]);
suite!(lake, |name| super::events("lake", name, egret::rule::Language::Sql), [exports, partitions, schemas, types]);

#[test]
fn every_function_has_a_file() {
    let warnings = egret_udfs::Warnings::default();
    let scalars = egret_udfs::scalar_functions(&warnings).into_iter().map(|function| function.name().to_owned());
    let aggregates = egret_udfs::aggregate_functions().into_iter().map(|function| function.name().to_owned());
    let names: BTreeSet<String> = scalars.chain(aggregates).collect();
    assert_eq!(files("udfs"), names, "left: files of tests/slt/udfs, right: registered functions");
}
