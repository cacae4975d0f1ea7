//! A second reading of ES|QL: row by row, naive, sharing nothing with the product below the syntax tree.
//!
//! Each rule runs over random events that are biased towards what it asks for, here and in the product; the rows must
//! agree. `EGRET_SEEDS` says how many worlds of events each rule meets.

mod aggregate;
mod backtrack;
mod command;
mod date;
mod documents;
mod expr;
mod function;
mod generate;
mod glob;
mod grok;
mod lucene;
mod parquet;
mod pattern;
mod product;
mod search;
mod value;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use egret::esql::ast::{CommandKind, Query};

use self::command::Table;
pub(crate) use self::generate::random::Random;
use self::product::Given;
use self::world::World;
use super::conformance::case::Row;
use super::corpora::{rule_files, stem};
use super::program::{root, shared};

/// How many worlds of events each rule meets, where the environment does not say.
const SEEDS: u64 = 2;
/// Stack of the threads that plan and match: builds for tests use much of it.
const STACK: usize = 512 << 20;

/// A rule's query.
struct Case {
    name: String,
    text: String,
    query: Query,
}

impl Case {
    /// The query up to a command that wants an endpoint.
    fn new(name: String, text: String) -> Self {
        let mut query = egret::esql::parse(&text).0.unwrap_or_else(|| panic!("{name} does not parse"));
        let completion = query.commands.iter().position(|c| matches!(c.kind, CommandKind::Completion { .. }));
        query.commands.truncate(completion.unwrap_or(usize::MAX));
        Self { name, text, query }
    }
}

/// What came of a rule.
#[derive(Default)]
struct Outcome {
    alerted: bool,
    mistakes: Vec<String>,
}

/// Runs a rule over the worlds of some seeds.
fn outcome(case: &Case, folder: &Path, seeds: u64, runtime: &tokio::runtime::Runtime) -> Outcome {
    let mut outcome = Outcome::default();
    for seed in 0..seeds {
        let world = generate::world(&case.query, &case.name, seed);
        meet(
            case,
            &world,
            &folder.join(format!("{}-{seed}", case.name)),
            (seed == 0).then_some(case.name.len().is_multiple_of(2)),
            runtime,
            &mut outcome,
        );
    }
    outcome
}

/// Runs a rule over a world, here and in the product, there over documents and, flat or nested, over Parquet.
fn meet(
    case: &Case,
    world: &World,
    path: &Path,
    nested: Option<bool>,
    runtime: &tokio::runtime::Runtime,
    outcome: &mut Outcome,
) {
    let expected = command::run(&case.query, &case.text, world);
    outcome.alerted |= !expected.rows.is_empty();
    let (lines, columns) = (path.with_extension("ndjson"), path.with_extension("parquet"));
    fs::write(&lines, generate::lines(&world.rows)).unwrap();
    let mut places = vec![lines];
    if let Some(nested) = nested.filter(|_| !world.rows.is_empty()) {
        parquet::write(&columns, world, nested);
        places.push(columns);
    }
    for place in places {
        let location = place.display().to_string();
        let given = runtime.block_on(product::run(&case.text, &case.query, &location, world.now));
        match given.and_then(|given| compare(&expected, &given)) {
            Ok(()) => fs::remove_file(place).unwrap(),
            Err(mistake) => {
                let text = if case.name.starts_with("query-") { format!("\n{}", case.text) } else { String::new() };
                outcome.mistakes.push(format!("{location}: {mistake}{text}"));
            }
        }
    }
}

/// The rows of the interpreter, each value as text.
fn written(table: &Table) -> Vec<Row> {
    let cell = |row: &value::Row, name: &String| -> Vec<String> {
        row.get(name).into_iter().flatten().map(value::Value::canonical).collect()
    };
    table.rows.iter().map(|row| table.columns.iter().map(|name| cell(row, name)).collect()).collect()
}

