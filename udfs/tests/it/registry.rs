//! What `register_all` registers.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use datafusion::prelude::SessionContext;
use egret_udfs::{Warnings, aggregate_functions, scalar_functions};

fn names() -> Vec<String> {
    let warnings = Warnings::default();
    let mut names = Vec::new();
    for function in scalar_functions(&warnings) {
        names.push(function.name().to_owned());
        names.extend(function.aliases().iter().cloned());
    }
    for function in aggregate_functions() {
        names.push(function.name().to_owned());
        names.extend(function.aliases().iter().cloned());
    }
    names
}

#[test]
fn no_name_is_registered_twice_or_taken() {
    let names = names();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    let state = SessionContext::new().state();
    for name in names {
        assert!(!state.scalar_functions().contains_key(&name), "{name}");
        assert!(!state.aggregate_functions().contains_key(&name), "{name}");
    }
}

#[test]
fn every_function_is_documented_in_full() {
    let warnings = Warnings::default();
    let scalars = scalar_functions(&warnings);
    let aggregates = aggregate_functions();
    let scalars = scalars.iter().map(|function| (function.name(), function.documentation()));
    let aggregates = aggregates.iter().map(|function| (function.name(), function.documentation()));
    for (name, documentation) in scalars.chain(aggregates) {
        let documentation = documentation.unwrap();
        assert!(documentation.syntax_example.starts_with(&format!("{name}(")), "{name}");
        assert!(documentation.sql_example.as_ref().is_some_and(|example| example.contains(name)), "{name}");
        assert!(documentation.arguments.as_ref().is_some_and(|arguments| !arguments.is_empty()), "{name}");
    }
}

/// A plan that was decoded from bytes holds the registered functions, which nothing has compiled for its literals.
#[test]
fn registered_functions_compile_what_they_meet() {
    let warnings = Warnings::default();
    let functions = scalar_functions(&warnings);
    let texts: Arc<dyn Array> = Arc::new(StringArray::from(vec![Some("10.0.0.1"), Some("::1"), None]));
    let call = |name: &str, literals: &[Option<&str>]| {
        let function = functions.iter().find(|function| function.name() == name).unwrap();
        let mut args = vec![ColumnarValue::Array(texts.clone())];
        args.extend(literals.iter().map(|text| ColumnarValue::Scalar(ScalarValue::Utf8(text.map(str::to_owned)))));
        let field = |data_type| Arc::new(Field::new("x", data_type, true));
        let verdicts = function.invoke_with_args(ScalarFunctionArgs {
            arg_fields: args.iter().map(|arg| field(arg.data_type())).collect(),
            args,
            number_rows: 3,
            return_field: field(DataType::Boolean),
            config_options: Arc::default(),
        });
        let verdicts = verdicts.map(|verdicts| verdicts.into_array(3).unwrap().as_boolean().iter().collect::<Vec<_>>());
        verdicts.map_err(|error| error.strip_backtrace())
    };
    for _ in 0..2 {
        assert_eq!(call("cidr_match", &[Some("10.0.0.0/8")]), Ok(vec![Some(true), Some(false), None]));
        assert_eq!(call("cidr_match", &[Some("::1"), None]), Ok(vec![None, Some(true), None]));
        assert!(call("cidr_match", &[Some("x")]).unwrap_err().contains("no address block"));
        assert_eq!(call("glob_match", &[Some("10*"), Some("?0:1")]), Ok(vec![Some(true), Some(false), None]));
        assert_eq!(call("glob_match", &[Some("*")]), Ok(vec![Some(true), Some(true), Some(false)]));
        assert!(call("glob_match", &[Some("\\")]).unwrap_err().contains("no pattern"));
    }
}

/// The functions that tell of values they cannot take, beside those of checked arithmetic.
const REPORTING: [&str; 29] = [
    "cidr_match",
    "date_diff",
    "date_extract",
    "dissect",
    "finite",
    "format_date",
    "from_base64",
    "glob_match",
    "grok",
    "hash",
    "ip_prefix",
    "java_replace",
    "json_extract",
    "mv_cast",
    "mv_sum",
    "parse_date",
    "reverse_text",
    "rlike_match",
    "single_value",
    "split_text",
    "st_distance",
    "st_x",
    "st_y",
    "to_geopoint",
    "to_ip",
    "url_decode",
    "url_encode",
    "url_encode_component",
    "version_key",
];

/// The planner merges equal expressions and compares plans.
#[test]
fn functions_are_equal_if_they_do_and_report_the_same() {
    let (one, other) = (Warnings::default(), Warnings::default());
    for ((left, same), different) in
        scalar_functions(&one).into_iter().zip(scalar_functions(&one)).zip(scalar_functions(&other))
    {
        assert_eq!(left, same);
        let reports = REPORTING.contains(&left.name()) || left.name().starts_with("checked_");
        assert_eq!(left != different, reports, "{}", left.name());
    }
}

#[test]
fn the_crate_documents_every_function() {
    let source = include_str!("../../src/lib.rs");
    for name in names() {
        assert!(
            source.contains(&format!("//! | `{name}(")),
            "{name} is missing in the table of the crate's documentation"
        );
    }
}
