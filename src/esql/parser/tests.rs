#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::ast::{BinaryOp, Expr, ExprKind, Literal};
use super::super::print;
use super::*;

fn query(text: &str) -> Query {
    let (query, diagnostics) = parse(text);
    query.unwrap_or_else(|| unreachable!("{text:.200}: {diagnostics:?}"))
}

fn condition(text: &str) -> Expr {
    match query(&format!("FROM a | WHERE {text}")).commands.pop().unwrap().kind {
        CommandKind::Where(condition) => condition,
        other => unreachable!("{other:?}"),
    }
}

/// Code, text below, and message of each diagnostic.
fn mistakes(text: &str) -> Vec<(Code, &str, String)> {
    let (query, diagnostics) = parse(text);
    assert!(query.is_none(), "{text}");
    diagnostics.into_iter().map(|d| (d.code, d.span.text(text), d.message)).collect()
}

/// The only diagnostic of a text: what it points at, its message and its help.
#[track_caller]
fn mistake(text: &str, points_at: &str, message: &str, help: &str) {
    let (query, diagnostics) = parse(text);
    assert!(query.is_none(), "{text}");
    assert_eq!(diagnostics.len(), 1, "{text}: {diagnostics:?}");
    let found = &diagnostics[0];
    assert_eq!(found.span.text(text), points_at, "{text}: {found:?}");
    assert!(found.message.contains(message), "{text}: {found:?}");
    assert!(found.help.clone().unwrap_or_default().contains(help), "{text}: {found:?}");
}

#[test]
fn spans_cover_what_they_name() {
    let text = "FROM a | STATS (b + c), count( * ) WHERE d BY e.f";
    let found = query(text);
    let CommandKind::Stats(stats) = &found.commands[1].kind else { unreachable!() };
    assert_eq!(found.commands[1].span.text(text), "STATS (b + c), count( * ) WHERE d BY e.f");
    assert_eq!(stats.aggregates[0].assign.value.span.text(text), "(b + c)");
    assert_eq!(stats.aggregates[1].assign.span.text(text), "count( * )");
    assert_eq!(stats.by[0].span.text(text), "e.f");
}

#[test]
fn literals_by_size() {
    for (text, expected) in [
        ("1", Literal::Integer(1)),
        ("-1", Literal::Integer(-1)),
        ("- 9223372036854775808", Literal::Integer(i64::MIN)),
        ("9223372036854775807", Literal::Integer(i64::MAX)),
        ("9223372036854775808", Literal::Unsigned(1 << 63)),
        ("18446744073709551615", Literal::Unsigned(u64::MAX)),
        ("18446744073709551616", Literal::Double(18_446_744_073_709_551_616.0)),
        ("-9223372036854775809", Literal::Double(-9_223_372_036_854_775_809.0)),
        ("1.", Literal::Double(1.0)),
        ("-1e3", Literal::Double(-1000.0)),
        ("null", Literal::Null),
        ("TRUE", Literal::Boolean(true)),
    ] {
        assert_eq!(condition(text).kind, ExprKind::Literal(expected), "{text}");
    }
}

#[test]
fn units_in_every_spelling() {
    for (words, name) in [
        ("ms millisecond milliseconds", "millisecond"),
        ("s sec second seconds", "second"),
        ("m min minute minutes MIN", "minute"),
        ("h hour hours", "hour"),
        ("d day days", "day"),
        ("w week weeks", "week"),
        ("mo month months", "month"),
        ("q quarter quarters", "quarter"),
        ("y yr year years", "year"),
    ] {
        for word in words.split(' ') {
            for text in [format!("2 {word}"), format!("2{word}")] {
                let ExprKind::Literal(Literal::TimeSpan { value: 2, unit }) = condition(&text).kind else {
                    unreachable!("{text}")
                };
                assert_eq!(unit.name(), name);
            }
        }
    }
}

#[test]
fn words_that_are_no_keywords_where_they_stand() {
    for text in [
        "FROM a | WHERE first == last AND metadata > 1",
        "FROM a | STATS first(b, c), last(b, c) | KEEP where, by, stats",
        "FROM a | EVAL keep = 1, limit = keep | SORT limit",
        "FROM a | WHERE host.name IN (\"x\") AND null.value IS NULL",
    ] {
        let (found, diagnostics) = parse(text);
        if text.contains("null.") {
            assert!(found.is_none());
        } else {
            assert_eq!(diagnostics, vec![], "{text}");
        }
    }
}

