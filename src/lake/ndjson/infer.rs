//! Finds out which fields the documents of a table have, and what their values look like.
//!
//! Every path to a value is a field with a flat dotted name, however the document nests or dots its keys.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore};

use super::document::{Row, Trie, read};
use super::documents::Documents;
use super::frames::Frame;
use super::input::chunks;
use super::json::{Cursor, Fault, unescape};
use super::metadata::Metadata;
use super::opener::NdjsonFile;
use crate::lake::field::Kind;
use crate::lake::number::scaled;

/// How many documents of a file a sample holds.
const SAMPLE_DOCUMENTS: u64 = 1000;
/// How much text of a file a sample holds.
const SAMPLE_TEXT: usize = 1024 * 1024;
/// How many fields are told apart; a table whose keys are values (ids, say) has no end of them.
const MOST_FIELDS: usize = 50_000;
/// A large file is looked through in pieces of this size.
const PIECE: u64 = 32 * 1024 * 1024;

/// How much of the documents is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The first thousand documents, or the first MiB, of each file.
    Sample,
    /// All documents.
    Full,
}

/// What a value is in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JsonType {
    /// `true` or `false`.
    Boolean,
    /// A number without fraction and exponent that fits into 64 bits with sign.
    Integer,
    /// A number without sign, fraction and exponent that needs all of 64 bits.
    BigInteger,
    /// Any other number.
    Float,
    /// A text.
    Text,
    /// An object: the name of other fields begins with this one.
    Object,
}

impl JsonType {
    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer | Self::BigInteger => "whole number",
            Self::Float => "number",
            Self::Text => "text",
            Self::Object => "object",
        }
    }
}

/// What was seen in one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Documents in which it has a value.
    pub present: u64,
    /// Documents in which a value of it stands in an array.
    pub arrays: u64,
    /// Documents in which it has several values.
    pub several: u64,
    /// Each type that was seen, with the first file that shows it.
    pub types: BTreeMap<JsonType, String>,
}

impl Observed {
    /// The kind of field whose values these are, for a field that nobody else knows; nothing for a mere object.
    pub fn kind(&self) -> Option<Kind> {
        use JsonType::{BigInteger, Boolean, Float, Integer, Text};
        let has = |which| self.types.contains_key(&which);
        let number = has(Integer) || has(BigInteger) || has(Float);
        match (has(Boolean), number, has(Text)) {
            (false, false, false) => None,
            (true, false, false) => Some(Kind::Boolean),
            (false, true, false) if has(Float) => Some(Kind::Double),
            (false, true, false) if has(BigInteger) => Some(Kind::UnsignedLong),
            (false, true, false) => Some(Kind::Long),
            _ => Some(Kind::Keyword),
        }
    }

    /// Two types that do not go together, each with the first file that shows it.
    pub fn conflict(&self) -> Option<[(JsonType, &str); 2]> {
        let family = |which: &JsonType| match which {
            JsonType::Boolean => 0,
            JsonType::Integer | JsonType::BigInteger | JsonType::Float => 1,
            JsonType::Text => 2,
            JsonType::Object => 3,
        };
        let mut types = self.types.iter();
        let first = types.next()?;
        let other = types.find(|other| family(other.0) != family(first.0))?;
        Some([(*first.0, first.1), (*other.0, other.1)])
    }

    fn merge(&mut self, later: Self) {
        self.present += later.present;
        self.arrays += later.arrays;
        self.several += later.several;
        for (which, file) in later.types {
            self.types.entry(which).or_insert(file);
        }
    }
}

/// What was seen in the documents of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inference {
    /// Documents that were looked at.
    pub documents: u64,
    /// Lines that were no documents.
    pub bad_lines: u64,
    /// Whether the documents have more fields than are told apart, so that some are missing here.
    pub overflow: bool,
    /// What was seen in each field.
    pub fields: BTreeMap<String, Observed>,
}

impl Inference {
    /// Adds what was seen in further files.
    pub(crate) fn merge(&mut self, later: Self) {
        self.documents += later.documents;
        self.bad_lines += later.bad_lines;
        self.overflow |= later.overflow;
        for (name, observed) in later.fields {
            if self.fields.len() >= MOST_FIELDS && !self.fields.contains_key(&name) {
                self.overflow = true;
                continue;
            }
            self.fields.entry(name).or_default().merge(observed);
        }
    }
}

/// The fields of the documents in `files`. Bad lines are left out and counted; a scan reports them.
///
/// # Errors
/// A file that cannot be read.
pub async fn infer(
    store: &Arc<dyn ObjectStore>,
    files: &[(ObjectMeta, NdjsonFile)],
    scope: Scope,
) -> Result<Inference> {
    let width = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = files.iter().flat_map(|(meta, file)| {
        let pieces = if scope == Scope::Full && file.layout.can_split() { meta.size.div_ceil(PIECE).max(1) } else { 1 };
        (0..pieces).map(move |piece| {
            let range = (pieces > 1).then(|| piece * PIECE..((piece + 1) * PIECE).min(meta.size));
            (meta.clone(), file.clone(), range)
        })
    });
    let parts = parts.map(|(meta, file, range)| {
        let store = Arc::clone(store);
        async move {
            let task = SpawnedTask::spawn(observe(store, meta, file, range, scope));
            task.join().await.map_err(|error| DataFusionError::External(Box::new(error)))?
        }
    });
    // In order, so that the first file that shows a type is the same in every run.
    let mut seen = stream::iter(parts.collect::<Vec<_>>()).buffered(width);
    let mut all = Inference::default();
    while let Some(part) = seen.try_next().await? {
        all.merge(part);
    }
    Ok(all)
}

