//! Statistics of the numbers of a list: `mv_median`, `mv_median_absolute_deviation`, `mv_percentile`, `mv_variance`,
//! `mv_std_dev`, `mv_pseries_weighted_sum`.
//!
//! All are computed as numbers with fraction; the median of whole numbers is one of them or lies between two.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::unary::taken;
use crate::documentation::documentation;
use crate::list::Lists;

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

/// Between two numbers in proportion.
fn percentile(numbers: &mut [f64], percent: f64) -> Option<f64> {
    if !(0.0..=100.0).contains(&percent) {
        return None;
    }
    numbers.sort_unstable_by(f64::total_cmp);
    let place = percent / 100.0 * (numbers.len() - 1) as f64;
    let (lower, upper) = (numbers.get(place.floor() as usize)?, numbers.get(place.ceil() as usize)?);
    Some(lower + (upper - lower) * place.fract())
}

/// Of the numbers as a whole, as Elasticsearch has it, not as a sample.
fn variance(numbers: &[f64]) -> f64 {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count
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

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let (value, rest) = match (types, self.statistic.parameter()) {
            ([value], None) => (value, None),
            ([value, parameter], Some(_)) => (value, Some(parameter)),
            _ => return plan_err!("{name}: found {} arguments", types.len()),
        };
        let number = |value: &DataType| (value.is_numeric() || *value == DataType::Null).then_some(DataType::Float64);
        let Some(value_type) = taken(value, number) else {
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
        let numbers = cast(&lists.values, &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>().values();
        let parameter = |row: usize| match parameters {
            None => Some(0.0),
            Some(parameters) => {
                let parameters = parameters.as_primitive::<Float64Type>();
                parameters.is_valid(row).then(|| parameters.value(row))
            }
        };
        let mut own = Vec::new();
        let made = lists.ranges.iter().enumerate().map(|(row, range)| {
            own.clear();
            own.extend_from_slice(numbers.get(range.clone()?)?);
            if own.is_empty() { None } else { self.statistic.of(&mut own, parameter(row)?) }
        });
        Ok(Arc::new(made.collect::<Float64Array>()))
    }
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
        assert_eq!(of(Statistic::Deviation, &[0.0, 2.0, 5.0, 6.0], 0.0), Some(2.0));
        assert_eq!(of(Statistic::Variance, &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 0.0), Some(4.0));
        assert_eq!(of(Statistic::StdDev, &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 0.0), Some(2.0));
        assert_eq!(of(Statistic::Series, &[70.0, 45.0, 21.0], 1.0), Some(70.0 + 22.5 + 7.0));
    }
}
