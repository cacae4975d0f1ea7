//! Where Delta tables lie: a folder with a `_delta_log` in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::remote::{Address, Objects};
use crate::error::{Error, Kind, Result};

/// The folder of a table's log.
pub(crate) const LOG: &str = "_delta_log";

/// A place where a Delta table lies.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Its folder as a user would write it, without a slash at its end.
    pub(crate) shown: String,
    pub(crate) root: Root,
    /// The stores of the run.
    pub(crate) objects: Arc<Objects>,
}

/// The folder of a table.
#[derive(Debug, Clone)]
pub(crate) enum Root {
    /// On this machine.
    Local(PathBuf),
    /// In a store.
    Store(Address),
}

impl Place {
    /// The table in a folder of this machine; `None` where there is none.
    pub(crate) fn local(path: &Path, objects: &Arc<Objects>) -> Option<Self> {
        let shown = path.to_string_lossy();
        let shown = if shown.len() > 1 { shown.trim_end_matches('/') } else { &shown }.to_owned();
        let root = Root::Local(path.to_owned());
        path.join(LOG).is_dir().then(|| Self { shown, root, objects: Arc::clone(objects) })
    }

    /// The table at an address; `None` where there is none.
    ///
    /// # Errors
    /// A store that does not answer.
    pub(crate) async fn store(address: &Address, objects: &Arc<Objects>) -> Result<Option<Self>> {
        Ok(objects.has_objects(address, LOG).await?.then(|| Self::at(address, objects)))
    }

    /// The table at an address where one was seen.
    pub(crate) fn at(address: &Address, objects: &Arc<Objects>) -> Self {
        let shown = address.shown(address.key().trim_end_matches('/')).trim_end_matches('/').to_owned();
        Self { shown, root: Root::Store(address.clone()), objects: Arc::clone(objects) }
    }
}

/// The folder of the table that a path of this machine lies in, or is.
pub(crate) fn around(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    absolute.ancestors().find(|folder| folder.join(LOG).is_dir()).map(Path::to_owned)
}

/// The error of a location whose files a log names, and that is not read through it.
pub(crate) fn beside_log(location: &str, table: &str) -> Error {
    let message = if location == table {
        format!("{location}: a Delta table, whose log tells which of its files count")
    } else {
        format!("{location}: holds files of the Delta table {table}, whose log tells which of them count")
    };
    let help = format!("name the table itself, as a location of its own: --events {table} or --table NAME={table}");
    Error::new(Kind::Input, message).with_help(help)
}

/// The error of a location that names a version of what has none.
pub(crate) fn no_table(location: &str, found: &str) -> Error {
    Error::new(Kind::Input, format!("{location}: no Delta table: found no {LOG} in {found}"))
        .with_help("check the path; only Delta tables have versions")
}
