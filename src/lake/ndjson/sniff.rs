//! Says from its first bytes how a file is compressed and how its documents are laid out.
//!
//! ```
//! use egret::lake::ndjson::{Compression, Form, Layout};
//! let layout = Layout::of_text(b"{\"a\":1}\n{\"a\":2}\n");
//! assert_eq!(layout, Layout { compression: Compression::Plain, form: Form::Lines });
//! assert!(layout.can_split());
//! assert_eq!(Layout::of_text(b"[\n {\"a\":1}]").form, Form::Array);
//! ```

use serde::de::IgnoredAny;

use super::json::Cursor;

/// How much text is looked at.
pub(crate) const HEAD: usize = 64 * 1024;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip, of one or more members.
    Gzip,
    /// Zstandard, of one or more frames.
    Zstd,
}

impl Compression {
    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The compression that the magic bytes at the start of a file tell.
    pub const fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame in front of one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// How the documents of a file are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// One document a line.
    Lines,
    /// One document after another, of any number of lines each.
    Documents,
    /// A JSON array of documents.
    Array,
    /// One or more responses of Elasticsearch's search: the documents are in `hits.hits`.
    Hits,
}

/// How a file is compressed and laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// How it is compressed.
    pub compression: Compression,
    /// How its documents are laid out.
    pub form: Form,
}

impl Layout {
    /// One document a line, not compressed.
    pub const LINES: Self = Self { compression: Compression::Plain, form: Form::Lines };

    /// The layout of a file that is not compressed and begins with `head`.
    pub fn of_text(head: &[u8]) -> Self {
        Self { compression: Compression::Plain, form: form(head) }
    }

    /// Whether byte ranges of such a file can be read on their own.
    pub const fn can_split(self) -> bool {
        matches!(self, Self::LINES)
    }
}

/// The form of a text that begins with `head`.
pub(crate) fn form(head: &[u8]) -> Form {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = head.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(head.len());
    let text = head.get(start..).unwrap_or(&[]);
    match text.first() {
        Some(b'[') => Form::Array,
        Some(b'{') if is_search_response(text) => Form::Hits,
        Some(b'{') if spans_lines(text) => Form::Documents,
        _ => Form::Lines,
    }
}

/// Whether `head` holds all of its first line and that is a document of its own: more of the file changes no form.
pub(crate) fn begins_with_a_document(head: &[u8]) -> bool {
    memchr::memchr(b'\n', head).is_some_and(|end| {
        let line = head.get(..end).unwrap_or_default();
        line.first() == Some(&b'{') && serde_json::from_slice::<IgnoredAny>(line).is_ok()
    })
}

/// Whether `text` begins as a response of Elasticsearch's search: known members up to `hits`, and in it `hits`.
fn is_search_response(text: &[u8]) -> bool {
    const OUTER: [&[u8]; 9] = [
        b"took",
        b"timed_out",
        b"terminated_early",
        b"_shards",
        b"_scroll_id",
        b"pit_id",
        b"num_reduce_phases",
        b"_clusters",
        b"aggregations",
    ];
    const INNER: [&[u8]; 2] = [b"total", b"max_score"];
    let mut cursor = Cursor::new(text);
    finds_hits(&mut cursor, &OUTER) && finds_hits(&mut cursor, &INNER) && cursor.peek() == Some(b'[')
}

/// Steps to the value of `hits` in the object at the cursor; only members named in `before` may stand in front of it.
fn finds_hits(cursor: &mut Cursor<'_>, before: &[&[u8]]) -> bool {
    if cursor.peek() != Some(b'{') || !cursor.enter(b'}') {
        return false;
    }
    loop {
        let Ok(key) = cursor.key() else { return false };
        let name = cursor.text.get(key.start..key.end).unwrap_or(&[]);
        if name == b"hits" {
            return true;
        }
        if !before.contains(&name) || cursor.skip(1).is_err() || !matches!(cursor.next(b'}'), Ok(true)) {
            return false;
        }
    }
}

