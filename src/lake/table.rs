//! A table: the files of one location, and the fields that they hold together.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::parquet::file::metadata::ParquetMetaData;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::catalog::TableSpec;
use super::config::LakeConfig;
use super::delta;
use super::field::Field;
use super::folders::Folders;
use super::functions::Unparsed;
use super::group::{self, Group, GroupFile};
use super::json;
use super::mapping::{Made, Mapping};
use super::ndjson::{Issues, OnBadLine};
use super::parquet::{self, Kept};
use super::partition::TIMESTAMP;
use super::remote::Objects;
use super::schema::{Leaf, Stored, unify};
use super::store::{Format, Found, Listing};
use crate::error::{Error, Kind, Result};

/// Columns that say something of an event rather than being its field.
pub const METADATA: [&str; 5] = ["_id", "_index", "_version", "_source", "_ignored"];

/// Where the files of a table lie: on this machine, and in stores.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    local: Arc<dyn ObjectStore>,
    remote: Arc<Objects>,
    footers: Option<Kept>,
}

impl Stores {
    /// The store of a file.
    pub(crate) fn of(&self, file: &Found) -> Arc<dyn ObjectStore> {
        self.at(file.remote)
    }

    /// The store of all files of stores, or of all of this machine.
    pub(crate) fn at(&self, remote: bool) -> Arc<dyn ObjectStore> {
        if remote { Arc::clone(&self.remote) as _ } else { Arc::clone(&self.local) }
    }

    /// The footers that are kept from one run to the next.
    pub(crate) const fn footers(&self) -> Option<&Kept> {
        self.footers.as_ref()
    }

    /// What tells a bucket from one of the same name of another service.
    pub(crate) fn endpoints(&self) -> &str {
        self.remote.endpoints()
    }
}

/// The files of one location, and the fields that they hold together.
#[derive(Debug)]
pub struct Table {
    name: String,
    location: String,
    pub(crate) stores: Stores,
    pub(crate) groups: Vec<Group>,
    fields: Vec<Field>,
    /// The fields once every document was looked through for them.
    discovered: OnceLock<Vec<Field>>,
    pub(crate) on_bad_line: OnBadLine,
    pub(crate) strict: bool,
    pub(crate) lateness: Option<TimeDelta>,
    pub(crate) folders: Option<Folders>,
    /// The Delta tables of which some of its files are.
    tables: Vec<Arc<delta::Snapshot>>,
    pub(crate) mapping: Mapping,
    pub(crate) issues: Issues,
    pub(crate) unparsed: BTreeMap<String, Arc<Unparsed>>,
    warnings: Vec<String>,
    left_out: Vec<String>,
    skipped: usize,
    _spool: Option<NamedTempFile>,
}

impl Table {
    /// The table over the files of a listing.
    pub(crate) async fn open(
        spec: &TableSpec,
        listing: Listing,
        config: &LakeConfig,
        objects: &Arc<Objects>,
    ) -> Result<Self> {
        let TableSpec { name, mapping, .. } = spec;
        // Whose log was not read is listed again through it.
        let Listing { files, others, spool, skipped, tables, is_delta: _ } = listing;
        let mut warnings = Vec::new();
        if let Some(first) = others.first() {
            let count = others.len();
            let what = if count == 1 { "1 file is" } else { &format!("{count} files are") };
            warnings.push(format!("table '{name}': {what} neither Parquet nor JSON, first: {}", first.display()));
        }
        let folders = declared(spec, &tables, &files);
        let (files, of_deltas) = delta::apart(files, &tables, spec.folders.is_some() || folders.is_some());
        let types = group::path_types(&files);
        let (parquet_files, json_files): (Vec<Found>, Vec<Found>) =
            files.into_iter().partition(|f| f.format == Format::Parquet);
        let footers = config.footer_cache.as_deref().map(Kept::new);
        let stores = Stores { local: Arc::new(LocalFileSystem::new()), remote: Arc::clone(objects), footers };
        let footers = parquet::read_all(&stores, &parquet_files).await?;
        let (mut groups, mut left_out) = group::parquet(parquet_files.into_iter().zip(footers).collect(), &types);
        for (snapshot, files) in of_deltas {
            let (of_delta, others) = delta::groups(&stores, &snapshot, files).await?;
            groups.extend(of_delta);
            left_out.extend(others.into_iter().filter(|other| !left_out.contains(other)).collect::<Vec<_>>());
        }
        groups.extend(json::groups(&stores, json_files, &types).await?);
        if let Some((a, b, path)) = group::struct_conflict(&groups) {
            let file = |at: usize| groups.get(at).map(|g| g.example(&path)).unwrap_or_default();
            let (value, nested) = (file(a), file(b));
            let message = format!(
                "field '{path}' is a value in {} and an object with fields in {}",
                value.display(),
                nested.display()
            );
            return Err(Error::new(Kind::Input, message).with_help("give each kind of file a table of its own"));
        }
        for group in &mut groups {
            if group.format == Format::Json {
                mapping.retype(group);
            }
            mapping.apply(group);
        }
        let fields = table_fields(&groups)?;
        let left_out: Vec<_> = left_out.into_iter().map(|l| format!("{} ({})", l.name, l.data_type)).collect();
        let unparsed = fields.iter().map(|f| (f.name.clone(), Arc::new(Unparsed::default()))).collect();
        Ok(Self {
            name: name.to_owned(),
            location: spec.locations.join(", "),
            stores,
            skipped,
            groups,
            fields,
            discovered: OnceLock::new(),
            on_bad_line: config.on_bad_line,
            strict: config.strict,
            lateness: config.lateness.or(spec.lateness),
            folders: spec.folders.clone().or(folders),
            tables,
            mapping: mapping.clone(),
            issues: Issues::default(),
            unparsed,
            warnings,
            left_out,
            _spool: spool,
        })
    }

