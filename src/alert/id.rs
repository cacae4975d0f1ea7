//! Identifiers of alerts: the same alert has the same one in every run, on every machine, from every file format.
//!
//! ```
//! use std::sync::Arc;
//! use datafusion::arrow::array::{RecordBatch, StringArray, StringViewArray};
//! use egret::alert::{Identity, Keys};
//!
//! let names = vec!["/tmp/a", "/tmp/b"];
//! let batch = RecordBatch::try_from_iter([("path", Arc::new(StringArray::from(names.clone())) as _)])?;
//! let views = RecordBatch::try_from_iter([("path", Arc::new(StringViewArray::from(names)) as _)])?;
//! let identity = Identity::Group(vec!["path".into()]);
//! assert_eq!(Keys::of(&batch, &identity)?, Keys::of(&views, &identity)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::Schema;
use uuid::Uuid;

use super::ORIGIN;
use super::encode::encode;
use crate::error::{Error, Kind, Result};
use crate::rule::{Rule, Window};

/// Names that identifiers of alerts are made in.
const ALERTS: Uuid = Uuid::from_u128(0x6c1d_9a54_3b0e_4e0b_8d35_51f0_7c2a_94be);

const METADATA: [&str; 3] = ["_index", "_id", "_version"];

/// What makes two rows the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The values of these columns in this order: the BY values of an aggregation. None: there is only one group.
    Group(Vec<String>),
    /// The event's `_index`, `_id` and `_version` (those the row has) and the values of these columns, which MV_EXPAND
    /// took apart. The window is no part of such an alert: two look-backs that find one event make one alert.
    Event(Vec<String>),
    /// All columns that are not null, by name.
    Row,
}

impl Identity {
    /// The identity of the rows of a query: of its group key where it has one, else of the event where the row tells its
    /// `_id` and is no group, else the row as a whole. `expanded` names the columns that MV_EXPAND took apart.
    pub fn new(aggregating: bool, group_key: Option<Vec<String>>, expanded: Vec<String>, schema: &Schema) -> Self {
        match group_key {
            Some(columns) => Self::Group(columns),
            None if !aggregating && tells_event(schema) => Self::Event(expanded),
            None => Self::Row,
        }
    }
}

/// Whether rows tell the `_id` of their event.
fn tells_event(schema: &Schema) -> bool {
    [carried("_id").as_str(), "_id"].into_iter().any(|name| schema.column_with_name(name).is_some())
}

/// The column of a field of the event that a row carries.
pub(super) fn carried(field: &str) -> String {
    format!("{ORIGIN}{field}")
}

/// What the event of a row says of itself in the column `name`, else what the query does.
pub(super) fn of_event<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    batch.column_by_name(&carried(name)).or_else(|| batch.column_by_name(name))
}

/// The identifier of an execution of `rule`, the same in every run.
pub(super) fn execution_id(rule: &Rule, at: DateTime<Utc>) -> Uuid {
    let mut bytes = start(b'e', rule);
    bytes.extend(at.timestamp_millis().to_be_bytes());
    Uuid::new_v5(&ALERTS, &bytes)
}

/// The key of each row of a batch, independent of encodings and of the order of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    keys: Vec<Vec<u8>>,
    of_event: bool,
}

/// The identifiers of one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlertIds {
    /// `kibana.alert.uuid`
    pub uuid: Uuid,
    /// `egret.group_id`
    pub group: Uuid,
}

impl Keys {
    /// The keys of the rows of `batch`.
    ///
    /// # Errors
    /// An engine error if a key column is missing.
    pub fn of(batch: &RecordBatch, identity: &Identity) -> Result<Self> {
        let schema = batch.schema();
        let column = |name: &String| {
            batch.column_by_name(name).ok_or_else(|| {
                Error::new(Kind::Engine, format!("expected the key column `{name}` in the result, found none"))
            })
        };
        let columns = |names: &[String]| names.iter().map(column).collect::<Result<Vec<_>>>();
        let keys = match identity {
            Identity::Group(names) => positional(&columns(names)?, batch.num_rows()),
            Identity::Event(expanded) => {
                let mut parts: Vec<_> = METADATA.iter().filter_map(|name| of_event(batch, name)).collect();
                parts.extend(columns(expanded)?);
                positional(&parts, batch.num_rows())
            }
            Identity::Row => {
                let named = schema.fields().iter().map(|f| f.name().as_str()).zip(batch.columns());
                let mut named: Vec<_> = named.filter(|(name, _)| !name.starts_with(ORIGIN)).collect();
                named.sort_by_key(|(name, _)| *name);
                whole(&named, batch.num_rows())
            }
        };
        let keys = keys.map_err(|e| Error::new(Kind::Engine, "cannot read the key of an alert").with_source(e))?;
        Ok(Self { keys, of_event: matches!(identity, Identity::Event(_)) })
    }

