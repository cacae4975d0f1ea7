//! `glob_match(value, pattern, ...)`: ES|QL's LIKE against any of the patterns.
//!
//! Literal patterns are checked when the query is planned. Exact, prefix, suffix and substring patterns over a column
//! become comparisons, which prune row groups, under OR and NOT too; the rest of a call is one compiled matcher, run
//! once a dictionary value. Null in, null out, but for `*`, which ES|QL reads as `IS NOT NULL`: false for null.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let rows = context.sql("SELECT glob_match('/tmp/x', '/tmp/*', '/var/tmp/*') AS hidden").await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("true"));
//! # Ok(())
//! # }
//! ```

mod matcher;
mod pattern;
mod rewrite;

#[cfg(test)]
pub(crate) use self::matcher::tests::naive;

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

pub(crate) use self::matcher::Matcher;
use self::pattern::Pattern;
use crate::compiled::Compiled;
use crate::documentation::documentation;
use crate::judge::{Judged, as_columnar, judge_dictionary, judge_text};
use crate::list::{element_type, list_argument, single_values};
use crate::text::{Text, literal_text, plain_text, scalar_text, scalar_texts, text_argument};
use crate::warnings::Warnings;

const NAME: &str = "glob_match";

/// The function `glob_match`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct GlobMatch {
    signature: Signature,
    warnings: Warnings,
    compiled: Compiled<Literals>,
}

/// What literal patterns compile to.
#[derive(Debug)]
struct Literals {
    matcher: Matcher,
    /// One of the literals is null.
    null: bool,
}

impl GlobMatch {
    /// Returns the function, reporting to `warnings`.
    pub(crate) fn new(warnings: Warnings) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { signature, warnings, compiled: Compiled::default() }
    }

    /// Returns a call that holds its matcher if all its patterns are literals, else a plain call.
    fn call(&self, args: Vec<Expr>) -> Result<Expr> {
        let literals: Option<Vec<Option<&str>>> = args.iter().skip(1).map(literal_text).collect();
        let held = match literals {
            Some(literals) => self.compiled.hold(&literals, || compile(&literals))?,
            None => None,
        };
        let compiled = held.unwrap_or_else(|| self.compiled.clone());
        let function = Self { compiled, ..Self::new(self.warnings.clone()) };
        Ok(Expr::ScalarFunction(ScalarFunction { func: Arc::new(ScalarUDF::from(function)), args }))
    }
}