    /// The table with other groups of its files, whose scans count in `issues`.
    pub(crate) fn with(&self, groups: Vec<Group>, discovered: OnceLock<Vec<Field>>, issues: Issues) -> Self {
        Self {
            name: self.name.clone(),
            location: self.location.clone(),
            stores: self.stores.clone(),
            skipped: self.skipped,
            groups,
            fields: self.fields.clone(),
            discovered,
            on_bad_line: self.on_bad_line,
            strict: self.strict,
            lateness: self.lateness,
            folders: self.folders.clone(),
            tables: self.tables.clone(),
            mapping: self.mapping.clone(),
            issues,
            unparsed: self.unparsed.clone(),
            warnings: Vec::new(),
            left_out: self.left_out.clone(),
            _spool: None,
        }
    }

    /// The name that FROM knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its files lie, as it was given.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// What tells the table from one of other events, or of the same ones read in another way, though its name is the same.
    pub fn definition(&self) -> Uuid {
        let Self { name, location, lateness, folders, mapping, .. } = self;
        let text = format!("{name:?} {location:?} {lateness:?} {folders:?} {mapping:?}");
        Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes())
    }

    /// Its fields, sorted by name, without metadata. Of large JSON files those of a part of each, until
    /// [`discover`](Self::discover) has looked through them.
    pub fn fields(&self) -> &[Field] {
        self.discovered.get().unwrap_or(&self.fields)
    }

    /// Looks through every document of large JSON files for fields, once.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn discover(&self) -> Result<()> {
        if self.discovered.get().is_some() {
            return Ok(());
        }
        let mut fields: BTreeMap<String, Field> = self.fields.iter().map(|f| (f.name.clone(), f.clone())).collect();
        for field in json::every_field(self).await? {
            fields.entry(field.name.clone()).or_insert(field);
        }
        for field in self.mapping.found(|name| fields.contains_key(name)) {
            fields.entry(field.name.clone()).or_insert(field);
        }
        // Whoever was first has found the same.
        let _ = self.discovered.set(fields.into_values().collect());
        Ok(())
    }

    /// The field of a name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields().binary_search_by(|f| f.name.as_str().cmp(name)).ok().and_then(|at| self.fields().get(at))
    }

    /// Whether its documents may hold fields that are not listed; they can be asked for.
    pub fn open_ended(&self) -> bool {
        self.groups.iter().any(|g| g.format == Format::Json)
    }

    /// Whether its fields are all that its documents hold: large JSON files are not looked through whole at first.
    pub fn lists_every_field(&self) -> bool {
        self.discovered.get().is_some() || !json::is_large(self)
    }

    /// How many files it has.
    pub fn files(&self) -> usize {
        self.groups.iter().map(|g| g.files.len()).sum()
    }

    /// The bytes of its files as they are stored.
    pub fn bytes(&self) -> u64 {
        self.groups.iter().flat_map(|g| &g.files).map(|f| f.found.meta.size).sum()
    }

    /// How many folders of its location were not looked into, since no window that was asked for needs them.
    pub const fn skipped_folders(&self) -> usize {
        self.skipped
    }

    /// How many events it holds, where the files say so without being read.
    pub fn rows(&self) -> Option<u64> {
        self.groups.iter().flat_map(|g| &g.files).map(GroupFile::rows).sum()
    }

    /// The first and the last instant of its events, where the files say so without being read.
    pub fn times(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let mut all: Option<(DateTime<Utc>, DateTime<Utc>)> = None;
        for group in &self.groups {
            let [leaf] = group.leaves(TIMESTAMP) else { return None };
            for file in &group.files {
                let groups = match &file.found.delta {
                    Some(active) => vec![active.told_bounds(&group.schema, &leaf.path)?],
                    None => footer_bounds(leaf, file.footer()?.metadata.as_ref()?)?,
                };
                for (from, to) in times(leaf, groups)? {
                    all = Some(all.map_or((from, to), |(a, b)| (a.min(from), b.max(to))));
                }
            }
        }
        all
    }

    /// The versions of the Delta tables that it is read from, in the order of its locations.
    pub fn versions(&self) -> Vec<u64> {
        self.tables.iter().map(|table| table.version).collect()
    }

    /// The formats of its files that are none of Delta tables.
    pub fn formats(&self) -> Vec<Format> {
        let is_delta = |group: &&Group| {
            let files = &group.files;
            files.first().map_or(!self.tables.is_empty(), |file| file.found.delta.is_some())
        };
        let mut formats: Vec<_> = self.groups.iter().filter(|group| !is_delta(group)).map(|g| g.format).collect();
        formats.sort_unstable();
        formats.dedup();
        formats
    }

    /// What was noticed when it was opened.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The columns that are no fields, with their types: maps and what else ES|QL has no type for.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// What the scans since the last call could not read: texts that are no instant.
    pub fn take_unparsed(&self) -> Vec<String> {
        self.unparsed
            .iter()
            .filter_map(|(field, unparsed)| {
                let (count, example) = unparsed.take();
                let example = example.unwrap_or_default();
                (count > 0).then(|| {
                    format!(
                        "table '{}': {count} values of '{field}' are no instant and read as null, first: '{example}'",
                        self.name
                    )
                })
            })
            .collect()
    }

    /// What the scans of its JSON files met; a clone is the same tally.
    pub fn issues(&self) -> &Issues {
        &self.issues
    }
}

