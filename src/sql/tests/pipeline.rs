//! Whole pipelines, and the commands one by one.

use super::super::catalog::Type;
use super::{FLAT, LISTS, Memory, flat, lists, lowered, stages};

/// The constructs of the first rule: time filter, KEEP, LIKE, CIDR_MATCH, aggregates that replace their input.
const RULE: &str = r#"from logs-endpoint-*
| keep @timestamp, event.action, process.name, process.executable, destination.ip, agent.id, host.name
| where @timestamp > now() - 1 hours
| where event.action == "opened" and (process.executable like "/opt/odd/*" or process.name like ".*")
    and not (CIDR_MATCH(destination.ip, "10.0.0.0/8", "::1", "FE80::/10") or process.executable like "/opt/odd/ok*")
| stats cc = count(), agents = count_distinct(agent.id), host.name = VALUES(host.name), agent.id = VALUES(agent.id)
    by process.executable
| where agents == 1 and cc > 15
| sort cc asc
| limit 100"#;

#[test]
fn a_rule_over_flat_columns() {
    let result = lowered(RULE, &Memory::new(FLAT, false));
    assert_eq!(
        stages(&result),
        r#"from_1: SELECT "@timestamp", "agent.id", to_ip("destination.ip") AS "destination.ip", "event.action", "host.name", "process.executable", "process.name" FROM "logs-endpoint-*"
keep_2: SELECT "@timestamp", "event.action", "process.name", "process.executable", "destination.ip", "agent.id", "host.name" FROM from_1
where_3: SELECT * FROM keep_2 WHERE "@timestamp" > now() - INTERVAL '1 hour'
where_4: SELECT * FROM where_3 WHERE "event.action" = 'opened' AND (glob_match("process.executable", '/opt/odd/*') OR glob_match("process.name", '.*')) AND NOT (cidr_match("destination.ip", '10.0.0.0/8', '::1', 'FE80::/10') OR glob_match("process.executable", '/opt/odd/ok*'))
stats_5: SELECT count(*) AS "cc", count_distinct("agent.id") AS "agents", collect_set("host.name") AS "host.name", collect_set("agent.id") AS "agent.id", "process.executable" FROM where_4 GROUP BY "process.executable"
where_6: SELECT * FROM stats_5 WHERE "agents" = 1 AND "cc" > 15
SELECT "cc", "agents", "host.name", "agent.id", "process.executable" FROM where_6 ORDER BY "cc" ASC NULLS LAST, "process.executable" ASC NULLS LAST"#
    );
    assert_eq!(result.limit, Some(100));
    assert!(result.ordered && result.aggregating && result.hidden == 0 && result.warnings.is_empty());
    assert_eq!(result.group_key, Some(vec!["process.executable".to_owned()]));
    let columns: Vec<_> = result.columns.iter().map(|c| (c.name.as_str(), c.ty, c.list)).collect();
    assert_eq!(
        columns,
        [
            ("cc", Type::Long, false),
            ("agents", Type::Long, false),
            ("host.name", Type::Keyword, true),
            ("agent.id", Type::Keyword, true),
            ("process.executable", Type::Keyword, false),
        ]
    );
    let [table] = result.tables.as_slice() else { panic!("{:?}", result.tables) };
    assert_eq!((table.name.as_str(), table.all_fields), ("logs-endpoint-*", false));
    assert!(table.wanted.is_empty() && table.metadata.is_empty());
}

