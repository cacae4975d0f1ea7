//! Where rows go: a stream that may be closed by its reader, or a file that is whole or not there.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use super::staged::{Staged, failure};
use super::{Format, Options, Sink};
use crate::error::{Error, Kind, Result};

/// Whether somebody still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More rows are welcome.
    Open,
    /// The reader of the stream has gone (`| head`): end quietly, as if done.
    Closed,
}

/// A destination that is reserved before there are rows, so that a wrong path costs no query.
pub struct Target {
    name: String,
    writer: Box<dyn Write + Send>,
    staged: Option<Staged>,
    index: Option<String>,
}

impl Target {
    /// A stream, such as standard output; `name` is what errors call it.
    pub fn stream(name: impl Into<String>, writer: Box<dyn Write + Send>) -> Self {
        Self { name: name.into(), writer, staged: None, index: None }
    }

    /// A file at `path`, which appears when the output is finished.
    ///
    /// A path of something that is no file (`/dev/null`, a named pipe) is written to as a stream.
    ///
    /// # Errors
    /// Where the file exists and `force` is not given, or its folder is missing or cannot be written.
    pub fn file(path: impl AsRef<Path>, force: bool) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        if path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let file = std::fs::OpenOptions::new().write(true).open(path);
            let file = file.map_err(|error| failure(path, "cannot be opened", error))?;
            return Ok(Self::stream(name, Box::new(file)));
        }
        Self::staged(name, Staged::create(path, force)?)
    }

    /// A file that appears at its place when the output is finished.
    ///
    /// # Errors
    /// Where the process may open no more files.
    pub fn staged(name: impl Into<String>, staged: Staged) -> Result<Self> {
        Ok(Self { name: name.into(), writer: Box::new(staged.writer()?), staged: Some(staged), index: None })
    }

    /// The same, its bulk bodies being for this index.
    #[must_use]
    pub fn for_index(self, index: Option<String>) -> Self {
        Self { index, ..self }
    }

    /// Whether what is written becomes a file.
    pub const fn is_file(&self) -> bool {
        self.staged.is_some()
    }

    /// The output that writes rows of `schema` here; `width` as in [`Options`].
    ///
    /// # Errors
    /// Where the format cannot hold a type of the schema, or the first bytes cannot be written.
    pub fn open(self, format: Format, schema: SchemaRef, width: Option<usize>) -> Result<Output> {
        let fault = Fault::default();
        let writer = BufWriter::with_capacity(1 << 16, Watched { writer: self.writer, fault: fault.clone() });
        let mut options = Options { width, file: self.staged.is_some(), ..Options::default() };
        options.index = self.index.unwrap_or(options.index);
        let mut output = Output { name: self.name, fault, sink: None, staged: self.staged, rows: 0 };
        match Sink::open(format, schema, writer, &options) {
            Ok(sink) => output.sink = Some(sink),
            // A reader that has gone already is found by the first write.
            Err(error) => _ = output.judge(Err(error))?,
        }
        Ok(output)
    }
}

/// Rows on their way to a [`Target`].
///
/// Dropped without [`finish`](Self::finish), a file leaves nothing behind.
pub struct Output {
    name: String,
    fault: Fault,
    sink: Option<Sink<BufWriter<Watched>>>,
    staged: Option<Staged>,
    rows: u64,
}

impl Output {
    /// Writes the rows of `batch`; on a stream they are there when this returns.
    ///
    /// # Errors
    /// Where they cannot be written, with the cause. A reader that has gone is no error.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<Flow> {
        let Some(sink) = &mut self.sink else { return Ok(Flow::Closed) };
        let mut written = sink.encode(batch);
        if written.is_ok() && self.staged.is_none() {
            written = sink.flush();
        }
        let flow = self.judge(written)?;
        if flow == Flow::Open {
            self.rows += batch.num_rows() as u64;
        }
        Ok(flow)
    }

    /// Writes the end; a file is now at its place.
    ///
    /// # Errors
    /// Where it cannot be written or moved, with the cause.
    pub fn finish(mut self) -> Result<Flow> {
        let Some(sink) = self.sink.take() else { return Ok(Flow::Closed) };
        let closed = sink.close().map(drop);
        let flow = self.judge(closed)?;
        if let Some(staged) = self.staged.take() {
            staged.commit()?;
        }
        Ok(flow)
    }

    /// The rows written so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    fn judge(&mut self, result: Result<(), ArrowError>) -> Result<Flow> {
        let Err(error) = result else { return Ok(Flow::Open) };
        self.sink = None;
        match self.fault.take() {
            Some(cause) if cause.kind() == io::ErrorKind::BrokenPipe && self.staged.is_none() => Ok(Flow::Closed),
            Some(cause) => Err(failure(Path::new(&self.name), "cannot be written", cause)),
            None => {
                Err(Error::new(Kind::Output, format!("{}: cannot be written: {error}", self.name)).with_source(error))
            }
        }
    }
}

/// The last failure of a writer, which layers above might hide or turn into text.
#[derive(Debug, Clone, Default)]
struct Fault(Arc<Mutex<Option<io::Error>>>);

impl Fault {
    fn note(&self, error: &io::Error) {
        let copy = error
            .raw_os_error()
            .map_or_else(|| io::Error::new(error.kind(), error.to_string()), io::Error::from_raw_os_error);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
    }

    fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Watched {
    writer: Box<dyn Write + Send>,
    fault: Fault,
}

impl Watched {
    fn watch<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.fault.note(error);
            }
        })
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.writer.write(bytes);
        self.watch(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.writer.flush();
        self.watch(result)
    }
}
