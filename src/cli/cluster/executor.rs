//! `egret executor`: runs parts of plans.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::LogLevel;
use crate::cli::args::ResourceArgs;
use crate::cli::report::Console;
use crate::error::Result;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret executor --scheduler http://127.0.0.1:50050
  egret executor --scheduler http://10.0.0.1:50050 --bind 0.0.0.0:50051 --work-dir /var/egret --memory-limit 8GiB

It reads the locations of queries itself, with the credentials of its own environment: a path on disk must lead to the
same files on all machines. --memory-limit is for all its tasks together. Ctrl-C and SIGTERM stop it once the tasks that
run have ended. Where its scheduler goes away, it works for the next that listens there.")]
pub(in crate::cli) struct ExecutorArgs {
    /// The scheduler: http://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub(super) scheduler: String,
    /// Where it listens for those that fetch rows
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:50051")]
    pub(super) bind: SocketAddr,
    /// The name or address by which others reach it [default: that of --bind, else the one that the scheduler sees]
    #[arg(long, value_name = "HOST")]
    pub(super) advertise: Option<String>,
    /// A folder for rows between stages and for what does not fit into memory [default: one of its port, among the
    /// temporary files]
    #[arg(long, value_name = "DIR")]
    pub(super) work_dir: Option<PathBuf>,
    /// Tasks that run at the same time, each on a thread [default: --threads]
    #[arg(long, value_name = "N")]
    pub(super) concurrent_tasks: Option<NonZeroUsize>,
    /// What is told on stderr
    #[arg(long, value_enum, default_value_t)]
    pub(super) log: LogLevel,
}

/// Serves until it is stopped; the result is the exit code.
#[cfg(feature = "cluster")]
pub(in crate::cli) fn executor(args: &ExecutorArgs, resources: &ResourceArgs, console: Console) -> Result<u8> {
    use super::serve::{Signal, Stopped, begin_anew, host, serve, unique, with_roomy_threads};
    use crate::cli::resource;
    use crate::cluster::{Executor, ExecutorOptions};
    use crate::error::{Error, Kind};

    let (url, scheduler, port) = super::address(&args.scheduler, "--scheduler")?;
    with_roomy_threads()?;
    if args.bind.port() == 0 {
        return Err(Error::new(Kind::Usage, format!("--bind {}: expected a port from 1 to 65535", args.bind)));
    }
    let options = ExecutorOptions {
        id: unique("executor"),
        scheduler: (scheduler, port),
        bind: args.bind,
        advertise: args.advertise.clone().or_else(|| (!args.bind.ip().is_unspecified()).then(|| host(args.bind))),
        work_dir: args
            .work_dir
            .clone()
            .unwrap_or_else(|| std::env::temp_dir().join(format!("egret-executor-{}", args.bind.port()))),
        tasks: args.concurrent_tasks.unwrap_or_else(|| resource::threads(resources)).get(),
    };
    let stopped = serve(resources, (args.log, console), Signal::IsSeen, async {
        let executor = Executor::new(options, &resource::options(resources))?;
        console.note(&format!("the executor on {} works for {url}", args.bind));
        executor.serve().await
    })?;
    if stopped == Stopped::Itself {
        console.warning(&format!("the executor on {} broke off; it begins anew", args.bind));
        return Err(begin_anew());
    }
    console.note("the executor is stopped");
    Ok(0)
}

/// Tells that the program was built without it.
#[cfg(not(feature = "cluster"))]
pub(in crate::cli) fn executor(_: &ExecutorArgs, _: &ResourceArgs, _: Console) -> Result<u8> {
    Err(super::missing("executor"))
}
