//! Parquet files: footers, statistics, and the scan over the files of one schema.

mod footer;
mod fuse;
mod kept;
mod preselect;
mod reader;
mod scan;
mod stats;

pub(crate) use footer::{Footer, StoredColumn, read_all, read_one, stored_columns};
pub(crate) use kept::Kept;
pub use preselect::Preselect;
pub(crate) use scan::{FILE_COLUMN, ParquetScan, ROW_COLUMN, Scanned, Told};
pub(crate) use stats::{Bounds, instants};
