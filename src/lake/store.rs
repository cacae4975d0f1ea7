//! Locations and the files that they hold.
//!
//! A location is a Parquet file, a JSON file (plain, .gz or .zst), a folder of either at any depth, a glob, or `-`.
//! What a file is, its extension says; where that says nothing, its first bytes. Files of a Delta table are none of a
//! location: its log tells which of them count.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use globset::{GlobBuilder, GlobMatcher};
use object_store::ObjectMeta;
use object_store::local::LocalFileSystem;
use tempfile::NamedTempFile;
use walkdir::WalkDir;

use super::delta;
use super::folders::{Dated, recognised};
use super::hive;
use crate::error::{Error, Kind, Result};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// JSON documents: one a line, an array, or an Elasticsearch export; plain, gzip or zstd.
    Json,
}

impl Format {
    /// The name as a user reads it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parquet => "Parquet",
            Self::Json => "JSON",
        }
    }
}

/// A file with events.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its path as a user would write it.
    pub(crate) path: PathBuf,
    /// Its path below the location, with `/`; its name where it is the location.
    pub(crate) relative: String,
    pub(crate) format: Format,
    /// As the object store sees it.
    pub(crate) meta: ObjectMeta,
    /// The columns that its folders spell.
    pub(crate) columns: Vec<hive::PathColumn>,
    /// The part of time that its folders are named after.
    pub(crate) dated: Option<Dated>,
    /// Whether it lies in a store, and not on this machine.
    pub(crate) remote: bool,
    /// What the log of its table says of it, where it is one of a Delta table.
    pub(crate) delta: Option<Arc<delta::Active>>,
}

impl Found {
    /// An object of a store.
    pub(crate) fn remote(path: PathBuf, relative: String, format: Format, meta: ObjectMeta) -> Self {
        let (columns, dated) = (hive::columns(&relative), recognised(&relative));
        Self { path, relative, format, meta, columns, dated, remote: true, delta: None }
    }

    /// The file that is read, where it is one of this machine: standard input is kept in a file of another name.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        if self.remote {
            return None;
        }
        LocalFileSystem::new().path_to_filesystem(&self.meta.location).ok()
    }

    /// Its path below the location, in folders that are named after its partition.
    pub(crate) fn layout(&self) -> &str {
        self.delta.as_ref().map_or(&self.relative, |active| &active.layout)
    }
}

/// The files of a location.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The files with events, sorted by path.
    pub(crate) files: Vec<Found>,
    /// The files that are neither Parquet nor JSON, sorted by path.
    pub(crate) others: Vec<PathBuf>,
    /// The file that standard input was copied to; it goes when this does.
    pub(crate) spool: Option<NamedTempFile>,
    /// How many folders of a store were not looked into, since no window that is asked for needs them.
    pub(crate) skipped: usize,
    /// The Delta tables of which some files are.
    pub(crate) tables: Vec<Arc<delta::Snapshot>>,
    /// Whether the location turned out to be a Delta table, whose log has not been read.
    pub(crate) is_delta: bool,
}

impl Listing {
    /// Whether it is no table: an empty Delta table has fields all the same.
    pub(crate) const fn is_empty(&self) -> bool {
        self.files.is_empty() && self.tables.is_empty()
    }
}

/// The files of a location. Standard input is read from `stdin`.
///
/// # Errors
/// A path that does not exist or cannot be read, a glob that is none, a link that leads back to a folder above it, an
/// empty Parquet file, files of a Delta table. A location without events is none: see [`nothing`].
pub(crate) fn list(location: &str, stdin: &mut dyn Read) -> Result<Listing> {
    if location == "-" {
        return spool(stdin);
    }
    let path = local(location);
    let free = |path: &Path| match delta::around(path) {
        Some(table) => Err(delta::beside_log(location, &shortest(path, &table))),
        None => Ok(()),
    };
    match fs::metadata(&path) {
        Ok(meta) if meta.is_dir() => free(&path).and_then(|()| folder(&path, None)),
        Ok(_) => free(&path).and_then(|()| single(&path)),
        Err(_) if is_glob(location) && fs::symlink_metadata(&path).is_err() => {
            let (base, matcher) = glob(location)?;
            fs::metadata(&base).map_err(|e| unreadable(&base, &e))?;
            free(&base)?;
            folder(&base, Some(&matcher))
        }
        Err(e) => Err(unreadable(&path, &e)),
    }
}

