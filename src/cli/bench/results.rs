//! What was measured: medians, ratios to Egret in the same round, their spread; as a table and as a document.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::num::NonZeroUsize;

use indicatif::{HumanBytes, HumanCount};
use serde_json::Value;

use super::contender::{Limits, Sample};
use super::data::Data;
use super::work::Work;
use crate::cli::report::Console;

/// What a contender took in all rounds of a work.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: String,
    samples: Vec<Sample>,
    /// It failed, or its rows are not Egret's: it is in no table.
    pub(super) differs: bool,
}

impl Line {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), samples: Vec::new(), differs: false }
    }

    pub(super) fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    fn seconds(&self, process: bool) -> Vec<f64> {
        self.samples.iter().map(|sample| if process { sample.process_seconds } else { sample.seconds }).collect()
    }
}

/// Marks the lines whose rows, in any round, are others than those of the first, and tells where they begin to differ.
pub(super) fn compare(lines: &mut [Line], work: &Work, console: Console) {
    let Some(expected) = lines.first().and_then(|line| line.samples.first()).map(|sample| sorted(&sample.rows)) else {
        // There is nothing to compare with.
        for line in lines {
            line.differs = true;
        }
        return;
    };
    if expected.is_empty() {
        console.warning(&format!("{}: there is no row; equal answers say little", work.name));
    }
    for line in lines {
        for (round, sample) in line.samples.iter().enumerate() {
            let found = sorted(&sample.rows);
            if found != expected {
                let at =
                    found.iter().zip(&expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
                let show = |rows: &[String]| rows.get(at).cloned().unwrap_or_else(|| "no row".to_owned());
                console.warning(&format!(
                    "{}: {} gives other rows in round {}: {} rows, expected {}; row {} is {}, expected {}",
                    work.name,
                    line.name,
                    round + 1,
                    found.len(),
                    expected.len(),
                    at + 1,
                    show(&found),
                    show(&expected),
                ));
                line.differs = true;
                break;
            }
        }
    }
}

fn sorted(rows: &[Vec<Value>]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|row| Value::from(row.clone()).to_string()).collect();
    rows.sort_unstable();
    rows
}

/// A contender in a work, as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) seconds: f64,
    /// Median of the ratios to Egret in the same round, and the least and greatest of them.
    pub(super) ratio: f64,
    least: f64,
    greatest: f64,
    peak: u64,
}

/// A work, as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Group {
    name: String,
    pub(super) title: String,
    rows: usize,
    pub(super) figures: Vec<Figure>,
}

/// All that was measured.
#[derive(Debug)]
pub(super) struct Results {
    limits: Limits,
    events: u64,
    rounds: usize,
    versions: BTreeMap<String, String>,
    pub(super) groups: Vec<Group>,
}

impl Results {
    pub(super) fn new(limits: Limits, data: &Data) -> Self {
        Self { limits, events: data.events, rounds: 0, versions: BTreeMap::new(), groups: Vec::new() }
    }

    /// Takes over the lines of a work whose rows are equal.
    pub(super) fn add(&mut self, work: &Work, lines: &[Line]) {
        let Some(first) = lines.first() else { return };
        let base = first.seconds(work.process);
        let rows = first.samples.first().map_or(0, |sample| sample.rows.len());
        self.rounds = base.len();
        let mut figures: Vec<Figure> = Vec::new();
        for line in lines.iter().filter(|line| !line.differs) {
            let seconds = line.seconds(work.process);
            let ratios: Vec<f64> = seconds.iter().zip(&base).map(|(seconds, base)| seconds / base).collect();
            figures.push(Figure {
                name: line.name.clone(),
                seconds: median(&seconds),
                ratio: median(&ratios),
                least: ratios.iter().copied().fold(f64::INFINITY, f64::min),
                greatest: ratios.iter().copied().fold(0.0, f64::max),
                peak: line.samples.iter().map(|sample| sample.peak_memory_bytes).max().unwrap_or(0),
            });
            if let Some(sample) = line.samples.first() {
                let engine = line.name.split('-').next().unwrap_or_default();
                self.versions.insert(engine.to_owned(), sample.version.clone());
            }
        }
        figures.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
        if figures.is_empty() {
            return;
        }
        self.groups.push(Group { name: work.name.clone(), title: work.title.clone(), rows, figures });
    }

