//! ORDER BY and LIMIT for each execution by itself: the execution leads the order, and the first rows are found by their
//! number.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Expr, FetchType, Limit, LogicalPlan, LogicalPlanBuilder, Projection, SkipType, Sort, SubqueryAlias, WindowFrame,
    WindowFunctionDefinition, lit,
};

use super::expr::{asks_for_time, at_execution};
use super::widen::{Wide, Widen, Widened, refuse};
use crate::engine::Unpack;

impl Widen<'_> {
    pub(super) fn sort(&self, sort: &Sort) -> Widened<Wide> {
        let input = self.settled(&sort.input)?;
        let (keys, input) = self.sort_keys(&sort.expr, input)?;
        let first = input.execution.clone().map(|e| Expr::Column(e).sort(true, false));
        let expr = first.into_iter().chain(keys).collect();
        let plan = LogicalPlan::Sort(Sort { expr, input: Arc::new(input.plan), fetch: None });
        Ok(Wide::new(plan, input.execution))
    }

    fn sort_keys(&self, keys: &[SortExpr], mut input: Wide) -> Widened<(Vec<SortExpr>, Wide)> {
        let mut timed = Vec::with_capacity(keys.len());
        for key in keys {
            if asks_for_time(&key.expr)? {
                input = self.spread(input)?;
            }
            let expr = at_execution(key.expr.clone(), input.execution.as_ref())?;
            timed.push(SortExpr { expr, ..key.clone() });
        }
        Ok((timed, input))
    }

    /// The first rows of each execution, in the order that the input states.
    pub(super) fn limit(&self, limit: &Limit) -> Widened<Wide> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return refuse("a LIMIT that is computed");
        };
        self.cut(&limit.input, skip, fetch)
    }

    /// `plan`, widened, with the rows from `skip` on, at most `fetch`, of each execution.
    fn cut(&self, plan: &LogicalPlan, skip: usize, fetch: Option<usize>) -> Widened<Wide> {
        match plan {
            LogicalPlan::Projection(projection) if is_ordered(plan) => {
                let input = self.cut(&projection.input, skip, fetch)?;
                let (mut exprs, input) = self.timed(plan, &projection.expr, input)?;
                exprs.extend(input.execution.clone().map(Expr::Column));
                let plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input.plan))?);
                Ok(Wide::new(plan, input.execution))
            }
            LogicalPlan::SubqueryAlias(alias) if is_ordered(plan) => {
                let input = self.cut(&alias.input, skip, fetch)?;
                let execution = input.execution.map(|e| Column::new(Some(alias.alias.clone()), e.name));
                let plan = SubqueryAlias::try_new(Arc::new(input.plan), alias.alias.clone())?;
                Ok(Wide::new(LogicalPlan::SubqueryAlias(plan), execution))
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
                let input = self.settled(&sort.input)?;
                let (keys, input) = self.sort_keys(&sort.expr, input)?;
                let cut = self.numbered(input, keys.clone(), skip, fetch)?;
                let first = cut.execution.clone().map(|e| Expr::Column(e).sort(true, false));
                let expr = first.into_iter().chain(keys).collect();
                let plan = LogicalPlan::Sort(Sort { expr, input: Arc::new(cut.plan), fetch: None });
                Ok(Wide::new(plan, cut.execution))
            }
            _ => {
                if let Some(unpack) = Unpack::of(plan).filter(|_| is_ordered(plan)) {
                    let input = self.cut(unpack.input(), skip, fetch)?;
                    return Ok(Wide::new(unpack.over(input.plan)?, input.execution));
                }
                let input = self.settled(plan)?;
                self.numbered(input, Vec::new(), skip, fetch)
            }
        }
    }

    /// The rows of each execution whose number in this order lies behind `skip`, at most `fetch`.
    fn numbered(&self, input: Wide, keys: Vec<SortExpr>, skip: usize, fetch: Option<usize>) -> Widened<Wide> {
        let columns: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
        let name = format!("{}_row", self.fresh());
        let ordered = !keys.is_empty();
        let number = Expr::from(WindowFunction {
            fun: WindowFunctionDefinition::WindowUDF(row_number_udwf()),
            params: WindowFunctionParams {
                args: Vec::new(),
                partition_by: input.execution.clone().map(Expr::Column).into_iter().collect(),
                order_by: keys,
                window_frame: WindowFrame::new(ordered.then_some(true)),
                filter: None,
                null_treatment: None,
                distinct: false,
            },
        });
        let row = Expr::Column(Column::from_name(&name));
        let count = |rows: usize| lit(u64::try_from(rows).unwrap_or(u64::MAX));
        let mut inside = row.clone().gt(count(skip));
        if let Some(fetch) = fetch {
            inside = inside.and(row.lt_eq(count(skip.saturating_add(fetch))));
        }
        let plan = LogicalPlanBuilder::from(input.plan)
            .window(vec![number.alias(&name)])?
            .filter(inside)?
            .project(columns)?
            .build()?;
        Ok(Wide::new(plan, input.execution))
    }
}

/// Whether the rows of a plan have an order that it states.
fn is_ordered(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(Projection { input, .. })
        | LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. })
        | LogicalPlan::Limit(Limit { input, .. }) => is_ordered(input),
        other => Unpack::of(other).is_some_and(|unpack| is_ordered(unpack.input())),
    }
}

/// Whether the plan's own order, which the execution leads once it is widened, is that of the result.
pub(super) fn keeps_order(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(Projection { input, .. }) => keeps_order(input),
        LogicalPlan::Limit(Limit { input, .. }) => is_ordered(input) && keeps_order(input),
        LogicalPlan::Sort(_) => true,
        other => Unpack::of(other).is_some_and(|unpack| keeps_order(unpack.input())),
    }
}
