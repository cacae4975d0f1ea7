//! A plan, run by a cluster: submit, wait, fetch, and cancel where nobody waits any more.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ballista_core::client::BallistaClient;
use ballista_core::config::BallistaConfig;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, CleanJobDataParams, ExecuteQueryParams, GetJobMetricsParams, GetJobStatusParams, KeyValuePair,
    PartitionLocation, execute_query_failure_result, execute_query_result, job_status,
};
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use ballista_core::version;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result as PlanResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tonic::transport::Channel;

use super::fault::{self, external};
use super::report::{Sinks, Told, Unsound};
use super::settings::{LARGEST_MESSAGE, RemoteOptions};
use crate::engine::Warnings;
use crate::error::{Error, Kind, Result};

/// How long to wait before the scheduler is asked again; it doubles from the first to the last.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// How often a job is submitted that loses executors.
const SUBMISSIONS: u32 = 5;

/// How long a cancellation may take.
const CANCELLATION: Duration = Duration::from_secs(3);

/// How often it is looked whether executors are there.
const LOOK: Duration = Duration::from_secs(1);

/// A plan and what a cluster must know to run it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) options: Arc<RemoteOptions>,
    pub(super) settings: Vec<KeyValuePair>,
    /// The plan as it travels.
    pub(super) plan: Vec<u8>,
    /// The plan that this process would run, whose counters count what the cluster did.
    pub(super) local: Arc<dyn ExecutionPlan>,
    pub(super) sinks: Arc<Sinks>,
    pub(super) warnings: Warnings,
}

type Scheduler = SchedulerGrpcClient<Channel>;
type Rows = Pin<Box<dyn Stream<Item = PlanResult<RecordBatch>> + Send>>;

impl Job {
    /// The rows of the plan. Dropping them cancels the job.
    pub(super) fn rows(self: Arc<Self>) -> SendableRecordBatchStream {
        let schema = self.local.schema();
        let typed = Arc::clone(&schema);
        let rows = stream::once(async move { self.begin().await.map_err(external) }).try_flatten();
        let rows = rows.map(move |batch| typed_as(&typed, &batch?));
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }

    /// Runs the job and fetches its first rows; the others follow. A job that lost an executor runs again from its start, and
    /// nothing that it gave is given on.
    async fn begin(&self) -> Result<Rows> {
        for submission in 1..=SUBMISSIONS {
            let Some((done, locations)) = self.run().await? else {
                tracing::warn!(submission, "an executor is lost, the job is cancelled");
                continue;
            };
            let told = match self.told(&done).await? {
                Ok(told) => told,
                Err(Unsound::Again) => {
                    tracing::warn!(submission, "parts of the job ran several times");
                    done.clean().await;
                    continue;
                }
                Err(Unsound::Silent) => {
                    let message = "the cluster does not tell what its tasks met, such as lines that are skipped";
                    return Err(Error::new(Kind::Cluster, message)
                        .with_help("run it again, or on one machine, without --cluster"));
                }
            };
            let mut rows = fetch(locations);
            match rows.next().await {
                // The rows are with the executor that made them, and lost with it; none was given on.
                Some(Err(error)) if submission < SUBMISSIONS => tracing::warn!(%error, submission, "the rows are lost"),
                first => {
                    told.credit(&self.local, &self.sinks, &self.warnings);
                    let rows = stream::iter(first).chain(rows);
                    let clean = stream::once(async move { done.clean().await }).filter_map(|()| async { None });
                    return Ok(Box::pin(rows.chain(clean)));
                }
            }
        }
        let message = format!("executors were lost in each of {SUBMISSIONS} runs of a job");
        Err(Error::new(Kind::Cluster, message).with_help("look into the logs of executors, and run the query again"))
    }

    /// Submits the job and waits until it has run; `None` where an executor was lost meanwhile.
    async fn run(&self) -> Result<Option<(Running, Vec<PartitionLocation>)>> {
        let url = &self.options.scheduler;
        let scheduler = connect(url).await?;
        let mut executors = Executors::new(url, self.options.timeout);
        executors.wait().await?;
        let query = ExecuteQueryParams {
            session_id: self.options.client.clone(),
            settings: self.settings.clone(),
            operation_id: String::new(),
            query: Some(Query::PhysicalPlan(self.plan.clone())),
        };
        let mut request = tonic::Request::new(query);
        version::insert_version_header(request.metadata_mut());
        let mut running = Running::new(url, &scheduler);
        running.submit(request).await?;
        let mut pause = ASK_AGAIN.0;
        loop {
            let params = GetJobStatusParams { job_id: running.id() };
            let status = running.scheduler.get_job_status(params).await.map_err(|status| lost(url, &status))?;
            match status.into_inner().status.and_then(|status| status.status) {
                Some(job_status::Status::Successful(job)) => {
                    running.done = true;
                    return Ok(Some((running, job.partition_location)));
                }
                Some(job_status::Status::Failed(failed)) => {
                    running.done = true;
                    return Err(fault::of_job(&failed.error));
                }
                Some(job_status::Status::Queued(_) | job_status::Status::Running(_)) | None => {}
            }
            if executors.look().await? == Seen::Fewer {
                return Ok(None);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ASK_AGAIN.1);
        }
    }

