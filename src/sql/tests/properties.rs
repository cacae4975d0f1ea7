//! What holds of every query.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use proptest::prelude::*;

use super::super::pretty;
use super::{FLAT, LISTS, Memory};

/// The text that a parser makes of SQL, which shows how it was grouped.
fn read(sql: &str) -> String {
    let statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    statements.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn scalar() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("bytes".to_owned()),
        Just("mv_count(host.name)".to_owned()),
        (-9i64..9).prop_map(|n| n.to_string())
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner)
            .prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    })
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (scalar(), prop::sample::select(vec!["==", "!=", "<", ">="]), scalar())
            .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        scalar().prop_map(|a| format!("{a} IS NOT NULL")),
        scalar().prop_map(|a| format!("{a} IN (1, null)")),
        Just("host.name LIKE \"a*\"".to_owned()),
        Just("flag".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

fn command() -> impl Strategy<Value = String> {
    prop_oneof![
        condition().prop_map(|c| format!("WHERE {c}")),
        scalar().prop_map(|s| format!("EVAL bytes = {s}, new = bytes + 1")),
        Just("SORT host.name DESC, bytes".to_owned()),
        Just("KEEP host.name, flag, bytes, x*".to_owned()),
        Just("MV_EXPAND host.name".to_owned()),
        Just("LIMIT 5".to_owned()),
        Just(
            "RENAME flag AS x, host.name AS flag, x AS host.name | RENAME flag AS x, host.name AS flag, x AS host.name"
                .to_owned()
        ),
        condition().prop_map(|c| format!("STATS bytes = max(bytes), flag = min(flag) WHERE {c} BY host.name")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sql_reads_back_as_it_was_meant(commands in prop::collection::vec(command(), 0..6), list: bool) {
        let text = format!("FROM a | {} LIMIT 7", commands.iter().fold(String::new(), |all, c| format!("{all}{c} | ")));
        let (query, _) = crate::esql::parse(&text);
        let catalog = if list { Memory::new(LISTS, true) } else { Memory::new(FLAT, false) };
        let lowered = super::super::lower(&query.unwrap(), &text, &catalog);
        let lowered = lowered.unwrap_or_else(|found| panic!("{:?}", super::shown(&text, &found)));
        let sql = lowered.query.to_string();
        prop_assert_eq!(&read(&sql), &sql);
        prop_assert_eq!(&read(&pretty(&lowered.query)), &sql);
    }

    #[test]
    fn no_text_makes_a_statement_panic(text in "\\PC{0,60}") {
        let _ = super::super::statement(&text, &Memory::new(FLAT, false));
    }

    #[test]
    fn no_mix_of_words_makes_a_statement_panic(words in prop::collection::vec(prop::sample::select(vec![
        "SELECT", "FROM", "a", "b.c", "@timestamp", ",", "(", ")", "*", "WHERE", "=", "'x'", "WITH", "AS", "JOIN", "ON", ".", "\"", "GROUP", "BY",
        "ORDER", "UNION", "1", "IN", "NOT", "COUNT", "LIMIT", ";", "EXISTS", "CASE", "WHEN", "THEN", "END", "e", "HAVING",
    ]), 0..16)) {
        let _ = super::super::statement(&words.join(" "), &Memory::new(FLAT, false));
    }
}