/// The times that folders are named after where a Delta table that is the only location says it.
fn declared(spec: &TableSpec, tables: &[Arc<delta::Snapshot>], files: &[Found]) -> Option<Folders> {
    let [table] = tables else { return None };
    let generated = table.generated.as_ref().filter(|_| files.iter().all(|file| file.delta.is_some()))?;
    // The time of an event has one name in every table.
    let is_time = spec.mapping.is_time(&generated.field);
    let field = if is_time { TIMESTAMP.to_owned() } else { generated.field.clone() };
    Some(Folders { field, ..generated.clone() })
}

/// What the footer of a file says of a leaf in each row group; `None` where that is nothing.
fn footer_bounds(leaf: &Leaf, metadata: &ParquetMetaData) -> Option<Vec<parquet::Bounds>> {
    let columns = metadata.file_metadata().schema_descr().columns();
    let column = columns.iter().find(|c| c.path().parts() == leaf.path)?;
    // The twelve-byte instants of old files have no bounds.
    if column.physical_type() != datafusion::parquet::basic::Type::INT64 {
        return None;
    }
    parquet::instants(metadata, &leaf.path)
}

/// The first and the last instant in each part of a file that has some; `None` where nobody knows.
fn times(leaf: &Leaf, parts: Vec<parquet::Bounds>) -> Option<Vec<(DateTime<Utc>, DateTime<Utc>)>> {
    let as_stored = matches!(leaf.made, None | Some(Made::Epoch(_)));
    let at: fn(i64) -> Option<DateTime<Utc>> = match &leaf.data_type {
        _ if leaf.multi() || !as_stored => return None,
        DataType::Timestamp(TimeUnit::Second, _) => |n| DateTime::from_timestamp(n, 0),
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Int64 | DataType::Date64 => {
            DateTime::from_timestamp_millis
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => DateTime::from_timestamp_micros,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => |n| Some(DateTime::from_timestamp_nanos(n)),
        _ => return None,
    };
    let bounds = |part: parquet::Bounds| {
        let (low, high) = part.range?;
        Some((at(low)?, at(high)?))
    };
    parts.into_iter().filter(|part| !part.all_null).map(bounds).collect()
}

/// The fields of groups together, sorted by name.
///
/// # Errors
/// A field whose types have nothing in common: names both files and both types.
fn table_fields(groups: &[Group]) -> Result<Vec<Field>> {
    let mut by_name: BTreeMap<&str, Vec<(usize, &Leaf)>> = BTreeMap::new();
    for (at, group) in groups.iter().enumerate() {
        for (name, leaves) in &group.fields {
            by_name.entry(name).or_default().extend(leaves.iter().map(|l| (at, l)));
        }
    }
    let mut fields = Vec::with_capacity(by_name.len());
    for (name, leaves) in by_name {
        if METADATA.contains(&name) {
            continue;
        }
        // Documents coerce to the type of a column: where there is one, it decides.
        let several = leaves.iter().any(|(_, l)| l.multi());
        let is_column = |(at, _): &&(usize, _)| groups.get(*at).is_some_and(|g| g.format == Format::Parquet);
        let columns: Vec<_> = leaves.iter().filter(is_column).copied().collect();
        let leaves = if columns.is_empty() { leaves } else { columns };
        let stored: Vec<_> = leaves.iter().map(|(_, l)| Stored { data_type: &l.data_type, multi: l.multi() }).collect();
        match unify(name, &stored) {
            Ok(field) => fields.extend(field.map(|f| Field { multi: several, ..f })),
            Err((a, b)) => {
                let told = |at: usize| {
                    let (group, leaf) = leaves.get(at)?;
                    let file = groups.get(*group)?.example(name);
                    Some(format!("{} in {}", leaf.data_type, file.display()))
                };
                let (a, b) = (told(a).unwrap_or_default(), told(b).unwrap_or_default());
                return Err(Error::new(Kind::Input, format!("field '{name}' is {a} and {b}"))
                    .with_help("give each kind of file a table of its own, or write one of them again"));
            }
        }
    }
    Ok(fields)
}