/// Compares what both give: columns, types, rows, and their order where SORT decides it.
fn compare(expected: &Table, given: &Given) -> Result<(), String> {
    let names: Vec<&String> = given.columns.iter().map(|(name, _)| name).collect();
    if names != expected.columns.iter().collect::<Vec<_>>() {
        return Err(format!("columns {names:?}, expected {:?}", expected.columns));
    }
    for (name, ty) in &given.columns {
        let value = expected.rows.iter().filter_map(|row| row.get(name)).find_map(|cell| cell.first());
        let ty = if ty == "text" { "keyword" } else { ty };
        // An expression of several is as wide as the widest of them, whichever gives the value.
        let fits = |value: &value::Value| value.type_name() == ty || (value.type_name() == "integer" && ty == "long");
        if let Some(value) = value.filter(|value| !fits(value)) {
            return Err(format!("`{name}` is of type {ty}, expected {}", value.type_name()));
        }
    }
    let wanted = written(expected);
    let count = expected.limit.unwrap_or(1_000).min(wanted.len());
    if given.rows.len() != count {
        return Err(format!(
            "{} rows, expected {count}\n{}",
            given.rows.len(),
            difference(&wanted, &given.rows, &names)
        ));
    }
    let mut open: Vec<Option<&Row>> = wanted.iter().map(Some).collect();
    for (at, row) in given.rows.iter().enumerate() {
        let Some(found) = open.iter().position(|other| *other == Some(row)) else {
            return Err(difference(&wanted, &given.rows, &names));
        };
        open[found] = None;
        let key = |at: usize, (name, descending): &(String, bool)| {
            expected.rows[at].get(name).and_then(|cell| command::extreme(cell, *descending))
        };
        if expected.order.iter().any(|by| key(at, by) != key(found, by)) {
            return Err(format!("row {at} is out of order: {row:?}, expected {:?}", wanted[at]));
        }
    }
    Ok(())
}

/// The first row of each side that the other one lacks, and where they differ.
fn difference(wanted: &[Row], given: &[Row], names: &[&String]) -> String {
    let missing: Vec<&Row> = wanted.iter().filter(|row| !given.contains(row)).collect();
    let extra: Vec<&Row> = given.iter().filter(|row| !wanted.contains(row)).collect();
    let mut text = format!("{} rows missing, {} rows too many", missing.len(), extra.len());
    let shown = |row: Option<&&Row>, other: Option<&&Row>| {
        let cells = row.into_iter().flat_map(|row| row.iter().enumerate());
        let differs = |at: usize, cell: &Vec<String>| other.is_none_or(|other| other[at] != *cell);
        let cells =
            cells.filter(|(at, cell)| differs(*at, cell)).map(|(at, cell)| format!("{}={}", names[at], short(cell)));
        cells.collect::<Vec<_>>().join(" ")
    };
    // The extra row that is most like the missing one says most.
    let alike = |row: &Row| missing.first().map_or(0, |m| m.iter().zip(row).filter(|(a, b)| a == b).count());
    let nearest = extra.iter().max_by_key(|row| alike(row)).copied();
    let first = missing.first().copied();
    let _ = write!(text, "\n  expected {}", shown(first.as_ref(), nearest.as_ref()));
    let _ = write!(text, "\n  given    {}", shown(nearest.as_ref(), first.as_ref()));
    text
}

/// A cell in a message.
fn short(cell: &[String]) -> String {
    let text = format!("{cell:?}");
    if text.chars().count() > 200 { text.chars().take(200).chain("..".chars()).collect() } else { text }
}

fn seeds() -> u64 {
    std::env::var("EGRET_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

/// Runs rules on all cores; the outcome of each by name.
fn outcomes(
    cases: &[Case],
    run: impl Fn(&Case, &Path, &tokio::runtime::Runtime) -> Outcome + Sync,
) -> BTreeMap<String, Outcome> {
    let only = std::env::var("EGRET_RULE").unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut done = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            if case.name.contains(&only) {
                done.push((case.name.clone(), run(case, folder.path(), &runtime)));
            }
        }
        done
    };
    let outcomes = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).unwrap())
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<BTreeMap<_, _>>()
    });
    let mistakes: Vec<&String> = outcomes.values().flat_map(|outcome| &outcome.mistakes).collect();
    if !mistakes.is_empty() {
        let kept = folder.keep();
        let list = mistakes.iter().map(|mistake| mistake.as_str()).collect::<Vec<_>>().join("\n");
        panic!("product and interpreter disagree {} times over {}:\n{list}", mistakes.len(), kept.display());
    }
    outcomes
}

/// The rules of others on which no generated event alerts, each with the reason.
fn quiet() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("tests/it/interpreter/quiet.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap().0.to_owned()).collect()
}

/// Writes events with one value of each field that a query reads from its source.
pub(crate) fn single_valued_parquet(query: &Query, path: &Path) {
    let fields = generate::fields_of(query);
    let rows = (0..3).map(|number| generate::single_values(&fields, number)).collect();
    parquet::write(path, &generate::finished(rows, world::Fields(fields), "single values"), false);
}

/// A rule of others with events on which it alerts.
pub(crate) struct Alerting {
    pub(crate) name: String,
    pub(crate) rule: PathBuf,
    /// The events: as documents, as flat and as nested Parquet.
    pub(crate) lines: PathBuf,
    pub(crate) flat: PathBuf,
    pub(crate) nested: PathBuf,
    /// The time at which the rule looks at them.
    pub(crate) at: String,
}

