//! The events: taken or generated, and what queries need to know of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::BenchArgs;
use super::work::{Events, Work};
use crate::cli::progress::Progress;
use crate::cli::report::Console;
use crate::error::{Error, Kind, Result};
use crate::generate::{Config, Layout, generate};

/// Days that generated events cover.
const DAYS: u32 = 30;

/// Private and reserved blocks, for contenders that match them: those of the rule.
const BLOCKS: &str = "'10.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', \
    '192.31.196.0/24', '192.52.193.0/24', '192.168.0.0/16', '192.88.99.0/24', '224.0.0.0/4', '100.64.0.0/10', \
    '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '240.0.0.0/4', '::1/128', 'fe80::/10', \
    'ff00::/8'";

/// The same blocks as an expression over texts of addresses, for contenders without such a function: IPv4 also as mapped
/// into IPv6, letters of either case.
const PATTERN: &str = "^((::[fF]{4}:)?(10[.]|127[.]|169[.]254[.]|172[.](1[6-9]|2[0-9]|3[01])[.]|192[.]0[.]0[.]|192[.]0[.]2[.]|\
    192[.]31[.]196[.]|192[.]52[.]193[.]|192[.]168[.]|192[.]88[.]99[.]|(22[4-9]|23[0-9]|24[0-9]|25[0-5])[.]|\
    100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.]|192[.]175[.]48[.]|198[.]1[89][.]|198[.]51[.]100[.]|\
    203[.]0[.]113[.])|::1$|[fF][eE][89abAB][0-9a-fA-F]:|[fF][fF][0-9a-fA-F]{2}:)";

/// Events in a folder.
#[derive(Debug, Clone)]
pub(super) struct Data {
    folder: PathBuf,
    fields: Vec<String>,
    /// Events in Parquet files.
    pub(super) events: u64,
    /// The hours around all events, RFC 3339.
    start: String,
    end: String,
    /// The hour before the end.
    hour: String,
    addresses: String,
    /// Whether JSON documents hold a list in `event.type`, as ECS asks, or a text.
    lists: bool,
}

impl Data {
    /// The events of `--data`, generated where there are none.
    pub(super) fn open(args: &BenchArgs, console: Console) -> Result<Self> {
        let folder = args.data.clone();
        fs::create_dir_all(&folder).map_err(|e| {
            Error::new(Kind::Output, format!("{}: the folder cannot be made", folder.display())).with_source(e)
        })?;
        let json_rows = args.json_rows.unwrap_or(args.rows / 20);
        for (events, layout, rows) in [
            (Events::Daily, Layout::HiveParquet, args.rows),
            (Events::Single, Layout::FlatParquet, args.rows),
            (Events::Json, Layout::Ndjson, json_rows),
        ] {
            let out = folder.join(name(events));
            if !out.exists() {
                make(&out, layout, rows, console)?;
            }
        }
        let daily = folder.join(name(Events::Daily));
        let ask = |query: &str| ask(&daily, query);
        let all = ask("SELECT events, start, hour, hour + INTERVAL '1 hour' AS end FROM (SELECT count(*) AS events, \
             date_trunc('hour', min(@timestamp)) AS start, \
             date_trunc('hour', max(@timestamp) - INTERVAL '1 millisecond') AS hour FROM events)")?;
        let all = all.first().cloned().unwrap_or_default();
        let instant = |name: &str| {
            let text = all.get(name).and_then(Value::as_str).unwrap_or_default();
            text.replace(".000Z", "Z")
        };
        // Neither the busiest addresses nor all: five hundred from the middle.
        let addresses = ask(
            "SELECT ip FROM (SELECT destination.ip AS ip, count(*) AS n FROM events WHERE destination.ip IS NOT NULL \
             GROUP BY destination.ip) ORDER BY n DESC, ip LIMIT 500 OFFSET 500",
        )?;
        let quoted = addresses.iter().filter_map(|row| Some(format!("'{}'", row.get("ip")?.as_str()?)));
        let fields = ask("SELECT * FROM events LIMIT 1")?;
        Ok(Self {
            fields: fields.first().and_then(Value::as_object).into_iter().flat_map(|row| row.keys().cloned()).collect(),
            events: all.get("events").and_then(Value::as_u64).unwrap_or(0),
            start: instant("start"),
            end: instant("end"),
            hour: instant("hour"),
            addresses: quoted.collect::<Vec<_>>().join(", "),
            lists: lists(&folder.join(name(Events::Json)))?,
            folder,
        })
    }

    /// Whether events have a field.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|name| name == field)
    }

    pub(super) fn start(&self) -> &str {
        &self.start
    }

    pub(super) fn end(&self) -> &str {
        &self.end
    }

    /// Where events of a kind lie.
    pub(super) fn path(&self, events: Events) -> PathBuf {
        self.folder.join(name(events))
    }

    /// The same as a glob of files.
    pub(super) fn glob(&self, events: Events) -> String {
        let path = self.path(events);
        let path = if events == Events::Daily { path.join("*/*.parquet") } else { path };
        path.display().to_string()
    }

    /// What stands in queries for names in braces.
    pub(super) fn facts(&self, work: &Work) -> BTreeMap<&'static str, String> {
        let listed = |text: &str| if self.lists { text.to_owned() } else { String::new() };
        BTreeMap::from([
            ("many", listed("[]")),
            ("first", listed("[1]")),
            ("place", listed(", 1")),
            ("events", self.glob(work.events)),
            ("start", self.start.clone()),
            ("end", self.end.clone()),
            ("hour", self.hour.clone()),
            ("addresses", self.addresses.clone()),
            ("blocks", BLOCKS.to_owned()),
            ("pattern", PATTERN.to_owned()),
        ])
    }
}

/// Whether the first document of a file holds a list in `event.type`.
fn lists(file: &Path) -> Result<bool> {
    let failed = |why: String| Error::new(Kind::Input, format!("{}: {why}", file.display()));
    let opened = fs::File::open(file).map_err(|e| failed(e.to_string()))?;
    let first = io::BufReader::new(opened).lines().next().transpose().map_err(|e| failed(e.to_string()))?;
    let document: Value = serde_json::from_str(&first.unwrap_or_default()).map_err(|e| failed(e.to_string()))?;
    Ok(document["event"]["type"].is_array())
}

const fn name(events: Events) -> &'static str {
    match events {
        Events::Daily => "daily",
        Events::Single => "single.parquet",
        Events::Json => "events.ndjson",
    }
}

fn make(out: &Path, layout: Layout, rows: u64, console: Console) -> Result<()> {
    let mut config = Config::new(out, layout);
    config.rows = rows;
    config.days = DAYS;
    config.agents = 5_000;
    config.planted = Some(out.with_extension("planted.csv"));
    config.force = true;
    let progress = Progress::new(console, &format!("generate {}", out.display()), 0);
    generate(&config, &mut |rows| {
        progress.rows(rows);
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// What Egret says of the events.
fn ask(events: &Path, query: &str) -> Result<Vec<Value>> {
    let failed = |why: String| Error::new(Kind::Input, format!("{}: {why}", events.display()));
    let program = std::env::current_exe().map_err(|e| failed(e.to_string()))?;
    let mut command = Command::new(program);
    command.arg("sql").arg(query).arg("--events").arg(events).args(["--format", "ndjson", "--quiet"]);
    let output = command.output().map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
    }
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().map(|line| serde_json::from_str(line).map_err(|e| failed(e.to_string()))).collect()
}
