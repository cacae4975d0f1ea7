//! Rows from a run to whoever takes them, with progress.

use datafusion::arrow::array::RecordBatch;

use super::progress::{Progress, TICK};
use crate::alert::sink::Flow;
use crate::engine::run::Run;
use crate::error::Result;

/// Gives every batch of `run` to `write`, until the end or until nobody takes any more.
pub(super) async fn drive(
    run: &mut Run,
    progress: &Progress,
    mut write: impl FnMut(RecordBatch) -> Result<Flow>,
) -> Result<()> {
    let mut ticker = tokio::time::interval(TICK);
    loop {
        // Waiting for rows can be given up for a tick and taken up again: no row is lost.
        let batch = tokio::select! {
            batch = run.next() => batch?,
            _ = ticker.tick() => {
                progress.scanned(run.scanned());
                continue;
            }
        };
        let Some(batch) = batch else { return Ok(()) };
        if write(batch)? == Flow::Closed {
            return Ok(());
        }
    }
}
