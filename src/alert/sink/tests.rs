#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder,
    StructArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema, UInt64Type};
use datafusion::arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::*;

fn list(rows: &[Option<&[Option<&str>]>]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for row in rows {
        for value in row.unwrap_or_default() {
            builder.values().append_option(*value);
        }
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

fn batch(columns: Vec<(&str, ArrayRef, bool)>) -> RecordBatch {
    let field = |name: &str, array: &ArrayRef, source: bool| {
        let metadata = if source { HashMap::from([(VALUES.into(), SOURCE.into())]) } else { HashMap::new() };
        Field::new(name, array.data_type().clone(), true).with_metadata(metadata)
    };
    let fields: Vec<_> = columns.iter().map(|(name, array, source)| field(name, array, *source)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|c| c.1).collect()).unwrap()
}

fn alerts() -> RecordBatch {
    let hosts: [Option<&[Option<&str>]>; 3] = [Some(&[Some("a"), Some("b,\"")]), Some(&[Some("a")]), None];
    let fields = vec![
        Arc::new(Field::new("framework", DataType::Utf8, true)),
        Arc::new(Field::new("technique.id", hosts_type(), true)),
    ];
    let threat = StructArray::new(
        fields.into(),
        vec![Arc::new(StringArray::from(vec![Some("MITRE ATT&CK"), None, None])), list(&hosts)],
        None,
    );
    batch(vec![
        ("cc", Arc::new(Int64Array::from(vec![Some(17), Some(-1), None])), false),
        ("host.name", list(&hosts), false),
        ("event.type", list(&[Some(&[Some("start")]), Some(&[Some("start"), Some("end")]), Some(&[])]), true),
        ("@timestamp", Arc::new(TimestampMillisecondArray::from(vec![Some(1_790_856_000_120), Some(-1), None])), false),
        ("ratio", Arc::new(Float64Array::from(vec![0.5, f64::NAN, f64::INFINITY])), false),
        ("ok", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])), false),
        ("name", Arc::new(StringArray::from(vec![Some(""), Some("x\r\n\u{1b}[2Jy"), None])), false),
        ("threat", Arc::new(threat), false),
    ])
}

fn hosts_type() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))
}

fn bytes(format: Format, batches: &[RecordBatch], options: &Options) -> Vec<u8> {
    let mut sink = Sink::try_new(format, batches[0].schema(), Vec::new(), options).unwrap();
    for batch in batches {
        sink.write(batch).unwrap();
    }
    sink.finish().unwrap()
}

fn text_of(format: Format, batches: &[RecordBatch]) -> String {
    String::from_utf8(bytes(format, batches, &Options::default())).unwrap()
}

#[test]
fn ndjson_has_flat_keys_in_order_and_explicit_nulls() {
    let expected = concat!(
        r#"{"cc":17,"host.name":["a","b,\""],"event.type":"start","@timestamp":"2026-10-01T12:00:00.120Z","ratio":0.5,"#,
        r#""ok":true,"name":"","threat":{"framework":"MITRE ATT&CK","technique.id":["a","b,\""]}}"#,
        "\n",
        r#"{"cc":-1,"host.name":["a"],"event.type":["start","end"],"@timestamp":"1969-12-31T23:59:59.999Z","ratio":null,"#,
        r#""ok":null,"name":"x\r\n\u001b[2Jy","threat":{"framework":null,"technique.id":["a"]}}"#,
        "\n",
        r#"{"cc":null,"host.name":null,"event.type":null,"@timestamp":null,"ratio":null,"#,
        r#""ok":false,"name":null,"threat":{"framework":null,"technique.id":null}}"#,
        "\n",
    );
    assert_eq!(text_of(Format::Ndjson, &[alerts()]), expected);
}

#[test]
fn json_is_one_array_with_and_without_rows() {
    let empty = alerts().slice(0, 0);
    assert_eq!(text_of(Format::Json, std::slice::from_ref(&empty)), "[]\n");
    let whole = text_of(Format::Json, &[alerts(), empty, alerts()]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&whole).unwrap();
    let lines = text_of(Format::Ndjson, &[alerts()]);
    let expected: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows[..3], expected);
    assert_eq!(rows[3..], expected);
}

