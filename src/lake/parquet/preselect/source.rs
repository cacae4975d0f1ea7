//! A Parquet source that selects rows by dictionaries before it reads them.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Formatter};
use std::sync::{Arc, Mutex};

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::parquet::{DefaultParquetFileReaderFactory, ParquetFileReaderFactory};
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource, ParquetSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::conjunction;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_datasource::morsel::Morselizer;
use object_store::ObjectStore;

use super::super::fuse::fused;
use super::condition::Conditions;
use super::file::Counts;
use super::morsel::{PreselectMorselizer, Readers};
use super::order::Order;

/// `ParquetSource` with a selection of rows before it.
#[derive(Debug, Clone)]
pub(super) struct PreselectSource {
    inner: ParquetSource,
    conditions: Arc<Conditions>,
    order: Arc<Order>,
    small: Arc<BTreeSet<String>>,
}

impl PreselectSource {
    /// The source that decides what of `inner`'s predicate dictionaries can decide; columns in `small` cost next to
    /// nothing to read.
    pub(super) fn new(inner: ParquetSource, conditions: Conditions, small: BTreeSet<String>) -> Self {
        Self { inner, conditions: Arc::new(conditions), order: Arc::default(), small: Arc::new(small) }
    }

    pub(super) const fn conditions(&self) -> &Arc<Conditions> {
        &self.conditions
    }

    pub(super) const fn order(&self) -> &Arc<Order> {
        &self.order
    }

    /// DataFusion's source for rows of which the `decided` conjuncts hold.
    pub(super) fn without(&self, decided: &[bool]) -> ParquetSource {
        let conjuncts = self.conditions.conjuncts.iter().enumerate();
        let open: Vec<_> = conjuncts
            .filter(|(at, _)| !decided.get(*at).copied().unwrap_or(false))
            .map(|(_, conjunct)| Arc::clone(&conjunct.expr))
            .collect();
        if open.is_empty() {
            return self.inner.with_predicate(lit(true)).with_pushdown_filters(false);
        }
        let predicate = conjunction(open);
        self.inner.with_predicate(fused(&predicate, &self.small).unwrap_or(predicate))
    }
}

impl FileSource for PreselectSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let factory = self.inner.parquet_file_reader_factory().cloned();
        let factory: Arc<dyn ParquetFileReaderFactory> =
            factory.unwrap_or_else(|| Arc::new(DefaultParquetFileReaderFactory::new(Arc::clone(&store))));
        let predicate = self.filter().ok_or_else(|| DataFusionError::Internal("a scan without a predicate".into()))?;
        Ok(Box::new(PreselectMorselizer(Arc::new(Readers {
            source: self.clone(),
            store,
            config: config.clone(),
            partition,
            factory,
            predicate,
            counts: Counts::new(self.metrics(), partition),
            made: Mutex::new(HashMap::new()),
        }))))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        let inner = self.inner.with_batch_size(batch_size);
        match inner.downcast_ref::<ParquetSource>() {
            Some(inner) => Arc::new(Self { inner: inner.clone(), ..self.clone() }),
            None => inner,
        }
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let leaves: Vec<_> = self.conditions.leaves.iter().map(|leaf| leaf.path.join(".")).collect();
        write!(f, ", dictionaries=[{}]", leaves.join(", "))?;
        self.inner.fmt_extra(t, f)
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}
