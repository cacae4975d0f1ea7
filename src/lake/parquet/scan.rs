//! The scan over Parquet files that go together: a `DataSourceExec` over `FileScanConfig` and `ParquetSource`.
//!
//! The scan's file schema holds just the columns that a query reads, so that neither plans nor statistics grow with
//! the width of the files.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::metadata::CachedParquetMetaData;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::CachedFileMetadataEntry;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::parquet::arrow::RowNumber;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;

use super::super::{paths, remote};
use super::stats;

/// The column with a file's fingerprint.
pub(crate) const FILE_COLUMN: &str = "__egret_file";

/// The column with a row's position in its file.
pub(crate) const ROW_COLUMN: &str = "__egret_row";

/// A file of a scan.
#[derive(Debug, Clone)]
pub(crate) struct Scanned {
    pub(crate) meta: ObjectMeta,
    /// The schema that it is read with.
    pub(crate) schema: SchemaRef,
    pub(crate) metadata: Option<Arc<ParquetMetaData>>,
    /// The values of the path columns, and of [`FILE_COLUMN`] where the scan has it.
    pub(crate) path_values: Vec<ScalarValue>,
    /// The row groups to read, where not all are.
    pub(crate) row_groups: Option<Vec<bool>>,
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
        Self { remote, files, file_schema, path_columns, row_column, schema: Arc::new(Schema::new(fields)) }
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
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(output)));
        }
        let inside = self.file_schema.fields().len();
        let file_columns: Vec<usize> = wanted.iter().copied().filter(|at| *at < inside).collect();
        let path_columns: Vec<usize> =
            wanted.iter().filter_map(|at| at.checked_sub(inside)).filter(|at| *at < self.path_columns.len()).collect();
        let with_row = output.column_with_name(ROW_COLUMN).is_some() && self.row_column.is_some();
        let file_schema = Arc::new(self.file_schema.project(&file_columns)?);

        let metadata_cache = state.runtime_env().cache_manager.get_file_metadata_cache();
        let collect = state.config().collect_statistics() && !with_row;
        let mut partitioned = Vec::with_capacity(files.len());
        for file in files {
            if let Some(metadata) = &file.metadata {
                // Footers were read when the lake was opened: the readers find them there.
                let kept = CachedParquetMetaData::new(Arc::clone(metadata));
                let entry = CachedFileMetadataEntry::new(file.meta.clone(), Arc::new(kept));
                metadata_cache.put(&file.meta.location, entry);
            }
            let values: Vec<_> = path_columns.iter().filter_map(|at| file.path_values.get(*at).cloned()).collect();
            // The statistics that DataFusion makes of a path's value take null for a value.
            let null_in_path = values.iter().any(ScalarValue::is_null);
            let mut one = PartitionedFile::new_from_meta(file.meta.clone())
                .with_arrow_schema(Arc::clone(&file.schema))
                .with_partition_values(values);
            if let Some(keep) = &file.row_groups {
                let access = keep.iter().map(|k| if *k { RowGroupAccess::Scan } else { RowGroupAccess::Skip });
                one = one.with_extension(ParquetAccessPlan::new(access.collect()));
            } else if let Some(metadata) = file.metadata.as_ref().filter(|_| collect && !null_in_path) {
                one = one.with_statistics(Arc::new(stats::file(metadata, &file.schema, &file_schema)));
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
        let parts = state.config().target_partitions().max(1) * remote::parts_a_thread(self.remote);
        let groups = FileGroup::new(partitioned).split_files(parts);
        let (groups, statistics) = summed(groups, table_schema.table_schema())?;

        let url = if self.remote { remote::url()? } else { ObjectStoreUrl::local_filesystem() };
        let store = state.runtime_env().object_store(&url)?;
        let source = ParquetSource::new(table_schema)
            .with_table_parquet_options(state.default_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(store, metadata_cache)));
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
