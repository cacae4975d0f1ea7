//! Bad input, each tried as a new user would: a clear error, the right exit code, nothing lost, no panic.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::program::{Ran, egret, egret_with, root};

const PARQUET: &str = "data/events.parquet";
const RULE: &str = "data/rules/egress-unusual-executable.toml";

/// A folder for the files of a test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    /// The path of a new file.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }
}

/// `egret sql QUERY --events EVENTS`, checked for what no run may do.
fn sql(query: &str, events: &str) -> Ran {
    sane(egret(&["sql", query, "--events", events, "--quiet"]))
}

/// The same run, which neither panicked nor was killed, and said why it failed.
fn sane(ran: Ran) -> Ran {
    assert!(matches!(ran.code, 0..=3), "exit code {}\n{}", ran.code, ran.stderr);
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("RUST_BACKTRACE"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("Error during planning") && !ran.stderr.contains("bug report"), "{}", ran.stderr);
    if matches!(ran.code, 1 | 2) {
        assert!(ran.stderr.contains("error"), "a failure without a reason\n{}", ran.stderr);
    }
    ran
}

/// A failure with this code that says each of `hints` and leaves stdout empty.
fn fails(ran: Ran, code: i32, hints: &[&str]) {
    let ran = sane(ran).expect(code);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    for hint in hints {
        assert!(ran.stderr.contains(hint), "does not say `{hint}`:\n{}", ran.stderr);
    }
}

const ALL: &str = "SELECT * FROM events";

#[test]
fn what_is_not_there_is_named() {
    let folder = Folder::new();
    let missing = folder.path("missing.ndjson");
    fails(sql(ALL, &missing), 1, &[&missing, "no such file"]);
    fails(egret(&["run", RULE, "--lake", &missing]), 1, &[&missing]);
    fails(egret(&["run", RULE, "--table", &format!("x={missing}")]), 1, &[&missing]);
    fs::create_dir(folder.path("empty")).unwrap();
    fails(sql(ALL, &folder.path("empty")), 1, &["empty: no file with events", ".parquet"]);
    fails(sql(ALL, &folder.path("*.nope")), 1, &["*.nope: no file with events matches"]);
    folder.file("readme.md", "# not events");
    fails(sql(ALL, &folder.path("readme.md")), 1, &["neither Parquet nor JSON"]);
    fails(egret(&["run", &folder.path("no.toml"), "--events", PARQUET]), 1, &["no.toml", ".esql or .sql"]);
    fails(egret(&["run", &folder.path("empty"), "--events", PARQUET]), 1, &["no rules in this folder"]);
    fails(egret(&["sql", "--file", &folder.path("no.sql"), "--events", PARQUET]), 1, &["no.sql"]);
}

/// Permissions do not stop root, so the program runs as somebody else then.
#[cfg(unix)]
#[test]
fn what_may_not_be_read_or_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mode = |name: &str, mode| fs::set_permissions(folder.path(name), fs::Permissions::from_mode(mode)).unwrap();
    fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["secret.parquet", "secret.ndjson", "open.ndjson"] {
        folder.file(name, "{\"a\":1}\n");
    }
    fs::copy(root().join(PARQUET), folder.path("secret.parquet")).unwrap();
    for name in ["locked", "readonly"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    folder.file("locked/a.ndjson", "{\"a\":1}\n");
    for (name, bits) in [
        ("secret.parquet", 0o000),
        ("secret.ndjson", 0o000),
        ("open.ndjson", 0o644),
        ("locked", 0o000),
        ("readonly", 0o555),
    ] {
        mode(name, bits);
    }
    // A copy, since the folder of the build may be closed to others.
    fs::copy(env!("CARGO_BIN_EXE_egret"), folder.path("egret")).unwrap();
    mode("egret", 0o755);
    let root_user = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0\n"));
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    if root_user && !Command::new("setpriv").args(nobody).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: permissions do not stop root, and setpriv is not there");
        return;
    }
    let run = |args: &[&str]| {
        let mut command = if root_user { Command::new("setpriv") } else { Command::new(folder.path("egret")) };
        if root_user {
            command.args(nobody).arg(folder.path("egret"));
        }
        let output = command.args(args).current_dir("/").stdin(Stdio::null()).output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    };
    for name in ["secret.parquet", "secret.ndjson", "locked"] {
        fails(run(&["sql", ALL, "--events", &folder.path(name)]), 1, &[name, "not allowed to read it"]);
    }
    let out = folder.path("readonly/rows.csv");
    let args = ["sql", ALL, "--events", &folder.path("open.ndjson"), "--output", &out];
    fails(run(&args), 1, &[&out, "permission denied"]);
    // The folder goes when it may be opened again.
    mode("locked", 0o755);
}

