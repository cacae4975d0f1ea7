//! Rules over events of other schemas, through mappings to ECS.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use chrono::DateTime;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::json::reader::infer_json_schema_from_iterator;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use serde_json::{Map, Value, json};

use super::program::{egret_with, root};
use super::reference::ndjson;

/// When the planted cases of the sample are found.
const AT: &str = "2026-10-01T23:00:00Z";

const RULES: [&str; 2] = ["egress-unusual-executable.toml", "egress-unusual-executable-sql.toml"];

fn events() -> Vec<Value> {
    let text = fs::read_to_string(root().join("data/events.ndjson")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The value at a dotted path.
fn at<'a>(event: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(event, |at, name| &at[name])
}

/// An event of ECS as OCSF's Network Activity, written by somebody who knows both; `None` where it is of another class.
fn network_activity(event: &Value) -> Option<Value> {
    let text = |path: &str| at(event, path).as_str();
    let (activity, direction) = match (text("event.action")?, event["event"]["type"][0].as_str()?) {
        ("connection_attempted", "start") => (1, 2),
        ("connection_accepted", "start") => (1, 1),
        ("disconnect_received", "end") => (2, 0),
        ("connection_attempted", "end") => (4, 2),
        _ => return None,
    };
    let os = match text("host.os.type")? {
        "linux" => 200,
        "windows" => 100,
        "macos" => 300,
        other => panic!("{other}"),
    };
    let time = DateTime::parse_from_rfc3339(text("@timestamp")?).unwrap().timestamp_millis();
    Some(json!({
        "class_uid": 4001, "category_uid": 4, "type_uid": 400_100 + activity, "activity_id": activity, "severity_id": 1,
        "time": time, "metadata": {"version": "1.1.0", "product": {"name": "Sensor", "vendor_name": "Somebody"}},
        "connection_info": {"direction_id": direction, "protocol_num": 6},
        "src_endpoint": event["source"], "dst_endpoint": event["destination"],
        "device": {"hostname": event["host"]["name"], "os": {"type_id": os}, "agent_list": [{"uid": event["agent"]["id"]}]},
        "actor": {
            "process": {
                "name": at(event, "process.name"), "pid": at(event, "process.pid"),
                "file": {"path": at(event, "process.executable")},
            },
            "user": {"name": at(event, "user.name")},
        },
    }))
}

/// The documents as a Parquet file of nested structs.
fn write_parquet(path: &Path, documents: &[Value], rows_a_group: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = Arc::new(infer_json_schema_from_iterator(documents.iter().map(Ok)).unwrap());
    let mut decoder = ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(documents.len()).build_decoder().unwrap();
    decoder.serialize(documents).unwrap();
    let batch = decoder.flush().unwrap().unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_a_group)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn rule(name: &str) -> String {
    root().join("data/rules").join(name).display().to_string()
}

fn rows(folder: &Path, args: &[&str]) -> Vec<Value> {
    egret_with(args, folder, None).expect(0).rows()
}

#[test]
fn the_seed_rule_runs_over_ocsf_network_activity_unedited() {
    let folder = tempfile::tempdir().unwrap();
    let documents: Vec<Value> = events().iter().filter_map(network_activity).collect();
    assert!(documents.len() > 2_500);
    let half = documents.len() / 2;
    write_parquet(&folder.path().join("nested/a.parquet"), &documents, 500);
    fs::create_dir(folder.path().join("json")).unwrap();
    fs::write(folder.path().join("json/a.ndjson"), ndjson(&documents)).unwrap();
    write_parquet(&folder.path().join("mixed/a.parquet"), &documents[..half], 500);
    fs::write(folder.path().join("mixed/b.ndjson"), ndjson(&documents[half..])).unwrap();
    // As Amazon Security Lake names its folders.
    for day in ["20261001", "20261002"] {
        let of_day = |document: &&Value| {
            DateTime::from_timestamp_millis(document["time"].as_i64().unwrap()).unwrap().format("%Y%m%d").to_string()
                == day
        };
        let documents: Vec<Value> = documents.iter().filter(of_day).cloned().collect();
        if !documents.is_empty() {
            write_parquet(
                &folder.path().join(format!("lake/region=eu/accountId=1/eventDay={day}/a.parquet")),
                &documents,
                500,
            );
        }
    }
    for rule_name in RULES {
        let rule = rule(rule_name);
        let plain = root().join("data/events.ndjson").display().to_string();
        let expected = rows(folder.path(), &["run", &rule, "--events", &plain, "--at", AT, "-q"]);
        assert_eq!(expected.len(), 8);
        for (place, partition) in [
            ("nested", ""),
            ("json", ""),
            ("mixed", ""),
            ("lake", "partition = \"region=*/accountId=*/eventDay=%Y%m%d\""),
        ] {
            let catalogue = format!(
                "[tables.\"logs-endpoint.events.network-ocsf\"]\nlocation = \"{place}\"\n\
                 mapping = \"ocsf-network-activity\"\n{partition}\n"
            );
            fs::write(folder.path().join("egret.toml"), catalogue).unwrap();
            let found = rows(folder.path(), &["run", &rule, "--at", AT, "-q"]);
            let sorted = |rows: &[Value]| {
                let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
                rows.sort();
                rows
            };
            assert_eq!(sorted(&found), sorted(&expected), "{place}: {rule_name}");
            let range = ["--from", "2026-10-01", "--to", "2026-10-03", "-q"];
            let replayed = rows(folder.path(), &[&["backtest", rule.as_str()][..], &range].concat());
            let replay = ["backtest", rule.as_str(), "--events", plain.as_str()];
            assert_eq!(sorted(&replayed), sorted(&rows(folder.path(), &[&replay[..], &range].concat())), "{place}");
        }
    }
}

#[test]
fn lines_of_json_that_a_renamed_field_rules_out_are_not_parsed() {
    let folder = tempfile::tempdir().unwrap();
    let documents: Vec<Value> = events().iter().filter_map(network_activity).collect();
    fs::write(folder.path().join("a.ndjson"), ndjson(&documents)).unwrap();
    fs::write(
        folder.path().join("egret.toml"),
        "[tables.net]\nlocation = \"a.ndjson\"\nmapping = \"ocsf-network-activity\"\n",
    )
    .unwrap();
    let paths: Vec<&str> = documents.iter().filter_map(|d| at(d, "actor.process.file.path").as_str()).collect();
    let wanted = paths.iter().find(|path| path.starts_with("/tmp/")).unwrap();
    let expected = paths.iter().filter(|path| *path == wanted).count();
    let query = format!("FROM net | WHERE process.executable == \"{wanted}\" | STATS n = COUNT(*)");
    fs::write(folder.path().join("q.esql"), query).unwrap();
    let found = rows(folder.path(), &["run", "q.esql", "--all-time", "-q", "--stats-file", "stats.json"]);
    assert_eq!(found, [json!({"n": expected})]);
    let stats: Value = serde_json::from_str(&fs::read_to_string(folder.path().join("stats.json")).unwrap()).unwrap();
    let parsed = stats["executions"][0]["lines_parsed"].as_u64().unwrap();
    assert!(parsed < documents.len() as u64 / 2, "{stats:#}");
}

#[test]
fn comparisons_with_mapped_values_prune() {
    let folder = tempfile::tempdir().unwrap();
    let mut documents: Vec<Value> = events().iter().filter_map(network_activity).collect();
    documents.sort_by_key(|document| document["activity_id"].as_i64());
    write_parquet(&folder.path().join("a.parquet"), &documents, 300);
    fs::write(
        folder.path().join("egret.toml"),
        "[tables.net]\nlocation = \"a.parquet\"\nmapping = \"ocsf-network-activity\"\n",
    )
    .unwrap();
    let count =
        |values: &[i64]| documents.iter().filter(|d| values.contains(&d["activity_id"].as_i64().unwrap())).count();
    for (condition, expected, prunes) in [
        ("event.type == \"start\"", count(&[1]), true),
        ("event.type == \"end\"", count(&[2, 4]), true),
        ("event.type IN (\"end\", \"denied\")", count(&[2, 4, 5]), true),
        ("event.type == \"nothing\"", 0, true),
        ("event.type == \"start\" AND host.name IS NOT NULL", count(&[1]), true),
        ("NOT event.type == \"start\"", count(&[2, 4]), false),
        ("event.type != \"start\"", count(&[2, 4]), false),
        ("process.pid > 0 AND event.type == \"end\"", count(&[2, 4]), true),
    ] {
        let query = format!("FROM net | WHERE {condition} | STATS n = COUNT(*)");
        fs::write(folder.path().join("q.esql"), &query).unwrap();
        let found = rows(folder.path(), &["run", "q.esql", "--all-time", "-q"]);
        assert_eq!(found, [json!({"n": expected})], "{condition}");
        let told = egret_with(&["explain", "q.esql", "--all-time"], folder.path(), None).expect(0).stdout;
        let pruning = told.lines().any(|line| line.trim_start().starts_with("prunes:") && line.contains("activity_id"));
        let empty = told.contains("EmptyExec") || told.contains("EmptyRelation");
        assert_eq!(pruning || empty, prunes, "{condition}\n{told}");
    }
}

#[test]
fn a_user_writes_a_mapping_in_ten_lines() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("own.toml"),
        r#"[fields]
"@timestamp" = { from = "ts", unit = "s" }
"event.kind" = { value = "event" }
"event.category" = { value = ["network", "session"] }
"event.action" = { from = "op", map = { o = "opened", c = "closed" }, else = "other", missing = "none" }
"destination.ip" = ["remote.addr", "peer"]
"destination.port" = "remote.port"
"related.ip" = { all = ["remote.addr", "peer"] }
"user.name" = { from = "who", when = { kind = ["u", 7] } }
"#,
    )
    .unwrap();
    let documents = [
        json!({"ts": 1_790_856_000, "op": "o", "remote": {"addr": "10.0.0.1", "port": 443}, "who": "ann", "kind": "u"}),
        json!({"ts": 1_790_856_001, "op": "c", "peer": "10.0.0.2", "remote": {"port": 22}, "who": "bob", "kind": "x"}),
        json!({"ts": 1_790_856_002, "op": "?", "remote": {"addr": "10.0.0.3"}, "peer": "10.0.0.4", "who": "cyd", "kind": "7"}),
        json!({"ts": 1_790_856_900, "remote": {"addr": "10.0.0.5", "port": 1}}),
    ];
    fs::write(folder.path().join("a.ndjson"), ndjson(&documents)).unwrap();
    write_parquet(&folder.path().join("a.parquet"), &documents, 2);
    fs::write(
        folder.path().join("q.esql"),
        "FROM own | EVAL t = DATE_FORMAT(\"HH:mm:ss\", @timestamp) \
         | KEEP t, event.*, destination.*, related.ip, user.name | SORT t",
    )
    .unwrap();
    let expected = |t: &str, action: &str, ip: &str, port: Value, related: Value, user: Value| {
        json!({"t": t, "event.action": action, "event.category": ["network", "session"], "event.kind": "event",
               "destination.ip": ip, "destination.port": port, "related.ip": related, "user.name": user})
    };
    let all = [
        expected("12:00:00", "opened", "10.0.0.1", json!(443), json!("10.0.0.1"), json!("ann")),
        expected("12:00:01", "closed", "10.0.0.2", json!(22), json!("10.0.0.2"), Value::Null),
        expected("12:00:02", "other", "10.0.0.3", Value::Null, json!(["10.0.0.3", "10.0.0.4"]), json!("cyd")),
        expected("12:15:00", "none", "10.0.0.5", json!(1), json!("10.0.0.5"), Value::Null),
    ];
    for file in ["a.ndjson", "a.parquet"] {
        let catalogue = format!("[tables.own]\nlocation = \"{file}\"\nmapping = \"own.toml\"\n");
        fs::write(folder.path().join("egret.toml"), catalogue).unwrap();
        let bare = |mut row: Value| {
            for value in row.as_object_mut().unwrap().values_mut() {
                // A list of one value and the value are the same.
                if let Some([one]) = value.as_array().map(Vec::as_slice) {
                    *value = one.clone();
                }
            }
            row
        };
        let found = |args: &[&str]| -> Vec<Value> {
            rows(folder.path(), &[&["run", "q.esql", "-q"], args].concat()).into_iter().map(bare).collect()
        };
        assert_eq!(found(&["--all-time"]), all, "{file}");
        let window = ["--from", "2026-10-01T12:00:01Z", "--to", "2026-10-01T12:00:02Z"];
        assert_eq!(found(&window), all[1..3], "{file}");
    }
}

