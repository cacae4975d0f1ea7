//! All stores of a lake as one: its paths begin with the store, and what is read is what was listed.
//!
//! An object that was listed is read on the condition that it is the same: by its entity tag, else by the time of its
//! last change, and always by its size. A read of another one ends in an error, so no rows come of two versions.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::error::Result as PlanResult;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result as StoreResult, coalesce_ranges,
};

use super::address::{Address, Scheme};
use super::build;
use super::environment::Environment;
use super::told::Asked;
use crate::error::{Error, Result};

/// Ranges with a gap of at most so many bytes are one request: the bytes cost less than it.
const GAP: u64 = 512 * 1024;

/// The most bytes of one request: what is slow or breaks off is soon made again, and several run at a time.
const REQUEST: u64 = 8 * 1024 * 1024;

/// How many requests for parts of one range run at a time.
const PARALLEL: usize = 4;

/// Objects of at most so many bytes are read whole by one request, and kept: a scan looks at each several times.
const SMALL: u64 = 64 * 1024;

/// How many bytes of small objects are kept.
const MOST_SMALL: usize = 128 * 1024 * 1024;

/// How often a part is asked for of a server whose answers cannot be gone on with, since it gives no tags.
const ATTEMPTS: u32 = 4;

/// The name under which a session knows the stores.
pub(crate) fn url() -> PlanResult<ObjectStoreUrl> {
    ObjectStoreUrl::parse("objects://")
}

/// The location, as people write it, of an object that a plan over stores names.
///
/// ```
/// use object_store::path::Path;
/// assert_eq!(egret::lake::location_of(&Path::from("s3:/bucket/day/a.parquet")), "s3://bucket/day/a.parquet");
/// ```
pub fn location_of(path: &Path) -> String {
    let Some((store, key)) = path.as_ref().split_once('/').and_then(|(scheme, rest)| {
        let (authority, key) = rest.split_once('/')?;
        // What tells apart how somebody is signed in is not for people.
        Some((format!("{scheme}//{}", authority.split('~').next().unwrap_or(authority)), key))
    }) else {
        return path.to_string();
    };
    format!("{store}/{key}")
}

/// A store among those of a lake.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) address: Address,
    pub(super) store: Arc<dyn ObjectStore>,
}

/// What a listing said of an object.
#[derive(Debug, Clone)]
struct Known {
    e_tag: Option<String>,
    modified: DateTime<Utc>,
    size: u64,
}

/// The stores of a lake, opened when they are first asked for.
pub(crate) struct Objects {
    environment: Environment,
    endpoints: String,
    members: RwLock<HashMap<String, Member>>,
    known: RwLock<HashMap<Path, Known>>,
    small: RwLock<Small>,
}

/// Small objects, as far as there is room for them.
#[derive(Default)]
struct Small {
    objects: HashMap<Path, Bytes>,
    bytes: usize,
}

impl Small {
    fn keep(&mut self, location: &Path, bytes: &Bytes) {
        if self.bytes + bytes.len() <= MOST_SMALL && self.objects.insert(location.clone(), bytes.clone()).is_none() {
            self.bytes += bytes.len();
        }
    }
}

impl Objects {
    /// Stores that are signed in as `environment` says.
    pub(crate) fn new(environment: Environment) -> Self {
        let endpoints = environment.endpoints();
        let (members, known, small) = (RwLock::default(), RwLock::default(), RwLock::default());
        Self { environment, endpoints, members, known, small }
    }

    /// Which services the names of buckets are those of.
    pub(crate) fn endpoints(&self) -> &str {
        &self.endpoints
    }

    /// The store of an address.
    ///
    /// # Errors
    /// Where its settings are wrong, or there are no credentials.
    pub(super) async fn member(&self, address: &Address) -> Result<Member> {
        let id = address.id();
        let known = self.members.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(member) = known {
            return Ok(member);
        }
        let store = build::store(address, &self.environment).await?;
        let member = Member { address: Address { key: String::new(), ..address.clone() }, store };
        self.members.write().unwrap_or_else(PoisonError::into_inner).insert(id, member.clone());
        Ok(member)
    }

    /// Makes sure that the store of an address is there.
    ///
    /// # Errors
    /// As for its first request.
    #[cfg(feature = "delta")]
    pub(crate) async fn open(&self, address: &Address) -> Result<()> {
        self.member(address).await.map(drop)
    }

