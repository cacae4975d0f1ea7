//! `mv_cast(x, type)`: every value of a list as another type; what does not convert is dropped, with a warning.
//!
//! A value converts as ES|QL's `TO_*` functions convert it: a number with fraction rounds to the nearest whole one, text
//! that spells such a number does too, an instant counts in milliseconds, text is true only where it says so.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! let warnings = egret_udfs::register_all(&context)?;
//! let rows = context.sql("SELECT mv_cast(make_array('443', 'https', '79.5'), 'bigint') AS ports").await?.collect().await?;
//! let table = datafusion::arrow::util::pretty::pretty_format_batches(&rows)?.to_string();
//! assert!(table.contains("[443, 80]"));
//! assert_eq!(warnings.take()[0].example, "https");
//! # Ok(())
//! # }
//! ```

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, StringViewArray, StringViewBuilder,
    TimestampMillisecondArray, TimestampNanosecondArray,
};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::{cast, is_not_null};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions, array_value_to_string};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::one_value_back;
use super::unary::taken;
use crate::addresses::unpack;
use crate::documentation::documentation;
use crate::instant::parse_iso;
use crate::label;
use crate::list::{element_type, list_of, map_elements};
use crate::number::java_double;
use crate::text::{Text, is_text, plain_text, scalar_text, text_argument};
use crate::warnings::Warnings;

const NAME: &str = "mv_cast";

