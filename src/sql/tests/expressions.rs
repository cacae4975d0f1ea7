//! Expressions, one a test of its SQL.

use super::flat;

/// The SQL of an expression as a column.
fn eval(expr: &str) -> String {
    let stages = flat(&format!("FROM a | EVAL x = {expr} | KEEP x"));
    let line = stages.lines().find(|line| line.starts_with("eval_2: ")).unwrap_or("");
    let sql = line.split_once("SELECT *, ").map_or(line, |(_, sql)| sql);
    sql.trim_end_matches(" FROM from_1").trim_end_matches(r#" AS "x""#).to_owned()
}

macro_rules! expressions {
    ($($name:ident { $($from:literal => $to:literal,)+ })+) => {
        $(#[test] fn $name() { $(assert_eq!(eval($from), $to, "{}", $from);)+ })+
    };
}

expressions! {
    comparisons {
        r#"host.name == "x""# => r#""host.name" = 'x'"#,
        r#""it's" != host.name"# => r#"'it''s' <> "host.name""#,
        "bytes >= 1.5" => r#""bytes" >= 1.5"#,
        "bytes < -3" => r#""bytes" < -3"#,
        "host.name == null" => "CAST(NULL AS BOOLEAN)",
        "null == null" => "CAST(NULL AS BOOLEAN)",
        r#"flag == "TRUE""# => r#""flag" = true"#,
        r#"version == "1.2.3""# => r#""version" = '1.2.3'"#,
        r#"version > "1.2.3""# => r#"version_key("version") > version_key('1.2.3')"#,
        "bytes == 18446744073709551615" => r#""bytes" = 18446744073709551615"#,
    }
    addresses {
        r#"destination.ip == "::FFFF:10.0.0.1""# => r#""destination.ip" = '10.0.0.1'"#,
        r#"destination.ip IN ("FE80::1", "10.0.0.1", null)"# => r#""destination.ip" IN ('fe80::1', '10.0.0.1', NULL)"#,
        r#"destination.ip >= "10.0.0.0""# => r#"ip_key("destination.ip") >= ip_key('10.0.0.0')"#,
        r#"to_ip(host.name) == "10.0.0.1""# => r#"to_ip("host.name") = '10.0.0.1'"#,
        r#"cidr_match(destination.ip, "10.0.0.0/8", host.name)"# => r#"cidr_match("destination.ip", '10.0.0.0/8', "host.name")"#,
    }
    dates {
        r#"@timestamp > "2024-02""# => r#""@timestamp" > TIMESTAMP WITH TIME ZONE '2024-02-01T00:00:00Z'"#,
        r#"@timestamp < "2024-01-01T10:00+02:00""# => r#""@timestamp" < TIMESTAMP WITH TIME ZONE '2024-01-01T08:00:00Z'"#,
        r#"@timestamp < "9999-12-31""# => r#""@timestamp" < arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')"#,
        "now() - 1 hours" => "now() - INTERVAL '1 hour'",
        "@timestamp + 2 weeks - 1 quarter" => r#""@timestamp" + INTERVAL '14 day' - INTERVAL '3 month'"#,
        "date_trunc(1 week, @timestamp)" => r#"date_trunc('week', "@timestamp")"#,
        "date_trunc(7 days, @timestamp)" => r#"date_trunc('week', "@timestamp")"#,
        "date_trunc(5 months, @timestamp)" => r#"date_bin(INTERVAL '5 month', "@timestamp", TIMESTAMP WITH TIME ZONE '1970-03-01T00:00:00Z')"#,
        "date_trunc(\"2 years\", @timestamp)" => r#"date_bin(INTERVAL '2 year', "@timestamp", TIMESTAMP WITH TIME ZONE '1971-01-01T00:00:00Z')"#,
        "date_trunc(5 minutes, @timestamp)" => r#"date_bin(INTERVAL '5 minute', "@timestamp")"#,
    }
    logic {
        "flag AND (flag OR NOT flag)" => r#""flag" AND ("flag" OR NOT "flag")"#,
        "NOT (flag OR flag) OR flag" => r#"NOT ("flag" OR "flag") OR "flag""#,
        "NOT bytes == 1" => r#"NOT ("bytes" = 1)"#,
        "flag OR null" => r#""flag" OR CAST(NULL AS BOOLEAN)"#,
        "(bytes > 1) == flag" => r#"("bytes" > 1) = "flag""#,
        "bytes + 1 IS NOT NULL" => r#"checked_add("bytes", 1) IS NOT NULL"#,
        "(bytes > 1) IS NULL" => r#"("bytes" > 1) IS NULL"#,
    }
    membership {
        "bytes IN (1, 2.5, null)" => r#""bytes" IN (1, 2.5, NULL)"#,
        r#"host.name NOT IN ("a", agent.id)"# => r#""host.name" NOT IN ('a', "agent.id")"#,
        "null IN (1)" => "CAST(NULL AS BOOLEAN)",
    }
    patterns {
        r#"host.name LIKE "a*""# => r#"glob_match("host.name", 'a*')"#,
        r#"host.name NOT LIKE ("a*", "b?")"# => r#"NOT glob_match("host.name", 'a*', 'b?')"#,
        r#"host.name LIKE "C:\\\\x\\*""# => r#"glob_match("host.name", 'C:\\x\*')"#,
        r#"host.name LIKE "*""# => r#""host.name" IS NOT NULL"#,
        r#"host.name NOT LIKE ("*", "a")"# => r#""host.name" IS NULL"#,
        r#"to_lower(host.name) LIKE "a*""# => r#"glob_match(lower("host.name"), 'a*')"#,
    }
    arithmetic {
        "bytes / 2 * (bytes + 1) % 3" => r#"checked_mul("bytes" / 2, checked_add("bytes", 1), 'bigint', 'bytes / 2 * (bytes + 1)') % 3"#,
        "bytes - (bytes - 1)" => r#"checked_sub("bytes", checked_sub("bytes", 1), 'bigint', 'bytes - (bytes - 1)')"#,
        "bytes / bytes" => r#"checked_div("bytes", "bytes")"#,
        "bytes % 0" => r#"checked_rem("bytes", 0)"#,
        "-bytes + -(bytes + 1)" => r#"checked_add(checked_neg("bytes"), checked_neg(checked_add("bytes", 1), 'bigint', '-(bytes + 1)'), 'bigint', '-bytes + -(bytes + 1)')"#,
        "bytes + null" => r#"checked_add("bytes", CAST(NULL AS BIGINT), 'bigint', 'bytes + null')"#,
        "-null" => "checked_neg(CAST(NULL AS BIGINT), 'bigint', '-null')",
        "null + null" => "CAST(NULL AS VARCHAR)",
        "@timestamp - null" => "CAST(NULL AS TIMESTAMP WITH TIME ZONE)",
        "-ratio" => r#"-"ratio""#,
        "1 + length(host.name)" => r#"checked_add(1, character_length("host.name"), 'int', '1 + length(host.name)')"#,
        "-mv_count(host.name) * 2" => r#"checked_mul(checked_neg(mv_count("host.name"), 'int', '-mv_count(host.name)'), 2, 'int', '-mv_count(host.name) * 2')"#,
        "3000000000 - 1" => "checked_sub(3000000000, 1)",
        "18446744073709551615 - 1" => "checked_sub(18446744073709551615, 1, 'bigint unsigned')",
        "bytes * ratio - -1" => r#"finite("bytes" * "ratio" - -1, 'bytes * ratio - -1')"#,
        "ratio / bytes" => r#"finite("ratio" / "bytes", 'ratio / bytes')"#,
        "1e3 * ratio" => r#"finite(1000.0 * "ratio", '1e3 * ratio')"#,
        "ratio / 2" => r#""ratio" / 2"#,
        "1 / (ratio * 2)" => r#"finite(1 / finite("ratio" * 2, '(ratio * 2)'), '1 / (ratio * 2)')"#,
    }
    conditionals {
        r#"case(bytes > 1, "a", flag, host.name, null)"# => r#"CASE WHEN "bytes" > 1 THEN 'a' WHEN "flag" THEN "host.name" ELSE CAST(NULL AS VARCHAR) END"#,
        "case(flag, 1)" => r#"CASE WHEN "flag" THEN 1 END"#,
        r#"coalesce(host.name, agent.id, "none")"# => r#"coalesce("host.name", "agent.id", 'none')"#,
    }
    texts {
        r#"concat(host.name, ":", agent.id)"# => r#""host.name" || ':' || "agent.id""#,
        "length(host.name)" => r#"character_length("host.name")"#,
        r#"starts_with(host.name, "a") AND contains(host.name, "b")"# => r#"starts_with("host.name", 'a') AND contains("host.name", 'b')"#,
        "substring(host.name, 2, 3)" => r#"substr("host.name", 2, 3)"#,
        "substring(host.name, 0)" => r#"substr("host.name", 1)"#,
        "substring(host.name, -2)" => r#"substr("host.name", CASE WHEN -2 < 0 THEN greatest(character_length("host.name") + -2 + 1, 1) WHEN -2 = 0 THEN 1 ELSE -2 END)"#,
    }
    numbers {
        "round(ratio, 1) + round(bytes) + floor(ratio) + ceil(bytes)" => r#"finite(round("ratio", 1) + "bytes" + floor("ratio") + "bytes", 'round(ratio, 1) + round(bytes) + floor(ratio) + ceil(bytes)')"#,
        "abs(bytes)" => r#"CASE WHEN "bytes" < 0 THEN checked_neg("bytes") ELSE "bytes" END"#,
        "abs(ratio)" => r#"abs("ratio")"#,
        "round(bytes, -3)" => r#"CAST(round(CAST("bytes" AS DOUBLE), -3) AS BIGINT)"#,
        "sqrt(bytes)" => r#"finite(sqrt(CAST("bytes" AS DOUBLE)), 'sqrt(bytes)')"#,
        "clamp(bytes, 0, 10)" => r#"CASE WHEN "bytes" IS NOT NULL THEN least(greatest("bytes", 0), 10) END"#,
        "greatest(bytes, 1)" => r#"CASE WHEN "bytes" IS NOT NULL THEN greatest("bytes", 1) END"#,
    }
    conversions {
        "to_string(destination.ip)" => r#""destination.ip""#,
        "bytes::string" => r#"CAST("bytes" AS VARCHAR)"#,
        "to_string(@timestamp)" => r#"mv_cast("@timestamp", 'varchar')"#,
        "to_boolean(host.name)" => r#"lower("host.name") = 'true'"#,
        "to_boolean(bytes)" => r#""bytes" <> 0"#,
        "to_integer(ratio)" => r#"mv_cast("ratio", 'int')"#,
        "host.name::long" => r#"mv_cast("host.name", 'bigint')"#,
        "to_long(@timestamp)" => r#"mv_cast("@timestamp", 'bigint')"#,
        "to_string(ratio)" => r#"mv_cast("ratio", 'varchar')"#,
        "to_datetime(host.name)" => r#"mv_cast("host.name", 'timestamp')"#,
        "to_datetime(concat(host.name, \"Z\"))" => r#"mv_cast("host.name" || 'Z', 'timestamp', 'to_datetime(concat(host.name, "Z"))')"#,
        "bytes::unsigned_long" => r#"mv_cast("bytes", 'bigint unsigned')"#,
        "to_version(host.name)" => r#""host.name""#,
        r#"to_datetime("2024")"# => "TIMESTAMP WITH TIME ZONE '2024-01-01T00:00:00Z'",
    }
    lists_of_one_value {
        "mv_min(host.name)" => r#""host.name""#,
        "mv_sort(host.name)" => r#""host.name""#,
        "mv_count(host.name)" => r#"mv_count("host.name")"#,
        r#"mv_concat(host.name, ",")"# => r#"mv_concat("host.name", ',')"#,
        "mv_max([1, 2])" => "mv_max(make_array(1, 2))",
        "mv_sum([1, 2])" => "TRY_CAST(mv_sum(make_array(1, 2), '[1, 2]') AS INT)",
        "mv_sum(bytes)" => r#""bytes""#,
        "mv_avg(bytes)" => r#"CAST("bytes" AS DOUBLE)"#,
        "mv_avg([1, 2])" => "mv_avg(make_array(1, 2))",
        "to_string([1, 2])" => "mv_cast(make_array(1, 2), 'varchar', 'to_string([1, 2])')",
    }
}

#[test]
fn lists_are_asked_for_their_single_value() {
    let stage = |text: &str| super::lists(text).lines().nth(1).unwrap_or("").to_owned();
    assert_eq!(
        stage("FROM a | EVAL x = case(flag, host.name, \"b\"), y = coalesce(host.name, \"c\") | KEEP x, y, host.name"),
        r#"eval_2: SELECT *, CASE WHEN "flag" THEN "host.name" ELSE mv_clean(make_array('b')) END AS "x", coalesce("host.name", mv_clean(make_array('c'))) AS "y" FROM from_1"#
    );
    assert_eq!(
        stage("FROM a | WHERE coalesce(host.name, \"c\") == \"c\" | STATS n = count()"),
        r#"where_2: SELECT * FROM from_1 WHERE single_value(coalesce("host.name", mv_clean(make_array('c'))), 'coalesce(host.name, "c")') = 'c'"#
    );
    assert_eq!(
        stage("FROM a | WHERE host.name == [\"a\", \"b\"] | KEEP host.name"),
        r#"where_2: SELECT * FROM from_1 WHERE single_value("host.name") = single_value(make_array('a', 'b'), '["a", "b"]')"#
    );
}

#[test]
fn values_of_lists_change_one_by_one() {
    let stage = |expr: &str| {
        let stages = super::lists(&format!("FROM a | EVAL x = {expr} | KEEP x"));
        let line = stages.lines().nth(1).unwrap_or("").to_owned();
        line.split_once("SELECT *, ").map_or(line.clone(), |(_, sql)| sql.to_owned())
    };
    for (from, to) in [
        ("to_lower(host.name)", r#"mv_lower("host.name")"#),
        ("to_upper(host.name)", r#"mv_upper("host.name")"#),
        ("to_string(bytes)", r#"mv_cast("bytes", 'varchar')"#),
        ("to_string(@timestamp)", r#"mv_cast("@timestamp", 'varchar')"#),
        ("host.name::long", r#"mv_cast("host.name", 'bigint')"#),
        ("to_integer(bytes)", r#"mv_cast("bytes", 'int')"#),
        ("to_double(bytes)", r#"mv_cast("bytes", 'double')"#),
        ("to_boolean(host.name)", r#"mv_cast("host.name", 'boolean')"#),
        ("to_datetime(bytes)", r#"mv_cast("bytes", 'timestamp')"#),
        ("to_ip(host.name)", r#"to_ip("host.name")"#),
        ("unlisted::long", r#"mv_cast("unlisted", 'bigint')"#),
        ("to_long(bytes)", r#""bytes""#),
        ("mv_sum(bytes)", r#"mv_sum("bytes")"#),
        ("mv_avg(bytes)", r#"mv_avg("bytes")"#),
        ("mv_min(destination.ip)", r#"mv_min_ip("destination.ip")"#),
        ("mv_sort(destination.ip, \"desc\")", r#"mv_sort_ip("destination.ip", 'desc')"#),
    ] {
        assert_eq!(stage(from), format!(r#"{to} AS "x" FROM from_1"#), "{from}");
    }
}

/// A value that does not convert does not count, so the list is converted before its only value is asked for.
#[test]
fn what_converts_may_be_the_single_value() {
    let stage = |text: &str| super::lists(text).lines().nth(1).unwrap_or("").to_owned();
    assert_eq!(
        stage("FROM a | WHERE host.name::long == 5 | STATS n = count()"),
        r#"where_2: SELECT * FROM from_1 WHERE single_value(mv_cast("host.name", 'bigint'), 'host.name::long') = 5"#
    );
    assert_eq!(
        stage("FROM a | WHERE cidr_match(to_ip(host.name), \"::1\") | STATS n = count()"),
        r#"where_2: SELECT * FROM from_1 WHERE cidr_match(single_value(to_ip("host.name"), 'to_ip(host.name)'), '::1')"#
    );
    assert_eq!(
        stage("FROM a | WHERE to_string(bytes) == \"5\" AND to_lower(host.name) == \"a\" | STATS n = count()"),
        r#"where_2: SELECT * FROM from_1 WHERE CAST("bytes" AS VARCHAR) = '5' AND lower("host.name") = 'a'"#
    );
}
