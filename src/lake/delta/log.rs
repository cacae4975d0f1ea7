//! The log of a Delta table -> the table at one version, and its files.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use chrono::DateTime;
use datafusion::common::ScalarValue;
use delta_kernel::Error as KernelError;
use delta_kernel::table_features::ColumnMappingMode;
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::{LogicalFileView, Snapshot as Log};
use deltalake_core::logstore::{LogStore, StorageConfig, default_logstore};
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore};
use url::Url;

use super::super::folders::recognised;
use super::super::remote::Address;
use super::super::store::{Format, Found};
use super::as_of::AsOf;
use super::columns::{self, columns, generation};
use super::generated;
use super::place::{Place, Root};
use super::snapshot::{Active, Deletions, Snapshot};
use super::statistics::FileStatistics;
use super::vector::Vector;
use super::versions;
use crate::error::{Error, Kind, Result};

/// Features of tables without which a reader gives other rows, and that this one honours.
const HONOURED: [&str; 11] = [
    "columnMapping",
    "deletionVectors",
    "timestampNtz",
    "typeWidening",
    "typeWidening-preview",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    // No columns of these types are read.
    "variantType",
    "variantType-preview",
    "variantShredding",
    "variantShredding-preview",
];

/// How a folder is named whose value is null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The table at a place, and its files.
///
/// # Errors
/// A log that cannot be read or is damaged, a version that it does not tell, a feature that is not honoured.
pub(crate) async fn read(place: &Place, as_of: Option<AsOf>) -> Result<(Arc<Snapshot>, Vec<Found>)> {
    let logs = logs(place).await?;
    let version = match as_of {
        None => None,
        Some(as_of) => Some(versions::find(place, &logs, as_of).await?),
    };
    let log = Log::try_new(&*logs, version).await.map_err(|error| told(place, &error))?;
    honoured(place, &log)?;
    let schema = log.schema();
    let mode = log.table_configuration().column_mapping_mode();
    let partition = log.metadata().partition_columns();
    let damaged = |reason: String| Error::new(Kind::Input, format!("{}: its log is damaged: {reason}", place.shown));
    let read = columns(&schema, partition, mode).map_err(damaged)?;
    let fields: Vec<_> = partition.iter().filter_map(|name| schema.field(name)).collect();
    let expressions: Vec<_> = fields.iter().map(|field| (field.name().as_str(), generation(field))).collect();
    let snapshot = Arc::new(Snapshot {
        shown: place.shown.clone(),
        version: log.version(),
        remote: matches!(place.root, Root::Store(_)),
        columns: read,
        generated: generated::folders(&expressions),
        kept: AtomicUsize::new(0),
    });
    let mapped = mode != ColumnMappingMode::None;
    let mut files = Vec::new();
    let mut views = log.file_views(&*logs, None);
    while let Some(view) = views.try_next().await.map_err(|error| told(place, &error))? {
        let raw = view.partition_values_map();
        let mut values = Vec::with_capacity(fields.len());
        let mut layout = String::new();
        for (field, column) in fields.iter().zip(&snapshot.columns.partition) {
            let text = raw.get(columns::stored_name(field, mapped)).and_then(Option::as_deref);
            let value = columns::partition_value(text, field, column)
                .map_err(|reason| damaged(format!("partition '{}' of {}: {reason}", field.name(), view.path())))?;
            let spelled = if value.is_null() { NULL.to_owned() } else { encoded(text.unwrap_or_default()) };
            layout.extend([encoded(field.name()), "=".to_owned(), spelled, "/".to_owned()]);
            values.push(value);
        }
        layout.push_str("file");
        files.push(file(place, &logs, &snapshot, &view, layout, values).await?);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((snapshot, files))
}

/// The store of the log: its root is the table's folder.
async fn logs(place: &Place) -> Result<Arc<dyn LogStore>> {
    let store: Arc<dyn ObjectStore> = match &place.root {
        Root::Local(path) => Arc::new(
            LocalFileSystem::new_with_prefix(path)
                .map_err(|e| Error::new(Kind::Input, format!("{}: cannot be read", place.shown)).with_source(e))?,
        ),
        Root::Store(address) => {
            place.objects.open(address).await?;
            Arc::new(PrefixStore::new(Arc::clone(&place.objects), address.path()?))
        }
    };
    // Of all kinds of locations it is files that are taken to be listed in no order.
    let root = Url::parse("file:///").map_err(|e| Error::new(Kind::Engine, "no address of a root").with_source(e))?;
    Ok(default_logstore(Arc::clone(&store), store, &root, &StorageConfig::default()))
}

/// Makes sure that the table needs nothing of a reader that this one does not do.
fn honoured(place: &Place, log: &Log) -> Result<()> {
    let features = log.protocol().reader_features().unwrap_or_default();
    let foreign: Vec<_> = features
        .iter()
        .map(ToString::to_string)
        .filter(|feature| !HONOURED.contains(&feature.as_str()))
        .map(|feature| format!("'{feature}'"))
        .collect();
    if foreign.is_empty() { Ok(()) } else { Err(unsupported(place, &foreign.join(", "))) }
}

fn unsupported(place: &Place, what: &str) -> Error {
    let message = format!("{}: a Delta table that needs a reader with {what}, which egret has not", place.shown);
    Error::new(Kind::Input, message).with_help("rewrite the table without it, or copy what is in it to another table")
}

/// A file of the table.
async fn file(
    place: &Place,
    logs: &Arc<dyn LogStore>,
    snapshot: &Arc<Snapshot>,
    view: &LogicalFileView,
    layout: String,
    partition: Vec<ScalarValue>,
) -> Result<Found> {
    let relative = view.path().into_owned();
    let damaged = |reason: &str| Error::new(Kind::Input, format!("{}: its log is damaged: {reason}", place.shown));
    let size = u64::try_from(view.size()).map_err(|_| damaged(&format!("{relative} has {} bytes", view.size())))?;
    let (path, meta, remote) = located(place, &relative, size, view.modification_time()).await?;
    let statistics = FileStatistics::parse(view.stats().as_deref(), &snapshot.columns.leaves);
    let deletions = match view.deletion_vector_descriptor().filter(|vector| vector.cardinality != 0) {
        Some(vector) => {
            let vector = vector
                .try_into()
                .map_err(|e: delta_kernel::Error| damaged(&format!("the deletion vector of {relative}: {e}")))?;
            Some(Box::new(Vector::new(vector, &path, Arc::clone(logs), place)) as Box<dyn Deletions>)
        }
        None => None,
    };
    let dated = match &snapshot.generated {
        Some(folders) => folders.dated(&layout).and_then(generated::anywhere),
        None => recognised(&layout),
    };
    let snapshot = Arc::clone(snapshot);
    let active = Active::new(snapshot, layout, partition, statistics, deletions, view.modification_time());
    let (format, columns) = (Format::Parquet, Vec::new());
    Ok(Found { path, relative, format, meta, columns, dated, remote, delta: Some(Arc::new(active)) })
}

/// Where a file lies that the log names by a path below the table's folder, or by an absolute one.
pub(super) async fn located(
    place: &Place,
    named: &str,
    size: u64,
    written: i64,
) -> Result<(PathBuf, ObjectMeta, bool)> {
    let absolute = named.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    let elsewhere = if absolute { Address::parse(named)? } else { None };
    let address = match (&place.root, elsewhere) {
        (_, Some(address)) => Some(address),
        (Root::Store(table), None) if !absolute => Some(table.below(named)),
        _ => None,
    };
    if let Some(address) = address {
        place.objects.open(&address).await?;
        return noted(place, &address, size);
    }
    let path = match &place.root {
        Root::Local(folder) if !absolute => folder.join(named),
        _ => PathBuf::from(named.strip_prefix("file:").map_or(named, |path| path.trim_start_matches("//"))),
    };
    let unaddressed = |e: &dyn std::fmt::Display| {
        Error::new(Kind::Input, format!("{}: a path that cannot be addressed: {e}", path.display()))
    };
    let whole = std::path::absolute(&path).map_err(|e| unaddressed(&e))?;
    let location = Path::from_absolute_path(&whole).map_err(|e| unaddressed(&e))?;
    let last_modified = DateTime::from_timestamp_millis(written).unwrap_or_default();
    Ok((path, ObjectMeta { location, last_modified, size, e_tag: None, version: None }, false))
}

fn noted(place: &Place, address: &Address, size: u64) -> Result<(PathBuf, ObjectMeta, bool)> {
    // The time that the log has is not the one that the store has: names, which are never used twice, tell versions.
    let location = address.object()?;
    let meta = ObjectMeta { location, last_modified: DateTime::UNIX_EPOCH, size, e_tag: None, version: None };
    let (meta, shown) = place.objects.noted(address, meta)?;
    Ok((PathBuf::from(shown), meta, true))
}

/// A text as a part of a path.
fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F").replace('=', "%3D")
}

