//! Functions that search: any value of a field, and a field without value is not found.

use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;
use crate::sql::operator::string_literal;
use crate::sql::search::Manner;

use super::{Build, Call, Function};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "kql",
        signature: "kql(query) -> boolean",
        summary: "whether the fields of the event are as a query in Kibana's language says",
        example: "kql(\"host: (a or c) and not bytes >= 2\")",
        gives: "true",
        arity: (1, 1),
        build: Build::Search(kql),
    },
    Function {
        name: "match",
        signature: "match(field, text) -> boolean",
        summary: "whether a value of a field holds words of a text, or, of a keyword, is the text",
        example: "match(host, \"b\")",
        gives: "false",
        arity: (2, 2),
        build: Build::Search(|lowering, call| matching(lowering, call, Manner::Match)),
    },
    Function {
        name: "match_phrase",
        signature: "match_phrase(field, text) -> boolean",
        summary: "whether a value of a field holds the words of a text side by side",
        example: "match_phrase(host, \"a\")",
        gives: "true",
        arity: (2, 2),
        build: Build::Search(|lowering, call| matching(lowering, call, Manner::Phrase)),
    },
];

fn kql(lowering: &mut Lowering<'_>, call: &Call<'_>) -> Option<Typed> {
    let query = call.args.first()?;
    if let Some(literal) = string_literal(query) {
        lowering.kql(literal, call.options)
    } else {
        let help = "write the query in quotes";
        lowering.fail(
            crate::diagnostic::Code::Arguments,
            query.span,
            "the query of kql must be a text literal",
            Some(help),
        )
    }
}

fn matching(lowering: &mut Lowering<'_>, call: &Call<'_>, manner: Manner) -> Option<Typed> {
    let [field, query] = call.args else { return None };
    lowering.match_value(field, query, call.options, manner)
}
