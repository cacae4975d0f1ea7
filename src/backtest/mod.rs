//! A rule over a past range, as its schedule would have run it: the rows of every execution, in their order.
//!
//! | file | what |
//! |---|---|
//! | `span` | range, interval and look-back -> executions, and the time that they leave uncovered |
//! | `times` | an event -> the executions that see it |
//! | `widen` | the plan of one execution -> the plan of many |
//! | `panes` | aggregations over windows much longer than the interval |
//! | `chunk` | how many executions one scan works through, by the memory they take |
//! | `replay` | executions -> their rows, by one scan a chunk or, where a plan cannot be widened, one by one |
//! | `meter` | how far a replay is |
//! | `checkpoint` | what is complete, kept on disk, so that a replay goes on from there |
//! | `tally` | rows -> the summary: alerts, limits, days, groups, duplicates |
//!
//! Whatever way it takes, an execution gives the rows that the engine gives for it alone.

pub mod checkpoint;
mod chunk;
mod compact;
mod meter;
mod panes;
mod replay;
mod span;
mod tally;
mod times;
mod widen;

pub use checkpoint::Checkpoint;
pub use meter::{Meter, Progress};
pub use replay::{Executed, Replay, Way};
pub use span::{Span, Uncovered};
pub use tally::{Group, Saved, Tally};
pub use widen::Refusal;
