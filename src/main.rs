//! The `egret` program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(egret::cli::main(std::env::args_os()))
}
