//! `grok(text, pattern, ...)` and `dissect(text, pattern[, separator])`: fields taken out of a text, as a struct.
//!
//! Which fields, and of which types, is known when the query is planned: the patterns are literals, and what is wrong with
//! them is an error then. A text that does not match leaves all fields null. Of a list each value is taken apart, and
//! every field is the list of what was found; so is a field that a pattern captures more than once.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! egret_udfs::register_all(&context)?;
//! let sql = "SELECT grok('10.0.0.1 443', '%{IP:ip} %{NUMBER:port:int}') AS found, \
//!            dissect('alice@web-1', '%{user}@%{host}') AS parts";
//! let rows = context.sql(sql).await?.collect().await?;
//! let table = datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string();
//! assert!(table.contains("{ip: 10.0.0.1, port: 443}") && table.contains("{user: alice, host: web-1}"));
//! # Ok(())
//! # }
//! ```

mod captured;
pub(crate) mod dissect;
mod fields;
pub(crate) mod grok;

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use self::fields::Found;
use crate::compiled::Compiled;
use crate::documentation::documentation;
use crate::list::{Lists, element_type, list_argument, without_null_elements};
use crate::text::{Text, literal_text, plain_text, scalar_text, scalar_texts, text_argument};
use crate::warnings::Warnings;

/// A field that a pattern captures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: CaptureType,
    /// Whether one text may give several values of it.
    pub several: bool,
}

/// The type of a captured field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureType {
    /// Text, as it stands.
    Keyword,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// A number with fraction.
    Double,
    /// A number with fraction of half the precision, kept as a double.
    Float,
    /// Whether the text is `true`, in any case.
    Boolean,
}

/// Returns the functions of this module, reporting to `warnings`.
pub(crate) fn functions(warnings: &Warnings) -> Vec<ScalarUDF> {
    let extract = |kind| ScalarUDF::from(Extract::new(kind, warnings.clone()));
    vec![extract(Kind::Grok), extract(Kind::Dissect), ScalarUDF::from(captured::Captured::new())]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Grok,
    Dissect,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Grok => "grok",
            Self::Dissect => "dissect",
        }
    }
}

/// What takes a text apart.
#[derive(Debug)]
enum Extractor {
    Grok(grok::Grok),
    Dissect(dissect::Dissect),
}

impl Extractor {
    fn new(kind: Kind, literals: &[Option<&str>]) -> Result<Self> {
        let name = kind.name();
        let Some(literals) = literals.iter().copied().collect::<Option<Vec<&str>>>() else {
            return plan_err!("{name}: found null as a pattern, expected text");
        };
        match (kind, literals.as_slice()) {
            (Kind::Grok, patterns @ [_, ..]) => match grok::Grok::new(patterns) {
                Ok(grok) => Ok(Self::Grok(grok)),
                Err((pattern, mistake)) => plan_err!("{}", mistake.told(name, pattern)),
            },
            (Kind::Dissect, [pattern, rest @ ..]) if rest.len() <= 1 => {
                match dissect::Dissect::new(pattern, rest.first().copied().unwrap_or_default()) {
                    Ok(dissect) => Ok(Self::Dissect(dissect)),
                    Err(mistake) => plan_err!("{}", mistake.told(name, pattern)),
                }
            }
            _ => plan_err!("{name}: found {} patterns, expected {}", literals.len(), kind.expected()),
        }
    }

    fn captures(&self) -> &[Capture] {
        match self {
            Self::Grok(grok) => &grok.captures,
            Self::Dissect(dissect) => &dissect.captures,
        }
    }

    fn extract<'t>(&self, text: &'t str, found: &mut Found<'t>) {
        match self {
            Self::Grok(grok) => grok.extract(text, found),
            Self::Dissect(dissect) => dissect.extract(text, found),
        }
    }
}

impl Kind {
    fn expected(self) -> &'static str {
        match self {
            Self::Grok => "one or more",
            Self::Dissect => "one, and perhaps what joins appended values",
        }
    }
}

#[derive(Debug)]
struct Extract {
    kind: Kind,
    signature: Signature,
    warnings: Warnings,
    compiled: Compiled<Extractor>,
    documentation: OnceLock<Documentation>,
}

impl Extract {
    fn new(kind: Kind, warnings: Warnings) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { kind, signature, warnings, compiled: Compiled::default(), documentation: OnceLock::new() }
    }

    fn extractor(&self, literals: &[Option<&str>]) -> Result<Arc<Extractor>> {
        self.compiled.of(literals, || Extractor::new(self.kind, literals))
    }
}

