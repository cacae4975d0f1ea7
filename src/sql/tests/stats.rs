//! STATS.

use super::{FLAT, Memory, flat, lists, lowered, shown};

fn stats(text: &str) -> String {
    stage(&flat(text))
}

fn stage(stages: &str) -> String {
    let line = stages.lines().rfind(|line| line.starts_with("stats_")).unwrap_or("");
    line.split_once(": ").map_or("", |(_, sql)| sql).to_owned()
}

#[test]
fn aggregates_see_the_input_and_may_take_its_name() {
    assert_eq!(
        stats(
            "FROM a | STATS n = count_distinct(agent.id), agent.id = values(agent.id), bytes = max(bytes) BY host.name"
        ),
        r#"SELECT count_distinct("agent.id") AS "n", collect_set("agent.id") AS "agent.id", max("bytes") AS "bytes", "host.name" FROM from_1 GROUP BY "host.name""#
    );
}

#[test]
fn names_are_the_text_of_the_expression() {
    assert_eq!(
        stats("FROM a | STATS COUNT( * ), max(bytes)+1 WHERE flag BY length( host.name )"),
        r#"SELECT count(*) AS "COUNT( * )", checked_add(max("bytes") FILTER (WHERE "flag"), 1, 'bigint', 'max(bytes)+1') AS "max(bytes)+1", "length( host.name )" FROM by_2 GROUP BY "length( host.name )""#
    );
}

#[test]
fn filters_apply_to_every_aggregate_of_the_expression() {
    assert_eq!(
        stats("FROM a | STATS d = max(bytes) - min(bytes) WHERE bytes > 5"),
        r#"SELECT checked_sub(max("bytes") FILTER (WHERE "bytes" > 5), min("bytes") FILTER (WHERE "bytes" > 5), 'bigint', 'max(bytes) - min(bytes)') AS "d" FROM from_1"#
    );
}

#[test]
fn aggregates_and_functions_nest() {
    assert_eq!(
        stats("FROM a | STATS r = round(avg(bytes / 2), 1), m = mv_count(values(to_lower(host.name)))"),
        r#"SELECT round(avg("bytes" / 2), 1) AS "r", mv_count(collect_set(lower("host.name"))) AS "m" FROM from_1"#
    );
}

#[test]
fn types_of_aggregates() {
    let result = lowered(
        "FROM a | STATS count(), count_distinct(bytes), values(bytes), min(@timestamp), max(destination.ip), sum(event.code), \
         sum(ratio), avg(bytes)",
        &Memory::new(FLAT, false),
    );
    let types: Vec<&str> = result.columns.iter().map(|column| column.ty.name()).collect();
    assert_eq!(types, ["long", "long", "long", "date", "ip", "long", "double", "double"]);
    assert_eq!(result.columns.iter().filter(|column| column.list).count(), 1);
    assert_eq!(result.group_key, Some(Vec::new()));
}

#[test]
fn addresses_have_an_order_of_their_own() {
    assert_eq!(
        stats("FROM a | STATS low = min(destination.ip), high = max(destination.ip) WHERE flag"),
        r#"SELECT first_value("destination.ip" ORDER BY ip_key("destination.ip") ASC NULLS LAST) AS "low", first_value("destination.ip" ORDER BY ip_key("destination.ip") DESC NULLS LAST) FILTER (WHERE "flag") AS "high" FROM from_1"#
    );
}

#[test]
fn values_in_lists_count_one_by_one() {
    assert_eq!(
        stage(&lists(
            "FROM a | STATS n = count(host.name) WHERE flag, m = max(bytes), v = values(host.name), d = count_distinct(host.name)"
        )),
        r#"SELECT coalesce(sum(mv_count("host.name")) FILTER (WHERE "flag"), 0) AS "n", max(mv_max("bytes")) AS "m", collect_set("host.name") AS "v", count_distinct("host.name") AS "d" FROM from_1"#
    );
}

#[test]
fn values_in_lists_are_aggregated_one_by_one() {
    assert_eq!(
        stage(&lists(
            "FROM a | STATS s = sum(bytes), m = avg(bytes) WHERE flag, low = min(destination.ip), l = values(to_lower(host.name))"
        )),
        r#"SELECT sum(mv_sum("bytes")) AS "s", CAST(sum(mv_sum("bytes")) FILTER (WHERE "flag") AS DOUBLE) / sum(mv_count("bytes")) FILTER (WHERE "flag") AS "m", first_value(mv_min_ip("destination.ip") ORDER BY ip_key(mv_min_ip("destination.ip")) ASC NULLS LAST) AS "low", collect_set(mv_lower("host.name")) AS "l" FROM from_1"#
    );
}

