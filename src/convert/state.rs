//! What a conversion has done, kept beside its output: it goes on from there, also after a crash.
//!
//! The folder `_egret` of the output, which no reader of the lake looks into, holds
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | the inputs that were converted, the files that hold their events, the types of fields |
//! | `running.json` | how far the conversion is that did not end yet |
//! | `*.arrow` | its events, sorted, on their way |
//! | `lock` | held by the process that writes |
//!
//! Each of the first two is replaced whole; whatever is cut short leaves the state before it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::layout::{self, Partition};
use super::runs::RunFile;
use super::stored::StoredField;
use super::unwritable;
use crate::error::{Error, Kind, Result};

/// The layout of the folder; another one is not read.
const VERSION: u32 = 1;

const FOLDER: &str = "_egret";
const MANIFEST: &str = "manifest.json";
const RUNNING: &str = "running.json";

/// How events are laid out; the same for all files of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layout {
    /// The field whose instants sort events and name folders.
    pub(super) time: String,
    pub(super) partition: Partition,
    /// Whether documents are kept as they were.
    pub(super) source: bool,
}

/// A file that was converted, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    /// What its events have in the column of inputs.
    pub(super) number: i64,
    pub(super) location: String,
    pub(super) size: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i64,
}

/// A file of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    /// Below the output.
    pub(super) path: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// The numbers of the inputs that its events come from.
    pub(super) inputs: Vec<i64>,
}

/// What was converted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    pub(super) layout: Layout,
    /// How many conversions have ended.
    pub(super) runs: u32,
    pub(super) fields: Vec<StoredField>,
    pub(super) inputs: Vec<Input>,
    pub(super) files: Vec<Written>,
}

impl Manifest {
    pub(super) fn new(layout: Layout) -> Self {
        Self { version: VERSION, layout, runs: 0, fields: Vec::new(), inputs: Vec::new(), files: Vec::new() }
    }

    /// What is converted when `running` has ended.
    pub(super) fn after(running: &Running, inputs: Vec<Input>, files: Vec<Written>) -> Self {
        let (layout, fields) = (running.layout.clone(), running.fields.clone());
        Self { version: VERSION, layout, runs: running.run, fields, inputs, files }
    }
}

/// What the reading of events met; the same facts whether it was interrupted or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Met {
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) bad_lines: u64,
    /// The first of them.
    pub(super) sample: Vec<String>,
    /// Values of a field that are not of its type, and one of them.
    pub(super) refused: BTreeMap<String, (u64, String)>,
    /// Events that hold several values of a field of which all were seen to hold one.
    pub(super) several: BTreeMap<String, u64>,
}

impl Met {
    /// How many bad lines are told.
    const SAMPLE: usize = 10;

    pub(super) fn add(&mut self, more: &Self) {
        self.events += more.events;
        self.bytes += more.bytes;
        self.bad_lines += more.bad_lines;
        let room = Self::SAMPLE.saturating_sub(self.sample.len());
        self.sample.extend(more.sample.iter().take(room).cloned());
        for (name, (count, example)) in &more.refused {
            self.refused.entry(name.clone()).or_insert_with(|| (0, example.clone())).0 += count;
        }
        for (name, count) in &more.several {
            *self.several.entry(name.clone()).or_default() += count;
        }
    }
}

/// A part of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) input: i64,
    /// Which of its bytes; all where it is missing.
    pub(super) range: Option<(u64, u64)>,
}

/// What is read and sorted at once, and then counts.
pub(super) type Unit = Vec<Piece>;

/// A unit that was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) met: Met,
    pub(super) runs: Vec<RunFile>,
}

/// A conversion that has not ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Running {
    version: u32,
    pub(super) layout: Layout,
    /// Its number; those that have ended have lower ones.
    pub(super) run: u32,
    /// Whether everything that was converted before gives way to it.
    pub(super) anew: bool,
    pub(super) fields: Vec<StoredField>,
    /// The inputs that it converts.
    pub(super) inputs: Vec<Input>,
    /// What there is to tell of them.
    pub(super) warnings: Vec<String>,
    pub(super) units: Vec<Unit>,
    /// The units that are read.
    pub(super) done: BTreeMap<usize, Done>,
    /// The files of conversions before, once the events of inputs that have changed since are out of them.
    pub(super) before: Option<Vec<Written>>,
    /// The files that are at their places, by folder.
    pub(super) published: BTreeMap<String, Vec<Written>>,
}

impl Running {
    pub(super) fn new(manifest: &Manifest, layout: Layout, anew: bool) -> Self {
        Self {
            version: VERSION,
            layout,
            run: manifest.runs + 1,
            anew,
            fields: Vec::new(),
            inputs: Vec::new(),
            warnings: Vec::new(),
            units: Vec::new(),
            done: BTreeMap::new(),
            before: None,
            published: BTreeMap::new(),
        }
    }

    /// Whether all events are read: from here on inputs do not matter.
    pub(super) fn is_read(&self) -> bool {
        self.done.len() == self.units.len()
    }
}

