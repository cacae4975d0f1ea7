//! `collect_set` and `count_distinct`.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array, NullArray,
    StringArray, StructArray, TimestampMillisecondArray, UInt64Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use proptest::prelude::*;

use crate::encodings::{plan, register, rows, session, text, text_types};

const GROUPS: [i64; 8] = [1, 1, 2, 2, 3, 1, 4, 2];

fn groups() -> ArrayRef {
    Arc::new(Int64Array::from(GROUPS.to_vec()))
}

#[tokio::test]
async fn text_in_every_encoding() {
    let values =
        [Some("b"), Some("a"), None, Some("z"), None, Some("b"), Some(""), Some("a much longer value than twelve")];
    for data_type in text_types() {
        let (context, _) = session();
        register(&context, &[("g", groups()), ("x", text(&data_type, &values))]);
        let sql = "SELECT g, collect_set(x), count_distinct(x) FROM t GROUP BY g ORDER BY g";
        let expected = ["1|[a, b]|2", "2|[a much longer value than twelve, z]|2", "3|-|0", "4|[]|1"];
        assert_eq!(rows(&context, sql).await, expected, "{data_type}");
        let sql = "SELECT collect_set(DISTINCT x), count_distinct(DISTINCT x), count(*) FROM t WHERE g < 4";
        assert_eq!(rows(&context, sql).await, ["[a, a much longer value than twelve, b, z]|4|7"], "{data_type}");
        let sql = "SELECT g, collect_set(x) FILTER (WHERE x <> 'b') AS s, count_distinct(x) FILTER (WHERE x <> 'b') AS n \
                   FROM t GROUP BY g ORDER BY g";
        let expected = ["1|[a]|1", "2|[a much longer value than twelve, z]|2", "3|-|0", "4|[]|1"];
        assert_eq!(rows(&context, sql).await, expected, "{data_type}");
        let sql = "SELECT collect_set(x), count_distinct(x) FROM t WHERE g > 4";
        assert_eq!(rows(&context, sql).await, ["-|0"], "{data_type}");
        let sql = "SELECT g, collect_set(x) FROM t WHERE g > 4 GROUP BY g";
        assert!(rows(&context, sql).await.is_empty(), "{data_type}");
    }
}

#[tokio::test]
async fn the_list_holds_the_type_of_the_values() {
    let dictionary = |value| DataType::Dictionary(Box::new(DataType::Int32), Box::new(value));
    for (data_type, element) in [
        (DataType::Utf8, DataType::Utf8),
        (DataType::LargeUtf8, DataType::LargeUtf8),
        (DataType::Utf8View, DataType::Utf8View),
        (dictionary(DataType::Utf8), DataType::Utf8View),
        (dictionary(DataType::Int16), DataType::Int16),
        (DataType::Int8, DataType::Int8),
        (DataType::Binary, DataType::Binary),
    ] {
        let (context, _) = session();
        let values = StringArray::from(vec!["1", "2"]);
        let plain = if let DataType::Dictionary(_, value) = &data_type { value.as_ref() } else { &data_type };
        let column = cast(&cast(&values, plain).unwrap(), &data_type).unwrap();
        register(&context, &[("x", column)]);
        let batches = context.sql("SELECT collect_set(x) FROM t").await.unwrap().collect().await.unwrap();
        let expected = DataType::List(Arc::new(Field::new_list_field(element, true)));
        assert_eq!(batches[0].column(0).data_type(), &expected, "{data_type}");
    }
}

#[tokio::test]
async fn every_other_type() {
    let structs = StructArray::new(
        Fields::from(vec![Field::new("a", DataType::Utf8, true)]),
        vec![Arc::new(StringArray::from(vec!["y", "x", "y", "y", "y", "x", "y", "y"]))],
        None,
    );
    let columns: Vec<(ArrayRef, &str)> = vec![
        (
            Arc::new(Int64Array::from(vec![3, -1, 3, 3, i64::MIN, i64::MAX, 3, 3])),
            "[-9223372036854775808, -1, 3, 9223372036854775807]",
        ),
        (Arc::new(Int8Array::from(vec![3, -1, 3, 3, -128, 127, 3, 3])), "[-128, -1, 3, 127]"),
        (Arc::new(UInt64Array::from(vec![3, 0, 3, 3, u64::MAX, 3, 3, 3])), "[0, 3, 18446744073709551615]"),
        (
            Arc::new(Float64Array::from(vec![1.5, -2.5, 1.5, f64::NAN, -f64::NAN, f64::INFINITY, 1.5, 0.0])),
            "[-2.5, 0.0, 1.5, inf, NaN]",
        ),
        (
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), None, None, None, None, Some(true)])),
            "[false, true]",
        ),
        (Arc::new(Date32Array::from(vec![1, 0, -1, 1, 1, 1, 1, 1])), "[1969-12-31, 1970-01-01, 1970-01-02]"),
        (
            Arc::new(TimestampMillisecondArray::from(vec![1, 0, 1, 1, 1, 1, 1, 1]).with_timezone("UTC")),
            "[1970-01-01T00:00:00Z, 1970-01-01T00:00:00.001Z]",
        ),
        (
            Arc::new(
                Decimal128Array::from(vec![150, -1, 150, 150, 150, 150, 150, 150])
                    .with_precision_and_scale(5, 2)
                    .unwrap(),
            ),
            "[-0.01, 1.50]",
        ),
        (Arc::new(structs), "[{a: x}, {a: y}]"),
        (Arc::new(NullArray::new(8)), "-"),
    ];
    for (column, expected) in columns {
        let (context, _) = session();
        let data_type = column.data_type().clone();
        register(&context, &[("g", groups()), ("x", column)]);
        let got = rows(&context, "SELECT collect_set(x) FROM t").await;
        assert_eq!(got, [expected], "{data_type}");
        let count = if expected == "-" { 0 } else { expected.matches(", ").count() + 1 };
        assert_eq!(rows(&context, "SELECT count_distinct(x) FROM t").await, [count.to_string()], "{data_type}");
        // By group, and flattened again from the lists by group.
        let sql = "SELECT collect_set(s), count_distinct(s) FROM (SELECT collect_set(x) AS s FROM t GROUP BY g)";
        assert_eq!(rows(&context, sql).await, [format!("{expected}|{count}")], "{data_type}");
        let sql =
            "SELECT collect_set(s) FROM (SELECT array_agg(s) AS s FROM (SELECT array_agg(x) AS s FROM t GROUP BY g))";
        assert_eq!(rows(&context, sql).await, [expected], "{data_type} nested");
    }
}

