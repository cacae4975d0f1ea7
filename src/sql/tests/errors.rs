//! Mistakes: each with its code, its place and what to do.

use super::{FLAT, Memory, mistakes};

fn flat(text: &str) -> Vec<String> {
    mistakes(text, &Memory::new(FLAT, false))
}

#[test]
fn all_mistakes_are_told() {
    assert_eq!(
        flat(
            r#"FROM a | WHERE foo(1) AND bytes == "x" | EVAL y = lenght(host.name), z = y + 1 | STATS max(z) BY host.name | KEEP z"#
        ),
        [
            "E0201 foo: unknown function `foo`",
            "E0203 bytes == \"x\": `==` does not take long with keyword (compare numbers with numbers: drop the quotes, or convert with to_long(..) or to_string(..))",
            "E0201 lenght: unknown function `lenght` (the nearest function is length)",
            "E0206 z: unknown column `z` (STATS at line 1, column 82 removed it)",
        ]
    );
}

#[test]
fn columns_that_are_gone() {
    assert_eq!(
        flat("FROM a | KEEP bytes\n| WHERE host.name == \"x\""),
        ["E0206 host.name: unknown column `host.name` (KEEP at line 1, column 10 removed it)"]
    );
    assert_eq!(
        flat("FROM a | DROP bytes | SORT bytes"),
        ["E0206 bytes: unknown column `bytes` (DROP at line 1, column 10 removed it)"]
    );
    assert_eq!(
        flat("FROM a | RENAME bytes AS size | SORT bytes"),
        ["E0206 bytes: unknown column `bytes` (RENAME at line 1, column 10 removed it)"]
    );
    assert_eq!(
        flat("FROM a | STATS total = count() BY host.name | SORT totl"),
        ["E0206 totl: unknown column `totl` (the nearest column is `total`)"]
    );
}

#[test]
fn types_that_do_not_go_together() {
    let codes = |text: &str| flat(text).into_iter().map(|m| m[..5].to_owned()).collect::<Vec<_>>();
    for wrong in [
        "host.name > 1",
        "destination.ip == host.name",
        "flag < true",
        "bytes AND flag",
        "NOT bytes",
        "host.name + 1",
        "@timestamp - @timestamp",
        "bytes IN (1, \"x\")",
        "bytes LIKE \"x\"",
        "cidr_match(host.name, \"10.0.0.0/8\")",
        "length(bytes)",
        "case(flag, 1, \"x\") == 1",
        "coalesce(bytes, host.name) == \"x\"",
        "-host.name",
        "bytes",
        "starts_with(host.name, 1)",
    ] {
        assert_eq!(codes(&format!("FROM a | WHERE {wrong}")), ["E0203"], "{wrong}");
    }
}

