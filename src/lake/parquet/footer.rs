//! The footer of a Parquet file: read once, when the lake is opened.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use datafusion::arrow::datatypes::{SchemaRef, TimeUnit};
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::physical_plan::parquet::Int96Coercer;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::basic::ConvertedType;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use datafusion::parquet::schema::types::Type as SchemaType;
use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use uuid::Uuid;

use super::super::schema::as_read;
use super::super::store::Found;
use super::super::table::Stores;
use super::kept;
use crate::error::{Error, Kind, Result};

/// How many footers of a store are read at the same time.
const CONCURRENCY: usize = 32;

/// How many footers are read on one thread.
const TOGETHER: usize = 64;

/// How much of a file's end is read at first; holds the footer of all but very wide files.
const PREFETCH: u64 = 64 * 1024;

/// How many bytes of footers a table keeps in memory.
const KEPT: usize = 128 * 1024 * 1024;

/// What the footer of a Parquet file says.
#[derive(Debug, Clone)]
pub(crate) struct Footer {
    /// The schema that the file is read with.
    pub(crate) schema: SchemaRef,
    /// How many rows each row group has.
    pub(crate) group_rows: Vec<u64>,
    /// The name that the file's rows get their ids from.
    pub(crate) fingerprint: String,
    /// The whole footer; `None` where the footers of a lake would fill the memory and readers fetch it again.
    pub(crate) metadata: Option<Arc<ParquetMetaData>>,
}

impl Footer {
    /// How many rows the file has.
    pub(crate) fn rows(&self) -> u64 {
        self.group_rows.iter().sum()
    }
}

/// A column of a Parquet file, or a member of a struct: what the file calls it, and the number that it has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredColumn {
    pub(crate) name: String,
    pub(crate) id: Option<i64>,
    /// The members of a struct, or of the structs of a list.
    pub(crate) children: Vec<StoredColumn>,
}

/// The columns of a file whose footer was read.
///
/// # Errors
/// As for [`read_all`], where the footer was not kept in memory.
pub(crate) async fn stored_columns(stores: &Stores, file: &Found, footer: &Footer) -> Result<Vec<StoredColumn>> {
    let fetched = match &footer.metadata {
        Some(metadata) => Arc::clone(metadata),
        None => Arc::new(fetch(stores, file).await.map_err(|fault| fault.told(file))?),
    };
    Ok(fetched.file_metadata().schema_descr().root_schema().get_fields().iter().map(|field| column(field)).collect())
}

fn column(field: &SchemaType) -> StoredColumn {
    let info = field.get_basic_info();
    let inner = if info.converted_type() == ConvertedType::LIST { element(field) } else { Some(field) };
    let inner = inner.filter(|inner| inner.is_group());
    let children = inner.map(|inner| inner.get_fields().iter().map(|field| column(field)).collect());
    let id = info.has_id().then(|| i64::from(info.id()));
    StoredColumn { name: field.name().to_owned(), id, children: children.unwrap_or_default() }
}

/// The element of a list: below a group in between, which old writers leave out.
fn element(list: &SchemaType) -> Option<&SchemaType> {
    let repeated = list.get_fields().first()?;
    match repeated.is_group().then(|| repeated.get_fields()) {
        Some([element]) => Some(element),
        _ => Some(repeated),
    }
}

