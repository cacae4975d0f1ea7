//! `egret bench`: the same work on the same events, done by Egret and by its peers, interleaved, with equal answers.
//!
//! | file | what |
//! |---|---|
//! | `work` | what is done: `works.toml` and the queries beside it |
//! | `data` | the events: generated or taken, and what queries need to know of them |
//! | `contender` | one run of one program |
//! | `results` | medians, ratios, the table |
//! | `chart` | the table as a picture |

mod chart;
mod contender;
mod data;
mod results;
mod work;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use self::contender::{Contender, Limits, Sample, Venv};
use self::data::Data;
use self::results::{Line, Results};
use self::work::Work;
use super::args::{ResourceArgs, ScanArg};
use super::report::Console;
use super::resource;
use crate::alert::sink::Staged;
use crate::error::{Error, Kind, Result};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret bench --rows 4000000
  egret bench month hour --data /big/events --rounds 9 --results benches
  egret bench --contenders egret-stock --rows 100000

Events are generated into --data unless they are there: daily/ and single.parquet (one column a field), events.ndjson.
Peers are installed with pip into an environment of their own below --data. Their queries stand beside --peers/run.py.
The table compares Egret's whole process with the query of a peer alone, without the start of Python and of the engine,
but where the work says otherwise. A contender that fails, or whose rows differ from Egret's, is not in it, and makes the
exit code 1.")]
pub(super) struct BenchArgs {
    /// What to do, from works.toml [default: all]
    works: Vec<String>,
    /// Folder of the events
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    data: PathBuf,
    /// Parquet events to generate where there are none
    #[arg(long, default_value_t = 4_000_000)]
    rows: u64,
    /// JSON events to generate where there are none [default: a twentieth of --rows]
    #[arg(long, value_name = "ROWS")]
    json_rows: Option<u64>,
    /// How often everything is done
    #[arg(long, default_value_t = NonZeroUsize::MIN.saturating_add(4))]
    rounds: NonZeroUsize,
    /// Who takes part beside egret, by the names of query files, and egret-stock [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    contenders: Vec<String>,
    /// Folder of works.toml, run.py and the queries
    #[arg(long, value_name = "DIR", default_value = "benches/peers")]
    peers: PathBuf,
    /// The Python that makes the environment of the peers
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// Folder for RESULTS.md and RESULTS.svg
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
}

/// Runs all works; the result is the exit code.
pub(super) fn bench(args: &BenchArgs, resources: &ResourceArgs, console: Console) -> Result<u8> {
    if resources.scan != ScanArg::default() {
        return Err(Error::new(Kind::Usage, "--scan does not go with bench, which runs both")
            .with_help("leave it out; the contender egret-stock runs --scan stock"));
    }
    let started = Instant::now();
    let works = work::load(&args.peers, &args.works)?;
    contender::known(&works, &args.contenders)?;
    let limits = Limits { threads: resource::threads(resources), memory: resources.memory_limit };
    let data = Data::open(args, console)?;
    let mut bench =
        Bench { args, limits, end: resources.timeout.map(|limit| started + limit), data, venv: None, console };
    let mut results = Results::new(limits, &bench.data);
    let mut differ = false;
    for work in &works {
        if let Some(field) = work.field.as_deref().filter(|field| !bench.data.has(field)) {
            console.warning(&format!("{}: skipped, the events have no `{field}`", work.name));
            continue;
        }
        let lines = bench.run(work)?;
        differ |= lines.iter().any(|line| line.differs);
        results.add(work, &lines);
    }
    super::report::print(&results.table())?;
    if let Some(folder) = &args.results {
        write(&folder.join("RESULTS.md"), &results.document())?;
        write(&folder.join("RESULTS.svg"), &chart::draw(&results))?;
    }
    Ok(u8::from(differ))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |e| Error::new(Kind::Output, format!("{}: cannot be written", path.display())).with_source(e);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let staged = Staged::create(path, true)?;
    std::io::Write::write_all(&mut staged.writer()?, text.as_bytes()).map_err(failed)?;
    staged.commit()
}

/// What all works share.
struct Bench<'a> {
    args: &'a BenchArgs,
    limits: Limits,
    /// When `--timeout` is over.
    end: Option<Instant>,
    data: Data,
    /// Made when the first peer runs.
    venv: Option<Venv>,
    console: Console,
}

impl Bench<'_> {
    /// All rounds of a work: everyone once a round, each round another first.
    fn run(&mut self, work: &Work) -> Result<Vec<Line>> {
        let asked = &self.args.contenders;
        // All are compared with Egret.
        let wanted =
            |contender: &Contender| contender.is_egret() || asked.is_empty() || asked.contains(&contender.name);
        let contenders: Vec<Contender> = contender::of(work)?.into_iter().filter(wanted).collect();
        if self.venv.is_none() && contenders.iter().any(Contender::is_peer) {
            self.venv = Some(Venv::open(self.args, self.console)?);
        }
        let mut lines: Vec<Line> = contenders.iter().map(|contender| Line::new(&contender.name)).collect();
        for round in 0..self.args.rounds.get() {
            for turn in 0..contenders.len() {
                let at = (turn + round) % contenders.len();
                let (Some(contender), Some(line)) = (contenders.get(at), lines.get_mut(at)) else { continue };
                if line.differs {
                    continue;
                }
                if self.end.is_some_and(|end| Instant::now() > end) {
                    return Err(Error::new(Kind::Resource, "the time limit is over; no results are written")
                        .with_help("raise --timeout, or ask for fewer works, contenders or rounds"));
                }
                match contender.run(work, &self.data, self.limits, self.venv.as_ref()) {
                    Ok(sample) => {
                        self.told(work, round, &contender.name, &sample);
                        line.add(sample);
                    }
                    Err(error) => {
                        self.console.error(&error);
                        line.differs = true;
                    }
                }
            }
        }
        results::compare(&mut lines, work, self.console);
        Ok(lines)
    }

    fn told(&self, work: &Work, round: usize, name: &str, sample: &Sample) {
        let (rounds, seconds) = (self.args.rounds, sample.seconds);
        self.console.note(&format!("{} {}/{rounds} {name}: {seconds:.3} s", work.name, round + 1));
    }
}
