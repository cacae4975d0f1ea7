//! The commands over Delta tables in the README run.

use super::super::program::{egret_with, root};
use super::{copy, table};

#[test]
fn every_command_over_a_delta_table_runs() {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("data"), &folder.path().join("data"));
    copy(&table("events"), &folder.path().join("lake/network"));
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let section = text.split("## Read Delta tables").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("$ egret ")).collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        let args: Vec<_> = command.split(' ').collect();
        let ran = egret_with(&args, folder.path(), None).expect(0);
        assert!(!ran.stdout.is_empty(), "{command}\n{}", ran.stderr);
    }
}
