//! The executions of a rule, each with its rows: by one scan for many of them, or one by one.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef, TimestampNanosecondType};

use super::chunk::{Chunks, overlap};
use super::compact::{bytes, compact};
use super::meter::{Meter, Progress};
use super::times::{Panes, Timetable};
use super::widen::{EXECUTIONS, Refusal, widen};
use crate::engine::plan::Prepared;
use crate::engine::run::Run;
use crate::engine::{Engine, Held, TimeField};
use crate::error::{Error, Kind, Result};
use crate::rule::{Execution, Window};
use crate::sql::lowered::Lowered;

/// How many executions tell how the plan can be widened.
const PROBE: usize = 4;
/// From how many executions that see the same event on panes pay.
const OVERLAP: usize = 8;

/// One execution and what it gave.
#[derive(Debug, Clone)]
pub struct Executed {
    /// The execution.
    pub execution: Execution,
    /// Its rows within the limit, in their order.
    pub batches: Vec<RecordBatch>,
    /// How many rows it had before the limit.
    pub total: u64,
}

impl Executed {
    /// How many rows it gave.
    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }

    fn bytes(&self) -> usize {
        self.batches.iter().map(bytes).sum()
    }
}

/// How a replay runs its executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// One scan for many executions, each event given to those that see it.
    Wide,
    /// One scan for many executions, events aggregated by panes before they are given to executions.
    Panes,
    /// One scan for each execution, and why.
    OneByOne(String),
}

/// A rule that runs through its executions.
pub struct Replay<'a> {
    engine: &'a Engine,
    lowered: Lowered,
    time: TimeField,
    limit: Option<u64>,
    schema: SchemaRef,
    meter: Meter,
    way: Way,
    /// Executions of a widened plan that ran one by one after all, and why.
    alone: (u64, Option<String>),
    waiting: VecDeque<Execution>,
    /// Those that come before `waiting` and run one by one after all.
    apart: VecDeque<Execution>,
    chunks: Chunks,
    chunk: Option<Chunk>,
    ready: VecDeque<Executed>,
    /// The memory of the rows that are kept until their execution is complete and given, as part of the limit.
    held: Held,
    /// How much of that is of the execution that was given last.
    given: usize,
}

/// The executions that one scan works through.
struct Chunk {
    run: Run,
    /// Those that are not complete, first to last.
    open: VecDeque<Execution>,
    /// The rows of the first of them.
    batches: Vec<RecordBatch>,
    rows: u64,
    total: u64,
    held: usize,
}

impl<'a> Replay<'a> {
    /// A replay of `executions` of a compiled rule, each giving at most `limit` rows.
    ///
    /// # Errors
    /// Where the engine refuses the query.
    pub async fn start(
        engine: &'a Engine,
        lowered: Lowered,
        time: TimeField,
        executions: Vec<Execution>,
        limit: Option<u64>,
        memory_limit: usize,
    ) -> Result<Self> {
        let probe = executions.first().copied().unwrap_or(Execution { at: DateTime::UNIX_EPOCH, window: None });
        let prepared = Box::pin(engine.prepare(lowered.clone(), &time, &probe, limit)).await?;
        let schema = Arc::new(nullable(&Run::schema_of(&prepared)));
        let chunks = Chunks::new(&executions, memory_limit);
        let waiting = executions.into();
        let mut replay = Self {
            engine,
            lowered,
            time,
            limit,
            schema,
            meter: Meter::default(),
            way: Way::Wide,
            alone: (0, None),
            waiting,
            apart: VecDeque::new(),
            chunks,
            chunk: None,
            ready: VecDeque::new(),
            held: engine.hold("rows of an execution"),
            given: 0,
        };
        Box::pin(replay.choose_way(memory_limit)).await?;
        Ok(replay)
    }

    /// The same, but every execution by itself: what the widened plan must agree with.
    #[must_use]
    pub fn one_by_one(mut self, why: impl Into<String>) -> Self {
        self.way = Way::OneByOne(why.into());
        self
    }

    /// The same, going on behind the first `completed` executions, with what was done for them.
    #[must_use]
    pub fn resumed(mut self, completed: u64, done: Progress) -> Self {
        let completed = usize::try_from(completed).unwrap_or(usize::MAX).min(self.waiting.len());
        self.waiting.drain(..completed);
        self.meter.resume(done);
        self
    }

    /// The columns of the rows, hidden key columns included.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// How far it is.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// How it runs.
    pub const fn way(&self) -> &Way {
        &self.way
    }

    /// How many executions ran one by one although the plan is a wide one, and the first reason.
    pub fn alone(&self) -> (u64, Option<&str>) {
        (self.alone.0, self.alone.1.as_deref())
    }