/// The error that says that a location holds no events.
pub(crate) fn nothing(location: &str, others: usize) -> Error {
    let beside = if others > 0 { format!(" ({others} other files)") } else { String::new() };
    let (what, help) = match fs::metadata(local(location)) {
        Ok(meta) if meta.is_dir() => (
            format!("no file with events below it{beside}"),
            "expected Parquet (.parquet) or JSON (.json, .jsonl, .ndjson, also with .gz or .zst)",
        ),
        Ok(_) => (
            "neither Parquet nor JSON".to_owned(),
            "expected a Parquet file, or JSON documents: one a line, an array, or an Elasticsearch export",
        ),
        Err(_) => (
            format!("no file with events matches{beside}"),
            "expected Parquet (.parquet) or JSON (.json, .jsonl, .ndjson, also with .gz or .zst)",
        ),
    };
    Error::new(Kind::Input, format!("{location}: {what}")).with_help(help)
}

/// The direct entries of a folder that may be tables: name and location, sorted by name.
///
/// # Errors
/// A folder that does not exist or cannot be read.
pub(crate) fn entries(location: &str) -> Result<Vec<(String, String)>> {
    let path = local(location);
    let mut found = Vec::new();
    for entry in fs::read_dir(&path).map_err(|e| unreadable(&path, &e))? {
        let entry = entry.map_err(|e| unreadable(&path, &e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if hidden(&name) {
            continue;
        }
        let entry = entry.path();
        let table = if entry.is_dir() { name } else { stem(&name).to_owned() };
        found.push((table, entry.to_string_lossy().into_owned()));
    }
    found.sort();
    Ok(found)
}

/// A folder above a path, or that path, as the path is written.
fn shortest(path: &Path, folder: &Path) -> String {
    let same = |part: &&Path| std::path::absolute(part).is_ok_and(|absolute| absolute == folder);
    let part = path.ancestors().find(same).unwrap_or(folder);
    if part == Path::new("") { ".".to_owned() } else { part.to_string_lossy().trim_end_matches('/').to_owned() }
}

/// The path of a location on this machine.
pub(crate) fn local(location: &str) -> PathBuf {
    PathBuf::from(location.strip_prefix("file://").unwrap_or(location))
}

fn is_glob(location: &str) -> bool {
    location.contains(['*', '?', '[', '{'])
}

/// The folder that a glob begins in, and what matches the paths below it.
fn glob(location: &str) -> Result<(PathBuf, GlobMatcher)> {
    let head = location.find(['*', '?', '[', '{']).unwrap_or(0);
    let base = location.get(..head).and_then(|h| h.rfind('/').and_then(|at| h.get(..=at)));
    let matcher = GlobBuilder::new(location)
        .literal_separator(true)
        .build()
        .map_err(|e| Error::new(Kind::Usage, format!("{location}: not a glob: {}", e.kind())))?
        .compile_matcher();
    Ok((PathBuf::from(base.unwrap_or(".")), matcher))
}

/// The files below a folder, where a matcher is given those that it or one of their folders matches.
fn folder(base: &Path, matcher: Option<&GlobMatcher>) -> Result<Listing> {
    let mut listing = Listing::default();
    let walk = WalkDir::new(base).follow_links(true).into_iter();
    let shown = |e: &walkdir::DirEntry| !hidden(&e.file_name().to_string_lossy()) || e.file_name() == delta::LOG;
    for entry in walk.filter_entry(|e| e.depth() == 0 || shown(e)) {
        let entry = entry.map_err(|e| walk_error(&e, base))?;
        if entry.file_name() == delta::LOG {
            let table = entry.path().parent().unwrap_or(base).to_string_lossy();
            return Err(delta::beside_log(&base.to_string_lossy(), &table));
        }
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path();
        let below = path.strip_prefix(base).unwrap_or(path);
        if let Some(matcher) = matcher {
            // A walk from "." has paths that begin with it; the glob has not.
            let seen = if base == Path::new(".") { below } else { path };
            if !seen.ancestors().any(|p| !p.as_os_str().is_empty() && matcher.is_match(p)) {
                continue;
            }
        }
        match format_of(path).map_err(|e| unreadable(path, &e))? {
            Some(format) => {
                let meta = entry.metadata().map_err(|e| walk_error(&e, base))?;
                listing.files.push(found(path, &slashed(below), format, &meta)?);
            }
            None => listing.others.push(path.to_owned()),
        }
    }
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    listing.others.sort();
    Ok(listing)
}

fn single(path: &Path) -> Result<Listing> {
    let meta = fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    // What no extension tells and no byte can is taken for JSON without documents.
    let format = match format_of(path).map_err(|e| unreadable(path, &e))? {
        Some(format) => format,
        None if meta.is_file() && meta.len() == 0 => Format::Json,
        None if meta.is_file() => return Ok(Listing { others: vec![path.to_owned()], ..Listing::default() }),
        None => Format::Json,
    };
    if !meta.is_file() {
        // A pipe or device cannot be read twice.
        let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
        return spool(&mut file);
    }
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Listing { files: vec![found(path, &name, format, &meta)?], ..Listing::default() })
}

/// Standard input, copied to a temporary file.
fn spool(input: &mut dyn Read) -> Result<Listing> {
    let failed =
        |e: io::Error| Error::new(Kind::Input, "standard input: cannot be copied to a temporary file").with_source(e);
    let mut file = tempfile::Builder::new().prefix("egret-stdin-").tempfile().map_err(failed)?;
    let size = io::copy(input, &mut file).map_err(failed)?;
    file.flush().map_err(failed)?;
    let path = file.path().to_owned();
    let format = match sniff(&path).map_err(failed)? {
        Some(format) => format,
        None if size == 0 => Format::Json,
        None => {
            return Err(Error::new(Kind::Input, "standard input: neither Parquet nor JSON").with_help(
                "expected a Parquet file, or JSON documents: one a line, an array, or an Elasticsearch export",
            ));
        }
    };
    let meta = fs::metadata(&path).map_err(failed)?;
    let mut found = found(&path, "-", format, &meta)?;
    found.path = PathBuf::from("-");
    Ok(Listing { files: vec![found], spool: Some(file), ..Listing::default() })
}

fn found(path: &Path, relative: &str, format: Format, meta: &fs::Metadata) -> Result<Found> {
    if format == Format::Parquet && meta.len() == 0 {
        return Err(Error::new(Kind::Input, format!("{}: an empty file is no Parquet file", path.display()))
            .with_help("remove it, or write it again"));
    }
    let mut absolute = std::path::absolute(path).map_err(|e| unreadable(path, &e))?;
    // The address of an object knows no step upwards.
    if absolute.components().any(|part| part == std::path::Component::ParentDir) {
        absolute = fs::canonicalize(&absolute).map_err(|e| unreadable(path, &e))?;
    }
    let location = object_store::path::Path::from_absolute_path(&absolute).map_err(|e| {
        Error::new(Kind::Input, format!("{}: a path that cannot be addressed", path.display())).with_source(e)
    })?;
    let last_modified = meta.modified().map_or(DateTime::UNIX_EPOCH, DateTime::<Utc>::from);
    let meta = ObjectMeta { location, last_modified, size: meta.len(), e_tag: None, version: None };
    let (columns, dated) = (hive::columns(relative), recognised(relative));
    let (path, relative) = (path.to_owned(), relative.to_owned());
    Ok(Found { path, relative, format, meta, columns, dated, remote: false, delta: None })
}

/// What the name of a file says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// Events.
    Is(Format),
    /// Something else.
    Other,
    /// Its first bytes tell.
    Unknown,
}