/// So many rules of others that alert on generated events, which are written into `folder`.
pub(crate) fn alerting(corpora: &Path, folder: &Path, count: usize) -> Vec<Alerting> {
    let found = || {
        let worlds = cases_of_others(corpora).into_iter().zip(rule_files(corpora)).filter_map(|(case, rule)| {
            let world = generate::world(&case.query, &case.name, 0);
            let whole = egret::esql::parse(&case.text).0.is_some_and(|query| query == case.query);
            if !whole || command::run(&case.query, &case.text, &world).rows.is_empty() {
                return None;
            }
            let place = |ending: &str| folder.join(format!("{}.{ending}", case.name));
            let (lines, flat, nested) = (place("ndjson"), place("parquet"), place("nested.parquet"));
            fs::write(&lines, generate::lines(&world.rows)).unwrap();
            parquet::write(&flat, &world, false);
            parquet::write(&nested, &world, true);
            let at = chrono::DateTime::from_timestamp_millis(world.now).unwrap().to_rfc3339();
            Some(Alerting { name: case.name, rule, lines, flat, nested, at })
        });
        worlds.take(count).collect()
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, found).unwrap().join().unwrap()
    })
}

fn cases_of_others(corpora: &Path) -> Vec<Case> {
    let case = |path: &std::path::PathBuf| {
        let found = egret::rule::load(path, Path::new("/")).unwrap();
        let rule =
            found.rules.into_iter().next().unwrap().unwrap_or_else(|report| panic!("{}", report.render(false))).rule;
        Case::new(stem(&path.display().to_string()), rule.query.text.clone())
    };
    rule_files(corpora).iter().map(case).collect()
}

/// Every rule over no event, over documents and over an export of others, with the fields that it reads.
#[test]
fn documents_of_others_agree() {
    let Some(corpora) = shared("documents_of_others_agree") else { return };
    let events = corpora.join("events");
    let documents = ["ecs-documents.ndjson", "ecs-search-hits.ndjson"].map(|file| documents::read(&events.join(file)));
    outcomes(&cases_of_others(&corpora), |case, folder, runtime| {
        let mut outcome = Outcome::default();
        for (at, documents) in documents.iter().map(Vec::as_slice).chain([&[][..]]).enumerate() {
            let world = documents::world(&case.query, documents, 9);
            meet(case, &world, &folder.join(format!("{}-{at}", case.name)), Some(true), runtime, &mut outcome);
        }
        outcome
    });
}

#[test]
fn rules_of_others_agree() {
    let Some(corpora) = shared("rules_of_others_agree") else { return };
    let cases = cases_of_others(&corpora);
    let outcomes = outcomes(&cases, |case, folder, runtime| outcome(case, folder, seeds(), runtime));
    let silent: BTreeSet<String> = outcomes.iter().filter(|(_, o)| !o.alerted).map(|(name, _)| name.clone()).collect();
    // The list is of the usual number of worlds.
    if outcomes.len() < cases.len() || seeds() != SEEDS {
        eprintln!("{} of {} rules alert, these do not: {silent:#?}", outcomes.len() - silent.len(), outcomes.len());
        return;
    }
    assert_eq!(
        silent,
        quiet(),
        "{} of {} rules alert; tests/it/interpreter/quiet.txt lists the others",
        cases.len() - silent.len(),
        cases.len()
    );
    assert!(cases.len() - silent.len() >= 75, "only {} rules alert", cases.len() - silent.len());
}

#[test]
fn our_rules_agree() {
    let mut paths: Vec<_> = fs::read_dir(root().join("tests/rules")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "esql"));
    paths.sort();
    let case =
        |path: &std::path::PathBuf| Case::new(stem(&path.display().to_string()), fs::read_to_string(path).unwrap());
    let cases: Vec<Case> = paths.iter().map(case).collect();
    let outcomes = outcomes(&cases, |case, folder, runtime| outcome(case, folder, seeds(), runtime));
    let silent: Vec<&String> = outcomes.iter().filter(|(_, outcome)| !outcome.alerted).map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "no generated event alerts on {silent:?}");
}

/// How many random queries are run for each world that a rule would meet.
const QUERIES: u64 = 60;

#[test]
fn random_queries_agree() {
    let case = |number: u64| {
        let mut random = generate::random::Random::new("query", number);
        Case::new(format!("query-{number}"), generate::query::query(&mut random))
    };
    let cases: Vec<Case> = (0..QUERIES * seeds()).map(case).collect();
    let outcomes = outcomes(&cases, |case, folder, runtime| outcome(case, folder, 1, runtime));
    let rows = outcomes.values().filter(|outcome| outcome.alerted).count();
    assert!(rows * 2 > outcomes.len(), "only {rows} of {} random queries give rows", outcomes.len());
}
