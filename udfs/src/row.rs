//! The shape that functions of single values share: what they take and give, row by row, null in and null out.
//!
//! Such a function is asked once a row. What it refuses is null and is reported under the text of the expression, which
//! a last literal argument may give where the first argument is no column.

use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int32Array, Int64Array, ListBuilder, StringViewArray,
    StringViewBuilder, TimestampMillisecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::label;
use crate::list::list_of;
use crate::text::{Text, plain_text, scalar_text, text_argument};
use crate::warnings::Warnings;

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Text in any encoding.
    Text,
    /// A whole number.
    Long,
    /// An instant.
    Instant,
}

/// What a function returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    Text,
    Texts,
    Bytes,
    Int,
    Long,
    Double,
    Millis,
}

/// A value of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Long(i64),
    /// Nanoseconds since 1970.
    Nanos(i128),
}

impl<'a> Value<'a> {
    /// The text that it is; empty where it is none.
    pub(crate) fn text(self) -> &'a str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// The whole number that it is.
    pub(crate) fn long(self) -> i64 {
        if let Self::Long(number) = self { number } else { 0 }
    }

    /// The nanoseconds since 1970 that it is.
    pub(crate) fn nanos(self) -> i128 {
        if let Self::Nanos(nanos) = self { nanos } else { 0 }
    }
}

/// What a function made of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Made {
    Null,
    Text(String),
    Texts(Vec<String>),
    Bytes(Vec<u8>),
    Long(i64),
    Double(f64),
    Nanos(i128),
}

/// What is made of the values of a row, or what is wrong with them.
pub(crate) type Each = Box<dyn FnMut(&[Value<'_>]) -> std::result::Result<Made, &'static str>>;

/// The check of a literal when a query is planned: which argument, and what is wrong with it.
pub(crate) type Check = (usize, fn(&str) -> std::result::Result<(), String>);

/// What one function is.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static [Takes],
    /// How many of the last arguments may be left out.
    pub(crate) optional: usize,
    pub(crate) gives: Gives,
    /// A new worker for a batch, which may remember what it compiled.
    pub(crate) each: fn() -> Each,
    pub(crate) check: Option<Check>,
    pub(crate) documentation: fn() -> Documentation,
}

impl Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A function of single values.
#[derive(Debug)]
pub(crate) struct RowFunction {
    signature: Signature,
    documentation: OnceLock<Documentation>,
    shape: Shape,
    warnings: Warnings,
}

impl RowFunction {
    /// Returns the function of this shape, reporting to `warnings`.
    pub(crate) fn udf(shape: Shape, warnings: &Warnings) -> ScalarUDF {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(Self { signature, documentation: OnceLock::new(), shape, warnings: warnings.clone() })
    }

    /// How many arguments there are besides the label.
    fn count(&self, found: usize) -> Result<usize> {
        let most = self.shape.takes.len();
        let least = most - self.shape.optional;
        if found >= least && found <= most + 1 {
            return Ok(found.min(most));
        }
        plan_err!("{}: found {found} arguments, expected {}", self.shape.name, range(least, most))
    }
}

fn range(least: usize, most: usize) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}

impl ScalarUDFImpl for RowFunction {
    fn name(&self) -> &'static str {
        self.shape.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.shape.gives.data_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        if let Some((at, check)) = self.shape.check
            && let Some(Some(text)) = args.scalar_arguments.get(at).copied().flatten().and_then(scalar_text)
        {
            check(text).or_else(|message| plan_err!("{}: {message}", self.shape.name))?;
        }
        Ok(FieldRef::new(Field::new(self.shape.name, self.shape.gives.data_type(), true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let count = self.count(types.len())?;
        let mut taken = Vec::with_capacity(types.len());
        for (at, found) in types.iter().enumerate() {
            let takes = if at < count { self.shape.takes.get(at).copied() } else { Some(Takes::Text) };
            let Some(fit) = takes.and_then(|takes| takes.data_type(found)) else {
                let expected = takes.map_or("text", Takes::expected);
                return plan_err!("{}: found {found} as argument {}, expected {expected}", self.shape.name, at + 1);
            };
            taken.push(fit);
        }
        Ok(taken)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let count = self.count(args.args.len())?;
        let subject = label::subject(&args, count);
        let scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let columns = args.args.iter().take(count).map(Column::try_new).collect::<Result<Vec<_>>>()?;
        let made = self.evaluate(&columns, rows, subject)?;
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?));
        }
        Ok(ColumnarValue::Array(made))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.documentation.get_or_init(self.shape.documentation))
    }
}

impl RowFunction {
    fn evaluate(&self, columns: &[Column], rows: usize, subject: &str) -> Result<ArrayRef> {
        let mut each = (self.shape.each)();
        let mut made = Vec::with_capacity(rows);
        let mut failures: Vec<(&'static str, u64, usize)> = Vec::new();
        let texts = columns.iter().map(Column::texts).collect::<Result<Vec<_>>>()?;
        let mut values = Vec::with_capacity(columns.len());
        for row in 0..rows {
            values.clear();
            values.extend(columns.iter().zip(&texts).map_while(|(column, texts)| column.at(*texts, row)));
            if values.len() < columns.len() {
                made.push(Made::Null);
                continue;
            }
            made.push(each(&values).unwrap_or_else(|message| {
                match failures.iter_mut().find(|(known, ..)| *known == message) {
                    Some((_, count, _)) => *count += 1,
                    None => failures.push((message, 1, row)),
                }
                Made::Null
            }));
        }
        for (message, count, row) in failures {
            let shown = || columns.iter().zip(&texts).filter_map(|(column, texts)| column.at(*texts, row)).map(show);
            self.warnings.record(self.shape.name, subject, message, count, || shown().collect::<Vec<_>>().join(", "));
        }
        self.shape.gives.array(made)
    }
}

fn show(value: Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_owned(),
        Value::Long(number) => number.to_string(),
        Value::Nanos(nanos) => crate::instant::show(nanos),
    }
}

