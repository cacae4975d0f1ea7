//! `EVAL name = expression, ...`

use super::super::ast::CommandKind;
use super::cursor::{Parse, Parser};

pub(super) fn eval(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let columns = parser.separated("a column", |p| p.assign("a column: name = expression"))?;
    Ok(CommandKind::Eval(columns))
}
