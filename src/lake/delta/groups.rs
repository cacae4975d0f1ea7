//! The files of a table -> the groups that scans read.
//!
//! Files are not opened for that: the log tells their columns. Only where columns are found by the numbers that files
//! give them do the files have to tell how they name these.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Fields, Schema, SchemaRef};

use super::super::group::{Group, GroupFile};
use super::super::parquet::{StoredColumn, stored_columns};
use super::super::schema::LeftOut;
use super::super::store::{Format, Found};
use super::super::table::Stores;
use super::snapshot::{Active, Numbered, Snapshot};
use crate::error::{Error, Kind, Result};

/// How many files are asked at a time how they name their columns.
const PARALLEL: usize = 32;

/// A table with its files.
type WithFiles = (Arc<Snapshot>, Vec<(Found, Arc<Active>)>);

/// The files that are none of Delta tables, and those tables with theirs. Where nobody says which times a table's
/// partitions are named after, `judged` is false: then what its schema says of them alone counts for nothing.
pub(crate) fn apart(files: Vec<Found>, tables: &[Arc<Snapshot>], judged: bool) -> (Vec<Found>, Vec<WithFiles>) {
    let mut of_tables: Vec<WithFiles> = tables.iter().map(|table| (Arc::clone(table), Vec::new())).collect();
    let mut others = Vec::new();
    for mut file in files {
        let Some(active) = file.delta.clone() else {
            others.push(file);
            continue;
        };
        if !judged && active.snapshot.generated.is_some() {
            file.dated = None;
        }
        let of = of_tables.iter_mut().find(|(table, _)| Arc::ptr_eq(table, &active.snapshot));
        if let Some((_, files)) = of {
            files.push((file, active));
        }
    }
    (others, of_tables)
}

/// The groups of the files of a table, and the columns that are no fields.
///
/// # Errors
/// Where columns are found by number, a file that cannot be read or numbers none.
pub(crate) async fn groups(
    stores: &Stores,
    snapshot: &Arc<Snapshot>,
    files: Vec<(Found, Arc<Active>)>,
) -> Result<(Vec<Group>, Vec<LeftOut>)> {
    let columns = &snapshot.columns;
    let of_log = || Naming { schema: Arc::clone(&columns.schema), names: columns.names.clone() };
    let named = match &columns.ids {
        Some(ids) => named(stores, ids, snapshot, &files).await?,
        None => Vec::new(),
    };
    let mut named = named.into_iter();
    // A file that an absolute path names may lie elsewhere than the table.
    let mut drafts: Vec<(Naming, bool, Vec<GroupFile>)> = Vec::new();
    for (found, active) in files {
        let naming = named.next();
        let schema = naming.as_ref().map_or(&columns.schema, |naming| &naming.schema);
        let at = drafts.iter().position(|(other, remote, _)| other.schema == *schema && *remote == found.remote);
        let path_values = active.partition.clone();
        let remote = found.remote;
        let file = GroupFile { path_values, found, footer: None, json: None, range: None };
        match at.and_then(|at| drafts.get_mut(at)) {
            Some((.., files)) => files.push(file),
            None => drafts.push((naming.unwrap_or_else(of_log), remote, vec![file])),
        }
    }
    if drafts.is_empty() {
        drafts.push((of_log(), snapshot.remote, Vec::new()));
    }
    let mut all = Vec::with_capacity(drafts.len());
    let mut left_out = Vec::new();
    for (Naming { schema, names }, remote, files) in drafts {
        let partition: Vec<FieldRef> = columns.partition.clone();
        let name = |path: &[String]| names.get(path).cloned();
        let (group, out) = Group::named(Format::Parquet, schema, partition, files, name);
        left_out.extend(out.into_iter().filter(|out| !left_out.contains(out)).collect::<Vec<_>>());
        all.push(Group { remote, ..group });
    }
    Ok((all, left_out))
}

/// How a file names the columns of a table.
#[derive(Debug, PartialEq, Eq)]
struct Naming {
    schema: SchemaRef,
    names: HashMap<Vec<String>, String>,
}

/// How each file names the columns of a table.
async fn named(
    stores: &Stores,
    ids: &[Numbered],
    snapshot: &Snapshot,
    files: &[(Found, Arc<Active>)],
) -> Result<Vec<Naming>> {
    use futures::{StreamExt, TryStreamExt, stream};
    let each = files.iter().map(|(found, active)| async move {
        let opened = active.open(stores, found).await?;
        let stored = stored_columns(stores, found, &opened.footer).await?;
        let none = stored.iter().all(|column| column.id.is_none()) && !stored.is_empty();
        if none {
            let message = format!("{}: its columns have no numbers (field_id)", found.path.display());
            return Err(Error::new(Kind::Input, message).with_help(
                "the table finds columns by number (delta.columnMapping.mode = id): write the file again with them",
            ));
        }
        let columns = &snapshot.columns;
        let mut names = columns.names.clone();
        let fields = renamed(columns.schema.fields(), ids, &stored, &mut Paths::default(), &columns.names, &mut names);
        Ok(Naming { schema: Arc::new(Schema::new(fields)), names })
    });
    stream::iter(each).buffered(PARALLEL).try_collect().await
}

/// The names that lead to a place, in the log and in a file.
#[derive(Debug, Default)]
struct Paths {
    log: Vec<String>,
    file: Vec<String>,
}

/// Columns under the names that a file has for their numbers; the names of what it lacks are none of its columns.
fn renamed(
    fields: &Fields,
    ids: &[Numbered],
    stored: &[StoredColumn],
    paths: &mut Paths,
    known: &HashMap<Vec<String>, String>,
    names: &mut HashMap<Vec<String>, String>,
) -> Fields {
    let one = |(field, number): (&FieldRef, &Numbered)| {
        let found = stored.iter().find(|column| column.id.is_some() && column.id == number.id);
        let absent = || format!("\u{0}{}", field.name());
        let name = found.map_or_else(absent, |column| column.name.clone());
        paths.log.push(field.name().clone());
        paths.file.push(name.clone());
        if let Some(in_table) = known.get(&paths.log) {
            names.insert(paths.file.clone(), in_table.clone());
        }
        let children: &[StoredColumn] = found.map_or(&[], |column| &column.children);
        let mut inside = |members: &Fields| renamed(members, &number.children, children, paths, known, names);
        let data_type = match field.data_type() {
            DataType::Struct(members) => DataType::Struct(inside(members)),
            DataType::List(item) => match item.data_type() {
                DataType::Struct(members) => {
                    let members = DataType::Struct(inside(members));
                    DataType::List(Arc::new(ArrowField::new(item.name(), members, item.is_nullable())))
                }
                _ => field.data_type().clone(),
            },
            other => other.clone(),
        };
        paths.log.pop();
        paths.file.pop();
        Arc::new(ArrowField::new(name, data_type, field.is_nullable()))
    };
    fields.iter().zip(ids).map(one).collect()
}
