//! One rule, replayed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::BacktestArgs;
use super::keep::Keep;
use super::summary::ReplaySummary;
use crate::alert::sink::{Flow, Format, Output, Spool, prefixed, prefixed_schema, stamped, stamped_schema};
use crate::alert::{AlertContext, Decorator, Identity, Suppressor};
use crate::backtest::{Checkpoint, Executed, Replay, Saved, Span, Tally, late_arrivals};
use crate::cli::args::{BadLine, OutputArgs, Visibility};
use crate::cli::destination::Shared;
use crate::cli::open;
use crate::cli::progress::{Progress, TICK};
use crate::cli::report::Console;
use crate::cli::shape::{Shape, Shaper};
use crate::cli::stop::Stop;
use crate::cli::summary::instant;
use crate::engine::Engine;
use crate::engine::refusal::refused;
use crate::engine::run::Run;
use crate::error::{Error, Result};
use crate::rule::{Exceptions, Execution, Rule};
use crate::sql::lowered::Lowered;

/// The column that says which execution a row is of.
const EXECUTION: &str = "execution";

/// The field that says when an event came.
const INGESTED: &str = "event.ingested";

/// How often what is complete is brought to the disk.
const SAVE_EVERY: Duration = Duration::from_millis(500);

/// How much longer than a save the time to the next one is: the sums that are saved grow with the groups.
const SAVE_SHARE: u32 = 20;

/// One rule and what its replay needs.
pub(super) struct Job<'a> {
    pub(super) args: &'a BacktestArgs,
    pub(super) engine: &'a Engine,
    pub(super) rule: &'a Rule,
    pub(super) exceptions: Option<&'a Exceptions>,
    pub(super) range: (DateTime<Utc>, DateTime<Utc>),
    pub(super) console: Console,
    pub(super) several: bool,
    pub(super) memory: usize,
    /// Where states are kept, if they are.
    pub(super) keep: Option<&'a Keep>,
    pub(super) stop: Stop,
}

/// A replay that has ended.
pub(super) struct Done {
    pub(super) summary: ReplaySummary,
    /// Its rows, where they are kept on disk.
    pub(super) kept: Option<Kept>,
    /// Why it ended early.
    pub(super) stopped: Option<Error>,
}

/// Rows on disk, shaped as they are to be written.
pub(super) struct Kept {
    pub(super) checkpoint: Checkpoint,
    pub(super) schema: SchemaRef,
    /// What later alerts have made of those on disk.
    pub(super) suppressor: Option<Suppressor>,
}

/// When what is complete was last brought to the disk, and how long that took.
struct Saves {
    last: Instant,
    took: Duration,
}

impl Default for Saves {
    fn default() -> Self {
        Self { last: Instant::now(), took: Duration::ZERO }
    }
}

impl Saves {
    fn is_due(&self) -> bool {
        self.last.elapsed() >= SAVE_EVERY.max(self.took.saturating_mul(SAVE_SHARE))
    }
}

