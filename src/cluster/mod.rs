//! Several machines for one run: Ballista's scheduler and executors with the functions and files of Egret.
//!
//! The client plans a query as it would for itself and hands the physical plan over ([`Remote`]), so the rows are those of
//! the same plan. The scheduler cuts it into stages, and executors run the stages part by part.
//!
//! | file | what |
//! |---|---|
//! | `settings` | what a client asks of a cluster, and which versions go together |
//! | `fit` | which plans a cluster runs right, and what stands against the others |
//! | `scan` | scans of files: as they travel, and as they run again |
//! | `functions` | the same for functions |
//! | `codec` | plans to bytes and back |
//! | `wire` | the messages that the bytes hold |
//! | `report` | what tasks met and did, from executors back to the client |
//! | `fault` | errors, likewise |
//! | `stage`, `compact` | a part of a plan, run by an executor |
//! | `job` | a plan, run by a cluster: submit, wait, fetch, cancel |
//! | `remote` | a session whose plans a cluster runs |
//! | `scheduler`, `executor` | the processes of a cluster |

mod codec;
mod compact;
mod executor;
mod fault;
mod fit;
mod functions;
mod job;
mod remote;
mod report;
mod scan;
mod scheduler;
mod settings;
mod stage;
mod wire;

pub use executor::{Executor, ExecutorOptions};
pub use remote::Remote;
pub use scheduler::{Scheduler, SchedulerOptions};
pub use settings::RemoteOptions;
