//! Documents of others as JSON and as nested Parquet: every rule of Elastic gives the same rows from both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder, StructArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{Field, Fields};
use datafusion::parquet::arrow::ArrowWriter;
use serde_json::Value;

use super::corpora::rule_files;
use super::program::{egret, shared};

/// The values of a document's leaves by dotted name, those of lists of objects side by side.
type Leaves = BTreeMap<String, Vec<Value>>;

fn leaves(prefix: &str, value: &Value, found: &mut Leaves) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                leaves(&name, value, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| leaves(prefix, element, found)),
        Value::Null => {}
        leaf => found.entry(prefix.to_owned()).or_default().push(leaf.clone()),
    }
}

/// An event of a file of documents or of an export.
fn event(line: &str) -> Leaves {
    let document: Value = serde_json::from_str(line).unwrap();
    let mut found = Leaves::new();
    leaves("", document.get("_source").unwrap_or(&document), &mut found);
    for name in ["_id", "_index", "_version"] {
        if let (Some(value), true) = (document.get(name), document.get("_source").is_some()) {
            found.insert(name.to_owned(), vec![value.clone()]);
        }
    }
    found
}

/// What a path leads to: a field, or members.
#[derive(Default)]
struct Node {
    field: Option<String>,
    members: BTreeMap<String, Node>,
}

/// The tree of all fields; one that is also an object elsewhere keeps its dotted name.
fn tree(events: &[Leaves]) -> Node {
    let names: BTreeSet<&String> = events.iter().flat_map(BTreeMap::keys).collect();
    let parents: BTreeSet<&str> =
        names.iter().flat_map(|name| name.match_indices('.').map(|(at, _)| &name[..at])).collect();
    let mut root = Node::default();
    for name in names {
        let whole = parents.contains(name.as_str()) || name.split('.').any(str::is_empty);
        let path: Vec<&str> = if whole { vec![name] } else { name.split('.').collect() };
        let node = path.into_iter().fold(&mut root, |node, part| node.members.entry(part.to_owned()).or_default());
        node.field = Some(name.clone());
    }
    root
}

fn column(node: &Node, events: &[Leaves]) -> ArrayRef {
    let Some(name) = &node.field else {
        let (fields, columns) = members(node, events);
        let present = (0..events.len()).map(|row| columns.iter().any(|column| column.is_valid(row)));
        let nulls: NullBuffer = present.collect();
        return Arc::new(StructArray::try_new(fields, columns, Some(nulls)).unwrap());
    };
    let values: Vec<Option<&Vec<Value>>> = events.iter().map(|event| event.get(name)).collect();
    let all = || values.iter().flatten().copied().flatten();
    let several = values.iter().flatten().any(|values| values.len() > 1);
    macro_rules! built {
        ($builder:expr, $of:expr) => {{
            if several {
                let mut lists = ListBuilder::new($builder);
                for values in &values {
                    for value in values.iter().copied().flatten() {
                        lists.values().append_option($of(value));
                    }
                    lists.append(values.is_some());
                }
                Arc::new(lists.finish())
            } else {
                let mut plain = $builder;
                for values in &values {
                    plain.append_option(values.and_then(|values| $of(&values[0])));
                }
                Arc::new(plain.finish())
            }
        }};
    }
    if all().all(Value::is_boolean) {
        return built!(BooleanBuilder::new(), Value::as_bool);
    }
    if all().all(Value::is_i64) {
        return built!(Int64Builder::new(), Value::as_i64);
    }
    if all().all(Value::is_number) {
        return built!(Float64Builder::new(), Value::as_f64);
    }
    let text = |value: &Value| Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    built!(StringBuilder::new(), text)
}

fn members(node: &Node, events: &[Leaves]) -> (Fields, Vec<ArrayRef>) {
    let of = |(name, node): (&String, &Node)| {
        let column = column(node, events);
        (Arc::new(Field::new(name, column.data_type().clone(), true)), column)
    };
    let (fields, columns): (Vec<_>, Vec<_>) = node.members.iter().map(of).unzip();
    (fields.into(), columns)
}

pub(super) fn write_nested(json: &Path, parquet: &Path) -> usize {
    let text = fs::read_to_string(json).unwrap();
    let events: Vec<Leaves> = text.lines().filter(|line| !line.trim().is_empty()).map(event).collect();
    let root = tree(&events);
    let (fields, columns) = members(&root, &events);
    let batch = RecordBatch::from(StructArray::try_new(fields, columns, None).unwrap());
    let mut writer = ArrowWriter::try_new(File::create(parquet).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    events.iter().flat_map(BTreeMap::keys).collect::<BTreeSet<_>>().len()
}

#[test]
fn rules_give_the_same_rows_from_json_and_nested_parquet() {
    let Some(corpora) = shared("rules_give_the_same_rows_from_json_and_nested_parquet") else { return };
    // COMPLETION wants an endpoint where there are rows.
    let asks = |file: &Path| fs::read_to_string(file).unwrap().contains("| COMPLETION ");
    let rules: Vec<String> =
        rule_files(&corpora).into_iter().filter(|file| !asks(file)).map(|file| file.display().to_string()).collect();
    assert!(rules.len() >= 90, "{} rules", rules.len());
    let folder = tempfile::tempdir().unwrap();
    let mut rows = 0;
    for (name, fields) in [("ecs-search-hits", 1_000), ("ecs-documents", 9_000)] {
        let json = corpora.join("events").join(name).with_extension("ndjson");
        let parquet = folder.path().join(name).with_extension("parquet");
        let wide = write_nested(&json, &parquet);
        assert!(wide > fields, "{name}: {wide} fields");
        let [of_json, of_parquet] = [&json, &parquet].map(|events| {
            let mut args = vec!["run".to_owned()];
            args.extend(rules.iter().cloned());
            args.extend(["--events".to_owned(), events.display().to_string()]);
            args.extend(["--all-time", "--format", "ndjson"].map(str::to_owned));
            let mut rows: Vec<String> = egret(&args).expect(0).stdout.lines().map(str::to_owned).collect();
            rows.sort();
            rows
        });
        assert_eq!(of_json, of_parquet, "{name}");
        rows += of_json.len();
    }
    assert!(rows > 0, "no rule alerts");
}