/// Where the rows go while a replay runs.
enum Rows<'a> {
    Written(&'a mut Output),
    /// Alerts that may come to stand for later ones, aside until the replay has ended.
    Waiting(&'a mut Output, Box<Spool>),
    Kept(Box<Checkpoint>, SchemaRef, Saves),
    Nowhere,
}

impl Job<'_> {
    /// Replays the rule; rows that are not kept go to `shared`, or to an output of its own.
    pub(super) async fn run(
        mut self,
        shared: Option<&mut Shared>,
        format: Format,
        late: Option<&mut Output>,
    ) -> Result<Done> {
        let started = Instant::now();
        let rule = self.rule;
        let args = self.args;
        let span = args.span(rule, self.range)?;
        let executions = span.executions();
        let (mut lowered, notices) = open::compile(self.engine, rule, self.exceptions, self.console).await?;
        let time = args.visibility.time(rule);
        let limit = rule.limit(lowered.limit);
        let mut summary = ReplaySummary::new(rule, &span, executions.len());
        summary.limit = limit;
        summary.work.warnings = notices;
        summary.work.warnings.extend(self.engine.table_notices(&lowered));
        let seen = lowered.clone();
        if let Some(first) = executions.first() {
            summary.work.warnings.extend(self.engine.window_notices(&lowered, &time, first));
            if args.shape == Shape::Alerts {
                let carrying = open::carrying(self.engine, rule, lowered, first).await?;
                lowered = carrying.0;
                summary.work.warnings.extend(carrying.1);
            }
        }
        let indices = open::indices(&lowered);

        let (aggregating, hidden, used) = (lowered.aggregating, lowered.hidden, lowered.tables.clone());
        let (group_key, expanded) = (lowered.group_key.clone(), lowered.expanded.clone());
        let first = executions.first().copied();
        let replay = Replay::start(self.engine, lowered, time, executions, limit, self.memory).await;
        let mut replay = args.way(replay.map_err(|error| refused(rule, error))?);
        let identity = Identity::new(aggregating, group_key, expanded, &replay.schema());
        let mut tally = Tally::new(identity.clone(), limit);
        let mut suppressor = None;
        if args.shape == Shape::Alerts {
            tally = tally.once_an_event();
            suppressor = Suppressor::of(rule);
        }
        let writer = Writer {
            rule: Arc::new(rule.clone()),
            shape: args.shape,
            identity,
            hidden,
            indices,
            rows: replay.schema(),
            prefix: self.several.then(|| rule.rule_id.to_string()).filter(|_| format.may_name_rules()),
            stamps: format != Format::Bulk,
        };
        let schema = writer.schema(first)?;

        let mut own = None;
        let mut rows = match (self.keep, shared) {
            (Some(keep), _) => {
                let checkpoint = keep.checkpoint(rule.rule_id, self.asked(&span, &schema))?;
                if let Some(saved) = checkpoint.tally() {
                    tally = tally.resumed(saved);
                    suppressor = saved.suppressor.clone().or(suppressor);
                }
                replay = replay.resumed(checkpoint.completed(), checkpoint.progress());
                Rows::Kept(Box::new(checkpoint), Arc::clone(&schema), Saves::default())
            }
            (None, Some(shared)) => shared.open(format, Arc::clone(&schema))?.map_or(Rows::Nowhere, Rows::Written),
            (None, None) => {
                let target = open::target(None, format, &OutputArgs::default())?;
                Rows::Written(own.insert(target.open(format, Arc::clone(&schema), open::width())?))
            }
        };
        if let (Rows::Written(_), Some(true)) = (&rows, suppressor.as_ref().map(Suppressor::spans_executions))
            && let Rows::Written(output) = std::mem::replace(&mut rows, Rows::Nowhere)
        {
            rows = Rows::Waiting(output, Box::new(Spool::try_new(&schema)?));
        }
        let mut found = Found { tally, suppressor };
        let stopped = self.drive(&mut replay, &writer, &mut rows, &mut found, summary.executions).await?;
        let kept = match rows {
            Rows::Kept(mut checkpoint, schema, _) => {
                let progress = replay.meter().progress();
                checkpoint.save(found.tally.sums().executions, found.saved(), progress)?;
                let suppressor = found.suppressor.take();
                Some(Kept { checkpoint: *checkpoint, schema, suppressor })
            }
            Rows::Waiting(output, spool) => {
                for batch in spool.into_batches()? {
                    let batch = batch?;
                    let batch = found.suppressor.as_ref().map_or(Ok(batch.clone()), |s| s.complete(&batch))?;
                    if output.write(&batch)? == Flow::Closed {
                        break;
                    }
                }
                None
            }
            Rows::Written(_) | Rows::Nowhere => None,
        };
        if let Some(own) = own {
            own.finish()?;
        }
        if let (Some(late), None) = (late, &stopped) {
            let known = |name: &str| self.engine.lake().tables().iter().any(|table| table.field(name).is_some());
            if !known(INGESTED) {
                let message = format!("no event has the field `{INGESTED}`, so none is known to have come late");
                summary.work.warnings.push(format!("{}: {message}", rule.name));
            }
            summary.late_arrivals = self.list_late(&seen, &span, late).await?;
            if summary.late_arrivals.is_none() {
                let message = "the windows of its executions do not follow each other, or too many executions beyond \
                               the range look at it: late arrivals are not known";
                summary.work.warnings.push(format!("{}: {message}", rule.name));
            }
        }
        summary.way(replay.way(), replay.alone());
        summary.finish(&found.tally, replay.meter().progress(), started.elapsed());
        summary.work.notice(self.engine.take_notices(&used));
        summary.tell(self.console, args.shape.noun());
        Ok(Done { summary, kept, stopped })
    }

    /// Lists the events that came too late; how many there are, where that is known.
    async fn list_late(&mut self, lowered: &Lowered, span: &Span, late: &mut Output) -> Result<Option<u64>> {
        let time = self.args.visibility.time(self.rule);
        let Some(plans) = late_arrivals(self.engine, lowered, &time, span).await? else { return Ok(None) };
        let mut count = 0;
        for prepared in plans {
            let mut run = Run::start(&prepared)?;
            loop {
                let batch = tokio::select! {
                    biased;
                    why = self.stop.wanted("late arrivals are not listed") => return Err(why),
                    batch = run.next() => batch?,
                };
                let Some(batch) = batch else { break };
                count += batch.num_rows() as u64;
                if self.several {
                    late.write(&prefixed(&batch, "rule.id", &self.rule.rule_id.to_string())?)?;
                } else {
                    late.write(&batch)?;
                }
            }
        }
        Ok(Some(count))
    }

    /// What makes a replay another one, so that it cannot go on from the state of this.
    fn asked(&self, span: &Span, schema: &SchemaRef) -> Vec<(String, String)> {
        let text = |name: &str, value: &dyn std::fmt::Display| (name.to_owned(), value.to_string());
        let lake = &self.args.lake;
        let tables = lake.tables.iter().map(|(name, location)| format!("{name}={location}"));
        let columns = schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type()));
        let definitions = self.engine.lake().tables().iter().map(|table| table.definition().to_string());
        let places = lake.events.iter().chain(&lake.lake).cloned().chain(tables).collect::<Vec<_>>().join(" ");
        vec![
            text("the rule", &self.rule.origin.text),
            text("--from", &instant(span.from)),
            text("--to", &instant(span.to)),
            text("the interval", &span.schedule.interval),
            text("the window", &format_args!("{} to {}", span.schedule.from, span.schedule.to)),
            text("--as", &self.args.shape.noun()),
            text("events from", &places),
            text("the tables", &definitions.collect::<Vec<_>>().join(" ")),
            text("exceptions", &self.exceptions.map_or_else(|| "none".to_owned(), Exceptions::digest)),
            text("--visibility", if self.args.visibility == Visibility::All { &"all" } else { &"ingested" }),
            text("--lateness", &lake.lateness.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)),
            text("--on-bad-line", if lake.on_bad_line == BadLine::Skip { &"skip" } else { &"fail" }),
            text("--strict", &lake.strict),
            text("the columns", &columns.collect::<Vec<_>>().join(", ")),
        ]
    }

    /// Runs every execution, until the last, until nobody reads any more, or until somebody wants an end.
    async fn drive(
        &mut self,
        replay: &mut Replay<'_>,
        writer: &Writer,
        rows: &mut Rows<'_>,
        found: &mut Found,
        executions: u64,
    ) -> Result<Option<Error>> {
        let bytes = self.engine.lake().tables().iter().map(|table| table.bytes()).sum();
        let progress = Progress::new(self.console, &self.rule.name, bytes);
        let meter = replay.meter();
        let before = found.tally.sums().executions;
        let kept = match rows {
            Rows::Kept(..) => "what is complete is written; --resume goes on from there",
            _ => "what is complete is written",
        };
        let mut ticker = tokio::time::interval(TICK);
        loop {
            let executed = {
                // What is being planned or run must not be dropped at every tick.
                let mut next = std::pin::pin!(replay.next());
                loop {
                    tokio::select! {
                        biased;
                        why = self.stop.wanted(kept) => return Ok(Some(why)),
                        executed = &mut next => break executed?,
                        _ = ticker.tick() => progress.replayed(before, meter.progress(), executions),
                    }
                }
            };
            let Some(executed) = executed else { return Ok(None) };
            for batch in found.take(&executed, self.rule, writer)? {
                match rows {
                    Rows::Waiting(_, spool) => spool.write(&batch)?,
                    Rows::Written(output) => {
                        if output.write(&batch)? == Flow::Closed {
                            return Ok(None);
                        }
                    }
                    Rows::Kept(checkpoint, schema, _) => checkpoint.write(schema, &batch)?,
                    Rows::Nowhere => {}
                }
            }
            if let Rows::Kept(checkpoint, _, saves) = rows
                && saves.is_due()
            {
                let began = Instant::now();
                checkpoint.save(found.tally.sums().executions, found.saved(), meter.progress())?;
                *saves = Saves { last: Instant::now(), took: began.elapsed() };
            }
        }
    }
}

