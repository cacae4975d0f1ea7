//! Several machines: the processes of a cluster, and runs that go there.

mod executor;
#[cfg(feature = "cluster")]
mod serve;
mod scheduler;

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub(super) use self::executor::{ExecutorArgs, executor};
pub(super) use self::scheduler::{SchedulerArgs, scheduler};
use super::args::{LakeArgs, ResourceArgs, parse_duration};
use super::resource;
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::lake::LakeConfig;

/// Whether a cluster does the work, and which.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// Let the cluster of this scheduler (http://HOST:PORT) do the work; its executors read the locations themselves
    #[arg(long, value_name = "URL")]
    cluster: Option<String>,
    /// How long to wait while the cluster has no executor
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration, requires = "cluster")]
    cluster_timeout: Duration,
    /// Into how many parts files are cut at most: some for each task that executors run at the same time
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN.saturating_add(15), requires = "cluster")]
    cluster_partitions: NonZeroUsize,
}

/// How much the processes of a cluster tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum LogLevel {
    /// What went wrong
    Error,
    /// What may go wrong
    #[default]
    Warn,
    /// Every job and task
    Info,
    /// What developers of clusters want to know
    Debug,
}

/// The engine over a lake: of this process, or of the cluster that the flags name.
pub(super) async fn open_engine(
    args: &ClusterArgs,
    lake: &LakeArgs,
    resources: &ResourceArgs,
    config: &LakeConfig,
) -> Result<Engine> {
    let Some(url) = &args.cluster else { return Engine::open(&resource::options(resources), config).await };
    let stdin = lake.events.as_deref() == Some("-") || lake.tables.iter().any(|(_, location)| location == "-");
    if stdin {
        return Err(Error::new(Kind::Usage, "--cluster: standard input is of this machine alone")
            .with_help("store the events where all machines of the cluster find them, and name that place"));
    }
    remote(args, url, resources, config).await
}

#[cfg(feature = "cluster")]
async fn remote(args: &ClusterArgs, url: &str, resources: &ResourceArgs, config: &LakeConfig) -> Result<Engine> {
    use crate::cluster::{Remote, RemoteOptions};
    let options = resource::options(resources);
    let remote = Remote::new(RemoteOptions {
        scheduler: address(url, "--cluster")?.0,
        client: serve::unique("client"),
        partitions: args.cluster_partitions,
        timeout: args.cluster_timeout,
        scan: options.scan,
    });
    Engine::open_elsewhere(&options, config, std::sync::Arc::new(remote)).await
}

#[cfg(not(feature = "cluster"))]
#[expect(clippy::unused_async, reason = "with the feature it opens a lake")]
async fn remote(_: &ClusterArgs, _: &str, _: &ResourceArgs, _: &LakeConfig) -> Result<Engine> {
    Err(missing("--cluster"))
}

/// The refusal of what the program was built without.
#[cfg(not(feature = "cluster"))]
fn missing(what: &str) -> Error {
    Error::new(Kind::Usage, format!("{what}: this egret was built without the feature `cluster`"))
        .with_help("build it with `cargo build --release --features cluster`")
}

/// The URL of a scheduler without more than it takes, its host and its port.
#[cfg(feature = "cluster")]
fn address(url: &str, flag: &str) -> Result<(String, String, u16)> {
    let wrong = || {
        Error::new(Kind::Usage, format!("{flag}: expected http://HOST:PORT, found `{url}`"))
            .with_help("name the place where `egret scheduler` listens, such as http://10.0.0.1:50050")
    };
    let parsed = url::Url::parse(url).map_err(|_| wrong())?;
    let (Some(host), Some(port)) = (parsed.host_str(), parsed.port()) else { return Err(wrong()) };
    if parsed.scheme() != "http" || !["", "/"].contains(&parsed.path()) {
        return Err(wrong());
    }
    Ok((format!("http://{host}:{port}"), host.to_owned(), port))
}

#[cfg(all(test, feature = "cluster"))]
mod tests {
    use super::address;

    #[test]
    fn addresses_of_schedulers() {
        let good = |url| address(url, "--cluster").ok();
        assert_eq!(good("http://a:1/"), Some(("http://a:1".to_owned(), "a".to_owned(), 1)));
        assert_eq!(good("http://[::1]:50050").map(|a| a.2), Some(50050));
        for wrong in ["a:1", "http://a", "https://a:1", "http://a:1/jobs", "file:///a"] {
            assert!(good(wrong).is_none(), "{wrong}");
        }
    }
}
