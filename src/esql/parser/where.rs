//! `WHERE condition`

use super::super::ast::CommandKind;
use super::cursor::{Parse, Parser};

pub(super) fn r#where(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    Ok(CommandKind::Where(parser.expression("a condition behind WHERE")?))
}
