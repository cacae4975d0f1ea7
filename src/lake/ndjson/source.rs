//! The file source of a scan: which columns it reads, and how its files are spread over partitions.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field as ArrowField, FieldRef, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_expr::{LexOrdering, conjunction};
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::{DisplayFormatType, PhysicalExpr, apply_expression_roots};
use object_store::ObjectStore;

use super::column::column_type;
use super::decoder::{Counters, Plan};
use super::filter::Filter;
use super::issues::{Issues, OnBadLine};
use super::metadata::Metadata;
use super::opener::{NdjsonFile, NdjsonOpener};
use super::sieve::literals::need;
use super::sieve::need::Need;
use crate::lake::field::Field;

/// A column that a scan of JSON files offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnSpec {
    /// A field of the documents.
    Field(Field),
    /// What describes the document itself.
    Metadata(Metadata),
}

impl ColumnSpec {
    /// The name of the column.
    pub fn name(&self) -> &str {
        match self {
            Self::Field(field) => &field.name,
            Self::Metadata(which) => which.name(),
        }
    }

    /// The column in the schema of the scan's files.
    pub fn to_arrow(&self) -> ArrowField {
        match self {
            Self::Field(field) => ArrowField::new(&field.name, column_type(field), true),
            Self::Metadata(which) => {
                let nullable = *which == Metadata::Ignored;
                ArrowField::new(which.name(), which.data_type(), nullable)
            }
        }
    }
}

/// What a scan of JSON files is made of.
#[derive(Debug, Clone, Default)]
pub struct NdjsonOptions {
    /// The columns it offers; a query reads those it names.
    pub columns: Vec<ColumnSpec>,
    /// Columns whose values come with each file (`PartitionedFile::partition_values`).
    pub partition_columns: Vec<FieldRef>,
    /// The table's name, for `_index`.
    pub table: String,
    /// What to do with a line that is no document.
    pub on_bad_line: OnBadLine,
    /// Whether every document is parsed, also one that no query can want.
    pub strict: bool,
    /// Where the scan counts.
    pub issues: Issues,
}

