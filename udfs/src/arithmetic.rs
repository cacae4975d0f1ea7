//! `checked_add` and its kin: arithmetic of whole numbers as ES|QL means it, null where the result does not exist.
//!
//! SQL's operators wrap around or fail the query when a result does not fit; here it is null, with a warning. The last
//! argument says which numbers there are: `'bigint'` (64 bits, the default), `'int'` (32 bits) or `'bigint unsigned'`.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! let warnings = egret_udfs::register_all(&context)?;
//! context.sql("SELECT checked_mul(2147483647, 2, 'int')").await?.collect().await?;
//! assert_eq!(warnings.take()[0].example, "2147483647, 2");
//! # Ok(())
//! # }
//! ```

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Int64Array, PrimitiveArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int32Type, Int64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::documentation::documentation;
use crate::label;
use crate::text::{scalar_text, text_argument};
use crate::warnings::Warnings;

/// Returns the functions of this file, reporting to `warnings`.
pub(crate) fn functions(warnings: &Warnings) -> Vec<ScalarUDF> {
    let operators = [Operator::Add, Operator::Sub, Operator::Mul, Operator::Div, Operator::Rem, Operator::Neg];
    operators.map(|operator| ScalarUDF::from(Checked::new(operator, warnings.clone()))).into()
}

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Neg,
}

/// Numbers of 64 bits fit 128 bits, and of two of them so does every result but a product without sign, which
/// cannot fit 64 bits then.
impl Operator {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "checked_add",
            Self::Sub => "checked_sub",
            Self::Mul => "checked_mul",
            Self::Div => "checked_div",
            Self::Rem => "checked_rem",
            Self::Neg => "checked_neg",
        }
    }

    fn operands(self) -> usize {
        if self == Self::Neg { 1 } else { 2 }
    }

    /// The call as an author writes it.
    fn written(self, operands: &[String]) -> String {
        let sign = match self {
            Self::Add => "+",
            Self::Sub | Self::Neg => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
        };
        match operands {
            [operand] => format!("{sign}{operand}"),
            several => several.join(&format!(" {sign} ")),
        }
    }

    fn apply(self, left: i128, right: i128) -> std::result::Result<i128, &'static str> {
        let divides = matches!(self, Self::Div | Self::Rem);
        if divides && right == 0 {
            return Err(BY_ZERO);
        }
        let made = match self {
            Self::Add => left.checked_add(right),
            Self::Sub => left.checked_sub(right),
            Self::Mul => left.checked_mul(right),
            Self::Div => left.checked_div(right),
            Self::Rem => left.checked_rem(right),
            Self::Neg => left.checked_neg(),
        };
        made.ok_or(OVERFLOW)
    }
}

const OVERFLOW: &str = "result does not fit, taken as null";
const BY_ZERO: &str = "division by zero, taken as null";

/// The numbers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Int,
    Bigint,
    Unsigned,
}

const WIDTHS: &str = "'bigint', 'int' or 'bigint unsigned'";

impl Width {
    fn named(name: &str) -> std::result::Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "int" => Ok(Self::Int),
            "bigint" => Ok(Self::Bigint),
            "bigint unsigned" => Ok(Self::Unsigned),
            _ => Err(format!("found '{name}' as the type, expected {WIDTHS}")),
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Int => DataType::Int32,
            Self::Bigint => DataType::Int64,
            Self::Unsigned => DataType::UInt64,
        }
    }
}

#[derive(Debug)]
struct Checked {
    signature: Signature,
    operator: Operator,
    warnings: Warnings,
    documentation: OnceLock<Documentation>,
}

