//! Many rules in one run.

use std::fmt::Write as _;
use std::fs;

use super::program::egret;

#[test]
fn of_a_rule_that_fails_midway_no_row_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let mut lines = String::new();
    for n in 0..20_000 {
        writeln!(lines, "{{\"n\":{n}}}").unwrap();
    }
    let good = file("good.ndjson", "{\"n\":1}\n{\"n\":2}\n");
    let bad = file("bad.ndjson", &format!("{lines}{{\"n\":\n"));
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    for (name, query) in [
        ("1.sql", "SELECT n FROM bad"),
        ("2.sql", "SELECT n FROM good WHERE n > 0"),
        ("3.sql", "SELECT n FROM good WHERE n > 7"),
    ] {
        fs::write(rules.join(name), query).unwrap();
    }
    let rules = rules.display().to_string();
    let (good, bad) = (format!("good={good}"), format!("bad={bad}"));
    let args = ["run", &rules, "--table", &good, "--table", &bad, "--on-bad-line", "fail", "--format", "ndjson"];
    let ran = egret(&args).expect(1);
    let rows = ran.rows();
    let values: Vec<_> = rows.iter().map(|row| row["n"].as_u64().unwrap()).collect();
    assert_eq!(values, [1, 2], "{}", ran.stderr);
    assert!(ran.stderr.contains("bad.ndjson: bad line at byte"), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 rules in") && ran.stderr.contains("no row from 1 of them: 3"), "{}", ran.stderr);

    let out = folder.path().join("rows.json").display().to_string();
    egret(&[&args[..6], &["--on-bad-line", "fail", "--format", "json", "--output", &out]].concat()).expect(1);
    let rows: serde_json::Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 2);
}