#[test]
fn the_fields_of_a_catalogue_win_over_its_mapping() {
    let folder = tempfile::tempdir().unwrap();
    let documents: Vec<Value> = events().iter().filter_map(network_activity).take(10).collect();
    write_parquet(&folder.path().join("a.parquet"), &documents, 100);
    fs::write(
        folder.path().join("egret.toml"),
        "[tables.net]\nlocation = \"a.parquet\"\nmapping = \"ocsf-network-activity\"\n\
         [tables.net.fields]\n\"host.name\" = { value = \"fixed\" }\n",
    )
    .unwrap();
    fs::write(folder.path().join("q.esql"), "FROM net | STATS n = COUNT(*) BY host.name, event.module").unwrap();
    let found = rows(folder.path(), &["run", "q.esql", "--all-time", "-q"]);
    assert_eq!(found, [json!({"n": 10, "host.name": "fixed", "event.module": "Sensor"})]);
}

#[test]
fn process_activity_of_ocsf() {
    let folder = tempfile::tempdir().unwrap();
    let process = |name: &str| json!({"name": name, "pid": name.len(), "cmd_line": format!("{name} -x"), "file": {"path": format!("/bin/{name}")}});
    let activity = |id: i64, os: i64, target: &str, actor: &str| {
        json!({"class_uid": 1007, "activity_id": id, "time": 1_790_856_000_000_i64 + id, "process": process(target),
               "actor": {"process": process(actor), "user": {"name": "root"}},
               "device": {"hostname": "h", "uid": "u", "os": {"type_id": os}}})
    };
    let documents = [activity(1, 200, "sh", "sshd"), activity(1, 100, "cmd", "winword"), activity(2, 200, "sh", "sh")];
    fs::write(folder.path().join("a.ndjson"), ndjson(&documents)).unwrap();
    write_parquet(&folder.path().join("a.parquet"), &documents, 100);
    fs::write(
        folder.path().join("q.esql"),
        "FROM proc | STATS n = COUNT(*) BY event.type, event.action, host.os.type, process.executable, process.parent.name, \
         agent.id, user.name | SORT host.os.type, event.type DESC",
    )
    .unwrap();
    let row = |kind: &str, action: &str, os: &str, path: &str, parent: Value| {
        json!({"n": 1, "event.type": kind, "event.action": action, "host.os.type": os, "process.executable": path,
               "process.parent.name": parent, "agent.id": "u", "user.name": "root"})
    };
    for file in ["a.ndjson", "a.parquet"] {
        let catalogue = format!("[tables.proc]\nlocation = \"{file}\"\nmapping = \"ocsf-process-activity\"\n");
        fs::write(folder.path().join("egret.toml"), catalogue).unwrap();
        let expected = [
            row("start", "exec", "linux", "/bin/sh", json!("sshd")),
            row("end", "end", "linux", "/bin/sh", Value::Null),
            row("start", "start", "windows", "/bin/cmd", json!("winword")),
        ];
        assert_eq!(rows(folder.path(), &["run", "q.esql", "--all-time", "-q"]), expected, "{file}");
    }
}