async fn observe(
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
    file: NdjsonFile,
    range: Option<Range<u64>>,
    scope: Scope,
) -> Result<Inference> {
    let span = range.clone().unwrap_or(0..meta.size);
    let likely = match scope {
        Scope::Sample => span.end.min(span.start.saturating_add(SAMPLE_TEXT as u64)),
        Scope::Full => span.end,
    };
    let mut input = chunks(store, meta.location, span.start.saturating_sub(1)..likely, meta.size);
    let mut documents = Documents::new(file.layout, range)?;
    let mut observer = Observer::default();
    let (trie, mut row) = (Trie::new([]), Row::new(0));
    loop {
        match documents.next() {
            Frame::End => break,
            Frame::More => documents.feed(input.try_next().await?),
            Frame::Bad { .. } => observer.bad_lines += 1,
            Frame::Document(place) => {
                let (bytes, _) = documents.document(place);
                match read(&trie, bytes, &mut row) {
                    Ok(()) => {
                        let source = bytes.get(row.source.0..row.source.1).unwrap_or(&[]);
                        observer.document(source, row.is_enveloped());
                    }
                    Err(fault) => {
                        observer.bad_lines += 1;
                        if !fault.is_local() {
                            documents.give_up();
                        }
                    }
                }
            }
        }
        let enough = observer.documents >= SAMPLE_DOCUMENTS || observer.text >= SAMPLE_TEXT;
        if scope == Scope::Sample && enough {
            break;
        }
    }
    Ok(observer.finish(&file.label))
}

/// What was seen in one field of one file.
#[derive(Default)]
struct Entry {
    /// The number of the last document that had a value, and what is known of it.
    last: u64,
    in_array: bool,
    repeated: bool,
    present: u64,
    arrays: u64,
    several: u64,
    types: u8,
}

#[derive(Default)]
struct Observer {
    documents: u64,
    bad_lines: u64,
    text: usize,
    overflow: bool,
    path: String,
    entries: HashMap<String, Entry>,
}

const TYPES: [JsonType; 6] =
    [JsonType::Boolean, JsonType::Integer, JsonType::BigInteger, JsonType::Float, JsonType::Text, JsonType::Object];

impl Observer {
    /// Looks at a document that is known to be well-formed.
    fn document(&mut self, text: &[u8], is_enveloped: bool) {
        self.documents += 1;
        self.text += text.len();
        self.path.clear();
        let own = if is_enveloped { &[][..] } else { &Metadata::ALL[..] };
        let mut cursor = Cursor::new(text);
        // It cannot fail on a text that was read before.
        let _ = self.object(&mut cursor, false, own);
    }

    fn object(&mut self, cursor: &mut Cursor<'_>, in_array: bool, not_fields: &[Metadata]) -> Result<(), Fault> {
        let length = self.path.len();
        let mut more = cursor.enter(b'}');
        while more {
            let key = cursor.key()?;
            let raw = std::str::from_utf8(cursor.text.get(key.start..key.end).unwrap_or(&[])).unwrap_or("");
            if not_fields.iter().any(|which| which.name() == raw) {
                cursor.skip(1)?;
            } else {
                if length > 0 {
                    self.path.push('.');
                }
                self.path.push_str(&unescape(raw, key.escaped));
                self.value(cursor, in_array)?;
                self.path.truncate(length);
            }
            more = cursor.next(b'}')?;
        }
        Ok(())
    }

    fn value(&mut self, cursor: &mut Cursor<'_>, in_array: bool) -> Result<(), Fault> {
        let start = cursor.pos;
        match cursor.peek() {
            Some(b'{') => {
                self.note(JsonType::Object, in_array);
                self.object(cursor, in_array, &[])?;
            }
            Some(b'[') => {
                let mut more = cursor.enter(b']');
                while more {
                    self.value(cursor, true)?;
                    more = cursor.next(b']')?;
                }
            }
            Some(b'n') => cursor.literal("null")?,
            Some(first) => {
                cursor.skip(0)?;
                let raw = cursor.text.get(start..cursor.pos).unwrap_or(&[]);
                self.note(scalar_type(first, raw), in_array);
            }
            None => cursor.fail("a value")?,
        }
        Ok(())
    }

