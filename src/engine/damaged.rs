//! Which file is to blame where a Parquet scan fails: decoders tell what is wrong but not where.
//!
//! Nothing is paid for this while all is well. Once a scan has failed, its files are read again, one by one, until
//! one of them fails alone.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::physical_plan::ExecutionPlan;
use object_store::local::LocalFileSystem;
use tokio::task::JoinHandle;

use super::failure::engine_error;
use crate::error::{Error, Kind};

/// A failure of a plan whose file is being looked for.
pub(super) struct Blame {
    error: Error,
    search: Option<JoinHandle<Option<(PathBuf, String)>>>,
}

impl Blame {
    /// Begins to look for the file that made `plan` fail while it ran.
    pub(super) fn new(plan: &Arc<dyn ExecutionPlan>, error: DataFusionError) -> Self {
        let error = engine_error(error);
        // An error of ours names its file already; memory, time and disk are no matter of one file.
        if error.help().is_some() || !matches!(error.kind(), Kind::Engine | Kind::Input) {
            return Self { error, search: None };
        }
        let mut files = Vec::new();
        collect(plan, &mut files);
        Self { error, search: Some(tokio::task::spawn_blocking(move || first_damaged(&files))) }
    }

    /// Waits for the search to end. The wait may be given up and taken up again.
    pub(super) async fn found(&mut self) {
        if let Some(search) = &mut self.search {
            if let Ok(Some((path, reason))) = search.await {
                let message = format!("{}: a damaged Parquet file: {reason}", path.display());
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
pub(crate) async fn scan_error(plan: &Arc<dyn ExecutionPlan>, error: DataFusionError) -> Error {
    let mut blame = Blame::new(plan, error);
    blame.found().await;
    blame.into_error()
}

/// The Parquet files that a plan reads, in its order.
fn collect(plan: &Arc<dyn ExecutionPlan>, files: &mut Vec<PathBuf>) {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>()
        && let Some(config) = (scan.data_source().as_ref() as &dyn std::any::Any).downcast_ref::<FileScanConfig>()
        && config.file_source().file_type() == "parquet"
    {
        let store = LocalFileSystem::new();
        for file in config.file_groups.iter().flat_map(datafusion::datasource::physical_plan::FileGroup::files) {
            if let Ok(path) = store.path_to_filesystem(&file.object_meta.location)
                && !files.contains(&path)
            {
                files.push(path);
            }
        }
    }
    for child in plan.children() {
        collect(child, files);
    }
}

fn first_damaged(files: &[PathBuf]) -> Option<(PathBuf, String)> {
    files.iter().find_map(|path| {
        // Decoders panic on some bytes that are damaged.
        let read = catch_unwind(AssertUnwindSafe(|| read_all(path)));
        let reason = read.unwrap_or_else(|_| Err("its pages cannot be decoded".to_owned())).err()?;
        Some((path.clone(), super::failure::plain(&reason)))
    })
}

fn read_all(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    reader.map_err(|e| e.to_string())?.try_for_each(|batch| batch.map(drop).map_err(|e| e.to_string()))
}
