//! Rules written in SQL.

use super::super::catalog::{Field, Type};
use super::super::lowered::Lowered;
use super::{FLAT, LISTS, Memory, shown};

fn statement(text: &str, catalog: &Memory) -> Lowered {
    super::super::statement(text, catalog).unwrap_or_else(|found| panic!("{:?}", shown(text, &found)))
}

fn flat(text: &str) -> String {
    statement(text, &Memory::new(FLAT, false)).query.to_string()
}

fn lists(text: &str) -> String {
    statement(text, &Memory::new(LISTS, false)).query.to_string()
}

fn mistakes(text: &str) -> Vec<String> {
    match super::super::statement(text, &Memory::new(FLAT, false)) {
        Ok(lowered) => panic!("{}", lowered.query),
        Err(found) => shown(text, &found),
    }
}

#[test]
fn fields_are_named_as_in_esql() {
    assert_eq!(
        flat(
            "SELECT process.executable, e.host.name AS h.n, e.@timestamp FROM logs AS e WHERE user.name = 'x' AND @timestamp > now()"
        ),
        r#"SELECT "process.executable", e."host.name" AS "h.n", e."@timestamp" FROM "logs" AS e WHERE "user.name" = 'x' AND "@timestamp" > now()"#
    );
    assert_eq!(
        flat(r#"SELECT "process.name", logs.host.name, my.f(bytes) FROM logs"#),
        r#"SELECT "process.name", logs."host.name", my.f(bytes) FROM "logs""#
    );
    let upper = Memory::new("CommandLine keyword, process.end date", false);
    let found = statement("SELECT CommandLine, process.end FROM logs GROUP BY CommandLine, process.end", &upper);
    assert_eq!(
        found.query.to_string(),
        r#"SELECT "CommandLine", "process.end" FROM "logs" GROUP BY "CommandLine", "process.end""#
    );
    assert_eq!(found.group_key, Some(vec!["CommandLine".to_owned(), "process.end".to_owned()]));
}

#[test]
fn tables_are_looked_up_and_common_table_expressions_win() {
    let found = statement(
        "WITH logs AS (SELECT bytes FROM \"logs-*,other-*\") SELECT l.bytes FROM logs l JOIN events.more m ON l.bytes = m.bytes",
        &Memory::new(FLAT, false),
    );
    assert_eq!(
        found.query.to_string(),
        r#"WITH logs AS (SELECT bytes FROM "logs-*,other-*") SELECT l.bytes FROM logs l JOIN "events.more" m ON l.bytes = m.bytes"#
    );
    let tables: Vec<_> = found.tables.iter().map(|table| (table.name.as_str(), table.patterns.clone())).collect();
    assert_eq!(
        tables,
        [
            ("logs-*,other-*", vec!["logs-*".to_owned(), "other-*".to_owned()]),
            ("events.more", vec!["events.more".to_owned()])
        ]
    );
}

#[test]
fn a_list_is_its_single_value_where_one_is_asked_for() {
    assert_eq!(
        lists("SELECT host.name, lower(host.name) AS l FROM logs WHERE host.name = 'x' AND agent.id IS NULL AND (flag) ORDER BY host.name"),
        r#"SELECT "host.name", lower(single_value("host.name")) AS l FROM "logs" WHERE single_value("host.name") = 'x' AND "agent.id" IS NULL AND (single_value(flag)) ORDER BY single_value("host.name")"#
            .replace("(single_value(flag))", "single_value((flag))")
    );
    assert_eq!(
        lists(
            "SELECT host.name, collect_set(agent.id) AS agent.id, count(bytes), array_length(bytes) FROM logs GROUP BY host.name ORDER BY host.name, agent.id"
        ),
        r#"SELECT single_value("host.name") AS "host.name", collect_set("agent.id") AS "agent.id", count(bytes), array_length(bytes) FROM "logs" GROUP BY single_value("host.name") ORDER BY "host.name", "agent.id""#
    );
    assert_eq!(
        lists("SELECT DISTINCT host.name FROM logs"),
        r#"SELECT DISTINCT single_value("host.name") AS "host.name" FROM "logs""#
    );
    assert_eq!(
        lists(
            "SELECT to_ip(destination.ip) AS i FROM logs WHERE cidr_match(to_ip(destination.ip), '::1') AND mv_count(to_ip(destination.ip)) = 1"
        ),
        r#"SELECT to_ip("destination.ip") AS i FROM "logs" WHERE cidr_match(single_value(to_ip("destination.ip")), '::1') AND mv_count(to_ip("destination.ip")) = 1"#
    );
}

#[test]
fn lists_are_known_behind_subqueries() {
    assert_eq!(
        lists(
            "WITH a AS (SELECT host.name, agent.id AS id FROM logs), b AS (SELECT * FROM a) SELECT id FROM b WHERE id = 'x' AND b.host.name = 'y'"
        ),
        r#"WITH a AS (SELECT "host.name", "agent.id" AS id FROM "logs"), b AS (SELECT * FROM a) SELECT id FROM b WHERE single_value(id) = 'x' AND single_value(b."host.name") = 'y'"#
    );
    assert_eq!(
        lists(
            "SELECT bytes FROM logs l WHERE EXISTS (SELECT 1 FROM other o WHERE o.agent.id = l.agent.id) AND bytes IN (SELECT max(bytes) FROM logs)"
        ),
        r#"SELECT bytes FROM "logs" l WHERE EXISTS (SELECT 1 FROM "other" o WHERE single_value(o."agent.id") = single_value(l."agent.id")) AND single_value(bytes) IN (SELECT max(single_value(bytes)) FROM "logs")"#
    );
}

#[test]
fn fields_that_are_not_listed_are_asked_for() {
    let text = "SELECT count(*) AS cc, x.y FROM logs WHERE user.name = 'x' AND _id = 'z' GROUP BY x.y HAVING cc > 1 ORDER BY cc";
    let found = statement(text, &Memory::new(FLAT, false));
    let field = |name: &str, ty, multi| Field { name: name.to_owned(), ty, multi };
    assert_eq!(found.tables[0].wanted, [field("x.y", Type::Null, false), field("user.name", Type::Keyword, false)]);
    assert_eq!(found.tables[0].metadata, ["_id"]);
    assert_eq!(found.warnings.len(), 2);
    let open = statement(text, &Memory::new(LISTS, true));
    assert_eq!(open.tables[0].wanted, [field("x.y", Type::Keyword, true), field("user.name", Type::Keyword, true)]);
    assert!(open.warnings.is_empty());
    let through = statement("WITH a AS (SELECT * FROM logs) SELECT x.y FROM a", &Memory::new(FLAT, false));
    assert_eq!(through.tables[0].wanted, [field("x.y", Type::Null, false)]);
    assert!(through.tables[0].all_fields);
}

#[test]
fn the_outermost_query_is_described() {
    let found = |text: &str| {
        let found = statement(text, &Memory::new(FLAT, false));
        let key = found.group_key.map(|key| key.join(","));
        (found.limit, found.ordered, found.aggregating, key, found.query.to_string().contains("LIMIT"))
    };
    assert_eq!(found("SELECT bytes FROM a ORDER BY bytes LIMIT 5"), (Some(5), true, false, None, false));
    assert_eq!(found("SELECT bytes FROM a LIMIT 5 OFFSET 2"), (None, false, false, None, true));
    assert_eq!(found("SELECT count(*) FROM a"), (None, false, true, None, false));
    let grouped = "SELECT count(*), host.name, flag AS f FROM a GROUP BY host.name, flag";
    assert_eq!(found(grouped), (None, false, true, Some("host.name,f".to_owned()), false));
    assert_eq!(found("SELECT count(*) FROM a GROUP BY host.name"), (None, false, true, None, false));
    assert_eq!(found("SELECT host.name, count(*) FROM a GROUP BY 1").3, Some("host.name".to_owned()));
    assert_eq!(found("SELECT lower(host.name) AS h FROM a GROUP BY h").3, Some("h".to_owned()));
    assert_eq!(found("SELECT bytes, (SELECT max(bytes) FROM a) AS m FROM a"), (None, false, false, None, false));
    assert_eq!(found("SELECT bytes, sum(bytes) OVER () AS s FROM a"), (None, false, false, None, false));
}

#[test]
fn only_one_query_that_reads_passes() {
    for (text, place) in [
        ("DROP TABLE x", "DROP"),
        ("  EXPLAIN SELECT 1", "EXPLAIN"),
        ("COPY logs TO 'x.parquet'", "COPY"),
        ("SET x = 1", "SET"),
        ("INSERT INTO x SELECT 1", "INSERT"),
        ("SELECT 1; SELECT 2", "SELECT 2"),
        ("SELECT * INTO foo FROM logs", "foo"),
        ("SELECT * FROM read_csv('x')", "read_csv"),
        ("SELECT * FROM logs FOR UPDATE", "SELECT * FROM logs"),
        ("WITH x AS (DELETE FROM logs) SELECT 1", "DELETE FROM logs"),
        ("SELECT (SELECT 1 FROM parquet_metadata('x'))", "parquet_metadata"),
    ] {
        let found = mistakes(text);
        let start = format!("E0301 {place}: expected one query that only reads");
        assert!(found.iter().any(|one| one.starts_with(&start)), "{text}: {found:?}");
    }
    for text in
        ["SELECT 1;", "VALUES (1)", "(SELECT 1)", "SELECT 1 UNION ALL SELECT 2", "SELECT * FROM generate_series(1, 3)"]
    {
        statement(text, &Memory::new(FLAT, false));
    }
}

#[test]
fn long_queries_do_not_exhaust_the_stack() {
    let arms = |n: usize| (0..n).map(|i| format!("host.name = '{i}'")).collect::<Vec<_>>().join(" OR ");
    let found = statement(&format!("SELECT bytes FROM a WHERE {}", arms(450)), &Memory::new(FLAT, false));
    assert!(super::super::pretty(&found.query).ends_with("'449'"));
    let chain = mistakes(&format!("SELECT bytes FROM a WHERE {}", arms(3000)));
    assert!(chain[0].contains("operators in a row"), "{chain:?}");
    flat(&format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(250)));
    let many = format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(3000));
    assert!(mistakes(&many)[0].starts_with("E0105"));
    let nested = format!("SELECT {}1{}", "(".repeat(1000), ")".repeat(1000));
    assert!(mistakes(&nested)[0].contains("the query is nested too deeply"));
}

#[test]
fn a_text_that_is_no_sql_is_shown_its_place() {
    let help = "a rule is one SELECT; names that are no words stand in double quotes, texts in single quotes";
    assert_eq!(
        mistakes("SELECT a\nFROM logs WHERE user.name ="),
        [format!("E0103 : expected an expression, found the end of the query ({help})")]
    );
    assert_eq!(mistakes("SELECT a b c FROM x"), [format!("E0103 c: expected end of statement, found c ({help})")]);
    assert_eq!(
        mistakes("SELECT 'ab"),
        ["E0102 ': unterminated string literal (texts stand in single quotes, names in double quotes)"]
    );
    assert_eq!(
        mistakes(" -- nothing"),
        ["E0103 : expected a SELECT, found no statement (a rule is one SELECT, which may start with WITH)"]
    );
}