#[test]
fn every_broken_command_is_reported_once() {
    let text = "FROM a | WHRE b | EVAL c = | KEEP d, | WHERE (e | LIMIT x | SORT f";
    let expected = [
        (Code::UnknownCommand, "WHRE"),
        (Code::Syntax, "|"),
        (Code::Syntax, ","),
        (Code::Syntax, "("),
        (Code::Syntax, "x"),
    ];
    let found = mistakes(text);
    assert_eq!(found.iter().map(|(code, at, _)| (*code, *at)).collect::<Vec<_>>(), expected, "{found:?}");
}

#[test]
fn a_bar_in_brackets_or_strings_ends_no_command() {
    assert_eq!(mistakes("FROM a | WHERE f(b | c) AND | KEEP d,").len(), 2);
    assert_eq!(mistakes("FROM a | FORK (WHERE b | LIMIT 1) (SORT c) | KEEP d,").len(), 2);
    assert_eq!(mistakes("FROM (FROM a | WHERE b), c | KEEP d,").len(), 2);
    assert_eq!(mistakes("FROM a | WHERE x y \"|\" | KEEP d,").len(), 2);
}

#[test]
fn what_follows_from_a_mistake_of_the_lexer_is_not_reported() {
    assert_eq!(mistakes("FROM a | WHERE b == $c | KEEP d,").len(), 2);
    assert_eq!(mistakes("FROM a | WHERE b == \"c | KEEP d").len(), 1);
    assert_eq!(mistakes("FROM a | WHERE b == 'c' AND !d && e <> f").len(), 4);
}

