//! Files that are read once and whole, to be stored in another way: part by part, with every field, in their order.
//!
//! What reads them here sees what a query over the same files would: the same fields, the same values, the same ids.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField};
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::ExecutionPlan;

use super::catalog::TableSpec;
use super::config::LakeConfig;
use super::delta;
use super::field::{Field, Kind};
use super::group::{Group, GroupFile};
use super::json;
use super::ndjson::Issues;
use super::remote::{Address, Environment, Objects};
use super::schema::Leaf;
use super::store::{self, Format, Found, Listing};
use super::table::Table;
use super::view::{Ask, plan, refused};
use crate::error::{Error, Kind as ErrorKind, Result};

/// The column of a converted file that says which input an event comes from. Such a file's folders are named after its
/// events, so that they are no fields; nor is this column.
pub const INPUT: &str = "_egret_input";

/// The column of a part that is read with the number of the file that an event is of.
pub const PART: &str = "__egret_part";

/// The files with events of some locations.
#[derive(Debug)]
pub struct Files {
    locations: Vec<String>,
    found: Vec<Found>,
    others: usize,
}

/// What is known of a file without opening it.
#[derive(Debug, Clone, Copy)]
pub struct FileInfo<'a> {
    /// Its absolute path, which tells it from all others.
    pub location: &'a str,
    /// Its path as a user would write it.
    pub path: &'a Path,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written to.
    pub modified: DateTime<Utc>,
}

impl Files {
    /// The files of locations, sorted by path, each once.
    ///
    /// # Errors
    /// Locations that do not exist, cannot be read or hold no events; standard input and pipes, which nobody can read
    /// again.
    pub fn list(locations: &[String]) -> Result<Self> {
        let mut all = Listing::default();
        for location in locations {
            if Address::parse(location)?.is_some() {
                return Err(Error::new(ErrorKind::Usage, format!("{location}: found an object store, expected files"))
                    .with_help("copy the objects to this machine first; `egret run` reads them where they are"));
            }
            if store::local(location).join(delta::LOG).is_dir() {
                return Err(Error::new(ErrorKind::Usage, format!("{location}: found a Delta table, expected files"))
                    .with_help(
                        "`egret run` reads it where it is; what was converted is told by files, not by versions",
                    ));
            }
            let listing = if location == "-" { None } else { Some(store::list(location, &mut std::io::empty())?) };
            let Some(listing) = listing.filter(|listing| listing.spool.is_none()) else {
                return Err(Error::new(ErrorKind::Usage, format!("{location}: found a stream, expected files"))
                    .with_help("write it to a file first: what was converted is told by path, size and time"));
            };
            if listing.is_empty() {
                return Err(store::nothing(location, listing.others.len()));
            }
            all.files.extend(listing.files);
            all.others.extend(listing.others);
        }
        all.files.sort_by(|a, b| a.path.cmp(&b.path));
        all.files.dedup_by(|a, b| a.meta.location == b.meta.location);
        Ok(Self { locations: locations.to_vec(), found: all.files, others: all.others.len() })
    }

    /// What is known of each.
    pub fn iter(&self) -> impl Iterator<Item = FileInfo<'_>> {
        self.found.iter().map(info)
    }

    /// How many files of the locations hold neither Parquet nor JSON.
    pub const fn others(&self) -> usize {
        self.others
    }

    /// Leaves out the files for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(FileInfo<'_>) -> bool) {
        self.found.retain(|found| keep(info(found)));
    }

    /// The files as a table of this name.
    ///
    /// # Errors
    /// Files that are broken or do not go together.
    pub async fn open(self, name: &str, config: &LakeConfig) -> Result<Table> {
        let spec = TableSpec { locations: self.locations, ..TableSpec::new(name, "") };
        let none = Arc::new(Objects::new(Environment::of_process()));
        Table::open(&spec, Listing { files: self.found, ..Listing::default() }, config, &none).await
    }
}

fn info(found: &Found) -> FileInfo<'_> {
    FileInfo {
        location: found.meta.location.as_ref(),
        path: &found.path,
        size: found.meta.size,
        modified: found.meta.last_modified,
    }
}

/// A part of a table's files that is read at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The file's absolute path.
    pub location: String,
    /// Which of its bytes: the lines that begin in them. `None`: all.
    pub range: Option<Range<u64>>,
}

/// Every field of a table's documents, and whether there are more than are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The fields, sorted by name; a list only where an event holds several values.
    pub fields: Vec<Field>,
    /// Whether documents have more fields than are told apart, so that some are missing here.
    pub overflow: bool,
}