    /// The next execution; `None` after the last.
    ///
    /// # Errors
    /// Where the engine fails.
    pub async fn next(&mut self) -> Result<Option<Executed>> {
        self.held.less(std::mem::take(&mut self.given));
        loop {
            if let Some(executed) = self.ready.pop_front() {
                self.given = executed.bytes();
                self.meter.executed(executed.rows());
                return Ok(Some(executed));
            }
            if self.chunk.is_some() {
                Box::pin(self.advance()).await?;
            } else if let Some(execution) = self.apart.pop_front() {
                self.alone.0 += 1;
                Box::pin(self.single(execution)).await?;
            } else if self.waiting.is_empty() {
                self.meter.scan(None);
                return Ok(None);
            } else if let (Way::OneByOne(_), Some(execution)) = (&self.way, self.waiting.front().copied()) {
                self.waiting.pop_front();
                Box::pin(self.single(execution)).await?;
            } else {
                Box::pin(self.begin()).await?;
            }
        }
    }

    /// Finds out how the plan can be widened, over the first executions.
    async fn choose_way(&mut self, memory_limit: usize) -> Result<()> {
        let probe: Vec<Execution> = self.waiting.iter().take(PROBE).copied().collect();
        // What was ingested late belongs to a part of the windows around it only, which is no pane.
        if overlap(&probe) >= OVERLAP && self.time.ingested.is_none() {
            self.way = Way::Panes;
            if self.wide(&probe).await?.is_ok() {
                self.chunks = Chunks::of_panes(self.waiting.len(), memory_limit);
                return Ok(());
            }
            self.way = Way::Wide;
        }
        if let Err(Refusal(why)) = self.wide(&probe).await? {
            self.way = Way::OneByOne(unwidened(&why));
        }
        Ok(())
    }

    /// The plan of several executions at once.
    async fn wide(&self, executions: &[Execution]) -> Result<Result<Prepared, Refusal>> {
        let Some(table) = Timetable::new(executions) else {
            return Ok(Err(Refusal("its windows do not follow each other".to_owned())));
        };
        let (Some(window), Some(last)) = (around(executions), executions.last()) else {
            return Ok(Err(Refusal("there is no execution".to_owned())));
        };
        let table = Arc::new(table);
        let panes = if self.way == Way::Panes { self.panes(&table)? } else { None };
        let function =
            Arc::new(panes.as_ref().map_or_else(|| table.function(self.time.ingested.is_some()), Panes::function));
        if self.way == Way::Panes && panes.is_none() {
            return Ok(Err(Refusal("its windows are not equally long".to_owned())));
        }
        let tables = self.engine.tables_on_time(&self.lowered, &self.time, &window, EXECUTIONS, function).await?;
        let outline = self.engine.outline(&self.lowered, &tables, EXECUTIONS, last).await?;
        let plan = match widen(&outline, &tables, &table.list(), panes.as_ref()) {
            Ok(plan) => plan,
            Err(refusal) => return Ok(Err(refusal)),
        };
        match Box::pin(self.engine.prepare_plan(self.lowered.clone(), plan, last)).await {
            Ok(prepared) => Ok(Ok(prepared)),
            Err(error) if error.kind() == Kind::Engine => {
                Ok(Err(Refusal(format!("the engine cannot plan it widened: {error}"))))
            }
            Err(error) => Err(error),
        }
    }

    fn panes(&self, table: &Arc<Timetable>) -> Result<Option<Panes>> {
        Ok(Panes::new(table, self.engine.aggregate("collect_set")?))
    }

    /// Starts the scan of the next chunk.
    async fn begin(&mut self) -> Result<()> {
        let size = self.chunks.size().min(self.waiting.len());
        let open: VecDeque<Execution> = self.waiting.drain(..size).collect();
        let executions: Vec<Execution> = open.iter().copied().collect();
        match self.wide(&executions).await? {
            Ok(prepared) => {
                let run = Run::start(&prepared)?;
                self.meter.scan(Some(run.plan()));
                self.chunk = Some(Chunk { run, open, batches: Vec::new(), rows: 0, total: 0, held: 0 });
            }
            Err(Refusal(why)) => self.give_up(open, unwidened(&why)),
        }
        Ok(())
    }

    /// Takes the next rows of the running scan.
    async fn advance(&mut self) -> Result<()> {
        let Some(chunk) = &mut self.chunk else { return Ok(()) };
        chunk.held = chunk.held.max(self.engine.held());
        let step = match chunk.run.next().await {
            Ok(Some(batch)) => {
                chunk.held = chunk.held.max(self.engine.held());
                chunk.take(&batch, &self.schema, self.limit, &mut self.ready, &self.held).map(|()| true)
            }
            Ok(None) => Ok(false),
            Err(error) => Err(error),
        };
        match step {
            Ok(true) => return Ok(()),
            Ok(false) => {
                if let Some(mut chunk) = self.chunk.take() {
                    while let Some(executed) = chunk.complete() {
                        self.ready.push_back(executed);
                    }
                    self.chunks.held(chunk.held);
                }
            }
            Err(error) => {
                let Some(Chunk { open, batches, .. }) = self.chunk.take() else { return Err(error) };
                self.held.less(batches.iter().map(bytes).sum());
                match error.kind() {
                    // Fewer executions hold less.
                    Kind::Resource if self.chunks.shrink(open.len()) => {
                        for execution in open.into_iter().rev() {
                            self.waiting.push_front(execution);
                        }
                    }
                    // What fails for all of them together need not fail for each.
                    Kind::Resource | Kind::Engine => self.give_up(open, error.to_string()),
                    _ => return Err(error),
                }
            }
        }
        self.meter.scan(None);
        Ok(())
    }

