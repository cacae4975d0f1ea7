//! `cidr_match` and `glob_match` over one batch of 8192 rows, in the encodings that scans produce.
#![expect(clippy::unwrap_used, missing_docs, reason = "a bench fails by panicking and has no readers of its API")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use egret_udfs::{Warnings, scalar_functions};

const ROWS: usize = 8192;

const BLOCKS: [&str; 27] = [
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.168.0.0/16",
    "192.88.99.0/24",
    "224.0.0.0/4",
    "100.64.0.0/10",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::1",
    "FE80::/10",
    "FF00::/8",
];

fn encodings(values: impl Iterator<Item = String>) -> Vec<(&'static str, ArrayRef)> {
    let text = StringArray::from_iter_values(values);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    vec![
        ("utf8_view", cast(&text, &DataType::Utf8View).unwrap()),
        ("dictionary", cast(&text, &dictionary).unwrap()),
        ("utf8", Arc::new(text)),
    ]
}

fn addresses() -> impl Iterator<Item = String> {
    (0..ROWS).map(|row| match row % 8 {
        0 => format!("10.{}.{}.{}", row % 256, row / 256, row % 7),
        1 => format!("2001:db8::{:x}", row % 5000),
        _ => format!("{}.{}.{}.{}", 20 + row % 200, row % 256, row / 64, row % 251),
    })
}

fn paths() -> impl Iterator<Item = String> {
    (0..ROWS).map(|row| match row % 16 {
        0 => format!("/tmp/.X11-unix/payload{}", row % 300),
        1 => format!("/home/user{}/.cache/go-build/{}", row % 40, row % 97),
        _ => format!("/usr/lib/x86_64-linux-gnu/service-{}/bin/daemon{}", row % 60, row % 200),
    })
}

fn bench(criterion: &mut Criterion, name: &str, columns: &[(&str, ArrayRef)], literals: &[&str], case: &str) {
    let functions = scalar_functions(&Warnings::default());
    let function: &ScalarUDF = functions.iter().find(|function| function.name() == name).unwrap();
    let config_options = Arc::new(ConfigOptions::default());
    let mut group = criterion.benchmark_group(format!("{name}/{case}"));
    group.throughput(Throughput::Elements(ROWS as u64));
    for (encoding, column) in columns {
        let mut args = vec![ColumnarValue::Array(column.clone())];
        args.extend(literals.iter().map(|text| ColumnarValue::Scalar(ScalarValue::from(*text))));
        let arg_fields = args.iter().map(|arg| Arc::new(Field::new("x", arg.data_type(), true))).collect::<Vec<_>>();
        let types: Vec<DataType> = args.iter().map(ColumnarValue::data_type).collect();
        let return_field = Arc::new(Field::new(name, function.return_type(&types).unwrap(), true));
        group.bench_function(BenchmarkId::from_parameter(encoding), |bencher| {
            bencher.iter(|| {
                let call = ScalarFunctionArgs {
                    args: args.clone(),
                    arg_fields: arg_fields.clone(),
                    number_rows: ROWS,
                    return_field: return_field.clone(),
                    config_options: config_options.clone(),
                };
                black_box(function.invoke_with_args(call).unwrap())
            });
        });
    }
}

fn all(criterion: &mut Criterion) {
    let (addresses, paths) = (encodings(addresses()), encodings(paths()));
    bench(criterion, "cidr_match", &addresses, &BLOCKS, "27 blocks");
    bench(criterion, "glob_match", &paths, &["/home/*/.cache/*"], "one search");
    bench(
        criterion,
        "glob_match",
        &paths,
        &["*payload*", "*go-build*", "*.X11*", "*/daemon7", "*shm*", "*memfd*"],
        "substrings",
    );
    bench(criterion, "glob_match", &paths, &["/tmp/.*/pay*??", "/home/*/.c?che/*", "*/daemon?"], "question marks");
    bench(criterion, "to_ip", &addresses, &[], "text");
}

criterion_group!(benches, all);
criterion_main!(benches);