#[test]
fn a_truncated_parquet_file_is_named() {
    let folder = Folder::new();
    let whole = fs::read(root().join(PARQUET)).unwrap();
    for cut in
        [0, 3, 4, 8, 11, 100, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 4, whole.len() - 1]
    {
        let path = folder.file("cut.parquet", &whole[..cut]);
        fails(sql(ALL, &path), 1, &[&path]);
    }
    let junk: Vec<u8> = (0..50_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let path = folder.file("junk.parquet", &junk);
    fails(sql(ALL, &path), 1, &[&path, "no readable Parquet file"]);
}

/// Sixty events, written by pyarrow with a checksum on each page, uncompressed.
#[test]
fn a_changed_byte_in_a_page_with_a_checksum_is_an_error() {
    let folder = Folder::new();
    let whole = fs::read(root().join("tests/data/page-checksums.parquet")).unwrap();
    let query =
        "SELECT count(*) AS n FROM events WHERE destination.ip LIKE '198.51.100.%' AND process.executable = '/tmp/a'";
    let path = folder.file("whole.parquet", &whole);
    let ran = sql(query, &path);
    assert_eq!((ran.code, ran.stdout.contains("30")), (0, true), "{}{}", ran.stdout, ran.stderr);
    for value in ["198.51.100.7", "/usr/bin/x"] {
        let mut bytes = whole.clone();
        let at = whole.windows(value.len()).position(|window| window == value.as_bytes()).unwrap();
        bytes[at + 3] ^= 1;
        let path = folder.file("changed.parquet", &bytes);
        fails(sql(query, &path), 1, &[&path]);
    }
}

#[test]
fn a_damaged_parquet_file_is_an_error_that_names_it_or_harmless() {
    let folder = Folder::new();
    let whole = fs::read(root().join(PARQUET)).unwrap();
    let mut named = 0;
    for step in 0..24 {
        let mut bytes = whole.clone();
        let at = 5 + step * (whole.len() - 6) / 24;
        bytes[at] ^= 0xff;
        let path = folder.file("flipped.parquet", &bytes);
        let ran = sql(ALL, &path);
        assert!(matches!(ran.code, 0 | 1), "byte {at}: {}\n{}", ran.code, ran.stderr);
        if ran.code == 1 {
            assert!(ran.stderr.contains("flipped.parquet"), "byte {at}\n{}", ran.stderr);
            named += 1;
        }
    }
    assert!(named > 2, "{named} of 24 damages were seen");
}

#[test]
fn junk_is_no_json() {
    let folder = Folder::new();
    let junk: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for name in ["junk.ndjson", "junk.json", "junk.ndjson.gz", "junk.ndjson.zst"] {
        let path = folder.file(name, &junk);
        fails(sql(ALL, &path), 1, &[&path, "expected JSON documents", "leave the file out"]);
    }
    fails(sql(ALL, &folder.file("junk.bin", &junk)), 1, &["neither Parquet nor JSON"]);
    let path = folder.file("values.json", "42\n\"x\"\nnull\n[1,2]\n");
    fails(sql(ALL, &path), 1, &[&path, "expected an object, found a number"]);
    let ran = egret_with(&["sql", ALL, "--events", "-", "-q"], &root(), Some(&junk));
    fails(ran, 1, &["standard input: neither Parquet nor JSON"]);
}

#[test]
fn a_bad_line_is_told_with_its_place_and_no_other_is_lost() {
    let folder = Folder::new();
    let lines = "{\"a\":\"x\"}\nnot json\n{\"a\":\n{\"a\":\"z\"}\n{\"a\":\"w\"} trailing\n{\"a\":1,}\n{\"a\":\"last\"}";
    let path = folder.file("bad.ndjson", lines);
    let ran = sane(egret(&["sql", "SELECT a FROM events", "--events", &path])).expect(3);
    let values: Vec<_> = ran.rows().iter().map(|row| row["a"].as_str().unwrap().to_owned()).collect();
    assert_eq!(values, ["x", "z", "last"]);
    for hint in
        ["4 bad lines are skipped", "bad line at byte 10: expected an object", "at byte 19", "at byte 35", "at byte 54"]
    {
        assert!(ran.stderr.contains(hint), "{hint}\n{}", ran.stderr);
    }
    let out = folder.path("rows.csv");
    let ran = egret(&["sql", ALL, "--events", &path, "--on-bad-line", "fail", "--output", &out]);
    fails(ran, 1, &["bad.ndjson: bad line at byte 10", "--on-bad-line skip"]);
    assert!(!fs::exists(&out).unwrap());

    let cases: &[(&str, &[u8], &str)] = &[
        ("utf8.ndjson", b"{\"a\":\"\xff\xfe\"}\n{\"a\":\"ok\"}\n", "expected UTF-8, found byte 0xff"),
        ("nul.ndjson", b"{\"a\":\"ok\"}\n\0\0\0\0\n", "found byte 0x00"),
        ("array.json", b"[{\"a\":\"ok\"},\n", "expected"),
    ];
    for (name, content, hint) in cases {
        let ran = sane(egret(&["sql", "SELECT a FROM events", "--events", &folder.file(name, content)])).expect(3);
        assert_eq!(ran.rows().len(), 1, "{name}");
        assert!(ran.stderr.contains(name) && ran.stderr.contains(hint), "{name}\n{}", ran.stderr);
    }
}

#[test]
fn a_long_line_and_a_deep_one_do_not_stop_a_run() {
    let folder = Folder::new();
    let mut long = b"{\"a\":\"x\"}\n{\"a\":\"".to_vec();
    long.resize(long.len() + 50_000_000, b'y');
    long.extend_from_slice(b"\"}\n{\"a\":\"z\"}\n");
    let path = folder.file("long.ndjson", &long);
    let rows = sql("SELECT length(a) AS n FROM events ORDER BY n", &path).expect(0).rows();
    assert_eq!(rows.iter().map(|row| row["n"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 1, 50_000_000]);

    for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
        let deep = format!("{{\"a\":{}1{}}}", open.repeat(10_000), close.repeat(10_000));
        let path = folder.file("deep.ndjson", format!("{{\"a\":\"x\"}}\n{deep}\n{{\"a\":\"z\"}}\n"));
        let ran = sane(egret(&["sql", "SELECT count(*) AS n FROM events", "--events", &path])).expect(3);
        assert_eq!(ran.rows()[0]["n"], 2);
        assert!(ran.stderr.contains("nested more than"), "{}", ran.stderr);
    }
}

#[test]
fn nothing_bom_and_crlf_are_fine() {
    let folder = Folder::new();
    for (name, content) in [("empty.ndjson", ""), ("blank.ndjson", "\n\n  \r\n"), ("empty.json", "[]")] {
        let path = folder.file(name, content);
        assert_eq!(sql("SELECT count(*) AS n FROM events", &path).expect(0).rows()[0]["n"], 0, "{name}");
        assert!(sql(ALL, &path).expect(0).stdout.is_empty());
        let ran = egret(&["run", RULE, "--events", &path, "--at", "latest"]).expect(0);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    let path = folder.file("bom.ndjson", "\u{feff}{\"a\":\"x\"}\r\n{\"a\":\"y\"}\r\n");
    assert_eq!(sql("SELECT a FROM events WHERE a IN ('x', 'y')", &path).expect(0).rows().len(), 2);
    let none = folder.path("none.parquet");
    egret(&["sql", "SELECT * FROM events WHERE false", "--events", PARQUET, "--output", &none]).expect(0);
    assert_eq!(sql("SELECT count(*) AS n FROM events", &none).expect(0).rows()[0]["n"], 0);
    for (name, text) in
        [("q.esql", "\u{feff}FROM events\r\n| LIMIT 1\r\n"), ("q.sql", "\u{feff}SELECT 1 AS a FROM events LIMIT 1\r\n")]
    {
        let ran = egret(&["run", &folder.file(name, text), "--events", PARQUET]).expect(0);
        assert_eq!(ran.rows().len(), 1, "{name}");
    }
}

#[test]
fn a_value_of_a_wrong_type_is_null_and_told() {
    let folder = Folder::new();
    let lines = r#"{"destination.port":"abc"}
{"destination":{"port":"443"}}
{"destination.port":[1,{"a":2}]}
{"destination.port":true}
{"destination":7}
"#;
    let path = folder.file("types.ndjson", lines);
    let query = "SELECT destination.port AS p FROM events";
    let ran = sane(egret(&["sql", query, "--events", &path])).expect(0);
    let ports: Vec<_> = ran.rows().iter().map(|row| row["p"].to_string()).collect();
    assert_eq!(ports, ["null", "443", "1", "null", "null"]);
    assert!(ran.stderr.contains("`destination.port`") && ran.stderr.contains("`abc`"), "{}", ran.stderr);
}

#[test]
fn a_field_that_nobody_knows_is_null_with_one_warning() {
    for events in [PARQUET, "data/events.ndjson"] {
        let query = "SELECT count(proces.name) AS a, count(zork) AS b, count(*) AS n FROM events";
        let ran = sane(egret(&["sql", query, "--events", events])).expect(0);
        assert_eq!(ran.stdout, "{\"a\":0,\"b\":0,\"n\":3000}\n");
        assert!(ran.stderr.contains("the nearest field is `process.name`"), "{}", ran.stderr);
        let told = |text: &str| ran.stderr.matches(text).count();
        assert_eq!((told("the field `proces.name`"), told("the field `zork`")), (1, 1), "{}", ran.stderr);
    }
}

#[test]
fn events_without_a_time_lie_in_no_window() {
    let folder = Folder::new();
    let events = folder.file("events.ndjson", "{\"process\":{\"name\":\"x\"}}\n{\"process\":{\"name\":\"y\"}}\n");
    let rule = folder.file("rule.toml", TOML);
    let ran = sane(egret(&["run", &rule, "--events", &events])).expect(0);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    assert!(ran.stderr.contains("has no field `@timestamp`") && ran.stderr.contains("--all-time"), "{}", ran.stderr);
    let ran = sane(egret(&["run", &rule, "--events", &events, "--all-time"])).expect(0);
    assert_eq!(ran.rows().len(), 1);
    assert!(!ran.stderr.contains("@timestamp"), "{}", ran.stderr);
}

#[test]
fn names_may_hold_anything() {
    let folder = Folder::new();
    let line = r#"{"a b":1,"c\"d":"q","ünï":"é","select":2,"x'y":3,"new\nline":6,"A B":7,"日本":8}"#;
    let path = folder.file("söme events'.ndjson", line);
    let query = r#"SELECT "a b", "c""d", "ünï", "select", "x'y", "A B", "日本" FROM events WHERE "ünï" = 'é'"#;
    let row = sql(query, &path).expect(0).rows().remove(0);
    for (name, value) in [("a b", "1"), ("c\"d", "\"q\""), ("select", "2"), ("x'y", "3"), ("A B", "7"), ("日本", "8")]
    {
        assert_eq!(row[name].to_string(), value, "{name}");
    }
    let rule = folder.file("q.esql", "FROM events | WHERE `a b` == 1 AND `ünï` == \"é\" | KEEP `A B`, `日本`, `c\"d`");
    let ran = sane(egret(&["run", &rule, "--events", &path])).expect(0);
    assert_eq!(ran.rows().len(), 1, "{}", ran.stderr);
    for format in ["csv", "table", "json", "ndjson"] {
        sane(egret(&["sql", ALL, "--events", &path, "--format", format])).expect(0);
    }
    let out = folder.path("o ü'.parquet");
    egret(&["sql", ALL, "--events", &path, "--output", &out]).expect(0);
    assert_eq!(sql("SELECT \"A B\" AS x FROM events", &out).expect(0).rows()[0]["x"], 7);
}

#[test]
fn a_query_that_is_wrong_shows_the_place() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("esql", "FROM events | WHERE process.name == \"abc", &["E0102", ":1:37", "close it"]),
        ("esql", "FROM events | WHERE cidr_match(source.ip, \"10.0.0.0/33\")", &["E0204", ":1:43", "10.0.0.0/8"]),
        ("esql", "FROM events | WHERE frob(source.ip)", &["E0201", ":1:21", "`frob`"]),
        ("esql", "FROM events | LIMT 5", &["E0104", ":1:15", "LIMIT"]),
        ("esql", "FROM events | WHERE", &["E0103", "found"]),
        ("esql", "FROM events | WHERE (a == 1", &["E0103"]),
        ("esql", "SELECT 1", &["E0104", "reads as SQL"]),
        ("sql", "SELECT frob(source.ip) FROM events", &["E0201", ":1:8", "`frob`"]),
        ("sql", "SELECT uper(process.name) FROM events", &["E0201", "`upper`"]),
        ("sql", "SELECT cidr_match(source.ip, '10.0.0.0/33') FROM events", &["E0204", ":1:31", "from 0 to 32"]),
        ("sql", "SELECT cidr_match(source.ip) FROM events", &["E0202", ":1:8", "found no block"]),
        ("sql", "SELECT glob_match(process.name, 'a\\') FROM events", &["E0204", ":1:34", "backslash"]),
        ("sql", "SELECT 1 FROM events WHERE process.name = 5", &["E0501", ":1:28", "`process.name` is text", "`5`"]),
        ("sql", "SELECT 1 FROM events WHERE 5 < process.name", &["E0501", ":1:32", "in quotes"]),
        ("sql", "SELECT 1 FROM events WHERE process.name IN ('a', 5)", &["E0501", "is a number"]),
        ("sql", "SELECT 1 FROM events WHERE process.name BETWEEN 1 AND 2", &["E0501", "is a number"]),
        ("sql", "SELECT max(process.name) AS m FROM events HAVING max(process.name) > 1", &["E0501", "is a number"]),
        ("sql", "SELECT 'abc", &["E0102", ":1:8", "single quotes"]),
        ("sql", "SELECT \"abc", &[":1:8", "double quotes"]),
        ("sql", "SELECT a FROM events WHERE", &["E0103", "the end of the query"]),
        ("sql", "SELECT 1; SELECT 2", &["E0301", ":1:11", "a second statement"]),
        ("sql", "DROP TABLE events", &["E0301", ":1:1", "DROP"]),
        ("sql", "INSERT INTO events VALUES (1)", &["E0301", "INSERT"]),
        ("sql", "COPY events TO 'x.csv'", &["E0301", "COPY"]),
        ("sql", "COPY (SELECT 1) TO 'x.csv'", &["E0301", "COPY"]),
        ("sql", "SET datafusion.execution.batch_size = 1", &["E0301", "SET"]),
        ("sql", "SELECT * INTO x FROM events", &["E0301", "INTO"]),
        ("sql", "SELECT * FROM read_csv('/etc/passwd')", &["E0301", ":1:15", "read_csv"]),
        ("sql", "SELECT * FROM parquet_metadata('data/events.parquet')", &["E0301", "parquet_metadata"]),
        ("sql", "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'", &["error", ":1:"]),
        ("sql", "hello", &["E0103", "found hello"]),
        ("sql", "", &["E0103", "an empty text"]),
        ("sql", "-- nothing", &["E0103", "no statement"]),
        ("sql", "SELECT ?", &["E0501", ":1:8"]),
        ("sql", "SELECT * FROM events UNION SELECT 1", &["E0501", "different number of columns"]),
    ];
    for (language, query, hints) in cases {
        let folder = Folder::new();
        let path = folder.file(&format!("rule.{language}"), query);
        fails(egret(&["run", &path, "--events", PARQUET]), 2, hints);
        // What only shows in the plan over real tables is beyond a check against ECS.
        if !hints.contains(&"E0501") {
            let checked = sane(egret(&["check", &path])).expect(2);
            assert!(checked.stdout.starts_with("fails"), "{query}\n{}", checked.stdout);
        }
        if *language == "sql" && !query.is_empty() && !query.starts_with('-') {
            fails(egret(&["sql", query, "--events", PARQUET]), 2, hints);
        }
    }
    assert!(!fs::exists(root().join("x.csv")).unwrap());
}

