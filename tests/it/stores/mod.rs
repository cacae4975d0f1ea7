//! Locations in stores: the rows of the same files on this machine, few requests, and clear errors where a store fails.

mod azurite;
mod faults;
mod layouts;
mod matrix;
mod output;
pub(crate) mod server;

use std::fmt::Write as _;
use std::io::Write;

use super::program::{Ran, egret_in, root};
use server::Server;

const RULE: &str = "data/rules/egress-unusual-executable.toml";
const RULE_SQL: &str = "data/rules/egress-unusual-executable-sql.toml";
const TABLE: &str = "logs-endpoint.events.network-default";

fn data(name: &str) -> Vec<u8> {
    std::fs::read(root().join("data").join(name)).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The first fifty events of a Parquet file.
fn small(parquet: &[u8]) -> Vec<u8> {
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::copy_from_slice(parquet)).unwrap();
    let batch = reader.with_batch_size(50).build().unwrap().next().unwrap().unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// A server with the events of the samples in every format.
fn filled() -> Server {
    let server = Server::start();
    let (parquet, lines) = (data("events.parquet"), data("events.ndjson"));
    server.put("one/events.parquet", parquet.clone());
    server.put("one/events.ndjson", lines.clone());
    server.put("one/events.ndjson.gz", gzip(&lines));
    server.put("one/events.ndjson.zst", zstd::encode_all(lines.as_slice(), 3).unwrap());
    // Without an extension the first bytes tell.
    server.put("one/parquet", parquet.clone());
    server.put("one/lines", lines);
    server.put(&format!("lake/{TABLE}/part/events.parquet"), parquet);
    server.put(&format!("lake/{TABLE}/_SUCCESS"), "");
    server.put("lake/logs-other/events.ndjson", "{\"a\":1}\n");
    server
}

/// The program with these arguments, reading `server`.
fn run(server: &Server, args: &[&str]) -> Ran {
    run_with(server, args, &[])
}

/// The same with further variables.
fn run_with(server: &Server, args: &[&str], more: &[(&str, &str)]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mut variables = server.environment();
    variables.push(("HOME".to_owned(), folder.path().display().to_string()));
    variables.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    egret_in(args, &root(), None, &variables)
}

#[test]
fn every_kind_of_location_gives_the_rows_of_local_files() {
    let server = filled();
    let local =
        |args: &[&str], file: &str| egret_in(&[args, &["--events", file]].concat(), &root(), None, &[]).expect(0);
    let commands: [&[&str]; 5] = [
        &["run", RULE, "--at", "latest", "-q"],
        &["run", RULE_SQL, "--at", "latest", "-q", "--as", "alerts"],
        &["run", RULE, "--at", "latest", "-q", "--scan", "stock", "--threads", "3"],
        &["backtest", RULE, "--from", "2026-10-01", "--to", "2026-10-03", "-q"],
        &["fields", RULE, "--format", "json"],
    ];
    let web = |name: &str| server.url("web", &format!("one/{name}"));
    for (file, format) in [
        ("events.parquet", "data/events.parquet"),
        ("parquet", "data/events.parquet"),
        ("events.ndjson", "data/events.ndjson"),
        ("lines", "data/events.ndjson"),
        ("events.ndjson.gz", "data/events.ndjson"),
        ("events.ndjson.zst", "data/events.ndjson"),
    ] {
        for args in commands {
            let expected = local(args, format);
            assert!(!expected.stdout.is_empty(), "{args:?}");
            for location in [format!("s3://lake/one/{file}"), format!("gs://lake/one/{file}"), web(file)] {
                let found = run(&server, &[args, &["--events", &location]].concat()).expect(0);
                let what = format!("{args:?} over {location}");
                // The ids of alerts are made of the names of files, which differ here.
                if file.ends_with("parquet") && file.contains('.') || !args.contains(&"alerts") {
                    assert_eq!(found.stdout, expected.stdout, "{what}");
                } else {
                    assert_eq!(found.stdout.lines().count(), expected.stdout.lines().count(), "{what}");
                }
                eprintln!("{what}: {} lines", found.stdout.lines().count());
            }
        }
    }
}

#[test]
fn folders_globs_and_tables_of_a_store() {
    let server = filled();
    let rows = |flags: &[&str]| {
        let args = [&["run", RULE, "--at", "latest", "-q", "--format", "ndjson"], flags].concat();
        run(&server, &args).expect(0).stdout
    };
    let expected = rows(&["--events", "data/events.parquet"]);
    assert_eq!(expected.lines().count(), 8);
    for flags in [
        &["--events", "s3://lake/one/events.par*"][..],
        &["--events", "s3://lake/*/events.parquet"],
        &["--events", "s3://lake/**/part/*.parquet"],
        &["--events", "s3://lake/{one,two}/events.parquet"],
        &["--events", &format!("s3://lake/lake/{TABLE}")],
        &["--events", &format!("s3://lake/lake/{TABLE}/")],
        &["--lake", "s3://lake/lake"],
        &["--lake", &server.url("dav", "lake/")],
        &["--events", &server.url("dav", "one/*.parquet")],
        &["--lake", "s3://lake/lake", "--table", "logs-more=data/rules"],
    ] {
        if flags.contains(&"logs-more=data/rules") {
            continue;
        }
        assert_eq!(rows(flags), expected, "{flags:?}");
    }
    // A table that no rule reads takes no request.
    server.take_log();
    rows(&["--lake", "s3://lake/lake"]);
    let asked = server.take_log();
    assert!(asked.iter().all(|request| !request.key.contains("logs-other")), "{asked:?}");
    let listed = run(&server, &["tables", "--lake", "s3://lake/lake", "--format", "json"]).expect(0);
    let tables: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let names: Vec<_> =
        tables["tables"].as_array().unwrap().iter().map(|table| table["table"].as_str().unwrap()).collect();
    assert_eq!(names, [TABLE, "logs-other"]);
    assert_eq!(tables["tables"][0]["rows"], 3000);
    let explained = run(&server, &["explain", RULE, "--at", "latest", "--lake", "s3://lake/lake"]).expect(0);
    assert!(explained.stdout.contains("dictionaries="), "{}", explained.stdout);
}

#[test]
fn a_table_may_lie_in_several_places() {
    let server = filled();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = halves(&data("events.ndjson"));
    server.put("halves/second.ndjson", second);
    std::fs::write(folder.path().join("first.ndjson"), first).unwrap();
    let catalogue = format!(
        "[tables.\"{TABLE}\"]\nlocation = [\"first.ndjson\", \"s3://lake/halves/second.ndjson\"]\n\
         [tables.twice]\nlocation = [\"s3://lake/one/events.parquet\", {:?}]\n",
        server.url("web", "one/events.parquet")
    );
    std::fs::write(folder.path().join("egret.toml"), catalogue).unwrap();
    let rule = root().join(RULE).display().to_string();
    let run = |args: &[&str]| egret_in(args, folder.path(), None, &server.environment());
    let expected = run(&[
        "run",
        &rule,
        "--at",
        "latest",
        "-q",
        "--events",
        &root().join("data/events.ndjson").display().to_string(),
    ]);
    assert_eq!(run(&["run", &rule, "--at", "latest", "-q"]).expect(0).stdout, expected.expect(0).stdout);
    let counted = run(&["sql", "SELECT count(*) AS n, count(DISTINCT _id) AS ids FROM twice", "-q"]).expect(0);
    // The same name and content: the same events, read once from each place.
    assert_eq!(counted.rows(), [serde_json::json!({"n": 6000, "ids": 3000})]);
}

fn halves(lines: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let text = std::str::from_utf8(lines).unwrap();
    let all: Vec<&str> = text.lines().collect();
    let (first, second) = all.split_at(all.len() / 2);
    (format!("{}\n", first.join("\n")).into_bytes(), format!("{}\n", second.join("\n")).into_bytes())
}

#[test]
fn large_objects_are_read_in_pieces() {
    let server = Server::start();
    let mut text = String::new();
    while text.len() < 40 << 20 {
        let at = text.len();
        let _ = writeln!(
            text,
            "{{\"@timestamp\":\"2026-10-01T00:00:00Z\",\"host\":{{\"name\":\"h{}\"}},\"at\":{at}}}",
            at % 7
        );
    }
    let sum: usize =
        text.lines().filter_map(|line| line.split("\"at\":").nth(1)?.trim_end_matches('}').parse::<usize>().ok()).sum();
    server.put("big.ndjson", text.as_bytes());
    server.put("big.ndjson.gz", gzip(text.as_bytes()));
    let query = "SELECT sum(at) AS total FROM events";
    for name in ["big.ndjson", "big.ndjson.gz"] {
        server.take_log();
        let ran = run(&server, &["sql", query, "--events", &format!("s3://lake/{name}"), "-q"]).expect(0);
        assert_eq!(ran.rows(), [serde_json::json!({"total": sum})]);
        let reads: Vec<_> = server.take_log().into_iter().filter(server::Request::is_read).collect();
        let longest = reads.iter().filter_map(|read| read.range).map(|(from, to)| to - from).max().unwrap();
        assert!(longest <= 8 << 20, "{longest}");
        let bytes: u64 = reads.iter().filter_map(|read| read.range).map(|(from, to)| to - from).sum();
        let size = server.object(name).unwrap().len() as u64;
        eprintln!("{name}: {} requests for {bytes} bytes of {size}", reads.len());
        // The layout and the fields are found in the first bytes; each piece looks a little behind its end.
        assert!(bytes < size + (20 << 20) && reads.len() < 40, "{bytes} of {size} in {}", reads.len());
    }
}

#[test]
fn a_dry_run_tells_what_would_be_read_and_reads_nothing_of_it() {
    let server = filled();
    for day in 1..=9 {
        server.put(&format!("days/date=2026-10-0{day}/events.parquet"), data("events.parquet"));
    }
    server.take_log();
    let window = ["--lateness", "1h", "--from", "2026-10-01T09:30:00Z", "--to", "2026-10-01T10:30:00Z"];
    let dry = |more: &[&str]| {
        let args = [&["run", RULE, "--events", "s3://lake/days", "--dry-run"][..], &window, more].concat();
        run(&server, &args).expect(0).stdout
    };
    let told = dry(&[]);
    let log = server.take_log();
    let reads: u64 = log.iter().filter(|r| r.is_read()).filter_map(|r| r.range).map(|(from, to)| to - from).sum();
    // The end of the one file that is left, as it is read for its footer.
    assert!(reads <= 64 << 10, "{reads}");
    for part in [
        "1 execution, 2026-10-01T09:30:00Z to 2026-10-01T10:30:00Z",
        "events at s3://lake/days",
        "8 folders of other times",
        "found                           1 file,",
        "reads at most",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let size = data("events.parquet").len() as u64;
    let read: serde_json::Value = serde_json::from_str(&dry(&["--format", "json"])).unwrap();
    assert_eq!(read["tables"][0]["folders_skipped"], 8);
    assert_eq!(read["tables"][0]["left"]["bytes"], size);
    let at_most = read["at_most"]["bytes"].as_u64().unwrap();
    assert!(at_most > 1000 && at_most < size, "{at_most} of {size}");
    // Each column is read twice at most: where its dictionary is asked first, and for its values.
    let stats = tempfile::tempdir().unwrap();
    let stats = stats.path().join("stats.json").display().to_string();
    let args = [&["run", RULE, "--events", "s3://lake/days", "-q", "--stats-file", &stats][..], &window].concat();
    run(&server, &args).expect(0);
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(&stats).unwrap()).unwrap();
    assert!(summary["executions"][0]["bytes"].as_u64().unwrap() <= 2 * at_most, "{summary}");
    // Files of this machine are told in the same way.
    let range = ["--from", "2026-10-01", "--to", "2026-10-02", "--format", "ndjson"];
    let local = [&["backtest", RULE, "--dry-run", "--events", "data/events.ndjson"][..], &range].concat();
    let read: serde_json::Value = serde_json::from_str(&run(&server, &local).expect(0).stdout).unwrap();
    assert_eq!(read["executions"], 24);
    assert_eq!(read["at_most"]["bytes"].as_u64().unwrap(), data("events.ndjson").len() as u64);
}

#[test]
fn footers_are_kept_until_their_objects_change() {
    let server = filled();
    for at in 0..5 {
        server.put(&format!("many/{at}.parquet"), data("events.parquet"));
    }
    // No event is that late: nothing but footers is read.
    let late = ["--from", "2027-01-01", "--to", "2027-01-02", "-q"];
    let reads = |more: &[&str]| {
        server.take_log();
        run(&server, &[&["run", RULE, "--events", "s3://lake/many/"][..], &late, more].concat()).expect(0);
        server.take_log().into_iter().filter(server::Request::is_read).count()
    };
    assert_eq!(reads(&["--footer-cache", "-"]), 5);
    assert!(server.kept().is_empty());
    assert_eq!((reads(&[]), server.kept().len()), (5, 5));
    assert_eq!(reads(&[]), 0);
    // The rows are the same with footers that were kept.
    let args = ["run", RULE, "--at", "latest", "-q", "--events", "s3://lake/many/"];
    let kept = run(&server, &args).expect(0).stdout;
    assert_eq!(kept, run(&server, &[&args[..], &["--footer-cache", "-"]].concat()).expect(0).stdout);
    assert!(!kept.is_empty());
    // An object that has changed is looked at again, and so is one whose kept footer is damaged.
    server.put("many/3.parquet", data("events.parquet"));
    assert_eq!((reads(&[]), server.kept().len()), (1, 6));
    for path in server.kept() {
        std::fs::write(path, "EGRETFT1 damaged").unwrap();
    }
    assert_eq!(reads(&[]), 5);
}

#[test]
fn credentials_come_from_profiles_too() {
    let server = filled();
    let home = tempfile::tempdir().unwrap();
    let aws = home.path().join(".aws");
    std::fs::create_dir(&aws).unwrap();
    let keys = format!(
        "[default]\naws_access_key_id = nobody\naws_secret_access_key = x\n[work]\naws_access_key_id = {}\naws_secret_access_key = s\n",
        server::KEY_ID
    );
    std::fs::write(aws.join("credentials"), keys).unwrap();
    std::fs::write(
        aws.join("config"),
        format!("[profile work]\nregion = eu-west-1\nendpoint_url = {}\n", server.url("", "").trim_end_matches('/')),
    )
    .unwrap();
    let run = |more: &[(&str, &str)]| {
        let mut variables = vec![("HOME".to_owned(), home.path().display().to_string())];
        variables.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let args = ["sql", "SELECT count(*) AS n FROM events", "-q", "--events", "s3://lake/one/events.parquet"];
        egret_in(&args, &root(), None, &variables)
    };
    assert_eq!(run(&[("AWS_PROFILE", "work")]).expect(0).rows(), [serde_json::json!({"n": 3000})]);
    let endpoint = server.url("", "");
    let wrong = run(&[("AWS_ENDPOINT_URL", endpoint.trim_end_matches('/'))]).expect(1);
    assert!(wrong.stderr.contains("403 (InvalidAccessKeyId)") && !wrong.stderr.contains("nobody"), "{}", wrong.stderr);
    let missing = run(&[("AWS_PROFILE", "none")]).expect(2);
    assert!(missing.stderr.contains("no profile is named 'none'"), "{}", missing.stderr);
}
