//! Runs on a cluster of this machine: one scheduler and two executors, each a process, as users start them.
//!
//! What the cluster gives is compared with what one process gives: rows, warnings and exit codes.

mod kill;
mod processes;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egret::generate::{Config, Document, Layout, generate};

use self::processes::{Cluster, free_port};
use super::corpora::rule_files;
use super::program::{Ran, egret, root, shared};

/// How long executors of a busy machine may be silent, in seconds.
const PATIENT: u64 = 60;

/// Events of `days` days in this layout.
fn events(folder: &Path, layout: Layout, rows: u64, days: u32) -> String {
    let name = match layout {
        Layout::Ndjson => "events.ndjson",
        Layout::HiveParquet => "hive",
        _ => "events.parquet",
    };
    let mut config = Config::new(folder.join(name), layout);
    (config.rows, config.agents, config.days, config.document) = (rows, 40, days, Document::Compact);
    config.planted = Some(folder.join(format!("{name}.csv")));
    generate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    config.out.display().to_string()
}

/// What people should know of a run, without how long it took.
fn warnings(ran: &Ran) -> Vec<&str> {
    let mut told: Vec<&str> =
        ran.stderr.lines().filter(|line| line.starts_with("warning") && !line.contains("such as")).collect();
    told.sort_unstable();
    told
}

/// The run on the cluster, which gave what the run of one process gave.
fn same(cluster: &Cluster, args: &[&str]) -> Ran {
    let alone = egret(args);
    let together = cluster.egret(args);
    assert_eq!(together.code, alone.code, "{args:?}\n{}\n{}", alone.stderr, together.stderr);
    assert_eq!(together.stdout, alone.stdout, "{args:?}\n{}", together.stderr);
    assert_eq!(warnings(&together), warnings(&alone), "{args:?}");
    together
}

#[test]
fn the_seed_rule_and_its_replay_give_the_rows_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), PATIENT);
    let data = root().join("data");
    let places = [
        data.join("events.parquet").display().to_string(),
        data.join("events.ndjson").display().to_string(),
        events(folder.path(), Layout::HiveParquet, 12_000, 3),
        events(folder.path(), Layout::Ndjson, 6_000, 2),
    ];
    for rule in ["egress-unusual-executable.toml", "egress-unusual-executable-sql.toml"] {
        let rule = data.join("rules").join(rule).display().to_string();
        for place in &places {
            let ran = same(&cluster, &["run", &rule, "--events", place, "--at", "latest"]);
            assert_eq!(ran.rows().len(), 8, "{rule} over {place}");
            let range = ["--from", "2026-10-01", "--to", "2026-10-04"];
            let replay = ["backtest", &rule, "--events", place, range[0], range[1], range[2], range[3]];
            let ran = same(&cluster, &replay);
            assert!(ran.rows().len() >= 8 && !ran.stderr.contains("one by one"), "{}", ran.stderr);
            same(&cluster, &[&replay[..], &["--as", "alerts"]].concat());
        }
    }
}

/// Delta tables are plain scans of files; single rows that are left out of a file are refused, never given.
#[cfg(feature = "delta")]
#[test]
fn delta_tables_give_the_rows_of_one_process_or_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), PATIENT);
    let rule = folder.path().join("all.esql");
    fs::write(&rule, "FROM events METADATA _id | STATS n = COUNT(*), ids = COUNT_DISTINCT(_id)").unwrap();
    let (mut given, mut refused) = (0, 0);
    for table in ["cleaned", "events", "evolved", "mapped-id", "mapped-name", "partitioned", "types", "vectors"] {
        let place = root().join("tests/data/delta").join(table).display().to_string();
        let args = ["run", rule.to_str().unwrap(), "--events", &place, "--all-time", "--format", "ndjson"];
        let alone = egret(&args).expect(0);
        let together = cluster.egret(&args);
        if together.code == 0 {
            assert_eq!(together.stdout, alone.stdout, "{table}");
            given += 1;
        } else {
            assert!(together.stderr.contains("single rows of a row group"), "{table}: {}", together.stderr);
            refused += 1;
        }
    }
    eprintln!("{given} Delta tables give the rows of one process, {refused} are refused");
    assert!(given >= 4 && refused >= 1, "{given} given, {refused} refused");
}

