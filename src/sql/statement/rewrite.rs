//! Tables and fields of a query, found and named: the query as the engine plans it.

use std::collections::{HashMap, HashSet};

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Ident, ObjectName, OrderBy, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, TableWithJoins, VisitMut,
    WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::tokenizer::Span as SqlSpan;

use crate::diagnostic::{Code, Diagnostic};
use crate::esql::ast;

use crate::sql::build;
use crate::sql::catalog::{Catalog, Field, Source, Type};
use crate::sql::lowered::{Lowered, TableUse};

use super::columns::{Columns, Settle, unwrap};
use super::outermost::{self, is_grouped, output_name};
use super::relations::{Frame, Output, Relation};
use super::tokens::{Chains, Places};

/// Columns that every table has beside its fields.
const METADATA: &[&str] = &["_id", "_index", "_version", "_source", "_ignored"];

/// Rewrites a query that passed the guard.
pub(super) fn rewrite(
    mut query: Query,
    chains: &Chains,
    places: &Places<'_>,
    catalog: &dyn Catalog,
) -> Result<Lowered, Vec<Diagnostic>> {
    let mut rewriter = Rewriter {
        chains,
        places,
        catalog,
        tables: Vec::new(),
        sources: Vec::new(),
        frames: Vec::new(),
        ctes: Vec::new(),
        diagnostics: Vec::new(),
        warned: HashSet::new(),
    };
    rewriter.query(&mut query);
    let Rewriter { tables, diagnostics, .. } = rewriter;
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let limit = outermost::take_limit(&mut query);
    let select = outermost::select(&query);
    let aggregating = select.is_some_and(outermost::is_aggregating);
    let group_key = select.and_then(outermost::group_key);
    let _ = query.visit(&mut Settle);
    Ok(Lowered {
        ordered: query.order_by.is_some(),
        query,
        limit,
        tables,
        columns: Vec::new(),
        aggregating,
        group_key,
        expanded: Vec::new(),
        hidden: 0,
        origin: Vec::new(),
        unpacked: None,
        warnings: diagnostics,
    })
}

/// Walks over queries from the outside in.
pub(super) struct Rewriter<'a> {
    chains: &'a Chains,
    places: &'a Places<'a>,
    catalog: &'a dyn Catalog,
    tables: Vec<TableUse>,
    /// What the catalog told of each table.
    sources: Vec<Source>,
    /// The SELECTs around the place at work, the nearest last.
    frames: Vec<Frame>,
    /// Common table expressions in sight, the nearest last.
    ctes: Vec<HashMap<String, Relation>>,
    diagnostics: Vec<Diagnostic>,
    warned: HashSet<String>,
}

