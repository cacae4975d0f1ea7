//! Tables that a test makes: files of instants, and a log as the protocol has it.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

/// A table in a folder that goes when this does.
pub(super) struct Made {
    folder: tempfile::TempDir,
    place: String,
    fields: Vec<Value>,
    partition: Vec<String>,
    versions: Cell<usize>,
    pub(super) protocol: Value,
    pub(super) configuration: Value,
}

impl Made {
    /// A table of these columns: names and types.
    pub(super) fn new(columns: &[(&str, &str)], partition: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("table");
        fs::create_dir_all(place.join("_delta_log")).unwrap();
        let field = |(name, kind): &(&str, &str)| json!({"name": name, "type": kind, "nullable": true, "metadata": {}});
        Self {
            place: place.to_str().unwrap().to_owned(),
            folder,
            fields: columns.iter().map(field).collect(),
            partition: partition.iter().map(|name| (*name).to_owned()).collect(),
            versions: Cell::new(0),
            protocol: json!({"minReaderVersion": 1, "minWriterVersion": 4}),
            configuration: json!({}),
        }
    }

    /// The table with a column that is generated.
    pub(super) fn generated(mut self, column: &str, expression: &str) -> Self {
        let field = self.fields.iter_mut().find(|field| field["name"] == column).unwrap();
        field["metadata"]["delta.generationExpression"] = expression.into();
        self
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// A path beside the table.
    pub(super) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// A rule that looks at all events by one field.
    pub(super) fn rule(&self, field: &str) -> String {
        let time = if field == "@timestamp" { String::new() } else { format!("timestamp_override = \"{field}\"\n") };
        self.write(
            "rule.toml",
            &format!(
                "[metadata]\ncreation_date = \"2026/10/01\"\nupdated_date = \"2026/10/01\"\nmaturity = \"production\"\n\
                 [rule]\nauthor = [\"a\"]\nlicense = \"l\"\nname = \"all\"\nrule_id = \"254d90fa-aea3-46a0-a272-f9a61b3fdaba\"\n\
                 language = \"esql\"\ntype = \"esql\"\nfrom = \"now-1h\"\ninterval = \"1h\"\nrisk_score = 1\n\
                 severity = \"low\"\ndescription = \"d\"\n{time}\
                 query = \"FROM * METADATA _id, _version, _index | KEEP @timestamp\"\n"
            ),
        );
        self.path("rule.toml")
    }

    /// A file with an event of each instant in every column that is none of the partition's, and what the log says of it.
    pub(super) fn rows(&self, name: &str, partition: &[(&str, &str)], times: &[&str]) -> Value {
        let path = Path::new(&self.place).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, &self.fields, &self.partition, times);
        let size = fs::metadata(path).unwrap().len();
        add(name, partition, size)
    }

    /// What the log says of a file that is not there.
    pub(super) fn missing(name: &str, partition: &[(&str, &str)]) -> Value {
        add(name, partition, 1000)
    }

    /// Adds a commit with these actions; the first one also with what the table is.
    pub(super) fn commit(&self, actions: Vec<Value>) {
        let version = self.versions.replace(self.versions.get() + 1);
        let mut all = Vec::new();
        if version == 0 {
            let schema = json!({"type": "struct", "fields": self.fields}).to_string();
            all.push(json!({"protocol": self.protocol}));
            all.push(json!({"metaData": {
                "id": "9b1f0c52-5a86-4ae4-b5b1-2f5d9e0a7c11", "format": {"provider": "parquet", "options": {}},
                "schemaString": schema, "partitionColumns": self.partition, "createdTime": 0,
                "configuration": self.configuration,
            }}));
        }
        all.extend(actions);
        let lines: Vec<String> = all.iter().map(Value::to_string).collect();
        fs::write(self.log(version), lines.join("\n") + "\n").unwrap();
    }

    /// The file of a commit.
    pub(super) fn log(&self, version: usize) -> std::path::PathBuf {
        Path::new(&self.place).join(format!("_delta_log/{version:020}.json"))
    }
}

fn add(name: &str, partition: &[(&str, &str)], size: u64) -> Value {
    let values: serde_json::Map<_, _> =
        partition.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    json!({"add": {"path": name, "partitionValues": values, "size": size, "modificationTime": 0, "dataChange": true}})
}

fn write(path: &Path, fields: &[Value], partition: &[String], times: &[&str]) {
    let micros = times.iter().map(|time| time.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros());
    let array: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"));
    let names = fields.iter().map(|field| field["name"].as_str().unwrap());
    let stored = names.filter(|name| !partition.iter().any(|other| other == name));
    let batch = RecordBatch::try_from_iter(stored.map(|name| (name, Arc::clone(&array)))).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A table of one Parquet file, which lies in it as `events.parquet`.
pub(crate) fn one_file(folder: &Path, parquet: &[u8]) {
    fs::create_dir_all(folder.join("_delta_log")).unwrap();
    fs::write(folder.join("events.parquet"), parquet).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::copy_from_slice(parquet)).unwrap();
    let schema = json!({"type": "struct", "fields": fields_of(reader.schema().fields())});
    let actions = [
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        json!({"metaData": {"id": "one-file", "format": {"provider": "parquet", "options": {}}, "schemaString": schema.to_string(),
            "partitionColumns": [], "configuration": {}, "createdTime": 0}}),
        add("events.parquet", &[], parquet.len() as u64),
    ];
    let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
    fs::write(folder.join("_delta_log/00000000000000000000.json"), lines.join("\n")).unwrap();
}

fn fields_of(fields: &Fields) -> Vec<Value> {
    let field = |field: &FieldRef| json!({"name": field.name(), "type": type_of(field.data_type()), "nullable": true, "metadata": {}});
    fields.iter().map(field).collect()
}

/// A type as a log of Delta names it.
fn type_of(data_type: &DataType) -> Value {
    match data_type {
        DataType::Boolean => json!("boolean"),
        DataType::Int32 => json!("integer"),
        DataType::Int64 => json!("long"),
        DataType::Float64 => json!("double"),
        DataType::Timestamp(..) => json!("timestamp"),
        DataType::List(element) => {
            json!({"type": "array", "elementType": type_of(element.data_type()), "containsNull": true})
        }
        DataType::Struct(fields) => json!({"type": "struct", "fields": fields_of(fields)}),
        text if text.is_string() => json!("string"),
        other => panic!("{other}: no type of these tests"),
    }
}
