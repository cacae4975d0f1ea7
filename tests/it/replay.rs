//! A replay gives for each execution what the engine gives for that execution alone.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use egret::alert::sink::{Format, Options as SinkOptions, Sink};
use egret::backtest::{Replay, Span, Way};
use egret::engine::run::Run;
use egret::engine::session::{Options, Scan};
use egret::engine::{Engine, TimeField};
use egret::lake::LakeConfig;
use egret::rule::{Execution, Rule};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tempfile::TempDir;

const START: &str = "2026-10-01T00:00:00Z";

fn start() -> DateTime<Utc> {
    START.parse().unwrap()
}

/// An event of a generated lake.
#[derive(Debug, Clone)]
struct Event {
    /// Milliseconds behind the start.
    at: i64,
    /// How much later it was ingested; never, for some.
    delay: Option<i64>,
    host: u8,
    user: Option<u8>,
    action: u8,
    tags: Vec<u8>,
    bytes: i64,
}

/// A rule and how it is scheduled.
#[derive(Debug, Clone)]
struct Case {
    name: &'static str,
    query: String,
    interval: i64,
    lookback: i64,
    executions: i64,
    max_signals: Option<u32>,
    on_ingested: bool,
    /// Whether executions see only what was ingested before them.
    as_ingested: bool,
    events: Vec<Event>,
}

impl Case {
    fn rule(&self) -> Rule {
        let file = if self.query.trim_start().starts_with("FROM") { "case.esql" } else { "case.sql" };
        let mut rule = Rule::from_text(file, &self.query).unwrap().rule;
        rule.max_signals = self.max_signals;
        if self.on_ingested {
            rule.timestamp_override = Some("event.ingested".to_owned());
        }
        rule
    }

    fn time(&self, rule: &Rule) -> TimeField {
        if self.as_ingested { TimeField::of(rule).as_ingested() } else { TimeField::of(rule) }
    }

    fn span(&self, rule: &Rule) -> Span {
        let seconds = |ms: i64| Some(format!("{}s", ms / 1000).parse().unwrap());
        let end = start() + TimeDelta::milliseconds(self.interval * self.executions);
        Span::of(rule, seconds(self.interval), seconds(self.lookback), start(), end).unwrap()
    }

