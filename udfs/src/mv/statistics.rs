//! Statistics of the numbers of a list: `mv_median`, `mv_median_absolute_deviation`, `mv_percentile`, `mv_variance`,
//! `mv_std_dev`, `mv_pseries_weighted_sum`.
//!
//! Medians and percentiles of whole numbers are whole numbers, rounded towards the lower of the two between which they lie;
//! all else is computed as numbers with fraction.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::unary::taken;
use crate::documentation::documentation;
use crate::list::{Lists, element_type};

/// Returns the functions of this file.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    use Statistic::{Deviation, Median, Percentile, Series, StdDev, Variance};
    let all = [Median, Deviation, Percentile, Variance, StdDev, Series];
    let function = |statistic| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(Function { signature, statistic, documentation: OnceLock::new() })
    };
    all.map(function).into()
}

/// What is told of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Statistic {
    Median,
    Deviation,
    Percentile,
    Variance,
    StdDev,
    Series,
}

impl Statistic {
    fn name(self) -> &'static str {
        match self {
            Self::Median => "mv_median",
            Self::Deviation => "mv_median_absolute_deviation",
            Self::Percentile => "mv_percentile",
            Self::Variance => "mv_variance",
            Self::StdDev => "mv_std_dev",
            Self::Series => "mv_pseries_weighted_sum",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Median => "the median of the numbers of a list",
            Self::Deviation => "the median of the distances of the numbers of a list from their median",
            Self::Percentile => "the number below which a share of the numbers of a list lies",
            Self::Variance => "the variance of the numbers of a list",
            Self::StdDev => "the standard deviation of the numbers of a list",
            Self::Series => "the sum of the numbers of a list, each divided by its place to a power",
        }
    }

    /// What the second argument is, where there is one.
    fn parameter(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Percentile => Some(("percentile", "A number from 0 to 100.")),
            Self::Series => Some(("power", "A number.")),
            _ => None,
        }
    }

    /// Whether it says of whole numbers which of them it is, or between which two it lies.
    fn keeps_whole(self) -> bool {
        matches!(self, Self::Median | Self::Percentile | Self::Deviation)
    }

    /// The statistic of at least one whole number.
    fn of_whole(self, numbers: &mut [i128], parameter: f64) -> Option<i128> {
        match self {
            Self::Percentile => whole_percentile(numbers, parameter),
            Self::Deviation => {
                let median = whole_percentile(numbers, 50.0)?;
                for number in numbers.iter_mut() {
                    *number = (*number - median).abs();
                }
                whole_percentile(numbers, 50.0)
            }
            _ => whole_percentile(numbers, 50.0),
        }
    }

    /// The statistic of at least one number.
    fn of(self, numbers: &mut [f64], parameter: f64) -> Option<f64> {
        match self {
            Self::Median => percentile(numbers, 50.0),
            Self::Percentile => percentile(numbers, parameter),
            Self::Deviation => {
                let median = percentile(numbers, 50.0)?;
                for number in numbers.iter_mut() {
                    *number = (*number - median).abs();
                }
                percentile(numbers, 50.0)
            }
            Self::Variance => Some(variance(numbers)),
            Self::StdDev => Some(variance(numbers).sqrt()),
            Self::Series => {
                let term = |(at, number): (usize, &f64)| number / ((at + 1) as f64).powf(parameter);
                Some(numbers.iter().enumerate().map(term).sum())
            }
        }
    }
}

/// Where a percentile of so many sorted numbers lies: the places of the two beside it, and how far behind the lower.
fn place(count: usize, percent: f64) -> Option<(usize, usize, f64)> {
    let place = percent / 100.0 * (count - 1) as f64;
    // NaN is no percentage either.
    (0.0..=100.0).contains(&percent).then_some((place.floor() as usize, place.ceil() as usize, place.fract()))
}

