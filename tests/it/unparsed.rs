//! Lines of JSON that are not parsed, over rules and events of others: equal rows whether or not all are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::corpora::rule_files;
use super::program::{egret, shared};

/// The fields that a query compares with a text, and the texts: what stands around `==`, `like` and in `in (..)`.
fn compared(query: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut field = String::new();
    let mut rest = query;
    while let Some(at) = rest.find('"') {
        let (before, after) = rest.split_at(at);
        let words: Vec<&str> = before
            .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ','))
            .filter(|w| !w.is_empty())
            .collect();
        if let [.., name, "==" | "like" | "in"] = words.as_slice() {
            (*name).clone_into(&mut field);
        }
        let Some(end) = after[1..].find('"') else { break };
        let text = after[1..=end].replace("\\\\", "\\").replace('*', "x");
        if field.contains('.') && !text.contains('\n') {
            found.push((field.clone(), text));
        }
        rest = &after[end + 2..];
    }
    found
}

/// A source of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// The document with some characters of its texts and keys spelled as escapes.
fn respelled(document: &Value, dice: &mut Dice) -> String {
    let text = document.to_string();
    let mut out = String::new();
    let mut in_text = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                in_text = !in_text;
                out.push('"');
            }
            '\\' => {
                out.push('\\');
                out.extend(characters.next());
            }
            '/' if in_text && dice.roll(4) == 0 => out.push_str("\\/"),
            plain if in_text && plain.is_ascii() && dice.roll(12) == 0 => {
                write!(out, "\\u{:04x}", plain as u32).unwrap();
            }
            ':' if !in_text && dice.roll(3) == 0 => out.push_str(" : "),
            plain => out.push(plain),
        }
    }
    out
}

/// Documents that meet parts of what the rules compare, and the events with such parts in them.
fn mutated(rules: &Path, events: &[String]) -> String {
    let mut dice = Dice(7);
    let mut lines = String::new();
    let mut number = 0;
    for entry in fs::read_dir(rules).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (field, text) in compared(&text) {
            fields.entry(field).or_default().push(text);
        }
        for _ in 0..4 {
            number += 1;
            let base = events.get(dice.roll(events.len() * 2)).and_then(|line| serde_json::from_str(line).ok());
            let mut document: Map<String, Value> = base.unwrap_or_default();
            for (field, texts) in &fields {
                if dice.roll(8) > 0 {
                    let text = &texts[dice.roll(texts.len())];
                    let value = if dice.roll(6) == 0 {
                        Value::from(vec![text.as_str(); 2])
                    } else {
                        Value::from(text.as_str())
                    };
                    document.insert(field.clone(), value);
                }
            }
            document.insert("@timestamp".into(), format!("2026-10-01T00:{:02}:00Z", number % 60).into());
            let document = Value::Object(document);
            let line = if dice.roll(3) == 0 { respelled(&document, &mut dice) } else { document.to_string() };
            writeln!(lines, "{line}").unwrap();
        }
    }
    lines
}

#[test]
fn rules_of_others_give_the_same_rows_whether_or_not_all_lines_are_parsed() {
    let Some(corpora) = shared("rules_of_others_give_the_same_rows_whether_or_not_all_lines_are_parsed") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    fs::create_dir(&events).unwrap();
    let mut lines = Vec::new();
    for entry in fs::read_dir(corpora.join("events")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "ndjson") {
            let text = fs::read_to_string(&path).unwrap();
            // A part of each, since every rule parses them all once.
            let few: Vec<&str> = text.lines().take(60).collect();
            fs::write(events.join(path.file_name().unwrap()), few.join("\n")).unwrap();
            lines.extend(few.into_iter().map(str::to_owned));
        }
    }
    let rules = corpora.join("esql-rules");
    fs::write(events.join("mutated.ndjson"), mutated(&rules, &lines)).unwrap();

    let rules: Vec<String> = rule_files(&corpora).into_iter().map(|file| file.display().to_string()).collect();
    let events = events.display().to_string();
    let run = |strict: bool| {
        let stats = folder.path().join(format!("{strict}.json")).display().to_string();
        // One thread, so that lists of values have one order.
        let mut args = vec!["run"];
        args.extend(rules.iter().map(String::as_str));
        args.extend(["--events", &events, "--all-time", "--format", "ndjson"]);
        args.extend(["--threads", "1", "--jobs", "1", "--stats-file", &stats]);
        args.extend(strict.then_some("--strict"));
        let ran = egret(&args);
        let stats: Value = serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
        let sum = |key: &str| -> u64 {
            stats["executions"].as_array().unwrap().iter().map(|execution| execution[key].as_u64().unwrap()).sum()
        };
        (ran.stdout, sum("rows"), sum("lines_parsed"), sum("lines_skipped"))
    };
    let (all, sifted) = (run(true), run(false));
    assert!(all.1 >= 5, "{} rows: the events meet nothing", all.1);
    assert_eq!(sifted.0, all.0);
    assert_eq!((all.3, sifted.2 + sifted.3), (0, all.2));
    assert!(sifted.2 * 2 < sifted.3, "{} lines parsed, {} skipped", sifted.2, sifted.3);
}
