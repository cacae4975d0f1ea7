//! The tables of a run.

use std::io::Read;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::ObjectStore;
use tokio::runtime::Handle;

use super::catalog::TableSpec;
use super::config::LakeConfig;
use super::delta;
use super::remote::{self, Address, Environment, Objects, Pruning};
use super::select::{self, EVENTS};
use super::store::{self, Listing};
use super::table::Table;
use crate::error::{Error, Kind, Result};

/// The tables of a run.
///
/// ```
/// use egret::lake::{Lake, LakeConfig};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let document = br#"{"@timestamp":"2026-10-01T10:00:00Z","host":{"name":"a"}}"#;
/// let config = LakeConfig { events: Some("-".into()), ..LakeConfig::default() };
/// let lake = tokio::runtime::Runtime::new()?.block_on(Lake::open_with(&config, &document[..]))?;
/// let selection = lake.select(&["logs-*"]);
/// let names: Vec<_> = selection.tables[0].fields().iter().map(|f| f.name.as_str()).collect();
/// assert_eq!(names, ["@timestamp", "host.name"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Lake {
    tables: Vec<Arc<Table>>,
    /// The names of all tables, also of those that were not opened.
    names: Vec<String>,
    /// Whether there is a table that every pattern matches.
    catch_all: bool,
    warnings: Vec<String>,
    objects: Arc<Objects>,
}

/// What the patterns of FROM select.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The tables, sorted by name.
    pub tables: Vec<Arc<Table>>,
    /// The patterns that match no table.
    pub unmatched: Vec<String>,
}

/// The tables of a configuration before they are opened.
struct Listed {
    /// Those whose files are known, sorted by name.
    places: Vec<Place>,
    /// The names of others, which are not asked for.
    names: Vec<String>,
    /// What was noticed.
    warnings: Vec<String>,
}

/// A table before it is opened.
struct Place {
    spec: TableSpec,
    listing: Listing,
}

impl Lake {
    /// The lake over the locations of a configuration; `-` is this process's standard input.
    ///
    /// # Errors
    /// Locations that contradict each other, do not exist, hold no events or cannot be read; files that are broken or
    /// do not go together.
    pub async fn open(config: &LakeConfig) -> Result<Self> {
        Self::open_with(config, std::io::stdin()).await
    }

    /// The same, with what `-` stands for.
    ///
    /// # Errors
    /// As for [`Lake::open`].
    pub async fn open_with(config: &LakeConfig, stdin: impl Read + Send + 'static) -> Result<Self> {
        let objects = Arc::new(Objects::new(Environment::of_process()));
        let (asked, stores, handle) = (config.clone(), Arc::clone(&objects), Handle::current());
        let lister = move || Lister { config: &asked, objects: &stores, handle: &handle, stdin }.places();
        let Listed { places, names: others, mut warnings } = SpawnedTask::spawn_blocking(lister)
            .await
            .map_err(|e| Error::new(Kind::Engine, "listing the locations did not end").with_source(e))??;
        let mut names: Vec<String> = places.iter().map(|p| p.spec.name.clone()).collect();
        let catch_all = config.events.is_some();
        let mut chosen: Vec<usize> = (0..places.len()).collect();
        if !config.only.is_empty() {
            chosen = matched(&names, catch_all, &config.only).positions;
        }
        let mut tables = Vec::with_capacity(chosen.len());
        for (at, place) in places.into_iter().enumerate() {
            if chosen.contains(&at) {
                let table = Table::open(&place.spec, place.listing, config, &objects).await?;
                warnings.extend(table.warnings().iter().cloned());
                tables.push(Arc::new(table));
            }
        }
        names.extend(others);
        names.sort();
        Ok(Self { tables, names, catch_all, warnings, objects })
    }

    /// Gives a session's runtime the stores that tables lie in; plans over such a table run in it alone.
    ///
    /// # Errors
    /// None, unless DataFusion refuses the name of the stores.
    pub fn register(&self, runtime: &RuntimeEnv) -> datafusion::error::Result<()> {
        let store = Arc::clone(&self.objects) as Arc<dyn ObjectStore>;
        runtime.register_object_store(remote::url()?.as_ref(), store);
        Ok(())
    }

