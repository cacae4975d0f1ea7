//! `egret functions`: what ES|QL's functions take, give and mean.

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::report;
use crate::error::Result;
use crate::sql::{FunctionDoc, functions};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  egret functions
  egret functions date_trunc
  egret functions --format json

Examples of aggregates read three events: bytes 1, 2, 6 of the hosts a, b, a.")]
pub(super) struct FunctionsArgs {
    /// The function; all of them where none is named
    #[arg(value_name = "NAME", ignore_case = true, hide_possible_values = true,
        value_parser = PossibleValuesParser::new(functions().map(|function| function.name)))]
    name: Option<String>,
    /// Lines for people or one JSON document
    #[arg(long, short = 'f', value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Prints the functions to stdout; the result is the exit code.
pub(super) fn print(args: &FunctionsArgs) -> Result<u8> {
    let wanted =
        |function: &FunctionDoc| args.name.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(function.name));
    let mut found: Vec<FunctionDoc> = functions().filter(wanted).collect();
    found.sort_by_key(|function| function.name);
    let text = match (args.format, args.name.is_some()) {
        (Format::Json, _) => format!("{:#}\n", json!({ "functions": found.iter().map(as_json).collect::<Vec<_>>() })),
        (Format::Table, true) => found.iter().map(in_full).collect(),
        (Format::Table, false) => found.iter().map(line).collect(),
    };
    report::print(&text)?;
    Ok(0)
}

fn line(function: &FunctionDoc) -> String {
    format!("{}\n    {}\n", function.signature, function.summary)
}

fn in_full(function: &FunctionDoc) -> String {
    format!("{}    {} = {}\n", line(function), function.example, function.gives)
}

fn as_json(function: &FunctionDoc) -> Value {
    json!({
        "name": function.name,
        "signature": function.signature,
        "meaning": function.summary,
        "aggregate": function.aggregate,
        "example": function.example,
        "gives": serde_json::from_str::<Value>(function.gives).unwrap_or_else(|_| function.gives.into()),
    })
}
