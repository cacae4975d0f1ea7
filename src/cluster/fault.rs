//! Errors that cross processes: Ballista carries texts, so one of ours travels as a text that no printing changes.

use std::fmt::Write;

use ballista_core::error::BallistaError;
use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};

use crate::engine::engine_error;
use crate::error::{Error, Kind};

const BEGIN: &str = "egret-fault[";

/// What the scheduler says where an executor cannot decode a task.
const REJECTED: &str = "rejected by executor";

/// An error of ours as it travels.
#[derive(Debug, Serialize, Deserialize)]
struct Fault {
    kind: String,
    message: String,
    help: Option<String>,
}

const KINDS: [(Kind, &str); 4] =
    [(Kind::Input, "input"), (Kind::Resource, "resource"), (Kind::Engine, "engine"), (Kind::Cluster, "cluster")];

/// An error of ours as one of DataFusion.
pub(super) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The error of a task as it is to be told to the scheduler: what may pass (a file or an executor that cannot be reached
/// now) as it is, since that is tried again, anything else as an error of ours.
pub(super) fn to_travel(error: DataFusionError) -> DataFusionError {
    if may_pass(&error) && Error::within(&error).is_none() {
        return error;
    }
    let unseen = matches!(error.find_root(), DataFusionError::ObjectStore(inner) if matches!(**inner, object_store::Error::NotFound { .. }));
    let error = engine_error(error);
    DataFusionError::Execution(text(&if unseen && error.help().is_none() {
        error.with_help("every executor reads the files itself: a path must lead to the same file on all machines")
    } else {
        error
    }))
}

fn may_pass(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::IoError(_) => true,
        DataFusionError::External(inner) => inner.is::<BallistaError>(),
        _ => false,
    }
}

/// The error of ours as a text.
pub(super) fn text(error: &Error) -> String {
    let kind = KINDS.iter().find(|(kind, _)| *kind == error.kind()).map_or("engine", |(_, name)| name).to_owned();
    let fault = Fault { kind, message: error.to_string(), help: error.help().map(str::to_owned) };
    let mut text = BEGIN.to_owned();
    for byte in serde_json::to_vec(&fault).unwrap_or_default() {
        let _ = write!(text, "{byte:02x}");
    }
    text.push(']');
    text
}

/// The error of ours that a text of Ballista holds.
pub(super) fn within(text: &str) -> Option<Error> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (digits, _) = rest.split_once(']')?;
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    let fault: Fault = serde_json::from_slice(&bytes?).ok()?;
    let kind = KINDS.iter().find(|(_, name)| *name == fault.kind).map_or(Kind::Engine, |(kind, _)| *kind);
    let error = Error::new(kind, fault.message);
    Some(match fault.help {
        Some(help) => error.with_help(help),
        None => error,
    })
}

/// The error of a job that failed, as Ballista tells it.
pub(super) fn of_job(text: &str) -> Error {
    if let Some(ours) = within(text) {
        return ours;
    }
    if text.contains(REJECTED) {
        return Error::new(Kind::Cluster, "an executor does not understand a part of the plan; its log tells why")
            .with_help("use the same version of egret on all machines");
    }
    let told = text.rsplit("Task failed due to ").next().unwrap_or(text).trim();
    Error::new(Kind::Cluster, format!("the job failed: {told}"))
        .with_help("the logs of the scheduler and of its executors tell more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_ours_survive_printing() {
        let ours = Error::new(Kind::Input, "a \"b\"]: bad line\nat byte 7").with_help("skip it");
        let told = format!("{:?}", DataFusionError::Execution(text(&ours)).context("task"));
        let back =
            within(&format!("Job failed: {told}")).map(|e| (e.kind(), e.to_string(), e.help().map(str::to_owned)));
        assert_eq!(back, Some((Kind::Input, ours.to_string(), Some("skip it".to_owned()))));
        assert!(within("Job failed: egret-fault[7b").is_none());
        assert_eq!(of_job("stage 1 failed: Task failed due to no room").kind(), Kind::Cluster);
    }

    #[test]
    fn what_may_pass_stays_what_it_is() {
        let io = DataFusionError::IoError(std::io::ErrorKind::TimedOut.into());
        assert!(matches!(to_travel(io), DataFusionError::IoError(_)));
        let full = to_travel(DataFusionError::ResourcesExhausted("no room".into()));
        assert_eq!(within(&full.to_string()).map(|e| e.kind()), Some(Kind::Resource));
    }
}
