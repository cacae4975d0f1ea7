//! One column chunk: what its dictionary's entries answer, and the rows that follow.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::{Buf, Bytes};
use datafusion::arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::parquet::basic::{Encoding, Type};
use datafusion::parquet::column::page::{Page, PageReader};
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ColumnChunkMetaData;
use datafusion::parquet::file::reader::{ChunkReader, Length};
use datafusion::parquet::file::serialized_reader::SerializedPageReader;

use super::bits::Bits;
use super::hybrid::Malformed;
use super::leaf::Leaf;
use super::page::{Content, Verdicts, content};

/// The bytes of a column chunk: those of its dictionary, and, once they are wanted, those of its pages.
#[derive(Debug, Clone)]
struct ChunkBytes {
    start: u64,
    dictionary: Bytes,
    pages: Arc<OnceLock<Bytes>>,
}

impl ChunkBytes {
    fn slice(&self, from: u64) -> ParquetResult<Bytes> {
        let outside = || ParquetError::EOF(format!("no bytes at {from}"));
        let at = usize::try_from(from.checked_sub(self.start).ok_or_else(outside)?).map_err(|_| outside())?;
        if at < self.dictionary.len() {
            return Ok(self.dictionary.slice(at..));
        }
        let pages = self.pages.get().ok_or_else(outside)?;
        let at = at - self.dictionary.len();
        if at > pages.len() { Err(outside()) } else { Ok(pages.slice(at..)) }
    }
}

impl Length for ChunkBytes {
    fn len(&self) -> u64 {
        self.start + (self.dictionary.len() + self.pages.get().map_or(0, Bytes::len)) as u64
    }
}

impl ChunkReader for ChunkBytes {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.slice(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.slice(start)?;
        if length > bytes.len() {
            return Err(ParquetError::EOF(format!("{length} bytes wanted at {start}, {} there", bytes.len())));
        }
        Ok(bytes.slice(..length))
    }
}

/// The ranges of a chunk's dictionary and of its data pages in its file.
pub(super) fn ranges(meta: &ColumnChunkMetaData) -> (Range<u64>, Range<u64>) {
    let (start, length) = meta.byte_range();
    let end = start + length;
    let pages = u64::try_from(meta.data_page_offset()).unwrap_or(start).clamp(start, end);
    (start..pages, pages..end)
}

/// Whether all values of a chunk may be ids: its footer does not say otherwise.
pub(super) fn is_dictionary(meta: &ColumnChunkMetaData) -> bool {
    let dictionary = |encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
    // A chunk whose dictionary does not come first has none, or its footer lacks the place.
    if ranges(meta).0.is_empty() {
        return false;
    }
    match meta.page_encoding_stats_mask() {
        Some(mask) => mask.encodings().all(dictionary),
        None => meta.encodings().any(dictionary),
    }
}

/// A chunk whose dictionary is read.
pub(super) struct Chunk {
    bytes: ChunkBytes,
    reader: SerializedPageReader<ChunkBytes>,
    rows: usize,
    max_level: u32,
    questions: usize,
    verdicts: Verdicts,
    /// How many data pages were not read for lack of candidates.
    pub(super) skipped: usize,
}

impl Chunk {
    /// The chunk with this dictionary, whose values a file's reader would give as `stored`; `None` where they are of a
    /// kind that is not read here.
    pub(super) fn try_open(
        dictionary: Bytes,
        meta: &ColumnChunkMetaData,
        rows: usize,
        leaf: &Leaf,
        stored: &DataType,
    ) -> Result<Option<Self>> {
        let bytes = ChunkBytes { start: meta.byte_range().0, dictionary, pages: Arc::default() };
        let mut reader = SerializedPageReader::new(Arc::new(bytes.clone()), meta, rows, None)?;
        let page = reader.get_next_page()?;
        let Some(entries) = page.and_then(|page| entries(&page, meta.column_type(), stored)) else { return Ok(None) };
        // What fails on an entry fails, or does not, where the rows are read for good.
        let Ok((verdicts, null)) = leaf.verdicts(&entries) else { return Ok(None) };
        let max_level = meta.column_descr().max_def_level().unsigned_abs().into();
        let null = if max_level == 0 { 0 } else { null };
        let verdicts = Verdicts::new(verdicts, null);
        Ok(Some(Self { bytes, reader, rows, max_level, questions: leaf.questions(), verdicts, skipped: 0 }))
    }

