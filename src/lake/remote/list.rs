//! A location in a store to the files below it, with as few requests as its layout allows.
//!
//! Without a window, or where nothing says which times folders are named after, all objects below the location are
//! listed, a thousand a request. With one, folders are listed level by level, and those that the window rules out are
//! not looked into; a folder below which no name tells more is listed at once.

use std::path::{Path as FilePath, PathBuf};

use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use globset::{GlobBuilder, GlobMatcher};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::super::delta;
use super::super::folders::{Dated, Folders, recognised_folder};
use super::super::partition;
use super::super::store::{Format, Found, Listing, Named, hidden, named, of_head};
use super::super::window::Window;
use super::address::{Address, Scheme};
use super::objects::{Member, Objects};
use super::told::Asked;
use crate::error::{Error, Kind, Result};

/// How many requests for lists, or for first bytes, run at a time.
const PARALLEL: usize = 16;

/// A level with more folders than this that no time is named after is listed at once: each would be a request.
const MANY: usize = 64;

/// How many levels of folders that no time is named after are looked through.
const DEEPEST: usize = 4;

/// How much of an object of which the name says nothing is read to see what it is.
const HEAD: u64 = 4096;

/// Which folders of a table need not be looked into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pruning<'a> {
    /// What was declared of its folders.
    pub(crate) folders: Option<&'a Folders>,
    /// The windows that are asked for; none: everything is.
    pub(crate) windows: &'a [Window],
    pub(crate) lateness: Option<TimeDelta>,
}

impl Pruning<'_> {
    /// Whether a folder of these times may hold events of a window.
    fn may_hold(&self, dated: Option<Dated>) -> bool {
        let holds = |window| partition::may_hold(dated, self.folders, Some(window), self.lateness);
        self.windows.is_empty() || self.windows.iter().any(holds)
    }

    /// Whether any folder can be ruled out.
    pub(crate) fn prunes(&self) -> bool {
        let judges = |window| partition::judges(self.folders, window, self.lateness);
        !self.windows.is_empty() && self.windows.iter().all(judges)
    }

    /// The part of time that a folder says that everything below it is of.
    fn dated(&self, relative: &str) -> Option<Dated> {
        self.folders.map_or_else(|| recognised_folder(relative), |folders| folders.folder(relative))
    }
}

/// A folder that is to be looked into.
#[derive(Debug, Clone)]
struct Folder {
    path: Path,
    /// Its path below the location; empty for that itself.
    relative: String,
    dated: Option<Dated>,
    depth: usize,
}

/// What a listing found.
#[derive(Debug, Default)]
struct Walked {
    objects: Vec<ObjectMeta>,
    /// The folders that were not looked into for their times.
    skipped: Vec<Folder>,
    /// Whether the location is a Delta table: nothing more was looked for.
    is_delta: bool,
}

/// A pattern of paths.
struct Glob {
    whole: GlobMatcher,
    /// The pattern of each level, where levels can be judged on their own.
    levels: Option<Vec<GlobMatcher>>,
}

impl Objects {
    /// The files at an address.
    ///
    /// # Errors
    /// An object that does not exist, a glob that is none, a store that does not answer or lets nobody in, an empty
    /// Parquet file. An address without events is none. What is listed level by level may show itself to be a Delta table.
    pub(crate) async fn list(&self, address: &Address, pruning: &Pruning<'_>) -> Result<Listing> {
        let member = self.member(address).await?;
        let one = !address.key.is_empty() && !address.key.ends_with('/') && !address.is_glob();
        if one && let Some(meta) = single(address, &member).await? {
            let name = meta.location.filename().unwrap_or_default().to_owned();
            return self.sorted(address, vec![(meta, name)], 0).await;
        }
        let (base, glob) = if address.is_glob() { glob(address)? } else { (address.key.as_str(), None) };
        let base = key(address, base)?;
        let walk = Walk { address, member: &member, pruning, glob: glob.as_ref(), base };
        let mut walked = walk.all().await?;
        if walked.is_delta {
            return Ok(Listing { is_delta: true, ..Listing::default() });
        }
        if walked.objects.is_empty() {
            // The fields of events come from some file, also where no event is in the window.
            walked.objects.extend(walk.witness(&walked.skipped).await?);
        }
        let prefix = if walk.base.as_ref().is_empty() { 0 } else { walk.base.as_ref().len() + 1 };
        let relative = |meta: &ObjectMeta| meta.location.as_ref().get(prefix..).unwrap_or_default().to_owned();
        let objects = walked.objects.into_iter().map(|meta| (relative(&meta), meta));
        let objects = objects.filter(|(relative, meta)| {
            !relative.split('/').any(hidden) && glob.as_ref().is_none_or(|glob| glob.takes(address, meta))
        });
        self.sorted(address, objects.map(|(relative, meta)| (meta, relative)).collect(), walked.skipped.len()).await
    }

