//! Files to stores, whole or not at all.
//!
//! A store shows an object once all of it has come: a small file is one request, a large one an upload of parts that is
//! completed at its end, and given up where anything fails before.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path as FilePath;

use futures::TryStreamExt;
use futures::stream::FuturesUnordered;
use object_store::path::Path;
use object_store::{Error as StoreError, MultipartUpload, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::address::{Address, Scheme};
use super::environment::Environment;
use super::objects::{Member, Objects};
use super::told::Asked;
use crate::error::{Error, Kind, Result};

/// The size of a part, unless there would be too many of them.
const PART: u64 = 8 * 1024 * 1024;

/// The most parts that an upload has; S3 takes 10,000.
const MOST_PARTS: u64 = 9_000;

/// How many parts are on their way at a time.
const PARALLEL: usize = 4;

/// A place in a store for a file that is not there yet.
///
/// ```
/// use egret::lake::Upload;
/// assert!(Upload::reserve("alerts.ndjson", false)?.is_none());
/// assert!(Upload::reserve("https://host/alerts.ndjson", false).is_err());
/// # Ok::<(), egret::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Upload {
    address: Address,
    force: bool,
}

impl Upload {
    /// The place of a location in a store; `None` where it is on this machine. Waits for the store, on a thread of its own.
    ///
    /// # Errors
    /// Where an object is there already and `force` is not given; where the store lets nobody in, does not answer, or
    /// cannot promise to show whole files only.
    pub fn reserve(location: &str, force: bool) -> Result<Option<Self>> {
        let Some(address) = Address::parse(location)? else { return Ok(None) };
        if address.scheme == Scheme::Http {
            let message = format!("{location}: a web server may show a file that is not whole");
            return Err(Error::new(Kind::Usage, message).with_help(
                "expected a file of this machine, or a location that begins with s3://, gs://, az:// or abfss://",
            ));
        }
        if address.key.is_empty() || address.key.ends_with('/') {
            let message = format!("{location}: found a folder, expected the path of an object");
            return Err(Error::new(Kind::Output, message));
        }
        let upload = Self { address, force };
        alone(async { upload.check(&upload.member().await?).await })?;
        Ok(Some(upload))
    }

    /// Whether a location is in a store.
    pub fn is_of(location: &FilePath) -> bool {
        Address::parse(&location.to_string_lossy()).is_ok_and(|address| address.is_some())
    }

    /// Sends the file, which is at its place when this returns. Waits for the store, on a thread of its own.
    ///
    /// # Errors
    /// Where the file cannot be read, or the store does not take it; it is not at its place then.
    pub fn send(self, file: &FilePath) -> Result<()> {
        alone(async {
            let member = self.member().await?;
            let mut file = File::open(file).map_err(|e| self.failed().with_source(e))?;
            let size = file.seek(SeekFrom::End(0)).map_err(|e| self.failed().with_source(e))?;
            file.rewind().map_err(|e| self.failed().with_source(e))?;
            if size <= PART { self.put(&member, file).await } else { self.parts(&member, file, size).await }
        })
    }

    async fn member(&self) -> Result<Member> {
        let error =
            |error: Error| Error::new(Kind::Output, error.to_string()).with_help(error.help().unwrap_or_default());
        Objects::new(Environment::of_process()).member(&self.address).await.map_err(error)
    }

    fn path(&self) -> Result<Path> {
        Path::parse(&self.address.key).map_err(|e| self.failed().with_source(e))
    }

    fn shown(&self) -> String {
        self.address.shown(&self.address.key)
    }

    fn failed(&self) -> Error {
        Error::new(Kind::Output, format!("{}: cannot be written", self.shown()))
    }

    fn told(&self, error: &StoreError) -> Error {
        let shown = self.shown();
        let told = Asked { shown: &shown, scheme: self.address.scheme, listed: false }.told(error);
        Error::new(Kind::Output, told.to_string()).with_help(told.help().unwrap_or_default())
    }

    /// Makes sure that nothing is replaced that must not be, and that the store lets somebody in.
    async fn check(&self, member: &Member) -> Result<()> {
        match member.store.head(&self.path()?).await {
            Ok(_) if !self.force => Err(Error::new(Kind::Output, format!("{}: already exists", self.shown()))
                .with_help("add --force to replace it")),
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.told(&error)),
        }
    }

    async fn put(&self, member: &Member, mut file: File) -> Result<()> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| self.failed().with_source(e))?;
        let payload = PutPayload::from(bytes);
        let mode = if self.force { PutMode::Overwrite } else { PutMode::Create };
        let path = self.path()?;
        let options = PutOptions { mode, ..PutOptions::default() };
        match member.store.put_opts(&path, payload.clone(), options).await {
            Ok(_) => Ok(()),
            // Not every store knows the condition.
            Err(error) if !self.force && is_unknown(&error) => {
                self.check(member).await?;
                member.store.put(&path, payload).await.map(drop).map_err(|e| self.told(&e))
            }
            Err(error) => Err(self.told(&error)),
        }
    }

    async fn parts(&self, member: &Member, file: File, size: u64) -> Result<()> {
        let mut upload = member.store.put_multipart(&self.path()?).await.map_err(|e| self.told(&e))?;
        let sent = async {
            self.send_parts(upload.as_mut(), file, size).await?;
            self.check(member).await
        };
        if let Err(error) = sent.await {
            // What cannot be given up now, the store gives up by its own rules; it never shows it.
            let _ = upload.abort().await;
            return Err(error);
        }
        if let Err(error) = upload.complete().await {
            let _ = upload.abort().await;
            return Err(self.told(&error));
        }
        Ok(())
    }

    async fn send_parts(&self, upload: &mut dyn MultipartUpload, mut file: File, size: u64) -> Result<()> {
        let length = PART.max(size.div_ceil(MOST_PARTS));
        let mut under_way = FuturesUnordered::new();
        loop {
            let mut bytes = Vec::new();
            (&mut file).take(length).read_to_end(&mut bytes).map_err(|e| self.failed().with_source(e))?;
            if bytes.is_empty() {
                break;
            }
            under_way.push(upload.put_part(bytes.into()));
            if under_way.len() >= PARALLEL {
                under_way.try_next().await.map_err(|e| self.told(&e))?;
            }
        }
        under_way.try_collect::<Vec<()>>().await.map(drop).map_err(|e| self.told(&e))
    }
}

/// Whether a store says that it does not know what it was asked for.
fn is_unknown(error: &StoreError) -> bool {
    matches!(error, StoreError::NotImplemented { .. } | StoreError::NotSupported { .. })
        || error.to_string().contains("status code: 501")
}

/// Drives `work` to its end on a thread of its own: whoever writes rows waits, inside of a runtime or not.
fn alone<T: Send>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let failed = |e: std::io::Error| Error::new(Kind::Engine, "cannot start a thread").with_source(e);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("egret-upload".to_owned()).spawn_scoped(scope, || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?.block_on(work)
        });
        thread.map_err(failed)?.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause))
    })
}