    /// Notes a value of the field at the path.
    fn note(&mut self, which: JsonType, in_array: bool) {
        if !self.entries.contains_key(self.path.as_str()) {
            if self.entries.len() >= MOST_FIELDS {
                self.overflow = true;
                return;
            }
            self.entries.insert(self.path.clone(), Entry::default());
        }
        let Some(entry) = self.entries.get_mut(self.path.as_str()) else { return };
        entry.types |= 1 << (which as u8);
        if which == JsonType::Object {
            return;
        }
        if entry.last != self.documents {
            entry.last = self.documents;
            entry.present += 1;
            (entry.in_array, entry.repeated) = (false, false);
        } else if !std::mem::replace(&mut entry.repeated, true) {
            entry.several += 1;
        }
        if in_array && !std::mem::replace(&mut entry.in_array, true) {
            entry.arrays += 1;
        }
    }

    fn finish(self, file: &str) -> Inference {
        let fields = self.entries.into_iter().map(|(name, entry)| {
            let seen = TYPES.into_iter().filter(|which| entry.types >> (*which as u8) & 1 == 1);
            let types = seen.map(|which| (which, file.to_string())).collect();
            let Entry { present, arrays, several, .. } = entry;
            (name, Observed { present, arrays, several, types })
        });
        let fields = fields.collect();
        Inference { documents: self.documents, bad_lines: self.bad_lines, overflow: self.overflow, fields }
    }
}

/// The type of a scalar that begins with `first` and is spelled `raw`.
fn scalar_type(first: u8, raw: &[u8]) -> JsonType {
    match first {
        b'"' => JsonType::Text,
        b't' | b'f' => JsonType::Boolean,
        _ if raw.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => JsonType::Float,
        _ => match std::str::from_utf8(raw).ok().and_then(|text| scaled(text, 0)).map(|number| number.whole) {
            Some(whole) if i64::try_from(whole).is_ok() => JsonType::Integer,
            Some(whole) if u64::try_from(whole).is_ok() => JsonType::BigInteger,
            _ => JsonType::Float,
        },
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use crate::lake::ndjson::detect;
    use crate::lake::ndjson::inflate::tests::zstd;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    fn inferred(files: &[(&str, &[u8])], scope: Scope) -> Inference {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
            let mut known = Vec::new();
            for (name, bytes) in files {
                let path = Path::from(*name);
                store.put(&path, bytes.to_vec().into()).await.unwrap();
                let meta = store.head(&path).await.unwrap();
                let layout = detect(&store, &meta).await.unwrap();
                known.push((meta, NdjsonFile { layout, label: (*name).into(), key: (*name).into() }));
            }
            infer(&store, &known, scope).await.unwrap()
        })
    }

    #[test]
    fn fields_and_their_types() {
        let first = br#"{"_id":"1","a":{"b":1,"c.d":[true]},"e":["x","y"],"n":null,"o":{},"z":[]}
{"a.b":2,"a":{"b":3.5},"f":18446744073709551615,"\u0067":"t"}
broken
{"e":[{"k":1},{"k":2}]}"#;
        let second = zstd(br#"[{"a":{"b":"text"}},{"_index":"i","_source":{"_id":1,"e":"z"}}]"#);
        let seen = inferred(&[("first", first), ("second", &second)], Scope::Full);
        assert_eq!((seen.documents, seen.bad_lines, seen.overflow), (5, 1, false));
        let field = |name: &str| seen.fields.get(name).unwrap();
        let names: Vec<_> = seen.fields.keys().map(String::as_str).collect();
        assert_eq!(names, ["_id", "a", "a.b", "a.c.d", "e", "e.k", "f", "g", "o"]);
        let kinds: Vec<_> = names.iter().map(|name| field(name).kind()).collect();
        assert_eq!(
            kinds,
            [
                Some(Kind::Long),
                None,
                Some(Kind::Keyword),
                Some(Kind::Boolean),
                Some(Kind::Keyword),
                Some(Kind::Long),
                Some(Kind::UnsignedLong),
                Some(Kind::Keyword),
                None,
            ]
        );
        let ab = field("a.b");
        assert_eq!((ab.present, ab.several, ab.arrays), (3, 1, 0));
        assert_eq!(ab.conflict(), Some([(JsonType::Integer, "first"), (JsonType::Text, "second")]));
        let e = field("e");
        assert_eq!((e.present, e.several, e.arrays), (2, 1, 1));
        assert_eq!(field("e.k").several, 1);
        assert_eq!(field("g").conflict(), None);
    }

    #[test]
    fn a_sample_ends_early_and_all_of_a_file_does_not() {
        let text = (0..2500).map(|n| format!("{{\"k\":{n}}}\n")).collect::<Vec<_>>().concat() + "{\"late\":true}\n";
        let sample = inferred(&[("f", text.as_bytes())], Scope::Sample);
        assert_eq!((sample.documents, sample.fields.len()), (1000, 1));
        let full = inferred(&[("f", text.as_bytes())], Scope::Full);
        assert_eq!((full.documents, full.fields.len()), (2501, 2));
        let keys = (0..MOST_FIELDS + 5).map(|n| format!("{{\"k{n}\":1}}\n")).collect::<Vec<_>>().concat();
        let many = inferred(&[("f", keys.as_bytes())], Scope::Full);
        assert!(many.overflow && many.fields.len() == MOST_FIELDS);
    }
}
