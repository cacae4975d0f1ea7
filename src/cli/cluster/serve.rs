//! Processes that serve until they are stopped, and what they tell.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use log::{LevelFilter, Log, Metadata, Record};
use tokio::signal::unix::{SignalKind, signal};

use super::LogLevel;
use crate::cli::args::ResourceArgs;
use crate::cli::report::Console;
use crate::cli::{WORKER_STACK, threads};
use crate::error::{Error, Kind, Result};

/// Why what served ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// By a signal.
    Asked,
    /// By itself.
    Itself,
}

/// What a signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Ends the work at once.
    Ends,
    /// Ends it when it has done what it does, since it looks for signals itself; a second one ends it at once.
    IsSeen,
}

/// The variable that says how large the stacks of threads are which libraries start.
const STACKS: &str = "RUST_MIN_STACK";

/// Makes sure that tasks, whose threads Ballista starts, have the stacks that this program's own threads have: begins the
/// program anew with the variable that says so, if it is not set.
///
/// # Errors
/// Where the program cannot be begun anew.
pub(super) fn with_roomy_threads() -> Result<()> {
    if std::env::var_os(STACKS).is_some() { Ok(()) } else { Err(begin_anew()) }
}

/// Puts the program in the place of itself, as it was called; the error says why it did not.
pub(super) fn begin_anew() -> Error {
    let failed = |e: std::io::Error| Error::new(Kind::Resource, "the program cannot be begun anew").with_source(e);
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(error),
    };
    let mut again = std::process::Command::new(program);
    again.args(std::env::args_os().skip(1));
    if std::env::var_os(STACKS).is_none() {
        again.env(STACKS, WORKER_STACK.to_string());
    }
    failed(std::os::unix::process::CommandExt::exec(&mut again))
}

/// Threads beside those of tasks: what sends rows must not keep the process from saying that it is there.
const SPARE_THREADS: usize = 2;

/// Drives `work`, which ends by itself, or at Ctrl-C or SIGTERM.
pub(super) fn serve(
    resources: &ResourceArgs,
    (level, console): (LogLevel, Console),
    at_signal: Signal,
    work: impl Future<Output = Result<()>>,
) -> Result<Stopped> {
    tell(level, console);
    let runtime = threads(resources, SPARE_THREADS)?;
    let asked = AtomicBool::new(false);
    let result = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())
            .map_err(|e| Error::new(Kind::Engine, "signals cannot be received").with_source(e))?;
        let mut work = std::pin::pin!(work);
        let mut signalled = async || {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::select! {
            result = &mut work => return result,
            () = signalled() => asked.store(true, Ordering::Release),
        }
        if at_signal == Signal::Ends {
            return Ok(());
        }
        tokio::select! {
            result = work => result,
            () = signalled() => Ok(()),
        }
    });
    // What blocks must not hold up the end.
    runtime.shutdown_background();
    result.map(|()| if asked.load(Ordering::Acquire) { Stopped::Asked } else { Stopped::Itself })
}

/// The host of an address, as a part of a URL.
pub(super) fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}

/// A name that no other process has.
pub(super) fn unique(what: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = format!("{what} {} {}", std::process::id(), since.as_nanos());
    format!("{what}-{}", uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, text.as_bytes()).simple())
}

/// Writes what libraries log to the console.
struct Told(Console);

impl Log for Told {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.note(&format!("{} {}: {}", record.level(), record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

fn tell(level: LogLevel, console: Console) {
    log::set_max_level(match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
    });
    // Whoever embeds the program may log in another way.
    let _ = log::set_boxed_logger(Box::new(Told(console)));
}