    /// The identifiers of each row as alerts of `rule` over `window`; without a window every execution has the same.
    pub fn ids<'a>(&'a self, rule: &'a Rule, window: Option<Window>) -> impl Iterator<Item = AlertIds> + 'a {
        let window = window.filter(|_| !self.of_event);
        self.keys.iter().map(move |key| {
            let mut alert = start(b'a', rule);
            if let Some(window) = window {
                alert.push(1);
                alert.extend(window.from.timestamp_millis().to_be_bytes());
                alert.extend(window.to.timestamp_millis().to_be_bytes());
            } else {
                alert.push(0);
            }
            alert.extend(key);
            let mut group = start(b'g', rule);
            group.extend(key);
            AlertIds { uuid: Uuid::new_v5(&ALERTS, &alert), group: Uuid::new_v5(&ALERTS, &group) }
        })
    }
}

fn start(kind: u8, rule: &Rule) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(rule.rule_id.as_bytes());
    bytes
}

type Encoded = Result<Vec<Vec<u8>>, datafusion::arrow::error::ArrowError>;

fn positional(columns: &[&ArrayRef], rows: usize) -> Encoded {
    let key = |row| {
        let mut key = Vec::new();
        columns.iter().try_for_each(|column| encode(column, row, &mut key))?;
        Ok(key)
    };
    (0..rows).map(key).collect()
}

