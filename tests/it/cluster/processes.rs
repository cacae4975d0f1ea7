//! A scheduler, its executors and their clients, each a process of the program.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::program::{Ran, root};

/// How long processes may take to be there.
const START: Duration = Duration::from_mins(1);

/// A port that nobody listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A process that ends with the test.
pub(super) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A scheduler and its executors.
pub(super) struct Cluster {
    folder: PathBuf,
    url: String,
    _scheduler: Process,
    executors: Mutex<Vec<Option<Process>>>,
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egret"));
    command.current_dir(root()).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

impl Cluster {
    /// A scheduler, which gives up executors that are silent for `timeout` seconds, with two executors.
    pub(super) fn start(folder: &Path, timeout: u64) -> Self {
        let cluster = Self::without_executors(folder, timeout);
        for _ in 0..2 {
            let executor = cluster.executor();
            cluster.executors.lock().unwrap().push(Some(executor));
        }
        cluster.wait_for_executors(2);
        cluster
    }

    /// A scheduler alone.
    pub(super) fn without_executors(folder: &Path, timeout: u64) -> Self {
        let log = folder.join("scheduler.log");
        let scheduler = program()
            .args(["scheduler", "--bind", "127.0.0.1:0", "--log", "info", "--executor-timeout", &timeout.to_string()])
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let scheduler = Process(scheduler);
        let begun = Instant::now();
        let place = loop {
            let told = text(&log);
            let line = told.lines().find_map(|line| line.strip_prefix("the scheduler listens on "));
            if let Some(place) = line.filter(|_| told.ends_with('\n')) {
                break place.to_owned();
            }
            assert!(begun.elapsed() < START, "{told}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let url = format!("http://{place}");
        Self { folder: folder.to_owned(), url, _scheduler: scheduler, executors: Mutex::default() }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn executor(&self) -> Process {
        let port = free_port();
        let work = self.folder.join(format!("work-{port}"));
        let executor = program()
            .args(["executor", "--scheduler", &self.url, "--bind", &format!("127.0.0.1:{port}")])
            .args(["--concurrent-tasks", "1", "--work-dir"])
            .arg(work)
            .stdout(Stdio::null())
            .stderr(File::create(self.folder.join(format!("executor-{port}.log"))).unwrap())
            .spawn()
            .unwrap();
        Process(executor)
    }

    /// Waits until the scheduler has so many executors.
    pub(super) fn wait_for_executors(&self, count: usize) {
        let begun = Instant::now();
        loop {
            let answer = self.ready();
            if answer.contains(&format!("ready: {count} executors registered")) {
                return;
            }
            assert!(begun.elapsed() < START, "{answer}\n{}", text(&self.folder.join("scheduler.log")));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn ready(&self) -> String {
        let place = self.url.trim_start_matches("http://");
        let mut answer = String::new();
        if let Ok(mut connection) = TcpStream::connect(place) {
            let request = format!("GET /readyz HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n");
            let _ = connection.write_all(request.as_bytes());
            let _ = connection.read_to_string(&mut answer);
        }
        answer
    }

    /// Waits until the scheduler has logged a text.
    pub(super) fn wait_for(&self, logged: &str) {
        let begun = Instant::now();
        while !text(&self.folder.join("scheduler.log")).contains(logged) {
            assert!(begun.elapsed() < START, "{logged} is not logged");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills an executor at once, as the system does that has no memory left.
    pub(super) fn kill(&self, which: usize) {
        drop(self.executors.lock().unwrap()[which].take());
    }

    /// Puts another executor in the place of one that was killed.
    pub(super) fn replace(&self, which: usize) {
        let executor = self.executor();
        self.executors.lock().unwrap()[which] = Some(executor);
    }

    /// The program with these arguments on the cluster.
    pub(super) fn egret(&self, args: &[&str]) -> Ran {
        self.begin(args).end(Duration::from_secs(170))
    }

    /// The same, while it runs.
    pub(super) fn begin(&self, args: &[&str]) -> Running {
        let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let child = program()
            .args(args)
            .args(["--cluster", &self.url])
            .stdout(out.try_clone().unwrap())
            .stderr(err.try_clone().unwrap())
            .spawn()
            .unwrap();
        Running { process: Process(child), out, err }
    }
}

/// A client that runs.
pub(super) struct Running {
    process: Process,
    out: File,
    err: File,
}

impl Running {
    /// Does what Ctrl-C does.
    pub(super) fn interrupt(&self) {
        let id = self.process.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    /// What the run gave, which must end before so long.
    pub(super) fn end(mut self, within: Duration) -> Ran {
        let begun = Instant::now();
        let code = loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            assert!(begun.elapsed() < within, "the run hangs\n{}", content(&mut self.err));
            std::thread::sleep(Duration::from_millis(10));
        };
        Ran { code, stdout: content(&mut self.out), stderr: content(&mut self.err) }
    }
}

fn content(file: &mut File) -> String {
    use std::io::{Seek, SeekFrom};
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}
