//! Tables that `egret.toml` names: found, listed, pruned by their folders, in every command that reads events.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use datafusion::parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use egret::lake::{Catalog, Mapping};

use super::program::{Ran, egret_with, root};

const TABLE: &str = "logs-endpoint.events.network-default";

/// A folder with a catalogue.
struct Lake(tempfile::TempDir);

impl Lake {
    fn new(catalogue: &str) -> Self {
        let lake = Self(tempfile::tempdir().unwrap());
        lake.write("egret.toml", catalogue);
        lake
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// An event of each time, in a file of Parquet.
    fn parquet(&self, name: &str, times: &[&str]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let at: TimestampMillisecondArray = times.iter().map(|t| Some(millis(t))).collect();
        let ingested = at.clone();
        let names: StringArray = times.iter().map(|t| Some(*t)).collect();
        let columns: [(&str, ArrayRef); 3] =
            [("@timestamp", Arc::new(at)), ("event.ingested", Arc::new(ingested)), ("host.name", Arc::new(names))];
        write_parquet(&path, &RecordBatch::try_from_iter(columns).unwrap());
    }

    fn run(&self, args: &[&str]) -> Ran {
        egret_with(args, self.path(), None)
    }

    fn hosts(&self, args: &[&str]) -> Vec<String> {
        let mut all = vec!["run"];
        all.extend(args);
        all.extend(["--format", "ndjson", "-q"]);
        let host = |row: &Value| row["host.name"].as_str().unwrap().to_owned();
        let mut hosts: Vec<String> = self.run(&all).expect(0).rows().iter().map(host).collect();
        hosts.sort();
        hosts
    }
}

fn millis(time: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(time).unwrap().timestamp_millis()
}

fn write_parquet(path: &Path, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn data(name: &str) -> String {
    root().join("data").join(name).display().to_string()
}

#[test]
fn every_command_reads_the_tables_of_the_catalogue() {
    let events = data("events.parquet");
    let rule = data("rules/egress-unusual-executable.toml");
    let lake = Lake::new(&format!("[tables.\"{TABLE}\"]\nlocation = {events:?}\n"));
    let by_flag = |args: &[&str]| lake.run(&[args, &["--events", &events]].concat()).expect(0).stdout;
    let by_name = |args: &[&str]| lake.run(args).expect(0).stdout;
    let run = ["run", &rule, "--at", "latest"];
    assert_eq!(by_name(&run).lines().count(), 8);
    assert_eq!(by_name(&run), by_flag(&run));
    let range = ["--from", "2026-10-01", "--to", "2026-10-03"];
    let backtest = [&["backtest", rule.as_str()][..], &range].concat();
    assert_eq!(by_name(&backtest).lines().count(), 8);
    assert_eq!(by_name(&backtest), by_flag(&backtest));
    let fields = ["fields", &rule, "--format", "json"];
    assert_eq!(
        by_name(&fields),
        by_flag(&fields)
            .replace("\"events\"", &format!("\"{TABLE}\""))
            .replace(&format!("\"{TABLE}\": 3000"), "\"events\": 3000")
    );
    let query = format!("SELECT count(*) AS n FROM \"{TABLE}\"");
    assert_eq!(lake.run(&["sql", &query]).expect(0).rows(), [json!({"n": 3000})]);
    assert!(by_name(&["explain", &rule, "--at", "latest"]).contains("process.executable"));
    let alerts = lake.run(&[&run[..], &["--as", "alerts", "-o", "alerts.ndjson"]].concat()).expect(0);
    assert!(alerts.stderr.contains("8 alerts"), "{}", alerts.stderr);
    let evidence = lake.run(&["evidence", &rule, "--alert", "alerts.ndjson", "--format", "ndjson"]).expect(0);
    assert!(evidence.rows().len() > 8 * 15, "{}", evidence.stderr);
    let check = lake.run(&["check", &rule]).expect(0);
    assert!(!check.stderr.contains("catalogue"), "{}", check.stderr);
}

#[test]
fn check_warns_of_tables_that_the_catalogue_lacks() {
    let lake = Lake::new("[tables.logs-other]\nlocation = \"x\"\n");
    lake.write("a.esql", "FROM logs-endpoint* | WHERE host.name == \"a\"");
    let check = lake.run(&["check", "a.esql"]).expect(0);
    for part in ["a.esql:1:6", "no table of the catalogue matches `logs-endpoint*`", "logs-other"] {
        assert!(check.stderr.contains(part), "{part}\n{}", check.stderr);
    }
}

#[test]
fn flags_win_over_the_catalogue() {
    let lake = Lake::new("[tables.a]\nlocation = \"a.ndjson\"\n[tables.b]\nlocation = \"b.ndjson\"\n");
    for name in ["a", "b", "c", "dir/a"] {
        lake.write(&format!("{name}.ndjson"), &format!("{{\"host\":{{\"name\":\"{name}\"}}}}\n"));
    }
    lake.write("all.esql", "FROM * | KEEP host.name | LIMIT 9");
    lake.write("a.esql", "FROM a | KEEP host.name | LIMIT 9");
    let hosts = |args: &[&str]| lake.hosts(&[args, &["--all-time"]].concat());
    assert_eq!(hosts(&["all.esql"]), ["a", "b"]);
    assert_eq!(hosts(&["all.esql", "--table", "a=c.ndjson"]), ["b", "c"]);
    assert_eq!(hosts(&["all.esql", "--table", "c=c.ndjson"]), ["a", "b", "c"]);
    assert_eq!(hosts(&["all.esql", "--events", "c.ndjson"]), ["c"]);
    assert_eq!(hosts(&["a.esql", "--events", "c.ndjson"]), ["c"]);
    assert_eq!(hosts(&["all.esql", "--lake", "dir"]), ["dir/a"]);
    assert_eq!(hosts(&["all.esql", "--lake", "dir", "--catalog", "egret.toml"]), ["b", "dir/a"]);
    let both = lake.run(&["run", "a.esql", "--events", "c.ndjson", "--catalog", "egret.toml"]).expect(2);
    assert!(both.stderr.contains("cannot be used with"), "{}", both.stderr);
}

#[test]
fn what_is_wrong_with_a_catalogue_is_told_with_its_place() {
    let lake = Lake::new("[tables.a]\nlocaton = \"a\"\n[tables.b]\nlocation = \"b\"\nmapping = \"own.toml\"\n");
    lake.write("own.toml", "[fields]\n\"a\" = { fom = \"x\" }\n");
    let ran = lake.run(&["tables"]).expect(2);
    for part in ["egret.toml:2:1", "no key `locaton`", "the nearest key is `location`"] {
        assert!(ran.stderr.contains(part), "{part}\n{}", ran.stderr);
    }
    lake.write("egret.toml", "[tables.b]\nlocation = \"b\"\nmapping = \"own.toml\"\n");
    let ran = lake.run(&["tables"]).expect(2);
    for part in ["own.toml:2:9", "no key `fom`", "the nearest key is `from`"] {
        assert!(ran.stderr.contains(part), "{part}\n{}", ran.stderr);
    }
    let missing = lake.run(&["tables", "--catalog", "no.toml"]).expect(2);
    assert!(missing.stderr.contains("no.toml: no such file"), "{}", missing.stderr);
    lake.write("egret.toml", "[tables.logs.x]\nlocation = \"b\"\n");
    let ran = lake.run(&["tables"]).expect(2);
    assert!(ran.stderr.contains("[tables.\"logs.x\"]"), "{}", ran.stderr);
}

#[test]
fn tables_are_listed_with_what_footers_say() {
    let lake = Lake::new(
        "[tables.p]\nlocation = [\"p/*.parquet\", \"more\"]\n[tables.m]\nlocation = \"m\"\n[tables.gone]\nlocation = \"gone\"\n\
         [tables.j]\nlocation = \"m\"\nformat = \"json\"\n",
    );
    lake.parquet("p/a.parquet", &["2026-10-01T10:00:00Z", "2026-10-02T11:00:00.250Z"]);
    lake.parquet("p/b.parquet", &["2026-09-01T10:00:00Z"]);
    lake.parquet("more/c.parquet", &["2026-09-30T10:00:00Z"]);
    lake.parquet("m/c.parquet", &["2026-10-03T10:00:00Z"]);
    lake.write("m/d.ndjson", "{\"@timestamp\":\"2026-10-04T00:00:00Z\",\"host\":{\"name\":\"d\"}}\n");
    let ran = lake.run(&["tables", "--format", "json"]).expect(0);
    assert!(ran.stderr.contains("table 'gone' is left out: gone: no such file"), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let tables = told["tables"].as_array().unwrap();
    let names: Vec<_> = tables.iter().map(|t| t["table"].as_str().unwrap()).collect();
    assert_eq!(names, ["j", "m", "p"]);
    let size = |names: &[&str]| names.iter().map(|n| fs::metadata(lake.path().join(n)).unwrap().len()).sum::<u64>();
    let of = |at: usize, key: &str| tables[at][key].clone();
    assert_eq!((of(2, "files"), of(2, "rows")), (json!(3), json!(4)));
    assert_eq!(of(2, "bytes"), json!(size(&["p/a.parquet", "p/b.parquet", "more/c.parquet"])));
    assert_eq!((of(2, "from"), of(2, "to")), (json!("2026-09-01T10:00:00Z"), json!("2026-10-02T11:00:00.250Z")));
    assert_eq!((of(1, "files"), of(1, "rows"), of(1, "from")), (json!(2), Value::Null, Value::Null));
    assert_eq!(of(1, "formats"), json!(["Parquet", "JSON"]));
    assert_eq!((of(0, "files"), of(0, "formats")), (json!(1), json!(["JSON"])));
    let text = lake.run(&["tables"]).expect(0).stdout;
    let line = text.lines().find(|line| line.starts_with("p ")).unwrap();
    assert!(line.contains(" 4  2026-09-01T10:00:00Z  2026-10-02T11:00:00.250Z  Parquet"), "{text}");
    let line = text.lines().find(|line| line.starts_with("m ")).unwrap();
    assert!(line.split_whitespace().skip(3).take(3).all(|cell| cell == "-"), "{text}");

    // What no rule reads is not looked for; who asks for it is told.
    lake.write("gone.esql", "FROM gone | KEEP host.name");
    let gone = lake.run(&["run", "gone.esql", "--all-time"]).expect(2);
    assert!(
        gone.stderr.contains("table 'gone' is left out") && gone.stderr.contains("the lake has j, m, p"),
        "{}",
        gone.stderr
    );
    lake.write("all.esql", "FROM m | KEEP host.name");
    let other = lake.run(&["run", "all.esql", "--all-time"]).expect(0);
    assert!(!other.stderr.contains("gone"), "{}", other.stderr);
    assert_eq!(lake.hosts(&["all.esql", "--all-time"]), ["2026-10-03T10:00:00Z", "d"]);
}

#[test]
fn folders_of_dates_prune_the_field_that_they_are_declared_for() {
    let days = ["2026/10/01", "2026/10/02", "2026/10/03"];
    let hours =
        ["year=2026/month=10/day=01/hour=22", "year=2026/month=10/day=01/hour=23", "year=2026/month=10/day=2/hour=0"];
    let lake = Lake::new("");
    for day in days {
        lake.parquet(&format!("days/eu/{day}/a.parquet"), &[&format!("{}T10:00:00Z", day.replace('/', "-"))]);
        let event =
            format!("{{\"@timestamp\":\"{0}T11:00:00Z\",\"host\":{{\"name\":\"{0}\"}}}}\n", day.replace('/', "-"));
        lake.write(&format!("days/us/{day}/b.ndjson"), &event);
    }
    for (folder, time) in hours.iter().zip(["2026-10-01T22:30:00Z", "2026-10-01T23:30:00Z", "2026-10-02T00:30:00Z"]) {
        lake.parquet(&format!("hours/{folder}/a.parquet"), &[time]);
    }
    lake.write("days.esql", "FROM days | KEEP host.name");
    lake.write("hours.esql", "FROM hours | KEEP host.name");
    // How many events are read tells which files were: each has one.
    let read = |query: &str, catalogue: &str, args: &[&str]| {
        lake.write("egret.toml", &format!("{catalogue}\n"));
        let all = [&["run", query, "--stats-file", "stats.json", "-q", "--format", "ndjson", "--scan", "stock"], args]
            .concat();
        let _ = fs::remove_file(lake.path().join("stats.json"));
        let rows = lake.run(&all).expect(0).rows().len();
        let stats: Value = serde_json::from_str(&fs::read_to_string(lake.path().join("stats.json")).unwrap()).unwrap();
        (rows, stats["executions"][0]["events"].as_u64().unwrap())
    };
    let day = ["--from", "2026-10-02T09:00:00Z", "--to", "2026-10-02T12:00:00Z"];
    let table = |extra: &str| format!("[tables.days]\nlocation = \"days\"\n{extra}");
    assert_eq!(read("days.esql", &table("partition = \"*/%Y/%m/%d\""), &day), (2, 2));
    let whole = ["--from", "2026-10-01T09:00:00Z", "--to", "2026-10-03T12:00:00Z"];
    assert_eq!(read("days.esql", &table("partition = \"*/%Y/%m/%d\""), &whole), (6, 6));
    // Nobody declared anything: JSON is read whole, Parquet prunes by statistics.
    assert_eq!(read("days.esql", &table(""), &day), (2, 4));
    // Recognised, since the lateness is declared, in the file or by the flag.
    assert_eq!(read("days.esql", &table("lateness = \"1h\""), &day), (2, 2));
    assert_eq!(read("days.esql", &table(""), &[&day[..], &["--lateness", "1h"]].concat()), (2, 2));
    // Folders of another field say nothing of this one.
    let other = "partition = { field = \"event.created\", path = \"*/%Y/%m/%d\" }";
    assert_eq!(read("days.esql", &table(other), &day), (2, 4));
    assert_eq!(read("days.esql", &table(&format!("{other}\nlateness = \"1h\"")), &day), (2, 4));

    let hour = ["--from", "2026-10-01T23:00:00Z", "--to", "2026-10-01T23:59:00Z"];
    let table = "[tables.hours]\nlocation = \"hours\"\npartition = \"year=%Y/month=%m/day=%d/hour=%H\"";
    assert_eq!(read("hours.esql", table, &hour), (1, 1));
    assert_eq!(read("hours.esql", table, &["--all-time"]), (3, 3));
}

#[test]
fn folders_that_lie_are_believed_only_where_they_are_declared() {
    // An event of the second in the folder of the first: only what is declared may lose it.
    let lake = Lake::new("");
    lake.parquet("x/2026/10/01/a.parquet", &["2026-10-02T10:00:00Z"]);
    lake.write("x.esql", "FROM x | KEEP host.name");
    lake.write(
        "ingested.toml",
        "[metadata]\ncreation_date = \"2026/10/01\"\nupdated_date = \"2026/10/01\"\nmaturity = \"production\"\n[rule]\nauthor = [\"a\"]\nlicense = \"l\"\nname = \"i\"\nrule_id = \"254d90fa-aea3-46a0-a272-f9a61b3fdaba\"\nlanguage = \"esql\"\ntype = \"esql\"\n\
         from = \"now-1h\"\ninterval = \"1h\"\nrisk_score = 1\nseverity = \"low\"\ndescription = \"d\"\n\
         timestamp_override = \"event.ingested\"\nquery = \"FROM x METADATA _id, _version, _index | KEEP host.name\"\n",
    );
    let window = ["--from", "2026-10-02T00:00:00Z", "--to", "2026-10-03T00:00:00Z"];
    let found = |rule: &str, extra: &str| {
        lake.write("egret.toml", &format!("[tables.x]\nlocation = \"x\"\n{extra}\n"));
        lake.hosts(&[&[rule][..], &window].concat()).len()
    };
    assert_eq!(found("x.esql", ""), 1);
    assert_eq!(found("x.esql", "partition = \"%Y/%m/%d\""), 0);
    assert_eq!(found("x.esql", "lateness = \"1h\""), 0);
    assert_eq!(found("ingested.toml", "partition = \"%Y/%m/%d\""), 1);
    assert_eq!(found("ingested.toml", "partition = \"%Y/%m/%d\"\nlateness = \"1d\""), 1);
    assert_eq!(found("ingested.toml", "partition = { field = \"event.ingested\", path = \"%Y/%m/%d\" }"), 1);
}

#[test]
fn the_time_of_a_table_is_the_field_that_it_names() {
    let lake =
        Lake::new("[tables.x]\nlocation = \"x\"\ntime = \"ts\"\npartition = { field = \"ts\", path = \"%Y/%m/%d\" }\n");
    for (day, hour) in [("01", "10"), ("02", "09"), ("02", "11")] {
        let path = lake.path().join(format!("x/2026/10/{day}"));
        fs::create_dir_all(&path).unwrap();
        let columns: [(&str, ArrayRef); 2] = [
            ("ts", Arc::new(Int64Array::from(vec![millis(&format!("2026-10-{day}T{hour}:00:00Z"))]))),
            ("host.name", Arc::new(StringArray::from(vec![format!("{day}-{hour}")]))),
        ];
        write_parquet(&path.join(format!("{hour}.parquet")), &RecordBatch::try_from_iter(columns).unwrap());
    }
    lake.write("x/2026/10/02/c.ndjson", "{\"ts\":1790938800000,\"host\":{\"name\":\"json\"}}\n");
    lake.write("x.esql", "FROM x | KEEP host.name, @timestamp");
    let window = ["--from", "2026-10-02T10:00:00Z", "--to", "2026-10-02T12:00:00Z"];
    assert_eq!(lake.hosts(&[&["x.esql"][..], &window].concat()), ["02-11", "json"]);
}

#[test]
fn a_file_that_appears_is_seen_by_the_next_execution() {
    let lake = Lake::new("[tables.x]\nlocation = \"x\"\npartition = \"date=%Y-%m-%d\"\n");
    lake.write("x.esql", "FROM x | KEEP host.name");
    let window = ["x.esql", "--from", "2026-10-01T00:00:00Z", "--to", "2026-10-03T00:00:00Z"];
    lake.parquet("x/date=2026-10-01/a.parquet", &["2026-10-01T10:00:00Z"]);
    assert_eq!(lake.hosts(&window).len(), 1);
    lake.parquet("x/date=2026-10-01/b.parquet", &["2026-10-01T11:00:00Z"]);
    lake.write("x/date=2026-10-02/c.ndjson", "{\"@timestamp\":\"2026-10-02T01:00:00Z\",\"host\":{\"name\":\"c\"}}\n");
    assert_eq!(lake.hosts(&window), ["2026-10-01T10:00:00Z", "2026-10-01T11:00:00Z", "c"]);
}

#[test]
fn what_the_readme_shows_is_read() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<&str> = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let (mut catalogues, mut mappings) = (0, 0);
    for block in blocks {
        if block.contains("[tables.") {
            Catalog::parse("README.md", block, Path::new("")).unwrap();
            catalogues += 1;
        } else if block.contains("[fields]") {
            Mapping::parse("README.md", block).unwrap();
            mappings += 1;
        }
    }
    assert!(catalogues > 0 && mappings > 0);
}

#[test]
fn a_replay_does_not_go_on_with_another_mapping() {
    let lake = Lake::new("[tables.t]\nlocation = \"e.ndjson\"\nmapping = \"own.toml\"\n");
    lake.write("own.toml", "[fields]\n\"host.name\" = \"a\"\n");
    let events: Vec<String> = (0..400)
        .map(|n| format!(r#"{{"@timestamp":{},"a":"x","b":"y"}}"#, millis("2026-10-01T00:00:00Z") + n * 60_000))
        .collect();
    lake.write("e.ndjson", &events.join("\n"));
    lake.write("q.esql", "FROM t | STATS n = COUNT(*) BY host.name");
    let args =
        ["backtest", "q.esql", "--from", "2026-10-01", "--to", "2026-10-29", "--interval", "5m", "--lookback", "30m"];
    let args = [&args[..], &["--output", "o.ndjson"]].concat();
    assert_eq!(lake.run(&[&args[..], &["--one-by-one", "--timeout", "3s"]].concat()).code, 1);
    lake.write("own.toml", "[fields]\n\"host.name\" = \"b\"\n");
    let ran = lake.run(&[&args[..], &["--resume"]].concat());
    assert!(ran.code == 2 && ran.stderr.contains("the tables"), "{}", ran.stderr);
}
