//! Plans a query over very many fields without those that it only carries along.
//!
//! A query that ends in `KEEP *` names every field of its table in several SELECTs, and DataFusion's SQL planner compares
//! each expression of a SELECT with every other one by their texts: thousands of fields take a minute. Fields that no
//! expression reads are left out of the query before it is planned, and added to the plan's nodes afterwards.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::{Column, DFSchema, Result, TableReference};
use datafusion::logical_expr::{Expr, Filter, Limit, LogicalPlan, Projection, Sort, SubqueryAlias};
use datafusion::sql::sqlparser::ast::{
    self, Query, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, visit_expressions,
};

/// Fewer fields are planned as they are written.
const MANY: usize = 200;

/// What a query carries along.
#[derive(Debug)]
pub(super) struct Carried {
    /// The fields, in the order of the first SELECT.
    fields: Vec<String>,
    /// The names of all columns of the result, in order.
    columns: Vec<String>,
}

impl Carried {
    /// The query without the fields that it carries along, and these; nothing where they are few.
    pub(super) fn split(query: &Query) -> Option<(Query, Self)> {
        let fields = carried(query)?;
        if fields.len() < MANY {
            return None;
        }
        let SetExpr::Select(last) = &*query.body else { return None };
        let columns = last.projection.iter().map(output).collect::<Option<Vec<String>>>()?;
        let known: HashSet<&str> = fields.iter().map(String::as_str).collect();
        let mut narrow = query.clone();
        for select in selects_mut(&mut narrow) {
            select.projection.retain(|item| !bare(item).is_some_and(|name| known.contains(name)));
            // A SELECT cannot be empty, and it is not known of what it could select one.
            if select.projection.is_empty() {
                return None;
            }
        }
        let shown: HashSet<&str> = columns.iter().map(String::as_str).collect();
        let fields = fields.into_iter().filter(|name| shown.contains(name.as_str())).collect();
        Some((narrow, Self { fields, columns }))
    }

    /// The plan of the query without these fields as the plan of the query with them; nothing where a node is met that
    /// cannot carry them.
    pub(super) fn widen(&self, plan: LogicalPlan) -> Result<Option<LogicalPlan>> {
        let names: HashSet<&str> = self.fields.iter().map(String::as_str).collect();
        let Some(wide) = through(plan, &names)? else { return Ok(None) };
        ordered(wide, &self.columns)
    }
}

