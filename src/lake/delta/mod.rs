//! Delta Lake: tables whose log tells which files, and which of their rows, make up a version.
//!
//! The log is read by `deltalake`; the files are read by the scan that reads all other Parquet files. Until a query asks
//! for a file nobody opens it: the log tells its columns, its partition, and bounds of its values.
//!
//! | file | what |
//! |---|---|
//! | `place`, `as_of` | a location -> a table, and which version of it |
//! | `log`, `versions`, `columns` | the log -> that version: columns and files |
//! | `generated` | the times that partitions are named after |
//! | `snapshot` | a version, and its files |
//! | `statistics`, `pruning` | what the log says of a file's values -> files that a query can do without |
//! | `vector`, `rows` | deletion vectors -> rows to read |
//! | `groups` | files -> groups that scans read |

mod as_of;
#[cfg(feature = "delta")]
mod columns;
#[cfg(feature = "delta")]
mod generated;
mod groups;
#[cfg(feature = "delta")]
mod log;
mod place;
mod pruning;
mod rows;
mod snapshot;
mod statistics;
#[cfg(feature = "delta")]
mod vector;
#[cfg(feature = "delta")]
mod versions;

pub use as_of::AsOf;
pub(crate) use as_of::split;
pub(crate) use groups::{apart, groups};
#[cfg(feature = "delta")]
pub(crate) use log::read;
pub(crate) use place::{LOG, Place, around, beside_log, no_table};
pub(crate) use pruning::kept;
pub(crate) use snapshot::{Active, Snapshot};

/// The table at a place, and its files: this build of the program reads none.
///
/// # Errors
/// Always.
#[cfg(not(feature = "delta"))]
pub(crate) fn read(
    place: &Place,
    _: Option<AsOf>,
) -> std::future::Ready<crate::error::Result<(std::sync::Arc<Snapshot>, Vec<super::store::Found>)>> {
    let message =
        format!("{}: a Delta table, and this build of egret was made without the feature that reads them", place.shown);
    std::future::ready(Err(crate::error::Error::new(crate::error::Kind::Input, message).with_help(
        "build it with `cargo install --path . --features delta`; the Parquet files alone hold rows that were removed",
    )))
}