#[test]
fn csv_quotes_what_must_be_and_tells_null_from_empty() {
    let shown = text_of(Format::Csv, &[alerts().project(&[0, 1, 2, 3, 4, 6, 7]).unwrap()]);
    let expected = [
        "cc,host.name,event.type,@timestamp,ratio,name,threat",
        "17,\"[\"\"a\"\",\"\"b,\\\"\"\"\"]\",start,2026-10-01T12:00:00.120Z,0.5,\"\",\"{\"\"framework\"\":\"\"MITRE \
         ATT&CK\"\",\"\"technique.id\"\":[\"\"a\"\",\"\"b,\\\"\"\"\"]}\"",
        "-1,\"[\"\"a\"\"]\",\"[\"\"start\"\",\"\"end\"\"]\",1969-12-31T23:59:59.999Z,,\"x\r\n\u{1b}[2Jy\",\
         \"{\"\"framework\"\":null,\"\"technique.id\"\":[\"\"a\"\"]}\"",
        ",,,,,,\"{\"\"framework\"\":null,\"\"technique.id\"\":null}\"",
    ];
    assert_eq!(shown, expected.join("\r\n") + "\r\n");
    assert_eq!(text_of(Format::Csv, &[alerts().project(&[0]).unwrap().slice(0, 0)]), "cc\r\n");
}

#[test]
fn instants_keep_the_digits_that_say_something() {
    let shown = text_of(
        Format::Csv,
        &[batch(vec![
            ("s", Arc::new(TimestampSecondArray::from(vec![0, 1]).with_timezone("+02:00")), false),
            ("n", Arc::new(TimestampNanosecondArray::from(vec![1_000, 1])), false),
        ])],
    );
    assert_eq!(
        shown,
        "s,n\r\n1970-01-01T00:00:00.000Z,1970-01-01T00:00:00.000001Z\r\n\
         1970-01-01T00:00:01.000Z,1970-01-01T00:00:00.000000001Z\r\n"
    );
    let beyond = batch(vec![("s", Arc::new(TimestampSecondArray::from(vec![i64::MAX])), false)]);
    assert_eq!(text_of(Format::Ndjson, &[beyond]), "{\"s\":null}\n");
}

#[test]
fn dictionaries_and_long_numbers_come_as_values() {
    let names: DictionaryArray<Int32Type> = [Some("a"), None, Some("a")].into_iter().collect();
    let long = datafusion::arrow::array::PrimitiveArray::<UInt64Type>::from(vec![u64::MAX, 0, 1]);
    let batch = batch(vec![("d", Arc::new(names), false), ("u", Arc::new(long), false)]);
    assert_eq!(
        text_of(Format::Ndjson, &[batch]),
        "{\"d\":\"a\",\"u\":18446744073709551615}\n{\"d\":null,\"u\":0}\n{\"d\":\"a\",\"u\":1}\n"
    );
}

