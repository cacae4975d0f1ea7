//! Rules of files, folders and standard input.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use uuid::Uuid;

use super::{BARE_RULES, Language, Loaded, Metadata, Origin, Query, Rule, Severity, file};
use crate::diagnostic::{Code, Diagnostic, Report, Span};
use crate::error::{Error, Kind, Result};

/// What a path holds: the rules in order of their paths, and the files that were passed over.
#[derive(Debug, Default)]
pub struct Found {
    /// Each rule, or what is wrong with its file.
    pub rules: Vec<Result<Loaded, Report>>,
    /// TOML files of a folder that hold neither `[rule]` nor `[metadata]`, and links that lead nowhere or in a circle.
    pub skipped: Vec<PathBuf>,
}

/// The rules of a file, or of every `.toml`, `.esql` and `.sql` file below a folder, sorted by path.
///
/// `base` is the working directory: the name of a rule's file and the `rule_id` of a bare query are relative to it.
///
/// # Errors
/// An input error if the path does not exist, cannot be read or holds no rules.
///
/// ```
/// use std::path::Path;
/// let error = egret::rule::load(Path::new("no/such/rules"), Path::new(".")).unwrap_err();
/// assert!(error.to_string().contains("no/such/rules"));
/// ```
pub fn load(path: &Path, base: &Path) -> Result<Found> {
    let place = base.join(path);
    let about = fs::metadata(&place).map_err(|e| unreadable(path, e))?;
    let mut found = Found::default();
    if !about.is_dir() {
        found.rules.push(read_file(&place, path, base)?);
        return Ok(found);
    }
    let mut files = Vec::new();
    collect(&place, path, &mut Vec::new(), &mut files, &mut found.skipped)?;
    files.sort();
    for shown in files {
        let place = base.join(&shown);
        if has_extension(&shown, "toml") && fs::read_to_string(&place).is_ok_and(|text| !file::is_rule(&text)) {
            found.skipped.push(shown);
        } else {
            found.rules.push(read_file(&place, &shown, base)?);
        }
    }
    if found.rules.is_empty() {
        let message = format!("{}: no rules in this folder", path.display());
        return Err(Error::new(Kind::Input, message).with_help("a rule is a .toml, .esql or .sql file, at any depth"));
    }
    Ok(found)
}

/// The bare query that `reader` holds, as standard input does.
///
/// # Errors
/// An input error if the reader fails or holds no UTF-8; the inner result is a report if there is no query.
///
/// ```
/// use egret::rule::{Language, read};
/// let loaded = read(&mut "SELECT 1".as_bytes(), Language::Sql)?.expect("a query");
/// assert_eq!(loaded.rule.name, "stdin");
/// # Ok::<(), egret::error::Error>(())
/// ```
pub fn read(reader: &mut dyn Read, language: Language) -> Result<Result<Loaded, Report>> {
    let mut text = String::new();
    reader.read_to_string(&mut text).map_err(|e| unreadable(Path::new("standard input"), e))?;
    Ok(bare("stdin", &text, language, &text))
}

/// A rule that is only a query; `identity` is what its identifier is derived from.
pub(super) fn bare(name: &str, text: &str, language: Language, identity: &str) -> Result<Loaded, Report> {
    let has_text = text.lines().any(|line| !line.trim().is_empty());
    if !has_text {
        let message = format!("expected a query in {language}, found an empty text");
        return Err(Report::new(name, text, vec![Diagnostic::error(Code::Syntax, Span::new(0, 0), message)]));
    }
    // an editor's byte order mark is no part of the query
    let offset = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let query = Query { text: text.get(offset..).unwrap_or("").to_owned(), offset: Some(offset) };
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    let rule = Rule {
        origin: Origin { name: name.to_owned(), text: text.to_owned() },
        rule_id: Uuid::new_v5(&BARE_RULES, identity.as_bytes()),
        name: stem.to_owned(),
        description: String::new(),
        severity: Severity::Low,
        risk_score: 21,
        version: 1,
        revision: 0,
        immutable: false,
        tags: Vec::new(),
        threat: Vec::new(),
        language,
        query,
        schedule: None,
        max_signals: None,
        timestamp_override: None,
        timestamp_override_fallback_disabled: false,
        author: Vec::new(),
        license: None,
        references: Vec::new(),
        false_positives: Vec::new(),
        note: None,
        setup: None,
        alert_suppression: None,
        exceptions_list: Vec::new(),
        investigation_fields: Vec::new(),
        severity_mapping: Vec::new(),
        risk_score_mapping: Vec::new(),
        rule_name_override: None,
        building_block_type: None,
        filters: Vec::new(),
        enabled: true,
        metadata: Metadata::default(),
    };
    Ok(Loaded { rule, warnings: Report::new(name, text, Vec::new()) })
}

fn read_file(place: &Path, shown: &Path, base: &Path) -> Result<Result<Loaded, Report>> {
    let bytes = fs::read(place).map_err(|e| unreadable(shown, e))?;
    let name = shown.display().to_string();
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let message = "expected UTF-8 text, found other bytes";
            let span = Span::new(valid, valid + char::REPLACEMENT_CHARACTER.len_utf8());
            return Ok(Err(Report::new(name, text, vec![Diagnostic::error(Code::Toml, span, message)])));
        }
    };
    Ok(match Language::of_path(&name) {
        Some(language) => bare(&name, &text, language, &identity(shown, base)),
        None => file::parse(&name, &text),
    })
}

