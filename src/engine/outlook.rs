//! What a query will read, told before it does.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use datafusion::datasource::physical_plan::parquet::metadata::CachedParquetMetaData;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::parquet::file::metadata::RowGroupMetaData;
use datafusion::physical_plan::ExecutionPlan;

use super::plan::Prepared;
use super::{Engine, TimeField};
use crate::lake::{Amount, Outlook};
use crate::rule::Execution;
use crate::sql::lowered::Lowered;

impl Engine {
    /// What an execution's window leaves of the tables of a query.
    pub fn outlook(&self, lowered: &Lowered, time: &TimeField, execution: &Execution) -> Vec<Outlook> {
        let window = execution.window.map(|window| time.over(&window, Some(execution.at)));
        let state = self.session.context().state();
        let names: BTreeSet<&String> = lowered.tables.iter().flat_map(|used| &used.patterns).collect();
        let tables = self.lake.select(&names.into_iter().collect::<Vec<_>>()).tables;
        tables.iter().map(|table| table.outlook(window.as_ref(), &state)).collect()
    }
}

/// The files that the scans of a plan read, and of how many bytes at most: of Parquet files those of the columns and row
/// groups that are wanted; conditions of the query spare more once pages are looked at.
pub fn at_most(prepared: &Prepared) -> Amount {
    let mut reads = Reads { prepared, seen: BTreeSet::new(), amount: Amount::default() };
    reads.plan(&prepared.physical);
    reads.amount
}

struct Reads<'a> {
    prepared: &'a Prepared,
    seen: BTreeSet<String>,
    amount: Amount,
}

impl Reads<'_> {
    fn plan(&mut self, plan: &Arc<dyn ExecutionPlan>) {
        if let Some(scan) = plan.downcast_ref::<DataSourceExec>()
            && let Some(config) = (scan.data_source().as_ref() as &dyn std::any::Any).downcast_ref::<FileScanConfig>()
        {
            for file in config.file_groups.iter().flat_map(FileGroup::iter) {
                self.file(config, file);
            }
        }
        for child in plan.children() {
            self.plan(child);
        }
    }

    fn file(&mut self, config: &FileScanConfig, file: &PartitionedFile) {
        let name = format!("{:?} {}", config.object_store_url, file.object_meta.location);
        let new = self.seen.insert(name);
        self.amount.files += u64::from(new);
        if config.file_source().file_type() != "parquet" {
            let (start, end) = file.range();
            self.amount.bytes += end - start;
        } else if new {
            // A file in several ranges is read once altogether.
            self.amount.bytes += self.wanted(config, file).unwrap_or(file.object_meta.size);
        }
    }

    /// The bytes of the columns and row groups of a file that a scan wants, where its footer is at hand.
    fn wanted(&self, config: &FileScanConfig, file: &PartitionedFile) -> Option<u64> {
        let caches = &self.prepared.state.runtime_env().cache_manager;
        let entry = caches.get_file_metadata_cache().get(&file.object_meta.location)?;
        let footer = entry.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>()?.parquet_metadata();
        let schema = config.file_source().table_schema().file_schema();
        let groups: Vec<usize> = match file.extension::<ParquetAccessPlan>() {
            Some(access) => access.row_group_indexes(),
            None => (0..footer.num_row_groups()).collect(),
        };
        let columns = groups.iter().filter_map(|at| footer.row_groups().get(*at)).flat_map(RowGroupMetaData::columns);
        let wanted = columns.filter(|column| {
            column.column_path().parts().first().is_some_and(|root| schema.field_with_name(root).is_ok())
        });
        Some(wanted.map(|column| u64::try_from(column.compressed_size()).unwrap_or(0)).sum())
    }
}
