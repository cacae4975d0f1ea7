//! One rule, replayed.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::BacktestArgs;
use super::summary::ReplaySummary;
use crate::alert::sink::{Flow, Format, Output, prefixed, prefixed_schema, stamped, stamped_schema};
use crate::alert::{AlertContext, Decorator, Identity};
use crate::backtest::{Executed, Replay, Span, Tally};
use crate::cli::destination::{Opened, To};
use crate::cli::progress::{Progress, TICK};
use crate::cli::report::Console;
use crate::cli::shape::{Shape, Shaper};
use crate::cli::stop::Stop;
use crate::engine::refusal::refused;
use crate::engine::{Engine, TimeField};
use crate::error::{Error, Result};
use crate::rule::{Execution, Rule};

/// The column that says which execution a row is of.
const EXECUTION: &str = "execution";

/// One rule and what its replay needs.
pub(super) struct Job<'a> {
    pub(super) args: &'a BacktestArgs,
    pub(super) engine: &'a Engine,
    pub(super) rule: &'a Rule,
    pub(super) range: (DateTime<Utc>, DateTime<Utc>),
    pub(super) console: Console,
    pub(super) several: bool,
    pub(super) memory: usize,
    pub(super) stop: Stop,
}

impl Job<'_> {
    /// Replays the rule; its summary, and why it ended early if it did.
    pub(super) async fn run(mut self, to: To<'_>, format: Format) -> Result<(ReplaySummary, Option<Error>)> {
        let started = Instant::now();
        let rule = self.rule;
        let args = self.args;
        let (interval, lookback) = (args.interval.clone(), args.lookback.clone());
        let span = Span::of(rule, interval, lookback, self.range.0, self.range.1)?;
        let executions = span.executions();
        let lowered = self.engine.compile(rule).await?;
        self.console.report(&rule.report(lowered.warnings.clone()));
        let time = TimeField::of(rule);
        let limit = [lowered.limit, rule.max_signals.map(u64::from)].into_iter().flatten().min();
        let mut summary = ReplaySummary::new(rule, &span, executions.len());
        summary.limit = limit;
        summary.warnings = self.engine.table_notices(&lowered);
        if let Some(first) = executions.first() {
            summary.warnings.extend(self.engine.window_notices(&lowered, &time, first));
        }

        let (aggregating, hidden, used) = (lowered.aggregating, lowered.hidden, lowered.tables.clone());
        let (group_key, expanded) = (lowered.group_key.clone(), lowered.expanded.clone());
        let first = executions.first().copied();
        let replay = Replay::start(self.engine, lowered, time, executions, limit, self.memory).await;
        let mut replay = replay.map_err(|error| refused(rule, error))?;
        if args.one_by_one {
            replay = replay.one_by_one("--one-by-one asks for it");
        }
        let identity = Identity::new(aggregating, group_key, expanded, &replay.schema());
        let mut tally = Tally::new(identity.clone(), limit);
        let writer = Writer {
            rule: Arc::new(rule.clone()),
            shape: args.shape,
            identity,
            hidden,
            rows: replay.schema(),
            prefix: self.several.then(|| rule.rule_id.to_string()).filter(|_| format != Format::Table),
        };
        let (mut own, mut shared) = (None, None);
        match to.open(format, writer.schema(first)?, args.output.force)? {
            Opened::Shared(output) => shared = output,
            Opened::Own(output) => own = Some(output),
        }

        let ended = match own.as_mut().or(shared) {
            Some(output) => self.drive(&mut replay, &writer, output, &mut tally, summary.executions).await?,
            None => None,
        };
        if let Some(own) = own {
            own.finish()?;
        }
        summary.way(replay.way(), replay.alone());
        summary.finish(&tally, replay.meter().progress(), started.elapsed());
        summary.notice(self.engine.take_notices(&used));
        summary.tell(self.console, args.shape.noun());
        Ok((summary, ended))
    }

    /// Writes every execution, until the last, until nobody reads any more, or until somebody wants an end.
    async fn drive(
        &mut self,
        replay: &mut Replay<'_>,
        writer: &Writer,
        output: &mut Output,
        tally: &mut Tally,
        executions: u64,
    ) -> Result<Option<Error>> {
        let bytes = self.engine.lake().tables().iter().map(|table| table.bytes()).sum();
        let progress = Progress::new(self.console, &self.rule.name, bytes);
        let meter = replay.meter();
        let mut ticker = tokio::time::interval(TICK);
        loop {
            let executed = {
                // What is being planned or run must not be dropped at every tick.
                let mut next = std::pin::pin!(replay.next());
                loop {
                    tokio::select! {
                        biased;
                        why = self.stop.wanted("what is complete is kept") => return Ok(Some(why)),
                        executed = &mut next => break executed?,
                        _ = ticker.tick() => progress.replayed(meter.progress(), executions),
                    }
                }
            };
            let Some(executed) = executed else { return Ok(None) };
            tally.add(&executed, self.rule)?;
            for batch in writer.batches(&executed)? {
                if output.write(&batch)? == Flow::Closed {
                    return Ok(None);
                }
            }
        }
    }
}

/// Rows of an execution to rows as they are written.
struct Writer {
    rule: Arc<Rule>,
    shape: Shape,
    identity: Identity,
    hidden: usize,
    rows: SchemaRef,
    prefix: Option<String>,
}

impl Writer {
    fn shaper(&self, execution: Execution) -> Shaper {
        match self.shape {
            Shape::Rows => Shaper::Rows(self.hidden),
            Shape::Alerts => {
                let (rule, identity) = (Arc::clone(&self.rule), self.identity.clone());
                let context = AlertContext { rule, execution, identity, hidden: self.hidden };
                Shaper::Alerts(Box::new(Decorator::new(&self.rows, context)))
            }
        }
    }

    fn schema(&self, first: Option<Execution>) -> Result<SchemaRef> {
        let execution = first.unwrap_or(Execution { at: DateTime::UNIX_EPOCH, window: None });
        let schema = stamped_schema(&self.shaper(execution).schema(&self.rows)?, EXECUTION);
        Ok(if self.prefix.is_some() { prefixed_schema(&schema, "rule.id") } else { schema })
    }

    fn batches(&self, executed: &Executed) -> Result<Vec<RecordBatch>> {
        if executed.batches.is_empty() {
            return Ok(Vec::new());
        }
        let shaper = self.shaper(executed.execution);
        let batch = |batch: &RecordBatch| {
            let rows = stamped(&shaper.shape(batch)?, EXECUTION, executed.execution.at)?;
            match &self.prefix {
                Some(id) => prefixed(&rows, "rule.id", id),
                None => Ok(rows),
            }
        };
        executed.batches.iter().map(batch).collect()
    }
}
