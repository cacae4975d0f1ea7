//! JSON files as tables: documents in, record batches with the wanted fields out.
//!
//! | step | file |
//! |---|---|
//! | how is the file compressed, how are its documents laid out | [`sniff`](Layout) |
//! | bytes of the file, chunk by chunk | `input` |
//! | text of the file, piece by piece | `inflate` |
//! | one document after the other | `documents`, `frames`: `lines`, `values` |
//! | documents that cannot matter, told by their bytes | `sieve` |
//! | the wanted fields of a document, every byte of it checked | `document` on `json` |
//! | values of the field's type, with the rules of Elasticsearch's mapping | `column` with `number`, `date` of the lake; `metadata` |
//! | rows that meet the query's predicate | `filter`, `pending` |
//! | batches, counts, bad lines | `decoder`, `rows`, [`Issues`] |
//! | a scan that DataFusion can split, project and show | [`NdjsonSource`], `opener` |
//! | which fields there are | [`infer`] |

mod column;
mod decoder;
mod document;
mod documents;
mod filter;
mod frames;
mod infer;
mod inflate;
mod input;
mod issues;
mod json;
mod lines;
mod metadata;
mod opener;
mod pending;
mod rows;
mod sieve;
mod sniff;
mod source;
mod values;

#[cfg(test)]
mod tests;

pub use self::infer::{Inference, JsonType, Observed, Scope, infer};
pub use self::issues::{BadLine, FieldTally, Issues, OnBadLine, Tally};
pub use self::metadata::Metadata;
pub(crate) use self::opener::detect_local;
pub use self::opener::{NdjsonFile, detect};
pub use self::sniff::{Compression, Form, Layout};
pub use self::source::{ColumnSpec, NdjsonOptions, NdjsonSource};