#[test]
fn records_of_cloudtrail() {
    let folder = tempfile::tempdir().unwrap();
    let record = |second: u32, name: &str, extra: &[(&str, Value)]| {
        let mut record: Map<String, Value> = Map::new();
        let identity =
            json!({"type": "IAMUser", "userName": "ann", "arn": "arn:aws:iam::1:user/ann", "accountId": "1"});
        for (key, value) in [
            ("eventTime", json!(format!("2026-10-01T10:00:0{second}Z"))),
            ("eventSource", json!("iam.amazonaws.com")),
            ("eventName", json!(name)),
            ("awsRegion", json!("eu-west-1")),
            ("sourceIPAddress", json!("192.0.2.7")),
            ("userIdentity", identity),
        ]
        .into_iter()
        .chain(extra.iter().cloned())
        {
            record.insert(key.to_owned(), value);
        }
        Value::Object(record)
    };
    let documents = [
        record(
            1,
            "CreateUser",
            &[("requestParameters", json!({"userName": "eve", "tags": [{"k": 1}, "x"], "path": null}))],
        ),
        record(
            2,
            "CreateUser",
            &[("errorCode", json!("AccessDenied")), ("sourceIPAddress", json!("config.amazonaws.com"))],
        ),
        record(3, "ConsoleLogin", &[("responseElements", json!({"ConsoleLogin": "Failure"}))]),
    ];
    fs::write(folder.path().join("a.ndjson"), ndjson(&documents)).unwrap();
    fs::write(
        folder.path().join("egret.toml"),
        "[tables.\"logs-aws.cloudtrail-default\"]\nlocation = \"a.ndjson\"\nmapping = \"aws-cloudtrail\"\n",
    )
    .unwrap();
    fs::write(
        folder.path().join("q.esql"),
        "FROM logs-aws* | WHERE data_stream.dataset == \"aws.cloudtrail\" | SORT @timestamp | KEEP event.action, event.outcome, \
         user.name, user.target.name, source.ip, source.address, aws.cloudtrail.request_parameters, cloud.account.id",
    )
    .unwrap();
    let row = |action: &str, outcome: &str, target: Value, ip: Value, address: &str, parameters: Value| {
        json!({"event.action": action, "event.outcome": outcome, "user.name": "ann", "user.target.name": target,
               "source.ip": ip, "source.address": address, "aws.cloudtrail.request_parameters": parameters,
               "cloud.account.id": "1"})
    };
    let parameters = json!("{userName=eve, tags=[{k=1}, x], path=null}");
    assert_eq!(
        rows(folder.path(), &["run", "q.esql", "-q", "--from", "2026-10-01T10:00:01Z", "--to", "2026-10-01T10:00:03Z"]),
        [
            row("CreateUser", "success", json!("eve"), json!("192.0.2.7"), "192.0.2.7", parameters),
            row("CreateUser", "failure", Value::Null, Value::Null, "config.amazonaws.com", Value::Null),
            row("ConsoleLogin", "failure", Value::Null, json!("192.0.2.7"), "192.0.2.7", Value::Null),
        ]
    );
}