    /// What the tasks of a job told.
    async fn told(&self, done: &Running) -> Result<Result<Told, Unsound>> {
        let params = GetJobMetricsParams { job_id: done.id() };
        let told = done.scheduler.clone().get_job_metrics(params).await.map_err(|status| lost(&done.url, &status))?;
        Ok(Told::of(told.get_ref()))
    }
}

/// The rows with the types that the plan says; only what says more of a column may differ.
fn typed_as(schema: &SchemaRef, batch: &RecordBatch) -> PlanResult<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)?)
}

/// A job that the scheduler has, or is about to get.
struct Running {
    url: String,
    id: Arc<OnceLock<String>>,
    scheduler: Scheduler,
    done: bool,
}

impl Running {
    fn new(url: &str, scheduler: &Scheduler) -> Self {
        Self { url: url.to_owned(), id: Arc::default(), scheduler: scheduler.clone(), done: true }
    }

    fn id(&self) -> String {
        self.id.get().cloned().unwrap_or_default()
    }

    /// Gives the job to the scheduler. Who gives up waiting does not stop this: the job is known then, to be cancelled.
    async fn submit(&mut self, request: tonic::Request<ExecuteQueryParams>) -> Result<()> {
        let (url, known, mut scheduler) = (self.url.clone(), Arc::clone(&self.id), self.scheduler.clone());
        self.done = false;
        let submission = tokio::spawn(async move {
            let answer = scheduler.execute_query(request).await.map_err(|status| refused(&url, &status))?.into_inner();
            match answer.result {
                Some(execute_query_result::Result::Success(accepted)) => {
                    known.get_or_init(|| accepted.job_id);
                    Ok(())
                }
                Some(execute_query_result::Result::Failure(failure)) => Err(match failure.failure {
                    Some(execute_query_failure_result::Failure::PlanParsingFailure(why)) => fault::of_job(&why),
                    other => fault::of_job(&format!("{other:?}")),
                }),
                None => Err(refused(&url, &tonic::Status::unknown("it gave no answer"))),
            }
        });
        let submitted =
            submission.await.unwrap_or_else(|_| Err(refused(&self.url, &tonic::Status::unknown("it broke off"))));
        // There is nothing to cancel.
        self.done = submitted.is_err();
        submitted
    }

    /// Frees what executors keep of the job.
    async fn clean(mut self) {
        // What stays is freed when its time is over.
        let params = CleanJobDataParams { job_id: self.id(), remove_stage_ids: Vec::new() };
        let _ = self.scheduler.clean_job_data(params).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // Whoever drops a run may end the process next, and its tasks with it: the scheduler is told before.
        let (url, known) = (self.url.clone(), Arc::clone(&self.id));
        let told = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let tell = async {
                let id = loop {
                    match known.get() {
                        Some(id) => break id.clone(),
                        None => tokio::time::sleep(ASK_AGAIN.0).await,
                    }
                };
                cancel(&url, id).await
            };
            if let Ok(runtime) = runtime {
                let _ = runtime.block_on(async { tokio::time::timeout(CANCELLATION, tell).await });
            }
        });
        let _ = told.join();
    }
}

async fn cancel(url: &str, job_id: String) -> Result<()> {
    let mut scheduler = connect(url).await?;
    scheduler.cancel_job(CancelJobParams { job_id }).await.map(|_| ()).map_err(|status| lost(url, &status))
}

async fn connect(url: &str) -> Result<Scheduler> {
    let config = GrpcClientConfig::from(&BallistaConfig::default());
    let endpoint = create_grpc_client_endpoint(url.to_owned(), Some(&config))
        .map_err(|e| Error::new(Kind::Usage, format!("--cluster {url}: expected http://HOST:PORT")).with_source(e))?;
    let channel = endpoint.connect().await.map_err(|e| unreachable(url).with_source(e))?;
    Ok(SchedulerGrpcClient::new(channel)
        .max_encoding_message_size(LARGEST_MESSAGE)
        .max_decoding_message_size(LARGEST_MESSAGE))
}

