//! ES|QL to SQL, and hand-written SQL made safe: what the planner is given, for the engine.
//!
//! | step | file |
//! |---|---|
//! | how tables are seen: names and types, no I/O | [`catalog`] |
//! | what comes out | [`lowered`] |
//! | a pipeline becomes a chain of common table expressions | `lowering`, one file a command in `command` |
//! | expressions, with types and the rules for several values | `expr`, `operator`, `literal`, `pattern` |
//! | searches, which ask for any value: KQL, MATCH, `:` | `search` |
//! | functions: one table row each | `function` |
//! | a rule written in SQL is checked and rewritten | `statement` |
//! | events are left out of a query, whatever its language | [`exclude`] |
//!
//! ```
//! use egret::diagnostic::Diagnostic;
//! use egret::esql::ast::Ident;
//! use egret::sql::catalog::{Catalog, Field, Source, Type};
//!
//! struct Logs;
//! impl Catalog for Logs {
//!     fn source(&self, _: &[Ident]) -> Result<Source, Diagnostic> {
//!         let fields = vec![Field { name: "user.name".into(), ty: Type::Keyword, multi: false }];
//!         Ok(Source { name: "logs".into(), fields, open: false })
//!     }
//!     fn ecs(&self, _: &str) -> Option<Type> {
//!         None
//!     }
//!     fn near(&self, _: &Source, _: &str) -> Option<String> {
//!         None
//!     }
//! }
//!
//! let rule = "SELECT user.name, count(*) AS logins FROM logs GROUP BY user.name";
//! let lowered = egret::sql::statement(rule, &Logs).unwrap();
//! assert_eq!(lowered.query.to_string(), r#"SELECT "user.name", count(*) AS logins FROM "logs" GROUP BY "user.name""#);
//! ```

pub mod catalog;
pub mod exclude;
pub mod lowered;

mod build;
mod command;
mod expr;
mod function;
mod literal;
mod lowering;
mod near;
mod operator;
mod pattern;
mod print;
mod scope;
mod search;
mod statement;
mod types;

#[cfg(test)]
mod tests;

pub use function::{FunctionDoc, functions};
pub use lowering::lower;
pub use print::pretty;
pub use statement::statement;
