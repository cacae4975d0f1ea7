//! Two replays beside each other: which alerts one has that the other lacks, and which say something else.
//!
//! Alerts are the same where their group and their execution are; what they say is compared over the columns that both
//! have.

use std::collections::BTreeMap;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use uuid::Uuid;

use super::replay::Executed;
use crate::alert::sink::{Format, Options, Sink};
use crate::alert::{Identity, Keys};
use crate::error::{Error, Kind, Result};
use crate::rule::Rule;

/// What became of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Only the second replay has it: its row.
    Added(String),
    /// Only the first one has it: its row.
    Lost(String),
    /// Both have it, with different values: both rows.
    Changed(String, String),
    /// Both have it as it is.
    Kept,
}

/// How to compare the executions of two replays.
#[derive(Debug)]
pub struct Comparison<'a> {
    rule: &'a Rule,
    identities: [Identity; 2],
    common: Vec<String>,
}

impl<'a> Comparison<'a> {
    /// The comparison of two replays with these columns, visible ones first, and identities.
    pub fn new(rule: &'a Rule, identities: [Identity; 2], visible: [&SchemaRef; 2]) -> Self {
        let [before, after] = visible;
        let common = before.fields().iter().map(|field| field.name().clone());
        let common = common.filter(|name| after.column_with_name(name).is_some()).collect();
        Self { rule, identities, common }
    }

    /// What became of each alert of an execution, those of the first replay in their order, then what is added.
    ///
    /// # Errors
    /// Where a key column is missing.
    pub fn changes(&self, before: &Executed, after: &Executed) -> Result<Vec<Change>> {
        let [first, second] = &self.identities;
        let mut then: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
        let mut order = Vec::new();
        for (id, row) in self.rows(after, second)? {
            order.push(id);
            then.entry(id).or_default().push(row);
        }
        let mut changes = Vec::new();
        for (id, row) in self.rows(before, first)? {
            let found = then.get_mut(&id).filter(|rows| !rows.is_empty()).map(|rows| rows.remove(0));
            changes.push(match found {
                None => Change::Lost(row),
                Some(same) if same == row => Change::Kept,
                Some(other) => Change::Changed(row, other),
            });
        }
        for id in order {
            let left = then.get_mut(&id).filter(|rows| !rows.is_empty()).map(|rows| rows.remove(0));
            changes.extend(left.map(Change::Added));
        }
        Ok(changes)
    }

    /// Group and row, as JSON, of each alert.
    fn rows(&self, executed: &Executed, identity: &Identity) -> Result<Vec<(Uuid, String)>> {
        let mut rows = Vec::new();
        for batch in &executed.batches {
            let keys = Keys::of(batch, identity)?;
            // The rule is the same for both, so that a key has one id.
            let ids = keys.ids(self.rule, None).map(|ids| ids.group).collect::<Vec<_>>();
            rows.extend(ids.into_iter().zip(self.lines(batch)?));
        }
        Ok(rows)
    }

    fn lines(&self, batch: &RecordBatch) -> Result<Vec<String>> {
        let failed = |e| Error::new(Kind::Engine, "cannot compare rows").with_source(e);
        let places = self.common.iter().filter_map(|name| batch.schema().index_of(name).ok()).collect::<Vec<_>>();
        let shown = batch.project(&places).map_err(failed)?;
        let mut sink = Sink::try_new(Format::Ndjson, shown.schema(), Vec::new(), &Options::default())?;
        sink.write(&shown)?;
        let text = String::from_utf8_lossy(&sink.finish()?).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray};

    use super::*;
    use crate::rule::Execution;

    fn executed(rows: &[(&str, i64)]) -> Executed {
        let keys = StringArray::from_iter_values(rows.iter().map(|(key, _)| key));
        let counts = Int64Array::from_iter_values(rows.iter().map(|(_, count)| *count));
        let batch = RecordBatch::try_from_iter([("k", Arc::new(keys) as _), ("n", Arc::new(counts) as _)]).unwrap();
        let execution = Execution { at: "2026-10-01T01:00:00Z".parse().unwrap(), window: None };
        Executed { execution, batches: vec![batch], total: rows.len() as u64 }
    }

    #[test]
    fn added_lost_changed_and_kept() {
        let rule = Rule::from_text("a.esql", "FROM logs").unwrap().rule;
        let (before, after) = (executed(&[("a", 1), ("b", 2), ("c", 3)]), executed(&[("d", 4), ("b", 5), ("c", 3)]));
        let identity = || Identity::Group(vec!["k".into()]);
        let schema = before.batches[0].schema();
        let comparison = Comparison::new(&rule, [identity(), identity()], [&schema, &schema]);
        let row = |key: &str, count: i64| format!("{{\"k\":\"{key}\",\"n\":{count}}}");
        assert_eq!(
            comparison.changes(&before, &after).unwrap(),
            [
                Change::Lost(row("a", 1)),
                Change::Changed(row("b", 2), row("b", 5)),
                Change::Kept,
                Change::Added(row("d", 4))
            ]
        );
    }
}
