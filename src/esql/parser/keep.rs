//! `KEEP name, pattern*, ...`

use super::super::ast::CommandKind;
use super::cursor::{Parse, Parser};

pub(super) fn keep(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    Ok(CommandKind::Keep(parser.separated("a name", |p| p.name_pattern("KEEP"))?))
}
