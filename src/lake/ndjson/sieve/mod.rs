//! Finds the lines that can matter to a query by their bytes, at the speed of memory, so that no other line is parsed.
//!
//! | step | file |
//! |---|---|
//! | what the bytes of a wanted document hold | [`need`] |
//! | the same, from a predicate over columns | [`literals`] |
//! | escapes that could spell it in another way | [`escapes`] |
//! | which part of it is rare here, and is searched for | [`search`] |
//! | lines to parse, lines to pass over | [`lines`] |
//!
//! A line is passed over only if it is UTF-8, begins with `{`, ends with `}`, and its bytes say that no spelling of JSON
//! makes it meet the predicate. Every other line is parsed. What else may be wrong inside of a line that is passed over
//! is not seen: the strict mode of the command line parses all.

mod escapes;
pub(crate) mod lines;
pub(crate) mod literals;
pub(crate) mod need;
mod search;

pub(crate) use self::search::Sieve;