#[test]
fn keys_with_several_values_are_taken_apart_and_stay_whole_for_aggregates() {
    assert_eq!(
        lists("FROM a | STATS n = count(host.name) BY host.name, bytes, h = agent.id"),
        r#"from_1: SELECT "agent.id", "bytes", "host.name" FROM "a"
by_2: SELECT *, "agent.id" AS "h" FROM from_1
by_2_2: SELECT * EXCEPT ("host.name"), "host.name" AS "__whole_1", unnest(mv_rows("host.name")) AS "host.name" FROM by_2
by_2_3: SELECT * EXCEPT ("bytes"), unnest(mv_rows(mv_dedupe("bytes"))) AS "bytes" FROM by_2_2
by_2_4: SELECT * EXCEPT ("h"), unnest(mv_rows("h")) AS "h" FROM by_2_3
stats_2: SELECT coalesce(sum(mv_count("__whole_1")), 0) AS "n", "host.name", "bytes", "h" FROM by_2_4 GROUP BY "host.name", "bytes", "h"
SELECT "n", "host.name", "bytes", "h" FROM stats_2 ORDER BY "host.name" ASC NULLS LAST, "bytes" ASC NULLS LAST, "h" ASC NULLS LAST"#
    );
}

#[test]
fn keys_are_computed_first() {
    assert_eq!(
        flat("FROM a | STATS n = count(x) BY x = process.name, h = host.name, date_trunc(1 hour, @timestamp)")
            .lines()
            .skip(1)
            .collect::<Vec<_>>()
            .join("\n"),
        r#"by_2: SELECT *, "process.name" AS "x", date_trunc('hour', "@timestamp") AS "date_trunc(1 hour, @timestamp)" FROM from_1
stats_2: SELECT count("x") AS "n", "x", "host.name" AS "h", "date_trunc(1 hour, @timestamp)" FROM by_2 GROUP BY "x", "host.name", "date_trunc(1 hour, @timestamp)"
SELECT "n", "x", "h", "date_trunc(1 hour, @timestamp)" FROM stats_2 ORDER BY "x" ASC NULLS LAST, "h" ASC NULLS LAST, "date_trunc(1 hour, @timestamp)" ASC NULLS LAST"#
    );
}

#[test]
fn the_last_of_a_name_counts_and_keys_count_most() {
    let text = "FROM a | STATS x = max(bytes), n = count(x), x = min(bytes) BY host.name, x = agent.id, k = flag, x = process.name";
    let result = lowered(text, &Memory::new(FLAT, false));
    assert_eq!(
        stage(&super::stages(&result)),
        r#"SELECT count("x") AS "n", "host.name", "flag" AS "k", "x" FROM by_2 GROUP BY "host.name", "flag", "x""#
    );
    let column = text.rfind("x = ").map(|at| at + 1).unwrap();
    let warning =
        format!("E0208 x: `x` is replaced by the column at line 1, column {column} (give one of them another name)");
    assert_eq!(shown(text, &result.warnings), vec![warning; 3]);
}

#[test]
fn groups_without_aggregates_are_the_distinct_keys() {
    assert_eq!(stats("FROM a | STATS BY host.name"), r#"SELECT "host.name" FROM from_1 GROUP BY "host.name""#);
}

#[test]
fn the_group_key_survives_later_commands() {
    let result = lowered(
        "FROM a | STATS n = count() BY host.name, agent.id, flag | DROP host.name | EVAL agent.id = \"x\" | RENAME flag AS f | KEEP n, f",
        &Memory::new(FLAT, false),
    );
    assert_eq!(result.group_key, Some(["__key_1", "__key_2", "f"].map(str::to_owned).to_vec()));
    assert_eq!(result.hidden, 2);
    let names: Vec<_> = result.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["n", "f"]);
    assert!(super::stages(&result).ends_with(
        r#"SELECT "n", "f", "__key_1", "__key_2" FROM keep_6 ORDER BY "__key_1" ASC NULLS LAST, "__key_2" ASC NULLS LAST, "f" ASC NULLS LAST"#
    ));
}

#[test]
fn a_second_stats_forgets_the_first() {
    let result = lowered(
        "FROM a | STATS n = count() BY host.name, flag | KEEP n, flag | STATS m = max(n) BY flag",
        &Memory::new(FLAT, false),
    );
    assert_eq!(result.group_key, Some(vec!["flag".to_owned()]));
    assert!(!result.query.to_string().contains("__"), "{}", result.query);
}
