//! From alerts back to the events behind them.
//!
//! The rule's plan gives each of its rows once for every event that went into it ([`Engine::prepare_evidence`]). The rows
//! whose alert is asked for lead to its events: the same ids, made of the same keys, as when the alert was made.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use uuid::Uuid;

use super::plan::Prepared;
use super::run::Run;
use super::{Engine, Held, Refusal, TimeField};
use crate::alert::{Identity, Keys, ORIGIN};
use crate::error::{Error, Kind, Result};
use crate::rule::{Execution, Rule};
use crate::sql::lowered::Lowered;

/// The events behind the alerts of one execution.
#[derive(Debug)]
pub struct Evidence {
    /// The columns of an event, with `_id`, `_index` and `_version`.
    pub schema: SchemaRef,
    /// By `kibana.alert.uuid`, for each alert that the execution gives.
    pub events: HashMap<Uuid, Vec<RecordBatch>>,
    /// Their memory, as part of the limit.
    held: Held,
}

impl Engine {
    /// The events behind those alerts of one execution of a compiled rule whose ids are `wanted`; or what stands against it.
    ///
    /// # Errors
    /// Where the tables cannot be read or the engine refuses the query.
    pub async fn evidence(
        &self,
        rule: &Rule,
        lowered: &Lowered,
        time: &TimeField,
        execution: &Execution,
        wanted: &HashSet<Uuid>,
    ) -> Result<Result<Evidence, Refusal>> {
        let prepared = match Box::pin(self.prepare_evidence(lowered, time, execution)).await? {
            Ok(prepared) => prepared,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.gather(rule, &prepared, execution, wanted).await.map(Ok)
    }

    async fn gather(
        &self,
        rule: &Rule,
        prepared: &Prepared,
        execution: &Execution,
        wanted: &HashSet<Uuid>,
    ) -> Result<Evidence> {
        let mut run = Run::start(prepared)?;
        let lowered = &prepared.lowered;
        let schema = run.schema();
        let (group_key, expanded) = (lowered.group_key.clone(), lowered.expanded.clone());
        let identity = Identity::new(lowered.aggregating, group_key, expanded, &schema);
        let places: Vec<usize> = shown(&schema);
        let fields = places.iter().filter_map(|at| {
            let field = schema.fields().get(*at)?;
            Some(field.as_ref().clone().with_name(field.name().strip_prefix(ORIGIN)?))
        });
        let shown = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
        let held = self.hold("events behind alerts");
        let mut evidence = Evidence { schema: Arc::clone(&shown), events: HashMap::new(), held };
        let mut met: HashSet<(Uuid, String)> = HashSet::new();
        let failed = |e: ArrowError| Error::new(Kind::Engine, "events cannot be chosen").with_source(e);
        while let Some(batch) = run.next().await? {
            let keys = Keys::of(&batch, &identity)?;
            let mut rows: HashMap<Uuid, Vec<u32>> = HashMap::new();
            for (row, ids) in keys.ids(rule, execution.window).enumerate() {
                if wanted.contains(&ids.uuid) && met.insert((ids.uuid, event_id(&batch, row).map_err(failed)?)) {
                    rows.entry(ids.uuid).or_default().push(row as u32);
                }
            }
            for (uuid, rows) in rows {
                let chosen = take_record_batch(&batch.project(&places).map_err(failed)?, &UInt32Array::from(rows));
                let chosen = chosen.map_err(failed)?;
                evidence.held.more(chosen.get_array_memory_size())?;
                let options = RecordBatchOptions::new().with_row_count(Some(chosen.num_rows()));
                let columns = chosen.columns().to_vec();
                let chosen =
                    RecordBatch::try_new_with_options(Arc::clone(&shown), columns, &options).map_err(failed)?;
                evidence.events.entry(uuid).or_default().push(chosen);
            }
        }
        Ok(evidence)
    }
}

/// The places of the event's fields; those that no value can have are left out.
fn shown(schema: &Schema) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    let carried = fields.filter(|(_, field)| field.name().starts_with(ORIGIN) && *field.data_type() != DataType::Null);
    carried.map(|(at, _)| at).collect()
}

/// What tells an event from every other: where it lies, and its id there.
fn event_id(batch: &RecordBatch, row: usize) -> Result<String, ArrowError> {
    let options = FormatOptions::default();
    let mut id = String::new();
    for name in ["_index", "_id"] {
        if let Some(column) = batch.column_by_name(&format!("{ORIGIN}{name}")) {
            let column: &dyn Array = column.as_ref();
            id += &ArrayFormatter::try_new(column, &options)?.value(row).try_to_string()?;
        }
        id.push('\0');
    }
    Ok(id)
}
