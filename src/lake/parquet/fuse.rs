//! Predicates that are decided together inside a Parquet scan.
//!
//! DataFusion's scan decides each conjunct on its own: it decodes the conjunct's columns, evaluates, and works the
//! result into a selection of rows. `x LIKE 'a%' AND x NOT LIKE 'ab%' AND x NOT LIKE 'ac%'` is decoded three times, and
//! skipping rows of a column that takes a few bits a row costs more than decoding it. One conjunct is made
//!
//! - of those whose columns all take next to nothing in the files, and
//! - of those whose columns lie within the columns of another.
//!
//! Statistics of row groups still look inside. Those of pages and bloom filters are asked only for a conjunct over one
//! column, so a comparison for equality stays alone where its column has a bloom filter or is not small.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::datasource::physical_plan::parquet::metadata::CachedParquetMetaData;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::execution::cache::cache_manager::CacheManager;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, InListExpr, lit};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};

/// A column is small where its chunks take at most so many bits a row.
const SMALL_BITS: u64 = 8;

/// How many files are asked how large their columns are.
const SAMPLE: usize = 4;

/// The columns of a scan's files that take next to nothing and have no bloom filter, as far as footers are at hand.
pub(super) fn small_columns(config: &FileScanConfig, caches: &CacheManager) -> BTreeSet<String> {
    let cache = caches.get_file_metadata_cache();
    let mut rows = 0;
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    let mut filtered = BTreeSet::new();
    for file in config.file_groups.iter().flat_map(FileGroup::iter).take(SAMPLE) {
        let entry = cache.get(&file.object_meta.location);
        let Some(footer) =
            entry.as_ref().and_then(|e| e.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>())
        else {
            continue;
        };
        for group in footer.parquet_metadata().row_groups() {
            rows += u64::try_from(group.num_rows()).unwrap_or(0);
            for column in group.columns() {
                let root = column.column_path().parts().first().cloned().unwrap_or_default();
                if column.bloom_filter_offset().is_some() {
                    filtered.insert(root.clone());
                }
                *bytes.entry(root).or_default() += u64::try_from(column.compressed_size()).unwrap_or(u64::MAX / 2);
            }
        }
    }
    let small = |(name, bytes): (String, u64)| {
        let is_small = bytes.saturating_mul(8) <= rows.saturating_mul(SMALL_BITS);
        (is_small && !filtered.contains(&name)).then_some(name)
    };
    bytes.into_iter().filter_map(small).collect()
}

/// Conjuncts that are decided together, and the columns that they read.
struct Group {
    columns: BTreeSet<usize>,
    parts: Vec<Arc<dyn PhysicalExpr>>,
}

/// The same predicate with fewer conjuncts; `None` where there is nothing to fuse.
pub(super) fn fused(predicate: &Arc<dyn PhysicalExpr>, small: &BTreeSet<String>) -> Option<Arc<dyn PhysicalExpr>> {
    let all = split_conjunction(predicate);
    let count = all.len();
    let is_small = |part: &Arc<dyn PhysicalExpr>| {
        let columns = collect_columns(part);
        !columns.is_empty() && columns.iter().all(|column| small.contains(column.name()))
    };
    let (first, rest): (Vec<_>, Vec<_>) = all.into_iter().cloned().partition(is_small);
    let (alone, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_equality);
    let mut groups: Vec<Group> = Vec::new();
    let mut others: Vec<_> = others.into_iter().map(|part| (columns(&part), part)).collect();
    // The widest first, so that narrower ones find the group that has their columns.
    others.sort_by_key(|(columns, _)| std::cmp::Reverse(columns.len()));
    for (columns, part) in others {
        match groups.iter_mut().find(|group| columns.is_subset(&group.columns)) {
            Some(group) => group.parts.push(part),
            None => groups.push(Group { columns, parts: vec![part] }),
        }
    }
    if !first.is_empty() {
        groups.insert(0, Group { columns: BTreeSet::new(), parts: first });
    }
    if alone.len() + groups.len() == count {
        return None;
    }
    Some(conjunction(alone.into_iter().chain(groups.into_iter().map(Group::into_one))))
}

impl Group {
    /// One conjunct that DataFusion does not take apart: `(a AND b) OR false`. Its statistics still look inside.
    fn into_one(self) -> Arc<dyn PhysicalExpr> {
        let several = self.parts.len() > 1;
        let all = conjunction(self.parts);
        if several { Arc::new(BinaryExpr::new(all, Operator::Or, lit(false))) } else { all }
    }
}

fn columns(part: &Arc<dyn PhysicalExpr>) -> BTreeSet<usize> {
    collect_columns(part).into_iter().map(|column| column.index()).collect()
}

fn is_equality(part: &Arc<dyn PhysicalExpr>) -> bool {
    part.downcast_ref::<BinaryExpr>().is_some_and(|binary| *binary.op() == Operator::Eq)
        || part.downcast_ref::<InListExpr>().is_some()
}