impl Checked {
    fn new(operator: Operator, warnings: Warnings) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { signature, operator, warnings, documentation: OnceLock::new() }
    }

    fn width(&self, named: Option<&ScalarValue>) -> std::result::Result<Width, String> {
        let name = self.operator.name();
        let width = match named.map(scalar_text) {
            None => return Ok(Width::Bigint),
            Some(Some(Some(text))) => Width::named(text),
            Some(_) => Err(format!("found no text as the type, expected {WIDTHS}")),
        };
        width.map_err(|message| format!("{name}: {message}"))
    }

    fn compute<T: ArrowPrimitiveType>(&self, operands: &Operands, rows: usize, subject: &str) -> ArrayRef
    where
        T::Native: TryFrom<i128>,
    {
        let mut failures: [(&'static str, u64, usize); 2] = [(OVERFLOW, 0, 0), (BY_ZERO, 0, 0)];
        let made: PrimitiveArray<T> = (0..rows)
            .map(|row| {
                let (left, right) = operands.at(row)?;
                let made = self.operator.apply(left, right);
                match made.and_then(|made| T::Native::try_from(made).map_err(|_| OVERFLOW)) {
                    Ok(made) => Some(made),
                    Err(message) => {
                        for failure in failures.iter_mut().filter(|failure| failure.0 == message) {
                            *failure = (message, failure.1 + 1, if failure.1 == 0 { row } else { failure.2 });
                        }
                        None
                    }
                }
            })
            .collect();
        for (message, count, row) in failures {
            self.warnings.record(self.operator.name(), subject, message, count, || operands.shown(row));
        }
        Arc::new(made)
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &'static str {
        self.operator.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        if types.len() == self.operator.operands() {
            return Ok(DataType::Int64);
        }
        plan_err!("{}: the type depends on its last argument", self.name())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let operands = self.operator.operands();
        let named = match (args.scalar_arguments.get(operands), args.arg_fields.get(operands)) {
            (Some(Some(named)), _) => Some(*named),
            (_, None) => None,
            _ => return plan_err!("{}: found no literal as the type, expected {WIDTHS}", self.name()),
        };
        let width = self.width(named).or_else(|message| plan_err!("{message}"))?;
        Ok(FieldRef::new(Field::new(self.name(), width.data_type(), true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (name, operands) = (self.name(), self.operator.operands());
        if types.len() < operands || types.len() > operands + 2 {
            return plan_err!("{name}: found {} arguments, expected {operands} and perhaps a type", types.len());
        }
        let mut taken = Vec::with_capacity(types.len());
        for (at, found) in types.iter().enumerate() {
            taken.push(match found {
                found if at == operands => match text_argument(found) {
                    Some(text) => text,
                    None => return plan_err!("{name}: found {found} as the type, expected {WIDTHS}"),
                },
                label if at > operands => {
                    taken.extend(label::argument(name, std::slice::from_ref(label))?);
                    continue;
                }
                DataType::UInt64 => DataType::UInt64,
                DataType::Null => DataType::Int64,
                number if number.is_integer() => DataType::Int64,
                other => return plan_err!("{name}: found {other}, expected whole numbers"),
            });
        }
        Ok(taken)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (name, count) = (self.name(), self.operator.operands());
        let named = match args.args.get(count) {
            None => None,
            Some(ColumnarValue::Scalar(named)) => Some(named),
            Some(ColumnarValue::Array(_)) => return exec_err!("{name}: found a column as the type, expected {WIDTHS}"),
        };
        let width = self.width(named).or_else(|message| exec_err!("{message}"))?;
        let Some(values) = args.args.get(..count) else {
            return exec_err!("{name}: found {} arguments, expected {count}", args.args.len());
        };
        let scalar = values.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let operands = Operands(values.iter().map(Operand::try_new).collect::<Result<_>>()?);
        let names: Vec<String> = operands
            .0
            .iter()
            .zip(&args.arg_fields)
            .map(|(operand, field)| match operand {
                Operand::One(Some(number)) => number.to_string(),
                _ => field.name().clone(),
            })
            .collect();
        let subject = label::given(&args, count + 1).map_or_else(|| self.operator.written(&names), str::to_owned);
        let made = match width {
            Width::Int => self.compute::<Int32Type>(&operands, rows, &subject),
            Width::Bigint => self.compute::<Int64Type>(&operands, rows, &subject),
            Width::Unsigned => self.compute::<UInt64Type>(&operands, rows, &subject),
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?));
        }
        Ok(ColumnarValue::Array(made))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.documentation.get_or_init(|| describe(self.operator)))
    }
}

/// Equal if they compute the same and report to the same place.
impl PartialEq for Checked {
    fn eq(&self, other: &Self) -> bool {
        self.operator == other.operator && self.warnings == other.warnings
    }
}

impl Eq for Checked {}

impl std::hash::Hash for Checked {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.operator.hash(state);
    }
}