    /// The path among all stores of an object of `address`'s store, which from now on is read as it is listed here.
    pub(super) fn note(&self, address: &Address, meta: ObjectMeta) -> StoreResult<ObjectMeta> {
        let location = Path::parse(format!("{}/{}", address.id(), meta.location))?;
        let known = Known { e_tag: meta.e_tag.clone(), modified: meta.last_modified, size: meta.size };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(location.clone(), known);
        Ok(ObjectMeta { location, ..meta })
    }

    /// From now on an object is read as another process listed it.
    #[cfg(feature = "cluster")]
    pub(crate) fn learn(&self, meta: &ObjectMeta) {
        let known = Known { e_tag: meta.e_tag.clone(), modified: meta.last_modified, size: meta.size };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(meta.location.clone(), known);
    }

    /// The store of a path that another process listed, and the path there.
    #[cfg(feature = "cluster")]
    async fn opened(&self, location: &Path) -> StoreResult<(Member, Path)> {
        if let Ok(Some(address)) = Address::parse(&location_of(location))
            && self.resolve(location).is_err()
        {
            self.member(&address).await.map_err(carried)?;
        }
        self.resolve(location)
    }

    #[cfg(not(feature = "cluster"))]
    #[expect(clippy::unused_async, reason = "a store of another process's listing is opened here")]
    async fn opened(&self, location: &Path) -> StoreResult<(Member, Path)> {
        self.resolve(location)
    }

    /// The store of a path among all stores, and the path there.
    fn resolve(&self, location: &Path) -> StoreResult<(Member, Path)> {
        let unknown = || StoreError::NotFound { path: location.to_string(), source: "no such store".into() };
        let mut parts = location.as_ref().splitn(3, '/');
        let (Some(scheme), Some(authority), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(unknown());
        };
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        let member = members.get(&format!("{scheme}/{authority}")).cloned().ok_or_else(unknown)?;
        Ok((member, Path::parse(key)?))
    }

    fn known(&self, location: &Path) -> Option<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(location).cloned()
    }

    /// The whole of a small object.
    async fn whole(&self, location: &Path, size: u64) -> StoreResult<Bytes> {
        let kept = self.small.read().unwrap_or_else(PoisonError::into_inner).objects.get(location).cloned();
        if let Some(bytes) = kept {
            return Ok(bytes);
        }
        let bytes = self.part(location, 0..size).await?;
        self.small.write().unwrap_or_else(PoisonError::into_inner).keep(location, &bytes);
        Ok(bytes)
    }

    /// One request for a part of an object, its answer complete.
    async fn part(&self, location: &Path, range: Range<u64>) -> StoreResult<Bytes> {
        let mut attempt = 1;
        loop {
            let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
            let result = self.ask(location, options).await?;
            let resumable = result.meta.e_tag.is_some();
            match result.bytes().await {
                Ok(bytes) => return Ok(bytes),
                Err(error) if resumable || attempt >= ATTEMPTS => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(100) * attempt).await,
            }
            attempt += 1;
        }
    }

    /// One request for an object as it was listed.
    async fn ask(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        let (member, key) = self.opened(location).await?;
        let known = self.known(location);
        let shown = member.address.shown(key.as_ref());
        let scheme: Scheme = member.address.scheme;
        let listed = known.is_some();
        let options = known.as_ref().map_or(options.clone(), |known| known.condition(scheme, options));
        let asked = Asked { shown: &shown, scheme, listed };
        let mut result = match member.store.get_opts(&key, options).await {
            Ok(result) => result,
            // Who looks whether there is one has to see that there is none.
            Err(error @ StoreError::NotFound { .. }) => {
                let source = Box::new(asked.told(&error));
                return Err(StoreError::NotFound { path: location.to_string(), source });
            }
            Err(error) => return Err(carried(asked.told(&error))),
        };
        if let Some(known) = &known {
            known.check(&result.meta, &asked).map_err(carried)?;
        }
        result.meta.location = location.clone();
        result.payload = match result.payload {
            GetResultPayload::Stream(stream) => {
                let told = move |error| carried(Asked { shown: &shown, scheme, listed }.told(&error));
                GetResultPayload::Stream(stream.map_err(told).boxed())
            }
            file @ GetResultPayload::File(..) => file,
        };
        Ok(result)
    }

    /// The objects of one store below a path, after another path where one is given.
    fn listed(&self, prefix: Option<&Path>, offset: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        let after = offset.map(|offset| self.resolve(offset)).transpose();
        let found = self.resolve(prefix.unwrap_or(&Path::default()));
        let ((member, key), after) = match found.and_then(|found| Ok((found, after?))) {
            Ok(found) => found,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let objects = match after {
            Some((_, after)) => member.store.list_with_offset(Some(&key), &after),
            None => member.store.list(Some(&key)),
        };
        let id = member.address.id();
        let (shown, scheme) = (member.address.shown(key.as_ref()), member.address.scheme);
        let listed = objects.map(move |meta| match meta {
            Ok(meta) => Ok(ObjectMeta { location: Path::parse(format!("{id}/{}", meta.location))?, ..meta }),
            Err(error) => Err(carried(Asked { shown: &shown, scheme, listed: false }.told(&error))),
        });
        listed.boxed()
    }

    /// A range of an object, in as many requests as it takes.
    async fn range(&self, location: &Path, range: Range<u64>) -> StoreResult<Bytes> {
        let mut parts = parts(&range);
        if let Some(known) = self.known(location).filter(|known| known.size <= SMALL && range.end <= known.size) {
            let whole = self.whole(location, known.size).await?;
            return Ok(whole.slice(range.start as usize..range.end as usize));
        }
        if parts.len() < 2 {
            return self.part(location, parts.pop().unwrap_or(range)).await;
        }
        let mut all = BytesMut::with_capacity(usize::try_from(range.end - range.start).unwrap_or(0));
        let mut answers = stream::iter(parts).map(|part| self.part(location, part)).buffered(PARALLEL);
        while let Some(bytes) = answers.try_next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }
}