/// The footers of Parquet files, in their order.
///
/// # Errors
/// A file that cannot be read, or that is no whole Parquet file; the first in their order.
pub(crate) async fn read_all(stores: &Stores, files: &[Found]) -> Result<Vec<Footer>> {
    let kept = Arc::new(AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let some = stream::iter(files.chunks(TOGETHER)).map(|files| read_some(stores, files, &kept));
    let footers: Vec<Vec<Footer>> = some.buffered(threads).try_collect().await?;
    if let Some(folder) = stores.footers() {
        folder.trim();
    }
    Ok(footers.into_iter().flatten().collect())
}

/// Those of this machine are read one after the other, on one thread.
async fn read_some(stores: &Stores, files: &[Found], kept: &Arc<AtomicUsize>) -> Result<Vec<Footer>> {
    if files.iter().any(|file| file.remote) {
        return stream::iter(files).map(|file| read_one(stores, file, kept)).buffered(CONCURRENCY).try_collect().await;
    }
    let (stores, files, kept) = (stores.clone(), files.to_vec(), Arc::clone(kept));
    let task = SpawnedTask::spawn_blocking(move || {
        files.iter().map(|file| block_on(read_one(&stores, file, &kept))).collect::<Result<Vec<Footer>>>()
    });
    task.join().await.map_err(|e| Error::new(Kind::Engine, "a thread that read footers failed").with_source(e))?
}

/// The footer of a Parquet file; `kept` counts the bytes of those that stay in memory.
///
/// # Errors
/// As for [`read_all`].
pub(crate) async fn read_one(stores: &Stores, file: &Found, kept: &AtomicUsize) -> Result<Footer> {
    let metadata = fetch(stores, file).await.map_err(|fault| fault.told(file))?;
    let described = metadata.file_metadata();
    let schema = guarded(|| parquet_to_arrow_schema(described.schema_descr(), described.key_value_metadata()))
        .map_err(|reason| Fault::Bytes(reason).told(file))?;
    // Delta has instants of microseconds. The twelve bytes that Spark may write for one reach farther than nanoseconds do.
    let micros = || Int96Coercer::new(described.schema_descr(), &schema, &TimeUnit::Microsecond).coerce();
    let schema = file.delta.as_ref().and_then(|_| micros()).unwrap_or(schema);
    let group_rows = metadata.row_groups().iter().map(|g| u64::try_from(g.num_rows()).unwrap_or(0)).collect();
    let fingerprint = fingerprint(&file.relative, file.meta.size, &metadata);
    let size = metadata.memory_size();
    let metadata = (kept.fetch_add(size, Ordering::Relaxed) + size <= KEPT).then(|| Arc::new(metadata));
    Ok(Footer { schema: Arc::new(as_read(&schema)), group_rows, fingerprint, metadata })
}

/// Why there is no footer.
enum Fault {
    /// The file is none.
    Bytes(String),
    /// The store that it lies in does not give it.
    Store(Error),
}

impl Fault {
    /// The error of ours that tells of it.
    fn told(self, file: &Found) -> Error {
        match self {
            Self::Bytes(reason) => {
                Error::new(Kind::Input, format!("{}: no readable Parquet file: {reason}", file.path.display()))
                    .with_help("remove the file or write it again")
            }
            Self::Store(error) => error,
        }
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::Bytes(reason)
    }
}

/// The footer of a file whose ends and lengths agree with each other, or what is wrong with it. The reader in the
/// `parquet` crate takes them on trust.
async fn fetch(stores: &Stores, file: &Found) -> Result<ParquetMetaData, Fault> {
    let (store, size) = (&stores.of(file), file.meta.size);
    if size < 12 {
        return Err(format!("{size} bytes are too few").into());
    }
    let bytes = |range: Range<u64>| async move {
        // The store would hand it over to another thread; it also tells why a file cannot be read.
        if let Some(path) = file.file()
            && let Ok(bytes) = read_local(&path, &range)
        {
            return Ok(bytes);
        }
        let read = store.get_range(&file.meta.location, range).await;
        read.map_err(|e| Error::within(&e).map_or_else(|| Fault::Bytes(store_reason(&e)), Fault::Store))
    };
    let folder = stores.footers();
    let name = folder.and_then(|_| kept::name(file, stores.endpoints()));
    let known = folder.zip(name.as_ref()).and_then(|(folder, name)| folder.read(name));
    let is_known = known.is_some();
    let mut end = match known {
        Some(end) => end,
        None => bytes(size.saturating_sub(PREFETCH)..size).await?,
    };
    let Some((_, tail)) = end.split_last_chunk::<8>() else { return Err("it ends too early".to_owned().into()) };
    let [a, b, c, d, magic @ ..] = *tail;
    match &magic {
        b"PAR1" => {}
        b"PARE" => return Err("its footer is encrypted".to_owned().into()),
        _ => return Err("it does not end as one; it may be cut off".to_owned().into()),
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if length + 12 > size {
        return Err(format!("its footer should have {length} bytes, the file has {size}").into());
    }
    // In a store each look at a file is a request: its beginning is looked at only where it came with the end.
    let begins = if end.len() as u64 == size {
        end.starts_with(b"PAR1")
    } else {
        file.remote || bytes(0..4).await?.as_ref() == b"PAR1"
    };
    if !begins {
        return Err("it does not begin as one".to_owned().into());
    }
    if length + 8 > end.len() as u64 {
        end = bytes(size - length - 8..size).await?;
    }
    let start = end.len().saturating_sub(8 + usize::try_from(length).unwrap_or(usize::MAX));
    let footer = end.get(start..end.len().saturating_sub(8)).unwrap_or_default();
    let metadata = guarded(|| ParquetMetaDataReader::decode_metadata(footer))?;
    if let (Some(folder), Some(name), false) = (folder, &name, is_known) {
        folder.write(name, end.get(start..).unwrap_or_default());
    }
    let data_end = size - 8 - length;
    for (at, group) in metadata.row_groups().iter().enumerate() {
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let stop = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
            if stop.and_then(|(start, length)| start.checked_add(length)).is_none_or(|stop| stop > data_end) {
                let path = column.column_path().string();
                return Err(format!("row group {at} of column '{path}' reaches beyond the end of the data").into());
            }
        }
        if group.num_rows() < 0 {
            return Err(format!("row group {at} has {} rows", group.num_rows()).into());
        }
    }
    Ok(metadata)
}

fn read_local(path: &Path, range: &Range<u64>) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = vec![0; usize::try_from(range.end - range.start).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

/// What a decoder makes of bytes from outside. Those of `parquet` and `arrow-ipc` panic on some that are damaged.
fn guarded<T>(decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(|e| parquet_reason(&e)),
        Err(_) => Err("its footer is damaged".to_owned()),
    }
}

/// What went wrong with a file's bytes.
fn store_reason(error: &object_store::Error) -> String {
    let denied = match error {
        object_store::Error::NotFound { .. } => return "the file is gone".to_owned(),
        object_store::Error::PermissionDenied { .. } => true,
        other => other.to_string().contains("ermission denied"),
    };
    if denied { "not allowed to read it".to_owned() } else { error.to_string() }
}

fn parquet_reason(error: &ParquetError) -> String {
    let text = match error {
        ParquetError::General(text) | ParquetError::NYI(text) | ParquetError::EOF(text) => text.clone(),
        other => other.to_string(),
    };
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// The name that a file's rows get their ids from: of its place in the table and of what its footer says of its
/// content, so that it stays the same wherever the table lies and changes when the file is written anew.
fn fingerprint(relative: &str, size: u64, metadata: &ParquetMetaData) -> String {
    let mut seen = Vec::with_capacity(256);
    seen.extend_from_slice(relative.as_bytes());
    seen.push(0);
    seen.extend_from_slice(&size.to_le_bytes());
    for group in metadata.row_groups() {
        seen.extend_from_slice(&group.num_rows().to_le_bytes());
        for column in group.columns() {
            let (start, length) = column.byte_range();
            seen.extend_from_slice(&start.to_le_bytes());
            seen.extend_from_slice(&length.to_le_bytes());
            if let Some(statistics) = column.statistics() {
                seen.extend_from_slice(statistics.min_bytes_opt().unwrap_or_default());
                seen.extend_from_slice(statistics.max_bytes_opt().unwrap_or_default());
            }
        }
    }
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &seen).simple().to_string()
}
