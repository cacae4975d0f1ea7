//! SORT, and the order of queries without one.

use super::{FLAT, Memory, flat, lists, lowered};

fn order(stages: &str) -> String {
    let last = stages.lines().last().unwrap_or("");
    last.split_once(" ORDER BY ").map_or("", |(_, order)| order).to_owned()
}

#[test]
fn nulls_are_the_largest() {
    assert_eq!(
        order(&flat("FROM a | SORT bytes, ratio DESC, flag NULLS FIRST, host.name DESC NULLS LAST")),
        r#""bytes" ASC NULLS LAST, "ratio" DESC NULLS FIRST, "flag" ASC NULLS FIRST, "host.name" DESC NULLS LAST"#
    );
}

#[test]
fn lists_and_addresses_are_compared_as_the_language_does() {
    assert_eq!(
        order(&lists("FROM a | SORT bytes, host.name DESC | KEEP bytes, host.name")),
        r#"mv_min("bytes") ASC NULLS LAST, mv_max("host.name") DESC NULLS FIRST"#
    );
    assert_eq!(
        order(&lists("FROM a | SORT destination.ip DESC | KEEP destination.ip")),
        r#"ip_key(mv_max_ip("destination.ip")) DESC NULLS FIRST"#
    );
    assert_eq!(order(&flat("FROM a | SORT destination.ip")), r#"ip_key("destination.ip") ASC NULLS LAST"#);
}

#[test]
fn computed_keys_are_hidden_columns() {
    assert_eq!(
        flat("FROM a | KEEP host.name, bytes | SORT length(host.name) DESC, bytes + 1 | DROP bytes"),
        r#"from_1: SELECT "bytes", "host.name" FROM "a"
keep_2: SELECT "host.name", "bytes" FROM from_1
sort_3: SELECT *, character_length("host.name") AS "__sort_1", checked_add("bytes", 1) AS "__sort_2" FROM keep_2
drop_4: SELECT * EXCEPT ("bytes") FROM sort_3
SELECT "host.name" FROM drop_4 ORDER BY "__sort_1" DESC NULLS FIRST, "__sort_2" ASC NULLS LAST"#
    );
}

#[test]
fn the_order_outlives_its_columns() {
    assert_eq!(
        flat("FROM a | SORT bytes, flag | EVAL bytes = 1 | KEEP host.name, bytes"),
        r#"from_1: SELECT "bytes", "flag", "host.name" FROM "a"
eval_3: SELECT * EXCEPT ("bytes"), "bytes" AS "__sort_1", 1 AS "bytes" FROM from_1
keep_4: SELECT "host.name", "bytes", "__sort_1", "flag" AS "__sort_2" FROM eval_3
SELECT "host.name", "bytes" FROM keep_4 ORDER BY "__sort_1" ASC NULLS LAST, "__sort_2" ASC NULLS LAST"#
    );
}

#[test]
fn an_order_that_a_later_command_renews_is_not_carried() {
    assert!(!flat("FROM a | SORT bytes | KEEP host.name | STATS n = count() BY host.name").contains("__sort"));
    assert!(!flat("FROM a | SORT bytes | KEEP host.name | SORT host.name").contains("__sort"));
    assert!(flat("FROM a | SORT bytes | KEEP host.name | LIMIT 3 | SORT host.name").contains("__sort"));
}

#[test]
fn events_come_by_time_and_groups_by_their_keys() {
    assert_eq!(
        flat("FROM a METADATA _id | KEEP host.name"),
        r#"from_1: SELECT "@timestamp", "host.name", "_id" FROM "a"
keep_2: SELECT "host.name", "@timestamp" AS "__sort_1", "_id" AS "__sort_2" FROM from_1
SELECT "host.name" FROM keep_2 ORDER BY "__sort_1" ASC NULLS LAST, "__sort_2" ASC NULLS LAST"#
    );
    assert_eq!(
        order(&flat("FROM a | STATS n = count() BY host.name, destination.ip")),
        r#""host.name" ASC NULLS LAST, ip_key("destination.ip") ASC NULLS LAST"#
    );
    assert_eq!(
        order(&flat("FROM a | STATS n = count() BY host.name, flag | SORT n DESC, flag")),
        r#""n" DESC NULLS FIRST, "flag" ASC NULLS LAST, "host.name" ASC NULLS LAST"#
    );
    assert!(!lowered("FROM a", &Memory::new("x keyword", false)).ordered);
    assert!(lowered("FROM a", &Memory::new(FLAT, false)).ordered);
}

#[test]
fn expanded_values_keep_their_row_together() {
    let result = lists("FROM a | STATS v = values(host.name) BY flag | MV_EXPAND v | KEEP v");
    assert_eq!(order(&result), r#""__key_1" ASC NULLS LAST, "v" ASC NULLS LAST"#);
}