/// Between two numbers in proportion.
fn percentile(numbers: &mut [f64], percent: f64) -> Option<f64> {
    let (lower, upper, share) = place(numbers.len(), percent)?;
    numbers.sort_unstable_by(f64::total_cmp);
    let (lower, upper) = (*numbers.get(lower)?, *numbers.get(upper)?);
    // The distance of numbers on both sides of zero may be more than a number holds.
    let opposite = lower < 0.0 && upper > 0.0;
    Some(if opposite { lower * (1.0 - share) + upper * share } else { lower + (upper - lower) * share })
}

/// Between two whole numbers of 64 bits in proportion.
fn whole_percentile(numbers: &mut [i128], percent: f64) -> Option<i128> {
    /// Fractions of doubles have no more bits.
    const BITS: i32 = 53;
    let (lower, upper, share) = place(numbers.len(), percent)?;
    numbers.sort_unstable();
    let (lower, upper) = (*numbers.get(lower)?, *numbers.get(upper)?);
    let share = (share * 2_f64.powi(BITS)) as i128;
    Some(lower + (((upper - lower) * share) >> BITS))
}

/// Of the numbers as a whole, as Elasticsearch has it, not as a sample.
fn variance(numbers: &[f64]) -> f64 {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count
}

/// What a number is taken as.
fn number(value: &DataType) -> Option<DataType> {
    (value.is_numeric() || *value == DataType::Null).then_some(DataType::Float64)
}

/// What a number is taken as where whole ones stay such.
fn whole_or_number(value: &DataType) -> Option<DataType> {
    if value.is_integer() { Some(value.clone()) } else { number(value) }
}

#[derive(Debug)]
struct Function {
    signature: Signature,
    statistic: Statistic,
    documentation: OnceLock<Documentation>,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.statistic == other.statistic
    }
}

impl Eq for Function {}

impl std::hash::Hash for Function {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.statistic.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &'static str {
        self.statistic.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let whole = types.first().map(|values| element_type(values).unwrap_or(values)).filter(|t| t.is_integer());
        Ok(whole.filter(|_| self.statistic.keeps_whole()).cloned().unwrap_or(DataType::Float64))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let (value, rest) = match (types, self.statistic.parameter()) {
            ([value], None) => (value, None),
            ([value, parameter], Some(_)) => (value, Some(parameter)),
            _ => return plan_err!("{name}: found {} arguments", types.len()),
        };
        let Some(value_type) = taken(value, if self.statistic.keeps_whole() { whole_or_number } else { number }) else {
            return plan_err!("{name}: found {value}, expected numbers or a list of numbers");
        };
        match rest.map(number) {
            None => Ok(vec![value_type]),
            Some(Some(parameter)) => Ok(vec![value_type, parameter]),
            Some(None) => plan_err!("{name}: found no number as the second argument"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(value) = args.args.first() else {
            return exec_err!("{}: found no argument", self.name());
        };
        let scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let parameter = args.args.get(1).map(|parameter| parameter.to_array(rows)).transpose()?;
        let made = self.compute(&value.to_array(rows)?, parameter.as_ref())?;
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?));
        }
        Ok(ColumnarValue::Array(made))
    }

    fn documentation(&self) -> Option<&Documentation> {
        let make = || {
            let (name, statistic) = (self.name(), self.statistic);
            let parameter = statistic.parameter();
            let syntax = parameter.map_or(format!("{name}(value)"), |(second, _)| format!("{name}(value, {second})"));
            let second = if parameter.is_some() { ", 2" } else { "" };
            let builder = documentation(
                &format!("Returns {}; null if there are none.", statistic.meaning()),
                &syntax,
                &format!("SELECT {name}(make_array(1, 2, 4){second});"),
            )
            .with_argument("value", "A list of numbers, or a number.");
            match parameter {
                Some((second, meaning)) => builder.with_argument(second, meaning).build(),
                None => builder.build(),
            }
        };
        Some(self.documentation.get_or_init(make))
    }
}