/// Returns the function `mv_cast`, reporting to `warnings`.
pub(crate) fn mv_cast(warnings: Warnings) -> ScalarUDF {
    ScalarUDF::from(MvCast { signature: Signature::user_defined(Volatility::Immutable), warnings })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MvCast {
    signature: Signature,
    warnings: Warnings,
}

impl ScalarUDFImpl for MvCast {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        plan_err!("{NAME}: the type depends on its second argument")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let Some(Some(name)) = args.scalar_arguments.get(1).copied().flatten().and_then(scalar_text) else {
            return plan_err!("{NAME}: found no literal as the type, expected {EXPECTED}");
        };
        let target = Target::named(name).or_else(|message| plan_err!("{NAME}: {message}"))?;
        let Some(value) = args.arg_fields.first().map(|field| field.data_type()) else {
            return plan_err!("{NAME}: found no argument, expected a list and a type");
        };
        let element = element_type(value);
        if !target.takes(element.unwrap_or(value)) {
            return plan_err!("{NAME}: found {value}, which does not convert to {name}");
        }
        let made = target.data_type();
        Ok(FieldRef::new(Field::new(NAME, if element.is_some() { list_of(made) } else { made }, true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value, target, label @ ..] = types else {
            return plan_err!("{NAME}: found {} arguments, expected a list and a type", types.len());
        };
        if let (Some(value), Some(target)) =
            (taken(value, |value| Some(text_argument(value).unwrap_or_else(|| value.clone()))), text_argument(target))
        {
            Ok([vec![value, target], label::argument(NAME, label)?].concat())
        } else {
            plan_err!("{NAME}: found {target} as the type, expected {EXPECTED}")
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let subject = label::subject(&args, 2);
        let [value, ColumnarValue::Scalar(target), ..] = args.args.as_slice() else {
            return exec_err!("{NAME}: found a column as the type, expected {EXPECTED}");
        };
        let name = scalar_text(target).flatten().unwrap_or_default();
        let target = Target::named(name).or_else(|message| exec_err!("{NAME}: {message}"))?;
        one_value_back(value, |array| {
            if element_type(array.data_type()).is_some() {
                map_elements(array, |values| self.reported(values, target, subject))
            } else {
                self.reported(array, target, subject)
            }
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns every value of a list as another type, dropping, with a warning, what does not convert; null if \
                 nothing is left. A value that is no list converts by itself, and is null, with a warning, if it does \
                 not.",
                "mv_cast(value, type[, label])",
                "SELECT mv_cast(make_array('443', 'https', '79.5'), 'bigint');",
            )
            .with_argument("value", "A list of booleans, numbers, text or instants, or one of these.")
            .with_argument("type", format!("A literal: {EXPECTED}."))
            .with_argument("label", label::MEANING)
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

impl MvCast {
    /// The values converted, after reporting those that did not convert.
    fn reported(&self, values: &ArrayRef, target: Target, subject: &str) -> Result<ArrayRef> {
        let values = unpack(values)?;
        let made = target.convert(&values)?;
        let failed = made.logical_null_count() - values.logical_null_count().min(made.logical_null_count());
        if failed > 0 {
            let row = (0..made.len()).find(|row| made.is_null(*row) && values.is_valid(*row)).unwrap_or(0);
            self.warnings.record(NAME, subject, target.failure(), failed as u64, || {
                array_value_to_string(&values, row).unwrap_or_default()
            });
        }
        Ok(made)
    }
}

/// What values become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Varchar,
    /// Text, that of an instant with nanoseconds.
    VarcharNanos,
    Bigint,
    Int,
    Unsigned,
    Double,
    Boolean,
    Timestamp,
    Nanos,
}

const EXPECTED: &str =
    "'varchar', 'varchar_ns', 'bigint', 'int', 'bigint unsigned', 'double', 'boolean', 'timestamp' or 'timestamp_ns'";

/// An instant as Elasticsearch writes it, and one with nanoseconds.
const INSTANT: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";
const NANOS: &str = "%Y-%m-%dT%H:%M:%S%.9fZ";

impl Target {
    fn named(name: &str) -> std::result::Result<Self, String> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "varchar" => Self::Varchar,
            "varchar_ns" => Self::VarcharNanos,
            "bigint" => Self::Bigint,
            "int" => Self::Int,
            "bigint unsigned" => Self::Unsigned,
            "double" => Self::Double,
            "boolean" => Self::Boolean,
            "timestamp" => Self::Timestamp,
            "timestamp_ns" => Self::Nanos,
            _ => return Err(format!("found '{name}' as the type, expected {EXPECTED}")),
        })
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Varchar | Self::VarcharNanos => DataType::Utf8View,
            Self::Bigint => DataType::Int64,
            Self::Int => DataType::Int32,
            Self::Unsigned => DataType::UInt64,
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Nanos => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        }
    }

    fn failure(self) -> &'static str {
        match self {
            Self::Varchar | Self::VarcharNanos => "not convertible to text, dropped",
            Self::Bigint => "not convertible to a long, dropped",
            Self::Int => "not convertible to an integer, dropped",
            Self::Unsigned => "not convertible to an unsigned long, dropped",
            Self::Double => "not convertible to a double, dropped",
            Self::Boolean => "not convertible to a boolean, dropped",
            Self::Timestamp | Self::Nanos => "not convertible to a date, dropped",
        }
    }

    fn is_instant(self) -> bool {
        matches!(self, Self::Timestamp | Self::Nanos)
    }

    fn is_whole_number(self) -> bool {
        matches!(self, Self::Bigint | Self::Int | Self::Unsigned)
    }

    /// Whether values of this type convert.
    fn takes(self, from: &DataType) -> bool {
        match from {
            DataType::Null => true,
            DataType::Dictionary(_, value) => self.takes(value),
            DataType::Boolean => !self.is_instant(),
            DataType::Timestamp(..) => self != Self::Boolean,
            number if number.is_integer() => true,
            number if number.is_floating() => !self.is_instant(),
            other => is_text(other),
        }
    }

    /// The values as this type; null where they do not convert.
    fn convert(self, values: &ArrayRef) -> Result<ArrayRef> {
        let from = values.data_type();
        if matches!(from, DataType::Timestamp(..)) {
            return match self {
                Self::Varchar => instants(values, INSTANT),
                Self::VarcharNanos => instants(values, NANOS),
                target if target.is_instant() => Ok(cast(values, &target.data_type())?),
                target => {
                    let millis = cast(values, &Self::Timestamp.data_type())?;
                    Ok(cast(&cast(&millis, &DataType::Int64)?, &target.data_type())?)
                }
            };
        }
        match self {
            Self::Varchar if from.is_floating() => {
                let numbers = cast(values, &DataType::Float64)?;
                let texts = numbers.as_primitive::<Float64Type>().iter().map(|number| number.map(java_double));
                Ok(Arc::new(texts.collect::<StringViewArray>()))
            }
            target if target.is_whole_number() && is_text(from) => {
                let fraction = self.rounded(&cast(values, &DataType::Float64)?)?;
                let whole = match self {
                    Self::Unsigned => cast(values, &DataType::UInt64)?,
                    _ => cast(&cast(values, &DataType::Int64)?, &self.data_type())?,
                };
                Ok(zip(&is_not_null(&whole)?, &whole, &fraction)?)
            }
            target if target.is_whole_number() && from.is_floating() => {
                self.rounded(&cast(values, &DataType::Float64)?)
            }
            Self::Boolean if is_text(from) => {
                let plain = plain_text(values)?;
                let texts = Text::try_new(&plain)?;
                let truths = (0..plain.len()).map(|row| texts.at(row).map(|text| text.eq_ignore_ascii_case("true")));
                Ok(Arc::new(truths.collect::<BooleanArray>()))
            }
            target if target.is_instant() && is_text(from) => {
                let plain = plain_text(values)?;
                let texts = Text::try_new(&plain)?;
                let instants = (0..plain.len()).map(|row| texts.at(row).and_then(parse_iso));
                Ok(if target == Self::Nanos {
                    let nanos = instants.map(|nanos| nanos.and_then(|nanos| i64::try_from(nanos).ok()));
                    Arc::new(nanos.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
                } else {
                    let millis = instants.map(|nanos| nanos.and_then(|n| i64::try_from(n.div_euclid(1_000_000)).ok()));
                    Arc::new(millis.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
                })
            }
            // Texts such as `NaN` and `inf` are no numbers of ES|QL, and no comparison could take them.
            Self::Double if is_text(from) => {
                let numbers = cast(values, &DataType::Float64)?;
                let finite = numbers.as_primitive::<Float64Type>().iter().map(|n| n.filter(|n| n.is_finite()));
                Ok(Arc::new(finite.collect::<Float64Array>()))
            }
            target if target.is_instant() && from.is_integer() => {
                Ok(cast(&cast(values, &DataType::Int64)?, &self.data_type())?)
            }
            _ => Ok(cast(values, &self.data_type())?),
        }
    }

    /// The nearest whole numbers, halves up.
    fn rounded(self, numbers: &ArrayRef) -> Result<ArrayRef> {
        let nearest: Float64Array = numbers.as_primitive::<Float64Type>().unary(|number| {
            // Not `(number + 0.5).floor()`: the sum is itself rounded, above 2^52 and just below one half.
            let below = number.floor();
            if number - below >= 0.5 { below + 1.0 } else { below }
        });
        Ok(cast(&nearest, &self.data_type())?)
    }
}

fn instants(values: &ArrayRef, format: &'static str) -> Result<ArrayRef> {
    let options = FormatOptions::new().with_timestamp_format(Some(format)).with_timestamp_tz_format(Some(format));
    let formatter = ArrayFormatter::try_new(values, &options)?;
    let mut texts = StringViewBuilder::with_capacity(values.len());
    for row in 0..values.len() {
        if values.is_valid(row) {
            texts.append_value(formatter.value(row).try_to_string()?);
        } else {
            texts.append_null();
        }
    }
    Ok(Arc::new(texts.finish()))
}
