//! One file: what statistics leave of it, and then, a stretch of row groups at a time, what dictionaries leave of that.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{
    PagePruningAccessPlanFilter, ParquetAccessPlan, ParquetFileMetrics, RowGroupAccess, RowGroupAccessPlanFilter,
    apply_file_schema_type_coercions,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use datafusion::parquet::schema::types::SchemaDescriptor;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::simplifier::PhysicalExprSimplifier;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapterFactory, replace_columns_with_literals,
};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, PruningMetrics, Time};

use super::bits::Bits;
use super::condition::{Conditions, Conjunct};
use super::group::{self, Left, Place};
use super::order::Order;

/// How many rows a stretch of row groups has at least, unless the file ends.
const STRETCH_ROWS: usize = 1 << 20;

/// What a scan counts while it selects rows.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    row_groups: PruningMetrics,
    by_statistics: PruningMetrics,
    rows_pruned: Count,
    pages_skipped: Count,
    time: Time,
}

impl Counts {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let builder = || MetricBuilder::new(metrics);
        Self {
            row_groups: builder().pruning_metrics("row_groups_pruned_dictionary", partition),
            by_statistics: builder().pruning_metrics("row_groups_pruned_statistics", partition),
            rows_pruned: builder().counter("dictionary_rows_pruned", partition),
            pages_skipped: builder().counter("dictionary_pages_skipped", partition),
            time: builder().subset_time("dictionary_eval_time", partition),
        }
    }
}

/// Row groups that are read with one predicate.
#[derive(Debug)]
pub(super) struct Stretch {
    /// The rows to read.
    pub(super) access: ParquetAccessPlan,
    /// The conjuncts that hold of all of them.
    pub(super) decided: Vec<bool>,
}

/// A file whose rows are being selected.
pub(super) struct Selecting {
    conditions: Arc<Conditions>,
    order: Arc<Order>,
    counts: Counts,
    reader: Box<dyn AsyncFileReader + Send>,
    metadata: Arc<ParquetMetaData>,
    places: Vec<Place>,
    access: Vec<RowGroupAccess>,
    /// For each conjunct, the row groups of which statistics prove that it holds of all rows.
    proven: Vec<Vec<bool>>,
    next: usize,
    /// A row group that does not go with the stretch before it.
    pending: Option<(usize, Left)>,
}

/// What of a scan a file is opened with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'a> {
    pub(super) conditions: &'a Arc<Conditions>,
    pub(super) order: &'a Arc<Order>,
    pub(super) counts: &'a Counts,
    pub(super) predicate: &'a Arc<dyn PhysicalExpr>,
    pub(super) table_schema: &'a TableSchema,
}

impl Selecting {
    /// Reads the footer of `file` and asks its statistics.
    pub(super) async fn try_open(
        scan: Scan<'_>,
        file: &PartitionedFile,
        mut reader: Box<dyn AsyncFileReader + Send>,
    ) -> Result<Self> {
        // The page index also tells the reader which pages hold rows that are left.
        let mut options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        if let Some(schema) = &file.arrow_schema {
            options = options.with_schema(Arc::clone(schema));
        }
        let footer = reader.get_metadata(Some(&options)).await?;
        let footer = ArrowReaderMetadata::try_new(footer, options)?;
        let metadata = Arc::clone(footer.metadata());
        let logical = scan.table_schema.file_schema();
        let stored = match apply_file_schema_type_coercions(logical, footer.schema()) {
            Some(coerced) => Arc::new(coerced),
            None => Arc::clone(footer.schema()),
        };
        let adapt = Adapt::new(scan.table_schema, file, &stored);
        let (access, proven) = statistics(scan, file, &metadata, &stored, &adapt)?;
        let parquet = metadata.file_metadata().schema_descr();
        let places = scan.conditions.leaves.iter().map(|leaf| place(&leaf.path, &stored, parquet)).collect();
        Ok(Self {
            conditions: Arc::clone(scan.conditions),
            order: Arc::clone(scan.order),
            counts: scan.counts.clone(),
            reader,
            places,
            access: access.into_inner(),
            proven,
            metadata,
            next: 0,
            pending: None,
        })
    }