#[test]
fn help_for_common_mistakes() {
    mistake("", "", "expected a query", "FROM");
    mistake("  // nothing", "", "expected a query", "FROM");
    mistake("FROM a | WHERE b = 1", "=", "found `=`", "==");
    mistake("FROM a | WHERE (b = 1)", "=", "found `=`", "==");
    mistake("FROM a | WHERE (b == 1", "(", "without its closing )", "the end of the query");
    mistake("FROM a | WHERE f(b, c | KEEP d", "(", "without its closing )", "add ) before `|`");
    mistake("FROM a | WHERE b == 1)", ")", "found `)`", "remove");
    mistake("FROM a | WHERE b == 1 KEEP c", "KEEP", "expected | before KEEP", "| KEEP");
    mistake("FROM a WHERE b == \"x\"", "WHERE", "expected | before WHERE", "| WHERE");
    mistake("FROM a b", "b", "expected `,`, METADATA or |", "commas");
    mistake("FROM a |", "|", "end of the query", "remove");
    mistake("FROM a | | KEEP b", "|", "expected a command", "remove one |");
    mistake("FROM a || KEEP b", "||", "||", "single |");
    mistake("FROM a, | KEEP b", ",", "comma without an index pattern", "remove");
    mistake("FROM a | KEEP b,", ",", "comma without a name", "remove");
    mistake("FROM a | STATS count(*), BY b", ",", "comma without an aggregate", "remove");
    mistake("FROM a | WHERE f(b, )", ",", "comma without an argument", "remove");
    mistake("FROM a | WHERE b in (1, )", ",", "comma without a value", "remove");
    mistake("FROM a | WHERE b == by", "by", "keyword BY", "`by`");
    mistake("FROM a | WHERE b in \"c\"", "\"c\"", "list in parentheses", "IN (");
    mistake("FROM a | WHERE b between 1 and 2", "between", "found `between`", ">= low");
    mistake("FROM a | WHERE b ilike \"x\"", "ilike", "found `ilike`", "TO_LOWER");
    mistake("FROM a | WHERE a < b < c", "<", "takes a condition", "AND");
    mistake("FROM a | WHERE b IS \"c\"", "\"c\"", "expected NULL", "==");
    mistake("FROM a | WHERE b == 5 hurs", "hurs", "unknown unit", "hours");
    mistake("FROM a | WHERE b == 1.5 hours", "1.5 hours", "time span of 1.5", "whole number");
    mistake("FROM a | WHERE a.0.b == 1", "0.", "begins with a digit", "`0`");
    mistake("FROM a | WHERE a.* == 1", "*", "wildcard", "write out");
    mistake("FROM a | WHERE sum(*) > 1", "*", "only COUNT", "name the field");
    mistake("FROM a | WHERE b == ?c", "?c", "found `?c`", "no parameters");
    mistake("FROM a | WHERE b + 1 : \"c\"", ":", "no field", "::");
    mistake("FROM a | WHERE b == [1, \"c\"]", "\"c\"", "several types", "only");
    mistake("FROM a | WHERE b == [1, null]", "null", "neither null", "numbers");
    mistake("FROM a | WHERE b == 1e999", "1e999", "too large", "");
    mistake("FROM a | LIMIT -1", "-1", "expected a number of rows", "not negative");
    mistake("FROM a | LIMIT 1.5", "1.5", "expected a number of rows", "whole");
    mistake("FROM a | MV_EXPAND b, c", ",", "one column", "one MV_EXPAND");
    mistake("FROM a | RENAME b c", "c", "expected AS", "");
    mistake("FROM a | DISSECT b", "", "expected a pattern in quotes", "");
    mistake("FROM a | DISSECT b \"c\" SEPARATOR=\"d\"", "SEPARATOR", "unknown option", "APPEND_SEPARATOR");
    mistake("FROM a | KEEP b;", ";", "found `;`", "no semicolon");
    mistake("FROM a;", ";", "semicolon", "remove");
    mistake("FROM a [METADATA _id]", "[", "brackets", "METADATA _id");
    mistake("FROM METADATA _id", "METADATA", "expected an index pattern", "quotes");
    mistake("WHERE b == 1", "WHERE", "at the start", "FROM logs-*");
    mistake("FROM a | FROM b", "FROM", "begin a query", "commas");
    mistake("FROM a | INLINE STATS BY b", "", "without an aggregate", "COUNT(*)");
    mistake("FROM a | EVAL b = 1 c = 2", "c", "found `c`", "comma");
    mistake("FROM a | KEEP b, data-stream", "-", "behind the name data", "backquotes");
    mistake("FROM a | KEEP count(*)", "(", "behind the name count", "`count(*)`");
    mistake("FROM a | EVAL data-stream.b = 1", "data-stream.b", "is no name", "backquotes");
    mistake("FROM a | EVAL b = c = 1", "=", "found `=`", "==");
    mistake("FROM a | SORT b DES", "DES", "expected ASC, DESC", "");
    mistake("FROM a | WHERE b NOT NULL", "NOT", "found `NOT`", "IS NOT NULL");
    mistake("FROM a | STATS x = count(*) WHERE y = 1", "=", "found `=`", "==");
}

#[test]
fn commands_that_do_not_exist() {
    for (text, points_at, message, help) in [
        ("SELECT a FROM b", "SELECT", "unknown command SELECT", "SQL"),
        ("FROM a | SELECT b", "SELECT", "unknown command SELECT", "KEEP"),
        ("FROM a | WEHRE b == 1", "WEHRE", "unknown command WEHRE", "WHERE"),
        ("FROM a | mvexpand b", "mvexpand", "unknown command mvexpand", "MV_EXPAND"),
        ("FROM a | xyzzy b", "xyzzy", "unknown command xyzzy", "INLINE STATS"),
        ("FROM a | ENRICH b ON c WITH d", "ENRICH", "ENRICH, which adds", "supported commands"),
        ("FROM a | LOOKUP JOIN b ON c", "LOOKUP", "LOOKUP JOIN", ""),
        ("FROM a | CHANGE_POINT b ON c AS d, e", "CHANGE_POINT", "not supported", ""),
        ("FROM a | FORK (WHERE b | LIMIT 1) (SORT c)", "FORK", "not supported", ""),
        ("FROM a | RERANK \"b\" ON c", "RERANK", "not supported", ""),
        ("FROM a | SAMPLE 0.1", "SAMPLE", "not supported", ""),
        ("FROM a | INSIST b", "INSIST", "not supported", ""),
        ("FROM a | FUSE", "FUSE", "not supported", ""),
        ("TS metrics-* | STATS rate(b)", "TS", "not supported", "FROM"),
        ("SET unmapped_fields=\"nullify\"; FROM a", "SET", "not supported", ""),
        ("SET a = 1; SET b = 2; WHERE a", "SET", "not supported", ""),
    ] {
        let found = mistakes(text);
        assert_eq!((found[0].0, found[0].1), (Code::UnknownCommand, points_at), "{text}");
        assert!(found[0].2.contains(message), "{text}: {found:?}");
        let shown = parse(text).1[0].help.clone().unwrap_or_default();
        assert!(shown.contains(help), "{text}: {shown}");
    }
    assert_eq!(mistakes("SET unmapped_fields=\"nullify\"; FROM a | KEEP b").len(), 1);
    assert_eq!(mistakes("SET a = 1; SET b = 2; WHERE a").len(), 3);
}

