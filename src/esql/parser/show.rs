//! `SHOW INFO`

use super::super::ast::CommandKind;
use super::cursor::{Parse, Parser};

pub(super) fn show(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    if !parser.is_word("info") {
        return Err(Box::new(parser.unexpected("INFO behind SHOW")));
    }
    Ok(CommandKind::Show(parser.ident("INFO behind SHOW")?))
}
