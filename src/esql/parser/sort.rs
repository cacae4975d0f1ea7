//! `SORT key ASC NULLS LAST, ...`

use super::super::ast::{CommandKind, SortKey};
use super::super::lexer::TokenKind;
use super::cursor::{Parse, Parser};
use super::unknown::is_command;

pub(super) fn sort(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let keys = parser.separated("a key", |p| {
        let value = p.expression("a key to sort by")?;
        let descending = p.eat_word("desc");
        if !descending {
            p.eat_word("asc");
        }
        let nulls_first = match p.eat_word("nulls") {
            false => None,
            true if p.eat_word("first") => Some(true),
            true if p.eat_word("last") => Some(false),
            true => return Err(Box::new(p.unexpected("FIRST or LAST behind NULLS"))),
        };
        if p.is(TokenKind::Word) && !is_command(p.text_of(p.peek())) {
            return Err(Box::new(p.unexpected("ASC, DESC, NULLS FIRST, NULLS LAST, `,` or | behind a key")));
        }
        Ok(SortKey { value, descending, nulls_first })
    })?;
    Ok(CommandKind::Sort(keys))
}
