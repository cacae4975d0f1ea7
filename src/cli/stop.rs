//! Work that ends early with what is complete, rather than at once.

use tokio::sync::watch;

use super::args::ResourceArgs;
use super::threads;
use crate::error::{Error, Kind, Result};

/// Tells work that somebody wants it to end.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<Option<Why>>);

/// Why work should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Interrupted,
    TimeOver,
}

impl Stop {
    /// Waits until the work should end; the error says why. `done` tells what is kept.
    pub(super) async fn wanted(&mut self, done: &str) -> Error {
        match self.0.wait_for(Option::is_some).await.ok().and_then(|why| *why) {
            Some(Why::TimeOver) => {
                Error::new(Kind::Resource, format!("the time limit is over; {done}")).with_help("raise --timeout")
            }
            Some(Why::Interrupted) => Error::new(Kind::Interrupted, format!("interrupted; {done}")),
            // Nobody is left who could ask.
            None => std::future::pending().await,
        }
    }
}

/// Drives `work` to its end. At Ctrl-C or at the time limit it is told to stop, and has its say; a second Ctrl-C ends
/// it at once.
pub(super) fn stoppable(resources: &ResourceArgs, work: impl AsyncFnOnce(Stop) -> Result<u8>) -> Result<u8> {
    let runtime = threads(resources, 0)?;
    let (tell, stop) = watch::channel(None);
    let result = runtime.block_on(async {
        let work = work(Stop(stop));
        let mut work = std::pin::pin!(work);
        let limit = async {
            match resources.timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => drop(tell.send(Some(Why::Interrupted))),
            () = limit => drop(tell.send(Some(Why::TimeOver))),
            result = &mut work => return result,
        }
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Err(Error::new(Kind::Interrupted, "interrupted; no unfinished file is left")),
            result = work => result,
        }
    });
    // A blocking read must not hold up the end.
    runtime.shutdown_background();
    result
}
