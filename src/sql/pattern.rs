//! LIKE and RLIKE, and what is wrong with a pattern, told at its place within the literal.

use datafusion::sql::sqlparser::ast::Expr as Sql;
use egret_udfs::patterns::{self, Mistake};

use crate::diagnostic::Code;
use crate::esql::ast::{Expr, ExprKind, LikeKind, Literal, StringLiteral};

use super::build;
use super::catalog::Type;
use super::expr::Typed;
use super::lowering::Lowering;

impl Lowering<'_> {
    /// `x LIKE "p"`, `x RLIKE ("p", "q")`: one call for all patterns.
    pub(crate) fn like(&mut self, kind: LikeKind, operand: &Expr, patterns: &[Expr], negated: bool) -> Option<Typed> {
        let (word, function) = match kind {
            LikeKind::Like => ("LIKE", "glob_match"),
            LikeKind::Rlike => ("RLIKE", "rlike_match"),
        };
        let mut texts = Vec::new();
        let mut everything = false;
        for pattern in patterns {
            let ExprKind::Literal(Literal::String(literal)) = &pattern.kind else {
                let message = format!("the pattern of {word} must be a text literal");
                return self.fail(Code::Arguments, pattern.span, message, Some("write the pattern in quotes"));
            };
            everything |= match kind {
                LikeKind::Like => {
                    self.glob(literal)?;
                    !literal.value.is_empty() && literal.value.bytes().all(|byte| byte == b'*')
                }
                LikeKind::Rlike => self.checked(literal, patterns::rlike(&literal.value))?.everything,
            };
            texts.push(build::text(&literal.value));
        }
        // Elasticsearch takes a pattern that matches everything for a test against null; only the whole field knows.
        if everything {
            let value = self.whole(operand)?;
            self.expect_text(word, &value, operand.span)?;
            return Some(Typed::single(build::is_null(value.sql, !negated), Type::Boolean));
        }
        let value = self.single(operand)?;
        let value: Sql = self.expect_text(word, &value, operand.span)?;
        let matched = build::call(function, std::iter::once(value).chain(texts));
        Some(Typed::single(if negated { build::not(matched) } else { matched }, Type::Boolean))
    }

    /// What a pattern's check gave, its mistake reported at its place within the literal.
    pub(crate) fn checked<T>(&mut self, literal: &StringLiteral, checked: Result<T, Mistake>) -> Option<T> {
        match checked {
            Ok(found) => Some(found),
            Err(mistake) => {
                let place = literal.place(self.text, mistake.at);
                self.fail(Code::BadLiteral, place, mistake.message, mistake.help)
            }
        }
    }
}
