#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::parse;
use super::*;

fn canonical(text: &str) -> String {
    let (query, diagnostics) = parse(text);
    let shown = print(&query.unwrap_or_else(|| unreachable!("{text}: {diagnostics:?}")));
    let (again, _) = parse(&shown);
    assert_eq!(again.map(|query| print(&query)).as_ref(), Some(&shown));
    shown
}

fn condition(text: &str) -> String {
    canonical(&format!("FROM a | WHERE {text}")).strip_prefix("FROM a\n| WHERE ").unwrap().to_owned()
}

#[test]
fn commands() {
    for (text, expected) in [
        ("from a,-b-* , \"c,d\", \"e f\" metadata _id,_index", "FROM a, -b-*, c, d, \"e f\" METADATA _id, _index"),
        ("from c:a*::data | limit 5", "FROM c:a*::data\n| LIMIT 5"),
        ("row a=1, b = [true, false]", "ROW a = 1, b = [TRUE, FALSE]"),
        ("show info", "SHOW INFO"),
        ("from a | stats by b", "FROM a\n| STATS BY b"),
        (
            "from a | stats c = count(*) where d > 1, max(e) by f, g = h + 1",
            "FROM a\n| STATS c = count(*) WHERE d > 1, max(e) BY f, g = h + 1",
        ),
        ("from a | inline stats max(b)", "FROM a\n| INLINE STATS max(b)"),
        ("from a | inlinestats max(b) by c", "FROM a\n| INLINE STATS max(b) BY c"),
        ("from a | keep a.*, *b*, `c d`.e, `f-`*, by", "FROM a\n| KEEP a.*, *b*, `c d`.e, `f-`*, by"),
        ("from a | drop *, *1, @*", "FROM a\n| DROP *, *`1`, `@`*"),
        ("from a | rename b as c, d = e", "FROM a\n| RENAME b AS c, e AS d"),
        ("from a | sort b asc, c desc nulls last, d nulls first", "FROM a\n| SORT b, c DESC NULLS LAST, d NULLS FIRST"),
        ("from a | mv_expand b.`by`", "FROM a\n| MV_EXPAND b.`by`"),
        ("from a | dissect b \"%{c}\" append_separator=\"-\"", "FROM a\n| DISSECT b \"%{c}\" APPEND_SEPARATOR=\"-\""),
        (
            "from a | grok to_lower(b) \"\"\"\\d%{WORD:c}\"\"\", \"x\"",
            "FROM a\n| GROK to_lower(b) \"\"\"\\d%{WORD:c}\"\"\", \"x\"",
        ),
        (
            "from a | completion b = concat(c, d) with {\"inference_id\":\"m\"}",
            "FROM a\n| COMPLETION b = concat(c, d) WITH { \"inference_id\": \"m\" }",
        ),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn parentheses_stand_where_they_change_the_meaning() {
    for (text, expected) in [
        ("((a == 1))", "a == 1"),
        ("(a AND b) OR (c AND d)", "a AND b OR c AND d"),
        ("(a OR b) AND (c OR d)", "(a OR b) AND (c OR d)"),
        ("a AND (b AND c)", "a AND b AND c"),
        ("NOT (a OR b)", "NOT (a OR b)"),
        ("NOT (a LIKE \"x\")", "NOT a LIKE \"x\""),
        ("(NOT a) AND b", "NOT a AND b"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("(a + b) * c > d / (e * f)", "(a + b) * c > d / (e * f)"),
        ("-(a + b) == - c", "-(a + b) == -c"),
        ("-(5) == -5", "-(5) == -5"),
        ("-(a::int) == (-a)::int", "-a::int == (-a)::int"),
        ("(a == b) == c", "(a == b) == c"),
        ("(a == b) IS NULL", "(a == b) IS NULL"),
        ("a == b IS NULL", "(a == b) IS NULL"),
        ("(a IS NULL) IN (true, b == c)", "(a IS NULL) IN (TRUE, b == c)"),
        ("a in ((b and c), (d))", "a IN ((b AND c), d)"),
        ("f((a or b), (c))", "f(a OR b, c)"),
    ] {
        assert_eq!(condition(text), expected, "{text}");
    }
}

#[test]
fn values_and_names() {
    for (text, expected) in [
        (r#"a == "x\t\"\\é""#, r#"a == "x\t\"\\é""#),
        (r#"a == """C:\*""""#, r#"a == """C:\*""""#),
        ("a == 1.50 or b == 1E3 or c == .5", "a == 1.5 OR b == 1000.0 OR c == 0.5"),
        ("a == 9223372036854775808 or b == 1e300", "a == 9223372036854775808 OR b == 1e300"),
        ("a == 18446744073709551616", "a == 1.8446744073709552e19"),
        ("a == -9223372036854775808", "a == -9223372036854775808"),
        ("a > now() - 1HOURS and b > 15min", "a > now() - 1 hour AND b > 15 minutes"),
        ("source.`as`.`a``b` == `c`", "source.`as`.`a``b` == c"),
        ("a . b == @timestamp", "a.b == @timestamp"),
        ("a.by == `where`", "a.`by` == `where`"),
        ("a not in (1) and b not like (\"x\", \"y\")", "a NOT IN (1) AND b NOT LIKE (\"x\", \"y\")"),
        ("a rlike \"x\" and b like (\"y\")", "a RLIKE \"x\" AND b LIKE (\"y\")"),
        ("a like concat(b, \"*\")", "a LIKE concat(b, \"*\")"),
        ("a is null and b is not null", "a IS NULL AND b IS NOT NULL"),
        ("a : \"x\"", "a : \"x\""),
        ("match(a, \"b\", {\"fuzziness\": 1, \"c\": true})", "match(a, \"b\", { \"fuzziness\": 1, \"c\": TRUE })"),
        ("count() > COUNT( * )", "count() > COUNT(*)"),
    ] {
        assert_eq!(condition(text), expected, "{text}");
    }
}

#[test]
fn names_of_columns_survive() {
    let text = "FROM a | EVAL b+1, (c) | STATS count( * ), max(d), e = min( f ) BY g-h , `i j`";
    let query = parse(text).0.unwrap();
    assert_eq!(
        print_named(&query, text),
        "FROM a\n| EVAL `b+1` = b + 1, c\n| STATS `count( * )` = count(*), max(d), e = min(f) BY `g-h` = g - h, `i j`"
    );
}
