//! JSON files of a table: grouped, searched for fields, and scanned by the reader in `ndjson`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use futures::{StreamExt, TryStreamExt, stream};

use super::ecs;
use super::field::Field;
use super::group::{Group, GroupFile, path_columns};
use super::ndjson::{
    ColumnSpec, Inference, Layout, Metadata, NdjsonFile, NdjsonOptions, NdjsonSource, Observed, Scope, detect,
    detect_local, infer,
};
use super::paths;
use super::remote;
use super::store::Found;
use super::table::{METADATA, Stores, Table};
use crate::error::{Error, Kind, Result};

/// Up to how many bytes of JSON files are looked through whole when a table is opened.
const SMALL: u64 = 16 * 1024 * 1024;

/// How many files of a store are looked at at the same time.
const CONCURRENCY: usize = 32;

/// How many files are looked at on one thread.
const TOGETHER: usize = 64;

/// Of how many files a part is looked at for fields, where there are more.
const SAMPLED: usize = 32;

/// The groups of JSON files: those whose paths spell the same columns go together.
pub(crate) async fn groups(
    stores: &Stores,
    files: Vec<Found>,
    types: &BTreeMap<String, DataType>,
) -> Result<Vec<Group>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let files = look(stores, files).await?;
    let fields = fields(stores, &files).await?;
    let mut drafts: Vec<(Vec<FieldRef>, bool, Vec<GroupFile>)> = Vec::new();
    for (found, json) in files {
        let (columns, path_values) = path_columns(&found, types, None);
        let remote = found.remote;
        let file = GroupFile { found, footer: None, json: Some(json), path_values, range: None };
        match drafts.iter_mut().find(|(known, place, _)| *known == columns && *place == remote) {
            Some((.., files)) => files.push(file),
            None => drafts.push((columns, remote, vec![file])),
        }
    }
    Ok(drafts.into_iter().map(|(columns, _, files)| Group::json(&fields, columns, files)).collect())
}

/// Files with what their first bytes say.
async fn look(stores: &Stores, files: Vec<Found>) -> Result<Vec<(Found, NdjsonFile)>> {
    let some: Vec<Vec<Found>> = files.chunks(TOGETHER).map(<[Found]>::to_vec).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let seen: Vec<Vec<_>> = stream::iter(some).map(seen_here).buffered(threads).try_collect().await?;
    let known = seen.into_iter().flatten().map(|(found, layout)| async move {
        let label = found.path.display().to_string();
        let layout = match layout {
            Some(layout) => layout,
            None => of_first_bytes(stores, &found, &label).await?,
        };
        let key = found.relative.clone();
        Ok((found, NdjsonFile { layout, label, key }))
    });
    stream::iter(known).buffered(CONCURRENCY).try_collect().await
}

/// Those of this machine, which one thread looks at one after the other, with what that told.
async fn seen_here(files: Vec<Found>) -> Result<Vec<(Found, Option<Layout>)>> {
    let here = |found: Found| {
        let layout = found.file().and_then(|file| detect_local(&file));
        (found, layout)
    };
    let task = SpawnedTask::spawn_blocking(move || files.into_iter().map(here).collect());
    task.join().await.map_err(|e| Error::new(Kind::Engine, "a thread that looked at files failed").with_source(e))
}

async fn of_first_bytes(stores: &Stores, found: &Found, label: &str) -> Result<Layout> {
    detect(&stores.of(found), &found.meta).await.map_err(|e| {
        if let Some(ours) = Error::within(&e) {
            return ours;
        }
        let denied = e.to_string().contains("ermission denied");
        let what = if denied { "not allowed to read it" } else { "cannot be read" };
        Error::new(Kind::Input, format!("{label}: {what}")).with_source(e)
    })
}

/// The fields of JSON files: of all documents where those are few, else of a part of each file, or of 32 of them.
async fn fields(stores: &Stores, files: &[(Found, NdjsonFile)]) -> Result<Vec<Field>> {
    let bytes: u64 = files.iter().map(|(found, _)| found.meta.size).sum();
    let scope = if bytes <= SMALL { Scope::Full } else { Scope::Sample };
    let files: Vec<_> = files.iter().map(|(found, json)| (found, json)).collect();
    let files = if scope == Scope::Sample { spread(files) } else { files };
    Ok(named(&inferred(stores, &files, scope).await?))
}

/// At most [`SAMPLED`] of these, the first and the last among them, evenly spread.
fn spread<T: Copy>(all: Vec<T>) -> Vec<T> {
    if all.len() <= SAMPLED {
        return all;
    }
    (0..SAMPLED).filter_map(|at| all.get(at * (all.len() - 1) / (SAMPLED - 1)).copied()).collect()
}

/// What files on this machine and in stores hold.
async fn inferred(stores: &Stores, files: &[(&Found, &NdjsonFile)], scope: Scope) -> Result<Inference> {
    let mut seen = Inference::default();
    for remote in [false, true] {
        let there = files.iter().filter(|(found, _)| found.remote == remote);
        let there: Vec<_> = there.map(|(found, json)| (found.meta.clone(), (*json).clone())).collect();
        seen.merge(infer(&stores.at(remote), &there, scope).await.map_err(|e| unread(&e))?);
    }
    Ok(seen)
}

