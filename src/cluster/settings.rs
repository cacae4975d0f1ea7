//! What a client asks of a cluster, and which versions go together.

use std::any::Any;
use std::num::NonZeroUsize;
use std::time::Duration;

use ballista_core::config::{
    BALLISTA_ADAPTIVE_PLANNER_ENABLED, BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE,
    BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK,
};
use ballista_core::extension::SessionConfigExt;
use ballista_core::serde::protobuf::KeyValuePair;
use datafusion::common::config_err;
use datafusion::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::error::Result as PlanResult;
use datafusion::prelude::SessionConfig;

use super::fault::external;
use crate::engine::engine_error;
use crate::engine::session::Scan;
use crate::error::{Error, Kind, Result};

/// The version that client, scheduler and executors must have in common.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The largest message between processes: a plan over very many files, a batch of long texts.
pub(super) const LARGEST_MESSAGE: usize = 256 << 20;

/// What a client asks of a cluster.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// Where the scheduler is: `http://HOST:PORT`.
    pub scheduler: String,
    /// What tells this client from all others.
    pub client: String,
    /// How many parts a scan, and what comes behind it, is cut into at most.
    pub partitions: NonZeroUsize,
    /// How long a run goes on while no executor is there.
    pub timeout: Duration,
    /// How Parquet files are scanned.
    pub scan: Scan,
}

/// What executors and the scheduler must know of a client.
#[derive(Debug, Clone, Default)]
struct EgretConfig {
    /// The version of the client.
    version: String,
    /// How Parquet files are scanned.
    scan: Scan,
}

const VERSION_KEY: &str = "egret.version";
const SCAN_KEY: &str = "egret.scan";
const SCANS: [(Scan, &str); 2] = [(Scan::Dictionary, "dictionary"), (Scan::Stock, "stock")];

/// The name of a way to scan.
fn name_of(scan: Scan) -> &'static str {
    SCANS.iter().find(|(known, _)| *known == scan).map_or("", |(_, name)| name)
}

impl ConfigExtension for EgretConfig {
    const PREFIX: &'static str = "egret";
}

impl ExtensionOptions for EgretConfig {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> PlanResult<()> {
        match (key, SCANS.iter().find(|(_, name)| *name == value)) {
            ("version", _) => value.clone_into(&mut self.version),
            ("scan", Some((scan, _))) => self.scan = *scan,
            _ => return config_err!("egret has no setting {key}={value}"),
        }
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        // With the names under which they are set: so the scheduler hands them on.
        let entry = |key: &str, value: &str, description| ConfigEntry {
            key: key.to_owned(),
            value: Some(value.to_owned()),
            description,
        };
        vec![
            entry(VERSION_KEY, &self.version, "The version of the client."),
            entry(SCAN_KEY, name_of(self.scan), "How Parquet files are scanned."),
        ]
    }
}

/// The configuration that a scheduler or an executor starts with; a client's settings come on top.
pub(super) fn of_process() -> SessionConfig {
    SessionConfig::new_with_ballista().with_option_extension(EgretConfig::default())
}

/// Refuses a client of another version.
pub(super) fn same_version(config: &SessionConfig, who: &str) -> PlanResult<()> {
    let client = config.options().extensions.get::<EgretConfig>().map_or("", |egret| egret.version.as_str());
    if client == VERSION {
        return Ok(());
    }
    let client = if client.is_empty() { "none" } else { client };
    let message = format!("the {who} has version {VERSION} of egret, the client {client}");
    let help = "use the same version of egret on all machines";
    Err(external(Error::new(Kind::Cluster, message).with_help(help)))
}

/// Whether executors let dictionaries decide rows.
pub(super) fn scans_dictionaries(config: &SessionConfig) -> bool {
    config.options().extensions.get::<EgretConfig>().is_none_or(|egret| egret.scan == Scan::Dictionary)
}

impl RemoteOptions {
    /// Sets what plans need to be cut into stages.
    pub(super) fn settle(&self, config: &mut SessionConfig) -> Result<()> {
        let settings = [
            ("datafusion.execution.target_partitions", self.partitions.to_string().as_str()),
            // The scheduler knows none.
            ("datafusion.optimizer.enable_round_robin_repartition", "false"),
            // These are filled by nodes of other stages while they run: a scan would wait for ever.
            ("datafusion.optimizer.enable_dynamic_filter_pushdown", "false"),
            // Its results are kept in the memory of one process.
            ("datafusion.optimizer.enable_physical_uncorrelated_scalar_subquery", "false"),
            // It does not spill, and each task would hold what it is made of.
            ("datafusion.optimizer.prefer_hash_join", "false"),
            // A task reads the files that it was given.
            ("datafusion.execution.enable_file_stream_work_stealing", "false"),
        ]
        .map(|(key, value)| (key, value.to_owned()));
        for (key, value) in settings {
            config.options_mut().set(key, &value).map_err(engine_error)?;
        }
        Ok(())
    }

    /// The settings that go along with a plan.
    pub(super) fn settings(&self, config: &SessionConfig) -> Vec<KeyValuePair> {
        let pair = |key: &str, value: &str| KeyValuePair { key: key.to_owned(), value: Some(value.to_owned()) };
        let entries = config.options().entries().into_iter().filter(|entry| entry.value.is_some());
        let mut pairs: Vec<_> = entries.map(|entry| KeyValuePair { key: entry.key, value: entry.value }).collect();
        pairs.extend([
            pair(VERSION_KEY, VERSION),
            pair(SCAN_KEY, name_of(self.scan)),
            pair(BALLISTA_ADAPTIVE_PLANNER_ENABLED, "false"),
            // What a task met is told of its part: a part that runs again replaces its own report alone.
            pair(BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, "1"),
            pair(BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE, &LARGEST_MESSAGE.to_string()),
            // The plan is cut as it was planned.
            pair("datafusion.optimizer.repartition_file_scans", "false"),
        ]);
        pairs
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use ballista_core::extension::SessionConfigHelperExt;

    use super::*;

    fn options(scan: Scan) -> RemoteOptions {
        let partitions = NonZeroUsize::new(4).unwrap();
        RemoteOptions { scheduler: String::new(), client: String::new(), partitions, timeout: Duration::ZERO, scan }
    }

    #[test]
    fn settings_arrive_and_are_handed_on() {
        let options = options(Scan::Stock);
        let mut client = SessionConfig::new();
        options.settle(&mut client).unwrap();
        let scheduler = of_process().update_from_key_value_pair(&options.settings(&client));
        let executor = of_process().update_from_key_value_pair(&scheduler.to_key_value_pairs());
        for config in [&scheduler, &executor] {
            same_version(config, "scheduler").unwrap();
            assert!(!scans_dictionaries(config));
            assert_eq!(config.target_partitions(), 4);
            assert!(!config.options().optimizer.repartition_file_scans);
            assert!(!config.options().optimizer.enable_dynamic_filter_pushdown);
            assert!(!config.ballista_adaptive_query_planner_enabled());
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut settings = options(Scan::Dictionary).settings(&SessionConfig::new());
        for pair in &mut settings {
            if pair.key == VERSION_KEY {
                pair.value = Some("0.0.9".to_owned());
            }
        }
        let other = of_process().update_from_key_value_pair(&settings);
        assert!(same_version(&other, "executor").unwrap_err().to_string().contains("the client 0.0.9"));
        assert!(same_version(&of_process(), "executor").unwrap_err().to_string().contains("the client none"));
    }
}
