//! Queries that chance has changed: nothing panics while they are parsed, lowered and planned, and what parses prints to a
//! text that prints to itself.
//!
//! The seeds are `tests/queries` and `tests/rules`. `EGRET_FUZZ_SECONDS` says how long each of the tests goes on.

use std::fs;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use egret::engine::catalog::LakeCatalog;
use egret::engine::session::{Options, Scan};
use egret::engine::{Engine, TimeField};
use egret::esql;
use egret::lake::LakeConfig;
use egret::rule::Execution;

use super::interpreter::Random;
use super::program::root;

/// How long a test goes on, where the environment does not say.
const SECONDS: u64 = 4;

/// Pieces of a query that parsers stumble over.
const PIECES: [&str; 24] = [
    "\"",
    "\"\"\"",
    "`",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\\",
    "|",
    "::",
    "/*",
    "//",
    "NOT ",
    "IS NULL",
    "*",
    "-",
    ".",
    ",",
    "9223372036854775808",
    "1e999",
    "🔥",
    "KQL(\"a: (\")",
];

fn seeds() -> Vec<String> {
    let folders = ["tests/queries/ok", "tests/queries/err", "tests/rules"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "esql")).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The words of a text with what stands between them.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = None;
    for c in text.chars() {
        let class = if c.is_alphanumeric() || c == '_' {
            0
        } else if c.is_whitespace() {
            1
        } else {
            2
        };
        if class == 2 || before != Some(class) {
            words.push(String::new());
        }
        words.last_mut().unwrap().push(c);
        before = Some(class);
    }
    words
}

/// A seed after some changes.
fn mutated(random: &mut Random, seeds: &[Vec<String>]) -> String {
    let mut words = random.pick(seeds).clone();
    for _ in 0..=random.below(4) {
        let at = random.below(words.len() + 1);
        match random.below(6) {
            0 if at < words.len() => _ = words.remove(at),
            1 if at < words.len() => words.insert(at, words[at].clone()),
            2 if at < words.len() => {
                let other = random.below(words.len());
                words.swap(at, other);
            }
            3 => words.insert(at, (*random.pick(&PIECES)).to_owned()),
            4 if at < words.len() => {
                let other = random.pick(seeds);
                words[at].clone_from(random.pick(other));
            }
            // A part of another query.
            _ => {
                let other = random.pick(seeds).clone();
                let start = random.below(other.len());
                let end = (start + 1 + random.below(12)).min(other.len());
                words.splice(at..at, other[start..end].iter().cloned());
            }
        }
    }
    words.concat()
}

/// How far queries go.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Parsed,
    Lowered,
    Planned,
}

/// How far a query comes, of the stages up to one; panics where something is wrong.
fn check(text: &str, engine: &Engine, runtime: &tokio::runtime::Runtime, stage: Stage) -> Option<Stage> {
    let query = esql::parse(text).0?;
    let printed = esql::print(&query);
    let (again, mistakes) = esql::parse(&printed);
    let again = again.unwrap_or_else(|| panic!("printed, it does not parse: {printed}\n{mistakes:?}"));
    assert_eq!(esql::print(&again), printed);
    if stage == Stage::Parsed {
        return Some(Stage::Parsed);
    }
    let Ok(lowered) = egret::sql::lower(&query, text, &LakeCatalog::new(engine.lake())) else {
        return Some(Stage::Parsed);
    };
    if stage == Stage::Lowered {
        return Some(Stage::Lowered);
    }
    let time = TimeField { name: "@timestamp".into(), fallback: None, ingested: None };
    let at: DateTime<Utc> = "2026-10-01T12:00:00Z".parse().unwrap();
    let limit = lowered.limit;
    // What the engine refuses it refuses with an error.
    let planned = runtime.block_on(engine.prepare(lowered, &time, &Execution { at, window: None }, limit));
    Some(if planned.is_ok() { Stage::Planned } else { Stage::Lowered })
}

fn run(stage: Stage, seconds: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.ndjson");
    fs::write(
        &events,
        "{\"@timestamp\":\"2026-10-01T00:00:00Z\",\"user.name\":[\"a\",\"b\"],\"destination.port\":1}\n",
    )
    .unwrap();
    let options =
        Options { threads: NonZeroUsize::MIN, memory_limit: 64 << 20, spill_dir: None, scan: Scan::default() };
    let config = LakeConfig { events: Some(events.display().to_string()), ..LakeConfig::default() };
    let engine = runtime.block_on(Engine::open(&options, &config)).unwrap();
    let seeds: Vec<Vec<String>> = seeds().iter().map(|seed| words(seed)).collect();
    // The short run is the same every time, a long one another every time.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut random = Random::new("mutated", if seconds == SECONDS { 0 } else { now });
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut count, mut passed) = (0_u64, 0_u64);
    while Instant::now() < end {
        let text = mutated(&mut random, &seeds);
        let reached = catch_unwind(AssertUnwindSafe(|| check(&text, &engine, &runtime, stage)))
            .unwrap_or_else(|_| panic!("found by chance:\n{text}"));
        (count, passed) = (count + 1, passed + u64::from(reached == Some(stage)));
    }
    eprintln!("{count} queries, of which {passed} pass");
    assert!(passed > 0, "none of {count} queries passes");
}

/// Runs in a thread with room for deep queries: what the stack of a program's own threads holds is tested elsewhere.
fn fuzz(stage: Stage) {
    let seconds = std::env::var("EGRET_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(move || run(stage, seconds)).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn parsing_never_panics() {
    fuzz(Stage::Parsed);
}

#[test]
fn lowering_never_panics() {
    fuzz(Stage::Lowered);
}

#[test]
fn planning_never_panics() {
    fuzz(Stage::Planned);
}
