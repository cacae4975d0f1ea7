//! `MV_EXPAND name`

use super::super::ast::CommandKind;
use super::super::lexer::TokenKind;
use super::cursor::{Parse, Parser};
use crate::diagnostic::{Code, Diagnostic};

pub(super) fn mv_expand(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let name = parser.name("the name of a column behind MV_EXPAND")?;
    if parser.is(TokenKind::Comma) {
        let message = "MV_EXPAND takes one column";
        let help = "write one MV_EXPAND a column";
        return Err(Box::new(Diagnostic::error(Code::Syntax, parser.peek().span, message).with_help(help)));
    }
    Ok(CommandKind::MvExpand(name))
}
