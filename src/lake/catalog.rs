//! A catalogue: a TOML file that names tables once, with what is to know of each.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use toml::de::DeValue;

use super::delta::AsOf;
use super::ecs;
use super::folders::{Folders, Pattern};
use super::mapping::Mapping;
use super::partition::TIMESTAMP;
use super::select;
use super::sheet::{self, Sheet};
use super::store::Format;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Kind, Result};
use crate::interval::Interval;

const KEYS: [&str; 9] =
    ["fields", "format", "lateness", "location", "mapping", "partition", "time", "timestamp", "version"];
const LOCATION: &str =
    "expected a file, a folder, a glob, or a list of them, such as location = \"events/\" or \"s3://bucket/events/\"";

/// A table before its files are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// The name that FROM knows it by.
    pub name: String,
    /// Where its files lie.
    pub locations: Vec<String>,
    /// The format of its files; others are left alone. `None`: both.
    pub format: Option<Format>,
    /// Whether each location must be a Delta table.
    pub delta: bool,
    /// The version of its Delta tables; `None`: the latest.
    pub as_of: Option<AsOf>,
    /// How long after its `@timestamp` an event may be ingested.
    pub lateness: Option<TimeDelta>,
    /// The times that its folders are named after.
    pub folders: Option<Folders>,
    /// Its fields under other names.
    pub mapping: Mapping,
}

impl TableSpec {
    /// The table of one location of which nothing more is known.
    pub fn new(name: &str, location: &str) -> Self {
        Self {
            name: name.to_owned(),
            locations: vec![location.to_owned()],
            format: None,
            delta: false,
            as_of: None,
            lateness: None,
            folders: None,
            mapping: Mapping::default(),
        }
    }
}

/// Tables that a file names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    /// The tables, sorted by name.
    pub tables: Vec<TableSpec>,
}

impl Catalog {
    /// The name of the file that is read where none is named.
    pub const FILE: &str = "egret.toml";

    /// The patterns of FROM that match none of the tables.
    pub fn unmatched<P: AsRef<str>>(&self, patterns: &[P]) -> Vec<String> {
        let names: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
        select::select(patterns, &names, None).unmatched
    }

    /// The catalogue of a file.
    ///
    /// # Errors
    /// A file that cannot be read; all that is wrong with it or with the mappings that it names.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = text_of(path, "catalogue")?;
        Self::parse(&name, &text, path.parent().unwrap_or(Path::new("")))
    }

    /// The catalogue of the text of a file named `name`; its locations and the files of mappings are below `folder`.
    ///
    /// ```
    /// use std::path::Path;
    /// use egret::lake::Catalog;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let text = r#"
    /// [tables.logs-network]
    /// location = "lake/network"
    /// partition = "%Y/%m/%d"
    /// mapping = "ocsf-network-activity"
    /// "#;
    /// let catalog = Catalog::parse("egret.toml", text, Path::new("/data"))?;
    /// assert_eq!(catalog.tables[0].locations, ["/data/lake/network"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`Catalog::open`].
    pub fn parse(name: &str, text: &str, folder: &Path) -> Result<Self> {
        let drafts = sheet::read(name, text, |file| {
            file.only(&["tables"]);
            let Some(all) = file.sheet("tables") else {
                if file.value("tables").is_none() {
                    file.wrong(file.span, "expected tables, found none", "write [tables.NAME] and a location below it");
                }
                return Vec::new();
            };
            let sheets = all.entries().filter_map(|(name, at, value)| Some((name, all.below(name, at, value)?)));
            sheets.map(|(name, sheet)| table(name, &sheet, folder)).collect()
        })?;
        let mut tables = Vec::with_capacity(drafts.len());
        for (mut table, mapping) in drafts {
            if let Some(path) = mapping {
                let file = Mapping::parse(&path.display().to_string(), &text_of(&path, "mapping")?)?;
                table.mapping = file.with(table.mapping);
            }
            tables.push(table);
        }
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { tables })
    }
}

