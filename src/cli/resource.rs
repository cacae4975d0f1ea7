//! What the process may use and what it used.

use std::num::NonZeroUsize;

use super::args::{ResourceArgs, ScanArg};
use crate::engine::session::{Options, Scan};

/// Threads to use: as asked for, else all cores.
pub(super) fn threads(args: &ResourceArgs) -> NonZeroUsize {
    args.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// The session's options as the flags say.
pub(super) fn options(args: &ResourceArgs) -> Options {
    let scan = match args.scan {
        ScanArg::Dictionary => Scan::Dictionary,
        ScanArg::Stock => Scan::Stock,
    };
    Options { threads: threads(args), memory_limit: args.memory_limit, spill_dir: None, scan }
}

/// The largest amount of memory that the process held so far, in bytes, where the system tells.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
