//! `egret scheduler`: cuts plans into parts and gives them to executors.

use std::net::SocketAddr;

use clap::Args;

use super::LogLevel;
use crate::cli::args::ResourceArgs;
use crate::cli::report::Console;
use crate::error::Result;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret scheduler
  egret scheduler --bind 0.0.0.0:50050 --advertise 10.0.0.1

It takes plans of `egret run --cluster` and `egret backtest --cluster`, which must be of the same version. Whoever
reaches its port can run queries: keep it within a network that you trust. Ctrl-C and SIGTERM stop it, and its jobs.")]
pub(in crate::cli) struct SchedulerArgs {
    /// Where it listens; port 0 takes one that is free
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:50050")]
    pub(super) bind: SocketAddr,
    /// The name or address by which executors reach it [default: that of --bind]
    #[arg(long, value_name = "HOST")]
    pub(super) advertise: Option<String>,
    /// How long an executor may be silent before others get its tasks, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(super) executor_timeout: u64,
    /// What is told on stderr
    #[arg(long, value_enum, default_value_t)]
    pub(super) log: LogLevel,
}

/// Serves until it is stopped; the result is the exit code.
#[cfg(feature = "cluster")]
pub(in crate::cli) fn scheduler(args: &SchedulerArgs, resources: &ResourceArgs, console: Console) -> Result<u8> {
    use super::serve::{Signal, Stopped, host, serve};
    use crate::cli::resource;
    use crate::cluster::{Scheduler, SchedulerOptions};
    use crate::error::{Error, Kind};

    let advertise = match &args.advertise {
        Some(host) => host.clone(),
        None if args.bind.ip().is_unspecified() => {
            let message = format!("--bind {}: executors cannot reach this address", args.bind);
            return Err(Error::new(Kind::Usage, message)
                .with_help("name the address by which they reach this machine with --advertise"));
        }
        None => host(args.bind),
    };
    let options = SchedulerOptions { bind: args.bind, advertise, executor_timeout: args.executor_timeout };
    let stopped = serve(resources, (args.log, console), Signal::Ends, async {
        let scheduler = Scheduler::bind(options, &resource::options(resources)).await?;
        console.note(&format!("the scheduler listens on {}", scheduler.address()?));
        scheduler.serve().await
    })?;
    if stopped == Stopped::Asked {
        console.note("the scheduler is stopped");
    }
    Ok(0)
}

/// Tells that the program was built without it.
#[cfg(not(feature = "cluster"))]
pub(in crate::cli) fn scheduler(_: &SchedulerArgs, _: &ResourceArgs, _: Console) -> Result<u8> {
    Err(super::missing("scheduler"))
}
