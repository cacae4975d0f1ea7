//! `egret completions`: a completion script for a shell.

use clap::Args;
use clap_complete::Shell;

use super::report::stdout_error;
use crate::error::Result;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  egret completions bash > /etc/bash_completion.d/egret\n  egret completions zsh > \"${fpath[1]}/_egret\""
)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script to stdout.
pub(super) fn print(args: &CompletionsArgs, command: &mut clap::Command) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "egret", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script).or_else(stdout_error)?;
    Ok(0)
}
