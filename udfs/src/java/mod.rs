//! `java_replace(text, pattern, replacement)`: ES|QL's REPLACE, every match of a regular expression of Java replaced.
//!
//! The grammar is that of Java's `Pattern` (see [`parse`]), the replacement that of its `Matcher`: `$1` and `${name}` are
//! groups. Literals are checked when the query is planned. An expression without look-around, reference or possessive
//! quantifier runs on the `regex` crate, in time proportional to the text; others on Oniguruma, which gives up, as null
//! with a warning, where Java would go back for ever. A pattern from a column that is wrong is null with a warning.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let sql = r"SELECT java_replace('Bearer abc', '(?i)(bearer +)\w++(?!!)', '$1***') AS clean";
//! let rows = context.sql(sql).await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("| Bearer *** |"));
//! # Ok(())
//! # }
//! ```

mod engine;
#[cfg(test)]
mod naive;
mod parse;
mod set;
mod template;
mod write;

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::{Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use self::engine::{Replacer, Wrong};
use crate::compiled::Compiled;
use crate::documentation::documentation;
use crate::list::{element_type, list_argument, single_values};
use crate::patterns::Mistake;
use crate::text::{Text, literal_text, plain_text, scalar_text, scalar_texts, text_argument};
use crate::warnings::Warnings;

const NAME: &str = "java_replace";

const GAVE_UP: &str = "the expression goes back too often, taken as null";
const WRONG: &str = "no regular expression or replacement of Java, taken as null";

/// Returns without a value if a text is a regular expression of Java.
///
/// # Errors
/// The first mistake of a text that is none.
///
/// ```
/// assert!(egret_udfs::patterns::java(r"(?i)\w++(?!x)").is_ok());
/// assert_eq!(egret_udfs::patterns::java("a(b").unwrap_err().at, 1..2);
/// ```
pub fn syntax(pattern: &str) -> std::result::Result<(), Mistake> {
    // The replacement is right for any pattern.
    match Replacer::new(pattern, "") {
        Ok(_) => Ok(()),
        Err(Wrong::Pattern(mistake) | Wrong::Replacement(mistake)) => Err(mistake),
    }
}

/// Returns without a value if a text is a replacement for the matches of a regular expression of Java.
///
/// # Errors
/// The first mistake of a replacement that is none; a pattern that is none counts as one without groups.
///
/// ```
/// assert!(egret_udfs::patterns::replacement("(a)", "$1").is_ok());
/// assert_eq!(egret_udfs::patterns::replacement("(a)", "-$2").unwrap_err().at, 1..3);
/// ```
pub fn replacement(pattern: &str, replacement: &str) -> std::result::Result<(), Mistake> {
    let parsed = parse::parse(pattern);
    let (groups, names) = parsed.map(|parsed| (parsed.groups, parsed.names)).unwrap_or_default();
    template::parse(replacement, groups, &names).map(|_| ())
}

/// The function `java_replace`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct JavaReplace {
    signature: Signature,
    warnings: Warnings,
    compiled: Compiled<Option<Replacer>>,
}

impl JavaReplace {
    /// Returns the function, reporting to `warnings`.
    pub(crate) fn new(warnings: Warnings) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { signature, warnings, compiled: Compiled::default() }
    }
}