#[test]
fn long_and_deep_queries_are_run_or_refused() {
    let cases: Vec<(&str, String)> = vec![
        ("sql", format!("SELECT {}1 AS n", "1 + ".repeat(20_000))),
        ("sql", format!("SELECT {}1{} AS n", "(".repeat(3_000), ")".repeat(3_000))),
        ("sql", format!("SELECT {}true AS n", "NOT ".repeat(5_000))),
        ("sql", format!("SELECT * FROM {}events{}", "(SELECT * FROM ".repeat(300), ") x".repeat(300))),
        ("sql", format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(2_000))),
        ("sql", format!("SELECT 1 AS \"{}\"", "x".repeat(1_000_000))),
        ("esql", format!("FROM events | WHERE {}true{}", "(".repeat(3_000), ")".repeat(3_000))),
        ("esql", format!("FROM events | WHERE {}true", "NOT ".repeat(3_000))),
        ("esql", format!("FROM events | EVAL a = {}1", "-".repeat(3_000))),
        ("esql", format!("FROM events {}| LIMIT 1", "| WHERE true ".repeat(100))),
    ];
    for (language, query) in cases {
        let folder = Folder::new();
        let path = folder.file(&format!("rule.{language}"), &query);
        let ran = egret(&["run", &path, "--events", PARQUET]);
        assert!(matches!(ran.code, 0 | 2), "{}: {}\n{:.300}", &query[..40], ran.code, ran.stderr);
    }
}

