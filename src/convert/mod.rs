//! JSON and Parquet events to Parquet that is laid out for rules: a folder a day, sorted by time, a column a field.
//!
//! Rules find the same rows before and after: events are read as any query reads them, with the ids that they have there.
//! Inputs that were converted once are not read again unless they change, and a conversion that is interrupted or killed
//! goes on where it was. Memory is bounded, whatever the size and the order of the inputs.
//!
//! | file | step |
//! |---|---|
//! | `state` | what is converted already, and how far a conversion is |
//! | `stored` | fields to columns |
//! | `layout` | times to folders |
//! | `reading`, `runs` | inputs, part by part, to sorted runs |
//! | `merge`, `writing`, `parquet` | runs to the files of each folder |
//!
//! ```
//! use egret::convert::{Config, Meter, convert};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let input = folder.path().join("events.ndjson");
//! std::fs::write(&input, r#"{"@timestamp":"2026-10-01T10:00:00Z","host":{"name":"a"}}"#)?;
//! let config = Config::new(vec![input.display().to_string()], folder.path().join("lake"));
//! let runtime = tokio::runtime::Runtime::new()?;
//! let summary = runtime.block_on(convert(&config, &Meter::default()))?;
//! assert_eq!((summary.events, summary.files), (1, 1));
//! assert!(folder.path().join("lake/date=2026-10-01/events-00001-000.parquet").is_file());
//! assert_eq!(runtime.block_on(convert(&config, &Meter::default()))?.events, 0);
//! # Ok(())
//! # }
//! ```

mod layout;
mod merge;
mod parquet;
mod reading;
mod runs;
mod state;
mod stored;
mod writing;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

pub use self::layout::Partition;
use self::reading::Reading;
use self::state::{Input, Layout, Manifest, Met, Running, State, Written};
use self::stored::StoredField;
use self::writing::Writing;
use crate::engine::session::{Options, Scan, Session};
use crate::error::{Error, Kind, Result};
use crate::lake::{FileInfo, Files, INPUT, LakeConfig, OnBadLine, Table};

/// What to convert, and how.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the events are: files, folders, globs.
    pub locations: Vec<String>,
    /// The folder that they go to.
    pub output: PathBuf,
    /// The field that says when an event was.
    pub time: String,
    /// How much time a folder holds.
    pub partition: Partition,
    /// Whether documents are kept as they were, for rules that read `_source`.
    pub source: bool,
    /// Whether what was converted before is converted again, and gives way to it.
    pub anew: bool,
    /// What a line that is no document does.
    pub on_bad_line: OnBadLine,
    /// Threads that read and write.
    pub threads: NonZeroUsize,
    /// About how many bytes may be used: a part of it by events that wait to be sorted. Where it is small, what is lost in
    /// a crash is less, too.
    pub memory_limit: usize,
}

impl Config {
    /// Folders of a day of `@timestamp`, for a machine of any size.
    pub fn new(locations: Vec<String>, output: impl Into<PathBuf>) -> Self {
        Self {
            locations,
            output: output.into(),
            time: "@timestamp".to_owned(),
            partition: Partition::Day,
            source: false,
            anew: false,
            on_bad_line: OnBadLine::Skip,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            memory_limit: 1 << 30,
        }
    }

    fn layout(&self) -> Layout {
        Layout { time: self.time.clone(), partition: self.partition, source: self.source }
    }
}

/// How many bytes of events wait to be sorted, however few may be used.
const LEAST: usize = 1 << 20;
/// How many of them are worth a thread of their own.
const SHARE: usize = 1 << 24;
/// How many threads read at most: each holds more than the events that wait.
const MOST_WIDTH: usize = 4;

/// How far a conversion is; a clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    total: AtomicU64,
    bytes: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
}

/// A reading of a [`Meter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes of the inputs.
    pub total: u64,
    /// Those of them that are read.
    pub bytes: u64,
    /// Events that are read.
    pub read: u64,
    /// Events that are written.
    pub written: u64,
}

impl Meter {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { total, bytes, read, written } = &*self.0;
        Progress { total: of(total), bytes: of(bytes), read: of(read), written: of(written) }
    }

    fn begin(&self, total: u64, met: &Met) {
        self.0.total.store(total, Ordering::Relaxed);
        self.0.bytes.store(met.bytes, Ordering::Relaxed);
        self.0.read.store(met.events, Ordering::Relaxed);
        self.0.written.store(0, Ordering::Relaxed);
    }

    fn read(&self, events: u64) {
        self.0.read.fetch_add(events, Ordering::Relaxed);
    }

    fn bytes(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn written(&self, events: u64) {
        self.0.written.fetch_add(events, Ordering::Relaxed);
    }
}

