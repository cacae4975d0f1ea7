//! A rule over a past range, as its schedule would have run it: the rows of every execution, in their order.
//!
//! | file | what |
//! |---|---|
//! | `span` | range, interval and look-back -> executions, and the time that they leave uncovered |
//! | `times` | an event -> the executions that see it |
//! | `late` | the events that no execution could see |
//! | `widen` | the plan of one execution -> the plan of many |
//! | `expr` | its expressions: the execution's time for `now()` |
//! | `order` | its ORDER BY and LIMIT, for each execution by itself |
//! | `panes` | aggregations over windows much longer than the interval |
//! | `chunk` | how many executions one scan works through, by the memory they take |
//! | `replay` | executions -> their rows, by one scan a chunk or, where a plan cannot be widened, one by one |
//! | `meter` | how far a replay is |
//! | `checkpoint` | what is complete, kept on disk, so that a replay goes on from there |
//! | `tally` | rows -> the summary: alerts, limits, days, groups, duplicates |
//! | `compare` | two replays -> alerts added, lost, changed |
//! | `sweep` | one threshold, replaced by several |
//!
//! Whatever way it takes, an execution gives the rows that the engine gives for it alone.

pub mod checkpoint;
mod chunk;
mod compact;
mod compare;
mod expr;
mod late;
mod meter;
mod order;
mod panes;
mod replay;
mod span;
mod sweep;
mod tally;
mod times;
mod widen;

pub use checkpoint::Checkpoint;
pub use compare::{Change, Comparison};
pub use late::late_arrivals;
pub use meter::{Meter, Progress};
pub use replay::{Executed, Replay, Way};
pub use span::{Span, Uncovered};
pub use sweep::Sweep;
pub use tally::{Group, Saved, Sums, Tally};
pub use widen::Refusal;
#[cfg(feature = "cluster")]
pub(crate) use {compact::compact, times::Timetable};
