//! `rlike_match(value, pattern, ...)`: ES|QL's RLIKE against any of the patterns, regular expressions of Lucene.
//!
//! The grammar is Lucene's own (see [`parse`]), not that of any crate. Patterns are checked when the query is planned.
//! Those that are literals with any text between them become `glob_match`, which prunes row groups and searches faster;
//! others become one expression of the `regex` crate, guarded by the literals they start with; those with `&` or `~` a
//! table of states. Null in, null out, but for a pattern that matches everything, which is false for null, as in ES|QL.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let rows = context.sql("SELECT rlike_match('nc -e', 'nc\\s+-e.*', 'socat .*') AS shell").await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("true"));
//! # Ok(())
//! # }
//! ```

mod automaton;
mod class;
mod expression;
mod globs;
mod interval;
mod matcher;
#[cfg(test)]
mod naive;
mod parse;

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::compute::is_not_null;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use self::matcher::Matcher;
use self::parse::Node;
use crate::compiled::Compiled;
use crate::documentation::documentation;
use crate::glob::{GlobMatch, starts_with_any};
use crate::judge::{as_columnar, judge_dictionary, judge_text};
use crate::list::{element_type, list_argument, single_values};
use crate::patterns::Mistake;
use crate::text::{literal_text, plain_text, scalar_text, scalar_texts, text_argument};
use crate::warnings::Warnings;

const NAME: &str = "rlike_match";

/// What is known of a pattern that is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlike {
    /// Whether it matches every text, which ES|QL takes for a test against null.
    pub everything: bool,
}

/// Returns what is known of a regular expression of Lucene.
///
/// # Errors
/// The first mistake of a text that is none.
///
/// ```
/// assert!(egret_udfs::patterns::rlike(".*").unwrap().everything);
/// assert_eq!(egret_udfs::patterns::rlike("[a-z").unwrap_err().at, 0..1);
/// ```
pub fn syntax(pattern: &str) -> std::result::Result<Rlike, Mistake> {
    let node = Node::parse(pattern)?;
    Ok(Rlike { everything: globs::is_everything(&node) })
}

/// The function `rlike_match`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RlikeMatch {
    signature: Signature,
    warnings: Warnings,
    compiled: Compiled<Matcher>,
}

impl RlikeMatch {
    /// Returns the function, reporting to `warnings`.
    pub(crate) fn new(warnings: Warnings) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { signature, warnings, compiled: Compiled::default() }
    }
}

impl ScalarUDFImpl for RlikeMatch {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let literals: Option<Vec<_>> =
            args.scalar_arguments.iter().skip(1).map(|arg| arg.and_then(scalar_text)).collect();
        let Some(literals) = literals else {
            return plan_err!("{NAME}: found a pattern that is no literal, expected text in quotes");
        };
        self.compiled.of(&literals, || compile(&literals))?;
        Ok(Arc::new(Field::new(NAME, DataType::Boolean, true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value, patterns @ ..] = types else {
            return plan_err!("{NAME}: found no argument, expected a value and one or more patterns");
        };
        if patterns.is_empty() {
            return plan_err!("{NAME}: found no pattern, expected one or more after the value, such as 'nc -e.*'");
        }
        let value = list_argument(value);
        let Some(first) = text_argument(element_type(&value).unwrap_or(&value)) else {
            return plan_err!("{NAME}: found {value} as the value, expected text");
        };
        let mut coerced = vec![if element_type(&value).is_some() { value } else { first }];
        for pattern in patterns {
            match text_argument(pattern) {
                Some(_) => coerced.push(DataType::Utf8),
                None => return plan_err!("{NAME}: found {pattern} as a pattern, expected text"),
            }
        }
        Ok(coerced)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let literals: Option<Vec<Option<&str>>> = args.iter().skip(1).map(literal_text).collect();
        let (Some(literals), Some(value)) = (literals, args.first()) else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let nodes = parse(&literals)?;
        if let Some(globs) = nodes.iter().map(|(_, node)| globs::globs(node)).collect::<Option<Vec<_>>>() {
            let globs = globs.concat().into_iter().map(|glob| Expr::Literal(ScalarValue::Utf8(Some(glob)), None));
            let args = std::iter::once(value.clone()).chain(globs).collect();
            let func = Arc::new(ScalarUDF::from(GlobMatch::new(self.warnings.clone())));
            return Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(ScalarFunction { func, args })));
        }
        let Some(compiled) = self.compiled.hold(&literals, || compile(&literals))? else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let starts: Vec<String> = nodes.iter().map(|(_, node)| globs::start(node)).collect();
        let guard = starts_with_any(value, &info.get_data_type(value)?, &starts);
        let function = Self { compiled, ..Self::new(self.warnings.clone()) };
        let call = Expr::ScalarFunction(ScalarFunction { func: Arc::new(ScalarUDF::from(function)), args });
        Ok(ExprSimplifyResult::Simplified(match guard {
            Some(guard) => guard.and(call),
            None => call,
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let subject = args.arg_fields.first().map(|field| field.name().as_str()).unwrap_or_default();
        let [value, patterns @ ..] = args.args.as_slice() else {
            return exec_err!("{NAME}: found no argument, expected a value and patterns");
        };
        let Some(literals) = scalar_texts(patterns) else {
            return exec_err!("{NAME}: found a pattern that is no literal, expected text in quotes");
        };
        let matcher = self.compiled.of(&literals, || compile(&literals))?;
        let scalar = matches!(value, ColumnarValue::Scalar(_));
        let rows = if scalar { 1 } else { args.number_rows };
        let values = single_values(value.to_array(rows)?, Some(&self.warnings), NAME, subject)?;
        Ok(as_columnar(matched(&matcher, &values)?, scalar))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns true if a value matches any of the patterns, as ES|QL's RLIKE does: regular expressions of \
                 Lucene, which cover the whole value and are case-sensitive. Null if the value is null, except that a \
                 pattern that matches everything is false for null.",
                "rlike_match(value, pattern[, ..., pattern_n])",
                "SELECT rlike_match('nc -e', 'nc\\s+-e.*', 'socat .*');",
            )
            .with_argument("value", "Text; a list counts as its single value.")
            .with_argument("pattern", "A literal. What is no regular expression of Lucene is an error when planned.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

fn matched(matcher: &Matcher, values: &ArrayRef) -> Result<BooleanArray> {
    if matcher.everything {
        return Ok(is_not_null(&plain_text(values)?)?);
    }
    let judged = judge_dictionary(values, |values| {
        let plain = plain_text(values)?;
        judge_text(&plain, |text| Some(matcher.is_match(text)))
    })?;
    Ok(judged.verdicts)
}

fn compile(literals: &[Option<&str>]) -> Result<Matcher> {
    Matcher::new(&parse(literals)?)
}

fn parse<'l>(literals: &[Option<&'l str>]) -> Result<Vec<(&'l str, Node)>> {
    let mut nodes = Vec::with_capacity(literals.len());
    for literal in literals {
        let Some(pattern) = *literal else {
            return plan_err!("{NAME}: found null as a pattern, expected text");
        };
        match Node::parse(pattern) {
            Ok(node) => nodes.push((pattern, node)),
            Err(mistake) => return plan_err!("{}", mistake.told(NAME, pattern)),
        }
    }
    Ok(nodes)
}
