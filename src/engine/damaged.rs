//! Which file is to blame where a Parquet scan fails: decoders tell what is wrong but not where.
//!
//! Nothing is paid for this while all is well. Once a scan has failed, its files are read again, one by one, until
//! one of them fails alone.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::task::JoinHandle;

use super::failure::engine_error;
use crate::error::{Error, Kind};
use crate::lake::location_of;

/// A Parquet file of a plan.
#[derive(Clone)]
enum Suspect {
    Local(PathBuf),
    Object(Arc<dyn ObjectStore>, ObjectMeta),
}

/// A failure of a plan whose file is being looked for.
pub(super) struct Blame {
    error: Error,
    search: Option<JoinHandle<Option<(String, String)>>>,
}

impl Blame {
    /// Begins to look for the file that made `plan` fail while it ran over the stores of `runtime`.
    pub(super) fn new(plan: &Arc<dyn ExecutionPlan>, runtime: &RuntimeEnv, error: DataFusionError) -> Self {
        let error = engine_error(error);
        // An error of ours names its file already; memory, time and disk are no matter of one file.
        if error.help().is_some() || !matches!(error.kind(), Kind::Engine | Kind::Input) {
            return Self { error, search: None };
        }
        let mut files = Vec::new();
        collect(plan, runtime, &mut files);
        Self { error, search: Some(tokio::spawn(first_damaged(files))) }
    }

    /// Waits for the search to end. The wait may be given up and taken up again.
    pub(super) async fn found(&mut self) {
        if let Some(search) = &mut self.search {
            if let Ok(Some((name, reason))) = search.await {
                let message = format!("{name}: a damaged Parquet file: {reason}");
                self.error = Error::new(Kind::Input, message).with_help("remove the file or write it again");
            }
            self.search = None;
        }
    }

    /// The error, with the file that was found.
    pub(super) fn into_error(self) -> Error {
        self.error
    }
}

/// The error of a plan that failed while it ran; names the file where one of its Parquet files is damaged.
pub(crate) async fn scan_error(plan: &Arc<dyn ExecutionPlan>, runtime: &RuntimeEnv, error: DataFusionError) -> Error {
    let mut blame = Blame::new(plan, runtime, error);
    blame.found().await;
    blame.into_error()
}

/// The Parquet files that a plan reads, in its order.
fn collect(plan: &Arc<dyn ExecutionPlan>, runtime: &RuntimeEnv, files: &mut Vec<Suspect>) {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>()
        && let Some(config) = (scan.data_source().as_ref() as &dyn std::any::Any).downcast_ref::<FileScanConfig>()
        && config.file_source().file_type() == "parquet"
    {
        let local = config.object_store_url == ObjectStoreUrl::local_filesystem();
        let objects = runtime.object_store(&config.object_store_url).ok();
        for file in config.file_groups.iter().flat_map(FileGroup::files) {
            let meta = &file.object_meta;
            let known = files.iter().any(|suspect| suspect.is_at(&meta.location));
            let suspect = if local {
                LocalFileSystem::new().path_to_filesystem(&meta.location).ok().map(Suspect::Local)
            } else {
                objects.as_ref().map(|store| Suspect::Object(Arc::clone(store), meta.clone()))
            };
            files.extend(suspect.filter(|_| !known));
        }
    }
    for child in plan.children() {
        collect(child, runtime, files);
    }
}

impl Suspect {
    fn is_at(&self, location: &object_store::path::Path) -> bool {
        match self {
            Self::Local(path) => path.to_string_lossy().trim_start_matches('/') == location.as_ref(),
            Self::Object(_, meta) => meta.location == *location,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Local(path) => path.display().to_string(),
            Self::Object(_, meta) => location_of(&meta.location),
        }
    }

    /// Reads all of it.
    async fn read(self) -> Result<(), String> {
        match self {
            // Decoders panic on some bytes that are damaged: each file is read by a task of its own.
            Self::Local(path) => tokio::task::spawn_blocking(move || read_all(&path)).await,
            Self::Object(store, meta) => tokio::spawn(read_object(store, meta)).await,
        }
        .unwrap_or_else(|_| Err("its pages cannot be decoded".to_owned()))
    }
}

async fn first_damaged(files: Vec<Suspect>) -> Option<(String, String)> {
    for file in files {
        if let Err(reason) = file.clone().read().await {
            return Some((file.name(), super::failure::plain(&reason)));
        }
    }
    None
}

/// Reads an object by a copy of it.
async fn read_object(store: Arc<dyn ObjectStore>, meta: ObjectMeta) -> Result<(), String> {
    let mut copy = tempfile::NamedTempFile::new().map_err(|e| e.to_string())?;
    let mut bytes = store.get(&meta.location).await.map_err(|e| e.to_string())?.into_stream();
    while let Some(chunk) = bytes.try_next().await.map_err(|e| e.to_string())? {
        copy.write_all(&chunk).map_err(|e| e.to_string())?;
    }
    read_all(copy.path())
}

fn read_all(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    reader.map_err(|e| e.to_string())?.try_for_each(|batch| batch.map(drop).map_err(|e| e.to_string()))
}