/// One table, and the file of its mapping where it names one.
fn table(name: &str, sheet: &Sheet<'_>, folder: &Path) -> (TableSpec, Option<PathBuf>) {
    sheet.only(&KEYS);
    let mut spec = TableSpec { locations: Vec::new(), ..TableSpec::new(name, "") };
    if name.is_empty() || name.contains(['*', ',', ':']) || name.starts_with('-') {
        let message = format!("expected the name of a table, found `{name}`");
        sheet.wrong(sheet.span, message, "a name is not empty, starts with no -, and holds no *, comma or colon");
    }
    let unquoted = sheet.entries().find(|(key, _, value)| value.get_ref().is_table() && !KEYS.contains(key));
    if let (None, Some((rest, ..))) = (sheet.value("location"), unquoted) {
        sheet.missing("location", &format!("a name with dots stands in quotes: [tables.\"{name}.{rest}\"]"));
    } else if sheet.value("location").is_none() {
        sheet.missing("location", LOCATION);
    }
    for (location, at) in sheet.texts("location") {
        match location {
            "" | "-" => sheet.wrong(at, format!("expected a location, found `{location}`"), LOCATION),
            _ if location.contains("://") => spec.locations.push(location.to_owned()),
            _ => spec.locations.push(folder.join(location).to_string_lossy().into_owned()),
        }
    }
    spec.format = match sheet.text("format") {
        None => None,
        Some(("parquet", _)) => Some(Format::Parquet),
        Some(("json", _)) => Some(Format::Json),
        Some(("delta", _)) => {
            spec.delta = true;
            None
        }
        Some((other, at)) => {
            let help = "expected parquet, json or delta; without the key all are read";
            sheet.wrong(at, format!("expected a format, found `{other}`"), help);
            None
        }
    };
    spec.as_of = as_of(sheet);
    spec.lateness = sheet.text("lateness").and_then(|(text, at)| {
        let wrong = |diagnostic: Diagnostic| sheet.wrong(at, diagnostic.message, diagnostic.help.unwrap_or_default());
        Interval::parse(text).map_err(wrong).ok().map(|lateness| lateness.length())
    });
    let time = sheet.text("time").map(|(field, _)| field);
    spec.folders = folders(sheet, time);
    let mut file = None;
    if let Some((named, at)) = sheet.text("mapping") {
        match Mapping::shipped(named) {
            Some(Ok(mapping)) => spec.mapping = mapping,
            _ if Path::new(named).extension().is_some_and(|e| e == "toml") => file = Some(folder.join(named)),
            _ => {
                let shipped: Vec<_> = Mapping::shipped_names().collect();
                let near = ecs::near(named, shipped.iter().copied());
                let near = near.map_or_else(String::new, |near| format!("the nearest is `{near}`; "));
                let help = format!("{near}expected {}, or the path of a .toml file", shipped.join(", "));
                sheet.wrong(at, format!("no mapping is named `{named}`"), help);
            }
        }
    }
    let own = sheet.sheet("fields").map(|fields| Mapping::read(&fields)).unwrap_or_default();
    let own = time.filter(|time| *time != TIMESTAMP).map_or(own.clone(), |time| own.with_time(time));
    spec.mapping = if file.is_some() { own } else { std::mem::take(&mut spec.mapping).with(own) };
    (spec, file)
}

/// The version of Delta tables: its number, or a time at which it was the latest.
fn as_of(sheet: &Sheet<'_>) -> Option<AsOf> {
    let version = sheet.value("version").and_then(|value| {
        let number = value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
        if number.is_none() {
            sheet.mistyped("version", value, "the number of a version, such as 12,");
        }
        number.map(AsOf::Version)
    });
    let instant = sheet.value("timestamp").and_then(|value| {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(at) => at.to_string(),
            _ => String::new(),
        };
        let instant = AsOf::instant(&text);
        if instant.is_none() {
            sheet.mistyped("timestamp", value, "a time such as 2026-10-01T00:00:00Z");
        }
        if sheet.value("version").is_some() {
            sheet.wrong(sheet::span(value), "expected a version or a timestamp, found both", "leave one of them out");
        }
        instant.map(AsOf::Instant)
    });
    version.or(instant)
}

