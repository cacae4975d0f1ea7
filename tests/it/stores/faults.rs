//! Stores that fail: right rows or a clear error, in bounded time, and no secrets in messages.

use std::time::{Duration, Instant};

use super::server::{Fault, KEY_ID, Request, Server};
use super::{RULE, data, filled, run, run_with};

const QUICK: &[(&str, &str)] = &[("AWS_MAX_ATTEMPTS", "3"), ("AWS_TIMEOUT", "2s")];

/// The program over one object of the bucket, which must end with an error that has these parts.
fn fails(server: &Server, location: &str, variables: &[(&str, &str)], parts: &[&str]) -> String {
    let started = Instant::now();
    let args = ["run", RULE, "--at", "latest", "--events", location];
    let ran = run_with(server, &args, variables).expect(1);
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    for part in parts {
        assert!(ran.stderr.contains(part), "{location}: {part}\n{}", ran.stderr);
    }
    for secret in [KEY_ID, "a-secret-of-tests", "Signature", "Credential"] {
        assert!(!ran.stderr.contains(secret), "{secret}\n{}", ran.stderr);
    }
    assert!(ran.stdout.is_empty());
    ran.stderr
}

const PARQUET: &str = "s3://lake/one/events.parquet";
const LINES: &str = "s3://lake/one/events.ndjson";

#[test]
fn errors_name_the_object_what_was_found_and_what_to_do() {
    let server = filled();
    fails(&server, "s3://lake/none/x.parquet", QUICK, &["s3://lake/none/x.parquet", "no file with events"]);
    fails(&server, "s3://other/x.parquet", QUICK, &["s3://other/x.parquet: no such bucket", "check the name"]);
    let missing = server.url("web", "one/none.parquet");
    fails(&server, &missing, QUICK, &[&format!("{missing}: no such object"), "check the location"]);
    // What signs a location is part of every request, and of no message.
    let signed = format!("{}?X-Amz-Signature=0123456789abcdef", server.url("web", "one/events.parquet"));
    let args = ["sql", "SELECT count(*) AS n FROM events", "-q", "--events", &signed];
    server.take_log();
    assert_eq!(run(&server, &args).expect(0).rows(), [serde_json::json!({"n": 3000})]);
    let log = server.take_log();
    assert!(log.iter().all(|request| request.query.contains_key("X-Amz-Signature")), "{log:?}");
    let told = fails(&server, &format!("{missing}?X-Amz-Signature=0123456789abcdef"), QUICK, &["no such object"]);
    assert!(!told.contains("0123456789abcdef"), "{told}");
    let denied = [QUICK, &[("AWS_ACCESS_KEY_ID", "stranger")]].concat();
    let parts = ["s3://lake/one/events.parquet: not allowed: the store answers 403", "AWS_ACCESS_KEY_ID"];
    assert!(!fails(&server, PARQUET, &denied, &parts).contains("stranger"));
    let unsigned = [QUICK, &[("AWS_SKIP_SIGNATURE", "true")]].concat();
    fails(&server, PARQUET, &unsigned, &["not allowed", "403"]);
    server.fail(|_| Fault::Status(503, "SlowDown"));
    fails(
        &server,
        "s3://lake/one/",
        QUICK,
        &["s3://lake/one: the store is not able to answer: 503 (SlowDown), also after 2 retries"],
    );
    server.fail(|_| Fault::Closed);
    fails(&server, "s3://lake/one/", QUICK, &["s3://lake/one: no answer from the store", "check the network"]);
    let nowhere = [QUICK, &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]].concat();
    fails(&server, PARQUET, &nowhere, &["no answer from the store", "refused"]);
    server.fail(|_| Fault::None);
    server.put("one/broken.parquet", "PAR1 this is none PAR1");
    fails(&server, "s3://lake/one/broken.parquet", QUICK, &["s3://lake/one/broken.parquet: no readable Parquet file"]);
    let mut damaged = data("events.parquet");
    let middle = damaged.len() / 3;
    damaged[100..middle].fill(0xaa);
    server.put("one/damaged.parquet", damaged);
    fails(&server, "s3://lake/one/damaged.parquet", QUICK, &["s3://lake/one/damaged.parquet: a damaged Parquet file"]);
    server.put("one/empty.parquet", "");
    fails(&server, "s3://lake/one/empty.parquet", QUICK, &["s3://lake/one/empty.parquet: an empty file"]);
    server.set_ranges(false);
    fails(&server, &server.url("web", "one/events.parquet"), QUICK, &["gives files only whole"]);
}