    /// The next row groups with rows to read; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Stretch> {
        let counts = self.counts.clone();
        let _timer = counts.time.timer();
        let mut access = ParquetAccessPlan::new_none(self.access.len());
        let mut decided: Option<Vec<bool>> = None;
        let mut rows = 0;
        while rows < STRETCH_ROWS {
            let next = match self.pending.take() {
                Some(pending) => Some(pending),
                None => self.select().await,
            };
            let Some((at, left)) = next else { break };
            if decided.as_ref().is_some_and(|decided| *decided != left.decided) {
                self.pending = Some((at, left));
                break;
            }
            rows += left.rows.len();
            access.set(at, reads(&left.rows));
            decided = Some(left.decided);
        }
        Some(Stretch { access, decided: decided? })
    }

    /// What is left of the next row group of which anything is.
    async fn select(&mut self) -> Option<(usize, Left)> {
        loop {
            let at = self.next;
            let access = self.access.get(at)?.clone();
            self.next += 1;
            let group = self.metadata.row_groups().get(at)?;
            let rows = usize::try_from(group.num_rows()).unwrap_or(0);
            let live = match access {
                RowGroupAccess::Skip => continue,
                RowGroupAccess::Scan => Bits::set(rows),
                RowGroupAccess::Selection(selection) => selected(&selection, rows),
            };
            let before = live.count();
            let selecting =
                group::select(&self.conditions, &self.places, group, live.clone(), &mut *self.reader, &self.order);
            // What cannot be read is told by the reader that reads the rows.
            let mut left = selecting.await.unwrap_or_else(|_| Left {
                rows: live,
                decided: vec![false; self.conditions.conjuncts.len()],
                pages_skipped: 0,
            });
            for (decided, proven) in left.decided.iter_mut().zip(&self.proven) {
                *decided |= proven.get(at).copied().unwrap_or(false);
            }
            self.counts.rows_pruned.add(before - left.rows.count());
            self.counts.pages_skipped.add(left.pages_skipped);
            if left.rows.none() {
                self.counts.row_groups.add_pruned(1);
                continue;
            }
            self.counts.row_groups.add_matched(1);
            return Some((at, left));
        }
    }
}

/// How the rows of a row group are read.
fn reads(rows: &Bits) -> RowGroupAccess {
    if rows.count() == rows.len() {
        return RowGroupAccess::Scan;
    }
    RowGroupAccess::Selection(RowSelection::from_consecutive_ranges(rows.ranges(), rows.len()))
}

/// The rows of a selection.
fn selected(selection: &RowSelection, rows: usize) -> Bits {
    let mut at = 0;
    let ranges = selection.iter().filter_map(|selector| {
        let range = at..at + selector.row_count;
        at = range.end;
        (!selector.skip).then_some(range)
    });
    Bits::of_ranges(ranges, rows)
}

/// Expressions over a table's columns as expressions over a file's.
struct Adapt {
    literals: HashMap<String, ScalarValue>,
    logical: SchemaRef,
    stored: SchemaRef,
}

impl Adapt {
    fn new(table: &TableSchema, file: &PartitionedFile, stored: &SchemaRef) -> Self {
        let columns = table.table_partition_cols().iter().zip(&file.partition_values);
        let literals = columns.map(|(field, value)| (field.name().clone(), value.clone())).collect();
        Self { literals, logical: Arc::clone(table.file_schema()), stored: Arc::clone(stored) }
    }

    fn adapt(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = replace_columns_with_literals(Arc::clone(expr), &self.literals)?;
        let adapter = DefaultPhysicalExprAdapterFactory.create(Arc::clone(&self.logical), Arc::clone(&self.stored))?;
        PhysicalExprSimplifier::new(&self.stored).simplify(adapter.rewrite(expr)?)
    }
}

