//! A query over very many fields, most of which it only carries along.
//!
//! A query that ends in `KEEP *` names every field of its table in several SELECTs, and DataFusion's planner compares
//! columns with each other: thousands of fields take minutes. Fields that no expression reads come from the table as the
//! members of one column, pass through the plan as that, and are columns again above it ([`Unpack`]).

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Ident, Query, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, visit_expressions,
};

use crate::lake::PACKED;
use crate::sql::lowered::Lowered;

/// Fewer fields are planned as they are written.
const MANY: usize = 200;

/// The same with the fields that it only carries along packed, where they are many. A query that was written as SQL stays
/// as it is: it may mean columns without naming them (NATURAL JOIN, ORDER BY ALL).
pub(super) fn packed(mut lowered: Lowered) -> Lowered {
    if lowered.columns.is_empty() {
        return lowered;
    }
    let [used] = lowered.tables.as_mut_slice() else { return lowered };
    let Some(found) = split(&lowered.query, &used.name, &used.metadata) else { return lowered };
    let Split { query, fields, columns } = found;
    lowered.query = query;
    if !fields.is_empty() {
        used.packed = fields;
        lowered.unpacked = Some(columns);
    }
    lowered
}

/// A query and what it carries along.
struct Split {
    query: Query,
    /// The fields that it carries to its end.
    fields: Vec<String>,
    /// The names of all columns of the result, in order.
    columns: Vec<String>,
}

/// The query with the fields that it carries along as members of [`PACKED`]; nothing where they are few, or where their
/// way is not known.
fn split(query: &Query, table: &str, metadata: &[String]) -> Option<Split> {
    let mut fields = carried(query, table)?;
    fields.retain(|name| !metadata.contains(name));
    if fields.len() < MANY {
        return None;
    }
    let SetExpr::Select(last) = &*query.body else { return None };
    let columns = last.projection.iter().map(output).collect::<Option<Vec<String>>>()?;
    let all: HashSet<String> = fields.iter().cloned().collect();
    let shown: HashSet<&str> = columns.iter().map(String::as_str).collect();
    fields.retain(|name| shown.contains(name.as_str()));
    let kept: HashSet<&str> = fields.iter().map(String::as_str).collect();
    let mut narrow = query.clone();
    for select in selects_mut(&mut narrow) {
        let mut items = Vec::with_capacity(select.projection.len().min(MANY));
        let mut here = 0;
        for item in &select.projection {
            match bare(item) {
                Some(name) if kept.contains(name) => {
                    here += 1;
                    if here == 1 {
                        items.push(pack_of(item));
                    }
                }
                Some(name) if all.contains(name) => {}
                _ => items.push(item.clone()),
            }
        }
        // All come together, or none; and a SELECT cannot be empty.
        if (here != 0 && here != kept.len()) || items.is_empty() {
            return None;
        }
        select.projection = items;
    }
    Some(Split { query: narrow, fields, columns })
}

/// The column with the packed fields, of the relation that the item is of.
fn pack_of(item: &SelectItem) -> SelectItem {
    let name = Ident::with_quote('"', PACKED);
    SelectItem::UnnamedExpr(match item {
        SelectItem::UnnamedExpr(ast::Expr::CompoundIdentifier(parts))
        | SelectItem::ExprWithAlias { expr: ast::Expr::CompoundIdentifier(parts), .. } => {
            let relation = parts.iter().take(parts.len().saturating_sub(1)).cloned();
            ast::Expr::CompoundIdentifier(relation.chain([name]).collect())
        }
        _ => ast::Expr::Identifier(name),
    })
}

/// The fields that the first SELECT over a table takes as they are, and that no expression of the query reads.
fn carried(query: &Query, table: &str) -> Option<Vec<String>> {
    let selects: Vec<&ast::Select> = selects(query);
    let first = selects.first()?;
    if !is_over(first, table) {
        return None;
    }
    let mut bare_uses: HashMap<&str, usize> = HashMap::new();
    let mut made: HashSet<&str> = HashSet::new();
    for select in &selects {
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } if bare(item).is_none() => {
                    made.insert(alias.value.as_str());
                }
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
    let fields = first.projection.iter().filter_map(bare).filter(only_carried);
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
    fn name(expr: &ast::Expr) -> Option<&str> {
        match expr {
            ast::Expr::Identifier(name) => Some(name.value.as_str()),
            ast::Expr::CompoundIdentifier(parts) => parts.last().map(|name| name.value.as_str()),
            _ => None,
        }
    }
    match item {
        SelectItem::UnnamedExpr(expr) => name(expr),
        SelectItem::ExprWithAlias { expr, alias } => name(expr).filter(|name| *name == alias.value),
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

/// Whether a SELECT reads the table alone.
fn is_over(select: &ast::Select, table: &str) -> bool {
    match select.from.as_slice() {
        [only] if only.joins.is_empty() => match &only.relation {
            TableFactor::Table { name, .. } => {
                matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|ident| ident.value == table))
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by it")]

    use std::num::NonZeroUsize;

    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::logical_expr::LogicalPlan;
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::super::session::{Options, Scan, Session};
    use super::super::unpack::Unpack;
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
        let of =
            |table: &str| names.iter().map(|name| format!("{table}.{name} AS {name}")).collect::<Vec<_>>().join(", ");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let table = format!("CREATE TABLE flat AS {} UNION ALL {} UNION ALL {}", row(1), row(2), row(5));
            session.context().sql(&table).await.unwrap().collect().await.unwrap();
            session.context().sql("CREATE VIEW t AS SELECT * FROM flat").await.unwrap();
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
                let Split { query: narrow, fields, columns } = split(&query(&text), "t", &[]).unwrap();
                assert!(fields.len() > 290 && narrow.to_string().len() < text.len() / 2, "{narrow}");
                let straight = plan(query(&text)).await;
                let read = names.iter().filter(|name| !fields.contains(name)).cloned();
                let members = fields.iter().map(|name| format!("'{name}', {name}")).collect::<Vec<_>>().join(", ");
                let view = read.chain([format!("named_struct({members}) AS \"{PACKED}\"")]).collect::<Vec<_>>();
                let view = format!("CREATE OR REPLACE VIEW t AS SELECT {} FROM flat", view.join(", "));
                session.context().sql(&view).await.unwrap();
                let wide = Unpack::plan(plan(narrow).await, columns).unwrap();
                let names = |plan: &LogicalPlan| plan.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
                assert_eq!(names(&wide), names(&straight), "{rest}");
                let mut given = Vec::new();
                for plan in [wide, straight] {
                    let rows = session.context().execute_logical_plan(plan).await.unwrap().collect().await.unwrap();
                    assert!(!rows.is_empty(), "{rest}");
                    given.push(pretty_format_batches(&rows).unwrap().to_string());
                }
                session.context().sql("CREATE OR REPLACE VIEW t AS SELECT * FROM flat").await.unwrap();
                assert_eq!(given[0], given[1], "{rest}");
            }
        });
    }

    #[test]
    fn few_fields_and_other_shapes_stay() {
        let many = (0..300).map(|number| format!("f{number}")).collect::<Vec<_>>().join(", ");
        let is_split = |text: &str| split(&query(text), "t", &[]).is_some();
        assert!(is_split(&format!("SELECT {many} FROM t")));
        assert!(!is_split("SELECT a, b FROM t"));
        assert!(!is_split(&format!("SELECT {many} FROM t UNION SELECT {many} FROM t")));
        assert!(!is_split(&format!("SELECT {many} FROM t JOIN u ON a = b")));
        assert!(!is_split(&format!("SELECT {many} FROM u")));
    }
}
