//! Rows that dictionaries rule out, before any column of a file is decoded.
//!
//! A column of few distinct texts is stored as a dictionary and one small number, an id, a row. What a predicate says of
//! a row it says of the row's id, so it is evaluated once for each entry of the dictionary, and the ids are looked up.
//! Conjuncts over several such columns (`executable LIKE '/tmp/*' OR name LIKE '.*'`) meet as bits, and the scan
//! decodes the columns of the rows that are left. The rest of DataFusion's scan stays what it is: it gets the rows as
//! a `ParquetAccessPlan`, and as its predicate the conjuncts that dictionaries could not decide.
//!
//! | file | what |
//! |---|---|
//! | `rule` | the optimizer rule that puts [`Preselect`] to work |
//! | `source`, `morsel` | a `FileSource` that selects rows of each file before `ParquetSource` reads it |
//! | `file` | one file: what statistics leave, then row group by row group |
//! | `condition` | predicate -> conjuncts over leaf columns |
//! | `leaf` | which leaf of a file an expression reads |
//! | `order` | which conjunct to ask first, by what it cost and left so far |
//! | `group` | one row group: conjuncts -> bits |
//! | `dictionary` | one column chunk: dictionary -> verdicts, pages -> bits |
//! | `page` | one data page: levels and ids |
//! | `narrow` | the verdicts of several narrow ids at once |
//! | `hybrid` | runs of repeated and bit-packed numbers |
//! | `bits` | a bit a row |

mod bits;
mod condition;
mod dictionary;
mod file;
mod group;
mod hybrid;
mod leaf;
mod morsel;
mod narrow;
mod order;
mod page;
mod rule;
mod source;

pub use rule::Preselect;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot set up fails")]
mod tests;