/// What a replay has found so far.
struct Found {
    tally: Tally,
    /// Where the rule's alerts may stand for others.
    suppressor: Option<Suppressor>,
}

impl Found {
    /// What is to be kept of it.
    fn saved(&self) -> Saved {
        let mut saved = self.tally.saved();
        saved.suppressor.clone_from(&self.suppressor);
        saved
    }

    /// The rows of an execution as they are written, without those that are given already or that others stand for.
    fn take(&mut self, executed: &Executed, rule: &Rule, writer: &Writer) -> Result<Vec<RecordBatch>> {
        let at = executed.execution.at;
        let batches = self.tally.add(executed, rule)?;
        let count = |batches: &[RecordBatch]| batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        let fresh = count(&batches);
        let mut written = writer.batches(executed.execution, &batches)?;
        if let Some(suppressor) = &mut self.suppressor {
            written = written.iter().map(|batch| suppressor.take(batch, at)).collect::<Result<_>>()?;
            if !suppressor.spans_executions() {
                written = written.iter().map(|batch| suppressor.complete(batch)).collect::<Result<_>>()?;
                suppressor.forget();
            }
        }
        let given = count(&written);
        self.tally.given(at, given, fresh - given);
        Ok(written)
    }
}

/// Rows of an execution to rows as they are written.
struct Writer {
    rule: Arc<Rule>,
    shape: Shape,
    identity: Identity,
    hidden: usize,
    indices: Vec<String>,
    rows: SchemaRef,
    prefix: Option<String>,
    /// Whether a column says which execution a row is of; documents for Elasticsearch say it by their own fields.
    stamps: bool,
}

