//! Commands that Egret does not have: those of newer ES|QL, those of other languages, and misspelt ones.

use super::super::lexer::TokenKind;
use super::COMMANDS;
use super::cursor::Parser;
use crate::diagnostic::{Code, Diagnostic};

/// Commands of ES|QL that Egret does not have, and what they are for.
const FOREIGN: [(&str, &str); 30] = [
    ("CHANGE_POINT", "finds change points in a series"),
    ("DEDUP", "removes rows that repeat"),
    ("ENRICH", "adds columns by an enrich policy of a cluster"),
    ("EXPLAIN", "shows how a query runs"),
    ("EXTERNAL", "reads a data source outside of the cluster"),
    ("FORK", "runs several pipelines at once"),
    ("FUSE", "merges the results of FORK"),
    ("HIGHLIGHT", "marks the words that a search found"),
    ("INSIST", "reads fields that are not mapped"),
    ("IP_LOCATION", "looks up where an address is"),
    ("JOIN", "joins a lookup index"),
    ("LEFT", "joins a lookup index"),
    ("LOOKUP", "joins a lookup index"),
    ("META", "lists functions"),
    ("METRICS", "reads time series"),
    ("METRICS_INFO", "lists metrics"),
    ("MMR", "picks results that differ from each other"),
    ("PROMQL", "reads time series"),
    ("REGISTERED_DOMAIN", "takes domains apart"),
    ("RERANK", "orders rows by a model"),
    ("SAMPLE", "takes a random part of the rows"),
    ("SCORE", "computes scores of a search"),
    ("SET", "sets options of one query"),
    ("TS", "reads time series"),
    ("TS_COLLAPSE", "works on time series"),
    ("TS_INFO", "lists time series"),
    ("URI_PARTS", "takes URIs apart"),
    ("USER_AGENT", "takes user agents apart"),
    ("EVENTSTATS", "is INLINE STATS in Splunk"),
    ("UNION", "is FROM with several indices"),
];

/// What other languages call a command, and what ES|QL calls it.
const ALIASES: [(&str, &str); 20] = [
    ("SELECT", "KEEP"),
    ("PROJECT", "KEEP"),
    ("TABLE", "KEEP"),
    ("FIELDS", "KEEP"),
    ("REMOVE", "DROP"),
    ("FILTER", "WHERE"),
    ("SEARCH", "WHERE"),
    ("HAVING", "WHERE"),
    ("EXTEND", "EVAL"),
    ("LET", "EVAL"),
    ("SUMMARIZE", "STATS"),
    ("AGGREGATE", "STATS"),
    ("GROUP", "STATS"),
    ("ORDER", "SORT"),
    ("HEAD", "LIMIT"),
    ("TAKE", "LIMIT"),
    ("TOP", "LIMIT"),
    ("EXPAND", "MV_EXPAND"),
    ("PARSE", "GROK"),
    ("REX", "GROK"),
];

/// Whether the word is the keyword of a command.
pub(super) fn is_command(word: &str) -> bool {
    COMMANDS.iter().any(|row| word.eq_ignore_ascii_case(row.keyword))
}

/// What to do about the keyword of a command where another thing was expected.
pub(super) fn command_help(word: &str) -> Option<String> {
    is_command(word).then(|| {
        let word = word.to_uppercase();
        format!("if a new command begins here, write | {word}; a field of this name stands in backquotes")
    })
}

/// The candidate nearest to a word, if one is near enough to have been meant.
pub(super) fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_ascii_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The mistake of a command that cannot be read because its keyword leads nowhere.
pub(super) fn command(parser: &Parser<'_>, first: bool) -> Diagnostic {
    let token = parser.peek();
    let word = parser.text_of(token);
    let expected = if first { "FROM, ROW or SHOW at the start of the query" } else { "a command behind |" };
    if token.kind != TokenKind::Word {
        let diagnostic = parser.unexpected(expected);
        return match (token.kind, diagnostic.help.is_some()) {
            (TokenKind::Pipe, _) => diagnostic.with_help("remove one |, or write a command between the two"),
            (_, true) => diagnostic,
            _ => diagnostic.with_help(format!("commands are {}", keywords(first))),
        };
    }
    if let Some((name, purpose)) = FOREIGN.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)) {
        let name = match *name {
            "JOIN" | "LEFT" | "LOOKUP" => "LOOKUP JOIN",
            name => name,
        };
        let message = format!("{name}, which {purpose}, is not supported");
        let help = format!("supported commands are {}", keywords(first));
        return Diagnostic::error(Code::UnknownCommand, token.span, message).with_help(help);
    }
    let alias = ALIASES.iter().find(|(alias, _)| word.eq_ignore_ascii_case(alias)).map(|(_, meant)| *meant);
    let message = format!("unknown command {word}, expected {expected}");
    let diagnostic = Diagnostic::error(Code::UnknownCommand, token.span, message);
    if first && (word.eq_ignore_ascii_case("select") || word.eq_ignore_ascii_case("with")) {
        return diagnostic.with_help("this reads as SQL: a rule in SQL says language = \"sql\"");
    }
    let near = nearest(word, COMMANDS.iter().map(|row| row.keyword));
    match (alias, near) {
        (Some(meant), _) => diagnostic.with_help(format!("ES|QL has {meant} for that")),
        (_, Some(meant)) => diagnostic.with_help(format!("the nearest command is {meant}")),
        _ => diagnostic.with_help(format!("commands are {}", keywords(first))),
    }
}

/// The keywords that may stand at the start of a query or behind a `|`.
fn keywords(first: bool) -> String {
    let shown = COMMANDS.iter().filter(|row| row.source == first && row.keyword != "INLINESTATS");
    shown.map(|row| if row.keyword == "INLINE" { "INLINE STATS" } else { row.keyword }).collect::<Vec<_>>().join(", ")
}
