//! Delta tables: the rows that other readers find at every version, as little of the files opened as the log allows, and
//! clear errors. The tables and the rows were made by `tests/data/delta/generate.py`.

mod beside;

#[cfg(feature = "delta")]
mod errors;
#[cfg(feature = "delta")]
mod made;
#[cfg(feature = "delta")]
mod pruning;
#[cfg(feature = "delta")]
mod readme;
#[cfg(feature = "delta")]
mod rows;
#[cfg(feature = "delta")]
mod stores;
#[cfg(feature = "delta")]
mod versions;

use std::fs;
use std::path::{Path, PathBuf};

#[cfg(feature = "delta")]
pub(crate) use self::made::one_file;
use super::program::root;

/// The folder of a table of other writers.
fn table(name: &str) -> PathBuf {
    root().join("tests/data/delta").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of a table of other writers, below a folder that goes when this does.
fn copied(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join(name);
    copy(&table(name), &place);
    (folder, place)
}
