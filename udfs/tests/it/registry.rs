//! What `register_all` registers.

use std::collections::BTreeSet;

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
