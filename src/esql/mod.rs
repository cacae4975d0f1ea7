//! ES|QL: text to syntax tree, and the tree back to canonical text. Knows no engine.

pub mod ast;
