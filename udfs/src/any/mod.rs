//! `any_glob`, `any_cidr`, `text_match` and `fuzzy_match`: whether any of a field's values is what a search looks for.
//!
//! A search (KQL, MATCH, `:`) asks for any value of a field, where a comparison asks for the only one, and what is missing
//! is not found: these functions are true or false, never null. A value that is no list is one value.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let sql = "SELECT any_glob(make_array('start', 'end'), 's*') AND any_cidr('10.1.2.3', '10.0.0.0/8') \
//!            AND text_match('A [char] of 65', 'CHAR', 'or') AND fuzzy_match('scvhost.exe', 'svchost.exe', 1) AS found";
//! let rows = context.sql(sql).await?.collect().await?;
//! assert!(datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string().contains("true"));
//! # Ok(())
//! # }
//! ```

mod fuzzy;
mod test;
mod words;

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use self::test::{Kind, Test};
use crate::compiled::Compiled;
use crate::documentation::documentation;
use crate::judge::as_columnar;
use crate::list::{Lists, element_type, list_argument};
use crate::text::{Text, plain_text, text_argument};

/// Returns the functions of this module.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    [Kind::Glob, Kind::Cidr, Kind::Text, Kind::Fuzzy].map(|kind| ScalarUDF::from(Any::new(kind))).into()
}

#[derive(Debug)]
struct Any {
    kind: Kind,
    signature: Signature,
    compiled: Compiled<Test>,
    documentation: OnceLock<Documentation>,
}

impl Any {
    fn new(kind: Kind) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { kind, signature, compiled: Compiled::default(), documentation: OnceLock::new() }
    }

    fn test(&self, literals: &[String]) -> Result<Arc<Test>> {
        let literals: Vec<Option<&str>> = literals.iter().map(|text| Some(text.as_str())).collect();
        self.compiled.of(&literals, || self.compile(&literals))
    }

    fn compile(&self, literals: &[Option<&str>]) -> Result<Test> {
        let literals: Vec<&str> = literals.iter().copied().flatten().collect();
        Test::new(self.kind, &literals).or_else(|message| plan_err!("{}: {message}", self.name()))
    }

    fn literals<'s>(&self, scalars: impl Iterator<Item = Option<&'s ScalarValue>>) -> Result<Vec<String>> {
        let shown = |scalar: Option<&ScalarValue>| match scalar {
            Some(scalar) if !scalar.is_null() => Ok(scalar.to_string()),
            _ => plan_err!("{}: found an argument that is no literal, expected {}", self.name(), self.kind.expected()),
        };
        scalars.map(shown).collect()
    }
}

impl ScalarUDFImpl for Any {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.test(&self.literals(args.scalar_arguments.iter().skip(1).copied())?)?;
        Ok(Arc::new(Field::new(self.name(), DataType::Boolean, false)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let [value, rest @ ..] = types else {
            return plan_err!("{name}: found no argument, expected a value and {}", self.kind.expected());
        };
        let value = list_argument(value);
        let Some(text) = text_argument(element_type(&value).unwrap_or(&value)) else {
            return plan_err!("{name}: found {value}, expected text or a list of text");
        };
        let mut coerced = vec![if element_type(&value).is_some() { value } else { text }];
        for found in rest {
            match found {
                text if text_argument(text).is_some() => coerced.push(DataType::Utf8),
                number if number.is_integer() => coerced.push(DataType::Int64),
                other => return plan_err!("{name}: found {other}, expected {}", self.kind.expected()),
            }
        }
        Ok(coerced)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let scalars = args.iter().skip(1).map(|arg| match arg {
            Expr::Literal(scalar, _) => Some(scalar),
            _ => None,
        });
        let literals = self.literals(scalars)?;
        let literals: Vec<Option<&str>> = literals.iter().map(|text| Some(text.as_str())).collect();
        let Some(compiled) = self.compiled.hold(&literals, || self.compile(&literals))? else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let func = Arc::new(ScalarUDF::from(Self { compiled, ..Self::new(self.kind) }));
        Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(ScalarFunction { func, args })))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = self.name();
        let [value, rest @ ..] = args.args.as_slice() else {
            return exec_err!("{name}: found no argument, expected a value and {}", self.kind.expected());
        };
        let scalars = rest.iter().map(|arg| match arg {
            ColumnarValue::Scalar(scalar) => Some(scalar),
            ColumnarValue::Array(_) => None,
        });
        let test = self.test(&self.literals(scalars)?)?;
        let scalar = matches!(value, ColumnarValue::Scalar(_));
        let rows = if scalar { 1 } else { args.number_rows };
        Ok(as_columnar(found(&test, &value.to_array(rows)?)?, scalar))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.documentation.get_or_init(|| describe(self.kind)))
    }
}