    /// The tables that were opened, sorted by name.
    pub fn tables(&self) -> &[Arc<Table>] {
        &self.tables
    }

    /// The names of all tables, also of those that were not opened.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The table of a name.
    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.iter().find(|t| t.name() == name)
    }

    /// The tables that the patterns of a FROM select: names, `*`, `-excluded`, `cluster:pattern`.
    pub fn select<P: AsRef<str>>(&self, patterns: &[P]) -> Selection {
        let names: Vec<String> = self.tables.iter().map(|t| t.name().to_owned()).collect();
        let found = matched(&names, self.catch_all, patterns);
        let tables = found.positions.iter().filter_map(|at| self.tables.get(*at).cloned()).collect();
        Selection { tables, unmatched: found.unmatched }
    }

    /// What was noticed when the lake was opened.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn matched<P: AsRef<str>>(names: &[String], catch_all: bool, patterns: &[P]) -> select::Matched {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let catch_all = if catch_all { names.iter().position(|n| *n == EVENTS) } else { None };
    select::select(patterns, &names, catch_all)
}

/// Finds the files of the tables of a configuration.
struct Lister<'a, R> {
    config: &'a LakeConfig,
    objects: &'a Arc<Objects>,
    /// Waits for stores.
    handle: &'a Handle,
    stdin: R,
}

