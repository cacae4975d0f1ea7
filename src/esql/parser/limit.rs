//! `LIMIT 100`

use super::super::ast::{CommandKind, ExprKind, Literal};
use super::super::lexer::TokenKind;
use super::cursor::{Parse, Parser};
use crate::diagnostic::{Code, Diagnostic};

pub(super) fn limit(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let expected = "a number of rows behind LIMIT";
    let token = parser.peek();
    if !matches!(token.kind, TokenKind::Integer | TokenKind::Decimal | TokenKind::Minus | TokenKind::Plus) {
        return Err(Box::new(parser.unexpected(expected)));
    }
    let value = parser.constant(expected)?;
    let rows = match value.kind {
        ExprKind::Literal(Literal::Integer(rows)) => u64::try_from(rows).ok(),
        ExprKind::Literal(Literal::Unsigned(rows)) => Some(rows),
        _ => None,
    };
    let Some(rows) = rows else {
        let message = format!("expected {expected}, found {}", value.span.text(parser.text));
        let help = "write a whole number that is not negative";
        return Err(Box::new(Diagnostic::error(Code::BadLiteral, value.span, message).with_help(help)));
    };
    if parser.is_word("by") {
        let message = "LIMIT with BY is not supported";
        return Err(Box::new(Diagnostic::error(Code::Unsupported, parser.peek().span, message)));
    }
    Ok(CommandKind::Limit(rows))
}