    /// The direct entries of a folder that may be tables: name and location, sorted by name.
    ///
    /// # Errors
    /// A store that does not answer or lets nobody in.
    pub(crate) async fn entries(&self, address: &Address) -> Result<Vec<(String, String)>> {
        let member = self.member(address).await?;
        let base = key(address, &address.key)?;
        let found = level(address, &member, &base).await?;
        let folder =
            |path: Path| (path.filename().unwrap_or_default().to_owned(), format!("{}/", address.shown(path.as_ref())));
        let folders: Vec<_> = found.common_prefixes.into_iter().map(folder).collect();
        let file = |meta: ObjectMeta| {
            let name = meta.location.filename().unwrap_or_default().to_owned();
            (super::super::store::stem(&name).to_owned(), address.shown(meta.location.as_ref()))
        };
        // A marker of a folder is an object of its name, without content.
        let is_file = |meta: &ObjectMeta| {
            meta.size > 0 || !folders.iter().any(|(name, _)| Some(name.as_str()) == meta.location.filename())
        };
        let files = found.objects.into_iter().filter(is_file).map(file).collect::<Vec<_>>();
        let mut all: Vec<_> = folders.iter().cloned().chain(files).filter(|(name, _)| !hidden(name)).collect();
        all.sort();
        Ok(all)
    }

    /// The listing of objects with their paths below the location.
    async fn sorted(&self, address: &Address, objects: Vec<(ObjectMeta, String)>, skipped: usize) -> Result<Listing> {
        let mut listing = Listing { skipped, ..Listing::default() };
        let mut unknown = Vec::new();
        let mut known = Vec::new();
        for (meta, relative) in objects {
            match named(meta.location.filename().unwrap_or_default()) {
                Named::Is(format) => known.push((self.noted(address, meta)?, relative, Some(format))),
                Named::Other => listing.others.push(PathBuf::from(address.shown(meta.location.as_ref()))),
                // A marker of a folder.
                Named::Unknown if meta.size == 0 => {}
                Named::Unknown => unknown.push((self.noted(address, meta)?, relative)),
            }
        }
        let sniffed = unknown.into_iter().map(|(found, relative)| async move {
            let head = self.get_range(&found.0.location, 0..HEAD.min(found.0.size)).await;
            let head = head.map_err(|error| asked(address, &found.1, true).told(&error))?;
            Ok::<_, Error>((found, relative, of_head(&head)))
        });
        let sniffed: Vec<_> = stream::iter(sniffed).buffered(PARALLEL).try_collect().await?;
        for ((meta, shown), relative, format) in known.into_iter().chain(sniffed) {
            match format {
                Some(Format::Parquet) if meta.size == 0 => {
                    return Err(Error::new(Kind::Input, format!("{shown}: an empty file is no Parquet file"))
                        .with_help("remove it, or write it again"));
                }
                Some(format) => listing.files.push(Found::remote(PathBuf::from(shown), relative, format, meta)),
                None => listing.others.push(PathBuf::from(shown)),
            }
        }
        listing.files.sort_by(|a, b| a.path.cmp(&b.path));
        listing.others.sort();
        Ok(listing)
    }

    /// Whether there are objects in a folder of an address.
    ///
    /// # Errors
    /// A store that does not answer. One that lists nothing to whom asks, and a server without lists, has no folders.
    pub(crate) async fn has_objects(&self, address: &Address, folder: &str) -> Result<bool> {
        use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
        let member = self.member(address).await?;
        let path = address.below(folder).object()?;
        match member.store.list(Some(&path)).try_next().await {
            Ok(found) => Ok(found.is_some()),
            Err(NotFound { .. } | PermissionDenied { .. } | Unauthenticated { .. }) => Ok(false),
            Err(_) if address.scheme == Scheme::Http => Ok(false),
            Err(error) => Err(unlisted(address, &address.object()?, &error)),
        }
    }

    /// What is known of an object, its path among all stores, and how people write it.
    ///
    /// # Errors
    /// A path that no object can have.
    pub(crate) fn noted(&self, address: &Address, meta: ObjectMeta) -> Result<(ObjectMeta, String)> {
        let shown = address.shown(meta.location.as_ref());
        let noted = self.note(address, meta).map_err(|error| asked(address, &shown, false).told(&error))?;
        Ok((noted, shown))
    }
}