/// A range in parts of much the same size, none larger than a request.
fn parts(range: &Range<u64>) -> Vec<Range<u64>> {
    let length = range.end.saturating_sub(range.start);
    let count = length.div_ceil(REQUEST);
    let at = |part: u64| range.start + length / count * part + (length % count).min(part);
    (0..count).map(|part| at(part)..at(part + 1)).collect()
}

/// Whether two entity tags are the same; not all stores put quotes around them.
fn same_tag(a: &str, b: &str) -> bool {
    let bare = |tag: &str| tag.trim_start_matches("W/").trim_matches('"').to_owned();
    bare(a) == bare(b)
}

impl Known {
    /// The options with the condition that the object is the one that was listed.
    fn condition(&self, scheme: Scheme, options: GetOptions) -> GetOptions {
        match &self.e_tag {
            // A weak tag meets no condition.
            Some(tag) if tag.starts_with("W/") => options,
            // Azure lists tags without the quotes that a condition has.
            Some(tag) if scheme == Scheme::Azure && !tag.starts_with('"') => {
                GetOptions { if_match: Some(format!("\"{tag}\"")), ..options }
            }
            Some(tag) => GetOptions { if_match: Some(tag.clone()), ..options },
            None if self.modified.timestamp() > 0 => GetOptions { if_unmodified_since: Some(self.modified), ..options },
            None => options,
        }
    }

    /// Makes sure that an answer is of the object that was listed, where the store does not know conditions.
    fn check(&self, found: &ObjectMeta, asked: &Asked<'_>) -> Result<()> {
        if let (Some(listed), Some(found)) = (&self.e_tag, &found.e_tag)
            && !same_tag(listed, found)
        {
            return Err(asked.changed("tag", listed, found));
        }
        if self.size != found.size {
            return Err(asked.changed("size", &self.size.to_string(), &found.size.to_string()));
        }
        Ok(())
    }
}

/// An error of ours as one of a store.
fn carried(error: Error) -> StoreError {
    StoreError::Generic { store: "object", source: Box::new(error) }
}

fn read_only<T>() -> StoreResult<T> {
    Err(StoreError::NotImplemented { operation: "writing".to_owned(), implementer: "the stores of a lake".to_owned() })
}