impl<R: Read> Lister<'_, R> {
    /// The tables with their files.
    fn places(&mut self) -> Result<Listed> {
        let config = self.config;
        if config.events.is_some() && config.lake.is_some() {
            return Err(Error::new(Kind::Usage, "--events and --lake exclude each other")
                .with_help("name one of them; --table NAME=LOCATION adds further tables to either"));
        }
        let mut places: Vec<Place> = Vec::new();
        let mut warnings = Vec::new();
        let mut names = Vec::new();
        if let Some(location) = &config.events {
            places.push(if config.beside.is_empty() {
                self.place(EVENTS, location)?
            } else {
                let locations = std::iter::once(location).chain(&config.beside).cloned().collect();
                self.catalogued(&TableSpec { locations, ..TableSpec::new(EVENTS, "") })?
            });
        }
        if let Some(folder) = &config.lake {
            let mut others = Vec::new();
            for (name, location) in self.entries(folder)? {
                if config.tables.iter().any(|(n, _)| *n == name) {
                    continue;
                }
                // Each table of a store takes requests: those that nobody asks for are not listed.
                if Address::parse(&location)?.is_some() && !self.is_asked(&name) {
                    names.push(name);
                    continue;
                }
                let spec = TableSpec::new(&name, &location);
                let listing = self.list(&spec, &location)?;
                if listing.is_empty() {
                    others.extend(listing.others);
                    continue;
                }
                match places.iter_mut().find(|p| p.spec.name == name) {
                    // A folder and files of one name are one table.
                    Some(place) => {
                        place.listing.files.extend(listing.files);
                        place.listing.others.extend(listing.others);
                        place.listing.tables.extend(listing.tables);
                    }
                    None => places.push(Place { spec, listing }),
                }
            }
            if places.is_empty() && config.tables.is_empty() && names.is_empty() {
                return Err(store::nothing(folder, others.len()));
            }
            if let Some(first) = others.first() {
                let count = others.len();
                warnings.push(format!(
                    "{folder}: {count} {} neither Parquet nor JSON, first: {}",
                    if count == 1 { "file is" } else { "files are" },
                    first.display()
                ));
            }
        }
        for (name, location) in &config.tables {
            let new = self.place(name, location)?;
            places.retain(|p| p.spec.name != *name);
            places.push(new);
        }
        for spec in &config.catalog {
            if places.iter().any(|p| p.spec.name == spec.name) {
                continue;
            }
            if !self.is_asked(&spec.name) {
                names.push(spec.name.clone());
                continue;
            }
            // A catalogue names folders that fill later, beside others that a query reads.
            match self.catalogued(spec) {
                Ok(place) => places.push(place),
                Err(error) => warnings.push(format!("table '{}' is left out: {error}", spec.name)),
            }
        }
        places.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
        Ok(Listed { places, names, warnings })
    }

    /// Whether a table's name matches the patterns that will be asked for.
    fn is_asked(&self, name: &str) -> bool {
        self.config.only.is_empty() || !select::select(&self.config.only, &[name], None).positions.is_empty()
    }

    fn place(&mut self, name: &str, location: &str) -> Result<Place> {
        let spec = TableSpec::new(name, location);
        let listing = self.list(&spec, location)?;
        if listing.is_empty() {
            return Err(store::nothing(location, listing.others.len()));
        }
        Ok(Place { spec, listing })
    }

    /// The files of a table of the catalogue.
    fn catalogued(&mut self, spec: &TableSpec) -> Result<Place> {
        let mut all = Listing::default();
        for location in &spec.locations {
            let mut listing = self.list(spec, location)?;
            listing.files.retain(|file| spec.format.is_none_or(|format| file.format == format));
            if let Some(folders) = &spec.folders {
                listing.files.iter_mut().for_each(|file| file.dated = folders.dated(file.layout()));
            }
            all.files.extend(listing.files);
            all.others.extend(listing.others);
            all.spool = all.spool.or(listing.spool);
            all.skipped += listing.skipped;
            all.tables.extend(listing.tables);
        }
        // Locations may hold one another.
        all.files.sort_by(|a, b| a.path.cmp(&b.path));
        all.files.dedup_by(|a, b| a.meta.location == b.meta.location && a.remote == b.remote);
        if all.is_empty() {
            return Err(store::nothing(&spec.locations.join(", "), all.others.len()));
        }
        Ok(Place { spec: spec.clone(), listing: all })
    }

    /// The files of one location of a table.
    fn list(&mut self, spec: &TableSpec, location: &str) -> Result<Listing> {
        let lateness = self.config.lateness.or(spec.lateness);
        let pruning = Pruning { folders: spec.folders.as_ref(), windows: &self.config.windows, lateness };
        // What is listed level by level shows a log by itself; elsewhere a look for one spares a list of all files.
        if let Some(table) = self.delta(spec, location, !pruning.prunes())? {
            return Ok(table);
        }
        let Some(address) = Address::parse(location)? else { return store::list(location, &mut self.stdin) };
        let listing = self.handle.block_on(Objects::list(self.objects, &address, &pruning))?;
        if !listing.is_delta {
            return Ok(listing);
        }
        self.active(&delta::Place::at(&address, self.objects), None)
    }

    /// The files of the Delta table that a location is, at the version that it or its table names; `None` where it is none,
    /// or where it is a folder of a store in which nobody `looks` for a log.
    fn delta(&self, spec: &TableSpec, location: &str, looks: bool) -> Result<Option<Listing>> {
        let there = |path: &str| Address::parse(path).is_ok_and(|a| a.is_none()) && store::local(path).exists();
        let (path, as_of) = match delta::split(location).filter(|_| !there(location)) {
            Some((path, as_of)) => (path, Some(as_of)),
            None => (location, None),
        };
        let named = as_of.is_some() || spec.delta || spec.as_of.is_some();
        let place = match Address::parse(path)? {
            Some(address) if named || (looks && address.may_be_folder()) => {
                self.handle.block_on(delta::Place::store(&address, self.objects))?
            }
            Some(_) => None,
            None => delta::Place::local(&store::local(path), self.objects),
        };
        let Some(place) = place else {
            return if named { Err(delta::no_table(location, path)) } else { Ok(None) };
        };
        self.active(&place, as_of.or(spec.as_of)).map(Some)
    }

    /// The files of a Delta table.
    fn active(&self, place: &delta::Place, as_of: Option<delta::AsOf>) -> Result<Listing> {
        let (table, files) = self.handle.block_on(delta::read(place, as_of))?;
        Ok(Listing { files, tables: vec![table], ..Listing::default() })
    }

    /// The entries of a folder of tables: name and location.
    fn entries(&self, folder: &str) -> Result<Vec<(String, String)>> {
        match Address::parse(folder)? {
            Some(address) => self.handle.block_on(self.objects.entries(&address)),
            None => store::entries(folder),
        }
    }
}
