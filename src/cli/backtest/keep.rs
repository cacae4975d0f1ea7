//! Where the state of replays lies while they run: beside the file or folder that their rows go to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use uuid::Uuid;

use crate::backtest::Checkpoint;
use crate::backtest::checkpoint::discard;
use crate::error::{Error, Kind, Result};
use crate::lake::Upload;

/// The states of the rules of one call.
#[derive(Debug, Clone)]
pub(super) struct Keep {
    folder: PathBuf,
    resume: bool,
    /// Where there is no place beside the output.
    _temporary: Option<Arc<TempDir>>,
}

impl Keep {
    /// The states of replays whose rows go to `output`; `None` where that is no file, so that nothing is kept.
    pub(super) fn new(output: Option<&Path>, resume: bool, force: bool) -> Result<Option<Self>> {
        let file = output.filter(|path| *path != Path::new("-"));
        let file = file.filter(|path| path.metadata().map_or(true, |found| found.is_file() || found.is_dir()));
        let Some(path) = file else {
            if resume {
                return Err(Error::new(Kind::Usage, "--resume: rows on stdout leave nothing to go on from")
                    .with_help("write to a file with --output"));
            }
            return Ok(None);
        };
        if Upload::is_of(path) {
            return Self::temporary(path, resume).map(Some);
        }
        // The same whether the output exists by now or not.
        let folder = match path.file_name() {
            Some(name) => {
                let mut name = name.to_owned();
                name.push(".replay");
                path.with_file_name(name)
            }
            None => path.join(".replay"),
        };
        let keep = Self { folder, resume, _temporary: None };
        if keep.exists() && !resume {
            if !force {
                let message = format!("{}: an unfinished replay lies here", keep.folder.display());
                return Err(
                    Error::new(Kind::Usage, message).with_help("go on with --resume, or begin anew with --force")
                );
            }
            keep.discard()?;
        }
        Ok(Some(keep))
    }

    /// The states of replays whose rows go to a store: they end with the call.
    fn temporary(output: &Path, resume: bool) -> Result<Self> {
        if resume {
            let message = format!("--resume: {} is in a store, where nothing is left to go on from", output.display());
            return Err(Error::new(Kind::Usage, message).with_help("write to a file of this machine with --output"));
        }
        let made = tempfile::Builder::new().prefix("egret-replay-").tempdir();
        let made = made.map_err(|e| Error::new(Kind::Output, "no temporary folder can be made").with_source(e))?;
        Ok(Self { folder: made.path().join("replay"), resume, _temporary: Some(Arc::new(made)) })
    }

    /// Whether an earlier call has left something.
    pub(super) fn exists(&self) -> bool {
        self.folder.is_dir()
    }

    /// The state of a rule: what is left of it where it is to go on, else a new one.
    pub(super) fn checkpoint(&self, rule: Uuid, asked: Vec<(String, String)>) -> Result<Checkpoint> {
        let folder = self.folder.join(rule.to_string());
        let left = if self.resume { Checkpoint::open(&folder, &asked)? } else { None };
        left.map_or_else(|| Checkpoint::create(&folder, asked), Ok)
    }

    /// Removes all states.
    pub(super) fn discard(&self) -> Result<()> {
        let failed = |e: std::io::Error| {
            Error::new(Kind::Output, format!("{}: cannot be removed", self.folder.display())).with_source(e)
        };
        if !self.exists() {
            return Ok(());
        }
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            discard(&entry.map_err(failed)?.path())?;
        }
        std::fs::remove_dir(&self.folder).map_err(failed)
    }
}
