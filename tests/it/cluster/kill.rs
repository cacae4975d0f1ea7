//! Executors that die at any moment: the right rows or a clear error, never other rows, and never for ever.

use std::time::{Duration, Instant};

use egret::generate::Layout;

use super::events;
use super::processes::Cluster;
use crate::program::{egret, root};

/// How often an executor is killed.
const KILLS: u32 = 20;

/// After how many seconds the scheduler gives up a silent executor.
const TIMEOUT: u64 = 4;

/// Numbers that look like chance and are the same each time.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn a_replay_whose_executor_is_killed_gives_the_right_rows_or_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let place = events(folder.path(), Layout::Ndjson, 40_000, 3);
    let rule = root().join("data/rules/egress-unusual-executable.toml").display().to_string();
    let replay =
        ["backtest", &rule, "--events", &place, "--from", "2026-10-01", "--to", "2026-10-04", "--as", "alerts"];
    let right = egret(&replay).expect(0);
    assert!(right.rows().len() >= 8);
    let cluster = Cluster::start(folder.path(), TIMEOUT);
    let begun = Instant::now();
    assert_eq!(cluster.egret(&replay).expect(0).stdout, right.stdout);
    let usual = begun.elapsed().as_millis() as u64;
    let mut chance = 0x9E37_79B9_7F4A_7C15;
    let (mut rows, mut errors, mut longest) = (0, 0, Duration::ZERO);
    for kill in 0..KILLS {
        let which = (kill % 2) as usize;
        let run = cluster.begin(&replay);
        std::thread::sleep(Duration::from_millis(next(&mut chance) % usual.max(1)));
        cluster.kill(which);
        let waited = Instant::now();
        // The other executor is there all the time; one in three runs gets a new one while it goes on.
        if kill % 3 == 0 {
            cluster.replace(which);
        }
        let ran = run.end(Duration::from_secs(100));
        longest = longest.max(waited.elapsed());
        if ran.code == 0 {
            assert_eq!(ran.stdout, right.stdout, "kill {kill}\n{}", ran.stderr);
            rows += 1;
        } else {
            assert_eq!(ran.code, 1, "kill {kill}\n{}", ran.stderr);
            assert!(ran.stderr.contains("error: ") && ran.stderr.contains("help: "), "kill {kill}\n{}", ran.stderr);
            assert!(ran.stdout.is_empty(), "kill {kill}: rows before an error\n{}", ran.stderr);
            errors += 1;
        }
        if kill % 3 != 0 {
            cluster.replace(which);
        }
        cluster.wait_for_executors(2);
    }
    eprintln!(
        "{KILLS} kills within {usual} ms: {rows} gave the right rows, {errors} an error, the longest took {longest:?}"
    );
}
