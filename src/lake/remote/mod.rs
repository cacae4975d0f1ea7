//! Events in object stores and on web servers, read in place: `s3://`, `gs://`, `az://`, `abfss://`, `http(s)://`.
//!
//! | file | what |
//! |---|---|
//! | `address` | the text of a location -> store and key |
//! | `environment`, `profile`, `build` | variables and AWS profiles -> a store that is signed in |
//! | `objects` | all stores of a lake as one, which gives objects as they were listed or not at all |
//! | `list` | a location -> files, without the folders that no window needs |
//! | `upload` | files to a store, whole or not at all |
//! | `told` | what a store answers -> an error that says what to do |

mod address;
mod build;
mod environment;
mod list;
mod objects;
mod profile;
mod told;
mod upload;

pub(crate) use address::Address;
pub(crate) use environment::Environment;
pub(crate) use list::Pruning;
pub use objects::location_of;
pub(crate) use objects::{Objects, url};
pub use upload::Upload;