fn unreachable(url: &str) -> Error {
    Error::new(Kind::Cluster, format!("no scheduler answers at {url}"))
        .with_help("start one with `egret scheduler --bind ADDR:PORT`, and name it with --cluster http://ADDR:PORT")
}

fn refused(url: &str, status: &tonic::Status) -> Error {
    fault::within(status.message()).unwrap_or_else(|| {
        Error::new(Kind::Cluster, format!("the scheduler at {url} refuses the query: {}", status.message()))
    })
}

fn lost(url: &str, status: &tonic::Status) -> Error {
    Error::new(Kind::Cluster, format!("the scheduler at {url} does not tell of the job: {}", status.message()))
        .with_help("a scheduler that was started anew has lost its jobs: run the query again")
}

/// The rows of a job that has run, from the executors that hold them.
fn fetch(locations: Vec<PartitionLocation>) -> Rows {
    let rows = stream::iter(locations).then(|location| async move { partition(location).await.map_err(external) });
    rows.try_flatten().boxed()
}

async fn partition(location: PartitionLocation) -> Result<SendableRecordBatchStream> {
    let layout = location.layout();
    let (Some(executor), Some(id)) = (location.executor_meta, location.partition_id) else {
        return Err(Error::new(Kind::Cluster, "the scheduler does not tell where the rows are"));
    };
    let gone = |error: ballista_core::error::BallistaError| {
        let place = format!("{}:{}", executor.host, executor.port);
        Error::new(Kind::Cluster, format!("the rows are lost with the executor at {place}: {error}"))
            .with_help("run the query again; this machine must reach the executors at the addresses that they have")
    };
    let mut client =
        BallistaClient::try_new(&executor.host, executor.port as u16, LARGEST_MESSAGE, false, None, 3, 100, 0, 0)
            .await
            .map_err(gone)?;
    let host = executor.host.clone();
    client
        .fetch_partition_proxied(&executor.id, &id.into(), location.file_id, layout, &host, executor.port as u16, true)
        .await
        .map_err(gone)
}

/// Whether executors are there.
struct Executors<'a> {
    url: &'a str,
    timeout: Duration,
    count: u64,
    seen: Instant,
    looked: Instant,
}

/// How many executors are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    None,
    AsMany,
    /// Fewer than before.
    Fewer,
}

impl<'a> Executors<'a> {
    fn new(url: &'a str, timeout: Duration) -> Self {
        Self { url, timeout, count: 0, seen: Instant::now(), looked: Instant::now() }
    }

    /// Waits for one.
    async fn wait(&mut self) -> Result<()> {
        while self.ask().await? == Seen::None {
            tokio::time::sleep(ASK_AGAIN.1).await;
        }
        Ok(())
    }

    /// Looks from time to time.
    async fn look(&mut self) -> Result<Seen> {
        if self.looked.elapsed() < LOOK {
            return Ok(Seen::AsMany);
        }
        self.ask().await
    }

    async fn ask(&mut self) -> Result<Seen> {
        self.looked = Instant::now();
        let count = ready(self.url).await?;
        let before = std::mem::replace(&mut self.count, count);
        if count > 0 {
            self.seen = Instant::now();
        } else if self.seen.elapsed() >= self.timeout {
            let message = format!("the scheduler at {} has no executor, for {:?} now", self.url, self.timeout);
            return Err(Error::new(Kind::Cluster, message).with_help(format!(
                "start some with `egret executor --scheduler {}`, or wait longer with --cluster-timeout",
                self.url
            )));
        }
        Ok(match count {
            _ if count < before => Seen::Fewer,
            0 => Seen::None,
            _ => Seen::AsMany,
        })
    }
}

/// How many executors the scheduler says that it has.
async fn ready(url: &str) -> Result<u64> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let place = url.trim_end_matches('/').rsplit("//").next().unwrap_or(url).to_owned();
    let ask = async {
        let mut connection = tokio::net::TcpStream::connect(&place).await?;
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(20), ask).await;
    let answer = answer.map_err(|_| unreachable(url))?.map_err(|e| unreachable(url).with_source(e))?;
    Ok(executors_of(&String::from_utf8_lossy(&answer)))
}

/// The number in `ready: 2 executors registered`; 0 where it is not ready.
fn executors_of(answer: &str) -> u64 {
    let told = answer.rsplit("\r\n").find_map(|line| line.trim().strip_prefix("ready: "));
    told.and_then(|told| told.split(' ').next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::executors_of;

    #[test]
    fn executors_that_a_scheduler_tells_of() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n";
        assert_eq!(executors_of(&format!("{head}ready: 12 executors registered\n")), 12);
        assert_eq!(executors_of(&format!("{head}not ready: 0/1 executors registered\n")), 0);
        assert_eq!(executors_of(""), 0);
    }
}