impl ScalarUDFImpl for Extract {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        plan_err!("{}: the fields depend on the pattern", self.name())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let literals: Option<Vec<_>> =
            args.scalar_arguments.iter().skip(1).map(|arg| arg.and_then(scalar_text)).collect();
        let Some(literals) = literals else {
            return plan_err!("{}: found a pattern that is no literal, expected text in quotes", self.name());
        };
        let list = args.arg_fields.first().is_some_and(|field| element_type(field.data_type()).is_some());
        let fields = struct_fields(self.extractor(&literals)?.captures(), list);
        Ok(Arc::new(Field::new(self.name(), DataType::Struct(fields), true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let [value, patterns @ ..] = types else {
            return plan_err!("{name}: found no argument, expected text and a pattern");
        };
        if patterns.is_empty() {
            return plan_err!("{name}: found no pattern, expected {}", self.kind.expected());
        }
        let value = list_argument(value);
        let Some(text) = text_argument(element_type(&value).unwrap_or(&value)) else {
            return plan_err!("{name}: found {value}, expected text or a list of text");
        };
        let mut coerced = vec![if element_type(&value).is_some() { value } else { text }];
        for pattern in patterns {
            match text_argument(pattern) {
                Some(_) => coerced.push(DataType::Utf8),
                None => return plan_err!("{name}: found {pattern} as a pattern, expected text"),
            }
        }
        Ok(coerced)
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let literals: Option<Vec<Option<&str>>> = args.iter().skip(1).map(literal_text).collect();
        let Some(literals) = literals else { return Ok(ExprSimplifyResult::Original(args)) };
        let Some(compiled) = self.compiled.hold(&literals, || Extractor::new(self.kind, &literals))? else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let func = Arc::new(ScalarUDF::from(Self { compiled, ..Self::new(self.kind, self.warnings.clone()) }));
        Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(ScalarFunction { func, args })))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = self.name();
        let subject = args.arg_fields.first().map(|field| field.name().as_str()).unwrap_or_default();
        let [value, patterns @ ..] = args.args.as_slice() else {
            return exec_err!("{name}: found no argument, expected text and a pattern");
        };
        let Some(literals) = scalar_texts(patterns) else {
            return exec_err!("{name}: found a pattern that is no literal, expected text in quotes");
        };
        let extractor = self.extractor(&literals)?;
        let scalar = matches!(value, ColumnarValue::Scalar(_));
        let rows = if scalar { 1 } else { args.number_rows };
        let values = value.to_array(rows)?;
        let found = self.extract(&extractor, &values, subject)?;
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?));
        }
        Ok(ColumnarValue::Array(found))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.documentation.get_or_init(|| describe(self.kind)))
    }
}

impl Extract {
    fn extract(&self, extractor: &Extractor, values: &ArrayRef, subject: &str) -> Result<ArrayRef> {
        let list = element_type(values.data_type()).is_some();
        let lists = if list {
            Lists::try_new(&without_null_elements(values)?)?
        } else {
            let one = |row| values.is_valid(row).then_some(row..row + 1);
            Lists { values: Arc::clone(values), ranges: (0..values.len()).map(one).collect() }
        };
        let plain = plain_text(&lists.values)?;
        let texts = Text::try_new(&plain)?;
        let mut found = Found::new(extractor.captures().len());
        for range in lists.ranges {
            for text in range.into_iter().flatten().filter_map(|at| texts.at(at)) {
                extractor.extract(text, &mut found);
            }
            found.end_row();
        }
        let fields = struct_fields(extractor.captures(), list);
        let arrays = found.finish(extractor.captures(), &fields, self.kind.name(), &self.warnings, subject)?;
        Ok(Arc::new(StructArray::try_new_with_length(fields, arrays, None, values.len())?))
    }
}

fn struct_fields(captures: &[Capture], list: bool) -> Fields {
    captures
        .iter()
        .map(|capture| {
            let one = fields::data_type(capture.ty);
            let data_type = if list || capture.several { crate::list::list_of(one) } else { one };
            Field::new(&capture.name, data_type, true)
        })
        .collect()
}

/// Functions that do the same with the same literals and report to the same place.
impl PartialEq for Extract {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.warnings == other.warnings && self.compiled == other.compiled
    }
}

impl Eq for Extract {}

impl std::hash::Hash for Extract {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.compiled.hash(state);
    }
}

fn describe(kind: Kind) -> Documentation {
    match kind {
        Kind::Grok => documentation(
            "Returns a struct of the fields that the first matching pattern captures, as ES|QL's GROK does: %{NAME} is a \
             pattern of the library, %{NAME:field} and %{NAME:field:int} capture it, (?<field>..) captures anything. All \
             fields are null if no pattern matches. Of a list every value is searched.",
            "grok(text, pattern[, ..., pattern_n])",
            "SELECT grok('10.0.0.1 443', '%{IP:ip} %{NUMBER:port:int}');",
        )
        .with_argument("text", "Text or a list of text.")
        .with_argument("pattern", "A literal, in the dialect of Oniguruma.")
        .build(),
        Kind::Dissect => documentation(
            "Returns a struct of the keys that a pattern takes out of a text, as ES|QL's DISSECT does: %{key}, %{} and \
             %{?key} to skip, %{+key} and %{+key/2} to append, %{key->} to skip repeated delimiters. All keys are null if \
             the text does not match. Of a list every value is taken apart.",
            "dissect(text, pattern[, separator])",
            "SELECT dissect('alice@web-1', '%{user}@%{host}');",
        )
        .with_argument("text", "Text or a list of text.")
        .with_argument("pattern", "A literal.")
        .with_argument("separator", "A literal: what joins appended values; nothing by default.")
        .build(),
    }
}