    /// What all rows answer to a question, if the dictionary alone tells.
    pub(super) fn always(&self, question: usize) -> Option<bool> {
        let yes = |verdict: &u8| verdict >> question & 1 == 1;
        let mut verdicts = self.verdicts.entries.iter();
        let first = if self.max_level > 0 { yes(&self.verdicts.null) } else { verdicts.next().is_none_or(yes) };
        verdicts.all(|verdict| yes(verdict) == first).then_some(first)
    }

    /// Gives the chunk the bytes of its pages.
    pub(super) fn give(&self, pages: Bytes) {
        // They are asked for once.
        let _ = self.bytes.pages.set(pages);
    }

    /// The rows that answer each question with yes; those of pages without a row in `live` are not looked at. `None`
    /// where some values are no ids.
    pub(super) fn answers(&mut self, live: &Bits) -> Result<Option<Vec<Bits>>> {
        let mut answers = vec![Bits::clear(self.rows); self.questions];
        let mut row = 0;
        while let Some(next) = self.reader.peek_next_page()? {
            if next.is_dict {
                self.reader.skip_next_page()?;
                continue;
            }
            if let Some(rows) = next.num_rows.or(next.num_levels).filter(|rows| !live.any_in(row..row + rows)) {
                self.reader.skip_next_page()?;
                self.skipped += 1;
                row += rows;
                continue;
            }
            let Some(page) = self.reader.get_next_page()? else { break };
            let Content::Ids(ids) = content(&page, self.max_level)? else { return Ok(None) };
            self.verdicts.prepare(&ids, self.questions);
            ids.answer(&self.verdicts, row, &mut answers)?;
            row += page.num_values() as usize;
        }
        if row == self.rows { Ok(Some(answers)) } else { Err(Malformed.into()) }
    }
}

/// The entries of a dictionary page, and a null behind them.
fn entries(page: &Page, physical: Type, stored: &DataType) -> Option<ArrayRef> {
    let Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN | Encoding::PLAIN_DICTIONARY, .. } = page
    else {
        return None;
    };
    let count = *num_values as usize;
    let values = |width: usize| Some(buf.get(..count.checked_mul(width)?)?.chunks_exact(width));
    let array: ArrayRef = match (physical, stored) {
        (Type::BYTE_ARRAY, text) if is_text(text) => {
            let mut builder = StringBuilder::with_capacity(count + 1, buf.len());
            let mut rest: &[u8] = buf;
            for _ in 0..count {
                let (length, more) = rest.split_first_chunk::<4>()?;
                let (value, more) = more.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                builder.append_value(std::str::from_utf8(value).ok()?);
                rest = more;
            }
            builder.append_null();
            Arc::new(builder.finish())
        }
        (Type::INT32, DataType::Int32) => {
            let values = values(4)?.map(|v| v.try_into().ok().map(i32::from_le_bytes));
            Arc::new(values.chain([None]).collect::<Int32Array>())
        }
        (Type::INT64, DataType::Int64) => {
            let values = values(8)?.map(|v| v.try_into().ok().map(i64::from_le_bytes));
            Arc::new(values.chain([None]).collect::<Int64Array>())
        }
        (Type::DOUBLE, DataType::Float64) => {
            let values = values(8)?.map(|v| v.try_into().ok().map(f64::from_le_bytes));
            Arc::new(values.chain([None]).collect::<Float64Array>())
        }
        _ => return None,
    };
    Some(array)
}

/// Whether a type is text, in any of its shapes.
fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}
