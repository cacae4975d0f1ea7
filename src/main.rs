//! The `egret` program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_memory();
    ExitCode::from(egret::cli::main(std::env::args_os()))
}

/// Lets the allocator keep what it is given back, in as few pools as there are cores.
///
/// A scan allocates a buffer for each page of a file, some hundred kilobytes to megabytes. The GNU allocator would ask the
/// kernel for each and give it back at once, and the kernel fills it with zeros: a fifth of the time of a scan.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the only way to set the allocator from inside of the process")]
fn keep_memory() {
    /// Largest buffer, in bytes, that is taken from what was given back.
    const KEPT_BUFFER: i32 = 32 << 20;
    /// Bytes that a pool keeps.
    const KEPT: i32 = 64 << 20;
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    let pools = i32::try_from(cores).unwrap_or(i32::MAX).max(2);
    for (what, value) in
        [(libc::M_MMAP_THRESHOLD, KEPT_BUFFER), (libc::M_TRIM_THRESHOLD, KEPT), (libc::M_ARENA_MAX, pools)]
    {
        // SAFETY: `mallopt` takes two numbers and refuses what it does not know; no other thread runs yet.
        unsafe { libc::mallopt(what, value) };
    }
}

/// Other allocators stay as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn keep_memory() {}
