//! WHERE: `SELECT * FROM before WHERE condition`; null is not true, in both languages.

use crate::esql::ast::Expr;

use crate::sql::build::{self, Stage};
use crate::sql::lowering::Lowering;

impl Lowering<'_> {
    pub(super) fn lower_where(&mut self, condition: &Expr) {
        let Some(condition) = self.condition(condition) else { return };
        let stage = Stage { items: vec![build::star_except(&[])], filter: Some(condition), ..Stage::default() };
        self.push("where", stage);
    }
}