/// What was converted. Field names are the keys of `--stats-file`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Events that were converted.
    pub events: u64,
    /// Inputs that were read.
    pub inputs: usize,
    /// Inputs that were converted before and have not changed since.
    pub unchanged: usize,
    /// Inputs that were converted before and were read again, since they have changed.
    pub changed: usize,
    /// Inputs that were converted before and are not among the locations; their events are kept.
    pub gone: usize,
    /// Bytes of the inputs that were read.
    pub bytes_in: u64,
    /// Bytes of the files that were written.
    pub bytes_out: u64,
    /// Files that were written.
    pub files: usize,
    /// Folders that they are in.
    pub folders: usize,
    /// Events, files and bytes of the whole output.
    pub output_events: u64,
    /// Files of the whole output.
    pub output_files: usize,
    /// Bytes of the whole output.
    pub output_bytes: u64,
    /// Lines or documents that could not be read and were skipped.
    pub bad_lines: u64,
    /// Whether a conversion that had not ended was taken up again.
    pub resumed: bool,
    /// What the user should know, one text each.
    pub warnings: Vec<String>,
}

/// Converts the events of inputs that are new or have changed.
///
/// An output that was left by a process that was killed is taken up where it was. At no time does a reader of the output
/// see an event twice or a part of a file; until the end it may miss events of files that are converted.
///
/// # Errors
/// Locations without events; an output that holds something else, was laid out in another way, or cannot be written;
/// events that cannot be read. What is complete is kept.
pub async fn convert(config: &Config, meter: &Meter) -> Result<Summary> {
    let mut files = Files::list(&config.locations)?;
    outside(config, &files)?;
    let state = State::open(&config.output)?;
    let mut manifest = state.manifest()?;
    let mut summary = Summary::default();
    if let Some(running) = unfinished(config, &state, manifest.as_ref(), &files)? {
        summary.resumed = true;
        manifest = Some(finish(config, &state, manifest, running, None, meter, &mut summary).await?);
    }
    // A conversion anew that was taken up again is the one that is asked for.
    let anew = config.anew && !summary.resumed;
    let before = manifest.clone().filter(|_| !anew);
    if let Some(before) = &before {
        same_layout(config, &before.layout)?;
    }
    let known: BTreeMap<&str, &Input> =
        before.iter().flat_map(|before| &before.inputs).map(|input| (input.location.as_str(), input)).collect();
    let all = files.iter().count();
    let others = files.others();
    let mut changed = 0;
    files.retain(|file| match known.get(file.location) {
        Some(input) if is_same(input, file) => false,
        Some(_) => {
            changed += 1;
            true
        }
        None => true,
    });
    let new = files.iter().count();
    summary.gone = known.len() - (all - new) - changed;
    if !summary.resumed {
        summary.unchanged = all - new;
        summary.changed = changed;
    }
    if others > 0 {
        let what = if others == 1 { "1 file is".to_owned() } else { format!("{others} files are") };
        summary.warnings.push(format!("{what} neither Parquet nor JSON and not converted"));
    }
    if new > 0 {
        let base = manifest.clone().unwrap_or_else(|| Manifest::new(config.layout()));
        let mut running = Running::new(&base, config.layout(), anew);
        let first = if anew { 0 } else { base.inputs.iter().map(|input| input.number + 1).max().unwrap_or(0) };
        let input = |(number, file): (i64, FileInfo<'_>)| Input {
            number,
            location: file.location.to_owned(),
            size: file.size,
            modified: file.modified.timestamp_nanos_opt().unwrap_or_default(),
        };
        running.inputs = (first..).zip(files.iter()).map(input).collect();
        let known: &[StoredField] = if anew { &[] } else { &base.fields };
        let table = open(config, files).await?;
        begin(config, &table, known, &mut running).await?;
        state.save(&running)?;
        manifest = Some(finish(config, &state, manifest, running, Some(table), meter, &mut summary).await?);
    }
    if let Some(manifest) = &manifest {
        summary.output_events = manifest.files.iter().map(|file| file.rows).sum();
        summary.output_files = manifest.files.len();
        summary.output_bytes = manifest.files.iter().map(|file| file.bytes).sum();
    }
    Ok(summary)
}

