//! A rule and a lake to rows: compile, plan, run. The only module that drives DataFusion.
//!
//! | file | step |
//! |---|---|
//! | `session` | the only builder of a DataFusion session |
//! | `catalog` | the lake, or ECS alone, as the lowering sees it |
//! | `compile` | a rule's text to its canonical SQL |
//! | `tables` | the tables of a query, cut to the window of an execution |
//! | `plan` | SQL to a physical plan |
//! | `many_fields`, `unpack` | the same for a query over very many fields |
//! | `optimizer` | which rules the optimiser has |
//! | `lone_group` | what DataFusion's optimiser must not do |
//! | `one_of` | comparisons with constant addresses |
//! | `mixed` | texts that SQL compares with numbers |
//! | `spread` | the same for a plan that somebody rewrites before it runs, with tables that say more of an event's time |
//! | `shared` | plans that read the same files to one scan |
//! | `origin`, `carry` | the same for a plan whose rows carry the events that they come from |
//! | `evidence` | alerts back to the events behind them |
//! | `elsewhere` | a plan to one that other processes run |
//! | `run` | the plan to rows, with limit and total |
//! | `metrics` | what the scans did |
//! | `outlook` | what the scans will read at most |
//! | `refusal` | what the engine says against a query, as a diagnostic |
//! | `damaged` | which file is to blame where a scan fails |

mod carry;
pub mod catalog;
pub mod check;
pub mod compile;
pub mod evidence;
pub mod explain;
mod damaged;
pub mod elsewhere;
mod failure;
pub mod fields;
mod lone_group;
mod many_fields;
pub mod metrics;
mod mixed;
mod needs;
mod origin;
pub mod notices;
mod one_of;
mod optimizer;
pub mod outlook;
pub mod plan;
pub mod refusal;
pub mod run;
pub mod session;
pub mod shared;
mod spread;
mod tables;
mod unpack;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::catalog::LakeCatalog;
use self::elsewhere::Elsewhere;
use self::origin::Of;
use self::plan::Prepared;
use self::session::{Options, Session};
use crate::error::Result;
use crate::lake::{Lake, LakeConfig};
use crate::rule::{Execution, Rule};
use crate::sql::lowered::{Lowered, TableUse};

pub(crate) use damaged::scan_error;
#[cfg(feature = "cluster")]
pub use egret_udfs::Warning;
pub use egret_udfs::Warnings;
pub(crate) use failure::engine_error;
pub use origin::Refusal;
#[cfg(feature = "cluster")]
pub(crate) use session::functions as session_functions;
pub use spread::Held;
pub use tables::TimeField;
pub(crate) use unpack::Unpack;
#[cfg(feature = "cluster")]
pub(crate) use unpack::{Place, UnpackExec};

/// A session together with the lake that it reads.
pub struct Engine {
    session: Session,
    lake: Lake,
}

impl Engine {
    /// An engine over the lake that `config` describes.
    ///
    /// # Errors
    /// Where a location cannot be read or files of one table do not go together.
    pub async fn open(options: &Options, config: &LakeConfig) -> Result<Self> {
        Self::over(Session::try_new(options)?, config).await
    }

    /// The same, with plans that run elsewhere.
    ///
    /// # Errors
    /// As for [`Engine::open`].
    pub async fn open_elsewhere(options: &Options, config: &LakeConfig, elsewhere: Arc<dyn Elsewhere>) -> Result<Self> {
        Self::over(Session::with_elsewhere(options, elsewhere)?, config).await
    }

    async fn over(session: Session, config: &LakeConfig) -> Result<Self> {
        let lake = Lake::open(config).await?;
        lake.register(&session.context().runtime_env()).map_err(failure::engine_error)?;
        Ok(Self { session, lake })
    }

    /// The lake.
    pub const fn lake(&self) -> &Lake {
        &self.lake
    }

    /// The session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The canonical form of a rule over this lake; one that gives every field is compiled again once all are known.
    ///
    /// # Errors
    /// The rule's diagnostics, where it does not check.
    pub async fn compile(&self, rule: &Rule) -> Result<Lowered> {
        let catalog = LakeCatalog::new(&self.lake);
        let lowered = compile::compile(rule, &catalog)?;
        let complete: Vec<_> = lowered.tables.iter().filter(|used| used.all_fields).collect();
        if complete.is_empty() {
            return Ok(many_fields::packed(lowered));
        }
        // A query that gives every field must know them all, also those that only a late document holds.
        for used in complete {
            for table in self.lake.select(&used.patterns).tables {
                table.discover().await?;
            }
        }
        compile::compile(rule, &catalog).map(many_fields::packed)
    }

    /// The rule without the events for which one of `conditions`, written in KQL, is true; `lowered` is its canonical form.
    ///
    /// # Errors
    /// A condition that does not fit the events; a query that events cannot be left out of.
    pub fn excepting(&self, rule: &Rule, lowered: &Lowered, conditions: &[String]) -> Result<Rule> {
        compile::excepting(rule, lowered, conditions, &LakeCatalog::new(&self.lake))
    }

    /// What there is to tell of the tables of a compiled rule: patterns that match none, fields that are offered as
    /// text since the tables differ.
    pub fn table_notices(&self, lowered: &Lowered) -> Vec<String> {
        let mut texts = Vec::new();
        for used in &lowered.tables {
            let selection = self.lake.select(&used.patterns);
            for pattern in &selection.unmatched {
                texts.push(format!("no table matches `{pattern}`; the lake has {}", self.lake.names().join(", ")));
            }
            let tables: Vec<_> = selection.tables.iter().map(AsRef::as_ref).collect();
            for field in crate::lake::union_fields(&tables).1 {
                texts.push(format!("`{field}` has types in these tables that do not go together and is read as text"));
            }
        }
        texts
    }

    /// What there is to tell of tables that no window can be laid over, since they have no field that says when an event
    /// was: none of their events is seen.
    pub fn window_notices(&self, lowered: &Lowered, time: &TimeField, execution: &Execution) -> Vec<String> {
        if execution.window.is_none() {
            return Vec::new();
        }
        let timeless = |used: &&TableUse| {
            let tables = self.lake.select(&used.patterns).tables;
            !tables.iter().any(|table| time.names().any(|name| table.field(name).is_some()))
        };
        let told = |used: &TableUse| {
            format!(
                "{} has no field `{}`, so none of its events lies within the window; --all-time lifts the window",
                used.name, time.name
            )
        };
        lowered.tables.iter().filter(timeless).map(told).collect()
    }

    /// The plan of one execution of a compiled rule, giving at most `limit` rows.
    ///
    /// # Errors
    /// Where the tables cannot be planned or the engine refuses the query.
    pub async fn prepare(
        &self,
        lowered: Lowered,
        time: &TimeField,
        execution: &Execution,
        limit: Option<u64>,
    ) -> Result<Prepared> {
        if !lowered.origin.is_empty() {
            let plan = self.carried(&lowered, time, execution, Of::Rows).await?;
            return plan::prepare_limited(&self.session, lowered, plan, execution.at, limit).await;
        }
        tables::register(&self.session, &self.lake, &lowered, time, execution).await?;
        plan::prepare(&self.session, lowered, execution.at, limit).await
    }

    /// The newest value of the window's time field in the tables of a query, `None` where there is no event.
    ///
    /// # Errors
    /// Where the tables cannot be read.
    pub async fn latest(&self, lowered: &Lowered, time: &TimeField) -> Result<Option<DateTime<Utc>>> {
        tables::latest(&self.session, &self.lake, &lowered.tables, time).await
    }
}