/// Reads JSON files for a `DataSourceExec(FileScanConfig(..))`.
///
/// ```
/// use egret::lake::ndjson::{ColumnSpec, NdjsonOptions, NdjsonSource};
/// use egret::lake::{Field, Kind};
/// let data_type = Kind::Keyword.data_type();
/// let field = Field { name: "host.name".into(), kind: Kind::Keyword, data_type, multi: true };
/// let columns = vec![ColumnSpec::Field(field)];
/// let source = NdjsonSource::new(NdjsonOptions { columns, ..NdjsonOptions::default() });
/// assert_eq!(source.file_schema().field(0).name(), "host.name");
/// ```
#[derive(Clone)]
pub struct NdjsonSource {
    columns: Arc<[ColumnSpec]>,
    table: Arc<str>,
    on_bad_line: OnBadLine,
    strict: bool,
    issues: Issues,
    table_schema: TableSchema,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    projection: SplitProjection,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl NdjsonSource {
    /// The source of a scan with these options.
    pub fn new(options: NdjsonOptions) -> Self {
        let NdjsonOptions { columns, partition_columns, table, on_bad_line, strict, issues } = options;
        let file_schema = Arc::new(Schema::new(columns.iter().map(ColumnSpec::to_arrow).collect::<Vec<_>>()));
        let table_schema = TableSchema::builder(file_schema).with_table_partition_cols(partition_columns).build();
        Self {
            columns: columns.into(),
            table: table.into(),
            on_bad_line,
            strict,
            issues,
            predicate: None,
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            batch_size: 8192,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The same source for another scan, with counts of its own.
    pub(crate) fn another(&self) -> Self {
        Self { metrics: ExecutionPlanMetricsSet::new(), issues: self.issues.part(), ..self.clone() }
    }

    /// The schema of its files, without the columns that come from their places.
    pub fn file_schema(&self) -> &SchemaRef {
        self.table_schema.file_schema()
    }

    /// Where the scan counts.
    pub const fn issues(&self) -> &Issues {
        &self.issues
    }

    /// What it is made of, and its predicate.
    #[cfg(feature = "cluster")]
    pub(crate) fn made_of(&self) -> (NdjsonOptions, Option<&Arc<dyn PhysicalExpr>>) {
        let options = NdjsonOptions {
            columns: self.columns.to_vec(),
            partition_columns: self.table_schema.table_partition_cols().iter().cloned().collect(),
            table: self.table.to_string(),
            on_bad_line: self.on_bad_line,
            strict: self.strict,
            issues: self.issues.clone(),
        };
        (options, self.predicate.as_ref())
    }

    /// The same source for the rows that meet a predicate, which it must take.
    #[cfg(feature = "cluster")]
    pub(crate) fn with_predicate(self, predicate: Option<Arc<dyn PhysicalExpr>>) -> Self {
        Self { predicate, ..self }
    }

    /// The table that it scans.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Whether literals of its predicate tell which documents are parsed.
    pub(crate) fn seeks_literals(&self) -> bool {
        !self.strict && self.predicate.as_ref().is_some_and(|predicate| need(predicate, &self.columns).has_literal())
    }

    /// A source that reads what both do, of the rows that at least one of them wants; none where they do not go together:
    /// columns of one name differ, or one tells what could not be coerced, which depends on its columns.
    pub(crate) fn united(&self, other: &Self) -> Option<Self> {
        let partition_columns = self.table_schema.table_partition_cols();
        let same_place = partition_columns == other.table_schema.table_partition_cols() && self.table == other.table;
        let tells_ignored = |spec: &ColumnSpec| *spec == ColumnSpec::Metadata(Metadata::Ignored);
        if !same_place || self.columns.iter().chain(&*other.columns).any(tells_ignored) {
            return None;
        }
        let mut columns = self.columns.to_vec();
        for spec in &*other.columns {
            match columns.iter().find(|known| known.name() == spec.name()) {
                Some(known) if known != spec => return None,
                Some(_) => {}
                None => columns.push(spec.clone()),
            }
        }
        let united = Self::new(NdjsonOptions {
            columns,
            partition_columns: partition_columns.iter().cloned().collect(),
            table: self.table.to_string(),
            on_bad_line: self.on_bad_line,
            strict: self.strict,
            issues: self.issues.clone(),
        });
        let schema = united.table_schema.table_schema();
        let moved = |predicate: &Arc<dyn PhysicalExpr>| reassign_expr_columns(Arc::clone(predicate), schema).ok();
        let predicate = match (&self.predicate, &other.predicate) {
            (Some(one), Some(two)) => {
                let (one, two) = (moved(one)?, moved(two)?);
                Some(if one.eq(&two) { one } else { Arc::new(BinaryExpr::new(one, Operator::Or, two)) })
            }
            // One of them wants every row.
            _ => None,
        };
        Some(Self { predicate, ..united })
    }

    fn filter_of(&self, file_schema: &Schema) -> Result<Option<Arc<Filter>>> {
        let filter = |predicate| Filter::try_new(predicate, &self.columns, file_schema, self.strict).map(Arc::new);
        self.predicate.as_ref().map(filter).transpose()
    }
}

impl FileSource for NdjsonSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let file_schema = self.file_schema();
        let counter = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, partition);
        let plan = Plan {
            columns: Arc::clone(&self.columns),
            wanted: self.projection.file_indices.clone(),
            schema: Arc::new(file_schema.project(&self.projection.file_indices)?),
            table: Arc::clone(&self.table),
            batch_size: base_config.batch_size.unwrap_or(self.batch_size).max(1),
            filter: self.filter_of(file_schema)?,
            on_bad_line: self.on_bad_line,
            issues: self.issues.clone(),
            counters: Counters {
                bytes_scanned: counter("bytes_scanned"),
                bad_lines: counter("bad_lines"),
                parsed: counter("lines_parsed"),
                skipped: counter("lines_skipped"),
                pruned: counter("pushdown_rows_pruned"),
                compute: MetricBuilder::new(&self.metrics).elapsed_compute(partition),
            },
        };
        let local = base_config.object_store_url == ObjectStoreUrl::local_filesystem();
        let opener = NdjsonOpener { plan, store, local };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), file_schema)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size, ..self.clone() })
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.predicate.clone()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let taken: Vec<bool> = filters.iter().map(|filter| Filter::takes(filter, &self.columns)).collect();
        let answers = taken.iter().map(|taken| if *taken { PushedDown::Yes } else { PushedDown::No }).collect();
        let answer = FilterPushdownPropagation::with_parent_pushdown_result(answers);
        if !taken.contains(&true) {
            return Ok(answer);
        }
        let kept = filters.into_iter().zip(taken).filter_map(|(filter, taken)| taken.then_some(filter));
        let predicate = Some(conjunction(self.predicate.iter().cloned().chain(kept)));
        Ok(answer.with_updated_node(Arc::new(Self { predicate, ..self.clone() })))
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        "ndjson"
    }

    fn fmt_extra(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self
            .projection
            .file_indices
            .iter()
            .filter_map(|index| self.columns.get(*index))
            .map(ColumnSpec::name)
            .collect();
        write!(f, ", fields=[{}]", names.join(", "))?;
        let Some(predicate) = &self.predicate else { return Ok(()) };
        write!(f, ", predicate={predicate}")?;
        match need(predicate, &self.columns) {
            Need::Nothing => Ok(()),
            _ if self.strict => Ok(()),
            need => write!(f, ", line_holds={need}"),
        }
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        smallest: usize,
        output_ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        if output_ordering.is_some() || config.preserve_order {
            return Ok(None);
        }
        let files: Vec<_> = config.file_groups.iter().flat_map(FileGroup::iter).cloned().collect();
        Ok(spread(files, target_partitions, smallest as u64).map(|file_groups| {
            let mut config = config.clone();
            config.file_groups = file_groups;
            config
        }))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut next = apply_expression_roots(self.projection.source.iter(), f)?;
        if let (Some(predicate), TreeNodeRecursion::Continue) = (&self.predicate, next) {
            next = f(predicate)?;
        }
        Ok(next)
    }
}