/// Whole numbers of 64 bits, one or many.
enum Operand {
    One(Option<i128>),
    Signed(Int64Array),
    Unsigned(UInt64Array),
}

impl Operand {
    fn try_new(value: &ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Scalar(_) => Ok(Self::One(Self::try_new(&ColumnarValue::Array(value.to_array(1)?))?.at(0))),
            ColumnarValue::Array(array) => match array.data_type() {
                DataType::Int64 => Ok(Self::Signed(array.as_primitive::<Int64Type>().clone())),
                DataType::UInt64 => Ok(Self::Unsigned(array.as_primitive::<UInt64Type>().clone())),
                other => exec_err!("expected whole numbers of 64 bits, found {other}"),
            },
        }
    }

    fn at(&self, row: usize) -> Option<i128> {
        match self {
            Self::One(number) => *number,
            Self::Signed(numbers) => numbers.is_valid(row).then(|| i128::from(numbers.value(row))),
            Self::Unsigned(numbers) => numbers.is_valid(row).then(|| i128::from(numbers.value(row))),
        }
    }
}

/// The operands of a call, one or two.
struct Operands(Vec<Operand>);

impl Operands {
    /// Those of a row, unless one is null; a missing second one is 0.
    fn at(&self, row: usize) -> Option<(i128, i128)> {
        match self.0.as_slice() {
            [left, right] => Some((left.at(row)?, right.at(row)?)),
            [only] => Some((only.at(row)?, 0)),
            _ => None,
        }
    }

    fn shown(&self, row: usize) -> String {
        let numbers = self.0.iter().filter_map(|operand| operand.at(row));
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
    }
}

fn describe(operator: Operator) -> Documentation {
    let name = operator.name();
    let what = match operator {
        Operator::Add => "the sum of two whole numbers",
        Operator::Sub => "the difference of two whole numbers",
        Operator::Mul => "the product of two whole numbers",
        Operator::Div => "the whole part of the quotient of two whole numbers",
        Operator::Rem => "the remainder of a division of whole numbers, with the sign of the first",
        Operator::Neg => "a whole number with the other sign",
    };
    let null = match operator {
        Operator::Div | Operator::Rem => "by zero, or if it does not fit",
        _ => "if it does not fit",
    };
    let (syntax, example) = match operator {
        Operator::Neg => (format!("{name}(value[, type[, label]])"), format!("SELECT {name}(443);")),
        _ => (format!("{name}(left, right[, type[, label]])"), format!("SELECT {name}(443, 2);")),
    };
    let builder = documentation(&format!("Returns {what}; null, with a warning, {null}."), &syntax, &example);
    let builder = match operator {
        Operator::Neg => builder.with_argument("value", "A whole number."),
        _ => builder.with_argument("left", "A whole number.").with_argument("right", "A whole number."),
    };
    let builder = builder.with_argument("type", "A literal: 'bigint' (the default), 'int' or 'bigint unsigned'.");
    builder.with_argument("label", label::MEANING).build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_checked_arithmetic_of_64_bits(left in any::<i64>(), right in any::<i64>(), small in -9_i64..9) {
            let wide = |operator: Operator, left: i64, right: i64| {
                operator.apply(left.into(), right.into()).ok().and_then(|made| i64::try_from(made).ok())
            };
            for (left, right) in [(left, right), (left, small), (small, right), (small, small), (i64::MIN, small)] {
                prop_assert_eq!(wide(Operator::Add, left, right), left.checked_add(right));
                prop_assert_eq!(wide(Operator::Sub, left, right), left.checked_sub(right));
                prop_assert_eq!(wide(Operator::Mul, left, right), left.checked_mul(right));
                prop_assert_eq!(wide(Operator::Div, left, right), left.checked_div(right));
                prop_assert_eq!(wide(Operator::Neg, left, 0), left.checked_neg());
            }
        }
    }

    #[test]
    fn remainders_have_the_sign_of_the_first() {
        assert_eq!(Operator::Rem.apply(-7, 2), Ok(-1));
        assert_eq!(Operator::Rem.apply(7, -2), Ok(1));
        assert_eq!(Operator::Rem.apply(1, 0), Err(BY_ZERO));
        assert_eq!(Operator::Mul.apply(u64::MAX.into(), u64::MAX.into()), Err(OVERFLOW));
    }
}