/// The files below `place` that may hold rules, as paths below `shown`.
fn collect(
    place: &Path,
    shown: &Path,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<PathBuf>,
    skipped: &mut Vec<PathBuf>,
) -> Result<()> {
    let real = fs::canonicalize(place).map_err(|e| unreadable(shown, e))?;
    if above.contains(&real) {
        skipped.push(shown.to_owned());
        return Ok(());
    }
    above.push(real);
    for entry in fs::read_dir(place).map_err(|e| unreadable(shown, e))? {
        let entry = entry.map_err(|e| unreadable(shown, e))?;
        let name = entry.file_name();
        let (place, shown) = (entry.path(), shown.join(&name));
        let is_rule = ["toml", "esql", "sql"].into_iter().any(|extension| has_extension(&shown, extension));
        match fs::metadata(&place) {
            // hidden folders hold what tools keep, not rules
            Ok(about) if about.is_dir() => {
                if !name.to_string_lossy().starts_with('.') {
                    collect(&place, &shown, above, files, skipped)?;
                }
            }
            Ok(_) if is_rule => files.push(shown),
            Ok(_) => {}
            Err(_) if is_rule => skipped.push(shown),
            Err(_) => {}
        }
    }
    above.pop();
    Ok(())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// The path below `base` with `/` between its parts, without `.` and `..` where that is possible.
pub(super) fn identity(path: &Path, base: &Path) -> String {
    let (whole, base) = (normal(&base.join(path)), normal(base));
    let below = whole.strip_prefix(&base).unwrap_or(&whole);
    let parts = below.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "not readable: permission denied".to_owned(),
        std::io::ErrorKind::InvalidData => "expected UTF-8 text, found other bytes".to_owned(),
        _ => error.to_string(),
    };
    Error::new(Kind::Input, format!("{}: {reason}", path.display()))
        .with_help("give a .toml, .esql or .sql file, or a folder of them")
        .with_source(error)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    fn id(path: &str, base: &str) -> String {
        identity(Path::new(path), Path::new(base))
    }

    #[test]
    fn a_file_is_the_same_rule_however_its_path_is_written() {
        for path in ["rules/a.esql", "./rules/a.esql", "rules/../rules/./a.esql", "/home/me/rules/a.esql"] {
            assert_eq!(id(path, "/home/me"), "rules/a.esql", "{path}");
        }
        assert_eq!(id("../a.esql", "/home/me"), "home/a.esql");
        assert_eq!(id("/a.esql", "/"), "a.esql");
        assert_eq!(id("rules/a.esql", "."), "rules/a.esql");
        let by_name = Rule::from_text("./rules/b/../a.esql", "FROM x").unwrap().rule;
        let by_path = bare("./rules/a.esql", "FROM x", Language::Esql, &id("./rules/a.esql", "/home/me")).unwrap().rule;
        assert_eq!(by_name.rule_id, by_path.rule_id);
    }

    #[test]
    fn standard_input_is_known_by_its_text() {
        let rule = |text: &str| read(&mut text.as_bytes(), Language::Esql).unwrap().unwrap().rule;
        assert_eq!(rule("FROM a").rule_id, rule("FROM a").rule_id);
        assert_ne!(rule("FROM a").rule_id, rule("FROM b").rule_id);
        assert!(read(&mut " \n".as_bytes(), Language::Sql).unwrap().is_err());
        assert_eq!(read(&mut [0xff_u8].as_slice(), Language::Sql).unwrap_err().kind(), Kind::Input);
    }

    #[test]
    fn a_byte_order_mark_is_no_query() {
        let rule = Rule::from_text("a.sql", "\u{feff}SELECT 1").unwrap().rule;
        assert_eq!((rule.query.text.as_str(), rule.query.offset), ("SELECT 1", Some(3)));
    }

    #[test]
    fn folders_at_any_depth() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        for (name, text) in [
            ("rules/b.esql", "FROM b"),
            ("rules/_deprecated/a.sql", "SELECT 1"),
            ("rules/wrong.toml", "[rule]\nname = 1"),
            ("rules/pyproject.toml", "[tool]\nx = 1"),
            ("rules/.git/c.esql", "FROM c"),
            ("rules/README.md", "text"),
            ("rules/bytes.esql", "\u{1}"),
        ] {
            let path = base.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::write(base.join("rules/bytes.esql"), b"FROM \xff").unwrap();
        let found = load(Path::new("rules"), base).unwrap();
        let name = |rule: &Result<Loaded, Report>| match rule {
            Ok(loaded) => loaded.rule.origin.name.clone(),
            Err(report) => format!("!{}", report.name),
        };
        let names: Vec<_> = found.rules.iter().map(name).collect();
        assert_eq!(names, ["rules/_deprecated/a.sql", "rules/b.esql", "!rules/bytes.esql", "!rules/wrong.toml"]);
        assert_eq!(found.skipped, [PathBuf::from("rules/pyproject.toml")]);
        assert_eq!(load(Path::new("rules/.git"), base).unwrap().rules.len(), 1);
        assert!(load(Path::new("rules/pyproject.toml"), base).unwrap().rules[0].is_err());
        fs::create_dir(base.join("empty")).unwrap();
        assert!(load(Path::new("empty"), base).unwrap_err().to_string().contains("no rules"));
        assert!(load(Path::new("missing"), base).unwrap_err().to_string().contains("no such file"));
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_end() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.esql"), "FROM a").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        let found = load(Path::new("."), folder.path()).unwrap();
        assert_eq!((found.rules.len(), found.skipped.len()), (1, 1));
    }
}
