//! Opens one file, or one part of it, as a stream of record batches.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::error::{DataFusionError, Result};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::{ObjectMeta, ObjectStore};

use super::decoder::{Decoder, Part, Plan, Step};
use super::inflate::Inflate;
use super::input::{Input, chunks};
use super::sniff::{Compression, HEAD, Layout, begins_with_a_document, form};

/// How much of a local file is looked at first.
const FIRST: usize = 4 * 1024;

/// What the lake knows of a file and a scan of it can use; attach it with `PartitionedFile::with_extension`.
///
/// Without it a file is looked at when it is opened, is never split, and is named by its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NdjsonFile {
    /// How the file is compressed and laid out.
    pub layout: Layout,
    /// The file's name in messages.
    pub label: String,
    /// The file's name within its table, of which ids are made for documents without one.
    pub key: String,
}

/// How the file is compressed and laid out, said from its first bytes.
pub async fn detect(store: &Arc<dyn ObjectStore>, file: &ObjectMeta) -> Result<Layout> {
    let mut input = chunks(Arc::clone(store), file.location.clone(), 0..HEAD as u64, file.size);
    let mut pending: Vec<u8> = Vec::new();
    let mut inflate: Option<(Compression, Inflate)> = None;
    let mut head = Vec::new();
    while head.len() < HEAD {
        let Some(chunk) = input.try_next().await? else { break };
        pending.extend_from_slice(&chunk);
        if pending.len() < 4 && (pending.len() as u64) < file.size {
            continue;
        }
        let compression = Compression::of(&pending);
        let (_, codec) = match &mut inflate {
            Some(known) => known,
            None => inflate.insert((compression, Inflate::new(compression)?)),
        };
        codec.feed(Bytes::from(std::mem::take(&mut pending)));
        // What is wrong with the data is reported when the file is read.
        while head.len() < HEAD && matches!(codec.pour(&mut head), Ok(true)) {}
    }
    if let Some((_, codec)) = &mut inflate
        && head.len() < HEAD
    {
        let _ = codec.finish(&mut head);
    }
    let compression = inflate.map_or(Compression::Plain, |(compression, _)| compression);
    Ok(Layout { compression, form: form(&head) })
}

/// The same for a file of this machine, without a detour over other threads; nothing where its first bytes do not tell.
pub(crate) fn detect_local(path: &Path) -> Option<Layout> {
    let mut file = File::open(path).ok()?;
    let mut head = vec![0; FIRST];
    let mut filled = 0;
    loop {
        match file.read(head.get_mut(filled..)?) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
        let seen = head.get(..filled)?;
        if filled >= 4 && Compression::of(seen) != Compression::Plain {
            return None;
        }
        if begins_with_a_document(seen) {
            break;
        }
        if filled == head.len() {
            if filled >= HEAD {
                break;
            }
            head.resize(HEAD, 0);
        }
    }
    head.truncate(filled);
    (Compression::of(&head) == Compression::Plain).then(|| Layout::of_text(&head))
}

/// Opens the files of a scan.
pub(crate) struct NdjsonOpener {
    pub(crate) plan: Plan,
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Whether the store is this machine.
    pub(crate) local: bool,
}

impl FileOpener for NdjsonOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let (plan, store, is_local) = (self.plan.clone(), Arc::clone(&self.store), self.local);
        Ok(Box::pin(async move {
            let known = file.extension::<NdjsonFile>().cloned();
            let range = file.range.as_ref().map(|range| range.start.max(0) as u64..range.end.max(0) as u64);
            let layout = match (&known, &range) {
                (Some(known), _) => known.layout,
                // Only lines that are not compressed are ever split.
                (None, Some(_)) => Layout::LINES,
                (None, None) => detect(&store, &file.object_meta).await?,
            };
            let ObjectMeta { location, size, .. } = file.object_meta;
            let name = || location.to_string();
            let part = Part {
                label: known.as_ref().map_or_else(name, |known| known.label.clone()),
                key: known.as_ref().map_or_else(name, |known| known.key.clone()),
                layout,
                range,
                size,
            };
            let span = part.span();
            let at = span.start.saturating_sub(1);
            let decoder = Decoder::new(plan, part)?;
            let place = Place { at, span: span.clone(), size };
            // What is read in a moment is not worth handing over to another thread; the store tells why a file does not open.
            if is_local
                && size <= SMALL
                && let Ok(path) = LocalFileSystem::new().path_to_filesystem(&location)
                && let Ok(mut file) = File::open(path)
                && file.seek(SeekFrom::Start(at)).is_ok()
            {
                return Ok(at_once(LocalScan { decoder, file, place }));
            }
            Ok(match Input::open(store, location, at..span.end, size).await? {
                Input::Local(file) => local(LocalScan { decoder, file, place }),
                Input::Remote(input) => remote(decoder, input, place),
            })
        }))
    }
}