/// Shapes of plans that the seed rule has not.
#[test]
fn queries_of_many_shapes_give_the_rows_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), PATIENT);
    let places =
        [events(folder.path(), Layout::HiveParquet, 9_000, 3), events(folder.path(), Layout::Ndjson, 6_000, 2)];
    let queries = [
        ("ids.esql", "from logs-* metadata _id, _index | where process.executable like \"/tmp/*\" | sort _id"),
        ("all.esql", "from logs-* metadata _id | where process.executable like \"/tmp/*\" | keep * | sort _id"),
        (
            "inline.esql",
            "from logs-* | inline stats c = count(*), m = count_distinct(destination.ip) by process.executable \
             | where c > 15 | keep @timestamp, process.executable, c, m, host.name, source.port \
             | sort @timestamp, process.executable, host.name, source.port | limit 50",
        ),
        (
            "groups.esql",
            "from logs-* | stats c = count(*), v = values(destination.port), t = max(@timestamp) by host.name, \
             process.name | sort c desc, host.name, process.name | limit 20",
        ),
        (
            "warn.esql",
            "from logs-* | eval p = to_ip(host.name) | stats n = count(*), p = count(p) by host.name | sort host.name",
        ),
        ("none.esql", "from logs-* | where host.name == \"nobody\" | stats c = count(*)"),
        (
            "window.sql",
            "SELECT p, t, n FROM (SELECT \"process.executable\" AS p, \"@timestamp\" AS t, row_number() OVER (PARTITION BY \
             \"process.executable\" ORDER BY \"@timestamp\", \"destination.ip\", \"source.port\") AS n FROM \"logs-*\") AS w \
             WHERE n <= 2 ORDER BY 1, 2, 3",
        ),
        (
            "except.sql",
            "SELECT \"host.name\" AS h FROM \"logs-*\" WHERE \"process.executable\" LIKE '/tmp/%' EXCEPT SELECT \
             \"host.name\" FROM \"logs-*\" WHERE \"process.executable\" LIKE '/var/tmp/%' ORDER BY 1",
        ),
        (
            "union.sql",
            "SELECT h, count(*) AS n FROM (SELECT mv_first(\"host.name\") AS h FROM \"logs-*\" UNION ALL SELECT \
             mv_first(\"host.name\") FROM \"logs-*\" UNION ALL SELECT 'fixed') AS u GROUP BY h ORDER BY 2 DESC, 1",
        ),
        (
            "within.sql",
            "SELECT \"host.name\" AS h, count(*) AS n FROM \"logs-*\" WHERE \"process.executable\" IN (SELECT \
             \"process.executable\" FROM \"logs-*\" GROUP BY 1 HAVING count(*) > 15) AND \"@timestamp\" > (SELECT \
             min(\"@timestamp\") FROM \"logs-*\") GROUP BY 1 ORDER BY 2 DESC, 1",
        ),
        (
            "cut.sql",
            "SELECT \"@timestamp\" AS t, \"host.name\" AS h FROM \"logs-*\" ORDER BY 1 DESC, 2, \"source.port\" LIMIT 7 OFFSET 3",
        ),
    ];
    let mut rows = 0;
    for (name, text) in queries {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        for place in &places {
            if name == "union.sql" && place.ends_with("ndjson") {
                // Lists and texts do not go together.
                continue;
            }
            let ran = same(&cluster, &["run", path.to_str().unwrap(), "--events", place, "--all-time"]);
            assert_eq!(ran.code, 0, "{name} over {place}: {}", ran.stderr);
            rows += ran.rows().len();
        }
    }
    assert!(rows > 500, "{rows} rows");

    // A cluster would give these rows several times: it is refused, and the node is named.
    let path = folder.path().join("refused.sql");
    let query = "SELECT count(*) AS n FROM \"logs-*\" WHERE \"process.executable\" NOT IN (SELECT \"process.executable\" \
                 FROM \"logs-*\" WHERE \"process.executable\" LIKE '/tmp/%')";
    fs::write(&path, query).unwrap();
    let ran = cluster.egret(&["run", path.to_str().unwrap(), "--events", &places[0], "--all-time"]).expect(1);
    assert!(ran.stderr.contains("its plan has the node HashJoinExec"), "{}", ran.stderr);
    assert!(ran.stderr.contains("without --cluster") && ran.stdout.is_empty(), "{}", ran.stderr);
}

