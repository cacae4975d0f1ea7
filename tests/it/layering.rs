//! Who may import whom: data flows one way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module, the modules it may import, and words of outside crates that it must not name.
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("diagnostic", &[], &["datafusion", "tokio", "std::fs"]),
    ("error", &["diagnostic"], &["datafusion", "tokio", "std::fs"]),
    ("interval", &["diagnostic", "error"], &["datafusion", "tokio", "std::fs"]),
    ("esql", &["diagnostic"], &["datafusion", "tokio", "std::fs"]),
    ("rule", &["esql", "interval", "diagnostic", "error"], &["datafusion", "tokio"]),
    ("sql", &["esql", "diagnostic", "error"], &["tokio", "std::fs", "async fn"]),
    ("lake", &["interval", "diagnostic", "error"], &["clap"]),
    ("alert", &["rule", "error"], &["clap", "tokio"]),
    ("generate", &["alert", "error"], &["clap", "tokio"]),
    ("engine", &["rule", "esql", "sql", "lake", "alert", "diagnostic", "error"], &["clap"]),
    ("backtest", &["engine", "rule", "sql", "alert", "error"], &["clap"]),
    ("convert", &["engine", "lake", "alert", "error"], &["clap"]),
    ("cluster", &["engine", "lake", "backtest", "error"], &["clap"]),
    (
        "cli",
        &[
            "diagnostic",
            "error",
            "esql",
            "rule",
            "sql",
            "lake",
            "alert",
            "generate",
            "engine",
            "backtest",
            "convert",
            "cluster",
        ],
        &[],
    ),
];

/// What modules take of the crate of functions: of the languages, how to read them; only an engine calls functions.
const OF_FUNCTIONS: &[(&str, &str)] = &[
    ("sql", "patterns"),
    ("sql", "instant"),
    ("engine", "register_all"),
    ("engine", "scalar_functions"),
    ("engine", "Warning"),
];

fn files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

fn sources() -> (PathBuf, Vec<PathBuf>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&root, &mut all);
    all.sort();
    (root, all)
}

/// The code of a file before its tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap_or("");
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    lines.join("\n")
}

fn module_of(root: &Path, path: &Path) -> String {
    let first = path.strip_prefix(root).unwrap().components().next().unwrap();
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_import_only_from_above() {
    let (root, all) = sources();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for path in all {
        let module = module_of(&root, &path);
        if module == "lib" || module == "main" {
            continue;
        }
        let Some((_, allowed, forbidden)) = TABLE.iter().find(|(name, ..)| *name == module) else {
            wrong.push(format!("{module} stands in no row of the table"));
            continue;
        };
        let text = code(&path);
        for (at, _) in text.match_indices("crate::") {
            let rest = &text[at + "crate::".len()..];
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let known = TABLE.iter().any(|(other, ..)| *other == name);
            if known && name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{} imports {name}", path.display()));
            }
        }
        for word in *forbidden {
            let named = text.contains(word) && !(*word == "datafusion" && module == "sql");
            if named {
                wrong.push(format!("{} names {word}", path.display()));
            }
        }
        // A test may call what it likes.
        let is_test = path
            .strip_prefix(&root)
            .unwrap()
            .components()
            .any(|part| part.as_os_str().to_string_lossy().contains("tests"));
        for (at, _) in text.match_indices("egret_udfs::").filter(|_| !is_test) {
            let rest = &text[at + "egret_udfs::".len()..];
            let known = OF_FUNCTIONS.iter().any(|(name, part)| *name == module && rest.starts_with(part));
            if !known {
                let found = rest.lines().next().unwrap_or_default();
                wrong.push(format!("{} takes {found} of egret_udfs", path.display()));
            }
        }
        if module == "sql" {
            let foreign =
                text.match_indices("datafusion::").any(|(at, _)| !text[at..].starts_with("datafusion::sql::sqlparser"));
            if foreign {
                wrong.push(format!("{} takes more of datafusion than its SQL parser", path.display()));
            }
        }
        seen.insert(module);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen.len(), TABLE.len(), "every row of the table has files");
}

#[test]
fn only_the_command_line_prints() {
    let (root, all) = sources();
    let print = |path: &PathBuf| {
        let text = code(path);
        ["println!", "print!", "eprintln!", "eprint!", "stdout()", "stderr()"].iter().any(|word| text.contains(word))
    };
    let wrong: Vec<_> = all.iter().filter(|path| module_of(&root, path) != "cli" && print(path)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_file_is_one_idea() {
    let (_, all) = sources();
    let long: Vec<_> = all.iter().filter(|path| code(path).lines().count() > 600).collect();
    assert!(long.is_empty(), "split these: {long:?}");
}
