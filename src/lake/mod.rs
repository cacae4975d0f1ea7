//! Where events lie, as tables of flat fields: Parquet and JSON files, folders, globs, Delta tables, standard input, object
//! stores.
//!
//! A [`Lake`] is opened from a [`LakeConfig`]: its locations are listed, footers are read and schemas are brought
//! together, and a [`Table`] offers one list of fields whatever its files look like. [`Table::plan`] is the table as a
//! plan of DataFusion: the union of one raw scan for each group of files that go together.
//!
//! | file | what |
//! |---|---|
//! | `config` | the locations of a run |
//! | `catalog`, `sheet` | tables that a file names once |
//! | `mapping/` | fields of another schema under the names of ECS |
//! | `store`, `hive` | location -> files, and the columns that their folders spell |
//! | `delta/` | Delta tables: the log tells the files and rows of a version |
//! | `remote/` | the same for stores of objects and web servers, and how they are read |
//! | `schema`, `ecs` | a file's schema -> fields and kinds |
//! | `group`, `table` | files -> groups -> table |
//! | `parquet/`, `ndjson/` | how each format is read |
//! | `folders`, `partition` | times in folders' names -> which files a window can do without |
//! | `window`, `view`, `packed` | what a query asks -> plan |
//! | `outlook` | what a window leaves of a table |
//! | `whole` | files that are read once, to be stored in another way |
//! | `date`, `number` | values spelled as text |
//! | `functions/` | SQL functions of these plans |

mod catalog;
mod config;
mod date;
#[cfg_attr(not(feature = "delta"), expect(dead_code, reason = "only the reader of the log makes what the rest reads"))]
mod delta;
pub mod ecs;
pub mod field;
mod folders;
mod functions;
mod group;
mod hive;
mod json;
mod mapping;
pub mod ndjson;
mod number;
mod outlook;
mod packed;
mod parquet;
mod partition;
mod paths;
mod remote;
mod schema;
mod select;
mod sheet;
mod store;
mod table;
mod tables;
mod view;
mod whole;
mod window;

pub use catalog::{Catalog, TableSpec};
pub use config::LakeConfig;
pub use delta::AsOf;
pub use field::{Field, Kind};
pub use folders::Folders;
#[cfg(feature = "cluster")]
pub(crate) use functions::{LakeFunction, Row, Unparsed, Values};
pub use mapping::{Inverse, Mapping};
pub use ndjson::{BadLine, FieldTally, Issues, OnBadLine, Tally};
pub use outlook::{Amount, Outlook};
pub use packed::PACKED;
pub use parquet::Preselect;
#[cfg(feature = "cluster")]
pub(crate) use remote::{Environment, Objects, url as objects_url};
pub use remote::{Upload, location_of};
pub use store::Format;
pub use table::{METADATA, Table};
pub use tables::{Lake, Selection};
pub use view::{Ask, OnTime, plan, union_fields};
pub use whole::{Contents, FileInfo, Files, INPUT, PART, Part};
pub use window::{Known, Window};

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot set up fails")]
mod tests;