#[test]
fn tables_align_and_disarm() {
    let shown = text_of(Format::Table, &[alerts().project(&[0, 1, 2, 6]).unwrap()]);
    let expected = "\
cc   | host.name    | event.type      | name
-----+--------------+-----------------+----------------
  17 | [\"a\",\"b,\\\"\"] | start           |
  -1 | [\"a\"]        | [\"start\",\"end\"] | x\\r\\n\\u001b[2Jy
null | null         | null            | null
";
    assert_eq!(shown, expected);
    let nasty = batch(vec![(
        "x\u{1b}]0;",
        Arc::new(StringArray::from(vec!["\u{9b}31m\u{202e}gpj.exe\u{7}", "日本語\u{200b}"])) as ArrayRef,
        false,
    )]);
    let shown = text_of(Format::Table, std::slice::from_ref(&nasty));
    assert!(!shown.chars().any(|c| c != '\n' && text::is_hazardous(c)), "{shown:?}");
    let lines = text_of(Format::Ndjson, &[nasty]);
    assert!(!lines.chars().any(|c| c != '\n' && text::is_hazardous(c)), "{lines:?}");
    let row: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(row["x\u{1b}]0;"], "\u{9b}31m\u{202e}gpj.exe\u{7}");
}

#[test]
fn narrow_terminals_wrap_and_many_columns_become_blocks() {
    let options = Options { width: Some(40), ..Options::default() };
    let path = format!("/tmp/{}", "sub-folder/".repeat(6));
    let wide = batch(vec![
        ("cc", Arc::new(Int64Array::from(vec![17])), false),
        ("process.executable", Arc::new(StringArray::from(vec![path.as_str()])), false),
    ]);
    let shown = String::from_utf8(bytes(Format::Table, &[wide], &options)).unwrap();
    assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
    let parts: String = shown.lines().skip(2).map(|line| line.split('|').nth(1).unwrap().trim()).collect();
    assert_eq!(parts, path, "wrapping loses nothing");
    let shown = String::from_utf8(bytes(Format::Table, &[alerts()], &options)).unwrap();
    assert!(shown.starts_with("-- row 1 ---"), "{shown}");
    assert!(shown.contains("\nhost.name  | [\"a\",\"b,\\\"\"]\n"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 50), "{shown}");
}

#[test]
fn long_tables_stream_in_the_widths_of_their_first_rows() {
    let numbers = |n: i64| batch(vec![("n", Arc::new(Int64Array::from_iter_values(n..n + 900)) as ArrayRef, false)]);
    let shown = text_of(Format::Table, &[numbers(0), numbers(900), numbers(1_800)]);
    assert_eq!(shown.lines().count(), 2 + 2_700);
    assert_eq!(shown.lines().last(), Some("2699"));
}

#[test]
fn binary_formats_keep_types_and_metadata() {
    let rows = [alerts(), alerts()];
    let schema = rows[0].schema();
    let read = |batches: Vec<RecordBatch>| {
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 6);
        let first = batches[0].slice(0, 3);
        assert_eq!(first.schema().fields(), schema.fields());
        for (found, expected) in first.columns().iter().zip(rows[0].columns()) {
            // Not a number differs from itself.
            assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        }
    };
    let parquet = bytes(Format::Parquet, &rows, &Options::default());
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet)).unwrap().build().unwrap();
    read(reader.map(Result::unwrap).collect());
    let stream = bytes(Format::Arrow, &rows, &Options::default());
    read(StreamReader::try_new(stream.as_slice(), None).unwrap().map(Result::unwrap).collect());
    let file = bytes(Format::Arrow, &rows, &Options { file: true, ..Options::default() });
    read(FileReader::try_new(io::Cursor::new(file), None).unwrap().map(Result::unwrap).collect());
    for format in [Format::Parquet, Format::Arrow] {
        assert!(!bytes(format, &[rows[0].slice(0, 0)], &Options::default()).is_empty());
    }
}

#[test]
fn other_columns_are_refused_where_the_format_has_one_schema() {
    let other = batch(vec![("n", Arc::new(Int64Array::from(vec![1])), false)]);
    for format in Format::ALL {
        let mut sink = Sink::try_new(format, alerts().schema(), Vec::new(), &Options::default()).unwrap();
        let takes_other = !format.has_fixed_schema() && format != Format::Bulk;
        assert_eq!(sink.write(&other).is_ok(), takes_other, "{format}");
    }
    assert_eq!("NDJSON".parse::<Format>().unwrap(), Format::Ndjson);
    assert!("xml".parse::<Format>().unwrap_err().to_string().contains("table, ndjson"));
}

