//! Rules planned against the types of ECS, without events.

use chrono::{DateTime, Utc};

use super::catalog::EcsCatalog;
use super::compile::compile;
use super::needs::{column, needs};
use super::refusal::refused;
use super::session::{Options, Session};
use crate::diagnostic::{Code, Diagnostic};
use crate::error::Result;
use crate::rule::Rule;

/// Checks rules, one after another.
pub struct Checker {
    session: Session,
}

impl Checker {
    /// A checker with a session of its own.
    ///
    /// # Errors
    /// Where the session cannot be built.
    pub fn try_new(options: &Options) -> Result<Self> {
        Ok(Self { session: Session::try_new(options)? })
    }

    /// What its author should know of a rule that checks.
    ///
    /// # Errors
    /// The rule's diagnostics where it does not check, also where only the engine refuses it.
    pub async fn check(&self, rule: &Rule) -> Result<Vec<Diagnostic>> {
        let catalog = EcsCatalog::of(&rule.query.text);
        let lowered = compile(rule, &catalog)?;
        let columns = |_: &_| catalog.fields().iter().map(column).collect();
        let planned = needs(&self.session, &lowered, columns, DateTime::<Utc>::UNIX_EPOCH).await;
        planned.map_err(|error| refused(rule, error))?;
        // A field of an integration is in no table here, and that is no news.
        Ok(lowered.warnings.into_iter().filter(|warning| warning.code != Code::UnknownField).collect())
    }
}