impl Function {
    fn compute(&self, values: &ArrayRef, parameters: Option<&ArrayRef>) -> Result<ArrayRef> {
        let lists = Lists::of(values)?;
        let parameter = |row: usize| match parameters {
            None => Some(0.0),
            Some(parameters) => {
                let parameters = parameters.as_primitive::<Float64Type>();
                parameters.is_valid(row).then(|| parameters.value(row))
            }
        };
        let whole = lists.values.data_type().clone();
        if whole.is_integer() && self.statistic.keeps_whole() {
            let numbers = cast(&lists.values, &WHOLE)?;
            let numbers = numbers.as_primitive::<Decimal128Type>().values();
            let of = |own: &mut [i128], row| self.statistic.of_whole(own, parameter(row)?);
            let made: Decimal128Array = each(&lists, numbers, of).collect();
            // Distances may be more than their type holds: such are null.
            let options = CastOptions { safe: true, ..CastOptions::default() };
            return Ok(cast_with_options(&made.with_data_type(WHOLE), &whole, &options)?);
        }
        let numbers = cast(&lists.values, &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>().values();
        let of = |own: &mut [f64], row| self.statistic.of(own, parameter(row)?);
        Ok(Arc::new(each(&lists, numbers, of).collect::<Float64Array>()))
    }
}

/// A type that holds every whole number of 64 bits and the distance of every two.
const WHOLE: DataType = DataType::Decimal128(38, 0);

/// What a function makes of the numbers of each list that has some, and of its row.
fn each<'a, N: Copy>(
    lists: &'a Lists,
    numbers: &'a [N],
    of: impl Fn(&mut [N], usize) -> Option<N> + 'a,
) -> impl Iterator<Item = Option<N>> + 'a {
    let mut own = Vec::new();
    lists.ranges.iter().enumerate().map(move |(row, range)| {
        own.clear();
        own.extend_from_slice(numbers.get(range.clone()?)?);
        if own.is_empty() { None } else { of(&mut own, row) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statistic: Statistic, numbers: &[f64], parameter: f64) -> Option<f64> {
        statistic.of(&mut numbers.to_vec(), parameter)
    }

    #[test]
    fn statistics_of_a_few_numbers() {
        assert_eq!(of(Statistic::Median, &[3.0, 7.0, 1.0, 6.0], 0.0), Some(4.5));
        assert_eq!(of(Statistic::Median, &[5.0], 0.0), Some(5.0));
        assert_eq!(of(Statistic::Percentile, &[5.0, 5.0, 10.0, 12.0, 5000.0], 50.0), Some(10.0));
        assert_eq!(of(Statistic::Percentile, &[1.0, 2.0], 25.0), Some(1.25));
        assert_eq!(of(Statistic::Percentile, &[1.0, 2.0], 101.0), None);
        assert_eq!(of(Statistic::Median, &[f64::MIN, f64::MAX], 0.0), Some(0.0));
        assert_eq!(of(Statistic::Deviation, &[0.0, 2.0, 5.0, 6.0], 0.0), Some(2.0));
        assert_eq!(of(Statistic::Variance, &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 0.0), Some(4.0));
        assert_eq!(of(Statistic::StdDev, &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 0.0), Some(2.0));
        assert_eq!(of(Statistic::Series, &[70.0, 45.0, 21.0], 1.0), Some(70.0 + 22.5 + 7.0));
    }

    #[test]
    fn whole_numbers_lose_nothing() {
        let of = |statistic: Statistic, numbers: &[i64], parameter| {
            statistic.of_whole(&mut numbers.iter().map(|number| (*number).into()).collect::<Vec<_>>(), parameter)
        };
        let (least, most) = (i64::MIN, i64::MAX);
        assert_eq!(of(Statistic::Median, &[most, most - 1, most - 2], 0.0), Some((most - 1).into()));
        assert_eq!(of(Statistic::Median, &[most, most - 2], 0.0), Some((most - 1).into()));
        assert_eq!(of(Statistic::Median, &[least, most], 0.0), Some(-1));
        assert_eq!(of(Statistic::Percentile, &[least, most], 25.0), Some(i128::from(least / 2) - 1));
        assert_eq!(of(Statistic::Percentile, &[1, 2], 100.0), Some(2));
        assert_eq!(of(Statistic::Percentile, &[1, 2], f64::NAN), None);
        assert_eq!(of(Statistic::Deviation, &[least, 0, most], 0.0), Some(most.into()));
    }
}
