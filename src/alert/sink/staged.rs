//! A file that is written beside its place, or in the folder for temporary files where its place is in a store, and is
//! moved or sent there when it is whole.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Kind, Result};

/// What brings a file that is whole to its place.
type Send = Box<dyn FnOnce(&Path) -> Result<()> + std::marker::Send>;

/// A file that is not yet at its place; dropped, it leaves nothing behind.
pub struct Staged {
    path: PathBuf,
    force: bool,
    file: NamedTempFile,
    send: Option<Send>,
}

impl Staged {
    /// A file that [`commit`](Self::commit) moves to `path`.
    ///
    /// # Errors
    /// Where `path` exists and `force` is not given, is a folder, or its folder is missing or cannot be written.
    pub fn create(path: impl Into<PathBuf>, force: bool) -> Result<Self> {
        // The file that a link points at is replaced, not the link.
        let given = path.into();
        let path = given.canonicalize().unwrap_or_else(|_| given.clone());
        if path.is_dir() {
            let error = format!("{}: found a folder, expected the path of a file", given.display());
            return Err(Error::new(Kind::Output, error));
        }
        if path.exists() && !force {
            return Err(exists(&given));
        }
        let folder = folder_of(&path);
        if !folder.is_dir() {
            let error = format!("{}: the folder {} does not exist", given.display(), folder.display());
            return Err(Error::new(Kind::Output, error).with_help("create the folder first"));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".egret-").suffix(".part");
        #[cfg(unix)]
        {
            // What any new file gets: the user's mask applies. A temporary file is otherwise its owner's alone.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(|error| failure(&given, "cannot be created", error))?;
        Ok(Self { path, force, file, send: None })
    }

    /// A file that [`commit`](Self::commit) hands to `send`; `name` is what errors call it.
    ///
    /// # Errors
    /// Where no temporary file can be made.
    pub fn sent(
        name: impl Into<PathBuf>,
        send: impl FnOnce(&Path) -> Result<()> + std::marker::Send + 'static,
    ) -> Result<Self> {
        let path = name.into();
        let made = tempfile::Builder::new().prefix("egret-").suffix(".part").tempfile();
        let file = made.map_err(|error| failure(&path, "no temporary file can be made", error))?;
        Ok(Self { path, force: true, file, send: Some(Box::new(send)) })
    }

    /// A writer to the file.
    ///
    /// # Errors
    /// Where the process may open no more files.
    pub fn writer(&self) -> Result<File> {
        self.file.as_file().try_clone().map_err(|error| failure(&self.path, "cannot be opened", error))
    }

    /// Moves the file to its place, once its bytes are on the disk, or sends it there.
    ///
    /// # Errors
    /// Where that fails, or where somebody else has made the file meanwhile and `force` was not given.
    pub fn commit(self) -> Result<()> {
        let Self { path, force, file, send } = self;
        if let Some(send) = send {
            return send(file.path());
        }
        file.as_file().sync_all().map_err(|error| failure(&path, "cannot be written", error))?;
        let moved = if force { file.persist(&path) } else { file.persist_noclobber(&path) };
        match moved {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&path)),
            Err(error) => Err(failure(&path, "cannot be moved to its place", error.error)),
        }
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("path", &self.path).field("force", &self.force).finish_non_exhaustive()
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn exists(path: &Path) -> Error {
    Error::new(Kind::Output, format!("{}: already exists", path.display())).with_help("add --force to replace it")
}

/// An error that names the path and the cause.
pub(super) fn failure(path: &Path, what: &str, cause: io::Error) -> Error {
    let reason = match cause.kind() {
        io::ErrorKind::StorageFull => "no space left on the disk".to_owned(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        _ => cause.to_string(),
    };
    Error::new(Kind::Output, format!("{}: {what}: {reason}", path.display())).with_source(cause)
}