/// A name stands for one shape.
impl PartialEq for RowFunction {
    fn eq(&self, other: &Self) -> bool {
        self.shape.name == other.shape.name && self.warnings == other.warnings
    }
}

impl Eq for RowFunction {}

impl Hash for RowFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shape.name.hash(state);
    }
}

impl Takes {
    fn data_type(self, found: &DataType) -> Option<DataType> {
        match self {
            Self::Text => text_argument(found),
            Self::Long => (found.is_integer() || *found == DataType::Null).then_some(DataType::Int64),
            Self::Instant => match found {
                DataType::Timestamp(..) => Some(found.clone()),
                DataType::Date32 | DataType::Date64 | DataType::Null => Some(Gives::Millis.data_type()),
                _ => None,
            },
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Long => "a whole number",
            Self::Instant => "an instant",
        }
    }
}

/// The values of one argument, one for all rows or one a row.
struct Column {
    array: ArrayRef,
    kind: Kind,
    scalar: bool,
}

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Long,
    /// Instants in units of this many nanoseconds.
    Instant(i128),
}

impl Column {
    fn try_new(value: &ColumnarValue) -> Result<Self> {
        let scalar = matches!(value, ColumnarValue::Scalar(_));
        let array = value.to_array(1)?;
        let (array, kind) = match array.data_type() {
            DataType::Int64 => (array, Kind::Long),
            DataType::Timestamp(unit, _) => {
                let nanos = match unit {
                    TimeUnit::Second => 1_000_000_000,
                    TimeUnit::Millisecond => 1_000_000,
                    TimeUnit::Microsecond => 1000,
                    TimeUnit::Nanosecond => 1,
                };
                (cast(&array, &DataType::Int64)?, Kind::Instant(nanos))
            }
            _ => (plain_text(&array)?, Kind::Text),
        };
        Ok(Self { array, kind, scalar })
    }

    /// The texts of a column of text.
    fn texts(&self) -> Result<Option<Text<'_>>> {
        if matches!(self.kind, Kind::Text) { Text::try_new(&self.array).map(Some) } else { Ok(None) }
    }

    fn at<'a>(&'a self, texts: Option<Text<'a>>, row: usize) -> Option<Value<'a>> {
        let row = if self.scalar { 0 } else { row };
        if self.array.is_null(row) {
            return None;
        }
        match self.kind {
            Kind::Text => texts.and_then(|texts| texts.at(row)).map(Value::Text),
            Kind::Long => Some(Value::Long(self.array.as_primitive::<Int64Type>().value(row))),
            Kind::Instant(unit) => {
                Some(Value::Nanos(i128::from(self.array.as_primitive::<Int64Type>().value(row)) * unit))
            }
        }
    }
}

impl Gives {
    fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            Self::Texts => list_of(DataType::Utf8View),
            Self::Bytes => DataType::Binary,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Millis => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        }
    }

    fn array(self, made: Vec<Made>) -> Result<ArrayRef> {
        let longs = |made: &Made| match made {
            Made::Long(number) => Some(*number),
            _ => None,
        };
        let millis = |made: &Made| match made {
            Made::Nanos(nanos) => i64::try_from(nanos.div_euclid(1_000_000)).ok(),
            _ => None,
        };
        Ok(match self {
            Self::Text => {
                let text = |made| if let Made::Text(text) = made { Some(text) } else { None };
                Arc::new(made.into_iter().map(text).collect::<StringViewArray>())
            }
            Self::Texts => {
                let mut lists = ListBuilder::new(StringViewBuilder::new());
                for made in made {
                    match made {
                        Made::Texts(texts) => lists.append_value(texts.into_iter().map(Some)),
                        _ => lists.append_null(),
                    }
                }
                cast(&(Arc::new(lists.finish()) as ArrayRef), &self.data_type())?
            }
            Self::Bytes => {
                let bytes = |made| if let Made::Bytes(bytes) = made { Some(bytes) } else { None };
                Arc::new(made.into_iter().map(bytes).collect::<BinaryArray>())
            }
            Self::Int => {
                let ints = made.iter().map(|made| longs(made).and_then(|number| i32::try_from(number).ok()));
                Arc::new(ints.collect::<Int32Array>())
            }
            Self::Long => Arc::new(made.iter().map(longs).collect::<Int64Array>()),
            Self::Double => {
                let double = |made| if let Made::Double(number) = made { Some(number) } else { None };
                Arc::new(made.into_iter().map(double).collect::<Float64Array>())
            }
            Self::Millis => {
                Arc::new(made.iter().map(millis).collect::<TimestampMillisecondArray>().with_timezone("UTC"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn instants_before_1970_round_down() {
        let made = Gives::Millis.array(vec![Made::Nanos(-1), Made::Null, Made::Nanos(1_999_999)]).unwrap();
        let millis = cast(&made, &DataType::Int64).unwrap();
        let millis: Vec<Option<i64>> = millis.as_primitive::<Int64Type>().iter().collect();
        assert_eq!(millis, [Some(-1), None, Some(1)]);
    }
}
