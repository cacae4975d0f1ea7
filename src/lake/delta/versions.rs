//! Which versions of a table there are, and which of them a location means.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::common::runtime::SpawnedTask;
use delta_kernel::history_manager::error::{LogHistoryError, NearestTimestamp};
use delta_kernel::history_manager::{HistoryCommitType, latest_version_as_of};
use delta_kernel::{Error as KernelError, Snapshot};
use deltalake_core::DeltaTableError;
use deltalake_core::logstore::LogStore;
use futures::TryStreamExt;
use object_store::path::Path;

use super::as_of::AsOf;
use super::log::{bare, told};
use super::place::{LOG, Place};
use crate::error::{Error, Kind, Result};

/// The number of the version that a location means.
///
/// # Errors
/// A number that is none of a version, a time before the first commit, a log that cannot be read.
pub(super) async fn find(place: &Place, logs: &Arc<dyn LogStore>, as_of: AsOf) -> Result<u64> {
    match as_of {
        AsOf::Version(version) => {
            let there = Versions::list(place, logs).await?;
            if there.holds(version) { Ok(version) } else { Err(there.lacks(place, as_of)) }
        }
        AsOf::Instant(at) => at_instant(place, logs, at).await,
    }
}

/// The latest version that was committed up to an instant.
async fn at_instant(place: &Place, logs: &Arc<dyn LogStore>, at: DateTime<Utc>) -> Result<u64> {
    let engine = logs.engine(None);
    let root = logs.root_url().clone();
    let look = move || {
        let latest = Snapshot::builder_for(root).build(engine.as_ref())?;
        // Commits are told in whole milliseconds.
        latest_version_as_of(&latest, engine.as_ref(), at.timestamp_millis(), HistoryCommitType::Recreatable)
    };
    let found = SpawnedTask::spawn_blocking(look).await;
    let found = found.map_err(|e| Error::new(Kind::Engine, "looking for a version did not end").with_source(e))?;
    let error = match found {
        Ok(commit) => return Ok(commit.version),
        Err(error) => error,
    };
    let first = match bare(&error) {
        KernelError::LogHistory(history) => match history.as_ref() {
            LogHistoryError::TimestampOutOfRange { nearest_timestamp: NearestTimestamp::Earliest(first), .. } => *first,
            _ => return Err(told(place, &error.into())),
        },
        _ => return Err(told(place, &error.into())),
    };
    let first = DateTime::from_timestamp_millis(first).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true);
    let wanted = AsOf::Instant(at);
    let message = format!("{}: no {wanted}: the first one that there is was committed at {first}", place.shown);
    Err(Error::new(Kind::Input, message).with_help("name a later time, or a version by its number"))
}

/// What a log holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Versions {
    /// The numbers of commits, in their order.
    commits: Vec<u64>,
    /// The numbers of the versions that are written down whole.
    checkpoints: Vec<u64>,
}

impl Versions {
    async fn list(place: &Place, logs: &Arc<dyn LogStore>) -> Result<Self> {
        let listed: Vec<_> = logs
            .root_object_store(None)
            .list(Some(&Path::from(LOG)))
            .try_collect()
            .await
            .map_err(|error| told(place, &DeltaTableError::from(error)))?;
        Ok(Self::of(listed.iter().filter_map(|meta| meta.location.filename())))
    }

    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut versions = Self::default();
        for name in names {
            let Some((number, rest)) = name.split_once('.') else { continue };
            let Some(number) = number.parse().ok().filter(|_| number.len() == 20) else { continue };
            if rest == "json" {
                versions.commits.push(number);
            } else if rest.starts_with("checkpoint.") {
                versions.checkpoints.push(number);
            }
        }
        versions.commits.sort_unstable();
        versions.checkpoints.sort_unstable();
        versions
    }

    /// The first version that can be told, and the last one.
    fn ends(&self) -> Option<(u64, u64)> {
        let first = if self.commits.first() == Some(&0) { Some(0) } else { self.checkpoints.first().copied() };
        let last = self.commits.last().max(self.checkpoints.last()).copied();
        first.zip(last)
    }

    fn holds(&self, version: u64) -> bool {
        self.ends().is_some_and(|(first, last)| (first..=last).contains(&version))
    }

    fn lacks(&self, place: &Place, as_of: AsOf) -> Error {
        let (there, help) = match self.ends() {
            Some((first, last)) if first == last => (format!("there is version {first} alone"), "leave @v out"),
            Some((0, last)) => (format!("there are versions 0 to {last}"), "name one of them"),
            Some((first, last)) => (
                format!("there are versions {first} to {last}; the log of those before was cleaned up"),
                "name one of them",
            ),
            None => ("its log holds no version".to_owned(), "check the path"),
        };
        Error::new(Kind::Input, format!("{}: no {as_of}: {there}", place.shown)).with_help(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_can_tell() {
        let of = |names: &[&str]| Versions::of(names.iter().copied());
        let commits = ["00000000000000000001.json", "00000000000000000000.json", "_last_checkpoint", "x.json"];
        assert_eq!(of(&commits).ends(), Some((0, 1)));
        let cleaned = [
            "00000000000000000010.checkpoint.parquet",
            "00000000000000000009.json",
            "00000000000000000010.json",
            "00000000000000000011.json",
        ];
        assert_eq!(of(&cleaned).ends(), Some((10, 11)));
        assert!(!of(&cleaned).holds(9) && of(&cleaned).holds(11) && !of(&cleaned).holds(12));
        assert_eq!(of(&["00000000000000000009.json"]).ends(), None);
    }
}
