//! `COMPLETION name = prompt WITH { "inference_id": "model" }`

use super::super::ast::CommandKind;
use super::super::lexer::TokenKind;
use super::cursor::{Parse, Parser};

pub(super) fn completion(parser: &mut Parser<'_>) -> Parse<CommandKind> {
    let target = parser.target();
    let prompt = *parser.primary("a prompt behind COMPLETION")?.expr;
    let mut options = Vec::new();
    if parser.eat_word("with") {
        if !parser.is(TokenKind::LeftBrace) {
            return Err(Box::new(
                parser.unexpected("options in braces behind WITH, such as { \"inference_id\": \"model\" }"),
            ));
        }
        options = parser.options()?;
    }
    Ok(CommandKind::Completion { target, prompt, options })
}