#[async_trait]
impl ObjectStore for Objects {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        let small = self.known(location).filter(|known| (1..=SMALL).contains(&known.size));
        let (Some(known), Some(GetRange::Bounded(range)), false) = (small, &options.range, options.head) else {
            return self.ask(location, options).await;
        };
        let whole = self.whole(location, known.size).await?;
        let range = range.start.min(known.size)..range.end.min(known.size);
        let slice = whole.slice(range.start as usize..range.end.max(range.start) as usize);
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: known.modified,
            size: known.size,
            e_tag: known.e_tag,
            version: None,
        };
        let payload = GetResultPayload::Stream(stream::once(async { Ok(slice) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        coalesce_ranges(ranges, |range| self.range(location, range), GAP).await
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> StoreResult<PutResult> {
        read_only()
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> StoreResult<Box<dyn MultipartUpload>> {
        read_only()
    }

    fn delete_stream(&self, _: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        stream::once(async { read_only() }).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.listed(prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.listed(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> StoreResult<ListResult> {
        read_only()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> StoreResult<()> {
        read_only()
    }
}

impl Display for Objects {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("the stores of a lake")
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    async fn noted(text: &str) -> (Objects, Arc<InMemory>, ObjectMeta) {
        let inner = Arc::new(InMemory::new());
        inner.put(&Path::from("k/x"), text.to_owned().into()).await.unwrap();
        let objects = Objects::new(Environment::default());
        let address = Address::parse("s3://b/k/x").unwrap().unwrap();
        let member = Member { address: address.clone(), store: Arc::clone(&inner) as Arc<dyn ObjectStore> };
        objects.members.write().unwrap().insert(address.id(), member);
        let meta = objects.note(&address, inner.head(&Path::from("k/x")).await.unwrap()).unwrap();
        (objects, inner, meta)
    }

    #[tokio::test]
    async fn what_is_read_is_what_was_listed() {
        // More than is kept.
        let long = "0123456789".repeat(7000);
        let (objects, inner, meta) = noted(&long).await;
        assert_eq!(meta.location.as_ref(), "s3:/b/k/x");
        let ranges = objects.get_ranges(&meta.location, &[1..3, 8..10]).await.unwrap();
        assert_eq!(ranges, ["12", "89"]);
        inner.put(&Path::from("k/x"), long.into()).await.unwrap();
        let error = Error::within(&objects.get_range(&meta.location, 0..2).await.unwrap_err()).unwrap();
        assert!(error.to_string().starts_with("s3://b/k/x: changed since it was listed"), "{error}");
        inner.delete(&Path::from("k/x")).await.unwrap();
        let error = Error::within(&objects.get_range(&meta.location, 0..2).await.unwrap_err()).unwrap();
        assert_eq!(error.to_string(), "s3://b/k/x: gone since it was listed");
    }

    #[tokio::test]
    async fn small_objects_are_read_once() {
        let (objects, inner, meta) = noted("0123456789").await;
        assert_eq!(objects.get_range(&meta.location, 4..7).await.unwrap(), "456");
        // What is kept is the one that was listed.
        inner.put(&Path::from("k/x"), "9876543210".into()).await.unwrap();
        assert_eq!(objects.get_range(&meta.location, 0..100).await.unwrap(), "0123456789");
        assert_eq!(objects.get_ranges(&meta.location, &[1..3, 8..10]).await.unwrap(), ["12", "89"]);
        let (objects, inner, meta) = noted("0123456789").await;
        inner.put(&Path::from("k/x"), "9876543210".into()).await.unwrap();
        assert!(objects.get_range(&meta.location, 0..2).await.is_err());
    }

    #[test]
    fn parts_follow_each_other() {
        for (start, end) in [(0, 1), (5, 5 + REQUEST), (3, 4 + REQUEST), (7, 3 * REQUEST + 1)] {
            let parts = parts(&(start..end));
            assert_eq!((parts.first().unwrap().start, parts.last().unwrap().end), (start, end));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start), "{parts:?}");
            assert!(parts.iter().all(|part| part.end - part.start <= REQUEST), "{parts:?}");
        }
        assert!(parts(&(4..4)).is_empty());
    }

    #[test]
    fn tags_with_and_without_quotes() {
        assert!(same_tag("\"a\"", "a") && same_tag("W/\"a\"", "\"a\"") && !same_tag("\"a\"", "\"b\""));
    }
}
