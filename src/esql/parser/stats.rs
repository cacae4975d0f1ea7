//! `STATS name = aggregate WHERE condition, ... BY key, ...`, and the same behind INLINE.

use super::super::ast::{Aggregate, CommandKind, Stats};
use super::cursor::{Parse, Parser};
use crate::diagnostic::{Code, Diagnostic};

pub(super) fn stats(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    Ok(CommandKind::Stats(aggregates(parser, "STATS")?))
}

pub(super) fn inline_stats(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    parser.expect_word("STATS")?;
    inlinestats(parser)
}

pub(super) fn inlinestats(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let stats = aggregates(parser, "INLINE STATS")?;
    if stats.aggregates.is_empty() {
        let message = "INLINE STATS without an aggregate";
        let help = "name what is to be computed: INLINE STATS total = COUNT(*) BY key";
        return Err(Box::new(Diagnostic::error(Code::Syntax, parser.behind_last(), message).with_help(help)));
    }
    Ok(CommandKind::InlineStats(stats))
}

fn aggregates(parser: &mut Parser<'_>, command: &str) -> Parse<Stats> {
    let mut stats = Stats { aggregates: Vec::new(), by: Vec::new() };
    if !parser.is_word("by") {
        let expected = format!("an aggregate behind {command}, such as COUNT(*)");
        stats.aggregates = parser.separated("an aggregate", |p| {
            let assign = p.assign(&expected)?;
            let filter = if p.eat_word("where") { Some(p.expression("a condition behind WHERE")?) } else { None };
            Ok(Aggregate { assign, filter })
        })?;
    }
    if parser.eat_word("by") {
        stats.by = parser.separated("a key", |p| p.assign("a key behind BY"))?;
    }
    Ok(stats)
}
