//! One run of one program: Egret as a process, a peer through `run.py`.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Deserialize;
use serde_json::Value;

use super::BenchArgs;
use super::data::Data;
use super::work::{Work, filled};
use crate::cli::report::Console;
use crate::error::{Error, Kind, Result};

/// The name of Egret's own query, and of Egret.
const EGRET: &str = "egret";
/// Egret with DataFusion's scan of Parquet files.
const STOCK: &str = "egret-stock";

/// What a run may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) threads: NonZeroUsize,
    /// Bytes that Egret's operators may hold; peers have limits of their own.
    pub(super) memory: usize,
}

/// What a run took and gave.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Sample {
    pub(super) version: String,
    /// The query alone; of Egret, the whole process.
    pub(super) seconds: f64,
    /// The whole process.
    #[serde(default)]
    pub(super) process_seconds: f64,
    pub(super) peak_memory_bytes: u64,
    /// Rows as lists of values.
    pub(super) rows: Vec<Vec<Value>>,
}

/// Who takes part in a work.
#[derive(Debug, Clone)]
pub(super) struct Contender {
    pub(super) name: String,
    query: PathBuf,
}

/// Those who have a query, Egret first, and Egret with DataFusion's scan where the work reads Parquet.
pub(super) fn of(work: &Work) -> Result<Vec<Contender>> {
    let mut queries = work.queries()?;
    let Some(own) = queries.remove(EGRET) else {
        return Err(Error::new(Kind::Input, format!("{}: no query egret.sql to compare with", work.name)));
    };
    let egret = |name: &str| Contender { name: name.to_owned(), query: own.clone() };
    let mut all = vec![egret(EGRET)];
    if work.events != super::work::Events::Json {
        all.push(egret(STOCK));
    }
    all.extend(queries.into_iter().map(|(name, query)| Contender { name, query }));
    Ok(all)
}

/// Whether some work has a query of each of those who are asked for.
///
/// # Errors
/// Names who takes part in none.
pub(super) fn known(works: &[Work], asked: &[String]) -> Result<()> {
    let mut names = BTreeSet::new();
    for work in works {
        names.extend(of(work)?.into_iter().map(|contender| contender.name));
    }
    let Some(unknown) = asked.iter().find(|name| !names.contains(*name)) else { return Ok(()) };
    let names: Vec<String> = names.into_iter().collect();
    Err(Error::new(Kind::Usage, format!("no contender is named `{unknown}`"))
        .with_help(format!("these works have {}", names.join(", "))))
}

impl Contender {
    /// Whether it is what all are compared with.
    pub(super) fn is_egret(&self) -> bool {
        self.name == EGRET
    }

    /// Whether it is another program.
    pub(super) fn is_peer(&self) -> bool {
        !matches!(self.name.as_str(), EGRET | STOCK)
    }

    /// Runs the query once.
    pub(super) fn run(&self, work: &Work, data: &Data, limits: Limits, venv: Option<&Venv>) -> Result<Sample> {
        let query = filled(&self.query, &data.facts(work))?;
        match venv {
            Some(venv) if self.is_peer() => self.peer(&query, work, data, limits, venv),
            _ => self.own(&query, work, data, limits),
        }
    }

    fn own(&self, query: &str, work: &Work, data: &Data, limits: Limits) -> Result<Sample> {
        let folder =
            tempfile::tempdir().map_err(|e| Error::new(Kind::Resource, "no temporary folder").with_source(e))?;
        let (file, stats) = (folder.path().join("query.sql"), folder.path().join("stats.json"));
        std::fs::write(&file, query).map_err(|e| self.failed("its query cannot be written").with_source(e))?;
        let mut command = Command::new(std::env::current_exe().map_err(|e| self.failed("it is gone").with_source(e))?);
        if work.replay {
            command.arg("backtest").arg(&file).args(["--interval", "1h", "--lookback", "61m"]);
            command.arg("--from").arg(data.start()).arg("--to").arg(data.end());
        } else {
            command.arg("sql").arg("--file").arg(&file);
        }
        command.arg("--events").arg(data.path(work.events)).args(["--format", "ndjson", "--quiet", "--stats-file"]);
        command.arg(&stats).arg("--threads").arg(limits.threads.to_string());
        command.arg("--memory-limit").arg(limits.memory.to_string());
        if self.name == STOCK {
            command.args(["--scan", "stock"]);
        }
        let (text, seconds) = self.timed(command, "")?;
        let rows = text.lines().map(|line| match serde_json::from_str(line) {
            Ok(Value::Object(row)) => Ok(row.into_iter().map(|(_, value)| plain(value)).collect()),
            _ => Err(self.failed(&format!("this is no row: {line}"))),
        });
        let peak = || -> Option<u64> {
            let stats: Value = serde_json::from_str(&std::fs::read_to_string(&stats).ok()?).ok()?;
            let of = stats.as_object()?.values().next()?;
            of.get(0).unwrap_or(of).get("peak_memory_bytes")?.as_u64()
        };
        Ok(Sample {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seconds,
            process_seconds: seconds,
            peak_memory_bytes: peak().unwrap_or(0),
            rows: rows.collect::<Result<_>>()?,
        })
    }