#[test]
fn a_rule_over_lists() {
    let text = stages(&lowered(RULE, &Memory::new(LISTS, true)));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        r#"from_1: SELECT single_value("@timestamp") AS "@timestamp", "agent.id", to_ip(single_value("destination.ip")) AS "destination.ip", single_value("event.action") AS "event.action", "host.name", "process.executable", single_value("process.name") AS "process.name" FROM "logs-endpoint-*""#
    );
    assert!(lines[3].contains(r#"glob_match(single_value("process.executable"), '/opt/odd/*')"#), "{}", lines[3]);
    assert!(lines[3].contains(r#"glob_match("process.name", '.*')"#), "{}", lines[3]);
    assert_eq!(
        lines[4],
        r#"by_5: SELECT * EXCEPT ("process.executable"), unnest(mv_rows("process.executable")) AS "process.executable" FROM where_4"#
    );
}

#[test]
fn a_rule_with_metadata_and_columns_of_its_own() {
    let rule = r#"from logs metadata _id, _index, _version
        | mv_expand event.action
        | where event.action == "opened"
        | keep @timestamp, _id, _index, _version, event.action, process.executable, host.name
        | stats Esql.count = count(), Esql.hosts = values(host.name) by process.executable
        | eval host.name = mv_min(Esql.hosts)
        | sort Esql.count asc
        | keep host.name, process.executable, Esql.*"#;
    assert_eq!(
        lists(rule),
        r#"from_1: SELECT "@timestamp", "event.action", "host.name", "process.executable", "_id", "_index", "_version" FROM "logs"
mv_expand_2: SELECT * EXCEPT ("event.action"), unnest(mv_rows("event.action")) AS "event.action" FROM from_1
where_3: SELECT * FROM mv_expand_2 WHERE "event.action" = 'opened'
keep_4: SELECT "@timestamp", "_id", "_index", "_version", "event.action", "process.executable", "host.name" FROM where_3
by_5: SELECT * EXCEPT ("process.executable"), unnest(mv_rows("process.executable")) AS "process.executable" FROM keep_4
stats_5: SELECT count(*) AS "Esql.count", collect_set("host.name") AS "Esql.hosts", "process.executable" FROM by_5 GROUP BY "process.executable"
eval_6: SELECT *, mv_min("Esql.hosts") AS "host.name" FROM stats_5
keep_8: SELECT "host.name", "process.executable", "Esql.count", "Esql.hosts" FROM eval_6
SELECT "host.name", "process.executable", "Esql.count", "Esql.hosts" FROM keep_8 ORDER BY "Esql.count" ASC NULLS LAST, "process.executable" ASC NULLS LAST"#
    );
    let tables = lowered(rule, &Memory::new(LISTS, true)).tables;
    assert_eq!(tables[0].metadata, ["_id", "_index", "_version"]);
}

#[test]
fn eval_makes_layers() {
    assert_eq!(
        flat(
            "FROM a | EVAL x = bytes + 1, bytes = x * 2, bytes = bytes + 1 | KEEP x, bytes | STATS m = max(bytes + x)"
        ),
        r#"from_1: SELECT "bytes" FROM "a"
eval_2: SELECT *, checked_add("bytes", 1) AS "x" FROM from_1
eval_2_2: SELECT * EXCEPT ("bytes"), checked_mul("x", 2) AS "bytes" FROM eval_2
eval_2_3: SELECT * EXCEPT ("bytes"), checked_add("bytes", 1) AS "bytes" FROM eval_2_2
keep_3: SELECT "x", "bytes" FROM eval_2_3
stats_4: SELECT max(checked_add("bytes", "x")) AS "m" FROM keep_3
SELECT "m" FROM stats_4"#
    );
}

#[test]
fn eval_that_replaces_every_column_needs_no_star() {
    assert_eq!(
        flat("FROM a | KEEP bytes | EVAL bytes = bytes + 1 | STATS m = max(bytes)").lines().nth(2),
        Some(r#"eval_3: SELECT checked_add("bytes", 1) AS "bytes" FROM keep_2"#)
    );
}

fn columns(text: &str) -> Vec<String> {
    lowered(text, &Memory::new("a keyword, ab keyword, b keyword, c long", false))
        .columns
        .into_iter()
        .map(|column| column.name)
        .collect()
}

#[test]
fn columns_come_in_the_order_of_the_language() {
    assert_eq!(columns("FROM x METADATA _index, _id"), ["a", "ab", "b", "c", "_index", "_id"]);
    assert_eq!(columns("FROM x | EVAL a = 1, z = 2"), ["ab", "b", "c", "a", "z"]);
    assert_eq!(columns("FROM x | EVAL c + 1, length(a)"), ["a", "ab", "b", "c", "c + 1", "length(a)"]);
    assert_eq!(columns("FROM x | KEEP c, a*"), ["c", "a", "ab"]);
    assert_eq!(columns("FROM x | KEEP *, a"), ["ab", "b", "c", "a"]);
    assert_eq!(columns("FROM x | KEEP a, *"), ["a", "ab", "b", "c"]);
    assert_eq!(columns("FROM x | KEEP b, *b, c, b"), ["ab", "c", "b"]);
    assert_eq!(columns("FROM x | DROP a*, nothing*"), ["b", "c"]);
    assert_eq!(columns("FROM x | RENAME a AS z, b AS a"), ["z", "ab", "a", "c"]);
    assert_eq!(columns("FROM x | RENAME a AS b"), ["b", "ab", "c"]);
    assert_eq!(columns("FROM x | RENAME a AS t, b AS a, t AS b"), ["b", "ab", "a", "c"]);
    assert_eq!(columns("FROM x | STATS n = count(*), max(c) BY b, a"), ["n", "max(c)", "b", "a"]);
}

#[test]
fn rename_swaps_without_losing_the_order() {
    assert_eq!(
        flat(
            "FROM a | KEEP host.name, agent.id | SORT host.name | RENAME host.name AS t, agent.id AS host.name, t AS agent.id"
        ),
        r#"from_1: SELECT "agent.id", "host.name" FROM "a"
keep_2: SELECT "host.name", "agent.id" FROM from_1
rename_4: SELECT "host.name" AS "agent.id", "agent.id" AS "host.name" FROM keep_2
SELECT "agent.id", "host.name" FROM rename_4 ORDER BY "agent.id" ASC NULLS LAST"#
    );
}

#[test]
fn limits_in_the_middle_cut_in_order() {
    assert_eq!(
        flat("FROM a | SORT bytes DESC | KEEP host.name | LIMIT 5 | WHERE host.name == \"x\" | LIMIT 3"),
        r#"from_1: SELECT "bytes", "host.name" FROM "a"
keep_3: SELECT "host.name", "bytes" AS "__sort_1" FROM from_1
limit_4: SELECT * FROM keep_3 ORDER BY "__sort_1" DESC NULLS FIRST LIMIT 5
where_5: SELECT * FROM limit_4 WHERE "host.name" = 'x'
SELECT "host.name" FROM where_5 ORDER BY "__sort_1" DESC NULLS FIRST"#
    );
}

#[test]
fn limits_at_the_end_are_left_to_the_engine() {
    let limit = |text: &str| lowered(text, &Memory::new(FLAT, false)).limit;
    assert_eq!(limit("FROM a"), Some(1000));
    assert_eq!(limit("FROM a | LIMIT 7 | KEEP bytes | EVAL x = 1 | RENAME x AS y | DROP y"), Some(7));
    assert_eq!(limit("FROM a | LIMIT 20000"), Some(10_000));
    assert_eq!(limit("FROM a | LIMIT 7 | WHERE flag"), Some(1000));
    assert_eq!(limit("FROM a | LIMIT 0"), Some(0));
}

#[test]
fn a_query_that_reads_no_field_has_a_hidden_column() {
    assert_eq!(
        flat("FROM a | STATS n = count()"),
        "from_1: SELECT 1 AS \"__row\" FROM \"a\"\nstats_2: SELECT count(*) AS \"n\" FROM from_1\nSELECT \"n\" FROM stats_2"
    );
    assert_eq!(
        flat("FROM a | KEEP host* | STATS n = count()").lines().nth(1),
        Some(r#"keep_2: SELECT "__row" FROM from_1"#)
    );
}

#[test]
fn mv_expand_of_a_scalar_does_nothing() {
    assert!(!flat("FROM a | MV_EXPAND host.name").contains("unnest"));
}