/// The JSON files of a table.
fn files(table: &Table) -> impl Iterator<Item = (&Found, &NdjsonFile)> {
    table.groups.iter().flat_map(|g| &g.files).filter_map(|f| Some((&f.found, f.json.as_ref()?)))
}

/// Whether a table's JSON files were not looked through whole when it was opened.
pub(crate) fn is_large(table: &Table) -> bool {
    files(table).map(|(found, _)| found.meta.size).sum::<u64>() > SMALL
}

/// Every field of a table's JSON files; they are read whole.
pub(crate) async fn every_field(table: &Table) -> Result<Vec<Field>> {
    if !is_large(table) {
        return Ok(Vec::new());
    }
    Ok(named(&look_through(table).await?))
}

/// What every document of a table's JSON files holds; they are read whole.
pub(crate) async fn look_through(table: &Table) -> Result<Inference> {
    inferred(&table.stores, &files(table).collect::<Vec<_>>(), Scope::Full).await
}

fn unread(error: &DataFusionError) -> Error {
    if let Some(ours) = Error::within(error) {
        return ours;
    }
    Error::new(Kind::Input, format!("cannot look through the documents: {}", error.strip_backtrace()))
}

/// The fields that were seen. Any document may hold several values of any field, and a later one than those that were
/// seen: each is a list, but for the instant of an event.
pub(crate) fn named(seen: &Inference) -> Vec<Field> {
    let field = |(name, observed): (&String, &Observed)| {
        if METADATA.contains(&name.as_str()) {
            return None;
        }
        let by_values = observed.kind()?;
        let kind = ecs::kind(name).unwrap_or(by_values);
        let multi = name != "@timestamp" || observed.several > 0;
        Some(Field { name: name.clone(), kind, data_type: kind.data_type(), multi })
    };
    seen.fields.iter().filter_map(field).collect()
}

/// The group with every column that a query may read: documents are searched for them by name.
pub(crate) fn asked(group: &Group, columns: &[Field]) -> Group {
    let fields: Vec<Field> = columns.iter().filter(|f| !is_path(group, f)).map(as_read).collect();
    Group::json(&fields, group.path_columns.clone(), group.files.clone())
}

fn is_path(group: &Group, field: &Field) -> bool {
    group.path_columns.iter().any(|p| *p.name() == field.name)
}

/// The field in the type that the reader makes of it.
fn as_read(field: &Field) -> Field {
    Field { data_type: field.kind.data_type(), ..field.clone() }
}

/// The scan of those of a group's files that `reads` says.
pub(crate) fn scan(
    table: &Table,
    group: &Group,
    columns: &[Field],
    metadata: &[String],
    reads: impl Fn(&GroupFile) -> bool,
) -> JsonScan {
    let fields = columns.iter().filter(|f| !is_path(group, f)).map(as_read).map(ColumnSpec::Field);
    let described = Metadata::ALL.into_iter().filter(|m| metadata.iter().any(|name| name == m.name()));
    let columns: Vec<_> = fields.chain(described.map(ColumnSpec::Metadata)).collect();
    let options = NdjsonOptions {
        columns,
        partition_columns: group.path_columns.clone(),
        table: table.name().to_owned(),
        on_bad_line: table.on_bad_line,
        strict: table.strict,
        issues: table.issues.clone(),
    };
    let source = NdjsonSource::new(options);
    let schema = Arc::clone(source.table_schema().table_schema());
    JsonScan {
        remote: group.remote,
        files: group.files.iter().filter(|file| reads(file)).cloned().collect(),
        path_columns: group.path_columns.clone(),
        source,
        schema,
    }
}

/// A table over JSON files: a `DataSourceExec` over `FileScanConfig` and `NdjsonSource`.
pub(crate) struct JsonScan {
    remote: bool,
    files: Vec<GroupFile>,
    path_columns: Vec<FieldRef>,
    source: NdjsonSource,
    schema: SchemaRef,
}

impl std::fmt::Debug for JsonScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonScan").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for JsonScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| {
            if paths::covers(&self.path_columns, filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let values: Vec<_> = self.files.iter().map(|f| f.path_values.clone()).collect();
        let kept = paths::kept(&self.path_columns, state, filters, &values)?;
        let one = |file: &GroupFile| {
            let partitioned =
                PartitionedFile::new_from_meta(file.found.meta.clone()).with_partition_values(file.path_values.clone());
            let partitioned = match &file.range {
                Some(range) => partitioned.with_range(range.start as i64, range.end as i64),
                None => partitioned,
            };
            match &file.json {
                Some(known) => partitioned.with_extension(known.clone()),
                None => partitioned,
            }
        };
        let files: Vec<_> = self.files.iter().zip(kept).filter(|(_, kept)| *kept).map(|(f, _)| one(f)).collect();
        if files.is_empty() {
            let schema = match projection {
                Some(wanted) => Arc::new(self.schema.project(wanted)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let groups = FileGroup::new(files).split_files(state.config().target_partitions().max(1));
        let store = if self.remote { remote::url()? } else { ObjectStoreUrl::local_filesystem() };
        let config = FileScanConfigBuilder::new(store, Arc::new(self.source.another()))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
