//! Footers of objects of stores, kept on this machine from one run to the next.
//!
//! A footer is kept under the name of its object together with entity tag and size, so that one of an object that has
//! changed is never found. The folder holds [`MOST`] bytes at most: the oldest go first.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use uuid::Uuid;

use super::super::store::Found;

/// How many bytes of footers are kept.
const MOST: u64 = 256 * 1024 * 1024;

/// What a kept footer begins with; another number where the layout of the file becomes another one.
const MAGIC: &[u8; 8] = b"EGRETFT1";

/// How long a file may lie unfinished before it is taken for what a crash left.
const UNFINISHED: u64 = 3600;

/// Footers in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    folder: PathBuf,
    most: u64,
}

impl Kept {
    /// The footers in `folder`, which is made once there are some.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.join("footers"), most: MOST }
    }

    /// The end of a file from its footer on, as it was kept; `None` where it was not, or is damaged.
    pub(super) fn read(&self, name: &str) -> Option<Bytes> {
        let all = fs::read(self.path(name)).ok()?;
        let rest = all.strip_prefix(MAGIC)?;
        let (checked, rest) = rest.split_first_chunk::<16>()?;
        let footer = rest.strip_prefix(name.as_bytes())?;
        (Uuid::new_v5(&Uuid::NAMESPACE_OID, footer).as_bytes() == checked).then(|| Bytes::copy_from_slice(footer))
    }

    /// Keeps the end of a file from its footer on. Where that fails it is read anew next time.
    pub(super) fn write(&self, name: &str, footer: &[u8]) {
        if let Err(error) = self.try_write(name, footer) {
            tracing::debug!(folder = %self.folder.display(), %error, "a footer is not kept");
        }
    }

    fn try_write(&self, name: &str, footer: &[u8]) -> io::Result<()> {
        if footer.len() as u64 > self.most / 16 {
            return Ok(());
        }
        make_private(&self.folder)?;
        // What others see is whole.
        let mut file = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(Uuid::new_v5(&Uuid::NAMESPACE_OID, footer).as_bytes())?;
        file.write_all(name.as_bytes())?;
        file.write_all(footer)?;
        file.persist(self.path(name)).map(drop).map_err(|error| error.error)
    }

    /// Removes the oldest footers until the rest is small enough.
    pub(crate) fn trim(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let meta = entry.metadata().ok()?;
                Some((meta.modified().ok()?, meta.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (at, size, path) in files {
            let unfinished = path.extension().is_some_and(|extension| extension == "part");
            let left = unfinished && at.elapsed().is_ok_and(|age| age.as_secs() > UNFINISHED);
            // Others may remove the same.
            if (left || total > self.most) && fs::remove_file(path).is_ok() {
                total -= size;
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).simple().to_string())
    }
}

/// What the footer of an object is kept under; `None` for a file of this machine, and for an object that nothing tells
/// from a later one of its name.
pub(super) fn name(file: &Found, stores: &str) -> Option<String> {
    // A file of a Delta table has a name that no other ever has.
    let written = || file.delta.as_ref().map(|active| format!("written {}", active.written));
    let tag = file.meta.e_tag.clone().or_else(written).filter(|_| file.remote)?;
    Some(format!("{stores}\n{}\n{tag}\n{}\n", file.meta.location, file.meta.size))
}

/// Makes a folder that its owner alone may look into: footers hold values of events.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::*;

    #[test]
    fn what_is_kept_is_found_until_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path());
        assert_eq!(kept.read("a"), None);
        kept.write("a", b"footer of a");
        kept.write("b", b"footer of b");
        assert_eq!(kept.read("a").unwrap(), "footer of a");
        assert_eq!(kept.read("b").unwrap(), "footer of b");
        assert_eq!(kept.read("c"), None);
        let path = kept.path("a");
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(kept.read("a"), None);
        kept.write("a", b"again");
        assert_eq!(kept.read("a").unwrap(), "again");
    }

    #[test]
    fn the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept { most: 4000, ..Kept::new(folder.path()) };
        for at in 0..30_u64 {
            kept.write(&at.to_string(), &[7; 200]);
            let file = fs::File::open(kept.path(&at.to_string())).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(at)).unwrap();
        }
        kept.trim();
        let left: Vec<u64> = (0..30).filter(|at| kept.read(&at.to_string()).is_some()).collect();
        assert_eq!(left, (13..30).collect::<Vec<_>>());
        kept.write("large", &[7; 300]);
        assert_eq!(kept.read("large"), None);
    }
}
