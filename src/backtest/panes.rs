//! An aggregation over windows that are much longer than the interval between them, by panes.
//!
//! A pane is the events that the same executions see. They are aggregated once, by key and pane. What a window holds
//! of a key changes only where a pane enters it or leaves it: for each of these edges the panes of the window are
//! combined, by a window function that slides over them. The rows between two edges are the same, and only those that
//! later conditions keep are given to each execution.
//!
//! | aggregate | of a pane | of the panes of a window |
//! |---|---|---|
//! | `count(x)` | `count(x)` | `sum`, 0 for none |
//! | `sum(x)` of whole numbers | `sum(x)` | `sum` |
//! | `min(x)`, `max(x)` | the same | the same |
//! | `avg(x)` of whole numbers | `sum(x)` as a decimal, `count(x)` | `sum / sum` |
//! | `collect_set(x)` | `collect_set(x)` | `collect_set` |
//! | `count_distinct(x)` | `collect_set(x)` | `count_distinct` |
//!
//! Any other aggregate is refused: each event is then given to each execution that sees it. Sums of fractions are, since
//! what was added is taken away again when a pane leaves, which is not exact.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::functions::core::expr_fn::{coalesce, get_field};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::lead_lag::lead_udwf;
use datafusion::logical_expr::expr::{
    AggregateFunction, AggregateFunctionParams, WindowFunction, WindowFunctionParams,
};
use datafusion::logical_expr::{
    Aggregate, AggregateUDF, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowFunctionDefinition, cast, lit, when,
};

use super::times::{MARK_EDGE, MARK_TIME, Panes};
use super::widen::{Wide, Widen, Widened, dropping, refuse};

/// The time of a pane, or of an edge.
const TIME: &str = "__pane";
/// Whether a row is an edge.
const EDGE: &str = "__edge";
/// A pane or an edge, as one value.
const MARK: &str = "__mark";
/// How many panes a window holds.
const LIVE: &str = "__live";
/// The edge behind this one.
const NEXT: &str = "__next";

/// An aggregate as its parts: what is computed of each pane, and how the panes of a window are combined.
struct Parts {
    of_pane: Vec<Expr>,
    combine: Vec<Arc<AggregateUDF>>,
    finish: fn(Vec<Expr>) -> Expr,
}

impl Widen<'_> {
    /// The rows of an aggregation over `input`, whose column `pane` says which pane an event lies in: for each
    /// execution.
    pub(super) fn by_panes(
        &self,
        aggregate: &Aggregate,
        panes: &Panes,
        input: LogicalPlan,
        pane: &Column,
        keys: Vec<Expr>,
        values: &[Expr],
    ) -> Widened<Wide> {
        let parts = values.iter().map(|v| parts(v, panes, input.schema())).collect::<Result<Vec<_>, _>>()?;
        for key in &keys {
            if key.get_type(input.schema())?.is_floating() {
                return refuse("a key of fractions over panes");
            }
        }
        let key_names: Vec<String> = (0..keys.len()).map(|at| format!("__key_{at}")).collect();
        let part_name = |at: usize, part: usize| format!("__part_{at}_{part}");
        let column = |name: &str| Expr::Column(Column::from_name(name));

        // Keys and panes, aggregated once.
        let named = |(key, name): (Expr, &String)| key.alias(name);
        let mut groups: Vec<Expr> = keys.into_iter().zip(&key_names).map(named).collect();
        groups.push(Expr::Column(pane.clone()).alias(TIME));
        let of_panes = parts.iter().enumerate().flat_map(|(at, parts)| {
            parts.of_pane.iter().enumerate().map(move |(part, expr)| expr.clone().alias(part_name(at, part)))
        });
        let of_panes: Vec<Expr> = of_panes.collect();
        let counted = LogicalPlanBuilder::from(input).aggregate(groups, of_panes)?.build()?;
        let part_columns: Vec<String> =
            parts.iter().enumerate().flat_map(|(at, p)| (0..p.of_pane.len()).map(move |i| part_name(at, i))).collect();

        // Each pane, and the edges where it enters the windows and has left them. Edges hold no values.
        let mut row: Vec<Expr> = key_names.iter().map(|name| column(name)).collect();
        row.push(panes.marks(column(TIME)).alias(MARK));
        row.extend(part_columns.iter().map(|name| column(name)));
        let mut marked = LogicalPlanBuilder::from(counted.clone())
            .project(row)?
            .unnest_column_with_options(Column::from_name(MARK), dropping())?;
        let mark = |field: &str| get_field(column(MARK), field);
        let mut row: Vec<Expr> = key_names.iter().map(|name| column(name)).collect();
        row.extend([mark(MARK_TIME).alias(TIME), mark(MARK_EDGE).alias(EDGE)]);
        let mut first = vec![lit(panes.first_edge()).alias(TIME), lit(true).alias(EDGE)];
        for name in &part_columns {
            let data_type = counted.schema().field_with_unqualified_name(name)?.data_type();
            let nothing = lit(ScalarValue::try_from(data_type)?);
            row.push(when(mark(MARK_EDGE), nothing.clone()).otherwise(column(name))?.alias(name));
            first.push(nothing.alias(name));
        }
        marked = marked.project(row)?;
        if key_names.is_empty() {
            // Without keys there is a row also where a window holds nothing.
            marked = marked.union(LogicalPlanBuilder::empty(true).project(first)?.build()?)?;
        }
        let together = marked.build()?;

        // What the window that ends at an edge holds.
        let partition: Vec<Expr> = key_names.iter().map(|name| column(name)).collect();
        let over = |fun: WindowFunctionDefinition, args: Vec<Expr>, window_frame: WindowFrame| {
            Expr::from(WindowFunction {
                fun,
                params: WindowFunctionParams {
                    args,
                    partition_by: partition.clone(),
                    order_by: vec![column(TIME).sort(true, false)],
                    window_frame,
                    filter: None,
                    null_treatment: None,
                    distinct: false,
                },
            })
        };
        let frame = || {
            let length = WindowFrameBound::Preceding(ScalarValue::Int64(Some(panes.length())));
            WindowFrame::new_bounds(WindowFrameUnits::Range, length, WindowFrameBound::CurrentRow)
        };
        let sliding = |function: &Arc<AggregateUDF>, name: &str| {
            let fun = WindowFunctionDefinition::AggregateUDF(Arc::clone(function));
            over(fun, vec![column(name)], frame()).alias(format!("{name}_all"))
        };
        let mut sums = Vec::new();
        for (at, parts) in parts.iter().enumerate() {
            let combine = parts.combine.iter().enumerate();
            sums.extend(combine.map(|(part, function)| sliding(function, &part_name(at, part))));
        }
        let is_pane = when(column(EDGE), lit(0_i64)).otherwise(lit(1_i64))?;
        let count = WindowFunctionDefinition::AggregateUDF(sum_udaf());
        sums.push(over(count, vec![is_pane], frame()).alias(LIVE));
        let next =
            over(WindowFunctionDefinition::WindowUDF(lead_udwf()), vec![column(TIME)], WindowFrame::new(Some(true)));
        let mut builder =
            LogicalPlanBuilder::from(together).window(sums)?.filter(column(EDGE))?.window(vec![next.alias(NEXT)])?;
        if !key_names.is_empty() {
            builder = builder.filter(column(LIVE).gt(lit(0_i64)))?;
        }

        // The columns of the aggregation, and the executions up to the next edge: of edges at the same time the last
        // one has them, since the others are followed by themselves.
        let execution = self.fresh();
        let mut row = Vec::new();
        let (group_fields, value_fields): (Vec<_>, Vec<_>) = {
            let mut fields: Vec<_> = aggregate.schema.iter().collect();
            let values = fields.split_off(key_names.len());
            (fields, values)
        };
        for ((qualifier, field), name) in group_fields.into_iter().zip(&key_names) {
            row.push(column(name).alias_qualified(qualifier.cloned(), field.name()));
        }
        for (at, ((qualifier, field), parts)) in value_fields.into_iter().zip(&parts).enumerate() {
            let all = (0..parts.of_pane.len()).map(|part| column(&format!("{}_all", part_name(at, part))));
            let value = (parts.finish)(all.collect());
            row.push(cast(value, field.data_type().clone()).alias_qualified(qualifier.cloned(), field.name()));
        }
        row.push(panes.span(column(TIME), column(NEXT)).alias(&execution));
        let plan =
            builder.project(row)?.unnest_column_with_options(Column::from_name(&execution), dropping())?.build()?;
        Ok(Wide::new(plan, Some(Column::from_name(execution))))
    }
}

