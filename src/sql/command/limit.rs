//! LIMIT: the last one is left to the engine; one in the middle is a stage with the order it cuts.

use crate::esql::ast::CommandKind;

use crate::sql::build::{self, Stage};
use crate::sql::lowering::Lowering;

impl Lowering<'_> {
    pub(super) fn lower_limit(&mut self, limit: u64) {
        let later = self.query.commands.iter().skip(self.position + 1);
        let trailing = later.map(|command| &command.kind).all(|kind| {
            matches!(kind, CommandKind::Keep(_) | CommandKind::Drop(_) | CommandKind::Rename(_) | CommandKind::Eval(_))
        });
        if trailing {
            self.limit = Some(limit);
            return;
        }
        let items = vec![build::star_except(&[])];
        let order_by = self.order_by();
        self.push("limit", Stage { items, order_by, limit: Some(limit), ..Stage::default() });
    }
}
