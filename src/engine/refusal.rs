//! What the engine says against a query, as a diagnostic that points into the rule.
//!
//! The engine names the function, the literal or the column that it dislikes but not its place: the first place at
//! which the query spells it is the best guess there is.

use strsim::normalized_damerau_levenshtein;

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::error::{Error, Kind};
use crate::rule::Rule;

/// How alike two names must be for one to be offered instead of the other.
const ALIKE: f64 = 0.6;

/// A failure of planning as a rule that does not check; a failure that has another cause than the query, as it is.
pub fn refused(rule: &Rule, error: Error) -> Error {
    if error.kind() != Kind::Engine {
        return error;
    }
    let diagnostic = diagnostic(&rule.query.text, &error.to_string());
    Error::rule(vec![rule.report(vec![diagnostic])])
}

fn diagnostic(query: &str, message: &str) -> Diagnostic {
    let message = super::failure::plain(message);
    if let Some(name) = message.strip_prefix("invalid function '").and_then(|rest| rest.split('\'').next()) {
        let place = find(query, name).unwrap_or(Span::new(0, query.len()));
        let unknown = Diagnostic::error(Code::UnknownFunction, place, format!("unknown function `{name}`"));
        let near = message.split_once("Did you mean '").and_then(|(_, rest)| rest.split('\'').next());
        return match near.filter(|near| normalized_damerau_levenshtein(near, name) >= ALIKE) {
            Some(near) => unknown.with_help(format!("the nearest function is `{near}`")),
            None => unknown,
        };
    }
    let code = match message.as_str() {
        text if text.contains(" is no address block") || text.contains(" is no pattern") => Code::BadLiteral,
        text if text.starts_with("cidr_match: found") || text.starts_with("glob_match: found") => Code::Arguments,
        _ => Code::Plan,
    };
    let place = quoted(&message).into_iter().find_map(|name| find(query, name));
    let place = place.or_else(|| message.split_once(": ").and_then(|(function, _)| find(query, function)));
    Diagnostic::error(code, place.unwrap_or(Span::new(0, query.len())), message)
}

/// The place of a name that stands alone in the query.
fn find(query: &str, name: &str) -> Option<Span> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let alone = |at: usize| {
        let before = query.get(..at).and_then(|text| text.chars().next_back());
        let behind = query.get(at + name.len()..).and_then(|text| text.chars().next());
        let grows =
            (before.is_some_and(part) && name.starts_with(part)) || (behind.is_some_and(part) && name.ends_with(part));
        !grows
    };
    let mut places = query.match_indices(name).map(|(at, _)| at).filter(|at| !name.is_empty() && alone(*at));
    places.next().map(|at| Span::new(at, at + name.len()))
}

/// What stands in quotes in a message, in its order.
fn quoted(message: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for quote in ['\'', '"', '`'] {
        found.extend(message.split(quote).skip(1).step_by(2));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_at_what_the_engine_names() {
        let query = "SELECT frobs(frob(a)) FROM events";
        let found = diagnostic(query, "Error during planning: Invalid function 'frob'.\nDid you mean 'row'?");
        assert_eq!((found.code, found.span.text(query)), (Code::UnknownFunction, "frob"));
        assert_eq!((found.span.start, found.help), (13, None));

        let query = "SELECT cidr_match(ip, '10.0.0.0/33') FROM events";
        let message = "Error during planning: cidr_match: '10.0.0.0/33' is no address block: found the prefix '33'";
        let found = diagnostic(query, message);
        assert_eq!((found.code, found.span.text(query)), (Code::BadLiteral, "10.0.0.0/33"));

        let found = diagnostic("SELECT 1", "Error during planning: UNION queries have different number of columns");
        assert_eq!((found.code, found.span), (Code::Plan, Span::new(0, 8)));
        assert_eq!(found.message, "UNION queries have different number of columns");
    }

    #[test]
    fn offers_a_name_that_is_alike() {
        let found =
            diagnostic("SELECT uper(a)", "Error during planning: Invalid function 'uper'.\nDid you mean 'upper'?");
        assert_eq!(found.help.as_deref(), Some("the nearest function is `upper`"));
    }
}
