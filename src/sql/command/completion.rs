//! COMPLETION: a column for the answer of a model. It plans; over rows it fails, and says which endpoint it lacks.

use crate::diagnostic::{Code, Span};
use crate::esql::ast::{Expr, ExprKind, Literal, Name, StringLiteral};

use crate::sql::build::{self, Stage};
use crate::sql::catalog::Type;
use crate::sql::expr::Typed;
use crate::sql::lowering::Lowering;
use crate::sql::near::nearest;

/// The column of an answer that is given no name.
const ANSWER: &str = "completion";
/// The option that names the endpoint.
const ENDPOINT: &str = "inference_id";
/// The options there are.
const OPTIONS: [&str; 2] = [ENDPOINT, "task_settings"];

impl Lowering<'_> {
    pub(super) fn lower_completion(
        &mut self,
        target: Option<&Name>,
        prompt: &Expr,
        options: &[(StringLiteral, Expr)],
        span: Span,
    ) {
        let name = target.map_or_else(|| ANSWER.to_owned(), |name| name.text.clone());
        let prompt_sql = self.single(prompt).and_then(|value| self.expect_text("COMPLETION", &value, prompt.span));
        let endpoint = self.endpoint(options, span);
        let null = || Typed::null().adapt(Type::Keyword).sql;
        let args = [prompt_sql.unwrap_or_else(null), endpoint.map_or_else(null, |text| build::text(&text))];
        let value = Typed::single(build::call("completion", args), Type::Keyword);

        let names = vec![name.clone()];
        let star = self.star_except(&names);
        let copies = self.release(&names);
        let items = std::iter::once(star).chain(copies).chain([build::item(value.sql.clone(), &name)]).collect();
        self.push("completion", Stage { items, ..Stage::default() });
        let column = self.new_column(&name, &value);
        self.scope.append(column);
    }

    fn endpoint(&mut self, options: &[(StringLiteral, Expr)], span: Span) -> Option<String> {
        let mut endpoint = None;
        for (option, value) in options {
            if !OPTIONS.contains(&option.value.as_str()) {
                let near = nearest(&option.value, OPTIONS).unwrap_or(ENDPOINT);
                let (message, help) = (
                    format!("unknown option `{}` of COMPLETION", option.value),
                    format!("the nearest option is {near}"),
                );
                self.fail::<()>(Code::Arguments, option.span, message, Some(&help));
            } else if option.value == ENDPOINT {
                endpoint = if let ExprKind::Literal(Literal::String(text)) = &value.kind {
                    Some(text.value.clone())
                } else {
                    let message = "the inference endpoint must be a text literal";
                    return self.fail(Code::Arguments, value.span, message, Some("write its name in quotes"));
                };
            }
        }
        if endpoint.is_some() {
            return endpoint;
        }
        let help = "name it: COMPLETION prompt WITH { \"inference_id\": \"endpoint\" }";
        self.fail(Code::Arguments, span, "COMPLETION without an inference endpoint", Some(help))
    }
}