/// Refuses inputs that lie in the output.
fn outside(config: &Config, files: &Files) -> Result<()> {
    let absolute = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_default();
    let output = absolute(&config.output);
    let Some(inside) = files.iter().find(|file| absolute(file.path).starts_with(&output)) else { return Ok(()) };
    let message = format!("{}: an input lies in the output {}", inside.path.display(), config.output.display());
    Err(Error::new(Kind::Usage, message).with_help("name an output that no location holds"))
}

fn same_layout(config: &Config, before: &Layout) -> Result<()> {
    let Layout { time, partition, source } = before;
    let output = config.output.display();
    let differs = if *time != config.time {
        Some(format!("--time {time}"))
    } else if *partition != config.partition {
        Some(format!("--partition {}", partition.name()))
    } else if *source != config.source {
        Some(if *source { "--keep-source" } else { "no --keep-source" }.to_owned())
    } else {
        None
    };
    let Some(before) = differs else { return Ok(()) };
    Err(Error::new(Kind::Usage, format!("{output}: events were converted to it with {before}"))
        .with_help("ask for the same, or convert all anew with --force"))
}

fn is_same(input: &Input, file: FileInfo<'_>) -> bool {
    input.size == file.size && Some(input.modified) == file.modified.timestamp_nanos_opt()
}

/// The conversion that did not end and is taken up again; one that cannot be is taken back.
fn unfinished(config: &Config, state: &State, manifest: Option<&Manifest>, files: &Files) -> Result<Option<Running>> {
    let Some(running) = state.running(manifest)? else { return Ok(None) };
    if config.anew && !(running.anew && running.layout == config.layout()) {
        state.retract(&running)?;
        return Ok(None);
    }
    same_layout(config, &running.layout)?;
    let is_there = |input: &Input| files.iter().any(|file| file.location == input.location && is_same(input, file));
    if !running.is_read() && !running.inputs.iter().all(is_there) {
        // Nothing of it is at its place yet.
        state.end()?;
        return Ok(None);
    }
    Ok(Some(running))
}

async fn open(config: &Config, files: Files) -> Result<Table> {
    let lake = LakeConfig { on_bad_line: config.on_bad_line, strict: true, ..LakeConfig::default() };
    files.open(stored::TABLE, &lake).await
}

/// Looks through the inputs: what their fields are, and how they are read.
async fn begin(config: &Config, table: &Table, known: &[StoredField], running: &mut Running) -> Result<()> {
    let contents = table.contents().await?;
    let (fields, differing) = stored::joined(known, &contents.fields);
    running.warnings = differing;
    if contents.overflow {
        running.warnings.push("documents have more fields than are told apart; some are not converted".to_owned());
    }
    for column in table.left_out() {
        running.warnings.push(format!("column {column} is no field and not converted"));
    }
    let time = &running.layout.time;
    let is_date = |field: &&StoredField| field.field().kind == crate::lake::Kind::Date;
    if running.layout.partition != Partition::None && !fields.iter().filter(is_date).any(|field| field.name == *time) {
        let dates: Vec<&str> = fields.iter().filter(is_date).map(|field| field.name.as_str()).take(5).collect();
        let error = Error::new(Kind::Usage, format!("no event has the field '{time}' with instants"));
        return Err(error.with_help(if dates.is_empty() {
            "keep all events together with --partition none".to_owned()
        } else {
            format!("name the time of events with --time, such as {}", dates.join(", "))
        }));
    }
    running.fields = fields;
    running.units = reading::units(table, &running.inputs, (config.memory_limit / 4) as u64);
    Ok(())
}

