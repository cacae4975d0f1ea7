//! The scan over Parquet files that go together: a `DataSourceExec` over `FileScanConfig` and `ParquetSource`.
//!
//! The scan's file schema holds just the columns that a query reads, so that neither plans nor statistics grow with
//! the width of the files.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{ScalarValue, Statistics, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::metadata::CachedParquetMetaData;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::cache::cache_manager::CachedFileMetadataEntry;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::parquet::arrow::RowNumber;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::metrics::MetricBuilder;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;

use super::super::delta::{self, Active};
use super::super::store::Found;
use super::super::table::Stores;
use super::super::{paths, remote};
use super::footer::Footer;
use super::stats;

/// The column with a file's fingerprint.
pub(crate) const FILE_COLUMN: &str = "__egret_file";

/// The column with a row's position in its file.
pub(crate) const ROW_COLUMN: &str = "__egret_row";

/// A file of a scan.
#[derive(Debug, Clone)]
pub(crate) struct Scanned {
    pub(crate) meta: ObjectMeta,
    pub(crate) told: Told,
    /// The values of the path columns, and of [`FILE_COLUMN`] where the scan has it.
    pub(crate) path_values: Vec<ScalarValue>,
    /// The row groups to read, where not all are.
    pub(crate) row_groups: Option<Vec<bool>>,
}

/// What is known of a file.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// The schema that it is read with, and its footer where that is kept.
    Footer(SchemaRef, Option<Arc<ParquetMetaData>>),
    /// What the log of its Delta table says; its footer is read where the log does not rule it out.
    Log(Found),
}

impl Scanned {
    /// What the log of its Delta table says of it.
    fn active(&self) -> Option<&Active> {
        match &self.told {
            Told::Log(found) => found.delta.as_deref(),
            Told::Footer(..) => None,
        }
    }
}

/// How many files of Delta tables are opened at the same time.
const CONCURRENCY: usize = 32;

/// A file that is read.
struct Read<'a> {
    file: &'a Scanned,
    schema: &'a SchemaRef,
    metadata: Option<&'a Arc<ParquetMetaData>>,
    /// The rows to read, where not all are.
    access: Option<ParquetAccessPlan>,
}

/// A table over Parquet files whose columns of one name have one type.
#[derive(Debug)]
pub(crate) struct ParquetScan {
    remote: bool,
    files: Vec<Scanned>,
    file_schema: SchemaRef,
    path_columns: Vec<FieldRef>,
    row_column: Option<FieldRef>,
    schema: SchemaRef,
    /// Where files of Delta tables are opened, and how many the log ruled out before.
    log: Option<(Stores, usize)>,
}

impl ParquetScan {
    /// A scan of files, of stores or of this machine; `with_row` adds [`ROW_COLUMN`].
    pub(crate) fn new(
        remote: bool,
        files: Vec<Scanned>,
        file_schema: SchemaRef,
        path_columns: Vec<FieldRef>,
        with_row: bool,
    ) -> Self {
        let row_column = with_row.then(|| {
            Arc::new(Field::new(ROW_COLUMN, DataType::Int64, false).with_extension_type(RowNumber)) as FieldRef
        });
        let mut fields: Vec<FieldRef> = file_schema.fields().iter().cloned().collect();
        fields.extend(path_columns.iter().cloned());
        fields.extend(row_column.iter().cloned());
        Self { remote, files, file_schema, path_columns, row_column, schema: Arc::new(Schema::new(fields)), log: None }
    }

    /// The scan with the stores in which it opens files of Delta tables; `ruled_out` files are not read for what the log
    /// says of them.
    pub(crate) fn with_log(self, stores: &Stores, ruled_out: usize) -> Self {
        Self { log: Some((stores.clone(), ruled_out)), ..self }
    }

    /// Which files may hold rows that pass filters, by what the log of a Delta table says.
    fn by_log<'a>(&self, state: &dyn Session, filters: &[Expr], files: Vec<&'a Scanned>) -> Result<Vec<&'a Scanned>> {
        let active: Option<Vec<_>> = files.iter().map(|file| file.active()).collect();
        let Some(active) = active.filter(|active| active.iter().all(|file| file.is_named_in_log(&self.file_schema)))
        else {
            return Ok(files);
        };
        let kept = delta::kept(state, filters, &self.schema, &active)?;
        Ok(files.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(file, _)| file).collect())
    }

    /// A file with what its footer says.
    async fn open<'a>(&'a self, file: &'a Scanned) -> Result<Read<'a>> {
        match (&file.told, &self.log) {
            (Told::Footer(schema, metadata), _) => {
                let access = file.row_groups.as_ref().map(|keep| {
                    let access = keep.iter().map(|k| if *k { RowGroupAccess::Scan } else { RowGroupAccess::Skip });
                    ParquetAccessPlan::new(access.collect())
                });
                Ok(Read { file, schema, metadata: metadata.as_ref(), access })
            }
            (Told::Log(found), Some((stores, _))) if let Some(active) = &found.delta => {
                let opened = active.open(stores, found).await.map_err(|e| DataFusionError::External(Box::new(e)))?;
                let Footer { schema, metadata, .. } = &opened.footer;
                Ok(Read { file, schema, metadata: metadata.as_ref(), access: opened.access.clone() })
            }
            (Told::Log(found), _) => internal_err!("{} is no file of a Delta table", found.path.display()),
        }
    }
}

