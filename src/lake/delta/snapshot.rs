//! A Delta table at one version, as its log tells it, and its files.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::super::folders::Folders;
use super::super::parquet::{Bounds, Footer, read_one};
use super::super::store::Found;
use super::super::table::Stores;
use super::rows;
use super::statistics::FileStatistics;
use crate::error::{Error, Kind, Result};

/// A Delta table at one version.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Its folder as a user would write it.
    pub(crate) shown: String,
    pub(crate) version: u64,
    /// Whether its files lie in a store.
    pub(crate) remote: bool,
    pub(crate) columns: Columns,
    /// The times that its partition columns are generated from.
    pub(crate) generated: Option<Folders>,
    /// How many bytes of footers are kept in memory.
    pub(crate) kept: AtomicUsize,
}

/// The columns of a table as its files store them.
#[derive(Debug)]
pub(crate) struct Columns {
    /// Those in the files, under the names that they have there, in the form that a reader gives them.
    pub(crate) schema: SchemaRef,
    /// Those that the log has one value of for each file.
    pub(crate) partition: Vec<FieldRef>,
    /// The name that a value has in the table, dotted, by the names that lead to it in the files.
    pub(crate) names: HashMap<Vec<String>, String>,
    /// The values of which the log may have statistics, with their types.
    pub(crate) leaves: Vec<(Vec<String>, DataType)>,
    /// Whether columns are found by the numbers that files give them.
    pub(crate) ids: Option<Vec<Numbered>>,
}

/// A column, or a member of a struct, that files store under a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) id: Option<i64>,
    pub(crate) children: Vec<Numbered>,
}

impl Columns {
    /// The number of a value in [`FileStatistics`].
    pub(crate) fn position(&self, path: &[String]) -> Option<usize> {
        self.leaves.iter().position(|(leaf, _)| leaf == path)
    }
}

/// A file of a table at one version.
pub(crate) struct Active {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Its path as it would be if its folders were named after the values of the partition columns.
    pub(crate) layout: String,
    /// The values of the partition columns.
    pub(crate) partition: Vec<ScalarValue>,
    pub(crate) statistics: FileStatistics,
    /// The rows that are deleted, where some are.
    pub(crate) deletions: Option<Box<dyn Deletions>>,
    /// When it was written, in milliseconds, as the log says.
    pub(crate) written: i64,
    opened: OnceCell<Opened>,
}

impl Debug for Active {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Active").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// The deleted rows of a file, which are read when they are needed.
#[async_trait]
pub(crate) trait Deletions: Send + Sync {
    /// How many there are.
    fn count(&self) -> u64;

    /// Their positions in the file, as runs in their order.
    ///
    /// # Errors
    /// What keeps them cannot be read, or is damaged.
    async fn runs(&self) -> Result<Vec<Range<u64>>>;
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) footer: Footer,
    /// The rows to read, where some are deleted.
    pub(crate) access: Option<ParquetAccessPlan>,
}

impl Active {
    /// A file that nobody has opened yet.
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        layout: String,
        partition: Vec<ScalarValue>,
        statistics: FileStatistics,
        deletions: Option<Box<dyn Deletions>>,
        written: i64,
    ) -> Self {
        Self { snapshot, layout, partition, statistics, deletions, written, opened: OnceCell::new() }
    }

    /// How many rows it has that are not deleted, where the log tells.
    pub(crate) fn rows(&self) -> Option<u64> {
        let deleted = self.deletions.as_ref().map_or(0, |deletions| deletions.count());
        self.statistics.rows.map(|rows| rows.saturating_sub(deleted))
    }

    /// The bounds of a column of whole numbers or instants, where the log tells some; `schema` is that of the file's group.
    pub(crate) fn bounds(&self, schema: &SchemaRef, path: &[String]) -> Option<Bounds> {
        self.statistics.bounds(self.position(schema, path)?)
    }

    /// The bounds of a column as the log tells them, the largest instant perhaps cut to milliseconds.
    pub(crate) fn told_bounds(&self, schema: &SchemaRef, path: &[String]) -> Option<Bounds> {
        self.statistics.told(self.position(schema, path)?)
    }

    fn position(&self, schema: &SchemaRef, path: &[String]) -> Option<usize> {
        self.is_named_in_log(schema).then(|| self.snapshot.columns.position(path)).flatten()
    }

    /// Whether columns have the names in a schema that they have in the log: files that number them may have others.
    pub(crate) fn is_named_in_log(&self, schema: &SchemaRef) -> bool {
        *schema == self.snapshot.columns.schema
    }

    /// Its footer, if it was opened.
    pub(crate) fn footer(&self) -> Option<&Footer> {
        self.opened.get().map(|opened| &opened.footer)
    }

    /// The name that the rows of a file get their ids from: files of Delta tables are never written anew under a name.
    pub(crate) fn fingerprint(found: &Found) -> String {
        let text = format!("{}\0{}", found.relative, found.meta.size);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).simple().to_string()
    }

    /// Its footer and the rows to read, which are looked for once; `found` is the file.
    ///
    /// # Errors
    /// A file that cannot be read or is broken, damaged deletions.
    pub(crate) async fn open(&self, stores: &Stores, found: &Found) -> Result<&Opened> {
        let opened = self.opened.get_or_try_init(|| async {
            let footer = read_one(stores, found, &self.snapshot.kept).await?;
            let access = match &self.deletions {
                Some(deletions) => {
                    let runs = deletions.runs().await?;
                    Some(rows::without(&runs, &footer.group_rows).map_err(|reason| {
                        let file = found.path.display();
                        Error::new(Kind::Input, format!("{file}: its deletion vector is of another file: {reason}"))
                    })?)
                }
                None => None,
            };
            Ok(Opened { footer, access })
        });
        opened.await.map_err(|error: Error| self.told(&error))
    }

    /// The error of a file with what says that there should be one.
    fn told(&self, error: &Error) -> Error {
        let Snapshot { shown, version, .. } = &*self.snapshot;
        let told = Error::new(error.kind(), format!("{error} (version {version} of the Delta table {shown} names it)"));
        // Nobody removes files of the latest version.
        let help = "files that no recent version names are removed by VACUUM: read a later version";
        let gone = error.to_string().contains("gone");
        match error.help().filter(|_| !gone) {
            Some(help) => told.with_help(help),
            None if gone => told.with_help(help),
            None => told,
        }
    }
}
