//! A query in its canonical form to a physical plan for one execution.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Query, Statement};

use super::failure::engine_error;
use super::metrics::total_node;
use super::mixed;
use super::session::Session;
use super::unpack::Unpack;
use crate::error::Result;
use crate::sql::lowered::Lowered;

/// A query that is ready to run, once.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The query and what is known of its result.
    pub lowered: Lowered,
    /// The plan as SQL gives it, before it is optimised.
    pub logical: LogicalPlan,
    /// The plan after the optimiser.
    pub optimized: LogicalPlan,
    /// The plan that runs.
    pub physical: Arc<dyn ExecutionPlan>,
    /// How many rows are given on at most.
    pub limit: Option<u64>,
    /// The node whose rows are the total, where the limit is part of the plan.
    pub(crate) total: Option<Arc<dyn ExecutionPlan>>,
    pub(crate) state: SessionState,
    /// Whether another process runs it.
    pub(crate) elsewhere: bool,
}

/// Plans `lowered` over the tables that `session` knows, with `now` as its time and `limit` rows at most.
///
/// A limit behind an order becomes part of the plan, so that only the first rows are kept while the rest is counted.
/// Without an order the rows that pass are cut and counted when they come out.
pub async fn prepare(session: &Session, lowered: Lowered, now: DateTime<Utc>, limit: Option<u64>) -> Result<Prepared> {
    let logical = outline(session, &lowered, now).await?;
    prepare_limited(session, lowered, logical, now, limit).await
}

/// The same for `logical`, which is a plan of `lowered`.
pub(crate) async fn prepare_limited(
    session: &Session,
    lowered: Lowered,
    logical: LogicalPlan,
    now: DateTime<Utc>,
    limit: Option<u64>,
) -> Result<Prepared> {
    let state = session.state_at(now);
    // Who runs plans elsewhere counts no rows of single nodes.
    if let (true, Some(rows), None) = (lowered.ordered, limit, session.elsewhere()) {
        let limited = LogicalPlanBuilder::from(logical.clone())
            .limit(0, usize::try_from(rows).ok())
            .and_then(LogicalPlanBuilder::build)
            .map_err(engine_error)?;
        let (optimized, physical) = physical(&state, &limited).await?;
        if let Some(total) = total_node(&physical) {
            return Ok(Prepared {
                lowered,
                logical: limited,
                optimized,
                physical,
                limit,
                total: Some(total),
                state,
                elsewhere: false,
            });
        }
    }
    let (optimized, physical) = physical(&state, &logical).await?;
    let physical = match session.elsewhere() {
        Some(elsewhere) => elsewhere.hand_over(physical, session)?,
        None => physical,
    };
    let elsewhere = session.elsewhere().is_some();
    Ok(Prepared { lowered, logical, optimized, physical, limit, total: None, state, elsewhere })
}

/// Plans `logical`, which somebody made of the plan of `lowered`, with `now` as its time and without a limit.
pub(crate) async fn prepare_plan(
    session: &Session,
    lowered: Lowered,
    logical: LogicalPlan,
    now: DateTime<Utc>,
) -> Result<Prepared> {
    prepare_limited(session, lowered, logical, now, None).await
}

/// The plan of `lowered` as SQL gives it.
pub(crate) async fn outline(session: &Session, lowered: &Lowered, now: DateTime<Utc>) -> Result<LogicalPlan> {
    statement_to_plan(&session.state_at(now), lowered).await
}

/// The optimised logical plan of `lowered`.
pub(crate) async fn logical(session: &Session, lowered: &Lowered, now: DateTime<Utc>) -> Result<LogicalPlan> {
    let state = session.state_at(now);
    let plan = statement_to_plan(&state, lowered).await?;
    state.optimize(&plan).map_err(engine_error)
}

async fn statement_to_plan(state: &SessionState, lowered: &Lowered) -> Result<LogicalPlan> {
    let mut plan = query_to_plan(state, lowered.query.clone()).await?;
    if let Some(columns) = &lowered.unpacked {
        plan = Unpack::plan(plan, columns.clone()).map_err(engine_error)?;
    }
    mixed::refuse(&plan)?;
    Ok(plan)
}

async fn query_to_plan(state: &SessionState, query: Query) -> Result<LogicalPlan> {
    let statement = DfStatement::Statement(Box::new(Statement::Query(Box::new(query))));
    state.statement_to_plan(statement).await.map_err(engine_error)
}

async fn physical(state: &SessionState, plan: &LogicalPlan) -> Result<(LogicalPlan, Arc<dyn ExecutionPlan>)> {
    let optimized = state.optimize(plan).map_err(engine_error)?;
    let physical = state.query_planner().create_physical_plan(&optimized, state).await.map_err(engine_error)?;
    Ok((optimized, physical))
}