/// Whether any value of each row passes the test.
fn found(test: &Test, values: &ArrayRef) -> Result<BooleanArray> {
    if element_type(values.data_type()).is_none() {
        let plain = plain_text(values)?;
        let texts = Text::try_new(&plain)?;
        return Ok((0..plain.len()).map(|row| Some(texts.at(row).is_some_and(|text| test.passes(text)))).collect());
    }
    let lists = Lists::try_new(values)?;
    let plain = plain_text(&lists.values)?;
    let texts = Text::try_new(&plain)?;
    let any =
        |range: std::ops::Range<usize>| range.into_iter().filter_map(|at| texts.at(at)).any(|text| test.passes(text));
    Ok(lists.ranges.into_iter().map(|range| Some(range.is_some_and(any))).collect())
}

/// Functions that look for the same in the same way.
impl PartialEq for Any {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.compiled == other.compiled
    }
}

impl Eq for Any {}

impl std::hash::Hash for Any {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.compiled.hash(state);
    }
}

fn describe(kind: Kind) -> Documentation {
    let value = "Text or a list of text.";
    match kind {
        Kind::Glob => documentation(
            "Returns true if any of the values matches any of the patterns of ES|QL's LIKE, else false, also for null.",
            "any_glob(value, pattern[, ..., pattern_n])",
            "SELECT any_glob(make_array('start', 'end'), 's*');",
        )
        .with_argument("value", value)
        .with_argument("pattern", "A literal: `*` is any text, `?` any character, `\\` escapes these and itself.")
        .build(),
        Kind::Cidr => documentation(
            "Returns true if any of the addresses lies in any of the blocks, else false, also for null.",
            "any_cidr(value, block[, ..., block_n])",
            "SELECT any_cidr(make_array('10.1.2.3', '::1'), '10.0.0.0/8');",
        )
        .with_argument("value", value)
        .with_argument("block", "A literal: an address, or one with the length of a prefix.")
        .build(),
        Kind::Text => documentation(
            "Returns true if any of the values, taken as words in any case, holds the words of a text, else false, also \
             for null.",
            "text_match(value, text, operator[, edits])",
            "SELECT text_match('A [char] of 65', 'CHAR', 'or');",
        )
        .with_argument("value", value)
        .with_argument("text", "A literal: the words that are looked for.")
        .with_argument("operator", "A literal: 'or', 'and', a number of words as text, 'phrase' or 'wildcard'.")
        .with_argument("edits", "A literal: in how many letters a word may differ, 0 by default, -1 by its length.")
        .build(),
        Kind::Fuzzy => documentation(
            "Returns true if any of the values is a text but for some letters, else false, also for null. A letter is \
             changed, added, left out, or swapped with the next.",
            "fuzzy_match(value, text, edits[, prefix])",
            "SELECT fuzzy_match('scvhost.exe', 'svchost.exe', 1);",
        )
        .with_argument("value", value)
        .with_argument("text", "A literal.")
        .with_argument("edits", "A literal: how many letters may differ, -1 for what its length allows.")
        .with_argument("prefix", "A literal: how many letters at the start must be the same, 0 by default.")
        .build(),
    }
}
