//! One set for `collect_set` and `count_distinct` of the same values.

use datafusion::arrow::datatypes::DataType;

use crate::encodings::{plan, register, rows, session, text};

#[tokio::test]
async fn one_set_serves_both() {
    let (context, _) = session();
    register(
        &context,
        &[
            ("g", text(&DataType::Utf8, &[Some("p"), Some("p"), Some("q"), Some("q")])),
            ("x", text(&DataType::Utf8View, &[Some("b"), Some("a"), None, None])),
        ],
    );
    let sql = "SELECT count_distinct(x) AS n, count(*) AS c, collect_set(x) AS s, g FROM t GROUP BY g";
    assert_eq!(rows(&context, &format!("{sql} ORDER BY g")).await, ["2|2|[a, b]|p", "0|2|-|q"]);
    let shared = plan(&context, sql).await;
    assert!(!shared.contains("count_distinct(t.x)]]") && shared.contains("mv_count"), "{shared}");
    assert_eq!(shared.matches("aggr=[[count(Int64(1))").count(), 1, "{shared}");

    let having = "SELECT g FROM t GROUP BY g HAVING count_distinct(x) = 2 AND mv_count(collect_set(x)) > 0";
    assert_eq!(rows(&context, having).await, ["p"]);

    let before = context.sql(sql).await.unwrap();
    let before = before.schema().as_arrow().clone();
    let after = context.sql(sql).await.unwrap().collect().await.unwrap();
    assert_eq!(*after[0].schema(), before, "names, types and nullability stay");
}

#[tokio::test]
async fn only_the_same_values_share() {
    let (context, _) = session();
    register(
        &context,
        &[
            ("g", text(&DataType::Utf8, &[Some("p"), Some("p"), Some("q")])),
            ("x", text(&DataType::Utf8, &[Some("b"), Some("a"), None])),
        ],
    );
    let sql = "SELECT count_distinct(x) FILTER (WHERE x = 'a') AS n, collect_set(x) AS s FROM t";
    assert_eq!(rows(&context, sql).await, ["1|[a, b]"]);
    assert!(!plan(&context, sql).await.contains("mv_count"));
    let sql = "SELECT count_distinct(x) FILTER (WHERE x = 'a') AS n, collect_set(x) FILTER (WHERE x = 'a') AS s FROM t";
    assert_eq!(rows(&context, sql).await, ["1|[a]"]);
    assert!(plan(&context, sql).await.contains("mv_count"));
    let sql = "SELECT g, count_distinct(x) AS n, collect_set(x) AS s FROM t GROUP BY ROLLUP (g) ORDER BY g NULLS LAST";
    assert_eq!(rows(&context, sql).await, ["p|2|[a, b]", "q|0|-", "-|2|[a, b]"]);
    assert!(plan(&context, sql).await.contains("mv_count"));
    let sql = "SELECT count_distinct(g) AS n, count_distinct(x) AS m, collect_set(x) AS s, collect_set(g) AS h FROM t";
    assert_eq!(rows(&context, sql).await, ["2|2|[a, b]|[p, q]"]);
}