/// The object of an address; `None` where there is none of that name.
async fn single(address: &Address, member: &Member) -> Result<Option<ObjectMeta>> {
    let path = key(address, &address.key)?;
    let shown = address.shown(path.as_ref());
    let found = if address.scheme == Scheme::Http {
        // A signed location is signed for GET alone, and whether parts can be read shows at once.
        let range = Some(GetRange::Bounded(0..1));
        let first = member.store.get_opts(&path, GetOptions { range, ..GetOptions::default() }).await;
        match first {
            Err(error) if error.to_string().contains("status code: 416") => member.store.head(&path).await,
            other => other.map(|result| result.meta),
        }
    } else {
        match member.store.head(&path).await {
            // An answer to HEAD has no body that says why.
            Err(object_store::Error::PermissionDenied { .. }) => {
                member.store.get(&path).await.map(|result| result.meta)
            }
            other => other,
        }
    };
    match found {
        Ok(meta) => Ok(Some(ObjectMeta { location: path, ..meta })),
        Err(object_store::Error::NotFound { .. }) if address.scheme != Scheme::Http => Ok(None),
        Err(error) => Err(asked(address, &shown, false).told(&error)),
    }
}

/// The objects and folders directly below a path.
async fn level(address: &Address, member: &Member, path: &Path) -> Result<object_store::ListResult> {
    let prefix = (!path.as_ref().is_empty()).then_some(path);
    let listed = member.store.list_with_delimiter(prefix).await;
    listed.map_err(|error| unlisted(address, path, &error))
}

fn unlisted(address: &Address, path: &Path, error: &object_store::Error) -> Error {
    let shown = address.shown(path.as_ref());
    let told = asked(address, &shown, false).told(error);
    if address.scheme != Scheme::Http {
        return told;
    }
    let message = format!("{shown}: the server gives no list of files (WebDAV's PROPFIND): {}", rest(&told, &shown));
    Error::new(told.kind(), message).with_help("name the file, such as http://HOST/PATH/events.parquet")
}

/// The message of an error without the name that it begins with.
fn rest(error: &Error, name: &str) -> String {
    let text = error.to_string();
    text.strip_prefix(name).map_or(text.as_str(), |rest| rest.trim_start_matches([':', ' '])).to_owned()
}

fn asked<'a>(address: &Address, shown: &'a str, listed: bool) -> Asked<'a> {
    Asked { shown, scheme: address.scheme, listed }
}

/// The path of a key as people write it.
fn key(address: &Address, key: &str) -> Result<Path> {
    Address { key: key.to_owned(), ..address.clone() }.object()
}

/// The folder that a glob begins in, and what matches the paths below it.
fn glob(address: &Address) -> Result<(&str, Option<Glob>)> {
    let shown = address.shown(&address.key);
    let compiled = |text: &str| {
        let built = GlobBuilder::new(text).literal_separator(true).build();
        built
            .map(|glob| glob.compile_matcher())
            .map_err(|e| Error::new(Kind::Usage, format!("{shown}: not a glob: {}", e.kind())))
    };
    let head = address.key.find(['*', '?', '[', '{']).unwrap_or(0);
    let (base, rest) = match address.key.get(..head).and_then(|head| head.rfind('/')) {
        Some(slash) => (address.key.get(..slash).unwrap_or_default(), address.key.get(slash + 1..).unwrap_or_default()),
        None => ("", address.key.as_str()),
    };
    let apart = !rest.contains("**") && !rest.contains(['{', '[']);
    let levels = apart.then(|| rest.trim_end_matches('/').split('/').map(compiled).collect::<Result<Vec<_>>>());
    Ok((base, Some(Glob { whole: compiled(shown.trim_end_matches('/'))?, levels: levels.transpose()? })))
}

impl Glob {
    /// Whether it matches an object, or one of its folders.
    fn takes(&self, address: &Address, meta: &ObjectMeta) -> bool {
        let shown = address.shown(meta.location.as_ref());
        FilePath::new(&shown).ancestors().any(|path| self.whole.is_match(path))
    }
}

/// What to do with a folder.
enum Verdict {
    /// Nothing in it is wanted.
    Skip,
    /// It is listed level by level.
    Look,
    /// Everything below it is listed.
    All,
}

struct Walk<'a> {
    address: &'a Address,
    member: &'a Member,
    pruning: &'a Pruning<'a>,
    glob: Option<&'a Glob>,
    base: Path,
}