/// What the name of a file says that it holds.
pub(crate) fn named(name: &str) -> Named {
    let name = name.to_lowercase();
    let bare = without_compression(&name);
    match bare.rsplit_once('.').map(|(_, extension)| extension) {
        Some("parquet" | "parq" | "pq") if bare.len() == name.len() => Named::Is(Format::Parquet),
        Some("json" | "jsonl" | "ndjson") => Named::Is(Format::Json),
        // Formats of their own, some of which begin as JSON does.
        Some(
            "csv" | "tsv" | "md" | "toml" | "yaml" | "yml" | "xml" | "html" | "avro" | "orc" | "arrow" | "feather"
            | "py" | "rs" | "sh" | "sql" | "esql" | "crc" | "png" | "pdf" | "zip" | "tar" | "tgz" | "lock",
        ) => Named::Other,
        _ => Named::Unknown,
    }
}

/// What a file holds by its extension, else by its first bytes; `None` where it is neither Parquet nor JSON.
fn format_of(path: &Path) -> io::Result<Option<Format>> {
    match named(&path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()) {
        Named::Is(format) => Ok(Some(format)),
        Named::Unknown if fs::metadata(path)?.is_file() => sniff(path),
        _ => Ok(None),
    }
}

fn without_compression(name: &str) -> &str {
    [".gz", ".gzip", ".zst", ".zstd"].iter().find_map(|c| name.strip_suffix(c)).unwrap_or(name)
}

