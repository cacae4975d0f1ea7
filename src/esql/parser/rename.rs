//! `RENAME old AS new, new = old, ...`

use super::super::ast::{CommandKind, Rename};
use super::super::lexer::TokenKind;
use super::cursor::{Parse, Parser};

pub(super) fn rename(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let renames = parser.separated("a renaming", |p| {
        let first = p.name("a column to rename")?;
        if p.eat_word("as") {
            let to = p.name("the new name behind AS")?;
            return Ok(Rename { from: first, to });
        }
        if p.eat(TokenKind::Assign) {
            let from = p.name("the old name behind =")?;
            return Ok(Rename { from, to: first });
        }
        Err(Box::new(p.unexpected("AS and the new name")))
    })?;
    Ok(CommandKind::Rename(renames))
}