    /// Leaves these executions, which come next, to run one by one.
    fn give_up(&mut self, executions: VecDeque<Execution>, why: String) {
        self.alone.1.get_or_insert(why);
        self.apart = executions;
    }

    /// Runs an execution by itself.
    async fn single(&mut self, execution: Execution) -> Result<()> {
        let executed = self.execute(execution).await?;
        self.ready.push_back(executed);
        Ok(())
    }

    async fn execute(&self, execution: Execution) -> Result<Executed> {
        let prepared = Box::pin(self.engine.prepare(self.lowered.clone(), &self.time, &execution, self.limit)).await?;
        let mut run = Run::start(&prepared)?;
        self.meter.scan(Some(run.plan()));
        let mut batches = Vec::new();
        while let Some(batch) = run.next().await? {
            let batch = with_schema(&batch, &self.schema)?;
            self.held.more(bytes(&batch))?;
            batches.push(batch);
        }
        self.meter.scan(None);
        Ok(Executed { execution, batches, total: run.total() })
    }
}

impl Chunk {
    /// Takes rows of a widened plan, ordered by execution: those of the first open execution are kept, and each that is
    /// behind us is complete.
    fn take(
        &mut self,
        batch: &RecordBatch,
        schema: &SchemaRef,
        limit: Option<u64>,
        ready: &mut VecDeque<Executed>,
        held: &Held,
    ) -> Result<()> {
        let wrong = |what: &str| Error::new(Kind::Engine, format!("the widened plan gives {what}"));
        let Some(last) = batch.num_columns().checked_sub(1) else { return Err(wrong("no column")) };
        let times = batch.column(last).as_primitive_opt::<TimestampNanosecondType>();
        let Some(times) = times.filter(|times| times.null_count() == 0) else {
            return Err(wrong("rows without an execution"));
        };
        let columns: Vec<usize> = (0..last).collect();
        let rows = batch.project(&columns).map_err(|e| wrong("too few columns").with_source(e))?;
        let rows = with_schema(&rows, schema)?;
        let mut start = 0;
        while let Some(at) = times.values().get(start) {
            let end = start + times.values().iter().skip(start).take_while(|time| *time == at).count();
            while self.open.front().is_some_and(|open| open.at.timestamp_nanos_opt() != Some(*at)) {
                ready.extend(self.complete());
            }
            if self.open.is_empty() {
                return Err(wrong("rows out of the order of executions"));
            }
            let count = (end - start) as u64;
            let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.rows)).min(count);
            if room > 0 {
                let kept = compact(&rows.slice(start, room as usize));
                let kept = kept.map_err(|e| wrong("rows that cannot be copied").with_source(e))?;
                held.more(bytes(&kept))?;
                self.batches.push(kept);
            }
            self.rows += room;
            self.total += count;
            start = end;
        }
        Ok(())
    }

    /// The first open execution, which gets no more rows.
    fn complete(&mut self) -> Option<Executed> {
        let execution = self.open.pop_front()?;
        let batches = std::mem::take(&mut self.batches);
        let total = std::mem::take(&mut self.total);
        self.rows = 0;
        Some(Executed { execution, batches, total })
    }
}

/// A refusal as the reason why executions run one by one.
fn unwidened(why: &str) -> String {
    format!("its plan cannot be widened: {why}")
}

/// The window that holds all windows.
fn around(executions: &[Execution]) -> Option<Window> {
    let windows = || executions.iter().filter_map(|execution| execution.window);
    let from: DateTime<Utc> = windows().map(|window| window.from).min()?;
    let to = windows().map(|window| window.to).max()?;
    Some(Window { from, to })
}

/// The schema with every column nullable: plans of the same query differ in what they know of nulls.
fn nullable(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| Arc::new(Field::clone(field).with_nullable(true)));
    Schema::new(fields.collect::<Vec<_>>())
}

/// The batch with the columns of this schema.
fn with_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let failed = |e| Error::new(Kind::Engine, "the columns of two executions differ").with_source(e);
    let pairs = batch.columns().iter().zip(schema.fields());
    let same = |(column, field): (&Arc<dyn Array>, &Arc<Field>)| {
        if column.data_type() == field.data_type() { Ok(Arc::clone(column)) } else { cast(column, field.data_type()) }
    };
    let columns = pairs.map(same).collect::<std::result::Result<Vec<_>, _>>().map_err(failed)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(failed)
}