impl Table {
    /// Every field of its documents, all of which are read, in the form that queries see.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn contents(&self) -> Result<Contents> {
        let seen = json::look_through(self).await?;
        let mut fields: BTreeMap<String, Field> = self.fields().iter().map(|f| (f.name.clone(), f.clone())).collect();
        for field in json::named(&seen) {
            fields.entry(field.name.clone()).or_insert(field);
        }
        let columns = || self.groups.iter().filter(|group| group.format == Format::Parquet);
        for field in fields.values_mut() {
            let listed = columns().flat_map(|group| group.leaves(&field.name)).any(Leaf::multi);
            field.multi = listed || seen.fields.get(&field.name).is_some_and(|observed| observed.several > 0);
        }
        Ok(Contents { fields: fields.into_values().collect(), overflow: seen.overflow })
    }

    /// Its files in parts of about `size` bytes, as far as they can be cut, in their order.
    pub fn parts(&self, size: u64) -> Vec<Part> {
        let cut = |file: &GroupFile| {
            let (location, bytes) = (file.found.meta.location.to_string(), file.found.meta.size);
            let count = bytes.div_ceil(size.max(1));
            if count < 2 || !file.json.as_ref().is_some_and(|json| json.layout.can_split()) {
                return vec![Part { location, range: None }];
            }
            let at = |piece: u64| (u128::from(bytes) * u128::from(piece) / u128::from(count)) as u64;
            let part = |piece| Part { location: location.clone(), range: Some(at(piece)..at(piece + 1)) };
            (0..count).map(part).collect()
        };
        self.groups.iter().flat_map(|group| &group.files).flat_map(cut).collect()
    }

    /// A plan that gives every event of `parts`, in their order: `fields` in the form that they are given in, the
    /// columns of `metadata`, and in [`PART`] the number of the part's file. What its scan meets is counted in the
    /// second result alone.
    ///
    /// # Errors
    /// Parts of files that the table lacks or that do not go together; a plan that DataFusion refuses.
    pub async fn read(
        &self,
        parts: &[(Part, i64)],
        fields: &[Field],
        metadata: &[&str],
        state: &SessionState,
    ) -> Result<(Arc<dyn ExecutionPlan>, Issues)> {
        let group = self.part(parts)?;
        let metadata: Vec<String> = metadata.iter().map(|name| (*name).to_owned()).collect();
        let issues = Issues::default();
        let table = self.of(group.clone(), issues.clone());
        let plan = if group.format == Format::Json {
            // Straight from the documents: there is nothing that an optimiser could do for columns that are all wanted.
            json::scan(&table, &group, fields, &metadata, |_| true).scan(state, None, &[], None).await
        } else {
            let number = Field { name: PART.to_owned(), kind: Kind::Long, data_type: DataType::Int64, multi: false };
            let fixed = fields.iter().cloned().chain([number]).collect();
            let ask = Ask { fixed, metadata, ..Ask::default() };
            let plan = plan(&[&table], &ask, state).await?;
            state.create_physical_plan(&plan).await
        };
        Ok((plan.map_err(refused)?, issues))
    }

    /// The only group of `parts`, with nothing but them.
    fn part(&self, parts: &[(Part, i64)]) -> Result<Group> {
        let of = |group: &Group| {
            let file = |(part, number): &(Part, i64)| {
                let file = group.files.iter().find(|file| file.found.meta.location.as_ref() == part.location)?;
                let mut file = GroupFile { range: part.range.clone(), ..file.clone() };
                file.path_values.push(ScalarValue::Int64(Some(*number)));
                Some(file)
            };
            parts.iter().map(file).collect::<Option<Vec<_>>>()
        };
        let found = self.groups.iter().find_map(|group| Some((group, of(group)?)));
        let Some((group, files)) = found else {
            let names = parts.iter().map(|(part, _)| part.location.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Error::new(ErrorKind::Input, format!("{names}: not read together any more")));
        };
        let mut group = Group { files, ..group.clone() };
        group.path_columns.push(Arc::new(ArrowField::new(PART, DataType::Int64, true)));
        let leaf = Leaf {
            name: PART.to_owned(),
            path: vec![PART.to_owned()],
            data_type: DataType::Int64,
            lists_above: 0,
            list: false,
            clean: false,
            made: None,
        };
        group.fields.insert(PART.to_owned(), vec![leaf]);
        Ok(group)
    }

    /// The table with one group alone, whose scans count in `issues`.
    fn of(&self, group: Group, issues: Issues) -> Self {
        let discovered = OnceLock::new();
        let _ = discovered.set(self.fields().to_vec());
        self.with(vec![group], discovered, issues)
    }

    /// Whether parts of the two files can be read together.
    pub fn go_together(&self, one: &Part, other: &Part) -> bool {
        let has = |group: &Group, part: &Part| {
            group.files.iter().any(|file| file.found.meta.location.as_ref() == part.location)
        };
        self.groups.iter().any(|group| has(group, one) && has(group, other))
    }
}
