//! KQL, the query language of Kibana, as `KQL("...")` holds it: text to tree, every part with its place.
//!
//! | written | means |
//! |---|---|
//! | `a and b`, `a or b`, `not a`, `(a)` | `and` binds tighter than `or`; case does not matter |
//! | `field: value`, `field: "two words"` | a value of the field is this |
//! | `field: (a or b and not c)` | the same, combined |
//! | `field: w*ld`, `fi*ld: value` | any text stands for a `*` that is not escaped or quoted |
//! | `field: *`, `*: *`, `*` | the field has a value; everything |
//! | `field >= value` | a value of the field is no less |
//! | `value` | a value of any field is this |
//! | `field: { a: x and b: y }` | nested documents; read, but nothing runs it |
//!
//! ```
//! use egret::esql::kql::{Kql, parse};
//!
//! let Ok(Kql::And(both)) = parse("process.name: (curl or wget) and not user.id: 0") else { panic!() };
//! assert!(matches!(&both[1], Kql::Not(_)));
//! let mistake = parse("process.name: (curl or").unwrap_err();
//! assert_eq!(mistake.message, "expected a value, found the end of the query");
//! ```

mod lexer;
mod parser;

use std::ops::Range;

pub use parser::parse;

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kql {
    /// All of them.
    And(Vec<Kql>),
    /// Any of them.
    Or(Vec<Kql>),
    /// Not this.
    Not(Box<Kql>),
    /// Every event.
    Everything,
    /// The field has a value.
    Exists(Word),
    /// A value of the field, or of any field, is this.
    Is(Option<Word>, Word),
    /// A value of the field compares so with this.
    Compares(Word, Comparison, Word),
    /// Nested documents.
    Nested(Word),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A field's name or a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What stands between its wildcards; one piece where there is none.
    pub pieces: Vec<String>,
    /// Whether it stands in quotes.
    pub quoted: bool,
    /// Where it stands, in bytes of the query.
    pub at: Range<usize>,
}

impl Word {
    /// Whether it holds a wildcard.
    pub fn is_wildcard(&self) -> bool {
        self.pieces.len() > 1
    }

    /// Whether it is a wildcard alone.
    pub fn is_anything(&self) -> bool {
        self.is_wildcard() && self.pieces.iter().all(String::is_empty)
    }

    /// Its text, wildcards as `*`.
    pub fn text(&self) -> String {
        self.pieces.join("*")
    }
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes of the query.
    pub at: Range<usize>,
    /// What was found and expected.
    pub message: String,
    /// What to do about it.
    pub help: Option<&'static str>,
}