    /// The table, in Markdown.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        for group in &self.groups {
            let _ = writeln!(text, "\n**{}** ({}), {} rows\n", group.name, group.title, group.rows);
            text += "| | median, s | times Egret | least to greatest | peak memory |\n|---|---|---|---|---|\n";
            for figure in &group.figures {
                let Figure { name, seconds, ratio, least, greatest, peak } = figure;
                let peak = HumanBytes(*peak);
                let _ = writeln!(text, "| {name} | {seconds:.3} | {ratio:.2} | {least:.2} to {greatest:.2} | {peak} |");
            }
        }
        text.trim_start().to_owned()
    }

    /// The table with all that is needed to judge it.
    pub(super) fn document(&self) -> String {
        let versions: Vec<String> = self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        format!(
            "# Results\n\nWritten by `egret bench`: {} events in Parquet, {} threads, rounds: {}, everyone once a round, each \
             round another first. The rows\nof all contenders in a table are equal. Of Egret the whole process is timed, \
             of its peers the query alone, but where the\ntitle says whole processes. A ratio is that of one round; \
             the table has the median of the ratios. Peak memory is resident\nmemory, mapped files included; Egret's operators may hold {}.\n\n\
             - Hardware: {}\n- Versions: {}\n\n![times Egret](RESULTS.svg)\n\n{}",
            HumanCount(self.events),
            self.limits.threads,
            self.rounds,
            HumanBytes(self.limits.memory as u64),
            hardware(),
            versions.join(", "),
            self.table(),
        )
    }
}

/// The processor and the memory, where the system tells.
fn hardware() -> String {
    let value = |file: &str, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processor = value("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let memory = value("/proc/meminfo", "MemTotal").and_then(|text| text.split_once(' ')?.0.parse::<u64>().ok());
    let memory = memory.map_or_else(String::new, |kib| format!(", {} memory", HumanBytes(kib * 1024)));
    format!("{processor}, {cores} cores{memory}, {}", std::env::consts::OS)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { at(half) } else { f64::midpoint(at(half.saturating_sub(1)), at(half)) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;

    fn line(name: &str, seconds: &[f64], rows: &Value) -> Line {
        let rows: Vec<Vec<Value>> = serde_json::from_value(rows.clone()).unwrap();
        let sample = |seconds: &f64| Sample {
            version: "1".to_owned(),
            seconds: *seconds,
            process_seconds: 9.0,
            peak_memory_bytes: 1024,
            rows: rows.clone(),
        };
        Line { name: name.to_owned(), samples: seconds.iter().map(sample).collect(), differs: false }
    }

    #[test]
    fn medians_are_of_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn other_rows_are_in_no_table() {
        let work = serde_json::json!({ "name": "w", "title": "t", "queries": "w", "events": "daily" });
        let work: Work = serde_json::from_value(work).unwrap();
        let rows = serde_json::json!([["a", 1], ["b", 2]]);
        let swapped = serde_json::json!([["b", 2], ["a", 1]]);
        let other = serde_json::json!([["a", 1], ["b", 3]]);
        let mut lines = vec![
            line("egret", &[1.0, 2.0], &rows),
            line("same", &[2.0, 6.0], &swapped),
            line("other", &[0.1, 0.1], &other),
        ];
        compare(&mut lines, &work, Console::new(true));
        assert_eq!(lines.iter().map(|line| line.differs).collect::<Vec<_>>(), [false, false, true]);
        let limits = Limits { threads: NonZeroUsize::MIN, memory: 1 << 30 };
        let mut results = Results { limits, events: 2, rounds: 0, versions: BTreeMap::new(), groups: Vec::new() };
        results.add(&work, &lines);
        let table = results.table();
        assert!(table.contains("| same | 4.000 | 2.50 | 2.00 to 3.00 |") && !table.contains("other"), "{table}");
        assert!(results.document().contains("Versions: egret 1, same 1"));
    }
}
