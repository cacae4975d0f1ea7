//! Columns inside of expressions: each gets its name, and a list is wrapped where one value is asked for.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, SelectItem, SetExpr, Value, Values,
    VisitorMut,
};

use crate::sql::build;

use super::relations::Relation;
use super::rewrite::Rewriter;

/// The name under which `single_value` stands while it is not certain that it stays.
const PENDING: &str = "\0single_value";

/// Functions that take lists; those that start with `array_`, `list_` or `mv_` do too.
const TAKES_LISTS: &[&str] = &[
    "arrow_typeof",
    "cardinality",
    "collect_set",
    "count",
    "count_distinct",
    "empty",
    "flatten",
    "make_array",
    "make_list",
    "single_value",
    "string_to_array",
    "to_ip",
    "unnest",
];

/// Functions whose result is a list where their argument is one.
const KEEPS_LISTS: &[&str] = &[
    "to_ip",
    "mv_cast",
    "mv_clean",
    "mv_dedupe",
    "mv_lower",
    "mv_sort",
    "mv_sort_ip",
    "mv_upper",
    "array_distinct",
    "array_sort",
    "list_distinct",
    "list_sort",
];

fn takes_lists(name: &str) -> bool {
    ["array_", "list_", "mv_"].iter().any(|prefix| name.starts_with(prefix)) || TAKES_LISTS.contains(&name)
}

/// Visits the expressions of one clause.
pub(super) struct Columns<'r, 'a> {
    pub(super) rewriter: &'r mut Rewriter<'a>,
    /// Subqueries that were rewritten on their own and are kept out of sight until the visit has passed.
    aside: Vec<(Query, Relation)>,
    /// The result of the subquery that was passed last.
    result: Relation,
}

impl<'r, 'a> Columns<'r, 'a> {
    pub(super) fn new(rewriter: &'r mut Rewriter<'a>) -> Self {
        Self { rewriter, aside: Vec::new(), result: Relation::default() }
    }
}

impl VisitorMut for Columns<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut own = std::mem::replace(query, nothing());
        let result = self.rewriter.query(&mut own);
        self.aside.push((own, result));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some((own, result)) = self.aside.pop() {
            *query = own;
            self.result = result;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let list = match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.rewriter.column(expr),
            Expr::IsNull(operand) | Expr::IsNotNull(operand) => {
                unwrap(operand);
                false
            }
            // What a subquery gives is compared as any other value.
            Expr::InSubquery { subquery, .. } | Expr::Subquery(subquery) => {
                one_value(&mut subquery.body, &self.result);
                false
            }
            // The parentheses go inside, so that what is around sees the wrapping.
            Expr::Nested(inner) => unwrap(inner),
            Expr::Function(function) => {
                let name = function.name.to_string().to_lowercase();
                let mut lists = false;
                if takes_lists(&name) {
                    for_each_argument(function, |argument| lists |= unwrap(argument));
                }
                lists && KEEPS_LISTS.contains(&name.as_str())
            }
            _ => false,
        };
        if list {
            wrap(expr);
        }
        ControlFlow::Continue(())
    }
}

/// Asks for the single value of an expression.
pub(super) fn wrap(expr: &mut Expr) {
    let list = std::mem::replace(expr, build::null());
    *expr = build::call(PENDING, [list]);
}

/// Asks for the single value of the only column of a subquery, where that is a list.
fn one_value(body: &mut SetExpr, result: &Relation) {
    match body {
        SetExpr::Query(query) => one_value(&mut query.body, result),
        SetExpr::SetOperation { left, right, .. } => {
            one_value(left, result);
            one_value(right, result);
        }
        SetExpr::Select(select) => {
            if let ([SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }], [column]) =
                (select.projection.as_mut_slice(), result.columns.as_slice())
                && column.multi
            {
                wrap(expr);
            }
        }
        _ => {}
    }
}

/// Takes back that the single value is asked for; whether it was.
pub(super) fn unwrap(expr: &mut Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    if function.name.to_string() != PENDING {
        return false;
    }
    let mut list = None;
    for_each_argument(function, |argument| list = Some(std::mem::replace(argument, build::null())));
    if let Some(list) = list {
        *expr = list;
    }
    true
}

fn for_each_argument(function: &mut Function, mut each: impl FnMut(&mut Expr)) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    for argument in &mut list.args {
        let (FunctionArg::Unnamed(argument)
        | FunctionArg::Named { arg: argument, .. }
        | FunctionArg::ExprNamed { arg: argument, .. }) = argument;
        if let FunctionArgExpr::Expr(expr) = argument {
            each(expr);
        }
    }
}

/// Lets what is still wrapped stay so.
pub(super) struct Settle;

impl VisitorMut for Settle {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && function.name.to_string() == PENDING
        {
            function.name = Ident::new("single_value").into();
        }
        ControlFlow::Continue(())
    }
}

/// A query without any expression.
fn nothing() -> Query {
    let values = Values { explicit_row: false, value_keyword: false, rows: Vec::new() };
    let stage = build::Stage::default().into_query(false);
    Query { body: Box::new(SetExpr::Values(values)), ..stage }
}

/// The number that an expression writes, if it is a whole one.
pub(super) fn whole_number(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}