impl Writer {
    fn shaper(&self, execution: Execution) -> Shaper {
        match self.shape {
            Shape::Rows => Shaper::Rows(self.hidden),
            Shape::Alerts => {
                let (rule, identity) = (Arc::clone(&self.rule), self.identity.clone());
                let indices = self.indices.clone();
                let context = AlertContext { rule, execution, identity, hidden: self.hidden, indices };
                Shaper::Alerts(Box::new(Decorator::new(&self.rows, context)))
            }
        }
    }

    fn schema(&self, first: Option<Execution>) -> Result<SchemaRef> {
        let execution = first.unwrap_or(Execution { at: DateTime::UNIX_EPOCH, window: None });
        let mut schema = self.shaper(execution).schema(&self.rows)?;
        if self.stamps {
            schema = stamped_schema(&schema, EXECUTION);
        }
        Ok(if self.prefix.is_some() { prefixed_schema(&schema, "rule.id") } else { schema })
    }

    fn batches(&self, execution: Execution, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        let shaper = self.shaper(execution);
        let batch = |batch: &RecordBatch| {
            let mut rows = shaper.shape(batch)?;
            if self.stamps {
                rows = stamped(&rows, EXECUTION, execution.at)?;
            }
            match &self.prefix {
                Some(id) => prefixed(&rows, "rule.id", id),
                None => Ok(rows),
            }
        };
        batches.iter().map(batch).collect()
    }
}
