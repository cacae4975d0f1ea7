//! An executor of a cluster: runs the parts of plans that the scheduler gives it, and keeps what they give until it is
//! fetched.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionConfig;
use object_store::ObjectStore;
use tokio::net::TcpStream;

use super::codec::Codec;
use super::settings::{LARGEST_MESSAGE, of_process};
use super::stage::Stages;
use crate::engine::engine_error;
use crate::engine::session::{Options, Session};
use crate::error::{Error, Kind, Result};
use crate::lake::{Environment, Objects, objects_url};

/// How an executor is started.
#[derive(Debug, Clone)]
pub struct ExecutorOptions {
    /// What tells it from other executors.
    pub id: String,
    /// The host and the port of the scheduler.
    pub scheduler: (String, u16),
    /// Where it listens for those that fetch rows.
    pub bind: SocketAddr,
    /// The name or address by which others reach it; the one that the scheduler sees where `None`.
    pub advertise: Option<String>,
    /// The folder for rows between stages, and for what does not fit into memory.
    pub work_dir: PathBuf,
    /// How many tasks run at the same time.
    pub tasks: usize,
}

/// An executor that is ready to start.
pub struct Executor {
    options: ExecutorOptions,
    session: Session,
    memory_limit: usize,
}

impl Executor {
    /// An executor whose tasks have the memory of `session` together.
    ///
    /// # Errors
    /// Where its port is taken, or its folder cannot be made.
    pub fn new(options: ExecutorOptions, session: &Options) -> Result<Self> {
        let place = options.bind;
        drop(TcpListener::bind(place).map_err(|e| {
            Error::new(Kind::Cluster, format!("cannot listen on {place}"))
                .with_source(e)
                .with_help("name another address or port with --bind")
        })?);
        std::fs::create_dir_all(&options.work_dir).map_err(|e| {
            let folder = options.work_dir.display();
            Error::new(Kind::Output, format!("{folder}: the folder cannot be made")).with_source(e)
        })?;
        let memory_limit = session.memory_limit;
        let session = Options { spill_dir: Some(options.work_dir.clone()), ..session.clone() };
        Ok(Self { options, session: Session::try_new(&session)?, memory_limit })
    }

    /// Serves until it is told to stop: by SIGTERM or Ctrl-C, after the tasks that run.
    ///
    /// # Errors
    /// Where the scheduler cannot be reached, or another version of Egret or Ballista is at work there.
    pub async fn serve(self) -> Result<()> {
        let Self { options, session, memory_limit } = self;
        let (host, port) = options.scheduler.clone();
        answers(&host, port).await?;
        let runtime = session.context().runtime_env();
        let objects = Arc::new(Objects::new(Environment::of_process()));
        let store = Arc::clone(&objects) as Arc<dyn ObjectStore>;
        runtime.register_object_store(objects_url().map_err(engine_error)?.as_ref(), store);
        let state = session.context().state();
        let runtimes =
            move |_: &SessionConfig| -> datafusion::error::Result<Arc<RuntimeEnv>> { Ok(Arc::clone(&runtime)) };
        let place = options.bind.ip();
        let own_host = if place.is_ipv6() { format!("[{place}]") } else { place.to_string() };
        let config = ExecutorProcessConfig {
            executor_id: options.id,
            bind_host: own_host,
            external_host: options.advertise,
            port: options.bind.port(),
            grpc_port: options.bind.port(),
            scheduler_host: host.clone(),
            scheduler_port: port,
            vcores: options.tasks.max(1),
            task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
            work_dir: Some(options.work_dir.display().to_string()),
            // Clients free the rows of their jobs; what is left of those that died goes after a day.
            job_data_ttl_seconds: 24 * 3600,
            job_data_clean_up_interval_seconds: 3600,
            grpc_max_decoding_message_size: LARGEST_MESSAGE as u32,
            grpc_max_encoding_message_size: LARGEST_MESSAGE as u32,
            memory_pool_size: Some(memory_limit as u64),
            override_execution_engine: Some(Arc::new(Stages::new())),
            override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&state))),
            override_runtime_producer: Some(Arc::new(runtimes)),
            override_config_producer: Some(Arc::new(of_process)),
            override_physical_codec: Some(Arc::new(Codec::executor(objects, session.context().task_ctx()))),
            ..ExecutorProcessConfig::default()
        };
        start_executor_process(Arc::new(config)).await.map_err(|error| told(&error, &host, port))
    }
}

/// How long an executor waits for a scheduler that is not there yet.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until somebody listens where the scheduler should.
async fn answers(host: &str, port: u16) -> Result<()> {
    let begun = Instant::now();
    loop {
        match TcpStream::connect((host.trim_matches(['[', ']']), port)).await {
            Ok(_) => return Ok(()),
            Err(error) if begun.elapsed() > PATIENCE => return Err(silent(host, port).with_source(error)),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

fn silent(host: &str, port: u16) -> Error {
    Error::new(Kind::Cluster, format!("no scheduler answers at http://{host}:{port}"))
        .with_help("start one with `egret scheduler`, and name it with --scheduler http://HOST:PORT")
}

fn told(error: &BallistaError, host: &str, port: u16) -> Error {
    let text = error.to_string();
    if text.contains("Could not connect to scheduler") {
        return silent(host, port);
    }
    let error = Error::new(Kind::Cluster, format!("the executor failed: {text}"));
    if text.contains("protocol version mismatch") {
        return error.with_help("use the same version of egret on all machines");
    }
    error
}