#[test]
fn an_object_that_changes_or_vanishes_is_an_error() {
    for (tags, place) in [(true, "s3"), (true, "web"), (false, "web")] {
        for (location, key) in [(PARQUET, "one/events.parquet"), (LINES, "one/events.ndjson")] {
            for vanishes in [false, true] {
                // At first the object is looked at; what comes after that reads it.
                for after in [1, 2, 3] {
                    let server = filled();
                    server.set_tags(tags);
                    let location = if place == "s3" { location.to_owned() } else { server.url("web", key) };
                    let mut other = data("events.parquet");
                    // Without tags the size alone tells.
                    if tags {
                        other.reverse();
                    } else {
                        other.truncate(3000);
                    }
                    let mut reads = 0;
                    server.fail(move |request: &Request| {
                        reads += usize::from(request.is_read() || request.method == "HEAD");
                        let change = reads == after + 1;
                        if change { Fault::Changed((!vanishes).then(|| other.clone())) } else { Fault::None }
                    });
                    let args = ["run", RULE, "--at", "latest", "-q", "--events", &location];
                    let ran = run_with(&server, &args, QUICK);
                    let reads = server.take_log().len();
                    if reads <= after {
                        continue;
                    }
                    let what = format!(
                        "{location}, tags {tags}, vanishes {vanishes}, after {after} of {reads}:\n{}",
                        ran.stderr
                    );
                    assert_eq!(ran.code, 1, "{what}");
                    assert!(ran.stdout.is_empty(), "{what}");
                    let told = if vanishes { "gone since it was listed" } else { "changed since it was listed" };
                    assert!(ran.stderr.contains(told) && ran.stderr.contains(&location), "{what}");
                }
            }
        }
    }
}

/// Numbers that look random and are the same in every run of the tests.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[test]
fn random_faults_give_right_rows_or_a_clear_error() {
    // `EGRET_FAULT_RUNS` asks for more.
    let runs: u64 = std::env::var("EGRET_FAULT_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let server = filled();
    let expected = run(&server, &["run", RULE, "--at", "latest", "-q", "--events", "data/events.parquet"]).expect(0);
    let (mut right, mut told, mut slowest) = (0, 0, Duration::ZERO);
    for seed in 0..runs {
        let mut random = Random(seed);
        let share = [2, 4, 10, 30][random.below(4) as usize];
        let names = ["events.parquet", "events.ndjson", "events.ndjson.gz", "events.ndjson.zst", "lines", ""];
        let name = names[random.below(6) as usize];
        let (location, events) = match (random.below(3), name) {
            (0, "") => (format!("s3://lake/lake/{}", super::TABLE), "--events"),
            (_, "") => ("s3://lake/lake".to_owned(), "--lake"),
            (0, name) => (server.url("web", &format!("one/{name}")), "--events"),
            (_, name) => (format!("s3://lake/one/{name}"), "--events"),
        };
        let replaced = data("events.ndjson");
        let restored = location.rsplit('/').next().unwrap_or_default().to_owned();
        server.fail(move |request| {
            if random.below(share) != 0 {
                return Fault::None;
            }
            match random.below(8) {
                0 => Fault::Status(500, "InternalError"),
                1 | 2 => Fault::Status(503, "SlowDown"),
                3 | 4 => Fault::Cut,
                5 => Fault::Closed,
                6 => Fault::Stall(Duration::from_millis(50 + 60 * random.below(20))),
                _ if random.below(4) == 0 && request.is_read() => Fault::Changed(Some(replaced.clone())),
                _ => Fault::Status(429, "TooManyRequests"),
            }
        });
        let started = Instant::now();
        let args = ["run", RULE, "--at", "latest", "-q", events, &location, "--timeout", "60s"];
        let ran = run_with(&server, &args, &[("AWS_MAX_ATTEMPTS", "4"), ("AWS_TIMEOUT", "1s")]);
        let took = started.elapsed();
        slowest = slowest.max(took);
        server.fail(|_| Fault::None);
        let fresh = filled();
        for key in
            ["one/events.parquet", "one/events.ndjson", "one/events.ndjson.gz", "one/events.ndjson.zst", "one/lines"]
        {
            if key.ends_with(&restored) || restored.is_empty() {
                server.put(key, fresh.object(key).unwrap());
            }
        }
        let table = format!("lake/{}/part/events.parquet", super::TABLE);
        server.put(&table, fresh.object(&table).unwrap());
        server.put("lake/logs-other/events.ndjson", "{\"a\":1}\n");
        let what = format!("seed {seed}, {location}, {took:?}:\n{}\n{}", ran.stdout, ran.stderr);
        assert!(took < Duration::from_mins(1), "hangs: {what}");
        match ran.code {
            0 => {
                assert_eq!(ran.stdout, expected.stdout, "{what}");
                right += 1;
            }
            1 => {
                assert!(ran.stdout.is_empty() && ran.stderr.contains("://"), "{what}");
                let clear = ["no answer", "not able to answer", "changed since", "gone since", "cannot be read"];
                assert!(clear.iter().any(|text| ran.stderr.contains(text)), "{what}");
                told += 1;
            }
            _ => panic!("{what}"),
        }
    }
    eprintln!("{runs} runs with faults: {right} with the right rows, {told} with a clear error, slowest {slowest:?}");
    assert!(right > runs / 4 && right + told == runs);
}
