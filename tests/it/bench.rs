//! `egret bench`: everyone gives the same rows, and the results tell them.

use std::fs;

use super::program::egret;

fn bench(more: &[&str]) -> (super::program::Ran, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (data, results) = (folder.path().join("data"), folder.path().join("results"));
    let (data, results) = (data.display().to_string(), results.display().to_string());
    let mut args = vec!["bench", "--data", &data, "--results", &results, "--rows", "60000", "--json-rows", "2000"];
    args.extend(["--rounds", "1", "--threads", "2"]);
    args.extend(more);
    (egret(&args), folder)
}

#[test]
fn both_scans_are_measured_and_written_down() {
    let (ran, folder) = bench(&["--contenders", "egret-stock"]);
    let ran = ran.expect(0);
    for work in ["month", "month-single", "hour", "replay", "addresses", "regex", "groups", "json"] {
        assert!(ran.stdout.contains(&format!("**{work}** (")), "{work}\n{}", ran.stdout);
    }
    assert!(ran.stderr.contains("contains: skipped, the events have no `message`"), "{}", ran.stderr);
    assert_eq!(ran.stdout.matches("\n| egret-stock | ").count(), 7, "{}", ran.stdout);
    assert!(!ran.stdout.contains(", 0 rows"), "every work finds rows\n{}", ran.stdout);
    let document = fs::read_to_string(folder.path().join("results/RESULTS.md")).unwrap();
    assert!(document.contains("- Versions: egret ") && document.contains(&ran.stdout), "{document}");
    let chart = fs::read_to_string(folder.path().join("results/RESULTS.svg")).unwrap();
    assert_eq!(chart.matches("<rect").count(), 15, "{chart}");
}

#[test]
fn who_fails_is_in_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let peers = folder.path().join("peers");
    fs::create_dir_all(peers.join("broken")).unwrap();
    let works = "[[work]]\nname = \"broken\"\ntitle = \"t\"\nqueries = \"broken\"\nevents = \"daily\"\n";
    fs::write(peers.join("works.toml"), works).unwrap();
    fs::write(peers.join("broken/egret.sql"), "SELECT nothing( FROM events").unwrap();
    let peers = peers.display().to_string();
    let (ran, _) = bench(&["--contenders", "egret", "--peers", &peers]);
    let ran = ran.expect(1);
    assert!(ran.stderr.contains("egret cannot be measured") && ran.stdout.is_empty(), "{}{}", ran.stdout, ran.stderr);
    let (ran, _) = bench(&["fast", "--peers", &peers]);
    assert!(ran.expect(2).stderr.contains("no work is named `fast`"));
    let (ran, _) = bench(&["month", "--contenders", "duckbd"]);
    assert!(ran.expect(2).stderr.contains("no contender is named `duckbd`"));
    assert!(bench(&["--scan", "stock"]).0.expect(2).stderr.contains("--scan does not go with bench"));
    let (ran, _) = bench(&["month", "--contenders", "egret", "--timeout", "1ms"]);
    assert!(ran.expect(1).stderr.contains("the time limit is over"));
}

/// Installs the peers, which takes a minute and the network: where `EGRET_BENCH_PEERS` asks for it.
#[test]
fn peers_give_the_same_rows() {
    if std::env::var_os("EGRET_BENCH_PEERS").is_none() {
        eprintln!("skipped: EGRET_BENCH_PEERS is not set");
        return;
    }
    let (ran, _folder) = bench(&[]);
    if ran.stderr.contains("peers cannot be installed") {
        eprintln!("skipped: {}", ran.stderr);
        return;
    }
    let ran = ran.expect(0);
    for (peer, works) in [("duckdb", 8), ("clickhouse", 8), ("polars", 8), ("datafusion", 8), ("datafusion-tuned", 4)] {
        assert_eq!(ran.stdout.matches(&format!("\n| {peer} | ")).count(), works, "{peer}\n{}", ran.stdout);
    }
}