/// The rules for CloudTrail over records of attack techniques: which fire.
///
/// One does: a technique stops an instance, changes its user data and starts it again, within five minutes. For the others
/// the records hold no call that they look at (S3's bucket and copy calls, quotas of services, SageMaker, keys of Bedrock),
/// no key that is used after it was made, or no place and network of an address, which Elasticsearch adds on ingest.
#[test]
fn rules_for_cloudtrail_over_attack_techniques() {
    let corpora = root().join("../shared/corpora");
    let events = corpora.join("events/cloudtrail-attack-techniques.ndjson");
    if !events.exists() {
        eprintln!("skipped: {} is not there", events.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let location = fs::canonicalize(&events).unwrap();
    fs::write(
        folder.path().join("egret.toml"),
        format!("[tables.\"logs-aws.cloudtrail-default\"]\nlocation = {location:?}\nmapping = \"aws-cloudtrail\"\n"),
    )
    .unwrap();
    let reads = |path: &Path| fs::read_to_string(path).unwrap().contains("logs-aws.cloudtrail");
    let rules =
        fs::read_dir(corpora.join("esql-rules")).unwrap().map(|entry| fs::canonicalize(entry.unwrap().path()).unwrap());
    let mut rules: Vec<String> = rules.filter(|path| reads(path)).map(|path| path.display().to_string()).collect();
    rules.sort();
    assert_eq!(rules.len(), 10);
    let mut args = vec!["run"];
    args.extend(rules.iter().map(String::as_str));
    args.extend(["--all-time", "--at", "2024-12-01T00:00:00Z", "-q"]);
    let found = rows(folder.path(), &args);
    let [row] = found.as_slice() else { panic!("{found:#?}") };
    let calls = ["ModifyInstanceAttribute", "StartInstances", "StopInstances"];
    let fired = rules.iter().map(|path| fs::read_to_string(path).unwrap());
    let fired: Vec<String> = fired.filter(|text| text.contains(row["rule.id"].as_str().unwrap())).collect();
    assert!(fired.len() == 1 && calls.iter().all(|call| fired[0].contains(call)), "{row}");
    assert_eq!(row["Esql.event_action_values"], json!(calls));
    assert_eq!(row["user.name"], json!("christophe"));
}