/// A rule file that checks; every case below breaks one line of it.
const TOML: &str = r#"[metadata]
creation_date = "2026/10/01"
updated_date = "2026/10/01"
[rule]
author = ["Someone"]
description = "Something"
from = "now-61m"
interval = "1h"
language = "esql"
license = "Apache-2.0"
name = "A rule"
risk_score = 47
rule_id = "b3f1f7f0-3f63-4a4e-9f53-6f2f6a3a1c55"
severity = "medium"
type = "esql"
query = '''
FROM events | WHERE process.name == "x" | KEEP process.name | LIMIT 10
'''
"#;

#[test]
fn a_rule_file_that_is_wrong_shows_the_line() {
    let folder = Folder::new();
    let check = |text: &str| sane(egret(&["check", &folder.file("rule.toml", text)]));
    check(TOML).expect(0);
    check(&TOML.replace('\n', "\r\n")).expect(0);
    check(&format!("\u{feff}{TOML}")).expect(0);
    let cases: &[(&str, &str, &[&str])] = &[
        ("severity = \"medium\"", "severity = \"hot\"", &["rule.toml:14:", "`hot`", "`critical`"]),
        ("interval = \"1h\"", "interval = \"hourly\"", &["rule.toml:8:", "`hourly`", "`5m`"]),
        ("from = \"now-61m\"", "from = \"yesterday\"", &["rule.toml:7:", "`yesterday`", "now-1h"]),
        ("risk_score = 47", "risk_score = 470", &["rule.toml:12:", "470", "0 to 100"]),
        ("risk_score = 47", "risk_score = \"47\"", &["rule.toml:12:", "a text"]),
        ("risk_score = 47", "", &["lacks the key `risk_score`"]),
        ("rule_id = \"b3f1f7f0-", "rule_id = \"nope-", &["rule.toml:13:", "UUID"]),
        ("language = \"esql\"", "language = \"kuery\"", &["rule.toml:9:", "`kuery`", "`sql`"]),
        ("query = '''", "qwery = '''", &["lacks the key `query`", "`qwery`"]),
        ("FROM events", "FORM events", &["rule.toml:17:1", "FORM", "FROM"]),
        ("[rule]", "[rul]", &["`[rule]`"]),
        ("[rule]", "[rule", &["rule.toml:4:"]),
    ];
    for (from, to, hints) in cases {
        assert!(TOML.contains(from), "{from}");
        let ran = check(&TOML.replace(from, to)).expect(2);
        for hint in *hints {
            assert!(ran.stderr.contains(hint), "{to} does not say `{hint}`\n{}", ran.stderr);
        }
    }
    let ran = check(&TOML.replace("type = \"esql\"", "type = \"esql\"\ncolour = \"red\"")).expect(0);
    assert!(ran.stderr.contains("warning") && ran.stderr.contains("`colour`"), "{}", ran.stderr);
    for text in ["this is no toml", "", "\0\0\0"] {
        check(text).expect(2);
    }
    fs::write(folder.path("rule.toml"), [0xff, 0xfe, 0x00]).unwrap();
    let ran = sane(egret(&["check", &folder.path("rule.toml")])).expect(2);
    assert!(ran.stderr.contains("expected UTF-8"), "{}", ran.stderr);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    let out = |path: &str| egret(&["sql", ALL, "--events", PARQUET, "--output", path]);
    let taken = folder.file("taken.csv", "mine");
    fails(out(&taken), 1, &[&taken, "already exists", "--force"]);
    assert_eq!(fs::read_to_string(&taken).unwrap(), "mine");
    fails(out(&folder.path("no/rows.csv")), 1, &["does not exist", "create the folder"]);
    fails(out(&folder.path("taken.csv/rows.csv")), 1, &["taken.csv"]);
    fails(egret(&["generate", &taken, "--rows", "10"]), 1, &[&taken, "--force"]);
}