#[async_trait]
impl TableProvider for ParquetScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| {
            if paths::covers(&self.path_columns, filter) {
                TableProviderFilterPushDown::Exact
            } else if self.row_column.is_some() && filter.column_refs().iter().any(|c| c.name() == ROW_COLUMN) {
                TableProviderFilterPushDown::Unsupported
            } else {
                TableProviderFilterPushDown::Inexact
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
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let wanted = projection.unwrap_or(&all);
        let output = Arc::new(self.schema.project(wanted)?);
        let values: Vec<_> = self.files.iter().map(|f| f.path_values.clone()).collect();
        let kept = paths::kept(&self.path_columns, state, filters, &values)?;
        let files: Vec<&Scanned> = self.files.iter().zip(kept).filter(|(_, kept)| *kept).map(|(f, _)| f).collect();
        let files = self.by_log(state, filters, files)?;
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(output)));
        }
        let ruled_out = self.log.as_ref().map_or(0, |(_, before)| before + self.files.len() - files.len());
        let opened: Vec<_> = files.into_iter().map(|file| self.open(file).boxed()).collect();
        let files: Vec<Read<'_>> = stream::iter(opened).buffered(CONCURRENCY).try_collect().await?;
        let inside = self.file_schema.fields().len();
        let file_columns: Vec<usize> = wanted.iter().copied().filter(|at| *at < inside).collect();
        let path_columns: Vec<usize> =
            wanted.iter().filter_map(|at| at.checked_sub(inside)).filter(|at| *at < self.path_columns.len()).collect();
        let with_row = output.column_with_name(ROW_COLUMN).is_some() && self.row_column.is_some();
        let file_schema = Arc::new(self.file_schema.project(&file_columns)?);

        let metadata_cache = state.runtime_env().cache_manager.get_file_metadata_cache();
        let collect = state.config().collect_statistics() && !with_row;
        let mut partitioned = Vec::with_capacity(files.len());
        for Read { file, schema, metadata, access } in files {
            if let Some(metadata) = metadata {
                // Footers were read when the lake was opened: the readers find them there.
                let kept = CachedParquetMetaData::new(Arc::clone(metadata));
                let entry = CachedFileMetadataEntry::new(file.meta.clone(), Arc::new(kept));
                metadata_cache.put(&file.meta.location, entry);
            }
            let values: Vec<_> = path_columns.iter().filter_map(|at| file.path_values.get(*at).cloned()).collect();
            // The statistics that DataFusion makes of a path's value take null for a value.
            let null_in_path = values.iter().any(ScalarValue::is_null);
            let mut one = PartitionedFile::new_from_meta(file.meta.clone())
                .with_arrow_schema(Arc::clone(schema))
                .with_partition_values(values);
            if let Some(access) = access {
                one = one.with_extension(access);
            } else if let Some(metadata) = metadata.filter(|_| collect && !null_in_path) {
                one = one.with_statistics(Arc::new(stats::file(metadata, schema, &file_schema)));
            }
            partitioned.push(one);
        }

        let path_fields: Vec<FieldRef> =
            path_columns.iter().filter_map(|at| self.path_columns.get(*at).cloned()).collect();
        let virtual_fields: Vec<FieldRef> = self.row_column.iter().filter(|_| with_row).cloned().collect();
        let table_schema = TableSchema::builder(Arc::clone(&file_schema))
            .with_table_partition_cols(path_fields)
            .with_virtual_columns(virtual_fields)
            .build();
        let groups = FileGroup::new(partitioned).split_files(state.config().target_partitions().max(1));
        let (groups, statistics) = summed(groups, table_schema.table_schema())?;

        let url = if self.remote { remote::url()? } else { ObjectStoreUrl::local_filesystem() };
        let store = state.runtime_env().object_store(&url)?;
        let source = ParquetSource::new(table_schema)
            .with_table_parquet_options(state.default_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(store, metadata_cache)));
        if self.files.iter().any(|file| file.active().is_some()) {
            MetricBuilder::new(source.metrics()).global_counter("files_pruned_log").add(ruled_out);
        }
        let mut config = FileScanConfigBuilder::new(url, Arc::new(source)).with_file_groups(groups).with_limit(limit);
        if let Some(statistics) = statistics {
            config = config.with_statistics(statistics);
        }
        Ok(DataSourceExec::from_data_source(config.build()))
    }
}

/// The groups with the sums of their files' statistics, and the sum of all, where every file has them.
fn summed(groups: Vec<FileGroup>, schema: &Schema) -> Result<(Vec<FileGroup>, Option<Statistics>)> {
    if groups.iter().flat_map(FileGroup::iter).any(|f| f.statistics.is_none()) {
        return Ok((groups, None));
    }
    let mut done = Vec::with_capacity(groups.len());
    let mut sums = Vec::with_capacity(groups.len());
    for group in groups {
        let sum = Statistics::try_merge_iter(group.iter().filter_map(|f| f.statistics.as_deref()), schema)?;
        done.push(group.with_statistics(Arc::new(sum.clone())));
        sums.push(sum);
    }
    let all = Statistics::try_merge_iter(sums.iter(), schema)?;
    Ok((done, Some(all)))
}
