//! A shell for SQL: lines edited and remembered, a query ends with `;`.

use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};

use super::sql::Query;
use crate::error::{Error, Kind, Result};

/// Reads queries until Ctrl-D and runs each; a query that fails is told and the shell goes on.
pub(super) async fn read_lines(query: &Query<'_>) -> Result<u8> {
    let failed = |e: ReadlineError| Error::new(Kind::Usage, "the terminal cannot be read").with_source(e);
    let config = Config::builder().auto_add_history(false).build();
    let mut editor = DefaultEditor::with_config(config).map_err(failed)?;
    let history = history_file();
    if let Some(path) = &history {
        // The first shell of a user has none.
        let _ = editor.load_history(path);
    }
    query.console.note("a query ends with `;`, Ctrl-D leaves");
    let mut text = String::new();
    loop {
        let prompt = if text.is_empty() { "egret> " } else { "  ...> " };
        // The terminal is read where waiting holds up nobody.
        let (back, line) = tokio::task::spawn_blocking(move || {
            let line = editor.readline(prompt);
            (editor, line)
        })
        .await
        .map_err(|e| Error::new(Kind::Engine, "the terminal's reader ended").with_source(e))?;
        editor = back;
        match line {
            Ok(line) => text.push_str(&line),
            Err(ReadlineError::Interrupted) => {
                text.clear();
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
        if matches!(text.trim(), "exit" | "quit" | "\\q") {
            break;
        }
        if !text.trim_end().ends_with(';') {
            text.push('\n');
            continue;
        }
        let statement = text.trim().trim_end_matches(';').trim().to_owned();
        let _ = editor.add_history_entry(text.trim());
        text.clear();
        if statement.is_empty() {
            continue;
        }
        let done = match query.stdout() {
            Ok(target) => query.run("query", &statement, target).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            query.console.error(&error);
        }
    }
    if let Some(path) = &history {
        // A history that cannot be kept is no reason to fail.
        let _ = editor.save_history(path);
    }
    Ok(0)
}

/// Where lines are remembered: the user's state folder.
fn history_file() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let folder = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home)?.join("egret");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