/// `/dev/full` is a disk without room.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    fails(egret(&["sql", ALL, "--events", PARQUET, "--output", "/dev/full"]), 1, &["/dev/full", "no space left"]);
    let commands: &[&[&str]] = &[
        &["sql", "SELECT 1 AS a", "--events", PARQUET],
        &["sql", ALL, "--events", PARQUET, "--format", "csv"],
        &["sql", ALL, "--events", PARQUET, "--format", "parquet"],
        &["run", RULE, "--events", PARQUET, "--at", "latest", "--format", "table"],
        &["check", RULE],
        &["explain", RULE, "--events", PARQUET],
        &["fields", RULE, "--events", PARQUET],
        &["completions", "bash"],
    ];
    for args in commands {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_egret"))
            .args(*args)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(full)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}\n{stderr}");
        assert!(stderr.contains("No space left") && stderr.contains("stdout"), "{args:?}\n{stderr}");
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_told() {
    let folder = Folder::new();
    fs::create_dir(folder.path("dir.ndjson")).unwrap();
    fails(sql(ALL, &folder.path("dir.ndjson")), 1, &["dir.ndjson: no file with events"]);
    let stats = PathBuf::from(folder.path("dir.ndjson"));
    let ran =
        sane(egret(&["sql", "SELECT 1 AS a", "--events", PARQUET, "--stats-file", stats.to_str().unwrap()])).expect(1);
    assert!(ran.stderr.contains("found a folder"), "{}", ran.stderr);
}
