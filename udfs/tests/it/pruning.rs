//! Patterns over a Parquet file: what the plan prunes by, and that the rows stay the same.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::{ObjectStoreExt, path::Path};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::{ParquetReadOptions, SessionContext};

use crate::encodings::{plan, rows, session, text, text_types};

const PATHS: [Option<&str>; 8] = [
    Some("/bin/a"),
    Some("/bin/b"),
    Some("/tmp/go_build1"),
    Some("/tmp/go_build2"),
    Some("/usr/100%"),
    Some("/usr/x"),
    Some("/var/\u{10ffff}"),
    None,
];

/// The encodings that the Parquet writer takes.
fn stored_types() -> Vec<DataType> {
    let stored = |data_type: &DataType| match data_type {
        DataType::Dictionary(_, value) => **value != DataType::Utf8View,
        DataType::RunEndEncoded(..) => false,
        _ => true,
    };
    text_types().into_iter().filter(stored).collect()
}

/// A session whose table `t` is a Parquet file with two rows a row group, `x` and `y` the paths in this encoding.
async fn parquet(data_type: &DataType) -> SessionContext {
    let (context, _) = session();
    let column = text(data_type, &PATHS);
    let fields = ["x", "y"].map(|name| Field::new(name, data_type.clone(), true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let batch = RecordBatch::try_new(schema.clone(), vec![column.clone(), column]).unwrap();
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let store = Arc::new(InMemory::new());
    store.put(&Path::from("t.parquet"), bytes.into()).await.unwrap();
    context.register_object_store(ObjectStoreUrl::parse("memory://").unwrap().as_ref(), store);
    context.register_parquet("t", "memory:///t.parquet", ParquetReadOptions::default()).await.unwrap();
    context
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

/// What the scan prunes by.
fn pruning(plan: &str) -> &str {
    plan.split_once("pruning_predicate=").map_or("", |(_, rest)| rest.split('\n').next().unwrap_or_default())
}

/// How many of the four row groups statistics left over.
async fn row_groups(context: &SessionContext, sql: &str) -> usize {
    let report = rows(context, &format!("EXPLAIN ANALYZE {sql}")).await.join("\n");
    let (_, rest) = report.split_once("row_groups_pruned_statistics=").unwrap_or_else(|| panic!("{report}"));
    // A file that is pruned as a whole has no row groups left to count.
    let matched = rest.split(" matched").next().and_then(|counts| counts.split("→ ").nth(1)).unwrap_or_default();
    matched.parse().unwrap()
}

#[tokio::test]
async fn both_arms_of_an_or_prune() {
    for data_type in stored_types() {
        let context = parquet(&data_type).await;
        let sql = "SELECT x FROM t WHERE glob_match(x, '/tmp/go_*') OR glob_match(y, '/bin/a')";
        assert_eq!(sorted(rows(&context, sql).await), ["/bin/a", "/tmp/go_build1", "/tmp/go_build2"], "{data_type}");
        let plan = plan(&context, sql).await;
        let predicate = pruning(&plan);
        assert!(predicate.contains("x_m") && predicate.contains("y_m"), "{data_type} {plan}");
        assert!(!plan.contains("glob_match(x@"), "{data_type} {plan}");
        assert_eq!(row_groups(&context, sql).await, 2, "{data_type}");
    }
}

#[tokio::test]
async fn every_kind_of_comparison_prunes() {
    for data_type in stored_types() {
        let context = parquet(&data_type).await;
        for (filter, left) in [
            ("glob_match(x, '/tmp/*')", 1),
            ("glob_match(x, '/tmp/go_*')", 1),
            ("glob_match(x, '/usr/100%*')", 1),
            ("glob_match(x, '/usr/100%')", 1),
            ("glob_match(x, '/bin/*', '/usr/100%*', '/usr/x')", 2),
            ("NOT glob_match(x, '/*')", 0),
            ("NOT glob_match(x, '/tmp/go_*', '/bin/*', '/usr/*')", 1),
            ("NOT (glob_match(x, '/tmp/*') OR glob_match(y, '/bin/*', '/usr/x', '/usr/100%*'))", 2),
            ("glob_match(x, '/tmp/*') AND glob_match(y, '/tmp/go_b?ild1', '*l??2')", 1),
            ("glob_match(x, '/var/\u{10ffff}*')", 1),
            ("NOT glob_match(x, '*')", 1),
            ("glob_match(x, '/tmp/*build1', '/usr/1??%')", 2),
            ("glob_match(x, '/tmp/*build1', '/bin/?', '/usr/1*')", 3),
            ("NOT glob_match(x, '/tmp/*build1')", 4),
        ] {
            let sql = format!("SELECT x FROM t WHERE {filter}");
            assert_eq!(row_groups(&context, &sql).await, left, "{data_type} {filter}");
            // The same filter over a computed column, which can be neither rewritten nor pruned.
            let hidden = filter.replace("(x,", "(concat(x, ''),").replace("(y,", "(concat(y, ''),");
            let naive = format!("SELECT x FROM t WHERE {hidden} AND x IS NOT NULL OR x IS NULL AND {filter}");
            assert_eq!(
                sorted(rows(&context, &sql).await),
                sorted(rows(&context, &naive).await),
                "{data_type} {filter}"
            );
        }
    }
}