/// How far a part of a file was read.
struct Place {
    at: u64,
    span: Range<u64>,
    size: u64,
}

impl Place {
    /// Goes on by so many bytes: how many of them belong to the part.
    fn advance(&mut self, read: usize) -> u64 {
        let end = self.at + read as u64;
        let own = end.min(self.span.end).saturating_sub(self.at.max(self.span.start));
        self.at = end;
        own
    }
}

/// The batches of a file that comes in chunks.
fn remote(
    decoder: Decoder,
    input: BoxStream<'static, Result<Bytes>>,
    place: Place,
) -> BoxStream<'static, Result<RecordBatch>> {
    stream::try_unfold((decoder, input, place), |(mut decoder, mut input, mut place)| async move {
        loop {
            match decoder.step()? {
                Step::Batch(batch) => return Ok(Some((batch, (decoder, input, place)))),
                Step::Done => return Ok(None),
                Step::More => {
                    let chunk = input.try_next().await?;
                    let own = place.advance(chunk.as_ref().map_or(0, Bytes::len));
                    decoder.feed(chunk, own);
                }
            }
        }
    })
    .boxed()
}

/// How much of a local file is read at a time: what stays in the cache of a core until it was looked at.
const CHUNK: usize = 256 * 1024;

/// Up to which size a local file is read on the thread that asks for its batches.
const SMALL: u64 = 1024 * 1024;

/// After so many bytes a scan that has no batch yet lets others have its thread.
const STRETCH: u64 = 32 * 1024 * 1024;

/// A part of a local file.
struct LocalScan {
    decoder: Decoder,
    file: File,
    place: Place,
}

/// The batches of a local file: it is read, cut and parsed on one thread, chunk by chunk.
fn local(scan: LocalScan) -> BoxStream<'static, Result<RecordBatch>> {
    stream::try_unfold(scan, |mut scan| async move {
        loop {
            let task = SpawnedTask::spawn_blocking(move || {
                let step = scan.stretch();
                (scan, step)
            });
            let step;
            (scan, step) = task.join().await.map_err(|error| DataFusionError::External(Box::new(error)))?;
            match step? {
                Step::Batch(batch) => return Ok(Some((batch, scan))),
                Step::Done => return Ok(None),
                Step::More => {}
            }
        }
    })
    .boxed()
}

/// The same of a file that is read on the thread that asks for it.
fn at_once(scan: LocalScan) -> BoxStream<'static, Result<RecordBatch>> {
    stream::try_unfold(scan, |mut scan| async move {
        loop {
            match scan.stretch()? {
                Step::Batch(batch) => return Ok(Some((batch, scan))),
                Step::Done => return Ok(None),
                Step::More => {}
            }
        }
    })
    .boxed()
}

impl LocalScan {
    /// Goes on until there is a batch, the file has ended, or the stretch is over.
    fn stretch(&mut self) -> Result<Step> {
        let end = self.place.at + STRETCH;
        loop {
            match self.decoder.step()? {
                Step::More if self.place.at >= end => return Ok(Step::More),
                Step::More => {
                    let left = usize::try_from(self.place.size.saturating_sub(self.place.at)).unwrap_or(CHUNK);
                    let read = self.decoder.fill(&mut self.file, CHUNK.min(left))?;
                    let own = self.place.advance(read);
                    self.decoder.count_bytes(own);
                }
                other => return Ok(other),
            }
        }
    }
}
