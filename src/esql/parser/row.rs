//! `ROW name = value, ...`

use super::super::ast::CommandKind;
use super::cursor::{Parse, Parser};

pub(super) fn row(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let columns = parser.separated("a column", |p| p.assign("a column: name = value"))?;
    Ok(CommandKind::Row(columns))
}
