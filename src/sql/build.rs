//! Short constructors for SQL syntax: quoted names, operators with the parentheses they need, one SELECT.

use std::fmt::Display;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, Cte, DataType, ExceptSelectItem, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, Interval, JoinConstraint,
    JoinOperator, LimitClause, ObjectName, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, Select,
    SelectFlavor, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, TypedString, UnaryOperator, Value,
    ValueWithSpan, WildcardAdditionalOptions, With,
};

use super::catalog::Type;

/// A quoted name.
pub(crate) fn ident(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// A column.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Identifier(ident(name))
}

/// A column of a stage.
pub(crate) fn qualified(stage: &str, name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![Ident::new(stage), ident(name)])
}

fn value(value: Value) -> Expr {
    Expr::Value(value.into())
}

/// A text literal.
pub(crate) fn text(literal: &str) -> Expr {
    value(Value::SingleQuotedString(literal.to_owned()))
}

/// A number literal, as written in SQL.
pub(crate) fn number(literal: impl Display) -> Expr {
    value(Value::Number(literal.to_string(), false))
}

/// `TRUE` or `FALSE`.
pub(crate) fn boolean(literal: bool) -> Expr {
    value(Value::Boolean(literal))
}

/// `NULL`.
pub(crate) fn null() -> Expr {
    value(Value::Null)
}

/// Whether an expression is the literal `NULL`.
pub(crate) fn is_null_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Null, .. }))
}

/// Whether an expression is a literal other than `NULL`.
pub(crate) fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(_) | Expr::TypedString(_)) && !is_null_literal(expr)
}

/// `name(args)`.
pub(crate) fn call(name: &str, args: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Function(function(name, args.into_iter().map(FunctionArgExpr::Expr), Vec::new()))
}

/// `name(*)`.
pub(crate) fn call_star(name: &str) -> Expr {
    Expr::Function(function(name, [FunctionArgExpr::Wildcard], Vec::new()))
}

/// `name(arg ORDER BY key)`.
pub(crate) fn call_ordered(name: &str, arg: Expr, key: OrderByExpr) -> Expr {
    let clause = FunctionArgumentClause::OrderBy(vec![key]);
    Expr::Function(function(name, [FunctionArgExpr::Expr(arg)], vec![clause]))
}