/// Values with the names of their columns; nulls are left out, so that a column nobody fills changes nothing.
fn whole(columns: &[(&str, &ArrayRef)], rows: usize) -> Encoded {
    let key = |row| {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (name, column) in columns {
            value.clear();
            encode(column, row, &mut value)?;
            if value != [0] {
                key.extend((name.len() as u64).to_be_bytes());
                key.extend(name.as_bytes());
                key.append(&mut value);
            }
        }
        Ok(key)
    };
    (0..rows).map(key).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use std::sync::Arc;

    use datafusion::arrow::array::{Int32Array, Int64Array, StringArray, StringViewArray};
    use proptest::prelude::*;

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
    }

    fn rule(name: &str) -> Rule {
        Rule::from_text(name, "FROM a").unwrap().rule
    }

    fn window(minutes: i64) -> Window {
        let at = |minutes: i64| chrono::DateTime::from_timestamp(minutes * 60, 0).unwrap();
        Window { from: at(minutes), to: at(minutes + 61) }
    }

    fn ids(batch: &RecordBatch, identity: &Identity, rule: &Rule, window: Option<Window>) -> Vec<AlertIds> {
        Keys::of(batch, identity).unwrap().ids(rule, window).collect()
    }

    fn paths() -> RecordBatch {
        let path: ArrayRef = Arc::new(StringArray::from(vec!["/tmp/a", "/tmp/b", "/tmp/a"]));
        batch(vec![("path", path), ("cc", Arc::new(Int64Array::from(vec![17, 18, 19])))])
    }

    #[test]
    fn a_group_is_known_by_rule_window_and_key() {
        let (rows, a, b) = (paths(), rule("a.esql"), rule("b.esql"));
        let by_path = Identity::Group(vec!["path".into()]);
        let first = ids(&rows, &by_path, &a, Some(window(0)));
        assert_eq!(first[0], first[2]);
        assert_ne!(first[0].uuid, first[1].uuid);
        assert_ne!(first[0].uuid, first[0].group);
        let later = ids(&rows, &by_path, &a, Some(window(60)));
        assert_ne!(first[0].uuid, later[0].uuid);
        assert_eq!(first[0].group, later[0].group);
        assert_ne!(first[0].group, ids(&rows, &by_path, &b, Some(window(0)))[0].group);
        assert_eq!(ids(&rows, &by_path, &a, None)[0].group, first[0].group);
        assert_ne!(ids(&rows, &by_path, &a, None)[0].uuid, first[0].uuid);
    }

    #[test]
    fn identifiers_do_not_change_between_versions() {
        let by_path = Identity::Group(vec!["path".into()]);
        let found = ids(&paths(), &by_path, &rule("a.esql"), Some(window(0)))[0];
        assert_eq!(found.uuid.to_string(), "86ff25e2-7815-54a0-83f9-0ff46e43aa8b");
        assert_eq!(found.group.to_string(), "b692f0e7-936a-554a-8fda-0d82445326dc");
        assert_eq!(found.uuid.get_version_num(), 5);
    }

    #[test]
    fn without_by_there_is_one_group() {
        let all = ids(&paths(), &Identity::Group(Vec::new()), &rule("a.esql"), None);
        assert_eq!(all[0], all[1]);
    }

    #[test]
    fn a_whole_row_counts_every_value_and_no_null() {
        let rows = paths();
        let with_null = {
            let mut columns: Vec<(&str, ArrayRef)> = vec![("zz", Arc::new(StringViewArray::new_null(3)))];
            columns.push(("cc", rows.column(1).clone()));
            columns.push(("path", rows.column(0).clone()));
            batch(columns)
        };
        let keys = Keys::of(&rows, &Identity::Row).unwrap();
        assert_ne!(keys.keys[0], keys.keys[2]);
        assert_eq!(keys, Keys::of(&with_null, &Identity::Row).unwrap());
    }

    #[test]
    fn an_event_is_one_alert_whatever_the_window() {
        let id: ArrayRef = Arc::new(StringArray::from(vec!["1", "1"]));
        let action: ArrayRef = Arc::new(StringArray::from(vec!["start", "end"]));
        let rows = batch(vec![("_id", id), ("event.action", action)]);
        let event = Identity::new(false, None, Vec::new(), &rows.schema());
        assert_eq!(event, Identity::Event(Vec::new()));
        let rule = rule("a.esql");
        let early = ids(&rows, &event, &rule, Some(window(0)));
        assert_eq!(early, ids(&rows, &event, &rule, Some(window(5))));
        assert_eq!(early[0], early[1]);
        let expanded = ids(&rows, &Identity::Event(vec!["event.action".into()]), &rule, None);
        assert_ne!(expanded[0], expanded[1]);
        assert_eq!(Identity::new(true, None, Vec::new(), &rows.schema()), Identity::Row);
    }

    #[test]
    fn a_missing_key_column_is_an_error() {
        let error = Keys::of(&paths(), &Identity::Group(vec!["gone".into()])).unwrap_err();
        assert!(error.to_string().contains("`gone`"));
    }

    proptest! {
        #[test]
        fn rows_may_come_in_any_order(
            rows in prop::collection::vec((prop::option::of("[a-c]{0,2}"), -2_i32..3), 1..20),
            seed: prop::sample::Index,
        ) {
            let shuffled: Vec<_> = {
                let at = seed.index(rows.len());
                rows[at..].iter().chain(&rows[..at]).rev().cloned().collect()
            };
            let keys = |rows: &[(Option<String>, i32)], is_view: bool| {
                let names = rows.iter().map(|(name, _)| name.clone());
                let (name, number): (ArrayRef, ArrayRef) = if is_view {
                    let numbers = Int64Array::from_iter_values(rows.iter().map(|(_, n)| i64::from(*n)));
                    (Arc::new(names.collect::<StringViewArray>()), Arc::new(numbers))
                } else {
                    let numbers = Int32Array::from_iter_values(rows.iter().map(|(_, n)| *n));
                    (Arc::new(names.collect::<StringArray>()), Arc::new(numbers))
                };
                let batch = batch(vec![("name", name), ("number", number)]);
                let mut keys = Keys::of(&batch, &Identity::Group(vec!["name".into(), "number".into()])).unwrap().keys;
                keys.sort();
                keys
            };
            let expected = keys(&rows, false);
            prop_assert_eq!(&expected, &keys(&shuffled, true));
            let distinct = |keys: &[Vec<u8>]| keys.iter().collect::<std::collections::BTreeSet<_>>().len();
            let pairs = rows.iter().collect::<std::collections::BTreeSet<_>>().len();
            prop_assert_eq!(distinct(&expected), pairs);
        }
    }
}