/// The fields that the first SELECT over a table takes as they are, and that no expression of the query reads.
fn carried(query: &Query) -> Option<Vec<String>> {
    let selects: Vec<&ast::Select> = selects(query);
    let first = selects.first()?;
    let mut bare_uses: HashMap<&str, usize> = HashMap::new();
    let mut made: HashSet<&str> = HashSet::new();
    for select in &selects {
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => _ = made.insert(alias.value.as_str()),
                SelectItem::Wildcard(options)
                | SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), options) => {
                    let except = options.opt_except.iter();
                    made.extend(except.flat_map(|e| {
                        std::iter::once(&e.first_element)
                            .chain(&e.additional_elements)
                            .map(|ident| ident.value.as_str())
                    }));
                }
                _ => {}
            }
            if let Some(name) = bare(item) {
                *bare_uses.entry(name).or_default() += 1;
            }
        }
    }
    let mut uses: HashMap<String, usize> = HashMap::new();
    let _ = visit_expressions(query, |expr| {
        match expr {
            ast::Expr::Identifier(name) => *uses.entry(name.value.clone()).or_default() += 1,
            ast::Expr::CompoundIdentifier(parts) => {
                if let Some(last) = parts.last() {
                    *uses.entry(last.value.clone()).or_default() += 1;
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    let only_carried = |name: &&str| uses.get(*name) == bare_uses.get(*name) && !made.contains(*name);
    // One stays, so that no SELECT is empty.
    let fields = first.projection.iter().filter_map(bare).filter(only_carried).skip(1);
    Some(fields.map(str::to_owned).collect())
}

/// The SELECTs of the common table expressions, then the last one; nothing of a query of another shape.
fn selects(query: &Query) -> Vec<&ast::Select> {
    let parts = query.with.iter().flat_map(|with| with.cte_tables.iter().map(|cte| &*cte.query));
    let all = parts.chain(std::iter::once(query)).map(|query| match &*query.body {
        SetExpr::Select(select) => Some(&**select),
        _ => None,
    });
    all.collect::<Option<Vec<_>>>().unwrap_or_default()
}

fn selects_mut(query: &mut Query) -> Vec<&mut ast::Select> {
    let Query { with, body, .. } = query;
    let parts = with.iter_mut().flat_map(|with| with.cte_tables.iter_mut().map(|cte| &mut *cte.query.body));
    let all = parts.chain(std::iter::once(&mut **body));
    all.filter_map(|body| match body {
        SetExpr::Select(select) => Some(&mut **select),
        _ => None,
    })
    .collect()
}

/// The name of a column that is selected as it is.
fn bare(item: &SelectItem) -> Option<&str> {
    match item {
        SelectItem::UnnamedExpr(ast::Expr::Identifier(name)) => Some(&name.value),
        SelectItem::UnnamedExpr(ast::Expr::CompoundIdentifier(parts)) => parts.last().map(|name| name.value.as_str()),
        _ => None,
    }
}

/// The name under which an item is part of the result.
fn output(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        other => bare(other).map(str::to_owned),
    }
}

/// The node with the fields as further columns, from the table up; nothing where it cannot have them.
fn through(plan: LogicalPlan, names: &HashSet<&str>) -> Result<Option<LogicalPlan>> {
    let of_fields = plan.schema().fields().iter().filter(|field| names.contains(field.name().as_str())).count();
    if of_fields == names.len() {
        return Ok(Some(plan));
    }
    let below = |input: &Arc<LogicalPlan>| through(input.as_ref().clone(), names);
    Ok(match plan {
        LogicalPlan::Projection(projection) => match below(&projection.input)? {
            None => None,
            Some(input) => {
                let mut fields: Vec<(Option<TableReference>, FieldRef)> = projection
                    .schema
                    .iter()
                    .map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)))
                    .collect();
                let mut exprs = projection.expr.clone();
                for (qualifier, field) in input.schema().iter() {
                    if names.contains(field.name().as_str()) {
                        exprs.push(Expr::Column(Column::new(qualifier.cloned(), field.name())));
                        fields.push((qualifier.cloned(), Arc::clone(field)));
                    }
                }
                let schema = DFSchema::new_with_metadata(fields, projection.schema.metadata().clone())?;
                let projection = Projection::try_new_with_schema(exprs, Arc::new(input), Arc::new(schema))?;
                Some(LogicalPlan::Projection(projection))
            }
        },
        LogicalPlan::SubqueryAlias(alias) => match below(&alias.input)? {
            None => None,
            Some(input) => Some(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input), alias.alias)?)),
        },
        LogicalPlan::Filter(filter) => match below(&filter.input)? {
            None => None,
            Some(input) => Some(LogicalPlan::Filter(Filter::try_new(filter.predicate, Arc::new(input))?)),
        },
        LogicalPlan::Sort(sort) => {
            below(&sort.input)?.map(|input| LogicalPlan::Sort(Sort { input: Arc::new(input), ..sort }))
        }
        LogicalPlan::Limit(limit) => {
            below(&limit.input)?.map(|input| LogicalPlan::Limit(Limit { input: Arc::new(input), ..limit }))
        }
        LogicalPlan::Join(mut join) => match below(&join.left)? {
            None => None,
            Some(left) => {
                join.left = Arc::new(left);
                Some(LogicalPlan::Join(join).recompute_schema()?)
            }
        },
        LogicalPlan::Unnest(mut unnest) => match below(&unnest.input)? {
            None => None,
            Some(input) => {
                unnest.input = Arc::new(input);
                Some(LogicalPlan::Unnest(unnest).recompute_schema()?)
            }
        },
        _ => None,
    })
}