fn function(
    name: &str,
    args: impl IntoIterator<Item = FunctionArgExpr>,
    clauses: Vec<FunctionArgumentClause>,
) -> Function {
    let args = args.into_iter().map(FunctionArg::Unnamed).collect();
    Function {
        name: ObjectName::from(Ident::new(name)),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

/// An aggregate over the rows for which `filter` is true.
pub(crate) fn filtered(aggregate: Expr, filter: Option<&Expr>) -> Expr {
    match aggregate {
        Expr::Function(function) => {
            Expr::Function(Function { filter: filter.map(|f| Box::new(f.clone())), ..function })
        }
        other => other,
    }
}

/// `CAST(expr AS ty)`.
pub(crate) fn cast(expr: Expr, ty: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type: ty, array: false, format: None }
}

/// `TRY_CAST(expr AS ty)`: null where the value does not fit.
pub(crate) fn try_cast(expr: Expr, ty: DataType) -> Expr {
    Expr::Cast { kind: CastKind::TryCast, expr: Box::new(expr), data_type: ty, array: false, format: None }
}

/// `ty 'literal'`.
pub(crate) fn typed(ty: Type, literal: &str) -> Expr {
    Expr::TypedString(TypedString {
        data_type: ty.sql(),
        value: Value::SingleQuotedString(literal.to_owned()).into(),
        uses_odbc_syntax: false,
    })
}

/// `INTERVAL 'literal'`.
pub(crate) fn interval(literal: &str) -> Expr {
    Expr::Interval(Interval {
        value: Box::new(text(literal)),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}

/// `CASE WHEN condition THEN result .. ELSE otherwise END`.
pub(crate) fn case(arms: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: arms.into_iter().map(|(condition, result)| CaseWhen { condition, result }).collect(),
        else_result: otherwise.map(Box::new),
    }
}

/// How tightly an expression holds together; more is tighter.
fn tightness(expr: &Expr) -> u8 {
    match expr {
        Expr::BinaryOp { op, .. } => operator_tightness(op),
        Expr::UnaryOp { op: UnaryOperator::Not, .. } => 3,
        Expr::UnaryOp { .. } => 9,
        Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::IsNotDistinctFrom(..) => 4,
        Expr::InList { .. } => 5,
        Expr::Interval(_) | Expr::TypedString(_) => 9,
        _ => 10,
    }
}

fn operator_tightness(op: &BinaryOperator) -> u8 {
    match op {
        BinaryOperator::Or => 1,
        BinaryOperator::And => 2,
        BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::StringConcat => 6,
        BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => 7,
        _ => 5,
    }
}

fn nested(expr: Expr, at_least: u8) -> Box<Expr> {
    if tightness(&expr) < at_least { Box::new(Expr::Nested(Box::new(expr))) } else { Box::new(expr) }
}

/// `left op right`.
pub(crate) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    let own = operator_tightness(&op);
    // Comparisons do not chain, and `||` shares its level with `+`: both sides of these stand alone.
    let alone = own == 5 || op == BinaryOperator::StringConcat;
    let left_at_least = match (&left, alone) {
        (Expr::BinaryOp { op: inner, .. }, true) if *inner == op && own == 6 => own,
        (_, true) => own + 1,
        (_, false) => own,
    };
    // AND and OR may be grouped either way, so a chain of them needs no parentheses.
    let right_at_least = if own <= 2 { own } else { own + 1 };
    Expr::BinaryOp { left: nested(left, left_at_least), op, right: nested(right, right_at_least) }
}

/// `NOT expr`.
pub(crate) fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: nested(expr, 10) }
}

/// `left AND right`.
pub(crate) fn and(left: Expr, right: Expr) -> Expr {
    binary(left, BinaryOperator::And, right)
}

/// `left OR right`.
pub(crate) fn or(left: Expr, right: Expr) -> Expr {
    binary(left, BinaryOperator::Or, right)
}

/// `left IS NOT DISTINCT FROM right`: null is null.
pub(crate) fn not_distinct(left: Expr, right: Expr) -> Expr {
    Expr::IsNotDistinctFrom(nested(left, 6), nested(right, 6))
}

/// `-expr`.
pub(crate) fn minus(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Minus, expr: nested(expr, 10) }
}

/// `expr IS NULL` or `expr IS NOT NULL`.
pub(crate) fn is_null(expr: Expr, negated: bool) -> Expr {
    let expr = nested(expr, 6);
    if negated { Expr::IsNotNull(expr) } else { Expr::IsNull(expr) }
}

/// `expr IN (list)` or `expr NOT IN (list)`.
pub(crate) fn in_list(expr: Expr, list: Vec<Expr>, negated: bool) -> Expr {
    Expr::InList { expr: nested(expr, 6), list, negated }
}

/// `expr AS "name"`, or the bare column where that is its name.
pub(crate) fn item(expr: Expr, name: &str) -> SelectItem {
    match &expr {
        Expr::Identifier(ident) if ident.value == name => SelectItem::UnnamedExpr(expr),
        _ => SelectItem::ExprWithAlias { expr, alias: ident(name) },
    }
}

/// `*`, without the columns named.
pub(crate) fn star_except(names: &[String]) -> SelectItem {
    let mut names = names.iter().map(|name| ident(name));
    let opt_except =
        names.next().map(|first_element| ExceptSelectItem { first_element, additional_elements: names.collect() });
    SelectItem::Wildcard(WildcardAdditionalOptions { opt_except, ..Default::default() })
}

