//! Deletion vectors: which rows of a file the log says are deleted.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::runtime::SpawnedTask;
use delta_kernel::Error as KernelError;
use delta_kernel::actions::deletion_vector::{DeletionVectorDescriptor, DeletionVectorStorageType};
use deltalake_core::logstore::{LogStore, StorageConfig, default_logstore};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use url::Url;

use super::log::{bare, located};
use super::place::Place;
use super::rows;
use super::snapshot::Deletions;
use crate::error::{Error, Kind, Result};

/// The deletion vector of a file: in the log, or in a file of its own.
pub(super) struct Vector {
    descriptor: DeletionVectorDescriptor,
    /// The file whose rows it deletes.
    file: PathBuf,
    logs: Arc<dyn LogStore>,
    place: Place,
}

impl Vector {
    /// The vector that a log describes.
    pub(super) fn new(
        descriptor: DeletionVectorDescriptor,
        file: &Path,
        logs: Arc<dyn LogStore>,
        place: &Place,
    ) -> Self {
        Self { descriptor, file: file.to_owned(), logs, place: place.clone() }
    }

    fn damaged(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::new(Kind::Input, format!("{}: its deletion vector cannot be read: {reason}", self.file.display()))
            .with_help("without it nobody knows which rows are deleted; restore its file, or read another version")
    }

    /// The store to read from, and the descriptor as that store knows it.
    async fn source(&self) -> Result<(Arc<dyn LogStore>, DeletionVectorDescriptor)> {
        if self.descriptor.storage_type != DeletionVectorStorageType::PersistedAbsolute {
            return Ok((Arc::clone(&self.logs), self.descriptor.clone()));
        }
        let named = percent_decoded(&self.descriptor.path_or_inline_dv);
        let (path, meta, remote) = located(&self.place, &named, 0, 0).await?;
        let name = meta.location.filename().unwrap_or_default().to_owned();
        let folder = meta.location.as_ref().rsplit_once('/').map_or("", |(folder, _)| folder);
        let store: Arc<dyn ObjectStore> = if remote {
            let folder = ObjectPath::parse(folder).map_err(|e| self.damaged(&e))?;
            Arc::new(PrefixStore::new(Arc::clone(&self.place.objects), folder))
        } else {
            let folder = path.parent().unwrap_or(Path::new("/"));
            Arc::new(LocalFileSystem::new_with_prefix(folder).map_err(|e| self.damaged(&e))?)
        };
        let root = Url::parse("file:///").map_err(|e| self.damaged(&e))?;
        let logs = default_logstore(Arc::clone(&store), store, &root, &StorageConfig::default());
        let path = root.join(&name).map_err(|e| self.damaged(&e))?.to_string();
        Ok((logs, DeletionVectorDescriptor { path_or_inline_dv: path, ..self.descriptor.clone() }))
    }
}

#[async_trait]
impl Deletions for Vector {
    fn count(&self) -> u64 {
        u64::try_from(self.descriptor.cardinality).unwrap_or(0)
    }

    async fn runs(&self) -> Result<Vec<Range<u64>>> {
        let (logs, descriptor) = self.source().await?;
        let is_inline = descriptor.storage_type == DeletionVectorStorageType::Inline;
        // Its first four bytes are a number that the kernel takes on trust.
        if is_inline && descriptor.path_or_inline_dv.len() < 5 {
            return Err(self.damaged(&"expected at least 4 bytes in the log"));
        }
        let engine = logs.engine(None);
        let root = logs.root_url().clone();
        let read = move || descriptor.read(engine.storage_handler(), &root);
        let read = SpawnedTask::spawn_blocking(read).await.map_err(|e| self.damaged(&e))?;
        let rows = read.map_err(|e| match bare(&e) {
            KernelError::ObjectStore(source) => Error::within(source).unwrap_or_else(|| self.damaged(source)),
            other => self.damaged(other),
        })?;
        if rows.len() != self.count() {
            return Err(self.damaged(&format!("the log says that it has {} rows, found {}", self.count(), rows.len())));
        }
        Ok(rows::runs(rows))
    }
}

/// The text with `%XX` replaced by what it stands for.
fn percent_decoded(text: &str) -> String {
    super::super::hive::decode(text)
}
