//! ES|QL: text to syntax tree, and the tree back to canonical text. Knows no engine.
//!
//! | step | module | what it gives |
//! |---|---|---|
//! | text to tokens | [`lexer`] | words with their places, which tile the text |
//! | tokens to tree | [`parser`] | a [`ast::Query`], or every mistake of the text |
//! | tree to text | [`print`](mod@print) | one command a line; reading it again gives the same tree |
//! | the text of `KQL("..")` to its own tree | [`kql`] | a [`kql::Kql`], or its first mistake |
//!
//! ```
//! use egret::esql::{ast::CommandKind, parse, print};
//!
//! let (query, diagnostics) = parse("from logs-* metadata _id | where process.name in (\"sh\", \"bash\") | keep _id");
//! assert!(diagnostics.is_empty());
//! let query = query.unwrap();
//! assert!(matches!(query.commands[1].kind, CommandKind::Where(_)));
//! assert_eq!(print(&query), "FROM logs-* METADATA _id\n| WHERE process.name IN (\"sh\", \"bash\")\n| KEEP _id");
//!
//! // A text with mistakes gives no query, and all of its mistakes.
//! let (query, diagnostics) = parse("FROM logs-* | WHRE a == 1 | EVAL b = (c + 1 | SORT");
//! assert!(query.is_none());
//! let messages: Vec<_> = diagnostics.iter().map(|d| d.message.as_str()).collect();
//! assert!(messages[0].starts_with("unknown command WHRE"));
//! assert_eq!(messages[1], "( without its closing )");
//! assert_eq!(messages[2], "expected a key to sort by, found the end of the query");
//! ```
//!
//! No expression tree is higher than [`parser::MAX_DEPTH`], whatever the text: whoever walks one may recurse. Chains of AND
//! and OR lean left while that makes the tree no higher than 64, and are balanced where they are longer.

pub mod ast;
pub mod kql;
pub mod lexer;
pub mod parser;
pub mod print;
mod token;

pub use parser::parse;
pub use print::print;

#[cfg(test)]
mod properties;
