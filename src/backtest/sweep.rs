//! One threshold of a rule, replaced by several: how many alerts each would give.

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan};

use crate::engine::Unpack;
use crate::error::{Error, Kind, Result};

const HELP: &str = "write it as in --sweep 'cc > {5,10,15,25}', with a condition that the rule has behind its last STATS, alone or joined by AND";

/// A comparison of a column of the result with thresholds.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    column: String,
    operator: Operator,
    thresholds: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Operator {
    const ALL: [(&'static str, Self); 4] =
        [(">=", Self::AtLeast), ("<=", Self::AtMost), (">", Self::Above), ("<", Self::Below)];

    const fn name(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::Below => "<",
        }
    }

    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
            Self::Below => value < threshold,
            Self::AtMost => value <= threshold,
        }
    }
}

impl Sweep {
    /// The sweep that `text` describes: `column operator {number, ..}`.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::new(Kind::Usage, format!("expected a column, a comparison and {{thresholds}}, found `{text}`"));
        let (condition, list) = text.split_once('{').ok_or_else(wrong)?;
        let list = list.trim_end().strip_suffix('}').ok_or_else(wrong)?;
        let condition = condition.trim_end();
        let split = |(sign, operator): &(&str, Operator)| Some((condition.strip_suffix(sign)?.trim(), *operator));
        let (column, operator) = Operator::ALL.iter().find_map(split).ok_or_else(wrong)?;
        let numbers = list.split(',').map(|number| number.trim().parse::<f64>().ok().filter(|n| n.is_finite()));
        let mut thresholds = numbers.collect::<Option<Vec<f64>>>().ok_or_else(wrong)?;
        if column.is_empty() {
            return Err(wrong());
        }
        thresholds.sort_by(f64::total_cmp);
        thresholds.dedup();
        Ok(Self { column: column.to_owned(), operator, thresholds })
    }

    /// The thresholds, ascending.
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// The condition with one threshold.
    pub fn condition(&self, threshold: f64) -> String {
        format!("{} {} {threshold}", self.column, self.operator.name())
    }

    /// The query whose own threshold is the one that lets most rows pass.
    ///
    /// # Errors
    /// A query that does not compare the column with a number exactly once.
    pub fn loosened(&self, query: &str) -> Result<String> {
        let mut places = query.match_indices(&self.column).filter_map(|(at, _)| self.literal(query, at));
        let refuse = |why: &str| {
            let condition = format!("{} {}", self.column, self.operator.name());
            Err(Error::new(Kind::Usage, format!("--sweep: {why} `{condition} NUMBER`")).with_help(HELP))
        };
        let (Some(place), None) = (places.next(), places.next()) else {
            return refuse("expected the query to hold exactly once");
        };
        let (Some(loosest), Some(head), Some(tail)) =
            (self.loosest(), query.get(..place.start), query.get(place.end..))
        else {
            return refuse("no threshold for");
        };
        Ok(format!("{head}{loosest}{tail}"))
    }

    /// Makes sure that `plan`, which is that of the loosened query, gives the rows that meet the condition with the loosest
    /// threshold and nothing else: then those of another threshold are among them.
    ///
    /// # Errors
    /// Where the condition is not one that every row of the result must meet.
    pub fn check(&self, plan: &LogicalPlan) -> Result<()> {
        if self.conditions(plan) == Some(1) {
            return Ok(());
        }
        let condition = format!("{} {} NUMBER", self.column, self.operator.name());
        let message = format!("--sweep: `{condition}` does not decide about every row of the result by itself");
        Err(Error::new(Kind::Usage, message).with_help(HELP))
    }

    /// How many conditions of the plan are the one with the loosest threshold, seen from the result down to where rows
    /// become others.
    fn conditions(&self, plan: &LogicalPlan) -> Option<usize> {
        let mut fields = plan.schema().iter().filter(|(_, field)| *field.name() == self.column);
        let mut column = Column::from(fields.next()?);
        let mut node = plan;
        let mut found = 0;
        loop {
            node = match node {
                LogicalPlan::Sort(sort) if sort.fetch.is_none() => &sort.input,
                LogicalPlan::SubqueryAlias(alias) => {
                    let place = alias.schema.index_of_column(&column).ok()?;
                    column = Column::from(alias.input.schema().qualified_field(place));
                    &alias.input
                }
                LogicalPlan::Projection(projection) => {
                    let place = projection.schema.index_of_column(&column).ok()?;
                    match projection.expr.get(place)?.clone().unalias_nested().data {
                        Expr::Column(below) => column = below,
                        _ => return Some(found),
                    }
                    &projection.input
                }
                LogicalPlan::Filter(filter) => {
                    let all = split_conjunction(&filter.predicate);
                    found += all.into_iter().filter(|part| self.is_loosest(part, &column)).count();
                    &filter.input
                }
                other => match Unpack::of(other) {
                    Some(unpack) => {
                        column = unpack.below(&column)?;
                        unpack.input()
                    }
                    None => return Some(found),
                },
            };
        }
    }

    fn is_loosest(&self, condition: &Expr, column: &Column) -> bool {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return false };
        let mut left = left.as_ref();
        while let Expr::Cast(cast) = left {
            left = &cast.expr;
        }
        let (Expr::Column(found), Expr::Literal(number, _)) = (left, right.as_ref()) else { return false };
        let Ok(ScalarValue::Float64(Some(number))) = number.cast_to(&DataType::Float64) else { return false };
        found == column && op.to_string() == self.operator.name() && self.loosest() == Some(number)
    }

    /// The threshold that lets most rows pass.
    fn loosest(&self) -> Option<f64> {
        match self.operator {
            Operator::Above | Operator::AtLeast => self.thresholds.first().copied(),
            Operator::Below | Operator::AtMost => self.thresholds.last().copied(),
        }
    }

    /// The place of the number that the column at `at` is compared with.
    fn literal(&self, query: &str, at: usize) -> Option<std::ops::Range<usize>> {
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '`' | '"');
        if query.get(..at)?.chars().next_back().is_some_and(part) {
            return None;
        }
        let behind = query.get(at + self.column.len()..)?;
        let rest = behind.trim_start().strip_prefix(self.operator.name())?;
        if rest.starts_with('=') {
            return None;
        }
        let rest = rest.trim_start();
        let start = query.len() - rest.len();
        let length = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        (length > 0).then_some(start..start + length)
    }

    /// For each threshold, how many of these rows pass.
    ///
    /// # Errors
    /// Where the rows lack the column, or it holds no numbers.
    pub fn count(&self, batches: &[RecordBatch]) -> Result<Vec<u64>> {
        let mut counts = vec![0; self.thresholds.len()];
        for batch in batches {
            let column = batch.column_by_name(&self.column).ok_or_else(|| {
                Error::new(Kind::Usage, format!("--sweep: the result has no column `{}`", self.column)).with_help(HELP)
            })?;
            let numbers = cast(column, &DataType::Float64).map_err(|e| {
                Error::new(Kind::Usage, format!("--sweep: `{}` holds no numbers", self.column)).with_source(e)
            })?;
            let numbers = numbers.as_primitive::<Float64Type>();
            for (count, threshold) in counts.iter_mut().zip(&self.thresholds) {
                *count += numbers.iter().flatten().filter(|n| self.operator.holds(*n, *threshold)).count() as u64;
            }
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn the_loosest_threshold_takes_the_place_of_the_rules_own() {
        let sweep = Sweep::parse("cc > {25, 5,10}").unwrap();
        assert_eq!(sweep.thresholds(), [5.0, 10.0, 25.0]);
        let query = "FROM l | STATS cc = COUNT(*) BY a | WHERE b >= 3 AND cc > 15 | SORT cc | LIMIT 10";
        assert_eq!(sweep.loosened(query).unwrap(), query.replace("15", "5"));
        let below = Sweep::parse("n<={1,2}").unwrap();
        assert_eq!(below.loosened("SELECT n FROM l WHERE n<=1").unwrap(), "SELECT n FROM l WHERE n<=2");
        assert_eq!(below.condition(2.0), "n <= 2");
        for query in ["FROM l | WHERE cc >= 15", "FROM l | WHERE acc > 15", "FROM l | WHERE cc > 1 OR cc > 2"] {
            assert!(sweep.loosened(query).is_err(), "{query}");
        }
        for text in ["cc", "cc > 5", "> {1}", "cc > {a}", "cc > {}", "cc = {1}"] {
            assert!(Sweep::parse(text).is_err(), "{text}");
        }
    }
}