#[test]
fn a_prefix_stands_first_and_wins() {
    let rows = prefixed(&alerts().project(&[0]).unwrap(), "rule.id", "r1").unwrap();
    assert_eq!(text_of(Format::Ndjson, &[rows.slice(0, 1)]), "{\"rule.id\":\"r1\",\"cc\":17}\n");
    let again = prefixed(&rows, "rule.id", "r2").unwrap();
    assert_eq!(text_of(Format::Ndjson, &[again.slice(0, 1)]), "{\"rule.id\":\"r2\",\"cc\":17}\n");
    assert_eq!(again.schema(), prefixed_schema(&rows.schema(), "rule.id"));
}

#[test]
fn a_file_appears_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.csv");
    let entries = || std::fs::read_dir(folder.path()).unwrap().count();
    let mut output = Target::file(&path, false).unwrap().open(Format::Csv, alerts().schema(), None).unwrap();
    output.write(&alerts()).unwrap();
    assert!(!path.exists());
    drop(output);
    assert_eq!(entries(), 0);

    let write = |force| -> Result<Flow> {
        let mut output = Target::file(&path, force)?.open(Format::Csv, alerts().schema(), None)?;
        output.write(&alerts())?;
        assert_eq!(output.rows(), 3);
        output.finish()
    };
    assert_eq!(write(false).unwrap(), Flow::Open);
    let whole = std::fs::read_to_string(&path).unwrap();
    assert_eq!(whole, text_of(Format::Csv, &[alerts()]));
    let error = write(false).unwrap_err();
    assert_eq!(error.kind(), Kind::Output);
    assert!(error.to_string().ends_with("alerts.csv: already exists"), "{error}");
    assert!(error.help().unwrap().contains("--force"));
    std::fs::write(&path, "old").unwrap();
    write(true).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
    assert_eq!(entries(), 1);

    // A file that somebody else makes while we write is not replaced.
    std::fs::remove_file(&path).unwrap();
    let output = Target::file(&path, false).unwrap().open(Format::Csv, alerts().schema(), None).unwrap();
    std::fs::write(&path, "theirs").unwrap();
    assert!(output.finish().is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
    assert_eq!(entries(), 1);
}

#[test]
fn paths_that_cannot_be_written_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &std::path::Path| Target::file(path, true).map(drop).unwrap_err().to_string();
    assert!(message(folder.path()).contains("found a folder"));
    let missing = message(&folder.path().join("no/alerts.csv"));
    assert!(missing.contains("no/alerts.csv: the folder ") && missing.ends_with("no does not exist"), "{missing}");
}

#[cfg(target_os = "linux")]
#[test]
fn devices_are_streams_and_a_full_disk_is_named() {
    let write = |path: &str| -> Result<Flow> {
        let mut output = Target::file(path, false)?.open(Format::Ndjson, alerts().schema(), None)?;
        output.write(&alerts())?;
        output.finish()
    };
    assert_eq!(write("/dev/null").unwrap(), Flow::Open);
    let error = write("/dev/full").unwrap_err();
    assert_eq!(error.to_string(), "/dev/full: cannot be written: no space left on the disk");
    assert_eq!(error.kind(), Kind::Output);
}

#[cfg(unix)]
#[test]
fn a_new_file_has_the_mode_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
    Staged::create(&ours, false).unwrap().commit().unwrap();
    std::fs::write(&plain, "").unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}

/// A reader that goes after some bytes.
struct Head(Arc<Mutex<usize>>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut left = self.0.lock().unwrap();
        if *left == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(*left);
        *left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_goes_ends_the_output_quietly() {
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Bulk) {
        for bytes in [0, 10, 100] {
            let head = Box::new(Head(Arc::new(Mutex::new(bytes))));
            let mut output = Target::stream("stdout", head).open(format, alerts().schema(), None).unwrap();
            let _ = output.write(&alerts()).unwrap();
            let _ = output.write(&alerts()).unwrap();
            assert_eq!(output.finish().unwrap(), Flow::Closed, "{format} after {bytes} bytes");
        }
    }
}

