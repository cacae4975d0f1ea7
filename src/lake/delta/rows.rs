//! Deleted rows of a file as the rows of its row groups to read.

use std::ops::Range;

use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::parquet::arrow::arrow_reader::RowSelection;

/// The rows to read of a file whose row groups have so many rows each, without runs of deleted rows, which are in order.
///
/// # Errors
/// Where a run reaches beyond the end of the file.
pub(crate) fn without(deleted: &[Range<u64>], groups: &[u64]) -> Result<ParquetAccessPlan, String> {
    let rows: u64 = groups.iter().sum();
    if let Some(last) = deleted.last().filter(|run| run.end > rows) {
        return Err(format!("it deletes row {}, the file has {rows} rows", last.end - 1));
    }
    let mut runs = deleted.iter().peekable();
    let mut start = 0;
    let mut access = Vec::with_capacity(groups.len());
    for &length in groups {
        let end = start + length;
        let mut kept: Vec<Range<usize>> = Vec::new();
        let mut next = start;
        while let Some(run) = runs.peek().filter(|run| run.start < end) {
            if next < run.start {
                kept.push((next - start) as usize..(run.start - start) as usize);
            }
            next = run.end.min(end);
            if run.end > end {
                break;
            }
            runs.next();
        }
        if next < end {
            kept.push((next - start) as usize..length as usize);
        }
        access.push(match kept.as_slice() {
            [] => RowGroupAccess::Skip,
            [all] if all.len() as u64 == length => RowGroupAccess::Scan,
            _ => RowGroupAccess::Selection(RowSelection::from_consecutive_ranges(kept.into_iter(), length as usize)),
        });
        start = end;
    }
    Ok(ParquetAccessPlan::new(access))
}

/// Positions in rising order as runs.
pub(crate) fn runs(positions: impl IntoIterator<Item = u64>) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for position in positions {
        match runs.last_mut() {
            Some(last) if last.end == position => last.end += 1,
            _ => runs.push(position..position + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use proptest::prelude::*;

    use super::*;

    /// The rows that a plan reads, counted from the beginning of the file.
    fn read(plan: &ParquetAccessPlan, groups: &[u64]) -> Vec<u64> {
        let mut rows = Vec::new();
        let mut start = 0;
        for (access, &length) in plan.inner().iter().zip(groups) {
            match access {
                RowGroupAccess::Skip => {}
                RowGroupAccess::Scan => rows.extend(start..start + length),
                RowGroupAccess::Selection(selection) => {
                    let mut at = start;
                    for part in selection.iter() {
                        let end = at + part.row_count as u64;
                        rows.extend((at..end).filter(|_| !part.skip));
                        at = end;
                    }
                    assert_eq!(at, start + length);
                }
            }
            start += length;
        }
        rows
    }

    #[test]
    fn a_vector_of_another_file_is_told() {
        assert_eq!(runs([0, 1, 2, 5, 7, 8]), [0..3, 5..6, 7..9]);
        assert!(without(&runs([9]), &[4, 5]).unwrap_err().contains("deletes row 9, the file has 9 rows"));
        assert_eq!(without(&[], &[4, 5]).unwrap().inner(), &[RowGroupAccess::Scan, RowGroupAccess::Scan]);
        assert_eq!(without(&[4..9, 9..9], &[4, 5]).unwrap().inner(), &[RowGroupAccess::Scan, RowGroupAccess::Skip]);
    }

    proptest! {
        #[test]
        fn what_is_not_deleted_is_read(deleted in prop::collection::btree_set(0..60_u64, 0..60), a in 0..30_u64, b in 0..30_u64) {
            let groups = [a, b, 60 - a - b];
            let plan = without(&runs(deleted.iter().copied()), &groups).unwrap();
            let expected: Vec<u64> = (0..60).filter(|row| !deleted.contains(row)).collect();
            prop_assert_eq!(read(&plan, &groups), expected);
        }
    }
}