    fn write(&self, folder: &Path) -> PathBuf {
        let mut text = String::new();
        for (id, event) in self.events.iter().enumerate() {
            let at = start() + TimeDelta::milliseconds(event.at);
            let shown = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
            let mut document = json!({
                "_id": format!("{id:05}"),
                "@timestamp": shown(at),
                "host": {"name": format!("h{}", event.host)},
                "event": {"action": format!("a{}", event.action)},
                "tags": event.tags.iter().map(|tag| format!("t{tag}")).collect::<Vec<_>>(),
                "network": {"bytes": event.bytes},
            });
            if let Some(user) = event.user {
                document["user"] = json!({"name": format!("u{user}")});
            }
            if let Some(delay) = event.delay {
                document["event"]["ingested"] = json!(shown(at + TimeDelta::milliseconds(delay)));
            }
            writeln!(text, "{document}").unwrap();
        }
        let path = folder.join("events.ndjson");
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn queries() -> impl Strategy<Value = (&'static str, String)> {
    let small = 0_i64..6;
    let minutes = prop::sample::select(vec![1_i64, 4, 9, 10, 30]);
    let action = 0_u8..3;
    (small, minutes, action, 1_i64..5).prop_flat_map(|(n, minutes, action, limit)| {
        let sql_time = format!("\"@timestamp\" > now() - INTERVAL '{minutes} minutes'");
        prop::sample::select(vec![
            ("groups", format!(
                "FROM events | WHERE event.action != \"a{action}\" | STATS cc = COUNT(*), users = COUNT_DISTINCT(user.name), \
                 names = VALUES(user.name), most = MAX(network.bytes), mean = AVG(network.bytes) BY host.name \
                 | WHERE cc > {n} | SORT cc DESC | LIMIT {limit}"
            )),
            ("no keys", format!(
                "FROM events | WHERE event.action == \"a{action}\" | STATS cc = COUNT(*), names = VALUES(user.name), \
                 low = MIN(network.bytes) | WHERE cc <= {n}"
            )),
            ("now below and above", format!(
                "FROM events | WHERE @timestamp > now() - {minutes} minutes | EVAL now = now() \
                 | STATS cc = COUNT(*), last = MAX(@timestamp) BY host.name, now \
                 | WHERE last > now() - {minutes} minutes | KEEP host.name, cc, now"
            )),
            ("two stages", "FROM events | STATS cc = COUNT(*) BY host.name, user.name | STATS users = COUNT(*), \
                 most = MAX(cc), hosts = VALUES(host.name) BY user.name | SORT most DESC".to_owned()),
            ("two stages, no keys", format!(
                "FROM events | STATS cc = COUNT(*) BY host.name | WHERE cc > {n} | STATS hosts = COUNT(*), all = SUM(cc)"
            )),
            ("one key a value", "FROM events | STATS cc = COUNT(*) BY tags".to_owned()),
            ("mv_expand", format!(
                "FROM events METADATA _id | MV_EXPAND tags | WHERE tags != \"t{action}\" | KEEP @timestamp, _id, tags \
                 | LIMIT {limit}"
            )),
            ("events", format!(
                "FROM events METADATA _id, _version, _index | WHERE network.bytes >= {n} AND event.action == \"a{action}\" \
                 | KEEP @timestamp, _id, host.name, user.name, tags"
            )),
            ("limit in the middle", format!(
                "FROM events METADATA _id | SORT network.bytes DESC, @timestamp, _id | LIMIT {limit} \
                 | STATS cc = COUNT(*), sum = SUM(network.bytes) BY host.name"
            )),
            ("aggregates with conditions", format!(
                "FROM events | STATS some = COUNT(*) WHERE network.bytes > {n}, all = COUNT(*) | WHERE some < all"
            )),
            ("SQL groups", format!(
                "SELECT host.name, count(*) AS cc, min(network.bytes) AS low FROM events WHERE {sql_time} \
                 GROUP BY host.name HAVING count(*) > {n} ORDER BY cc DESC, host.name LIMIT {limit}"
            )),
            ("SQL window", format!(
                "SELECT * FROM (SELECT host.name AS host, _id AS id, row_number() OVER (PARTITION BY host.name \
                 ORDER BY network.bytes, _id) AS place, now() AS t FROM events) WHERE place <= {limit} ORDER BY host, place"
            )),
            ("SQL distinct", "SELECT DISTINCT host.name AS host, user.name AS u FROM events ORDER BY host, u".to_owned()),
            ("SQL join", format!(
                "SELECT a.host, a.cc, b.users FROM (SELECT host.name AS host, count(*) AS cc FROM events GROUP BY host.name) a \
                 JOIN (SELECT host.name AS host, count_distinct(user.name) AS users FROM events WHERE {sql_time} \
                 GROUP BY host.name) b ON a.host = b.host ORDER BY a.host"
            )),
            ("SQL left join", "SELECT a.host, b.cc FROM (SELECT DISTINCT host.name AS host FROM events) a LEFT JOIN \
                 (SELECT host.name AS host, count(*) AS cc FROM events WHERE event.action = 'a1' GROUP BY host.name) b \
                 ON a.host = b.host ORDER BY a.host".to_owned()),
            ("SQL list", "SELECT v.host, e.cc FROM (VALUES ('h0'), ('h1'), ('h9')) AS v (host) LEFT JOIN (SELECT host.name AS host, \
                 count(*) AS cc FROM events GROUP BY host.name) e ON v.host = e.host ORDER BY v.host".to_owned()),
            ("SQL union", "SELECT host.name AS what, count(*) AS cc FROM events GROUP BY host.name UNION ALL \
                 SELECT 'all', count(*) FROM events ORDER BY what, cc".to_owned()),
            ("SQL union with a constant", "SELECT lower(host.name) AS what FROM events UNION SELECT 'none' ORDER BY what".to_owned()),
            ("SQL offset", format!(
                "SELECT host.name AS host, _id AS id FROM events ORDER BY network.bytes, _id LIMIT {limit} OFFSET 1"
            )),
            ("SQL subquery", "SELECT _id AS id FROM events WHERE network.bytes > (SELECT avg(network.bytes) FROM events) \
                 ORDER BY id".to_owned()),
            ("whole numbers", format!(
                "FROM events | WHERE network.bytes != {n} | STATS sum = SUM(network.bytes), mean = AVG(network.bytes), \
                 low = MIN(network.bytes), high = MAX(event.action), users = COUNT(user.name), tags = VALUES(tags) BY host.name, \
                 event.action | WHERE sum > {n} OR mean IS NULL"
            )),
            ("expressions over aggregates", format!(
                "FROM events | EVAL big = network.bytes > {n} | STATS cc = COUNT(*) WHERE big, all = COUNT(*), \
                 gap = MAX(network.bytes) - MIN(network.bytes) BY user.name | EVAL t = now() | WHERE cc < all"
            )),
            ("inline stats by a key", format!(
                "FROM events METADATA _id | INLINE STATS cc = COUNT(*), most = MAX(network.bytes) BY user.name \
                 | WHERE cc > {n} OR network.bytes == most | KEEP @timestamp, _id, user.name, cc, most"
            )),
            ("inline stats over all", format!(
                "FROM events METADATA _id | INLINE STATS mean = AVG(network.bytes), hosts = COUNT_DISTINCT(host.name) \
                 WHERE event.action == \"a{action}\" | WHERE network.bytes >= mean | STATS cc = COUNT(*), \
                 hosts = MAX(hosts) BY host.name | LIMIT {limit}"
            )),
            ("inline stats with now", format!(
                "FROM events METADATA _id | WHERE @timestamp > now() - {minutes} minutes | INLINE STATS last = MAX(@timestamp) \
                 BY host.name | WHERE last > now() - {minutes} minutes | STATS cc = COUNT(*) BY host.name, last"
            )),
            ("means beyond 64 bits", format!(
                "FROM events | EVAL much = 9000000000000000000 - network.bytes * 1000000000000 | WHERE network.bytes >= {n} \
                 | STATS mean = AVG(much), cc = COUNT(*) BY host.name | EVAL sound = mean > 8.9e18 | KEEP host.name, cc, sound"
            )),
            ("SQL constant", "SELECT now() AS t, 1 AS one".to_owned()),
            ("SQL sum over all", "SELECT sum(network.bytes) AS s, count(*) FILTER (WHERE user.name IS NULL) AS c, \
                 current_date() AS d FROM events".to_owned()),
        ])
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let schedule = (
        prop::sample::select(vec![60_000_i64, 300_000, 600_000]),
        prop::sample::select(vec![-60_000_i64, 0, 1_000, 60_000, 600_000, 1_500_500]),
        3_i64..12,
    );
    (queries(), schedule, prop::option::of(1_u32..4), any::<bool>(), prop::bool::weighted(0.2)).prop_flat_map(
        |((name, query), (interval, more, executions), max_signals, on_ingested, as_ingested)| {
            let lookback = (interval + more).max(30_000);
            let delays = prop::option::weighted(0.8, prop::sample::select(vec![0_i64, 1, 999, 30_000, 700_000]));
            // Near an execution, near the start of its window, or anywhere.
            let edge = (0..executions + 2, prop::bool::ANY, prop::sample::select(vec![-1_000_i64, -1, 0, 1, 1_000]));
            let edge = edge.prop_map(move |(k, from, off)| k * interval - if from { lookback } else { 0 } + off);
            let at = prop_oneof![3 => edge, 2 => -lookback..interval * (executions + 1)];
            let fields = (0_u8..3, prop::option::weighted(0.8, 0_u8..3), 0_u8..3, prop::collection::vec(0_u8..3, 0..3));
            let event = (at, delays, fields, 0_i64..9).prop_map(|(at, delay, (host, user, action, tags), bytes)| {
                let mut tags = tags;
                tags.dedup();
                Event { at, delay, host, user, action, tags, bytes }
            });
            prop::collection::vec(event, 1..60).prop_map(move |events| Case {
                name,
                query: query.clone(),
                interval,
                lookback,
                executions,
                max_signals,
                on_ingested,
                as_ingested,
                events,
            })
        },
    )
}

fn options(memory: usize) -> Options {
    Options { threads: NonZeroUsize::new(2).unwrap(), memory_limit: memory, spill_dir: None, scan: Scan::default() }
}

fn ndjson(schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<String> {
    let mut sink =
        Sink::try_new(Format::Ndjson, SchemaRef::clone(schema), Vec::new(), &SinkOptions::default()).unwrap();
    for batch in batches {
        sink.write(batch).unwrap();
    }
    String::from_utf8(sink.finish().unwrap()).unwrap().lines().map(str::to_owned).collect()
}

/// What the engine gives for one execution alone.
async fn alone(engine: &Engine, rule: &Rule, time: &TimeField, execution: &Execution) -> (Vec<String>, u64) {
    let lowered = engine.compile(rule).await.unwrap();
    let limit = rule.limit(lowered.limit);
    let prepared = engine.prepare(lowered, time, execution, limit).await.unwrap();
    let mut run = Run::start(&prepared).unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = run.next().await.unwrap() {
        batches.push(batch);
    }
    (ndjson(&run.schema(), &batches), run.total())
}

#[test]
fn visibility_leaves_out_what_was_ingested_later() {
    let event =
        |at: i64, delay: Option<i64>| Event { at, delay, host: 0, user: None, action: 0, tags: vec![], bytes: 1 };
    let case = Case {
        name: "late",
        query: "FROM events METADATA _id | KEEP _id, @timestamp".to_owned(),
        interval: 60_000,
        lookback: 120_000,
        executions: 3,
        max_signals: None,
        on_ingested: false,
        as_ingested: true,
        // Known at once, one millisecond after the first execution, never said, after every execution that looks.
        events: vec![event(30_000, Some(0)), event(30_000, Some(30_001)), event(30_000, None), event(1, Some(500_000))],
    };
    runtime().block_on(async {
        compare(&case).await;
        let folder = TempDir::new().unwrap();
        let config =
            LakeConfig { events: Some(case.write(folder.path()).display().to_string()), ..LakeConfig::default() };
        let engine = Engine::open(&options(256 << 20), &config).await.unwrap();
        let rule = case.rule();
        let lowered = engine.compile(&rule).await.unwrap();
        let executions = case.span(&rule).executions();
        let mut replay = Replay::start(&engine, lowered, case.time(&rule), executions, None, 256 << 20).await.unwrap();
        let mut totals = Vec::new();
        while let Some(executed) = replay.next().await.unwrap() {
            totals.push(executed.total);
        }
        assert_eq!(totals, [2, 3, 0]);
    });
}

/// Replays a case and compares every execution; how it ran.
async fn compare(case: &Case) -> Way {
    let folder = TempDir::new().unwrap();
    let events = case.write(folder.path()).display().to_string();
    let config = LakeConfig { events: Some(events), ..LakeConfig::default() };
    let engine = Engine::open(&options(256 << 20), &config).await.unwrap();
    let rule = case.rule();
    let executions = case.span(&rule).executions();
    let lowered = engine.compile(&rule).await.unwrap();
    let limit = rule.limit(lowered.limit);
    let time = case.time(&rule);
    let mut replay = Replay::start(&engine, lowered, time.clone(), executions.clone(), limit, 256 << 20).await.unwrap();
    let schema = replay.schema();
    let mut place = 0;
    while let Some(executed) = replay.next().await.unwrap() {
        assert_eq!(executed.execution, executions[place]);
        let (expected, total) = alone(&engine, &rule, &time, &executed.execution).await;
        let found = ndjson(&schema, &executed.batches);
        assert_eq!(found, expected, "{}: execution {place} of {case:#?}", case.name);
        // Of a query with an OFFSET the total of a single run counts what is skipped.
        let comparable = case.name != "SQL offset";
        assert!(!comparable || executed.total == total, "{}: total of execution {place} of {case:#?}", case.name);
        place += 1;
    }
    assert_eq!(place, executions.len());
    assert_eq!(replay.alone(), (0, None), "{}", case.name);
    replay.way().clone()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(16 << 20)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_replay_is_its_executions_one_by_one() {
    let runtime = runtime();
    let mut config = ProptestConfig { failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 48;
    }
    let mut ways: Vec<(String, Way)> = Vec::new();
    let has = |ways: &[(String, Way)], wanted: &Way| ways.iter().any(|(_, way)| way == wanted);
    // Chance may need a few turns to bring both ways.
    for _ in 0..8 {
        let seen = std::sync::Mutex::new(&mut ways);
        TestRunner::new(config.clone())
            .run(&cases(), |case| {
                let way = runtime.block_on(compare(&case));
                seen.lock().unwrap().push((case.name.to_string(), way));
                Ok(())
            })
            .unwrap();
        if has(&ways, &Way::Panes) && has(&ways, &Way::Wide) {
            break;
        }
    }
    assert!(has(&ways, &Way::Panes) && has(&ways, &Way::Wide));
    // Only what is known to be out of reach runs one by one.
    for (name, way) in ways {
        if let Way::OneByOne(why) = way {
            assert!(name == "SQL subquery" && why.contains("subquery"), "{name}: {why}");
        }
    }
}

/// A case whose every execution gives all its events, each with a text of its own, many times more than fit into memory.
fn wordy(events: i64) -> Case {
    let event = |n: i64| Event { at: n * 90, delay: None, host: 0, user: None, action: 0, tags: vec![], bytes: n };
    Case {
        name: "wordy",
        query: "SELECT _id AS id, repeat(_id, 600) AS much FROM events ORDER BY id".to_owned(),
        interval: 60_000,
        lookback: 60_000,
        executions: events * 90 / 60_000,
        max_signals: None,
        on_ingested: false,
        as_ingested: false,
        events: (0..events).map(event).collect(),
    }
}

/// The totals of a replay within so much memory.
async fn totals(case: &Case, memory: usize) -> egret::error::Result<Vec<u64>> {
    let folder = TempDir::new().unwrap();
    let events = case.write(folder.path()).display().to_string();
    let config = LakeConfig { events: Some(events), ..LakeConfig::default() };
    let engine = Engine::open(&options(memory), &config).await?;
    let rule = case.rule();
    let executions = case.span(&rule).executions();
    let lowered = engine.compile(&rule).await?;
    let mut replay = Replay::start(&engine, lowered, case.time(&rule), executions, None, memory).await?;
    if case.executions == 1 {
        replay = replay.one_by_one("");
    }
    let mut totals = Vec::new();
    while let Some(executed) = replay.next().await? {
        assert_eq!(executed.total, executed.rows());
        totals.push(executed.total);
    }
    Ok(totals)
}

#[test]
fn means_by_panes_do_not_overflow_where_means_do_not() {
    let event = |n: i64| Event { at: n * 9_000, delay: None, host: 0, user: None, action: 0, tags: vec![], bytes: n };
    let case = Case {
        name: "great numbers",
        query: "SELECT avg(9000000000000000000 - network.bytes) > 8.9e18 AS sound, count(*) AS cc FROM events"
            .to_owned(),
        interval: 60_000,
        lookback: 660_000,
        executions: 12,
        max_signals: None,
        on_ingested: false,
        as_ingested: false,
        events: (0..80).map(event).collect(),
    };
    assert_eq!(runtime().block_on(compare(&case)), Way::Panes);
}

#[test]
fn inline_stats_are_of_each_execution() {
    let event = |n: i64| {
        let (host, user) = ((n % 3) as u8, (n % 4 > 0).then_some((n % 2) as u8));
        Event { at: n * 9_000, delay: None, host, user, action: 0, tags: vec![], bytes: n * 7 % 11 }
    };
    for query in [
        "FROM events METADATA _id | INLINE STATS cc = COUNT(*), most = MAX(network.bytes) BY user.name \
         | WHERE cc > 3 OR network.bytes == most | KEEP @timestamp, _id, user.name, cc, most",
        "FROM events METADATA _id | INLINE STATS mean = AVG(network.bytes) | WHERE network.bytes > mean | KEEP _id, mean",
        "FROM events | WHERE network.bytes > 50 | INLINE STATS cc = COUNT(*) | STATS n = COUNT(*), cc = MAX(cc)",
    ] {
        for lookback in [60_000, 660_000] {
            let case = Case {
                name: "inline stats",
                query: query.to_owned(),
                interval: 60_000,
                lookback,
                executions: 12,
                max_signals: None,
                on_ingested: false,
                as_ingested: false,
                events: (0..80).map(event).collect(),
            };
            assert_eq!(runtime().block_on(compare(&case)), Way::Wide, "{query}");
        }
    }
}

#[test]
fn rows_that_are_kept_count_as_memory() {
    runtime().block_on(async {
        let case = wordy(20_000);
        let enough = totals(&case, 256 << 20).await.unwrap();
        assert_eq!(enough.len(), 30);
        assert!(enough.iter().all(|total| (660..=670).contains(total)), "{enough:?}");
        // An execution takes some 2 MB, all of them 60 MB.
        assert_eq!(totals(&case, 44 << 20).await.unwrap(), enough);
        // Without an order nothing but the replay itself holds rows.
        let query = "SELECT repeat(_id, 600) AS much FROM events".to_owned();
        let case = Case { query, interval: 1_800_000, lookback: 1_800_000, executions: 1, ..case };
        let error = totals(&case, 44 << 20).await.unwrap_err();
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.kind() == egret::error::Kind::Resource && why.contains("rows of an execution"), "{error}: {why}");
    });
}