/// Brings a conversion to its end: what is converted then. Inputs that are not read yet are those of `table`.
async fn finish(
    config: &Config,
    state: &State,
    manifest: Option<Manifest>,
    mut running: Running,
    table: Option<Table>,
    meter: &Meter,
    summary: &mut Summary,
) -> Result<Manifest> {
    let base = manifest.unwrap_or_else(|| Manifest::new(running.layout.clone()));
    let Layout { time, partition, source } = running.layout.clone();
    let schema = stored::schema(&running.fields, source);
    let at = schema.index_of(&time).ok().filter(|at| schema.field(*at).data_type().is_temporal());
    // Each thread holds events that wait to be sorted; with fewer of them more runs are merged.
    let budget = (config.memory_limit / 16).max(LEAST);
    let width = config.threads.get().min((budget / SHARE).max(1)).min(MOST_WIDTH);
    meter.begin(running.inputs.iter().map(|input| input.size).sum(), &met(&running));
    let folder = state.path("");
    if !running.is_read() {
        let table = if let Some(table) = table {
            table
        } else {
            let mut files = Files::list(&config.locations)?;
            files.retain(|file| running.inputs.iter().any(|input| input.location == file.location));
            open(config, files).await?
        };
        let options = Options {
            threads: NonZeroUsize::MIN,
            memory_limit: config.memory_limit,
            spill_dir: None,
            scan: Scan::Stock,
        };
        let reading = Reading {
            table,
            session: Session::try_new(&options)?,
            fields: running.fields.iter().map(StoredField::field).collect(),
            schema: Arc::clone(&schema),
            time: at,
            partition,
            source,
            inputs: running.inputs.clone(),
            folder: folder.clone(),
            budget: budget / width,
            meter: meter.clone(),
        };
        reading::read(reading, &mut running, state, width).await?;
    }
    if running.before.is_none() {
        running.before = Some(before(state, &base, &running)?);
        state.save(&running)?;
    }
    let output = state.output().to_owned();
    let input = schema.index_of(INPUT).ok();
    let writing = Writing {
        schema,
        time: at,
        partition,
        run: running.run,
        output,
        runs: folder,
        always: at.into_iter().chain(input).collect(),
        meter: meter.clone(),
    };
    writing::write(writing, &mut running, state, width).await?;

    let replaced = |input: &Input| running.anew || running.inputs.iter().any(|new| new.location == input.location);
    let inputs = base.inputs.iter().filter(|input| !replaced(input)).cloned().chain(running.inputs.iter().cloned());
    let published: Vec<Written> = running.published.values().flatten().cloned().collect();
    let files = running.before.iter().flatten().chain(&published).cloned();
    let manifest = Manifest::after(&running, inputs.collect(), files.collect());
    state.finish(&manifest)?;
    tell(&running, &published, summary);
    Ok(manifest)
}

/// The files of conversions before, without the events that give way to this one.
fn before(state: &State, base: &Manifest, running: &Running) -> Result<Vec<Written>> {
    if running.anew {
        base.files.iter().try_for_each(|file| writing::remove(state.output(), file))?;
        return Ok(Vec::new());
    }
    let replaced = base.inputs.iter().filter(|old| running.inputs.iter().any(|new| new.location == old.location));
    let gone: Vec<i64> = replaced.map(|input| input.number).collect();
    let mut left = Vec::with_capacity(base.files.len());
    for file in &base.files {
        if file.inputs.iter().any(|input| gone.contains(input)) {
            left.extend(writing::without(state.output(), file, &gone, &running.layout.time)?);
        } else {
            left.push(file.clone());
        }
    }
    Ok(left)
}

fn met(running: &Running) -> Met {
    let mut sum = Met::default();
    running.done.values().for_each(|done| sum.add(&done.met));
    sum
}

/// Adds what a conversion did and met.
fn tell(running: &Running, published: &[Written], summary: &mut Summary) {
    let met = met(running);
    summary.events += met.events;
    summary.bytes_in += met.bytes;
    summary.bad_lines += met.bad_lines;
    summary.inputs += running.inputs.len();
    summary.files += published.len();
    summary.folders += running.published.len();
    summary.bytes_out += published.iter().map(|file| file.bytes).sum::<u64>();
    summary.warnings.extend(running.warnings.iter().cloned());
    summary.warnings.extend(met.sample);
    let kind = |name: &str| {
        let stored = running.fields.iter().find(|field| field.name == name);
        stored.map_or("its type", |field| field.field().kind.name())
    };
    for (name, (count, example)) in &met.refused {
        summary.warnings.push(format!(
            "`{name}`: {count} value{} not of type {} and left out, such as `{example}`; `_ignored` names the field",
            if *count == 1 { " is" } else { "s are" },
            kind(name),
        ));
    }
    for (name, count) in &met.several {
        summary.warnings.push(format!(
            "`{name}`: {count} events hold several values and are kept without them: the files changed while they were \
             read; convert anew with --force"
        ));
    }
}

/// The failure of reading or writing a file of the output.
fn unwritable(path: &Path, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Output, format!("{}: cannot be written: {cause}", path.display())).with_source(cause)
}

/// The failure of making or reading batches of a file of the output.
fn broken(path: &Path, cause: datafusion::arrow::error::ArrowError) -> Error {
    Error::new(Kind::Output, format!("{}: {cause}", path.display())).with_source(cause)
}
