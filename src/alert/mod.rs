//! Alerts: the rows of an execution with what its rule says about them, and the sinks that write them.
//!
//! [`Decorator`] turns each row into an alert: these columns, then the query's own.
//!
//! | column | holds |
//! |---|---|
//! | `@timestamp` | the execution's time |
//! | `kibana.alert.uuid` | the alert's id, the same in every run ([`Identity`]) |
//! | `egret.group_id` | what the alerts of one group share over all executions |
//! | `kibana.alert.reason` | a sentence: what happened where, by whom |
//! | `kibana.alert.severity`, `.risk_score` | those of the rule, or what its mappings make of the row |
//! | `kibana.alert.original_time`, `.original_event.kind` | the row's own `@timestamp` and `event.kind`; only where it has them |
//! | `kibana.alert.status`, `.workflow_status` | `active`, `open` |
//! | `kibana.alert.depth` | 1, or one more than that of the alert that the row is |
//! | `kibana.alert.ancestors` | the event: `id`, `type`, `index`, `depth`; none for a group |
//! | `kibana.alert.start`, `.last_detected`, `.intended_timestamp` | the execution's time |
//! | `kibana.alert.suppression.*` | `terms`, `start`, `end`, `docs_count`; only where the rule suppresses ([`Suppressor`]) |
//! | `kibana.space_ids` | `default` |
//! | `kibana.alert.rule.*` | the rule as Elastic's alerts tell it, `parameters` as one record; `execution.{uuid, timestamp, type}` |
//! | `egret.window.from`, `.to` | the window, both ends included; null where there is none |
//! | `event.kind` | `signal` |
//!
//! Rows that carry their event ([`ORIGIN`]) become alerts that hold its fields behind the columns of the query, which go
//! before fields of the same name. What the query and its event lack is no column; what a rule does not say is null.
//!
//! Timestamps are of milliseconds in UTC. No column comes twice: a column of the query that has one of these names gives
//! way, all others stay as they are, in their order. Columns that only serve the group key are left out.
//!
//! ```
//! use std::sync::Arc;
//! use datafusion::arrow::array::{Int64Array, RecordBatch, StringArray};
//! use egret::alert::{AlertContext, Identity, decorate};
//! use egret::rule::{Execution, Rule};
//!
//! let text = "FROM logs | STATS cc = COUNT() BY host.name";
//! let rule = Rule::from_text("noisy.esql", text).map_err(|report| report.render(false))?.rule;
//! let execution = Execution { at: "2026-10-01T12:00:00Z".parse()?, window: None };
//! let identity = Identity::Group(vec!["host.name".into()]);
//! let context = AlertContext { rule: Arc::new(rule), execution, identity, hidden: 0, indices: vec!["logs".into()] };
//! let batch = RecordBatch::try_from_iter([
//!     ("cc", Arc::new(Int64Array::from(vec![17])) as _),
//!     ("host.name", Arc::new(StringArray::from(vec!["web-1"])) as _),
//! ])?;
//! let alerts = decorate(&batch, &context)?;
//! let reason = alerts.column_by_name("kibana.alert.reason").and_then(|c| c.as_any().downcast_ref::<StringArray>());
//! assert_eq!(reason.map(|r| r.value(0)), Some("event on web-1 created low alert noisy."));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod constant;
mod decorate;
mod encode;
mod id;
mod investigate;
mod of_rule;
mod reason;
pub mod sink;
mod suppress;
mod value;

pub use decorate::{AlertContext, Decorator, decorate};
pub use id::{AlertIds, Identity, Keys};
pub use investigate::{Count, Investigation, Stretch, TopValues};
pub use suppress::Suppressor;

/// What the names of columns begin with that hold the fields of the event that a row comes from.
pub const ORIGIN: &str = "__origin.";
/// Columns that say something of an event rather than being its field: Elasticsearch keeps them beside a document.
pub(crate) const EVENT_METADATA: [&str; 5] = ["_id", "_index", "_version", "_source", "_ignored"];
/// The column of an alert's id.
pub const UUID: &str = "kibana.alert.uuid";

/// The fields that say when an event was and what it was, and those that reasons and investigations tell.
pub const CORE_FIELDS: [&str; 33] = [
    "@timestamp",
    "destination.address",
    "destination.domain",
    "destination.ip",
    "destination.port",
    "dns.question.name",
    "event.action",
    "event.category",
    "event.code",
    "event.dataset",
    "event.id",
    "event.ingested",
    "event.kind",
    "event.outcome",
    "event.type",
    "file.name",
    "file.path",
    "host.id",
    "host.name",
    "host.os.type",
    "process.command_line",
    "process.entity_id",
    "process.executable",
    "process.name",
    "process.parent.executable",
    "process.parent.name",
    "source.address",
    "source.ip",
    "source.port",
    "url.full",
    "user.id",
    "user.name",
    "agent.id",
];

const LAST_DETECTED: &str = "kibana.alert.last_detected";
const SUPPRESSION_TERMS: &str = "kibana.alert.suppression.terms";
const SUPPRESSION_START: &str = "kibana.alert.suppression.start";
const SUPPRESSION_END: &str = "kibana.alert.suppression.end";
const SUPPRESSION_DOCS: &str = "kibana.alert.suppression.docs_count";