#[test]
fn literals_that_are_wrong() {
    assert_eq!(
        flat(r#"FROM a | WHERE cidr_match(destination.ip, "10.0.0.0/8", "10.0.0.0/40", "x") OR destination.ip == "y""#),
        [
            "E0204 \"10.0.0.0/40\": \"10.0.0.0/40\" is not a CIDR block (write an address and a prefix length, such as \"10.0.0.0/8\")",
            "E0204 \"x\": \"x\" is not a CIDR block (write an address and a prefix length, such as \"10.0.0.0/8\")",
            "E0204 \"y\": \"y\" is not an address (write an IPv4 or IPv6 address, such as \"10.0.0.1\")",
        ]
    );
    for wrong in
        [r#"@timestamp > "yesterday""#, r#"flag == "yes""#, r#"host.name LIKE "a\\b""#, r#"host.name LIKE "a\\""#]
    {
        let found = flat(&format!("FROM a | WHERE {wrong}"));
        assert!(matches!(found.as_slice(), [one] if one.starts_with("E0204")), "{wrong}: {found:?}");
    }
}

#[test]
fn what_does_not_run_yet_is_named() {
    let starts = |text: &str, expected: &str| {
        let found = flat(text);
        assert!(matches!(found.as_slice(), [one] if one.starts_with(expected)), "{text}: {found:?}");
    };
    starts(r#"FROM a | WHERE KQL("host:{ name:x }")"#, "E0105 host: a query of nested documents is not supported yet");
    starts("FROM a | STATS st_centroid_agg(bytes)", "E0105 st_centroid_agg: the function st_centroid_agg is not");
    starts("FROM a METADATA _score", "E0105 _score: metadata `_score` is not supported yet");
}

#[test]
fn very_long_queries() {
    let text = format!("FROM a{} | KEEP x", " | EVAL x = 1".repeat(200));
    let found = flat(&text);
    assert!(
        matches!(found.as_slice(), [one] if one.starts_with("E0103 EVAL x = 1: the query has 202 commands")),
        "{found:?}"
    );
}

#[test]
fn mistakes_of_patterns_point_into_the_literal() {
    for (wrong, place, message) in [
        (r#"WHERE host.name RLIKE "a\\.(b""#, "(", "( without its closing )"),
        (r#"WHERE host.name RLIKE """a\\(.(b""""#, "(", "( without its closing )"),
        (r#"EVAL a = REPLACE(host.name, "\\s(x", "")"#, "(", "( without its closing )"),
        (r#"EVAL a = REPLACE(host.name, "(x)", "a$2")"#, "$2", "the expression has no group 2, it has 1"),
        (r#"GROK host.name "\\[%{WORDS:w}""#, "WORDS", "unknown pattern `WORDS`; the nearest pattern is WORD"),
        (r#"GROK host.name "%{WORD:w:number}""#, "%{WORD:w:number}", "unknown type `number` of a captured field"),
        (
            r#"DISSECT host.name "\t%{a} %{&b}""#,
            "%{&b}",
            "keys that refer to each other, such as %{&b}, are not supported",
        ),
        (r#"WHERE KQL("host.name:\"x\" or")"#, "", "expected a field or a value, found the end of the query"),
        (r#"WHERE KQL("bytes: 1 and bytes: \"x\"")"#, "\\\"x\\\"", "the field is of type long, which \"x\" is not"),
        (r#"WHERE KQL("host.nam: x")"#, "host.nam", ""),
        (
            r#"EVAL m = 1 | WHERE KQL("m: 1")"#,
            "m",
            "KQL reads fields of the source, and `m` is a column made at line 1, column 10",
        ),
        (r#"WHERE MATCH(host.name, "x", { "fuzzines": 1 })"#, "\"fuzzines\"", "unknown option `fuzzines` of match"),
        (r"COMPLETION host.name", "COMPLETION host.name", "COMPLETION without an inference endpoint"),
    ] {
        let text = format!("FROM a | {wrong}");
        let (query, mistakes) = crate::esql::parse(&text);
        let query = query.unwrap_or_else(|| panic!("{text}: {mistakes:?}"));
        let lowered = crate::sql::lower(&query, &text, &super::Memory::new(super::FLAT, false));
        let found = match lowered {
            Ok(lowered) => lowered.warnings,
            Err(mistakes) => mistakes,
        };
        // A name that the source lacks is a warning, at its place within the query.
        let expected =
            if message.is_empty() { "no event of a has the field `host.nam`, so it is null" } else { message };
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        let at = if place.is_empty() { text.rfind('"').unwrap() } else { text.rfind(place).unwrap() };
        let at = if place == "COMPLETION host.name" { text.find(place).unwrap() } else { at };
        assert_eq!((found[0].message.as_str(), found[0].span.start), (expected, at), "{text}");
        assert_eq!(found[0].span.text(&text), place, "{text}");
    }
}

#[test]
fn aggregates_in_the_wrong_place() {
    for (wrong, place) in [
        ("WHERE count() > 1", "count()"),
        ("STATS max(min(bytes))", "min(bytes)"),
        ("STATS x = bytes", "bytes"),
        ("STATS x = max(bytes) + bytes", "bytes"),
        ("STATS x = 1", "1"),
        ("STATS max(bytes, 1)", "max(bytes, 1)"),
        ("EVAL x = abs()", "abs()"),
    ] {
        let found = flat(&format!("FROM a | {wrong}"));
        let start = format!("E0202 {place}: ");
        assert!(matches!(found.as_slice(), [one] if one.starts_with(&start)), "{wrong}: {found:?}");
    }
}