/// The error of a table whose log cannot be read.
pub(super) fn told(place: &Place, error: &DeltaTableError) -> Error {
    let kernel = match error {
        DeltaTableError::KernelError(kernel) => Some(bare(kernel)),
        _ => None,
    };
    let of_store = match (error, kernel) {
        (DeltaTableError::ObjectStore { source }, _) => Some(source),
        (_, Some(KernelError::ObjectStore(source))) => Some(source),
        _ => None,
    };
    if let Some(ours) = of_store.and_then(|source| Error::within(source)) {
        return ours;
    }
    match kernel {
        Some(KernelError::Unsupported(what)) => {
            // The kernel names features in quotes, and versions at the end.
            let feature = what.split('\'').nth(1).map(|feature| format!("'{feature}'"));
            let version = what.strip_prefix("Unsupported minimum reader version").map(|n| format!("reader version{n}"));
            return unsupported(
                place,
                &feature.or(version).unwrap_or_else(|| format!("more than this one does ({what})")),
            );
        }
        Some(KernelError::MaxCatalogVersion(_)) => return unsupported(place, "'catalogManaged'"),
        _ => {}
    }
    let reason = kernel.map_or_else(|| error.to_string(), ToString::to_string);
    Error::new(Kind::Input, format!("{}: the log of the Delta table cannot be read: {reason}", place.shown))
        .with_help(format!("check {}/_delta_log: commits are named 00000000000000000000.json and so on", place.shown))
}

/// An error of the kernel without the trace of calls that it may come in.
pub(super) fn bare(error: &KernelError) -> &KernelError {
    match error {
        KernelError::Backtraced { source, .. } => bare(source),
        other => other,
    }
}
