//! Opens one file, or one part of it, as a stream of record batches.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::error::Result;
use datafusion::physical_plan::metrics::Count;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::decoder::{Decoder, Part, Plan, Step};
use super::inflate::Inflate;
use super::input::chunks;
use super::sniff::{Compression, HEAD, Layout, form};

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

/// Opens the files of a scan.
pub(crate) struct NdjsonOpener {
    pub(crate) plan: Plan,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) bytes_scanned: Count,
    pub(crate) bad_lines: Count,
}

impl FileOpener for NdjsonOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let (plan, store) = (self.plan.clone(), Arc::clone(&self.store));
        let (bytes_scanned, bad_lines) = (self.bytes_scanned.clone(), self.bad_lines.clone());
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
            open(plan, part, store, location, bytes_scanned, bad_lines)
        }))
    }
}

fn open(
    plan: Plan,
    part: Part,
    store: Arc<dyn ObjectStore>,
    location: Path,
    bytes_scanned: Count,
    bad_lines: Count,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let span = part.span();
    let first = span.start.saturating_sub(1);
    let input = chunks(store, location, first..span.end, part.size);
    let decoder = Decoder::new(plan, part)?;
    let state = (decoder, input, first);
    Ok(stream::try_unfold(state, move |(mut decoder, mut input, mut at)| {
        let (span, bytes_scanned, bad_lines) = (span.clone(), bytes_scanned.clone(), bad_lines.clone());
        async move {
            loop {
                let before = decoder.bad();
                let step = decoder.step();
                bad_lines.add((decoder.bad() - before) as usize);
                match step? {
                    Step::Batch(batch) => return Ok(Some((batch, (decoder, input, at)))),
                    Step::Done => return Ok(None),
                    Step::More => {
                        let chunk = input.try_next().await?;
                        let end = at + chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                        let own = end.min(span.end).saturating_sub(at.max(span.start));
                        at = end;
                        bytes_scanned.add(own as usize);
                        decoder.feed(chunk, own);
                    }
                }
            }
        }
    })
    .boxed())
}
