//! What the engine wants to know of the outermost query: its limit, its order, its groups.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, LimitClause, Query, Select, SelectItem, SetExpr, Visit, Visitor,
};

use super::columns::{unwrap, whole_number};
use super::rewrite::normal;

/// Functions that make one value of many rows.
const AGGREGATES: &[&str] = &[
    "any_value",
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "collect_set",
    "corr",
    "count",
    "count_distinct",
    "covar",
    "covar_pop",
    "covar_samp",
    "first_value",
    "grouping",
    "last_value",
    "max",
    "mean",
    "median",
    "min",
    "nth_value",
    "percentile_cont",
    "quantile_cont",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var",
    "var_pop",
    "var_population",
    "var_samp",
    "var_sample",
    "variance",
];

/// The limit of a query, taken out of it where it is a plain number.
pub(super) fn take_limit(query: &mut Query) -> Option<u64> {
    let Some(LimitClause::LimitOffset { limit: Some(limit), offset: None, limit_by }) = &query.limit_clause else {
        return None;
    };
    if !limit_by.is_empty() || query.fetch.is_some() {
        return None;
    }
    let limit = whole_number(limit)?;
    query.limit_clause = None;
    Some(limit)
}

/// The outermost SELECT, where the query is no set operation.
pub(super) fn select(query: &Query) -> Option<&Select> {
    match query.body.as_ref() {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(inner) => select_of(inner),
        _ => None,
    }
}

fn select_of(query: &Query) -> Option<&Select> {
    select(query)
}

/// Whether a SELECT's rows are groups.
pub(super) fn is_aggregating(select: &Select) -> bool {
    if is_grouped(select) {
        return true;
    }
    let mut finder = Finder { depth: 0, found: false };
    let _ = select.projection.visit(&mut finder);
    let _ = select.having.visit(&mut finder);
    finder.found
}

/// Whether a SELECT has a GROUP BY.
pub(super) fn is_grouped(select: &Select) -> bool {
    match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
    }
}

/// The columns of the result that are the keys of GROUP BY, if each key is selected as it is.
pub(super) fn group_key(select: &Select) -> Option<Vec<String>> {
    let GroupByExpr::Expressions(keys, modifiers) = &select.group_by else { return None };
    if keys.is_empty() || !modifiers.is_empty() {
        return None;
    }
    keys.iter().map(|key| selected_as(select, key)).collect()
}

fn selected_as(select: &Select, key: &Expr) -> Option<String> {
    if let Some(place) = whole_number(key) {
        let at = usize::try_from(place).ok()?.checked_sub(1)?;
        return select.projection.get(at).and_then(output_name);
    }
    let items = || select.projection.iter();
    let same = |item: &&SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => plain(expr) == plain(key),
        _ => false,
    };
    // An input column goes before an alias, as in the planner.
    let alias = |item: &&SelectItem| match (item, key) {
        (SelectItem::ExprWithAlias { alias, .. }, Expr::Identifier(name)) => normal(alias) == normal(name),
        _ => false,
    };
    items().find(same).or_else(|| items().find(alias)).and_then(output_name)
}

/// The expression without its wrapping and without the table before a column.
fn plain(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    unwrap(&mut expr);
    match expr {
        Expr::CompoundIdentifier(mut parts) if !parts.is_empty() => {
            parts.pop().map_or_else(|| Expr::CompoundIdentifier(Vec::new()), Expr::Identifier)
        }
        other => other,
    }
}

/// The name of an item's column, where it is told by the text.
pub(super) fn output_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(normal(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(normal(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(normal),
        _ => None,
    }
}

/// Looks for aggregates outside of subqueries.
struct Finder {
    depth: usize,
    found: bool,
}

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            let name = function.name.to_string().to_lowercase();
            let aggregate =
                AGGREGATES.contains(&name.as_str()) || function.filter.is_some() || !function.within_group.is_empty();
            self.found |= self.depth == 0 && function.over.is_none() && aggregate;
        }
        ControlFlow::Continue(())
    }
}
