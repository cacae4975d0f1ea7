//! Alerts: the rows of an execution with what its rule says about them, and the sinks that write them.
//!
//! [`Decorator`] turns each row into an alert: these columns, then the query's own.
//!
//! | column | type | holds |
//! |---|---|---|
//! | `@timestamp` | timestamp | the execution's time |
//! | `kibana.alert.uuid` | text | the alert's id, the same in every run ([`Identity`]) |
//! | `egret.group_id` | text | what the alerts of one group share over all executions |
//! | `kibana.alert.reason` | text | a sentence: what happened where, by whom |
//! | `kibana.alert.severity` | text | `low`, `medium`, `high`, `critical`; the severity mapping is applied |
//! | `kibana.alert.risk_score` | number | 0 to 100; the risk score mapping is applied |
//! | `kibana.alert.original_time` | as in the row | the row's own `@timestamp`; only where it has one |
//! | `kibana.alert.original_event.kind` | as in the row | the row's own `event.kind`; only where it has one |
//! | `kibana.alert.rule.rule_id` | text | the rule's identifier |
//! | `kibana.alert.rule.name` | text | the rule's name, or the value of the field that overrides it |
//! | `kibana.alert.rule.severity` | text | the rule's severity |
//! | `kibana.alert.rule.risk_score` | number | the rule's risk score |
//! | `kibana.alert.rule.version` | number | the rule's version |
//! | `kibana.alert.rule.tags` | list of text | the rule's tags |
//! | `kibana.alert.rule.threat` | list of struct | ATT&CK: `framework`, `tactic`, `technique[]` with `subtechnique[]` |
//! | `kibana.alert.rule.from`, `.to` | text | the window as the rule writes it; null for a bare query |
//! | `kibana.alert.rule.execution.timestamp` | timestamp | the execution's time |
//! | `egret.window.from`, `.to` | timestamp | the window, both ends included; null where there is none |
//! | `event.kind` | text | `signal` |
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
//! let context = AlertContext { rule: Arc::new(rule), execution, identity, hidden: 0 };
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
mod reason;
pub mod sink;
mod value;

pub use decorate::{AlertContext, Decorator, decorate};
pub use id::{AlertIds, Identity, Keys};