#[tokio::test]
async fn lists_are_flattened() {
    let (context, _) = session();
    let values =
        "(VALUES (1, make_array('b', NULL, 'a')), (1, make_array('c')), (2, NULL), (1, make_array('a'))) AS t (g, x)";
    let sql = format!("SELECT g, collect_set(x), count_distinct(x) FROM {values} GROUP BY g ORDER BY g");
    assert_eq!(rows(&context, &sql).await, ["1|[a, b, c]|3", "2|-|0"]);
    let sql = format!("SELECT collect_set(x) FILTER (WHERE x[1] <> 'b') FROM {values}");
    assert_eq!(rows(&context, &sql).await, ["[a, c]"]);
    let sql = "SELECT collect_set(arrow_cast(x, 'FixedSizeList(2, Int64)')) FROM (VALUES (make_array(2, 1)), (make_array(3, 1))) AS t (x)";
    assert_eq!(rows(&context, sql).await, ["[1, 2, 3]"]);
}

#[tokio::test]
async fn as_window_functions() {
    let (context, _) = session();
    register(
        &context,
        &[
            ("n", Arc::new(Int64Array::from((0..8).collect::<Vec<_>>()))),
            (
                "x",
                text(&DataType::Utf8View, &[Some("b"), Some("a"), Some("b"), None, Some("c"), Some("c"), None, None]),
            ),
        ],
    );
    let sql = "SELECT collect_set(x) OVER (ORDER BY n), count_distinct(x) OVER (ORDER BY n) FROM t ORDER BY n";
    let grown =
        ["[b]|1", "[a, b]|2", "[a, b]|2", "[a, b]|2", "[a, b, c]|3", "[a, b, c]|3", "[a, b, c]|3", "[a, b, c]|3"];
    assert_eq!(rows(&context, sql).await, grown);
    let frame = "OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)";
    let sql = format!("SELECT collect_set(x) {frame}, count_distinct(x) {frame} FROM t ORDER BY n");
    let slid = ["[b]|1", "[a, b]|2", "[a, b]|2", "[b]|1", "[c]|1", "[c]|1", "[c]|1", "-|0"];
    assert_eq!(rows(&context, &sql).await, slid);
}

#[tokio::test]
async fn an_order_is_no_matter() {
    let (context, _) = session();
    register(
        &context,
        &[("g", groups()), ("x", text(&DataType::Utf8, &[Some("b"), Some("a"), None, None, None, None, None, None]))],
    );
    assert_eq!(rows(&context, "SELECT collect_set(x ORDER BY g DESC) FROM t").await, ["[a, b]"]);
    let plan = plan(&context, "SELECT g, collect_set(x) FROM t GROUP BY g").await;
    assert!(!plan.contains("SortExec"), "{plan}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn equals_array_agg_distinct(
        cells in proptest::collection::vec((0..6_i64, proptest::option::of("[ab]{0,2}")), 1..200),
        encoding in 0..7_usize,
        partitions in 1..4_usize,
        skip in any::<bool>(),
    ) {
        let values: Vec<Option<&str>> = cells.iter().map(|(_, value)| value.as_deref()).collect();
        let groups: Vec<i64> = cells.iter().map(|(group, _)| *group).collect();
        let (got, expected) = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (context, _) = session();
            // Small batches, several partitions, and partial aggregation given up early: states are merged.
            let options = format!("SET datafusion.execution.batch_size = 16; SET datafusion.execution.target_partitions = {partitions}; \
                SET datafusion.execution.skip_partial_aggregation_probe_rows_threshold = {}", if skip { 10 } else { 100_000 });
            for option in options.split("; ") {
                context.sql(option).await.unwrap().collect().await.unwrap();
            }
            let skip_ratio = "SET datafusion.execution.skip_partial_aggregation_probe_ratio_threshold = 0.0";
            context.sql(skip_ratio).await.unwrap().collect().await.unwrap();
            register(&context, &[("g", Arc::new(Int64Array::from(groups))), ("x", text(&text_types()[encoding], &values))]);
            let ours = "SELECT g, collect_set(x), count_distinct(x) FILTER (WHERE g > 1) FROM t GROUP BY g ORDER BY g";
            let theirs = "SELECT g, array_sort(array_agg(DISTINCT CAST(x AS VARCHAR)) FILTER (WHERE x IS NOT NULL)), \
                count(DISTINCT CAST(x AS VARCHAR)) FILTER (WHERE g > 1) FROM t GROUP BY g ORDER BY g";
            (rows(&context, ours).await, rows(&context, theirs).await)
        });
        prop_assert_eq!(got, expected);
    }
}