/// The files spread evenly over at most `partitions` groups, those of plain lines cut where it helps; nothing where
/// that gains nothing. Files that must stay whole are laid out first, largest first; the others fill up what is left.
fn spread(files: Vec<PartitionedFile>, partitions: usize, smallest: u64) -> Option<Vec<FileGroup>> {
    let total: u64 = files.iter().map(PartitionedFile::effective_size).sum();
    let splits = |file: &PartitionedFile| file.extension::<NdjsonFile>().is_some_and(|known| known.layout.can_split());
    if partitions < 2 || total < smallest.max(1) {
        return None;
    }
    let (cut, mut whole): (Vec<_>, Vec<_>) = files.into_iter().partition(splits);
    whole.sort_by_key(|file| std::cmp::Reverse(file.effective_size()));
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); partitions];
    for file in whole {
        let lightest = groups.iter_mut().min_by_key(|(load, _)| *load)?;
        lightest.0 += file.effective_size();
        lightest.1.push(file);
    }
    groups.sort_by_key(|(load, _)| std::cmp::Reverse(*load));
    let mut left: u64 = cut.iter().map(PartitionedFile::effective_size).sum();
    let mut cut = cut.into_iter();
    let mut current = cut.next();
    for at in 0..groups.len() {
        // The level to which what is left fills this group and the lighter ones behind it.
        let behind = groups.get(at..)?;
        let level = (behind.iter().map(|(load, _)| *load).sum::<u64>() + left).div_ceil(behind.len() as u64);
        let last = behind.len() == 1;
        let (load, group) = groups.get_mut(at)?;
        while let Some(file) = current.take() {
            let room = if last { u64::MAX } else { level.saturating_sub(*load) };
            if room == 0 {
                current = Some(file);
                break;
            }
            let (start, end) = file.range();
            let taken = room.min(end - start);
            *load += taken;
            left -= taken;
            if start + taken < end {
                current = Some(file.clone().with_range((start + taken) as i64, end as i64));
            } else {
                current = cut.next();
            }
            let is_whole = taken == file.object_meta.size;
            group.push(if is_whole { file } else { file.with_range(start as i64, (start + taken) as i64) });
        }
    }
    let groups = groups.into_iter().filter(|(_, files)| !files.is_empty());
    let in_pieces = |file: PartitionedFile| if splits(&file) { pieces(&file) } else { vec![file] };
    Some(groups.map(|(_, files)| FileGroup::new(files.into_iter().flat_map(in_pieces).collect())).collect())
}

/// How much of a file, in bytes, a partition takes at a time: who has done its part takes over pieces of the others.
const PIECE: u64 = 64 * 1024 * 1024;

/// A part of a file in pieces of much the same size.
fn pieces(file: &PartitionedFile) -> Vec<PartitionedFile> {
    let (start, end) = file.range();
    let count = (end - start).div_ceil(PIECE);
    if count < 2 {
        return vec![file.clone()];
    }
    let at = |piece: u64| (start + (end - start) * piece / count) as i64;
    (0..count).map(|piece| file.clone().with_range(at(piece), at(piece + 1))).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_without_a_gap() {
        for (start, end) in [(0, 10), (7, 7 + PIECE), (3, 4 + PIECE), (0, 5 * PIECE + 11), (PIECE, 100 * PIECE)] {
            let file = PartitionedFile::new("events.ndjson", 200 * PIECE).with_range(start as i64, end as i64);
            let pieces: Vec<_> = pieces(&file).iter().map(PartitionedFile::range).collect();
            assert_eq!((pieces.first().unwrap().0, pieces.last().unwrap().1), (start, end));
            assert!(pieces.windows(2).all(|pair| pair[0].1 == pair[1].0), "{pieces:?}");
            assert!(pieces.iter().all(|(from, to)| from < to && to - from <= PIECE), "{pieces:?}");
        }
    }
}
