//! `DISSECT input "pattern" APPEND_SEPARATOR=","`

use super::super::ast::CommandKind;
use super::super::lexer::TokenKind;
use super::cursor::{Parse, Parser};
use crate::diagnostic::{Code, Diagnostic};

pub(super) fn dissect(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let input = *parser.primary("the text to take apart behind DISSECT")?.expr;
    let pattern = parser.string("a pattern in quotes")?;
    let mut append_separator = None;
    if matches!(parser.kind(), TokenKind::Word | TokenKind::QuotedName) && parser.nth(1).kind == TokenKind::Assign {
        if !parser.is_word("append_separator") {
            let token = parser.peek();
            let message = format!("unknown option {} of DISSECT", parser.text_of(token));
            let help = "the only option is APPEND_SEPARATOR=\"text\"";
            return Err(Box::new(Diagnostic::error(Code::Syntax, token.span, message).with_help(help)));
        }
        parser.bump();
        parser.bump();
        append_separator = Some(parser.string("a separator in quotes")?);
    }
    Ok(CommandKind::Dissect { input, pattern, append_separator })
}
