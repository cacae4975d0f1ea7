//! Reads the bytes of a file from an object store as a stream of chunks, from any byte on.
//!
//! Local files are read in chunks on the runtime's blocking threads. From a remote store the wanted range comes in pieces,
//! each a request of its own that is complete before it is looked at, so that a slow reader holds up no answer; the next
//! ones are under way meanwhile. What is needed behind the range comes in small further ones. Whoever drops the stream
//! ends the reading.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt};

/// How much of a local file is read at a time.
const CHUNK: u64 = 512 * 1024;

/// How much is asked of a remote store at a time.
const PIECE: u64 = 8 * 1024 * 1024;

/// How many pieces are under way at a time.
const AHEAD: usize = 3;

/// How much of a piece is given on at a time: what stays in the cache of a core until it was looked at.
const SLICE: usize = 256 * 1024;

/// How much is asked of a remote store behind the end of the wanted range.
const BEHIND: u64 = 64 * 1024;

enum Handle {
    Closed,
    Local(File),
    Remote(BoxStream<'static, Result<Bytes>>),
}

struct Reader {
    store: Arc<dyn ObjectStore>,
    location: Path,
    at: u64,
    /// The end of what is wanted for sure.
    likely: u64,
    size: u64,
    handle: Handle,
}

/// The bytes of a file, from any byte on.
pub(crate) enum Input {
    /// A local file, which stands at the first byte.
    Local(File),
    /// Chunks, as [`chunks`] gives them.
    Remote(BoxStream<'static, Result<Bytes>>),
}

impl Input {
    /// Opens a file of `size` bytes at `range.start`; most likely it is read no further than `range.end`.
    pub(crate) async fn open(
        store: Arc<dyn ObjectStore>,
        location: Path,
        range: Range<u64>,
        size: u64,
    ) -> Result<Self> {
        let mut reader = Reader { store, location, at: range.start, likely: range.end, size, handle: Handle::Closed };
        if reader.at < reader.size {
            reader.open().await?;
        }
        Ok(match reader.handle {
            Handle::Local(file) => Self::Local(file),
            _ => Self::Remote(reader.into_stream()),
        })
    }
}

/// The bytes of a file of `size` bytes from `range.start` on, to the end of the file for as long as they are asked for;
/// most likely no further than `range.end`.
pub(crate) fn chunks(
    store: Arc<dyn ObjectStore>,
    location: Path,
    range: Range<u64>,
    size: u64,
) -> BoxStream<'static, Result<Bytes>> {
    Reader { store, location, at: range.start, likely: range.end, size, handle: Handle::Closed }.into_stream()
}

impl Reader {
    fn into_stream(self) -> BoxStream<'static, Result<Bytes>> {
        stream::try_unfold(self, |mut reader| async move {
            Ok::<_, DataFusionError>(reader.next().await?.map(|chunk| (chunk, reader)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.at < self.size {
            let chunk = match std::mem::replace(&mut self.handle, Handle::Closed) {
                Handle::Closed => {
                    self.open().await?;
                    continue;
                }
                Handle::Local(file) => {
                    let wanted = CHUNK.min(self.size - self.at);
                    let (file, chunk) = SpawnedTask::spawn_blocking(move || read(file, wanted))
                        .join()
                        .await
                        .map_err(|error| DataFusionError::External(Box::new(error)))??;
                    self.handle = Handle::Local(file);
                    if chunk.is_empty() {
                        return Ok(None);
                    }
                    chunk
                }
                Handle::Remote(mut stream) => match stream.try_next().await? {
                    Some(chunk) => {
                        self.handle = Handle::Remote(stream);
                        chunk
                    }
                    None => continue,
                },
            };
            self.at += chunk.len() as u64;
            return Ok(Some(chunk));
        }
        Ok(None)
    }

    async fn open(&mut self) -> Result<()> {
        let end = self.likely.max(self.at).saturating_add(BEHIND).min(self.size);
        let first = self.at..end.min(self.at.saturating_add(PIECE));
        let range = Some(GetRange::Bounded(first.clone()));
        let result = self.store.get_opts(&self.location, GetOptions { range, ..GetOptions::default() }).await?;
        self.handle = match result.payload {
            GetResultPayload::File(mut file, _) => {
                file.seek(SeekFrom::Start(self.at))?;
                Handle::Local(file)
            }
            GetResultPayload::Stream(_) => {
                let first_piece = result.bytes().await?;
                Handle::Remote(pieces(Arc::clone(&self.store), self.location.clone(), first_piece, first.end..end))
            }
        };
        Ok(())
    }
}

/// The first piece and those of a range behind it, in slices.
fn pieces(
    store: Arc<dyn ObjectStore>,
    location: Path,
    first: Bytes,
    rest: Range<u64>,
) -> BoxStream<'static, Result<Bytes>> {
    let count = rest.end.saturating_sub(rest.start).div_ceil(PIECE);
    let further = (0..count).map(move |piece| {
        let start = rest.start + piece * PIECE;
        let range = start..rest.end.min(start + PIECE);
        let (store, location) = (Arc::clone(&store), location.clone());
        async move {
            // Goes on while what came before is looked at.
            let task = SpawnedTask::spawn(async move { store.get_range(&location, range).await });
            let piece = task.join().await.map_err(|error| DataFusionError::External(Box::new(error)))?;
            piece.map_err(DataFusionError::from)
        }
    });
    let all = stream::once(async { Ok(first) }).chain(stream::iter(further).buffered(AHEAD));
    all.map_ok(|piece| {
        let slices = (0..piece.len()).step_by(SLICE);
        let slice = move |at: usize| Ok(piece.slice(at..piece.len().min(at + SLICE)));
        stream::iter(slices.map(slice).collect::<Vec<_>>())
    })
    .try_flatten()
    .boxed()
}

fn read(mut file: File, wanted: u64) -> std::io::Result<(File, Bytes)> {
    let mut chunk = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
    (&mut file).take(wanted).read_to_end(&mut chunk)?;
    Ok((file, chunk.into()))
}