/// Whether the first document of `text` goes on behind the end of its line, or shares its line with the next one.
fn spans_lines(text: &[u8]) -> bool {
    let line_end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    let mut first = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    match first.next() {
        Some(Ok(_)) => {
            let end = first.byte_offset();
            let mut rest = Cursor { text, pos: end };
            rest.space();
            end > line_end || (line_end == text.len() && rest.peek() == Some(b'{'))
        }
        Some(Err(error)) => error.is_eof() && line_end < text.len(),
        None => false,
    }
}

/// What a file that holds no document seems to be, in words.
pub(crate) fn describe(head: &[u8]) -> String {
    let known = [
        (&b"PAR1"[..], "a Parquet file"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"BZh", "a bzip2 file"),
        (b"\xfd7zXZ", "an xz file"),
        (b"\x7fELF", "a program"),
        (b"MZ", "a Windows program"),
        (b"ARROW1", "an Arrow file"),
        (b"Obj\x01", "an Avro file"),
        (b"SQLite format 3", "an SQLite database"),
        (b"%PDF", "a PDF document"),
        (b"ElfFile\0", "a Windows event log"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
        (b"\xd4\xc3\xb2\xa1", "a packet capture"),
        (b"\x1f\x8b", "gzip data inside of compressed data"),
        (b"<", "XML or HTML"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*what).to_string();
    }
    let first = head.get(..head.len().min(16)).unwrap_or(head);
    if first.iter().any(|b| !b.is_ascii_graphic() && !b.is_ascii_whitespace()) {
        let hex: Vec<_> = first.iter().take(8).map(|b| format!("{b:02x}")).collect();
        return format!("binary data that begins with the bytes {}", hex.join(" "));
    }
    format!("text that begins with `{}`", String::from_utf8_lossy(first).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, expected) in [
            ("{\"a\":1}\n{\"a\":2}", Form::Lines),
            ("\u{feff}\r\n{\"a\":1}", Form::Lines),
            ("", Form::Lines),
            ("\n\n", Form::Lines),
            ("{\"a\":1", Form::Lines),
            ("{\"a\":1,\n{\"b\":2}\n{\"c\":3}", Form::Lines),
            ("junk\n{\"a\":1}", Form::Lines),
            ("{\"a\":1}{\"b\":2}\n{\"c\":3}\n", Form::Lines),
            ("{\"a\":\"x\n{\"b\":2}", Form::Lines),
            ("\u{feff} [{\"a\":1}]", Form::Array),
            ("[]", Form::Array),
            ("{\n  \"a\": 1\n}\n", Form::Documents),
            ("{\n  \"a\": [\n", Form::Documents),
            ("{\"a\":1}{\"b\":2}", Form::Documents),
            ("{\"a\":1} {\"b\":2} ", Form::Documents),
            (
                "{\"took\":1,\"timed_out\":false,\"_shards\":{\"total\":1},\"hits\":{\"total\":{\"value\":1},\"hits\":[",
                Form::Hits,
            ),
            ("{\n \"hits\" : {\n \"hits\" : [ ] } }", Form::Hits),
            ("{\"hits\":{\"count\":3}}\n", Form::Lines),
            ("{\"hits\":[1]}\n", Form::Lines),
            ("{\"event\":1,\"hits\":{\"hits\":[{}]}}\n", Form::Lines),
            ("{\"took\":3}\n{\"took\":4}\n", Form::Lines),
        ] {
            assert_eq!(form(text.as_bytes()), expected, "{text}");
            // What was seen of it is enough, if that is said.
            for end in (0..text.len()).filter(|end| begins_with_a_document(&text.as_bytes()[..*end])) {
                assert_eq!(form(&text.as_bytes()[..end]), expected, "{end} bytes of {text}");
            }
        }
        assert_eq!(Compression::of(&super::super::inflate::tests::gzip(b"x")), Compression::Gzip);
        assert_eq!(Compression::of(&super::super::inflate::tests::zstd(b"x")), Compression::Zstd);
        assert_eq!(Compression::of(b"{}"), Compression::Plain);
    }

    #[test]
    fn what_it_seems_to_be() {
        assert_eq!(describe(b"PAR1xxxx"), "a Parquet file");
        assert_eq!(describe(b"\x00\x01\x02"), "binary data that begins with the bytes 00 01 02");
        assert_eq!(describe(b"a,b,c\n1,2,3\n"), "text that begins with `a,b,c\n1,2,3`");
    }
}