impl Rewriter<'_> {
    /// Rewrites a query; its result as a relation.
    pub(super) fn query(&mut self, query: &mut Query) -> Relation {
        self.ctes.push(HashMap::new());
        if let Some(with) = &mut query.with {
            let recursive = with.recursive;
            for cte in &mut with.cte_tables {
                let name = normal(&cte.alias.name);
                if recursive {
                    self.declare(name.clone(), Relation { open: true, ..Relation::default() });
                }
                let mut relation = self.query(&mut cte.query);
                for (column, alias) in relation.columns.iter_mut().zip(&cte.alias.columns) {
                    column.name = normal(&alias.name);
                }
                self.declare(name, relation);
            }
        }
        let (mut frame, result) = self.body(&mut query.body);
        frame.outputs_first = true;
        self.frames.push(frame);
        if let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = &mut query.order_by {
            for key in keys {
                self.visit(&mut key.expr);
            }
        }
        if let Some(limit) = &mut query.limit_clause {
            self.visit(limit);
        }
        self.frames.pop();
        self.ctes.pop();
        result
    }

    fn declare(&mut self, name: String, relation: Relation) {
        if let Some(ctes) = self.ctes.last_mut() {
            ctes.insert(name, relation);
        }
    }

    /// The frame that ORDER BY sees, and the result.
    fn body(&mut self, body: &mut SetExpr) -> (Frame, Relation) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => {
                let result = self.query(query);
                (Frame { outputs: result.columns.clone(), ..Frame::default() }, result)
            }
            SetExpr::SetOperation { left, right, .. } => {
                let (_, result) = self.body(left);
                self.body(right);
                (Frame { outputs: result.columns.clone(), ..Frame::default() }, result)
            }
            other => {
                self.frames.push(Frame::default());
                self.visit(other);
                self.frames.pop();
                (Frame::default(), Relation { open: true, ..Relation::default() })
            }
        }
    }

    fn select(&mut self, select: &mut Select) -> (Frame, Relation) {
        self.frames.push(Frame::default());
        for table in &mut select.from {
            self.table_with_joins(table);
        }
        let one_value = is_grouped(select) || matches!(select.distinct, Some(Distinct::Distinct | Distinct::On(_)));
        let mut result = Relation::default();
        for item in &mut select.projection {
            self.item(item, one_value, &mut result);
        }
        self.visit(&mut select.selection);
        let declared = select.projection.iter().filter_map(|item| {
            let name = output_name(item)?;
            result.find(&name).cloned()
        });
        let declared: Vec<Output> = declared.collect();
        if let Some(frame) = self.frames.last_mut() {
            frame.outputs = declared;
        }
        self.visit(&mut select.distinct);
        self.visit(&mut select.group_by);
        if let Some(frame) = self.frames.last_mut() {
            frame.outputs_first = true;
        }
        self.visit(&mut select.having);
        self.visit(&mut select.qualify);
        self.visit(&mut select.named_window);
        self.visit(&mut select.sort_by);
        (self.frames.pop().unwrap_or_default(), result)
    }

    /// Rewrites one item of a SELECT, and adds its columns to the result.
    fn item(&mut self, item: &mut SelectItem, one_value: bool, result: &mut Relation) {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                let bare = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                self.visit(expr);
                let mut plain = expr.clone();
                let list = unwrap(&mut plain);
                let multi = list && !one_value;
                let name = match &*item {
                    SelectItem::ExprWithAlias { alias, .. } => Some(normal(alias)),
                    _ => output_name(&SelectItem::UnnamedExpr(plain.clone())),
                };
                if multi {
                    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                        *expr = plain;
                    }
                } else if let (SelectItem::UnnamedExpr(expr), true, Some(name)) = (&mut *item, list && bare, &name) {
                    let expr = std::mem::replace(expr, build::null());
                    *item = SelectItem::ExprWithAlias { expr, alias: build::ident(name) };
                }
                if let Some(name) = name {
                    result.columns.push(Output { name, multi });
                }
            }
            SelectItem::ExprWithAliases { expr, aliases } => {
                self.visit(expr);
                let names = aliases.iter().map(|alias| Output { name: normal(alias), multi: false });
                result.columns.extend(names);
            }
            SelectItem::Wildcard(options) => self.wildcard(None, options, result),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                let qualifier = name.0.last().and_then(|part| part.as_ident()).map(normal);
                self.wildcard(qualifier.as_deref(), options, result);
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(expr), _) => {
                self.visit(expr);
                result.open = true;
            }
        }
    }

    /// `*`: every column of every relation, or of the one named.
    fn wildcard(&mut self, qualifier: Option<&str>, options: &mut WildcardAdditionalOptions, result: &mut Relation) {
        self.visit(options);
        let excepted: HashSet<String> = options
            .opt_except
            .iter()
            .flat_map(|except| std::iter::once(&except.first_element).chain(&except.additional_elements))
            .map(normal)
            .collect();
        let Some(frame) = self.frames.last() else { return };
        for relation in frame.relations.iter().filter(|r| qualifier.is_none_or(|q| r.qualifier == q)) {
            let columns = relation.columns.iter().filter(|column| !excepted.contains(&column.name));
            result.columns.extend(columns.cloned());
            result.table = result.table.or(relation.table);
            result.open |= relation.open;
            if let Some(used) = relation.table.and_then(|table| self.tables.get_mut(table)) {
                used.all_fields = true;
            }
        }
    }

    fn table_with_joins(&mut self, table: &mut TableWithJoins) {
        self.table(&mut table.relation);
        for join in &mut table.joins {
            self.table(&mut join.relation);
            self.visit(&mut join.join_operator);
        }
    }

    fn table(&mut self, factor: &mut TableFactor) {
        let relation = match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let Some(relation) = self.named_table(name) else { return };
                match alias {
                    Some(alias) => renamed(relation, alias),
                    None => relation,
                }
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let relation = self.query(subquery);
                match alias {
                    Some(alias) => renamed(relation, alias),
                    None => relation,
                }
            }
            TableFactor::NestedJoin { table_with_joins, .. } => return self.table_with_joins(table_with_joins),
            TableFactor::Table { args, alias, .. } => {
                let alias = alias.clone();
                self.visit(args);
                unknown(alias.as_ref())
            }
            TableFactor::UNNEST { array_exprs, alias, .. } => {
                for expr in array_exprs.iter_mut() {
                    self.visit(expr);
                    unwrap(expr);
                }
                unknown(alias.as_ref())
            }
            TableFactor::TableFunction { expr, alias } => {
                self.visit(expr);
                unknown(alias.as_ref())
            }
            TableFactor::Function { args, alias, .. } => {
                self.visit(args);
                unknown(alias.as_ref())
            }
            _ => Relation { open: true, ..Relation::default() },
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.relations.push(relation);
        }
    }

    /// A common table expression, or a table of the lake.
    fn named_table(&mut self, name: &mut ObjectName) -> Option<Relation> {
        let ident = match name.0.as_slice() {
            [part] => part.as_ident()?.clone(),
            _ => Ident::new(name.to_string()),
        };
        let qualifier = normal(&ident);
        if let Some(found) = self.ctes.iter().rev().find_map(|ctes| ctes.get(&qualifier)) {
            return Some(Relation { qualifier, ..found.clone() });
        }
        let span = self.places.span(ident.span);
        let patterns: Vec<ast::Ident> =
            ident.value.split(',').map(|pattern| ast::Ident { text: pattern.trim().to_owned(), span }).collect();
        let source = match self.catalog.source(&patterns) {
            Ok(source) => source,
            Err(mistake) => {
                self.diagnostics.push(mistake);
                // Its columns are not known, and not worth further words.
                let relation = Relation { qualifier, open: true, ..Relation::default() };
                if let Some(frame) = self.frames.last_mut() {
                    frame.relations.push(relation);
                }
                return None;
            }
        };
        *name = ObjectName::from(Ident { span: ident.span, ..build::ident(&source.name) });
        let columns =
            source.fields.iter().map(|field| Output { name: field.name.clone(), multi: field.multi }).collect();
        let table = self.tables.iter().position(|used| used.name == source.name).unwrap_or_else(|| {
            self.tables.push(TableUse {
                name: source.name.clone(),
                patterns: patterns.into_iter().map(|pattern| pattern.text).collect(),
                wanted: Vec::new(),
                metadata: Vec::new(),
                all_fields: false,
                packed: Vec::new(),
            });
            self.sources.push(source);
            self.tables.len() - 1
        });
        Some(Relation { qualifier, columns, table: Some(table), open: false })
    }

    /// Rewrites the columns of a clause.
    fn visit(&mut self, clause: &mut impl VisitMut) {
        let _ = clause.visit(&mut Columns::new(self));
    }

    /// Names the column that an expression is; whether it is a list.
    pub(super) fn column(&mut self, expr: &mut Expr) -> bool {
        let parts = match expr {
            Expr::Identifier(ident) => self.parts(ident),
            Expr::CompoundIdentifier(parts) => parts.clone(),
            _ => return false,
        };
        if let [qualifier, rest @ ..] = parts.as_slice()
            && !rest.is_empty()
        {
            let name = normal(qualifier);
            let known = self.frames.iter().flat_map(|frame| &frame.relations).any(|r| r.qualifier == name);
            if known {
                let column = joined(rest);
                let multi = self.qualified(&name, &column);
                *expr = Expr::CompoundIdentifier(vec![qualifier.clone(), column]);
                return multi;
            }
        }
        let mut ident = joined(&parts);
        let multi = self.unqualified(&mut ident);
        *expr = Expr::Identifier(ident);
        multi
    }

    /// The parts of a name as its author wrote them.
    fn parts(&self, ident: &Ident) -> Vec<Ident> {
        match self.chains.get(&ident.span.start) {
            Some(parts) if parts.len() > 1 => parts
                .iter()
                .map(|part| Ident {
                    value: part.text.clone(),
                    quote_style: part.quoted.then_some('"'),
                    span: ident.span,
                })
                .collect(),
            _ => vec![ident.clone()],
        }
    }

    fn qualified(&mut self, qualifier: &str, column: &Ident) -> bool {
        let relations = self.frames.iter().rev().flat_map(|frame| frame.relations.iter().rev());
        let Some(relation) = relations.into_iter().find(|relation| relation.qualifier == qualifier) else {
            return false;
        };
        let name = normal(column);
        if let Some(found) = relation.find(&name) {
            return found.multi;
        }
        let (table, open) = (relation.table, relation.open);
        match table {
            Some(table) if !open => self.unlisted(table, &name, column),
            _ => false,
        }
    }

    fn unqualified(&mut self, ident: &mut Ident) -> bool {
        let exact = ident.value.clone();
        let upper = ident.quote_style.is_none() && exact.chars().any(char::is_uppercase);
        if upper && self.frames.iter().flat_map(|frame| &frame.relations).any(|r| r.find(&exact).is_some()) {
            ident.quote_style = Some('"');
        }
        let name = normal(ident);
        for frame in self.frames.iter().rev() {
            let output = frame.outputs.iter().find(|output| output.name == name);
            if let (Some(output), true) = (output, frame.outputs_first) {
                return output.multi;
            }
            if let Some(found) = frame.relations.iter().find_map(|relation| relation.find(&name)) {
                return found.multi;
            }
            if let Some(output) = output {
                return output.multi;
            }
            if frame.relations.iter().any(|relation| relation.open) {
                return false;
            }
        }
        let relations = self.frames.iter().rev().flat_map(|frame| &frame.relations);
        match relations.into_iter().find_map(|relation| relation.table) {
            Some(table) => self.unlisted(table, &name, ident),
            None => false,
        }
    }

    /// A column that a table does not list: metadata, or a field that it must offer. Whether it is a list.
    fn unlisted(&mut self, table: usize, name: &str, ident: &Ident) -> bool {
        let (Some(used), Some(source)) = (self.tables.get_mut(table), self.sources.get(table)) else { return false };
        if METADATA.contains(&name) {
            if !used.metadata.iter().any(|known| known == name) {
                used.metadata.push(name.to_owned());
            }
            return name == "_ignored";
        }
        if let Some(known) = used.wanted.iter().find(|field| field.name == name) {
            return known.multi;
        }
        let ty = self.catalog.ecs(name).unwrap_or(if source.open { Type::Keyword } else { Type::Null });
        used.wanted.push(Field { name: name.to_owned(), ty, multi: source.open });
        if !source.open && self.warned.insert(name.to_owned()) {
            let message = format!("no event of {} has the field `{name}`, so it is null", source.name);
            let warning = Diagnostic::warning(Code::UnknownField, self.places.span(ident.span), message);
            self.diagnostics.push(match self.catalog.near(source, name) {
                Some(near) => warning.with_help(format!("the nearest field is `{near}`")),
                None => warning,
            });
        }
        source.open
    }
}

/// A name as SQL compares it: in lower case unless it is quoted.
pub(super) fn normal(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The parts of a field's name as one name, which is quoted if it has several.
fn joined(parts: &[Ident]) -> Ident {
    if let [single] = parts {
        let quote_style = if single.value.starts_with('@') { Some('"') } else { single.quote_style };
        return Ident { quote_style, ..single.clone() };
    }
    let name = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
    let span = parts.first().map_or_else(SqlSpan::empty, |part| part.span);
    Ident { span, ..build::ident(&name) }
}

fn renamed(relation: Relation, alias: &TableAlias) -> Relation {
    let mut relation = Relation { qualifier: normal(&alias.name), ..relation };
    for (column, name) in relation.columns.iter_mut().zip(&alias.columns) {
        column.name = normal(&name.name);
    }
    relation
}

/// A relation of which only the name is known.
fn unknown(alias: Option<&TableAlias>) -> Relation {
    let qualifier = alias.map(|alias| normal(&alias.name)).unwrap_or_default();
    Relation { qualifier, open: true, ..Relation::default() }
}