    fn peer(&self, query: &str, work: &Work, data: &Data, limits: Limits, venv: &Venv) -> Result<Sample> {
        let mut command = Command::new(&venv.python);
        command.arg(&venv.runner).arg(&self.name).arg(data.glob(work.events));
        command.arg(limits.threads.to_string());
        let (text, seconds) = self.timed(command, query)?;
        let last = text.lines().last().unwrap_or_default();
        let mut sample: Sample =
            serde_json::from_str(last).map_err(|e| self.failed("its answer cannot be read").with_source(e))?;
        sample.process_seconds = seconds;
        sample.rows.iter_mut().flatten().for_each(|value| *value = plain(value.take()));
        Ok(sample)
    }

    /// What a process wrote, and its wall time in seconds.
    fn timed(&self, mut command: Command, stdin: &str) -> Result<(String, f64)> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = Instant::now();
        let mut child = command.spawn().map_err(|e| self.failed("it does not start").with_source(e))?;
        if let Some(mut pipe) = child.stdin.take() {
            // A process that fails before it reads tells why below.
            let _ = pipe.write_all(stdin.as_bytes());
        }
        let output = child.wait_with_output().map_err(|e| self.failed("it was lost").with_source(e))?;
        let seconds = start.elapsed().as_secs_f64();
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            return Err(self.failed(&format!("{}\n{}", output.status, told.trim_end())));
        }
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), seconds))
    }

    fn failed(&self, why: &str) -> Error {
        Error::new(Kind::Engine, format!("{} cannot be measured: {why}", self.name))
    }
}

/// A value as all contenders write it: whole numbers as such, instants to the second, lists in one order.
fn plain(value: Value) -> Value {
    match value {
        Value::Array(values) => {
            let mut values: Vec<Value> = values.into_iter().map(plain).collect();
            values.sort_by_key(Value::to_string);
            Value::Array(values)
        }
        Value::String(text) => Value::String(text.strip_suffix(".000Z").map(|at| format!("{at}Z")).unwrap_or(text)),
        other => other,
    }
}

/// Where the peers are installed.
#[derive(Debug, Clone)]
pub(super) struct Venv {
    python: PathBuf,
    runner: PathBuf,
}

impl Venv {
    /// The environment below the data, made where it is not there yet.
    pub(super) fn open(args: &BenchArgs, console: Console) -> Result<Self> {
        let folder = args.data.join("venv");
        let (python, runner) = (folder.join("bin/python"), args.peers.join("run.py"));
        // Written last: an environment without it is not whole.
        let (requirements, installed) = (args.peers.join("requirements.txt"), folder.join("requirements.txt"));
        let same = |a: &Path, b: &Path| std::fs::read(a).ok().is_some_and(|a| Some(a) == std::fs::read(b).ok());
        if !same(&requirements, &installed) {
            console.note(&format!("installing peers into {}", folder.display()));
            step(Command::new(&args.python).args(["-m", "venv", "--clear"]).arg(&folder))?;
            step(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements))?;
            std::fs::copy(&requirements, &installed).map_err(|e| {
                Error::new(Kind::Output, format!("{}: cannot be written", installed.display())).with_source(e)
            })?;
        }
        Ok(Self { python, runner })
    }
}

/// Runs a step of the installation.
fn step(command: &mut Command) -> Result<()> {
    let failed = |why: String| {
        Error::new(Kind::Resource, format!("peers cannot be installed: {why}"))
            .with_help("peers need Python 3.11 with venv and pip; `--contenders egret-stock` runs without them")
    };
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| failed(format!("{name}: {e}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim_end())))
}
