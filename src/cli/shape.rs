//! What a row of a rule's result becomes: the row as it is, or an alert.

use std::sync::Arc;

use clap::ValueEnum;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use crate::alert::Decorator;
use crate::error::{Error, Kind, Result};

/// What a row of a rule's result becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shape {
    /// The columns of the query
    Rows,
    /// Alerts as Elastic's: ids, reason, rule and window, the query's columns, the event they come from
    Alerts,
}

impl Shape {
    /// What one of them is called.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Rows => "row",
            Self::Alerts => "alert",
        }
    }
}

/// Rows as the engine gives them, to rows as they are written.
pub(super) enum Shaper {
    /// Without so many columns at the end.
    Rows(usize),
    Alerts(Box<Decorator>),
}

impl Shaper {
    pub(super) fn schema(&self, rows: &SchemaRef) -> Result<SchemaRef> {
        match self {
            Self::Rows(0) => Ok(Arc::clone(rows)),
            Self::Rows(hidden) => {
                let visible: Vec<usize> = (0..rows.fields().len().saturating_sub(*hidden)).collect();
                rows.project(&visible).map(Arc::new).map_err(|e| Error::new(Kind::Engine, "columns").with_source(e))
            }
            Self::Alerts(decorator) => Ok(Arc::clone(decorator.schema())),
        }
    }

    pub(super) fn shape(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        match self {
            Self::Rows(0) => Ok(batch.clone()),
            Self::Rows(hidden) => {
                let visible: Vec<usize> = (0..batch.num_columns().saturating_sub(*hidden)).collect();
                batch.project(&visible).map_err(|e| Error::new(Kind::Engine, "columns").with_source(e))
            }
            Self::Alerts(decorator) => decorator.decorate(batch),
        }
    }
}
