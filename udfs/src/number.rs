//! Numbers with fraction: `finite(x)`, and how Java writes them.
//!
//! What has no finite result (a division by zero, the logarithm of a negative number) is null in ES|QL.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::documentation::documentation;
use crate::label::{self, subject};
use crate::mv::one_value_back;
use crate::warnings::Warnings;

const NAME: &str = "finite";
const NOT_FINITE: &str = "not a finite number, taken as null";

/// Returns the function `finite`, reporting to `warnings`.
pub(crate) fn finite(warnings: Warnings) -> ScalarUDF {
    ScalarUDF::from(Finite { signature: Signature::user_defined(Volatility::Immutable), warnings })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Finite {
    signature: Signature,
    warnings: Warnings,
}

impl ScalarUDFImpl for Finite {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value, label @ ..] = types else {
            return plan_err!("{NAME}: found no argument, expected a number");
        };
        if !value.is_numeric() && *value != DataType::Null {
            return plan_err!("{NAME}: found {value}, expected a number");
        }
        Ok([vec![DataType::Float64], label::argument(NAME, label)?].concat())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(value) = args.args.first() else {
            return exec_err!("{NAME}: found no argument, expected a number");
        };
        one_value_back(value, |array| Ok(self.of(array, || subject(&args, 1))))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            documentation(
                "Returns a number; null, with a warning, if it is infinite or no number.",
                "finite(number[, label])",
                "SELECT finite(1e308 * 10);",
            )
            .with_argument("number", "A number.")
            .with_argument("label", label::MEANING)
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

impl Finite {
    fn of<'a>(&self, array: &ArrayRef, subject: impl FnOnce() -> &'a str) -> ArrayRef {
        let numbers: &Float64Array = array.as_primitive::<Float64Type>();
        // The bits under nulls may be anything, so this is only the quick way out.
        if numbers.values().iter().all(|number| number.is_finite()) {
            return Arc::clone(array);
        }
        let failed = |number: &Option<f64>| number.is_some_and(|number| !number.is_finite());
        let count = numbers.iter().filter(failed).count();
        let example = numbers.iter().flatten().find(|number| !number.is_finite());
        self.warnings.record(NAME, subject(), NOT_FINITE, count as u64, || example.unwrap_or_default().to_string());
        let kept = numbers.iter().map(|number| number.filter(|number| number.is_finite()));
        Arc::new(kept.collect::<Float64Array>())
    }
}

/// Returns a number as Java's `Double.toString` writes it: always with a point, with an exponent where it is small or
/// large.
pub(crate) fn java_double(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_as_java_does() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.001, "0.001"),
            (0.000_1, "1.0E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (-12_345_678.9, "-1.23456789E7"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(java_double(number), text);
        }
    }
}
