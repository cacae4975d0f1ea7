//! Every command of the README runs.

use super::program::{egret_in, egret_with, root};
use super::stores::server::Server;

/// The commands in the `console` blocks of the README, without their prompt.
fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut commands = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            commands.push(command.to_owned());
        }
    }
    commands
}

/// The words of a command line: spaces part them, quotes keep them together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ') if word.is_empty() => {}
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[test]
fn every_command_runs() {
    let folder = tempfile::tempdir().unwrap();
    // Commands write where they run: a copy of what they read keeps the checkout clean.
    for read in ["data", "benches/peers"] {
        copy(&root().join(read), &folder.path().join(read));
    }
    // The bucket that it names.
    let store = Server::start();
    let events = std::fs::read(root().join("data/events.parquet")).unwrap();
    store.put("tables/logs-endpoint.events.network-default/date=2026-10-01/events.parquet", events.clone());
    store.put("events.parquet", events);
    let mut ran = 0;
    for command in commands() {
        let all = words(&command);
        let args = match all.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["cargo", "run", "--release", "--", ..] => all[4..].to_vec(),
            ["egret", ..] => all[1..].to_vec(),
            // These build the program itself; what runs this test has just done so.
            ["cargo", "test" | "install", ..] => continue,
            _ => panic!("a command that no test runs: {command}"),
        };
        let ran_command = egret_in(&args, folder.path(), None, &store.environment());
        assert_eq!(ran_command.code, 0, "{command}\n{}", ran_command.stderr);
        assert!(!ran_command.stdout.is_empty() || !ran_command.stderr.is_empty(), "{command}");
        ran += 1;
    }
    assert!(ran >= 5, "the README has {ran} commands");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn the_first_command_shows_alerts() {
    let first = commands().into_iter().next().unwrap();
    assert!(first.starts_with("cargo run --release -- run data/rules/"), "{first}");
    let ran = egret_with(&words(&first)[4..], &root(), None).expect(0);
    assert!(ran.stdout.contains("/tmp/") || ran.stdout.contains("/dev/shm/"), "{}", ran.stdout);
}
