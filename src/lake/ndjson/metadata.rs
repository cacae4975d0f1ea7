//! The columns that describe a document: `_id`, `_index`, `_version`, `_source`, `_ignored`.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Builder, ListBuilder, StringViewBuilder};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField};
use uuid::Uuid;

use super::column::slot_text;
use super::document::Row;
use crate::lake::number::scaled;

/// A column that describes a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metadata {
    /// The document's id: of its envelope, its own `_id`, or one made of file, place and content.
    Id,
    /// The index of its envelope, or the table.
    Index,
    /// The version of its envelope, or 1.
    Version,
    /// Its text as it stands in the file.
    Source,
    /// The fields that its envelope says were not indexed, and those whose values could not be coerced.
    Ignored,
}

impl Metadata {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Id, Self::Index, Self::Version, Self::Source, Self::Ignored];

    /// The name of the column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "_id",
            Self::Index => "_index",
            Self::Version => "_version",
            Self::Source => "_source",
            Self::Ignored => "_ignored",
        }
    }

    /// The Arrow type of the column.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Id | Self::Index | Self::Source => DataType::Utf8View,
            Self::Version => DataType::Int64,
            Self::Ignored => DataType::List(Arc::new(ArrowField::new_list_field(DataType::Utf8View, true))),
        }
    }
}

/// Where a document comes from.
pub(crate) struct Origin<'a> {
    /// The file's name within its table.
    pub(crate) key: &'a str,
    /// The table's name.
    pub(crate) table: &'a str,
    /// The document's first byte in the (decompressed) file.
    pub(crate) offset: u64,
}

impl Origin<'_> {
    /// The id of a document that has none: the same in every run and for every way to split the file.
    fn derived_id(&self, text: &str) -> String {
        let name = [self.key.as_bytes(), &[0], &self.offset.to_le_bytes(), text.as_bytes()].concat();
        Uuid::new_v5(&Uuid::NAMESPACE_URL, &name).to_string()
    }
}

/// One of these columns while a batch grows.
pub(crate) enum MetadataColumn {
    Id(StringViewBuilder),
    Index(StringViewBuilder),
    Version(Int64Builder),
    Source(StringViewBuilder),
    Ignored(ListBuilder<StringViewBuilder>),
}

impl MetadataColumn {
    pub(crate) fn new(which: Metadata) -> Self {
        match which {
            Metadata::Id => Self::Id(StringViewBuilder::new()),
            Metadata::Index => Self::Index(StringViewBuilder::new().with_deduplicate_strings()),
            Metadata::Version => Self::Version(Int64Builder::new()),
            Metadata::Source => Self::Source(StringViewBuilder::new()),
            Metadata::Ignored => Self::Ignored(ListBuilder::new(StringViewBuilder::new())),
        }
    }

    /// Adds a row for the document `text`.
    pub(crate) fn push(&mut self, text: &str, row: &Row, origin: &Origin<'_>, ignored: &[&str]) {
        match self {
            Self::Id(builder) => match row.id.as_ref().map(|slot| slot_text(text, slot)) {
                Some(id) if !id.is_empty() => builder.append_value(id),
                _ => builder.append_value(origin.derived_id(text)),
            },
            Self::Index(builder) => {
                let own = row.index.as_ref().filter(|_| row.is_enveloped()).map(|slot| slot_text(text, slot));
                builder.append_value(own.unwrap_or(Cow::Borrowed(origin.table)));
            }
            Self::Version(builder) => {
                let own = row.version.as_ref().filter(|_| row.is_enveloped());
                let own = own.and_then(|slot| scaled(&slot_text(text, slot), 0));
                builder.append_value(own.and_then(|n| i64::try_from(n.whole).ok()).unwrap_or(1));
            }
            Self::Source(builder) => builder.append_value(text.get(row.source.0..row.source.1).unwrap_or("")),
            Self::Ignored(builder) => {
                let own = row.ignored.iter().filter(|_| row.is_enveloped()).map(|slot| slot_text(text, slot));
                let mut names: Vec<Cow<'_, str>> = own.chain(ignored.iter().copied().map(Cow::Borrowed)).collect();
                names.sort_unstable();
                names.dedup();
                for name in &names {
                    builder.values().append_value(name);
                }
                builder.append(!names.is_empty());
            }
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Id(builder) | Self::Index(builder) | Self::Source(builder) => Arc::new(builder.finish()),
            Self::Version(builder) => Arc::new(builder.finish()),
            Self::Ignored(builder) => Arc::new(builder.finish()),
        }
    }
}
