//! The `egret` program: arguments in, exit code out.

use std::process::ExitCode;

/// Scans free and allocate buffers of a megabyte all the time: the system's allocator gives them back to the kernel and
/// takes them again, page by page.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(egret::cli::main(std::env::args_os()))
}