impl Walk<'_> {
    /// The objects below the base, without the folders that need not be looked into.
    async fn all(&self) -> Result<Walked> {
        let mut walked = Walked::default();
        let mut whole: Vec<Path> = Vec::new();
        let root = Folder { path: self.base.clone(), relative: String::new(), dated: None, depth: 0 };
        let mut folders = vec![root];
        let by_level = self.pruning.prunes() || self.glob.is_some_and(|glob| glob.levels.is_some());
        if !by_level && self.address.scheme != Scheme::Http {
            whole.push(self.base.clone());
            folders.clear();
        }
        while !folders.is_empty() {
            let levels = folders.into_iter().map(|folder| async move {
                Ok::<_, Error>((level(self.address, self.member, &folder.path).await?, folder))
            });
            let levels: Vec<_> = stream::iter(levels).buffered(PARALLEL).try_collect().await?;
            folders = Vec::new();
            for (found, parent) in levels {
                if found.common_prefixes.iter().any(|path| path.filename() == Some(delta::LOG)) {
                    let is_delta = parent.relative.is_empty() && self.glob.is_none();
                    return if is_delta {
                        Ok(Walked { is_delta, ..Walked::default() })
                    } else {
                        Err(self.beside_log(&parent.path))
                    };
                }
                walked.objects.extend(found.objects);
                let children: Vec<Folder> =
                    found.common_prefixes.into_iter().filter_map(|path| self.child(&parent, path)).collect();
                let undated = children.iter().filter(|child| child.dated.is_none()).count();
                for child in children {
                    match self.verdict(&parent, &child, undated) {
                        Verdict::Skip => walked.skipped.push(child),
                        Verdict::Look => folders.push(child),
                        Verdict::All => whole.push(child.path),
                    }
                }
            }
        }
        let lists = whole.into_iter().map(|path| async move {
            let prefix = (!path.as_ref().is_empty()).then_some(&path);
            let listed: object_store::Result<Vec<_>> = self.member.store.list(prefix).try_collect().await;
            listed.map_err(|error| unlisted(self.address, &path, &error))
        });
        let lists: Vec<Vec<ObjectMeta>> = stream::iter(lists).buffered(PARALLEL).try_collect().await?;
        walked.objects.extend(lists.into_iter().flatten());
        let folder_of_log = |meta: &ObjectMeta| {
            let path = meta.location.as_ref();
            path.split('/')
                .any(|part| part == delta::LOG)
                .then(|| path.split(delta::LOG).next().unwrap_or_default().to_owned())
        };
        match walked.objects.iter().find_map(folder_of_log) {
            Some(folder) => Err(self.beside_log(&Path::from(folder))),
            None => Ok(walked),
        }
    }

    /// The error of a Delta table in what is listed.
    fn beside_log(&self, table: &Path) -> Error {
        let location = self.address.shown(self.address.key.trim_end_matches('/'));
        delta::beside_log(&location, &self.address.shown(table.as_ref()))
    }

    /// A folder below another, unless its name says that it holds no data, or the glob that it is not meant.
    fn child(&self, parent: &Folder, path: Path) -> Option<Folder> {
        let name = path.filename().unwrap_or_default();
        let levels = self.glob.and_then(|glob| glob.levels.as_ref());
        let meant = levels.and_then(|levels| levels.get(parent.depth)).is_none_or(|level| level.is_match(name));
        if hidden(name) || !meant {
            return None;
        }
        let relative = if parent.relative.is_empty() { name.to_owned() } else { format!("{}/{name}", parent.relative) };
        let dated = self.pruning.dated(&relative);
        Some(Folder { relative, dated, depth: parent.depth + 1, path })
    }

    fn verdict(&self, parent: &Folder, child: &Folder, undated: usize) -> Verdict {
        if !self.pruning.may_hold(child.dated) {
            return Verdict::Skip;
        }
        let levels = self.glob.and_then(|glob| glob.levels.as_ref());
        let in_glob = levels.is_some_and(|levels| child.depth < levels.len());
        if in_glob || self.address.scheme == Scheme::Http {
            return Verdict::Look;
        }
        let finer = match child.dated {
            // An hour is the finest that a name tells.
            Some(dated) => child.dated != parent.dated && dated.until - dated.from > TimeDelta::hours(1),
            None => child.depth < DEEPEST && undated <= MANY,
        };
        if finer && self.pruning.prunes() { Verdict::Look } else { Verdict::All }
    }

    /// The first objects with events in the last of the folders that were skipped.
    async fn witness(&self, skipped: &[Folder]) -> Result<Vec<ObjectMeta>> {
        let Some(last) = skipped.iter().max_by(|a, b| a.relative.cmp(&b.relative)) else { return Ok(Vec::new()) };
        let mut path = last.path.clone();
        loop {
            let found = level(self.address, self.member, &path).await?;
            let is_event =
                |meta: &ObjectMeta| matches!(named(meta.location.filename().unwrap_or_default()), Named::Is(_));
            let events: Vec<_> = found.objects.into_iter().filter(is_event).take(1).collect();
            let next =
                found.common_prefixes.into_iter().filter(|path| !hidden(path.filename().unwrap_or_default())).max();
            match next {
                Some(next) if events.is_empty() => path = next,
                _ => return Ok(events),
            }
        }
    }
}
