//! What is done: `works.toml`, and the queries that stand in a folder beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Kind, Result};

/// Which of the events a work reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Events {
    /// A Parquet file a day.
    Daily,
    /// One Parquet file.
    Single,
    /// One file of JSON lines.
    Json,
}

/// A question that all contenders answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Work {
    pub(super) name: String,
    pub(super) title: String,
    /// The folder of the queries.
    queries: PathBuf,
    pub(super) events: Events,
    /// Whole processes are compared.
    #[serde(default)]
    pub(super) process: bool,
    /// A field that not all events have.
    pub(super) field: Option<String>,
    /// Egret replays executions.
    #[serde(default)]
    pub(super) replay: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Works {
    work: Vec<Work>,
}

/// The works of `peers/works.toml` that are asked for, all where none is.
pub(super) fn load(peers: &Path, asked: &[String]) -> Result<Vec<Work>> {
    let file = peers.join("works.toml");
    let text = read(&file)?;
    let works: Works = toml::from_str(&text)
        .map_err(|e| Error::new(Kind::Input, format!("{}: no list of works", file.display())).with_source(e))?;
    if let Some(unknown) = asked.iter().find(|name| works.work.iter().all(|work| work.name != **name)) {
        let names: Vec<&str> = works.work.iter().map(|work| work.name.as_str()).collect();
        return Err(Error::new(Kind::Usage, format!("no work is named `{unknown}`")).with_help(format!(
            "{} has {}",
            file.display(),
            names.join(", ")
        )));
    }
    let mut works = works.work;
    works.retain(|work| asked.is_empty() || asked.contains(&work.name));
    for work in &mut works {
        work.queries = peers.join(&work.queries);
    }
    Ok(works)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).map_err(|e| {
        Error::new(Kind::Input, format!("{}: cannot be read", file.display()))
            .with_source(e)
            .with_help("--peers names the folder of works.toml; it stands in benches/peers of the repository")
    })
}

impl Work {
    /// The query of each contender, by the name of its file.
    pub(super) fn queries(&self) -> Result<BTreeMap<String, PathBuf>> {
        let entries = fs::read_dir(&self.queries).map_err(|e| {
            Error::new(Kind::Input, format!("{}: no folder of queries", self.queries.display())).with_source(e)
        })?;
        let files = entries.flatten().map(|entry| entry.path());
        let named = files.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)));
        Ok(named.collect())
    }
}

/// The text of a query with what its events tell in the place of names in braces.
pub(super) fn filled(query: &Path, facts: &BTreeMap<&str, String>) -> Result<String> {
    let mut text = read(query)?;
    for (name, fact) in facts {
        text = text.replace(&format!("{{{name}}}"), fact);
    }
    Ok(text)
}
