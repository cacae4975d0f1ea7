//! A rule over the inputs and over what was made of them: the same rows, and how much faster they come.

use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::args::{ResourceArgs, TimeArgs};
use super::super::report::Console;
use super::super::shape::Shaper;
use super::super::{open, resource};
use crate::alert::sink::{Format, Target};
use crate::convert::{Config, Summary};
use crate::engine::refusal::refused;
use crate::engine::run::Run;
use crate::engine::{Engine, TimeField};
use crate::error::{Error, Kind, Result};
use crate::lake::LakeConfig;
use crate::rule::{Execution, Rule};

/// A rule is run as often as fits into this time, at least once and at most [`MOST_ROUNDS`] times.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_ROUNDS: usize = 5;

/// What a rule found before and after a conversion. Field names are keys of `--stats-file`.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// Rows over the inputs.
    rows_before: u64,
    /// Rows over the output.
    rows_after: u64,
    /// Whether they are the same.
    pub(super) equal: bool,
    /// Median wall time over the inputs, from listing files to the last row, in seconds.
    seconds_before: f64,
    /// The same over the output.
    seconds_after: f64,
}

impl Comparison {
    /// Tells people.
    pub(super) fn tell(&self, console: Console, rule: &str) {
        let Self { rows_before, rows_after, equal, seconds_before, seconds_after } = self;
        let rows = if *equal {
            format!("the same {rows_before} row{}", if *rows_before == 1 { "" } else { "s" })
        } else {
            format!("{rows_before} rows before, {rows_after} after")
        };
        console.note(&format!(
            "{rule}: {seconds_before:.3} s before, {seconds_after:.3} s after, {:.1} times as fast; {rows}",
            seconds_before / seconds_after.max(1e-9)
        ));
    }

    /// The failure of a conversion that changed the rows of a rule.
    pub(super) fn into_error(self, summary: &Summary) -> Error {
        let message = format!("the rows differ: {} before, {} after", self.rows_before, self.rows_after);
        Error::new(Kind::Engine, message).with_help(if summary.gone > 0 {
            "the output also holds events of files that are not among the locations"
        } else {
            "compare them: egret run RULE --events LOCATION, and --events DIR"
        })
    }
}

/// Runs a rule over the locations and the output of a conversion.
pub(super) async fn compare(
    rule: &Rule,
    config: &Config,
    time: &TimeArgs,
    resources: &ResourceArgs,
    console: Console,
) -> Result<Comparison> {
    let lake = |locations: &[String]| {
        let mut locations = locations.iter().cloned();
        let (events, beside) = (locations.next(), locations.collect());
        LakeConfig { events, beside, on_bad_line: config.on_bad_line, ..LakeConfig::default() }
    };
    let before = lake(&config.locations);
    let after = lake(&[config.output.display().to_string()]);
    let latest = TimeArgs { at: Some("latest".to_owned()), ..TimeArgs::default() };
    let time =
        TimeArgs { at: time.at.clone().or_else(|| time.to.is_none().then_some(latest.at).flatten()), ..time.clone() };
    let engine = Engine::open(&resource::options(resources), &after).await?;
    let (lowered, _) = open::compile(&engine, rule, None, console).await?;
    let execution = open::execution_of(&engine, rule, &lowered, &time, open::now()).await?;

    let mut found: [Option<Found>; 2] = [None, None];
    let mut seconds: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    let started = Instant::now();
    for _ in 0..MOST_ROUNDS {
        for ((lake, found), seconds) in [&before, &after].into_iter().zip(&mut found).zip(&mut seconds) {
            let began = Instant::now();
            *found = Some(rows(rule, lake, &execution, resources).await?);
            seconds.push(began.elapsed().as_secs_f64());
        }
        if started.elapsed() >= PATIENCE {
            break;
        }
    }
    let [rows_before, rows_after] = found.map(Option::unwrap_or_default);
    let [seconds_before, seconds_after] = seconds.map(median);
    let equal = rows_before == rows_after;
    Ok(Comparison {
        rows_before: rows_before.lines,
        rows_after: rows_after.lines,
        equal,
        seconds_before,
        seconds_after,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

async fn rows(rule: &Rule, lake: &LakeConfig, execution: &Execution, resources: &ResourceArgs) -> Result<Found> {
    let engine = Engine::open(&resource::options(resources), lake).await?;
    let lowered = engine.compile(rule).await?;
    let hidden = lowered.hidden;
    // Without the limit of its alerts: which of more rows they are nobody says.
    let prepared = engine.prepare(lowered, &TimeField::of(rule), execution, None).await;
    let mut run = Run::start(&prepared.map_err(|error| refused(rule, error))?)?;
    let shaper = Shaper::Rows(hidden);
    let digest = Digest::default();
    let target = Target::stream("the rows", Box::new(digest.clone()));
    let mut output = target.open(Format::Ndjson, shaper.schema(&run.schema())?, None)?;
    while let Some(batch) = run.next().await? {
        output.write(&shaper.shape(&batch)?)?;
    }
    output.finish()?;
    Ok(digest.found())
}

/// Lines, whatever their order: how many, and the sum of what each hashes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Found {
    lines: u64,
    sum: u64,
}

/// Takes text and keeps of its lines no more than tells them apart from others.
#[derive(Debug, Clone, Default)]
struct Digest(Arc<Mutex<(Vec<u8>, Found)>>);

impl Digest {
    fn found(&self) -> Found {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (line, found) = &mut *state;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let mut hasher = DefaultHasher::new();
                hasher.write(line);
                found.lines += 1;
                found.sum = found.sum.wrapping_add(hasher.finish());
                line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn found(pieces: &[&str]) -> Found {
        let mut digest = Digest::default();
        for piece in pieces {
            digest.write_all(piece.as_bytes()).unwrap();
        }
        digest.found()
    }

    #[test]
    fn the_same_lines_in_any_order_are_the_same() {
        assert_eq!(found(&["a\nb\n", "c\n"]), found(&["c\nb", "\na\n"]));
        assert_ne!(found(&["a\nb\n"]), found(&["a\nc\n"]));
        assert_ne!(found(&["a\n"]), found(&["a\na\n"]));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
