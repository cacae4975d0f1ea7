//! FROM: one stage that lists the fields the query needs.
//!
//! ```esql
//! FROM logs-* METADATA _id | WHERE destination.ip == "10.0.0.1" | KEEP _id
//! ```
//! ```sql
//! SELECT to_ip("destination.ip") AS "destination.ip", "_id" FROM "logs-*"
//! ```

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::SelectItem;

use crate::diagnostic::Span;
use crate::esql::ast::{CommandKind, Ident};

use crate::sql::build;
use crate::sql::catalog::{Field, Type};
use crate::sql::lowered::TableUse;
use crate::sql::lowering::{Lowering, SortBy};
use crate::sql::scope::{Column, Definition};

/// The field that orders the rows of a query that neither sorts nor aggregates.
const TIME: &str = "@timestamp";
/// What tells two events of one instant apart.
const ID: &str = "_id";

impl Lowering<'_> {
    pub(super) fn lower_from(&mut self, patterns: &[Ident], metadata: &[Ident], span: Span) {
        if self.position > 0 {
            self.unsupported::<()>(span, "FROM behind another command");
            return;
        }
        let source = match self.catalog.source(patterns) {
            Ok(source) => source,
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                return;
            }
        };
        let mut missing = self.before.as_ref().map(|before| before.missing.clone()).unwrap_or_default();
        // No expression of the walk before demanded a type: such a field is text.
        for field in missing.values_mut().filter(|field| field.multi && field.ty == Type::Null) {
            field.ty = Type::Keyword;
        }
        self.now.missing.clone_from(&missing);
        let mut fields: Vec<Field> = source.fields.clone();
        fields.extend(missing.into_values().filter(|field| source.fields.iter().all(|f| f.name != field.name)));
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        let name = source.name.clone();
        let listed: HashSet<&str> = source.fields.iter().map(|field| field.name.as_str()).collect();
        let unlisted = fields.iter().filter(|field| !listed.contains(field.name.as_str())).cloned().collect();
        self.source = Some(source);
        self.scope.open = true;

        let mut items: Vec<SelectItem> = Vec::new();
        for field in fields {
            let definition = Definition { command: 0, name: field.name.clone() };
            let column = self.source_column(field, definition);
            if column.live {
                items.push(self.source_item(&column));
            }
            let scalar = column.multi && !self.stays_list(&column.definition);
            self.scope.columns.push(Column { multi: column.multi && !scalar, ..column });
        }
        let mut read = Vec::new();
        for ident in metadata {
            let Some((ty, multi)) = metadata_type(&ident.text) else {
                self.unsupported::<()>(ident.span, format_args!("metadata `{}`", ident.text));
                continue;
            };
            let field = Field { name: ident.text.clone(), ty, multi };
            let column = self.source_column(field, Definition { command: 0, name: ident.text.clone() });
            if column.live {
                read.push(ident.text.clone());
                items.push(self.source_item(&column));
            }
            let scalar = column.multi && !self.stays_list(&column.definition);
            self.scope.append(Column { multi: column.multi && !scalar, ..column });
        }
        let bounded =
            self.query.commands.iter().any(|c| matches!(c.kind, CommandKind::Keep(_) | CommandKind::Stats(_)));
        let table = TableUse {
            name,
            patterns: patterns.iter().map(|pattern| pattern.text.clone()).collect(),
            wanted: unlisted,
            metadata: read,
            all_fields: !bounded,
            packed: Vec::new(),
        };
        self.push_table(table, items);
        self.default_order();
    }

    fn source_column(&self, field: Field, definition: Definition) -> Column {
        let live = self.is_live(&definition);
        Column { name: field.name, ty: field.ty, multi: field.multi, list: false, live, definition }
    }

    /// Whether a field that holds lists keeps them: someone looks at all values, or nobody asks for a single one.
    fn stays_list(&self, definition: &Definition) -> bool {
        self.is_whole(definition) || !self.is_single(definition)
    }

    fn source_item(&self, column: &Column) -> SelectItem {
        let mut value = build::column(&column.name);
        if column.multi && !self.stays_list(&column.definition) {
            value = build::call("single_value", [value]);
        }
        if column.ty == Type::Ip {
            value = build::call("to_ip", [value]);
        }
        build::item(value, &column.name)
    }

    /// Events that nothing else orders come by time, so that a limit takes the same ones every time.
    fn default_order(&mut self) {
        if !self.needed_later(|kind| matches!(kind, CommandKind::Sort(_) | CommandKind::Stats(_))) {
            return;
        }
        for name in [TIME, ID] {
            let Some(column) = self.scope.find(name).cloned() else { continue };
            self.record(&column.definition, |_| ());
            let Column { name, ty, multi, .. } = column;
            self.order.push(SortBy { column: name, ty, multi, descending: false, nulls_first: false });
        }
    }
}

/// Type of a metadata column, and whether it is a list.
fn metadata_type(name: &str) -> Option<(Type, bool)> {
    match name {
        "_id" | "_index" | "_source" => Some((Type::Keyword, false)),
        "_version" => Some((Type::Long, false)),
        "_ignored" => Some((Type::Keyword, true)),
        _ => None,
    }
}