impl ScalarUDFImpl for GlobMatch {
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
        for scalar in args.scalar_arguments.iter().skip(1).flatten() {
            if let Some(Some(text)) = scalar_text(scalar) {
                parse(text).or_else(|message| plan_err!("{message}"))?;
            }
        }
        Ok(Arc::new(Field::new(NAME, DataType::Boolean, true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value, patterns @ ..] = types else {
            return plan_err!("{NAME}: found no argument, expected a value and one or more patterns");
        };
        if patterns.is_empty() {
            return plan_err!("{NAME}: found no pattern, expected one or more after the value, such as '/tmp/*'");
        }
        let element = element_type(value).unwrap_or(value);
        let Some(text) = text_argument(element) else {
            return plan_err!("{NAME}: found {value} as the value, expected text or a list of text; cast it to text");
        };
        let mut coerced = vec![if element_type(value).is_some() { list_argument(value) } else { text }];
        for pattern in patterns {
            match text_argument(pattern) {
                Some(text) => coerced.push(text),
                None => return plan_err!("{NAME}: found {pattern} as a pattern, expected text such as '/tmp/*'"),
            }
        }
        Ok(coerced)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let literals: Option<Vec<Option<&str>>> = args.iter().skip(1).map(literal_text).collect();
        let (Some(literals), Some(value), false) = (literals, args.first(), self.compiled.is_held()) else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let data_type = info.get_data_type(value)?;
        let is_text = text_argument(&data_type).is_some_and(|taken| taken == data_type);
        // The value is evaluated once a comparison: fine for a column, wasteful for anything that computes.
        if !is_text || (literals.len() > 1 && !is_cheap(value)) {
            return self.call(args).map(ExprSimplifyResult::Simplified);
        }
        let patterns = literals
            .iter()
            .flatten()
            .map(|text| parse(text).or_else(|message| plan_err!("{message}")))
            .collect::<Result<Vec<_>>>()?;
        let everything = patterns.contains(&Pattern::Everything);
        let searches = patterns.iter().filter(|pattern| !rewrite::prunes(pattern)).count();
        let (mut comparisons, mut rest, mut guards) = (Vec::new(), Vec::new(), Vec::new());
        for (text, pattern) in literals.iter().flatten().zip(&patterns) {
            // Null matches no other pattern, but `*` is false for it, and so must be the whole.
            if everything && *pattern != Pattern::Everything {
                continue;
            }
            // Several searches cost one pass each; the matcher does them in one.
            let search = rewrite::prunes(pattern) || searches == 1;
            match rewrite::comparison(value, &data_type, pattern).filter(|_| search) {
                Some(comparison) if !comparisons.contains(&comparison) => comparisons.push(comparison),
                Some(_) => {}
                None => {
                    rest.push(Expr::Literal(ScalarValue::Utf8View(Some((*text).to_owned())), None));
                    guards.push(rewrite::guard(value, &data_type, pattern));
                }
            }
        }
        if literals.contains(&None) {
            comparisons.push(Expr::Literal(ScalarValue::Boolean(None), None));
        }
        if !rest.is_empty() {
            rest.insert(0, value.clone());
            let call = self.call(rest)?;
            // A row group that holds none of the starts holds no match; one pattern without a start spoils that.
            let guards: Option<Vec<Expr>> = guards.into_iter().collect();
            let guard = guards.and_then(|guards| guards.into_iter().reduce(Expr::or));
            comparisons.push(match guard {
                Some(guard) => guard.and(call),
                None => call,
            });
        }
        let any = comparisons.into_iter().reduce(Expr::or);
        Ok(any.map_or(ExprSimplifyResult::Original(args), ExprSimplifyResult::Simplified))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let subject = args.arg_fields.first().map(|field| field.name().as_str()).unwrap_or_default();
        let [value, patterns @ ..] = args.args.as_slice() else {
            return exec_err!("{NAME}: found no argument, expected a value and patterns");
        };
        let scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let values = single_values(value.to_array(rows)?, Some(&self.warnings), NAME, subject)?;
        let verdicts = match scalar_texts(patterns) {
            Some(literals) => match_literals(self.compiled.of(&literals, || compile(&literals))?.as_ref(), &values)?,
            None => match_by_row(&values, patterns, rows)?,
        };
        Ok(as_columnar(verdicts, scalar))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns true if a value matches any of the patterns, as ES|QL's LIKE does: `*` is any sequence of \
                 characters, `?` any one character, `\\` escapes these two and itself. A pattern covers the whole value \
                 and is case-sensitive. Null if the value is null, except that `*` is false for null.",
                "glob_match(value, pattern[, ..., pattern_n])",
                "SELECT glob_match('/tmp/x', '/tmp/*', '/var/tmp/*');",
            )
            .with_argument("value", "Text; a list counts as its single value.")
            .with_argument("pattern", "Text. A literal that is no pattern is an error when the query is planned.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

/// Returns a comparison that holds for every text with one of these starts, and prunes; `None` where there is none, or
/// where the value is no text as it stands.
pub(crate) fn starts_with_any(value: &Expr, data_type: &DataType, starts: &[String]) -> Option<Expr> {
    let is_text = text_argument(data_type).is_some_and(|taken| taken == *data_type);
    if !is_text || !is_cheap(value) || starts.iter().any(String::is_empty) {
        return None;
    }
    let guards = starts.iter().map(|start| rewrite::comparison(value, data_type, &Pattern::Prefix(start.clone())));
    guards.collect::<Option<Vec<_>>>()?.into_iter().reduce(Expr::or)
}

/// Tests all rows against the same patterns.
fn match_literals(compiled: &Literals, values: &ArrayRef) -> Result<BooleanArray> {
    if compiled.matcher.everything {
        // What matches everything is false, not null, for null; a null pattern turns that into null.
        let known = is_not_null(&plain_text(values)?)?;
        let judged = Judged { verdicts: known, failures: 0, example: None };
        return Ok(if compiled.null { judged.false_becomes_null().verdicts } else { judged.verdicts });
    }
    let judged = judge_dictionary(values, |values| {
        let plain = plain_text(values)?;
        judge_text(&plain, |text| Some(compiled.matcher.is_match(text)))
    })?;
    Ok(if compiled.null { judged.false_becomes_null().verdicts } else { judged.verdicts })
}

/// Tests each row against its own patterns, where some of the patterns are columns.
fn match_by_row(values: &ArrayRef, patterns: &[ColumnarValue], rows: usize) -> Result<BooleanArray> {
    let values = plain_text(values)?;
    let values = Text::try_new(&values)?;
    let patterns = patterns.iter().map(|pattern| plain_text(&pattern.to_array(rows)?)).collect::<Result<Vec<_>>>()?;
    // Neighbouring rows often hold the same pattern, so each column remembers its last one.
    let mut columns = patterns
        .iter()
        .map(|pattern| Ok((Text::try_new(pattern)?, None)))
        .collect::<Result<Vec<(Text<'_>, Option<(&str, Matcher)>)>>>()?;
    let mut matched = Vec::with_capacity(rows);
    for row in 0..rows {
        let value = values.at(row);
        let (mut found, mut null, mut everything) = (false, false, false);
        for (column, memo) in &mut columns {
            let Some(text) = column.at(row) else {
                null = true;
                continue;
            };
            if memo.as_ref().is_none_or(|(known, _)| *known != text) {
                *memo = Some((text, Matcher::new(&[parse(text).or_else(|message| exec_err!("{message}"))?])?));
            }
            if let Some((_, matcher)) = memo {
                everything |= matcher.everything;
                found |= value.is_some_and(|value| matcher.is_match(value));
            }
        }
        let known = found || (!null && (value.is_some() || everything));
        matched.push(known.then_some(found));
    }
    Ok(matched.into())
}

/// True for what costs nothing to evaluate again: a column, or a field of one.
fn is_cheap(value: &Expr) -> bool {
    match value {
        Expr::Column(_) => true,
        Expr::Alias(alias) => is_cheap(&alias.expr),
        Expr::ScalarFunction(call) => {
            call.name() == "get_field" && call.args.iter().all(|arg| is_cheap(arg) || matches!(arg, Expr::Literal(..)))
        }
        _ => false,
    }
}

/// Returns the matcher of some patterns, or what is wrong with one of them.
pub(crate) fn matcher(patterns: &[&str]) -> std::result::Result<Matcher, String> {
    let wrong = |text: &str, reason: String| format!("'{text}' is no pattern: {reason}");
    let parse = |text: &&str| Pattern::parse(text).map_err(|reason| wrong(text, reason));
    let patterns = patterns.iter().map(parse).collect::<std::result::Result<Vec<_>, _>>()?;
    Matcher::new(&patterns).map_err(|error| error.strip_backtrace())
}

fn compile(literals: &[Option<&str>]) -> Result<Literals> {
    let patterns = literals.iter().flatten().map(|text| parse(text)).collect::<std::result::Result<Vec<_>, _>>();
    let patterns = patterns.or_else(|message| plan_err!("{message}"))?;
    Ok(Literals { matcher: Matcher::new(&patterns)?, null: literals.iter().any(Option::is_none) })
}

/// Returns the pattern, or the whole message of its error.
fn parse(text: &str) -> std::result::Result<Pattern, String> {
    Pattern::parse(text).map_err(|reason| format!("{NAME}: '{text}' is no pattern: {reason}"))
}
