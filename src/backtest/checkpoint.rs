//! What a replay has done so far, kept on disk: it goes on from there, also after a crash.
//!
//! A folder holds `state.json` and one Arrow file for the rows of each stretch of executions. A stretch counts only
//! once `state.json` names it, and that file is replaced whole: whatever is cut short leaves the state before it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::FileReader;
use datafusion::arrow::ipc::writer::FileWriter;
use serde::{Deserialize, Serialize};

use super::meter::Progress;
use super::tally::Saved;
use crate::error::{Error, Kind, Result};

/// The layout of the folder; another one is not read.
const VERSION: u32 = 1;

const STATE: &str = "state.json";

/// A replay's state on disk.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    state: State,
    part: Option<Part>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    version: u32,
    /// What the replay was asked for: one that was asked for something else cannot go on from here.
    asked: Vec<(String, String)>,
    /// Executions that are complete.
    completed: u64,
    /// Files of rows, in order.
    parts: Vec<String>,
    tally: Option<Saved>,
    progress: Progress,
}

/// A file of rows that is being written.
struct Part {
    name: String,
    writer: FileWriter<File>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Part").field(&self.name).finish()
    }
}

impl Checkpoint {
    /// An empty one in `folder`, in place of any that lies there; `asked` names what the replay was asked for.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn create(folder: &Path, asked: Vec<(String, String)>) -> Result<Self> {
        discard(folder)?;
        fs::create_dir_all(folder).map_err(|e| failed(folder, "cannot be made", e))?;
        let progress = Progress::default();
        let state = State { version: VERSION, asked, completed: 0, parts: Vec::new(), tally: None, progress };
        let checkpoint = Self { folder: folder.to_owned(), state, part: None };
        checkpoint.write_state()?;
        Ok(checkpoint)
    }

    /// The one in `folder`; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read, or was asked for something else.
    pub fn open(folder: &Path, asked: &[(String, String)]) -> Result<Option<Self>> {
        let path = folder.join(STATE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, "cannot be read", error)),
        };
        let anew = "begin anew with --force instead of --resume";
        let state: State = serde_json::from_str(&text).map_err(|e| {
            Error::new(Kind::Input, format!("{}: no state of a replay", path.display())).with_source(e).with_help(anew)
        })?;
        if state.version != VERSION {
            let message = format!("{}: found version {}, expected {VERSION}", path.display(), state.version);
            return Err(Error::new(Kind::Input, message).with_help(anew));
        }
        let differs = asked.iter().find(|pair| !state.asked.contains(pair));
        if let Some((name, now)) = differs {
            let before = state.asked.iter().find(|(known, _)| known == name).map_or("nothing", |(_, before)| before);
            let message = format!("{}: this replay had {name} {before}, now it is {now}", folder.display());
            return Err(Error::new(Kind::Usage, message).with_help(anew));
        }
        Ok(Some(Self { folder: folder.to_owned(), state, part: None }))
    }

    /// How many executions are complete.
    pub const fn completed(&self) -> u64 {
        self.state.completed
    }

    /// The sums over the executions that are complete.
    pub const fn tally(&self) -> Option<&Saved> {
        self.state.tally.as_ref()
    }

    /// What the scans did so far.
    pub const fn progress(&self) -> Progress {
        self.state.progress
    }

    /// Adds rows; they count with the next [`save`](Self::save).
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn write(&mut self, schema: &SchemaRef, batch: &RecordBatch) -> Result<()> {
        if self.part.is_none() {
            let name = format!("rows-{:05}.arrow", self.state.parts.len());
            let path = self.folder.join(&name);
            let file = File::create(&path).map_err(|e| failed(&path, "cannot be written", e))?;
            let writer = FileWriter::try_new(file, schema).map_err(|e| broken(&path, e))?;
            self.part = Some(Part { name, writer });
        }
        if let Some(part) = &mut self.part {
            part.writer.write(batch).map_err(|e| broken(&self.folder.join(&part.name), e))?;
        }
        Ok(())
    }

    /// Makes the rows since the last call count, as those of all executions up to `completed`.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn save(&mut self, completed: u64, tally: Saved, progress: Progress) -> Result<()> {
        if let Some(Part { name, mut writer }) = self.part.take() {
            let path = self.folder.join(&name);
            writer.finish().map_err(|e| broken(&path, e))?;
            writer.get_ref().sync_all().map_err(|e| failed(&path, "cannot be written", e))?;
            self.state.parts.push(name);
        }
        self.state.completed = completed;
        self.state.tally = Some(tally);
        self.state.progress = progress;
        self.write_state()
    }

    fn write_state(&self) -> Result<()> {
        let path = self.folder.join(STATE);
        let new = self.folder.join("state.new");
        let write = || {
            let mut file = File::create(&new)?;
            serde_json::to_writer(&mut file, &self.state)?;
            file.flush()?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            // The name must be on the disk as well as the bytes.
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|e| failed(&path, "cannot be written", e))
    }

    /// Hands every row that counts to `each`, in order.
    ///
    /// # Errors
    /// Where a file cannot be read; whatever `each` fails with.
    pub fn rows(&self, mut each: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        for name in &self.state.parts {
            let path = self.folder.join(name);
            let file = File::open(&path).map_err(|e| failed(&path, "cannot be read", e))?;
            let reader = FileReader::try_new(file, None).map_err(|e| broken(&path, e))?;
            for batch in reader {
                each(&batch.map_err(|e| broken(&path, e))?)?;
            }
        }
        Ok(())
    }
}