#[test]
fn twenty_rules_of_others_give_the_rows_of_one_process() {
    let Some(corpora) = shared("twenty_rules_of_others_give_the_rows_of_one_process") else { return };
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), PATIENT);
    let place = events(folder.path(), Layout::Ndjson, 3_000, 1);
    let documents = corpora.join("events/ecs-documents.ndjson").display().to_string();
    let mut compared = 0;
    for rule in rule_files(&corpora) {
        if compared == 20 {
            break;
        }
        let rule: PathBuf = rule;
        let rule = rule.display().to_string();
        // Those that do not check are known; they fail alike before anything runs.
        if egret(&["run", &rule, "--events", &place, "--all-time"]).code != 0 {
            continue;
        }
        for place in [&place, &documents] {
            same(&cluster, &["run", &rule, "--events", place, "--all-time"]);
        }
        compared += 1;
    }
    assert_eq!(compared, 20);
}

#[test]
fn what_is_wrong_with_events_is_told_as_by_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), PATIENT);
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let query = write("hosts.esql", b"from logs-* | stats n = count(*) by host.name | sort host.name");
    let lines = b"{\"@timestamp\":\"2026-10-01T00:00:00Z\",\"host\":{\"name\":\"a\"}}\nno document\n{\"host\":{\"name\":\"b\"}}\n";
    let bad = write("bad.ndjson", lines);
    let ran = same(&cluster, &["run", &query, "--events", &bad, "--all-time"]).expect(3);
    assert!(ran.stderr.contains("bad line at byte 58"), "{}", ran.stderr);
    let failing = ["run", &query, "--events", &bad, "--all-time", "--on-bad-line", "fail"];
    let (alone, together) = (egret(&failing).expect(1), cluster.egret(&failing).expect(1));
    assert_eq!(together.stderr, alone.stderr);
    let junk = write("junk.ndjson", &[0xF2, 0xF7, 0x1C, 0x1E].repeat(500));
    let reading = ["run", &query, "--events", &junk, "--all-time"];
    assert_eq!(cluster.egret(&reading).expect(1).stderr, egret(&reading).expect(1).stderr);
    let stdin = cluster.egret(&["run", &query, "--events", "-", "--all-time"]).expect(2);
    assert!(stdin.stderr.contains("standard input is of this machine alone"), "{}", stdin.stderr);
}

#[test]
fn a_cluster_that_is_not_there_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let data = root().join("data");
    let rule = data.join("rules/egress-unusual-executable.toml").display().to_string();
    let place = data.join("events.parquet").display().to_string();
    let run = |url: &str, more: &[&str]| {
        egret(&[&["run", &rule, "--events", &place, "--at", "latest", "--cluster", url], more].concat())
    };
    let nowhere = run(&format!("http://127.0.0.1:{}", free_port()), &[]).expect(1);
    assert!(nowhere.stderr.contains("no scheduler answers at http://127.0.0.1:"), "{}", nowhere.stderr);
    assert!(run("127.0.0.1:9", &[]).expect(2).stderr.contains("expected http://HOST:PORT"));

    let empty = Cluster::without_executors(folder.path(), PATIENT);
    let begun = Instant::now();
    let ran = run(empty.url(), &["--cluster-timeout", "1s"]).expect(1);
    assert!(ran.stderr.contains("has no executor, for 1s now"), "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(30));

    let taken = empty.url().trim_start_matches("http://");
    let ran = egret(&["scheduler", "--bind", taken]).expect(1);
    assert!(ran.stderr.contains(&format!("cannot listen on {taken}")), "{}", ran.stderr);
    let ran = egret(&["executor", "--scheduler", empty.url(), "--bind", taken]).expect(1);
    assert!(ran.stderr.contains(&format!("cannot listen on {taken}")), "{}", ran.stderr);
    let ran = egret(&["scheduler", "--bind", "0.0.0.0:0"]).expect(2);
    assert!(ran.stderr.contains("--advertise"), "{}", ran.stderr);
}

/// Whoever interrupts a run ends it on the cluster too, which then is free for the next.
#[test]
fn an_interrupted_run_is_cancelled_on_the_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), PATIENT);
    let place = events(folder.path(), Layout::Ndjson, 60_000, 2);
    let query = folder.path().join("slow.esql");
    fs::write(&query, "from logs-* metadata _id | stats c = count(*) by _id, process.executable | sort _id | limit 5")
        .unwrap();
    let args = ["run", query.to_str().unwrap(), "--events", &place, "--all-time"];
    let run = cluster.begin(&args);
    cluster.wait_for("execution query, job submitted");
    run.interrupt();
    let ran = run.end(Duration::from_secs(30)).expect(130);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("interrupted"), "{}", ran.stderr);
    cluster.wait_for("Received cancellation request for job");
    same(&cluster, &args).expect(0);
}