/// The height of a tree, found without recursion.
fn height(expr: &Expr) -> usize {
    let mut stack = vec![(expr, 1)];
    let mut highest = 0;
    while let Some((expr, depth)) = stack.pop() {
        highest = highest.max(depth);
        match &expr.kind {
            ExprKind::Unary { operand, .. } | ExprKind::Not(operand) | ExprKind::Cast { operand, .. } => {
                stack.push((operand, depth + 1));
            }
            ExprKind::Binary { left, right, .. } => stack.extend([(&**left, depth + 1), (&**right, depth + 1)]),
            ExprKind::Call { args, .. } => stack.extend(args.iter().map(|arg| (arg, depth + 1))),
            _ => {}
        }
    }
    highest
}

/// Runs on a stack of 2 MB, as the threads of test and of runtimes have it.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn thousands_of_terms_make_a_low_tree() {
    on_small_stack(|| {
        for op in ["OR", "AND"] {
            let terms: Vec<String> = (0..5000).map(|n| format!("a == {n}")).collect();
            let text = format!("FROM a | WHERE {}", terms.join(&format!(" {op} ")));
            let found = query(&text);
            let CommandKind::Where(condition) = &found.commands[1].kind else { unreachable!() };
            assert!(height(condition) < 20);
            assert_eq!(print(&found), text.replace("a |", "a\n|"));
        }
    });
    let short = condition("a OR b OR c");
    let ExprKind::Binary { op: BinaryOp::Or, left, .. } = short.kind else { unreachable!() };
    assert!(matches!(left.kind, ExprKind::Binary { op: BinaryOp::Or, .. }));
}

#[test]
fn depth_is_bounded_on_a_small_stack() {
    on_small_stack(|| {
        let many = 20_000;
        for (open, inner, close) in [
            ("(", "a", ")"),
            ("NOT ", "a", ""),
            ("- ", "a", ""),
            ("f(", "a", ")"),
            ("f(1, ", "a", ")"),
            ("a + (", "1", ")"),
            ("a IN ((", "1", "))"),
            ("a LIKE (", "b", ")"),
            ("NOT (- f(", "a", "))"),
            ("a == 1 AND (b OR ", "c", ")"),
        ] {
            let nested = |depth: usize| format!("FROM x | WHERE {}{inner}{}", open.repeat(depth), close.repeat(depth));
            let found = query(&nested(MAX_DEPTH / 4 - 1));
            assert_eq!(print(&query(&print(&found))), print(&found));
            for depth in [MAX_DEPTH + 1, many] {
                let (found, diagnostics) = parse(&nested(depth));
                assert!(found.is_none());
                assert_eq!(diagnostics.len(), 1, "{open}: {diagnostics:?}");
                assert!(diagnostics[0].message.contains("nested deeper"), "{open}: {diagnostics:?}");
            }
            let unclosed = format!("FROM x | WHERE {}", open.repeat(many));
            assert!(parse(&unclosed).0.is_none());
        }
        for tail in [" + a", "::int", " - 1 * 2", " / a"] {
            let chain = |length: usize| format!("FROM x | WHERE a{}", tail.repeat(length));
            let found = query(&chain(MAX_DEPTH - 2));
            assert_eq!(print(&query(&print(&found))), print(&found));
            assert!(mistakes(&chain(many))[0].2.contains("nested deeper"));
        }
    });
}

#[test]
fn a_long_chain_within_a_long_chain_stays_low() {
    let mut text = "a".to_owned();
    for _ in 0..20 {
        text = format!("({text}{}) AND ({}b)", " OR b".repeat(60), "b OR ".repeat(60));
    }
    let found = condition(&text);
    assert!(height(&found) <= MAX_DEPTH, "{}", height(&found));
}
