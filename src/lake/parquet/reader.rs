//! Files that are read by the thread that decodes them, and objects of stores.
//!
//! The store of local files hands each read to a thread of its own. A scan waits for some hundred of them, and each wait
//! wakes two threads: a tenth of the time of a scan of files that the system still has in memory. Objects are read by
//! their store, which joins and cuts ranges as it needs.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::parquet::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use crate::error::Error;

/// Makes readers of files.
#[derive(Debug)]
pub(super) struct Readers {
    store: Arc<dyn ObjectStore>,
    local: bool,
    footers: Arc<FileMetadataCache>,
}

impl Readers {
    /// Readers of the files of `store`, which may be that of all local files, with the footers that were read before.
    pub(super) const fn new(store: Arc<dyn ObjectStore>, local: bool, footers: Arc<FileMetadataCache>) -> Self {
        Self { store, local, footers }
    }
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        _: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let location = &file.object_meta.location;
        let path = if self.local { Some(LocalFileSystem::new().path_to_filesystem(location)?) } else { None };
        Ok(Box::new(Reader {
            store: Arc::clone(&self.store),
            footers: Arc::clone(&self.footers),
            metrics: ParquetFileMetrics::new(partition, location.as_ref(), metrics),
            path,
            opened: None,
            file,
        }))
    }
}

/// A reader of one file, with a cursor of its own.
struct Reader {
    store: Arc<dyn ObjectStore>,
    footers: Arc<FileMetadataCache>,
    metrics: ParquetFileMetrics,
    /// Where it lies on this machine.
    path: Option<PathBuf>,
    opened: Option<File>,
    file: PartitionedFile,
}

impl Reader {
    /// The bytes of ranges of a local file; `None` where it is none, or cannot be read.
    fn read(&mut self, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
        let mut file = match self.opened.take() {
            Some(file) => file,
            None => File::open(self.path.as_ref()?).ok()?,
        };
        let read = ranges.iter().map(|range| read(&mut file, range).ok()).collect();
        self.opened = Some(file);
        read
    }
}

/// The bytes of a range, which must all be there.
fn read(file: &mut File, range: &Range<u64>) -> io::Result<Bytes> {
    let length = range.end.saturating_sub(range.start);
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
    file.seek(SeekFrom::Start(range.start))?;
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move { Ok(self.get_byte_ranges(vec![range]).await?.pop().unwrap_or_default()) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let total: u64 = ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
        self.metrics.bytes_scanned.add(total as usize);
        async move {
            match self.read(&ranges) {
                Some(bytes) => Ok(bytes),
                // The store tells what is wrong with a file as it does elsewhere.
                None => self
                    .store
                    .get_ranges(&self.file.object_meta.location, &ranges)
                    .await
                    .map_err(|e| ParquetError::External(Box::new(e))),
            }
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let policy = options.map(ArrowReaderOptions::column_index_policy);
        async move {
            let location = &self.file.object_meta.location;
            DFParquetMetadata::new(&self.store, &self.file.object_meta)
                .with_file_metadata_cache(Some(Arc::clone(&self.footers)))
                .with_page_index_policy(policy)
                .fetch_metadata()
                .await
                .map_err(|e| match Error::within(&e) {
                    Some(ours) => ParquetError::External(Box::new(ours)),
                    None => ParquetError::General(format!("Failed to fetch metadata for file {location}: {e}")),
                })
        }
        .boxed()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.metrics.scan_efficiency_ratio.add_part(self.metrics.bytes_scanned.value());
        // Several readers of a file may run: its size counts once.
        self.metrics.scan_efficiency_ratio.set_total(self.file.object_meta.size as usize);
    }
}