/// A whole number as a decimal.
fn decimal(number: Expr) -> Expr {
    cast(number, DataType::Decimal128(20, 0))
}

/// The parts of an aggregate.
fn parts(value: &Expr, panes: &Panes, schema: &DFSchema) -> Widened<Parts> {
    let mut inner = value;
    while let Expr::Alias(alias) = inner {
        inner = &alias.expr;
    }
    let Expr::AggregateFunction(AggregateFunction { func, params }) = inner else {
        return refuse(format!("{value} over panes"));
    };
    if params.distinct || !params.order_by.is_empty() || params.null_treatment.is_some() {
        return refuse(format!("{}() with DISTINCT or an order over panes", func.name()));
    }
    let argument = params.args.first().map(|arg| arg.get_type(schema)).transpose()?;
    let whole = argument.as_ref().is_some_and(DataType::is_signed_integer);
    let with = |func: Arc<AggregateUDF>, args: Vec<Expr>| {
        let params = AggregateFunctionParams { args, ..params.clone() };
        Expr::AggregateFunction(AggregateFunction { func, params })
    };
    let same = || with(Arc::clone(func), params.args.clone());
    let only: fn(Vec<Expr>) -> Expr = |mut all| all.pop().unwrap_or_else(|| lit(ScalarValue::Null));
    Ok(match func.name() {
        "count" => Parts {
            of_pane: vec![same()],
            combine: vec![sum_udaf()],
            finish: |mut all| {
                all.push(lit(0_i64));
                coalesce(all)
            },
        },
        "sum" if whole => Parts { of_pane: vec![same()], combine: vec![sum_udaf()], finish: only },
        "min" | "max" if argument.as_ref().is_some_and(|t| !t.is_floating() && !t.is_nested()) => {
            Parts { of_pane: vec![same()], combine: vec![Arc::clone(func)], finish: only }
        }
        "avg" if whole => Parts {
            // A sum of 64 bits may overflow where the mean does not.
            of_pane: vec![
                with(sum_udaf(), params.args.iter().cloned().map(decimal).collect()),
                with(count_udaf(), params.args.clone()),
            ],
            combine: vec![sum_udaf(), sum_udaf()],
            finish: |all| {
                let mut all = all.into_iter().map(|sum| cast(sum, DataType::Float64));
                all.next().zip(all.next()).map_or_else(|| lit(ScalarValue::Null), |(sum, count)| sum / count)
            },
        },
        "collect_set" => Parts { of_pane: vec![same()], combine: vec![Arc::clone(func)], finish: only },
        "count_distinct" => Parts {
            of_pane: vec![with(panes.set(), params.args.clone())],
            combine: vec![Arc::clone(func)],
            finish: only,
        },
        other => return refuse(format!("{other}() over panes")),
    })
}