/// The folder of a conversion's state, held by this process alone.
#[derive(Debug)]
pub(super) struct State {
    output: PathBuf,
    folder: PathBuf,
    _lock: File,
}

impl State {
    /// The state of the output `output`, which is made where it does not exist.
    pub(super) fn open(output: &Path) -> Result<Self> {
        let folder = output.join(FOLDER);
        if output.exists() && !output.is_dir() {
            return Err(Error::new(Kind::Output, format!("{}: found a file, expected a folder", output.display())));
        }
        if output.is_dir() && !folder.is_dir() {
            let mut entries = fs::read_dir(output).map_err(|e| unwritable(output, e))?;
            if entries.next().is_some() {
                let message = format!("{}: the folder is not empty and nothing was converted to it", output.display());
                return Err(Error::new(Kind::Output, message).with_help("name a folder that is empty or not there yet"));
            }
        }
        fs::create_dir_all(&folder).map_err(|e| unwritable(&folder, e))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(|e| unwritable(&path, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("{}: another process converts events to it", output.display());
                return Err(Error::new(Kind::Output, message).with_help("wait until it has ended"));
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(&path, error)),
        }
        Ok(Self { output: output.to_owned(), folder, _lock: lock })
    }

    pub(super) fn output(&self) -> &Path {
        &self.output
    }

    /// The place of a file of this folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn manifest(&self) -> Result<Option<Manifest>> {
        let found: Option<Manifest> = self.read(MANIFEST)?;
        found.map(|found| self.of_this_version(found.version, found)).transpose()
    }

    /// The conversion that did not end; one that did is cleaned up.
    pub(super) fn running(&self, manifest: Option<&Manifest>) -> Result<Option<Running>> {
        let found: Option<Running> = self.read(RUNNING)?;
        let Some(found) = found else {
            self.remove_all_but(&[])?;
            return Ok(None);
        };
        let found = self.of_this_version(found.version, found)?;
        if manifest.is_some_and(|manifest| manifest.runs >= found.run) {
            self.end()?;
            return Ok(None);
        }
        let runs = found.done.values().flat_map(|done| &done.runs);
        self.remove_all_but(&runs.map(|run| run.name.as_str()).collect::<Vec<_>>())?;
        self.remove_unfinished()?;
        Ok(Some(found))
    }

    pub(super) fn save(&self, running: &Running) -> Result<()> {
        self.write(RUNNING, running)
    }

    /// Makes a conversion count.
    pub(super) fn finish(&self, manifest: &Manifest) -> Result<()> {
        self.write(MANIFEST, manifest)?;
        self.end()
    }

    /// Forgets the conversion that runs.
    pub(super) fn end(&self) -> Result<()> {
        let path = self.path(RUNNING);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(&path, error)),
            _ => {}
        }
        self.remove_all_but(&[])
    }

    fn remove_all_but(&self, kept: &[&str]) -> Result<()> {
        for entry in fs::read_dir(&self.folder).map_err(|e| unwritable(&self.folder, e))? {
            let path = entry.map_err(|e| unwritable(&self.folder, e))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".arrow") && !kept.contains(&name) {
                fs::remove_file(&path).map_err(|e| unwritable(&path, e))?;
            }
        }
        Ok(())
    }

    /// Removes what a process that was killed had begun to write into the output's folders.
    fn remove_unfinished(&self) -> Result<()> {
        for entry in walkdir::WalkDir::new(&self.output).min_depth(1).max_depth(3) {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name().to_string_lossy();
            if name.starts_with(".egret-") && name.ends_with(".part") && entry.file_type().is_file() {
                fs::remove_file(entry.path()).map_err(|e| unwritable(entry.path(), e))?;
            }
        }
        Ok(())
    }

    fn of_this_version<T>(&self, version: u32, found: T) -> Result<T> {
        if version == VERSION {
            return Ok(found);
        }
        let message = format!("{}: found version {version}, expected {VERSION}", self.folder.display());
        Err(Error::new(Kind::Input, message).with_help("convert to another folder"))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let path = self.path(name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unwritable(&path, error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Error::new(Kind::Input, format!("{}: no state of a conversion", path.display()))
                .with_source(error)
                .with_help("convert to another folder")
        })
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        let write = || {
            let mut file = io::BufWriter::new(File::create(&new)?);
            serde_json::to_writer(&mut file, value)?;
            file.flush()?;
            file.get_ref().sync_all()?;
            fs::rename(&new, &path)?;
            // The name must be on the disk as well as the bytes.
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error: io::Error| unwritable(&path, error))
    }

    /// Removes the files that a conversion has put to their places, since it begins again.
    pub(super) fn retract(&self, running: &Running) -> Result<()> {
        let begins = layout::prefix(running.run);
        for entry in walkdir::WalkDir::new(&self.output).min_depth(1).max_depth(3) {
            let Ok(entry) = entry else { continue };
            if entry.file_type().is_file() && entry.file_name().to_string_lossy().starts_with(&begins) {
                fs::remove_file(entry.path()).map_err(|e| unwritable(entry.path(), e))?;
            }
        }
        self.end()
    }
}