/// The times that folders are named after: a pattern, or a table with `path` and the `field` that it is of.
fn folders(sheet: &Sheet<'_>, time: Option<&str>) -> Option<Folders> {
    let value = sheet.value("partition")?;
    let (field, (path, at)) = if value.get_ref().is_table() {
        let partition = sheet.sheet("partition")?;
        partition.only(&["field", "path"]);
        if partition.value("path").is_none() {
            partition.missing("path", "expected a pattern of folders, such as path = \"%Y/%m/%d\"");
        }
        (partition.text("field").map(|(field, _)| field), partition.text("path")?)
    } else {
        (None, sheet.text("partition")?)
    };
    // The time of an event has one name in every table.
    let field = field.filter(|field| Some(*field) != time).unwrap_or(TIMESTAMP).to_owned();
    match Pattern::parse(path) {
        Ok(pattern) => Some(Folders { field, pattern }),
        Err(message) => {
            let help = "write folders such as %Y/%m/%d, date=%Y-%m-%d or region=*/year=%Y/month=%m/day=%d/hour=%H";
            sheet.wrong(at, format!("{message} in `{path}`"), help);
            None
        }
    }
}

fn text_of(path: &Path, what: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| {
        let found = match e.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            _ => format!("the {what} cannot be read"),
        };
        Error::new(Kind::Usage, format!("{}: {found}", path.display())).with_source(e)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

    use super::*;

    fn told(text: &str) -> String {
        Catalog::parse("egret.toml", text, Path::new("")).unwrap_err().reports()[0].render(false)
    }

    #[test]
    fn tables_with_all_that_is_to_know() {
        let text = r#"
            [tables.b]
            location = ["x", "/y"]
            format = "json"
            time = "ts"
            lateness = "90m"
            partition = { field = "ts", path = "dt=%Y-%m-%d" }
            fields = { "host.name" = "h" }
            [tables."a.1"]
            location = "file:///z"
            partition = { field = "event.ingested", path = "%Y" }
            mapping = "aws-cloudtrail"
        "#;
        let tables = Catalog::parse("egret.toml", text, Path::new("/lake")).unwrap().tables;
        let [a, b] = tables.as_slice() else { panic!("{tables:?}") };
        assert_eq!((a.name.as_str(), b.name.as_str()), ("a.1", "b"));
        assert_eq!(b.locations, ["/lake/x", "/y"]);
        assert_eq!(a.locations, ["file:///z"]);
        assert_eq!((b.format, b.lateness), (Some(Format::Json), Some(TimeDelta::minutes(90))));
        assert_eq!(b.folders.as_ref().unwrap().field, "@timestamp");
        assert_eq!(a.folders.as_ref().unwrap().field, "event.ingested");
        assert_eq!(b.mapping.names().collect::<Vec<_>>(), ["@timestamp", "host.name"]);
        assert!(a.mapping.names().any(|name| name == "event.provider"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, parts) in [
            ("[tables.a]\nlocaton = \"x\"", &["egret.toml:2:1", "no key `localton`", "lacks the key `location`"][..]),
            ("[table.a]", &["egret.toml:1:", "no key `table`", "the nearest key is `tables`"]),
            ("[tables.a]\nlocation = 3", &["egret.toml:2:12", "found the number 3"]),
            (
                "[tables.a]\nlocation = \"x\"\nformat = \"csv\"",
                &["egret.toml:3:10", "found `csv`", "parquet, json or delta"],
            ),
            ("[tables.a]\nlocation = \"x\"\npartition = \"%Y/%d\"", &["egret.toml:3:13", "expected at least %Y"]),
            ("[tables.a]\nlocation = \"x\"\nlateness = \"2 days\"", &["egret.toml:3:12", "found `2 days`"]),
            (
                "[tables.a]\nlocation = \"x\"\nmapping = \"ocsf-network\"",
                &["no mapping is named", "ocsf-network-activity"],
            ),
            (
                "[tables.a]\nlocation = \"x\"\nversion = \"2\"",
                &["egret.toml:3:11", "the number of a version", "the text `2`"],
            ),
            (
                "[tables.a]\nlocation = \"x\"\ntimestamp = \"yesterday\"",
                &["egret.toml:3:13", "found the text `yesterday`"],
            ),
            ("[tables.a]\nlocation = \"x\"\nversion = 1\ntimestamp = 2026-10-01T00:00:00Z", &["found both"]),
            ("[tables.\"a*\"]\nlocation = \"x\"", &["egret.toml:1:", "found `a*`"]),
            ("[tables.a", &["egret.toml:1:"]),
            ("", &["expected tables, found none"]),
        ] {
            let told = told(text);
            for part in parts {
                assert!(told.contains(&part.replace("localton", "locaton")), "{part}\n{told}");
            }
        }
    }
}
