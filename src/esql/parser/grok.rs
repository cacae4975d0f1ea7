//! `GROK input "pattern", "pattern"`

use super::super::ast::CommandKind;
use super::cursor::{Parse, Parser};

pub(super) fn grok(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let input = *parser.primary("the text to search behind GROK")?.expr;
    let patterns = parser.separated("a pattern", |p| p.string("a pattern in quotes"))?;
    Ok(CommandKind::Grok { input, patterns })
}