/// A key of ORDER BY with both options written out.
pub(crate) fn order_key(expr: Expr, descending: bool, nulls_first: bool) -> OrderByExpr {
    let options = OrderByOptions { asc: Some(!descending), nulls_first: Some(nulls_first) };
    OrderByExpr { expr, options, with_fill: None }
}

/// An earlier stage that is joined to the one that a stage reads.
pub(crate) struct Join {
    pub(crate) table: String,
    /// On what each row finds one of it; on nothing where it has one row.
    pub(crate) on: Option<Expr>,
}

impl Join {
    fn into_sql(self) -> datafusion::sql::sqlparser::ast::Join {
        let join_operator = match self.on {
            Some(on) => JoinOperator::LeftOuter(JoinConstraint::On(on)),
            None => JoinOperator::CrossJoin(JoinConstraint::None),
        };
        let relation = table(Ident::new(self.table));
        datafusion::sql::sqlparser::ast::Join { relation, global: false, join_operator }
    }
}

/// The parts of one SELECT that a stage may have.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) items: Vec<SelectItem>,
    /// The table or earlier stage; a stage of constants has none.
    pub(crate) from: String,
    pub(crate) join: Option<Join>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group_by: Vec<Expr>,
    pub(crate) order_by: Vec<OrderByExpr>,
    pub(crate) limit: Option<u64>,
}

impl Stage {
    /// The SELECT; `quote` where the table is a table of the lake and not an earlier stage.
    pub(crate) fn into_query(self, quote: bool) -> Query {
        let name = if quote { ident(&self.from) } else { Ident::new(&self.from) };
        let joins = self.join.map(Join::into_sql).into_iter().collect();
        let from = if self.from.is_empty() { vec![] } else { vec![TableWithJoins { relation: table(name), joins }] };
        let select = Select {
            select_token: AttachedToken::empty(),
            optimizer_hints: Vec::new(),
            distinct: None,
            select_modifiers: None,
            top: None,
            top_before_distinct: false,
            projection: self.items,
            exclude: None,
            into: None,
            from,
            lateral_views: Vec::new(),
            prewhere: None,
            selection: self.filter,
            connect_by: Vec::new(),
            group_by: GroupByExpr::Expressions(self.group_by, Vec::new()),
            cluster_by: Vec::new(),
            distribute_by: Vec::new(),
            sort_by: Vec::new(),
            having: None,
            named_window: Vec::new(),
            qualify: None,
            window_before_qualify: false,
            value_table_mode: None,
            flavor: SelectFlavor::Standard,
        };
        let order_by = (!self.order_by.is_empty())
            .then_some(OrderBy { kind: OrderByKind::Expressions(self.order_by), interpolate: None });
        let limit_clause =
            self.limit.map(|n| LimitClause::LimitOffset { limit: Some(number(n)), offset: None, limit_by: Vec::new() });
        Query {
            with: None,
            body: Box::new(SetExpr::Select(Box::new(select))),
            order_by,
            limit_clause,
            fetch: None,
            locks: Vec::new(),
            for_clause: None,
            settings: None,
            format_clause: None,
            pipe_operators: Vec::new(),
        }
    }
}

fn table(name: Ident) -> TableFactor {
    TableFactor::Table {
        name: ObjectName::from(name),
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// `name AS (query)`.
pub(crate) fn cte(name: &str, query: Query) -> Cte {
    Cte {
        alias: TableAlias { explicit: false, name: Ident::new(name), columns: Vec::new(), at: None },
        query: Box::new(query),
        from: None,
        materialized: None,
        closing_paren_token: AttachedToken::empty(),
    }
}

/// `WITH ctes query`.
pub(crate) fn with(ctes: Vec<Cte>, query: Query) -> Query {
    let with = With { with_token: AttachedToken::empty(), recursive: false, cte_tables: ctes };
    Query { with: Some(with), ..query }
}