/// Removes the state in `folder`, where there is one.
///
/// # Errors
/// Where it cannot be removed, or the folder holds something else.
pub fn discard(folder: &Path) -> Result<()> {
    // Rows without a state are nothing; a state without its rows would be believed.
    match fs::remove_file(folder.join(STATE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed(folder, "cannot be removed", error));
        }
        _ => {}
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(folder, "cannot be read", error)),
    };
    for entry in entries {
        let path = entry.map_err(|e| failed(folder, "cannot be read", e))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let ours = name.starts_with("state.") || (name.starts_with("rows-") && name.ends_with(".arrow"));
        if ours {
            fs::remove_file(&path).map_err(|e| failed(&path, "cannot be removed", e))?;
        }
    }
    fs::remove_dir(folder).map_err(|e| failed(folder, "cannot be removed", e))
}

fn failed(path: &Path, what: &str, cause: io::Error) -> Error {
    Error::new(Kind::Output, format!("{}: {what}: {cause}", path.display())).with_source(cause)
}

fn broken(path: &Path, cause: ArrowError) -> Error {
    Error::new(Kind::Output, format!("{}: {cause}", path.display())).with_source(cause)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use std::sync::Arc;

    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::datatypes::Int64Type;

    use super::*;

    fn batch(values: &[i64]) -> RecordBatch {
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(values.to_vec())) as _)]).unwrap()
    }

    fn values(checkpoint: &Checkpoint) -> Vec<i64> {
        let mut values = Vec::new();
        let add = |batch: &RecordBatch| {
            values.extend(batch.column(0).as_primitive::<Int64Type>().values());
            Ok(())
        };
        checkpoint.rows(add).unwrap();
        values
    }

    #[test]
    fn only_what_was_saved_counts() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("state");
        let asked = vec![("--from".to_owned(), "2026".to_owned())];
        assert!(Checkpoint::open(&place, &asked).unwrap().is_none());
        let mut first = Checkpoint::create(&place, asked.clone()).unwrap();
        let schema = batch(&[]).schema();
        first.write(&schema, &batch(&[1, 2])).unwrap();
        first.write(&schema, &batch(&[3])).unwrap();
        first.save(5, Saved::default(), Progress::default()).unwrap();
        first.write(&schema, &batch(&[4])).unwrap();
        drop(first);

        let mut again = Checkpoint::open(&place, &asked).unwrap().unwrap();
        assert_eq!((again.completed(), values(&again)), (5, vec![1, 2, 3]));
        again.write(&schema, &batch(&[5])).unwrap();
        again.save(9, Saved::default(), Progress::default()).unwrap();
        assert_eq!(values(&again), [1, 2, 3, 5]);
        assert_eq!(Checkpoint::open(&place, &asked).unwrap().unwrap().completed(), 9);

        let other = vec![("--from".to_owned(), "2027".to_owned())];
        let error = Checkpoint::open(&place, &other).unwrap_err();
        assert!(error.to_string().contains("this replay had --from 2026, now it is 2027"), "{error}");
        discard(&place).unwrap();
        assert!(!place.exists());
    }
}