/// The plan with its columns in this order.
fn ordered(plan: LogicalPlan, columns: &[String]) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let mut named: HashMap<&str, (&Expr, (Option<TableReference>, FieldRef))> = HashMap::new();
            for (expr, (qualifier, field)) in projection.expr.iter().zip(projection.schema.iter()) {
                named.insert(field.name(), (expr, (qualifier.cloned(), Arc::clone(field))));
            }
            let found = columns.iter().map(|name| named.get(name.as_str()).cloned()).collect::<Option<Vec<_>>>();
            let Some(found) = found else { return Ok(None) };
            let (exprs, fields) = found.into_iter().map(|(expr, field)| (expr.clone(), field)).unzip();
            let schema = DFSchema::new_with_metadata(fields, projection.schema.metadata().clone())?;
            let projection = Projection::try_new_with_schema(exprs, projection.input, Arc::new(schema))?;
            Ok(Some(LogicalPlan::Projection(projection)))
        }
        LogicalPlan::Sort(sort) => {
            let input = ordered(sort.input.as_ref().clone(), columns)?;
            Ok(input.map(|input| LogicalPlan::Sort(Sort { input: Arc::new(input), ..sort })))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by it")]

    use std::num::NonZeroUsize;

    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::super::session::{Options, Scan, Session};
    use super::*;

    fn query(text: &str) -> Query {
        match Parser::parse_sql(&GenericDialect {}, text).unwrap().remove(0) {
            Statement::Query(query) => *query,
            other => unreachable!("{other}"),
        }
    }

    /// The same rows as without this detour, for queries of each shape that is lowered.
    #[test]
    fn the_rows_are_the_same() {
        let options =
            Options { threads: NonZeroUsize::MIN, memory_limit: 512 << 20, spill_dir: None, scan: Scan::default() };
        let session = Session::try_new(&options).unwrap();
        let names: Vec<String> = (0..300).map(|number| format!("f{number}")).collect();
        let row = |row: usize| {
            let values = names.iter().enumerate().map(|(at, name)| format!("{} AS {name}", at * row % 11));
            format!("SELECT {}", values.collect::<Vec<_>>().join(", "))
        };
        let all = names.join(", ");
        let of = |table: &str| names.iter().map(|name| format!("{table}.{name}")).collect::<Vec<_>>().join(", ");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let table = format!("CREATE TABLE t AS {} UNION ALL {} UNION ALL {}", row(1), row(2), row(5));
            session.context().sql(&table).await.unwrap().collect().await.unwrap();
            let from = format!("WITH a AS (SELECT {all} FROM t), b AS (SELECT * FROM a WHERE f7 > 1)");
            for rest in [
                format!("SELECT {all} FROM b"),
                format!("SELECT {all} FROM b ORDER BY f9 DESC, f8"),
                format!(", c AS (SELECT * EXCEPT (f5), f5 + 1 AS f5 FROM b) SELECT f5, {} FROM c", all.replace("f5, ", "")),
                format!(", c AS (SELECT *, f5 + f7 AS x FROM b) SELECT x, {all}, f3 AS y FROM c"),
                format!(
                    ", c AS (SELECT max(f4) AS m, f7 AS k FROM b GROUP BY f7), d AS (SELECT {}, c.m FROM b LEFT JOIN c \
                     ON b.f7 IS NOT DISTINCT FROM c.k) SELECT {all}, m FROM d",
                    of("b")
                ),
                format!(
                    ", c AS (SELECT * EXCEPT (f6), make_array(f6) AS l FROM b), d AS (SELECT * EXCEPT (l), unnest(l) AS f6 \
                     FROM c) SELECT {all} FROM d"
                ),
            ] {
                let text = format!("{from}{rest}");
                let state = session.context().state();
                let plan = async |query: Query| {
                    let statement = Statement::Query(Box::new(query));
                    let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement));
                    state.statement_to_plan(statement).await.unwrap()
                };
                let (narrow, carried) = Carried::split(&query(&text)).unwrap();
                assert!(narrow.to_string().len() < text.len() / 2, "{narrow}");
                let wide = carried.widen(plan(narrow).await).unwrap().unwrap();
                let straight = plan(query(&text)).await;
                assert_eq!(wide.schema().fields(), straight.schema().fields(), "{rest}");
                let mut given = Vec::new();
                for plan in [wide, straight] {
                    let rows = session.context().execute_logical_plan(plan).await.unwrap().collect().await.unwrap();
                    assert!(!rows.is_empty(), "{rest}");
                    given.push(pretty_format_batches(&rows).unwrap().to_string());
                }
                assert_eq!(given[0], given[1], "{rest}");
            }
        });
    }

    #[test]
    fn few_fields_and_other_shapes_stay() {
        assert!(Carried::split(&query("SELECT a, b FROM t")).is_none());
        assert!(Carried::split(&query("SELECT a FROM t UNION SELECT b FROM t")).is_none());
    }
}
