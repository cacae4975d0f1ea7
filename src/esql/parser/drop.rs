//! `DROP name, pattern*, ...`

use super::super::ast::CommandKind;
use super::cursor::{Parse, Parser};

pub(super) fn drop(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    Ok(CommandKind::Drop(parser.separated("a name", |p| p.name_pattern("DROP"))?))
}