/// The row groups, and the rows in them, that range, statistics and page index leave; and for each conjunct that asks
/// no dictionary the row groups in which it holds of every row.
fn statistics(
    scan: Scan<'_>,
    file: &PartitionedFile,
    metadata: &ParquetMetaData,
    stored: &SchemaRef,
    adapt: &Adapt,
) -> Result<(ParquetAccessPlan, Vec<Vec<bool>>)> {
    let groups = metadata.row_groups();
    let parquet = metadata.file_metadata().schema_descr();
    // DataFusion counts what it prunes itself. What is pruned here it does not see: that is counted below.
    let metrics = ParquetFileMetrics::new(0, "", &ExecutionPlanMetricsSet::new());
    let prune = |plan: ParquetAccessPlan, expr: &Arc<dyn PhysicalExpr>| {
        let mut filter = RowGroupAccessPlanFilter::new(plan);
        if let Ok(predicate) =
            PruningPredicateBuilder::new().with_file_schema(Arc::clone(stored)).try_build(Arc::clone(expr))
        {
            filter.prune_by_statistics(stored, parquet, groups, &predicate, &metrics);
        }
        filter
    };

    // DataFusion's reader refuses a plan for other row groups than the file has.
    let all = file.extension::<ParquetAccessPlan>().cloned();
    let all = all.unwrap_or_else(|| ParquetAccessPlan::new_all(groups.len()));
    if all.len() != groups.len() {
        return exec_err!("the access plan has {} row groups, the file {}", all.len(), groups.len());
    }
    let mut filter = RowGroupAccessPlanFilter::new(all);
    if let Some(range) = &file.range {
        filter.prune_by_range(groups, range);
    }
    let before = filter.remaining_row_group_count();
    let predicate = adapt.adapt(scan.predicate)?;
    let plan = prune(filter.build(), &predicate).build();
    scan.counts.by_statistics.add_pruned(before - plan.row_group_indexes().len());

    let mut proven = Vec::with_capacity(scan.conditions.conjuncts.len());
    let mut open = false;
    for conjunct in &scan.conditions.conjuncts {
        let matched = if conjunct.node.is_open() { everywhere(conjunct, adapt, &plan, &prune) } else { Vec::new() };
        open |= conjunct.node.is_open() && !plan.row_group_indexes().iter().all(|at| matched.get(*at) == Some(&true));
        proven.push(matched);
    }
    let plan = if open {
        let pages = PagePruningAccessPlanFilter::new(&predicate, Arc::clone(stored));
        pages.prune_plan_with_page_index(plan, stored, parquet, metadata, &metrics)
    } else {
        plan
    };
    Ok((plan, proven))
}

/// The row groups of `plan` of whose rows a conjunct holds without exception.
fn everywhere(
    conjunct: &Conjunct,
    adapt: &Adapt,
    plan: &ParquetAccessPlan,
    prune: &impl Fn(ParquetAccessPlan, &Arc<dyn PhysicalExpr>) -> RowGroupAccessPlanFilter,
) -> Vec<bool> {
    match adapt.adapt(&conjunct.expr) {
        Ok(expr) if !collect_columns(&expr).is_empty() => prune(plan.clone(), &expr).is_fully_matched().clone(),
        _ => Vec::new(),
    }
}

/// Where the leaf at `path` lies in a file with this schema.
fn place(path: &[String], stored: &SchemaRef, parquet: &SchemaDescriptor) -> Place {
    let Some((root, rest)) = path.split_first() else { return Place::Elsewhere };
    let Ok(mut field) = stored.field_with_name(root) else {
        return if rest.is_empty() { Place::Absent } else { Place::Elsewhere };
    };
    for name in rest {
        let inner = match field.data_type() {
            DataType::Struct(fields) => fields.find(name).map(|(_, field)| field.as_ref()),
            _ => None,
        };
        let Some(inner): Option<&Field> = inner else { return Place::Elsewhere };
        field = inner;
    }
    let column = parquet.columns().iter().position(|column| column.path().parts() == path);
    match column.and_then(|at| parquet.columns().get(at).map(|column| (at, column))) {
        Some((at, column)) if column.max_rep_level() == 0 => Place::Column(at, field.data_type().clone()),
        _ => Place::Elsewhere,
    }
}
