//! Detection rules over lake storage.
//!
//! Egret runs detection rules over security events at rest: it reads a rule file, brings its query (ES|QL or SQL) to
//! one canonical SQL, plans that over the tables of a lake (Parquet or JSON), and gives rows or alerts.
//!
//! | module | from | to |
//! |---|---|---|
//! | [`diagnostic`], [`error`] | | what goes wrong, for authors and for users |
//! | [`rule`] | rule file, schedule | [`rule::Rule`], [`rule::Execution`] |
//! | [`esql`] | text | syntax tree, canonical text |
//! | [`sql`] | syntax tree or SQL text, field types | canonical SQL |
//! | [`lake`] | locations | tables |
//! | [`alert`] | rows | alerts, output formats |
//! | [`generate`] | a seed | synthetic events |
//! | [`engine`] | rule, lake, execution | rows |
//! | [`backtest`] | rule, lake, past range | rows of every execution |
//! | [`convert`] | locations | Parquet laid out for rules |
//! | `cluster` (feature) | plan | rows that several machines make |
//! | [`cli`] | arguments | exit code |

pub mod diagnostic;
pub mod error;
pub mod interval;
pub mod esql;
pub mod rule;
pub mod sql;
pub mod lake;
pub mod alert;
pub mod generate;
pub mod engine;
pub mod backtest;
pub mod convert;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod cli;
