//! Which fields FROM lists, how fields that hold lists are used, and fields that nobody has.

use super::super::catalog::{Field, Type};
use super::{FLAT, LISTS, Memory, flat, lists, lowered, shown};

fn from(text: &str) -> String {
    lists(text).lines().next().unwrap_or("").trim_start_matches("from_1: SELECT ").to_owned()
}

#[test]
fn a_list_that_is_only_asked_for_one_value_is_scalar_from_the_start() {
    assert_eq!(
        from(r#"FROM a | WHERE host.name == "x" | STATS n = count()"#),
        r#"single_value("host.name") AS "host.name" FROM "a""#
    );
    let both = lists(r#"FROM a | WHERE host.name == "x" | KEEP host.name | STATS v = values(host.name)"#);
    assert!(both.starts_with(r#"from_1: SELECT "host.name" FROM "a""#), "{both}");
    assert!(both.contains(r#"WHERE single_value("host.name") = 'x'"#), "{both}");
}

#[test]
fn uses_are_followed_through_names_and_expressions() {
    assert_eq!(
        from(r#"FROM a | RENAME host.name AS h | EVAL l = to_lower(h) | WHERE l == "x" | STATS n = count()"#),
        r#"single_value("host.name") AS "host.name" FROM "a""#
    );
    assert_eq!(
        from(r#"FROM a | EVAL h = host.name | WHERE h == "x" | STATS n = count()"#),
        r#"single_value("host.name") AS "host.name" FROM "a""#
    );
    assert_eq!(from("FROM a | EVAL h = host.name | STATS n = values(h)"), r#""host.name" FROM "a""#);
}

#[test]
fn uses_that_look_at_every_value_keep_the_list() {
    for whole in [
        "WHERE host.name IS NOT NULL | STATS n = count()",
        "STATS n = count(host.name)",
        "STATS n = count() BY host.name",
        "WHERE mv_count(host.name) > 1 | STATS n = count()",
        "MV_EXPAND host.name | STATS n = count()",
        "KEEP host.name | SORT host.name | LIMIT 1 | STATS n = count()",
        "WHERE coalesce(host.name, \"x\") == \"x\" | STATS n = count()",
        "WHERE host.name LIKE \"*\" | STATS n = count()",
    ] {
        assert_eq!(from(&format!("FROM a | {whole}")), r#""host.name" FROM "a""#, "{whole}");
    }
}

#[test]
fn addresses_are_canonical_from_the_start() {
    assert!(
        flat("FROM a | STATS n = count() BY destination.ip").contains(r#"to_ip("destination.ip") AS "destination.ip""#)
    );
    assert_eq!(
        from(r#"FROM a | WHERE destination.ip == "::ffff:1.2.3.4" | STATS n = count()"#),
        r#"to_ip(single_value("destination.ip")) AS "destination.ip" FROM "a""#
    );
}

#[test]
fn an_unbounded_output_reads_every_field() {
    let open = lowered("FROM a | WHERE flag", &Memory::new(FLAT, false));
    assert!(open.tables[0].all_fields);
    assert_eq!(open.columns.len(), 12);
    assert!(!lowered("FROM a | KEEP *", &Memory::new(FLAT, false)).tables[0].all_fields);
}

#[test]
fn a_field_that_a_closed_source_lacks_is_null_with_a_warning() {
    let text = "FROM a | WHERE proces.name == \"x\" AND proces.name != \"y\" AND user.name == \"z\" AND x.y + 1 > 2 \
        | STATS s = sum(x.y), v = values(x.y)";
    let result = lowered(text, &Memory::new(FLAT, false));
    assert_eq!(
        shown(text, &result.warnings),
        [
            "E0205 proces.name: no event of a has the field `proces.name`, so it is null (the nearest field is `process.name`)",
            "E0205 user.name: no event of a has the field `user.name`, so it is null",
            "E0205 x.y: no event of a has the field `x.y`, so it is null",
        ]
    );
    let field = |name: &str, ty| Field { name: name.to_owned(), ty, multi: false };
    assert_eq!(
        result.tables[0].wanted,
        [field("proces.name", Type::Null), field("user.name", Type::Keyword), field("x.y", Type::Null)]
    );
    let sql = result.query.to_string();
    assert!(sql.contains(r#"checked_add(CAST("x.y" AS BIGINT), 1, 'bigint', 'x.y + 1') > 2"#), "{sql}");
    assert!(sql.contains(r#"sum(CAST("x.y" AS BIGINT)) AS "s", collect_set("x.y") AS "v""#), "{sql}");
}

#[test]
fn a_field_that_an_open_source_does_not_list_is_a_list_of_the_type_that_is_asked_for() {
    let text = "FROM a | WHERE code == 5 AND user.name == \"x\" AND destination.port > 80 AND other IS NOT NULL \
        AND at > now() | STATS n = count()";
    let result = lowered(text, &Memory::new(LISTS, true));
    assert!(result.warnings.is_empty());
    let field = |name: &str, ty| Field { name: name.to_owned(), ty, multi: true };
    assert_eq!(
        result.tables[0].wanted,
        [
            field("at", Type::Date),
            field("code", Type::Long),
            field("destination.port", Type::Long),
            field("other", Type::Keyword),
            field("user.name", Type::Keyword),
        ]
    );
    let sql = result.query.to_string();
    assert!(sql.contains(r#"single_value("code") AS "code""#) && sql.contains(r#""code" = 5"#), "{sql}");
}

#[test]
fn a_field_that_only_keep_or_drop_names_is_asked_for() {
    let wanted = |text: &str| {
        let tables = lowered(text, &Memory::new(FLAT, false)).tables;
        tables[0].wanted.iter().map(|field| field.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(wanted("FROM a | KEEP x.y, bytes"), ["x.y"]);
    assert_eq!(wanted("FROM a | KEEP * | WHERE x.y == \"z\""), ["x.y"]);
}

#[test]
fn metadata_is_read_where_it_is_used() {
    let metadata = |text: &str| lowered(text, &Memory::new(FLAT, false)).tables[0].metadata.clone();
    assert_eq!(metadata("FROM a METADATA _id, _index | STATS n = count() BY _index"), ["_index"]);
    assert_eq!(metadata("FROM a METADATA _id, _index | KEEP bytes"), ["_id"]);
}