/// The name of a file without what says its format.
pub(crate) fn stem(name: &str) -> &str {
    let bare = without_compression(name);
    bare.rsplit_once('.').map_or(bare, |(stem, _)| stem)
}

/// What a file holds by its first bytes.
fn sniff(path: &Path) -> io::Result<Option<Format>> {
    let mut head = Vec::new();
    File::open(path)?.take(4096).read_to_end(&mut head)?;
    if head.starts_with(&ZSTD) {
        // What was compressed together may be longer than that.
        head.clear();
        File::open(path)?.take(256 * 1024).read_to_end(&mut head)?;
    }
    Ok(of_head(&head))
}

/// What a frame of zstd begins with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a file that begins so holds; `None` where it is neither Parquet nor JSON.
pub(crate) fn of_head(head: &[u8]) -> Option<Format> {
    if head.starts_with(b"PAR1") {
        return Some(Format::Parquet);
    }
    let mut plain = Vec::new();
    // The head of a compressed file ends too early for its decoder; what came until then is enough.
    if head.starts_with(&[0x1f, 0x8b]) {
        let _ = flate2::read::MultiGzDecoder::new(head).take(512).read_to_end(&mut plain);
    } else if head.starts_with(&ZSTD) {
        let decoder = zstd::stream::read::Decoder::new(head);
        let _ = decoder.map(|decoder| decoder.take(512).read_to_end(&mut plain));
    } else {
        plain.extend_from_slice(head);
    }
    begins_json(&plain).then_some(Format::Json)
}

/// Whether bytes begin as JSON documents do: an object, or an array of objects.
fn begins_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rest = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace());
    matches!((rest.next(), rest.next()), (Some(b'{'), Some(b'"' | b'}')) | (Some(b'['), Some(b'{' | b']')))
}

/// Files that writers put beside the data: `_SUCCESS`, `_delta_log`, `.crc`.
pub(crate) fn hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

fn slashed(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn unreadable(path: &Path, cause: &io::Error) -> Error {
    let what = match cause.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "not allowed to read it".to_owned(),
        _ => format!("cannot be read: {cause}"),
    };
    let error = Error::new(Kind::Input, format!("{}: {what}", path.display()));
    match cause.kind() {
        io::ErrorKind::NotFound => error.with_help("check the path; it is relative to the working directory"),
        io::ErrorKind::PermissionDenied => error.with_help("read it as another user, or change its permissions"),
        _ => error,
    }
}

fn walk_error(error: &walkdir::Error, base: &Path) -> Error {
    let path = error.path().unwrap_or(base);
    match (error.loop_ancestor(), error.io_error()) {
        (Some(above), _) => {
            let message = format!("{}: a link that leads back to {}", path.display(), above.display());
            Error::new(Kind::Input, message).with_help("remove the link, or name the folders to read")
        }
        (None, Some(cause)) => unreadable(path, cause),
        (None, None) => Error::new(Kind::Input, format!("{}: cannot be listed", path.display())),
    }
}