#[test]
fn rows_of_a_stream_are_there_at_once() {
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let target = Target::stream("stdout", Box::new(Shared(Arc::clone(&seen))));
    let mut output = target.open(Format::Ndjson, alerts().schema(), None).unwrap();
    output.write(&alerts()).unwrap();
    assert_eq!(seen.lock().unwrap().split(|&byte| byte == b'\n').count() - 1, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn json_gives_back_every_text(values in proptest::collection::vec(proptest::option::of(any::<String>()), 1..8)) {
        let batch = batch(vec![("v", Arc::new(StringArray::from(values.clone())) as ArrayRef, false)]);
        let shown = text_of(Format::Json, &[batch]);
        let rows: Vec<HashMap<String, Option<String>>> = serde_json::from_str(&shown).unwrap();
        prop_assert_eq!(rows.into_iter().map(|mut row| row.remove("v").unwrap()).collect::<Vec<_>>(), values);
    }

    #[test]
    fn csv_gives_back_every_text(values in proptest::collection::vec(proptest::option::of(any::<String>()), 1..8)) {
        let other = StringArray::from(vec!["x"; values.len()]);
        let rows = batch(vec![
            ("v", Arc::new(StringArray::from(values.clone())) as ArrayRef, false),
            ("w", Arc::new(other) as ArrayRef, false),
        ]);
        let shown = text_of(Format::Csv, std::slice::from_ref(&rows));
        // Read back by another implementation.
        let reader = datafusion::arrow::csv::ReaderBuilder::new(rows.schema()).with_header(true);
        let read = reader.build_buffered(shown.as_bytes()).unwrap().map(Result::unwrap);
        let texts: Vec<String> = read
            .flat_map(|batch| {
                let column = batch.column(0).as_any().downcast_ref::<StringArray>().unwrap().clone();
                (0..column.len()).map(|row| if column.is_null(row) { String::new() } else { column.value(row).into() })
                    .collect::<Vec<String>>()
            })
            .collect();
        prop_assert_eq!(texts, values.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>());
    }

    #[test]
    fn tables_never_pass_what_a_terminal_obeys(value in any::<String>(), width in proptest::option::of(1usize..60)) {
        let batch = batch(vec![("v", Arc::new(StringArray::from(vec![value])) as ArrayRef, false)]);
        let shown = bytes(Format::Table, &[batch], &Options { width, ..Options::default() });
        let shown = String::from_utf8(shown).unwrap();
        prop_assert!(!shown.chars().any(|c| c != '\n' && text::is_hazardous(c)));
    }
}

#[test]
fn bulk_bodies_are_pairs_of_lines() {
    let text = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("kibana.alert.uuid", text(vec![Some("u1"), Some("u2")]), false),
        ("_id", text(vec![Some("e1"), Some("e2")]), true),
        ("host.name", text(vec![Some("a\"b"), None]), true),
    ])
    .unwrap();
    let options = Options { index: "alerts-x".to_owned(), ..Options::default() };
    let mut sink = Sink::try_new(Format::Bulk, batch.schema(), Vec::new(), &options).unwrap();
    sink.write(&batch).unwrap();
    // Alerts of another rule have other columns.
    let other = batch.project(&[0]).unwrap().slice(1, 1);
    sink.write(&other).unwrap();
    let written = String::from_utf8(sink.finish().unwrap()).unwrap();
    let expected = [
        r#"{"create":{"_index":"alerts-x","_id":"u1"}}"#,
        r#"{"kibana.alert.uuid":"u1","host.name":"a\"b"}"#,
        r#"{"create":{"_index":"alerts-x","_id":"u2"}}"#,
        r#"{"kibana.alert.uuid":"u2"}"#,
        r#"{"create":{"_index":"alerts-x","_id":"u2"}}"#,
        r#"{"kibana.alert.uuid":"u2"}"#,
    ];
    assert_eq!(written.lines().collect::<Vec<_>>(), expected);
    let rows = batch.project(&[1]).unwrap();
    let mut sink = Sink::try_new(Format::Bulk, rows.schema(), Vec::new(), &options).unwrap();
    assert!(sink.write(&rows).unwrap_err().to_string().contains("expected alerts"));
}