impl ScalarUDFImpl for JavaReplace {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let literals: Option<Vec<_>> =
            args.scalar_arguments.iter().skip(1).map(|arg| arg.and_then(scalar_text)).collect();
        if let Some(literals) = literals {
            self.compiled.of(&literals, || compile(&literals))?;
        }
        Ok(Arc::new(Field::new(NAME, DataType::Utf8View, true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value, rest @ ..] = types else {
            return plan_err!("{NAME}: found no argument, expected text, a pattern and a replacement");
        };
        if rest.len() != 2 {
            return plan_err!("{NAME}: found {} arguments, expected text, a pattern and a replacement", types.len());
        }
        let value = list_argument(value);
        let Some(text) = text_argument(element_type(&value).unwrap_or(&value)) else {
            return plan_err!("{NAME}: found {value}, expected text");
        };
        let mut coerced = vec![if element_type(&value).is_some() { value } else { text }];
        for (found, what) in rest.iter().zip(["pattern", "replacement"]) {
            match text_argument(found) {
                Some(text) => coerced.push(text),
                None => return plan_err!("{NAME}: found {found} as the {what}, expected text"),
            }
        }
        Ok(coerced)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let literals: Option<Vec<Option<&str>>> = args.iter().skip(1).map(literal_text).collect();
        let Some(literals) = literals else { return Ok(ExprSimplifyResult::Original(args)) };
        if literals.contains(&None) {
            return Ok(ExprSimplifyResult::Simplified(Expr::Literal(ScalarValue::Utf8View(None), None)));
        }
        let Some(compiled) = self.compiled.hold(&literals, || compile(&literals))? else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let function = Self { compiled, ..Self::new(self.warnings.clone()) };
        let func = Arc::new(ScalarUDF::from(function));
        Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(ScalarFunction { func, args })))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let subject = args.arg_fields.first().map(|field| field.name().as_str()).unwrap_or_default();
        let [value, rest @ ..] = args.args.as_slice() else {
            return exec_err!("{NAME}: found no argument, expected text, a pattern and a replacement");
        };
        let scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let values = plain_text(&single_values(value.to_array(rows)?, Some(&self.warnings), NAME, subject)?)?;
        let replaced = if let Some(literals) = scalar_texts(rest) {
            match self.compiled.of(&literals, || compile(&literals))?.as_ref() {
                Some(replacer) => self.with_literals(replacer, &values, subject)?,
                None => datafusion::arrow::array::new_null_array(&DataType::Utf8View, rows),
            }
        } else {
            let texts = rest.iter().map(|text| plain_text(&text.to_array(rows)?)).collect::<Result<Vec<_>>>()?;
            let [patterns, replacements] = texts.as_slice() else {
                return exec_err!("{NAME}: found {} arguments, expected three", args.args.len());
            };
            self.by_row(&values, patterns, replacements, subject)?
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&replaced, 0)?));
        }
        Ok(ColumnarValue::Array(replaced))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns a text with every match of a regular expression of Java replaced; $1 and ${name} in the \
                 replacement are groups. Null if an argument is null, and, with a warning, if the expression goes back \
                 too often or, from a column, is wrong.",
                "java_replace(text, pattern, replacement)",
                "SELECT java_replace('user=alice', '(user=)\\w+', '$1***');",
            )
            .with_argument("text", "Text; a list counts as its single value.")
            .with_argument("pattern", "Text. A literal that is no regular expression of Java is an error when planned.")
            .with_argument("replacement", "Text. A literal that refers to a group that is not there is an error too.")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

impl JavaReplace {
    fn with_literals(&self, replacer: &Replacer, values: &ArrayRef, subject: &str) -> Result<ArrayRef> {
        let texts = Text::try_new(values)?;
        let mut replaced = StringViewBuilder::with_capacity(values.len());
        let (mut scratch, mut failed) = (String::new(), (0, 0));
        for row in 0..values.len() {
            let Some(text) = texts.at(row) else {
                replaced.append_null();
                continue;
            };
            scratch.clear();
            if replacer.replace(text, &mut scratch).is_ok() {
                replaced.append_value(&scratch);
            } else {
                failed = (failed.0 + 1, row);
                replaced.append_null();
            }
        }
        let example = || texts.at(failed.1).unwrap_or_default().to_owned();
        self.warnings.record(NAME, subject, GAVE_UP, failed.0, example);
        Ok(Arc::new(replaced.finish()))
    }

    /// Rows with patterns or replacements of their own; neighbours often have the same.
    fn by_row(
        &self,
        values: &ArrayRef,
        patterns: &ArrayRef,
        replacements: &ArrayRef,
        subject: &str,
    ) -> Result<ArrayRef> {
        let (texts, patterns, replacements) =
            (Text::try_new(values)?, Text::try_new(patterns)?, Text::try_new(replacements)?);
        let mut replaced = StringViewBuilder::with_capacity(values.len());
        let mut last: Option<(&str, &str, std::result::Result<Replacer, Wrong>)> = None;
        let mut scratch = String::new();
        for row in 0..values.len() {
            let (Some(text), Some(pattern), Some(replacement)) =
                (texts.at(row), patterns.at(row), replacements.at(row))
            else {
                replaced.append_null();
                continue;
            };
            if last.as_ref().is_none_or(|(p, r, _)| (*p, *r) != (pattern, replacement)) {
                last = Some((pattern, replacement, Replacer::new(pattern, replacement)));
            }
            scratch.clear();
            match last.as_ref().map(|(_, _, replacer)| replacer.as_ref().map(|r| r.replace(text, &mut scratch))) {
                Some(Ok(Ok(_))) => replaced.append_value(&scratch),
                Some(Ok(Err(_))) => {
                    self.warnings.record(NAME, subject, GAVE_UP, 1, || text.to_owned());
                    replaced.append_null();
                }
                _ => {
                    self.warnings.record(NAME, subject, WRONG, 1, || format!("{pattern} with {replacement}"));
                    replaced.append_null();
                }
            }
        }
        Ok(Arc::new(replaced.finish()))
    }
}

/// The replacer of two literals; none where one is null.
fn compile(literals: &[Option<&str>]) -> Result<Option<Replacer>> {
    let [Some(pattern), Some(replacement)] = literals else { return Ok(None) };
    match Replacer::new(pattern, replacement) {
        Ok(replacer) => Ok(Some(replacer)),
        Err(Wrong::Pattern(mistake)) => plan_err!("{}", mistake.told(NAME, pattern)),
        Err(Wrong::Replacement(mistake)) => plan_err!("{}", mistake.told(NAME, replacement)),
    }
}
