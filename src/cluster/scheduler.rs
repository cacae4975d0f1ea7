//! The scheduler of a cluster: takes plans, cuts them into stages, and gives the parts of these to executors.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;

use super::codec::Codec;
use super::settings::{LARGEST_MESSAGE, of_process, same_version};
use crate::engine::session::{Options, Session};
use crate::error::{Error, Kind, Result};

/// How a scheduler is started.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// Where it listens; port 0 takes one that is free.
    pub bind: SocketAddr,
    /// The name or address by which executors reach it.
    pub advertise: String,
    /// How long an executor may be silent before its tasks are given to others, in seconds.
    pub executor_timeout: u64,
}

/// A scheduler that listens.
pub struct Scheduler {
    listener: TcpListener,
    options: SchedulerOptions,
    session: Session,
}

impl Scheduler {
    /// A scheduler that listens, and answers once it [serves](Self::serve).
    ///
    /// # Errors
    /// Where it cannot listen.
    pub async fn bind(options: SchedulerOptions, session: &Options) -> Result<Self> {
        let session = Session::try_new(session)?;
        let bind = options.bind;
        let listener = TcpListener::bind(bind).await.map_err(|e| {
            Error::new(Kind::Cluster, format!("cannot listen on {bind}"))
                .with_source(e)
                .with_help("name another address or port with --bind; port 0 takes one that is free")
        })?;
        Ok(Self { listener, options, session })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener
            .local_addr()
            .map_err(|e| Error::new(Kind::Cluster, "the system does not tell the port").with_source(e))
    }

    /// Serves until it is dropped.
    ///
    /// # Errors
    /// Where it can no longer listen.
    pub async fn serve(self) -> Result<()> {
        let address = self.address()?;
        let state = self.session.context().state();
        let builder = move |config| {
            same_version(&config, "scheduler")?;
            Ok(SessionStateBuilder::new_from_existing(state.clone()).with_config(config).build())
        };
        let timeout = self.options.executor_timeout.max(1);
        let config = SchedulerConfig {
            external_host: self.options.advertise.clone(),
            bind_host: address.ip().to_string(),
            bind_port: address.port(),
            // Executors ask for tasks. Where the scheduler gives them, it loses count of what is free when one dies.
            scheduling_policy: TaskSchedulingPolicy::PullStaged,
            grpc_server_max_decoding_message_size: LARGEST_MESSAGE as u32,
            grpc_server_max_encoding_message_size: LARGEST_MESSAGE as u32,
            grpc_client_max_message_size: LARGEST_MESSAGE as u32,
            executor_timeout_seconds: timeout,
            expire_dead_executor_interval_seconds: (timeout / 4).max(1),
            no_executors_grace_period_seconds: timeout.saturating_mul(4),
            override_config_producer: Some(Arc::new(of_process)),
            override_session_builder: Some(Arc::new(builder)),
            override_physical_codec: Some(Arc::new(Codec::scheduler())),
            ..SchedulerConfig::default()
        };
        let failed = |e: BallistaError| Error::new(Kind::Cluster, format!("the scheduler failed: {e}"));
        let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed)?;
        let scheduler =
            create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await.map_err(failed)?;
        start_grpc_service_with_listener(self.listener, scheduler).await.map_err(failed)
    }
}
