//! DataFusion's errors as ours: what kind of failure, and what the user can do about it.

use datafusion::error::DataFusionError;

use crate::error::{Error, Kind};

/// The error of ours that `error` stands for.
pub(crate) fn engine_error(error: DataFusionError) -> Error {
    let error = match unwrap_ours(error) {
        Ok(ours) => return ours,
        Err(other) => other,
    };
    let text = plain(&error.find_root().strip_backtrace());
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => {
            let why = text.rsplit("Error: ").next().unwrap_or(&text).to_owned();
            let error = Error::new(Kind::Resource, "the memory limit does not suffice").with_source(why);
            error.with_help("raise --memory-limit, narrow the window, or use fewer --threads")
        }
        DataFusionError::ObjectStore(_) | DataFusionError::ParquetError(_) => Error::new(Kind::Input, text),
        DataFusionError::IoError(io) if io.kind() == std::io::ErrorKind::StorageFull => {
            Error::new(Kind::Resource, text).with_help("free disk space where operators spill (TMPDIR)")
        }
        DataFusionError::IoError(_) => Error::new(Kind::Input, text),
        _ => Error::new(Kind::Engine, text),
    }
}

/// The text of an error without what only a programmer of the engine wants to know.
pub(super) fn plain(text: &str) -> String {
    const PREFIXES: [&str; 14] = [
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "Parquet error: ",
        "External error: ",
        "Internal error: ",
        "Schema error: ",
        "SQL error: ",
        "Resources exhausted: ",
        "Parquet argument error: ",
        "This feature is not implemented: ",
        "Optimizer error: ",
        "Cast error: ",
        "Compute error: ",
    ];
    const TAILS: [&str; 3] =
        [". No function matches the given name", "\nThis issue was likely caused by a bug", "\n\tCandidate functions"];
    let mut text = text.trim();
    loop {
        let before = text;
        for prefix in PREFIXES {
            text = text.strip_prefix(prefix).unwrap_or(text);
        }
        // What a function of ours found says more than whose coercion failed.
        text = text.split_once(" user-defined coercion failed with: ").map_or(text, |(_, inner)| inner);
        if text == before {
            break;
        }
    }
    for tail in TAILS {
        text = text.split_once(tail).map_or(text, |(head, _)| head);
    }
    let text = text.trim_end_matches(['.', ' ', '\n']);
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

/// An error of ours that travelled through DataFusion, or the error as it came.
fn unwrap_ours(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => Ok(*ours),
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(inner) => unwrap_ours(*inner),
                Err(inner) => Err(DataFusionError::External(inner)),
            },
        },
        DataFusionError::Context(context, inner) => {
            unwrap_ours(*inner).map_err(|e| DataFusionError::Context(context, Box::new(e)))
        }
        // What is shared or wrapped by another library cannot be taken apart.
        other => match Error::within(&other) {
            Some(ours) => Ok(ours),
            None => Err(other),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_ours_survives_the_engine() {
        let ours = Error::new(Kind::Input, "a.json: bad line").with_help("skip it");
        let wrapped = DataFusionError::External(Box::new(ours)).context("scan");
        let back = engine_error(wrapped);
        assert_eq!(back.kind(), Kind::Input);
        assert_eq!(back.help(), Some("skip it"));
    }

    #[test]
    fn memory_names_the_limit() {
        let error = engine_error(DataFusionError::ResourcesExhausted("no room".into()));
        assert_eq!(error.kind(), Kind::Resource);
        assert!(error.help().is_some_and(|h| h.contains("--memory-limit")));
    }
}
