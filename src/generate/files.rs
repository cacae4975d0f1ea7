//! The files of events and the list of cases, each whole or not there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::event::Event;
use super::plan::{Case, Plan};
use super::world::World;
use super::{Config, Document, Layout, columns, document};
use crate::alert::sink::Staged;
use crate::error::{Error, Kind, Result};

const DAY: i64 = 86_400_000;
/// Events of one batch.
const BATCH: usize = 8_192;

/// Where events are written.
pub(super) struct Files {
    path: PathBuf,
    kind: FilesKind,
}

enum FilesKind {
    Parquet(Layout, ParquetFile, Staged),
    Hive(Hive),
    Ndjson(Lines, Staged),
}

impl Files {
    /// Files that appear when they are committed.
    ///
    /// # Errors
    /// Where the output exists, unless it may be replaced, or cannot be made.
    pub(super) fn create(config: &Config) -> Result<Self> {
        let path = config.out.clone();
        let kind = if config.layout == Layout::HiveParquet {
            FilesKind::Hive(Hive::create(config)?)
        } else {
            let staged = Staged::create(&path, config.force)?;
            let file = staged.writer()?;
            if config.layout == Layout::Ndjson {
                FilesKind::Ndjson(Lines::new(&path, file, config.document)?, staged)
            } else {
                FilesKind::Parquet(config.layout, ParquetFile::create(&path, file, config.layout, config)?, staged)
            }
        };
        Ok(Self { path, kind })
    }

    /// Writes events that follow those written before; `number` is that of the first.
    pub(super) fn write(&mut self, world: &World, plan: &Plan, number: u64, events: &[Event]) -> Result<()> {
        let path = &self.path;
        let batch = |layout, events: &[Event]| {
            columns::batch(world, plan, layout, events)
                .map_err(|error| Error::new(Kind::Engine, format!("cannot make events: {error}")).with_source(error))
        };
        match &mut self.kind {
            FilesKind::Parquet(layout, file, _) => {
                for events in events.chunks(BATCH) {
                    file.write(path, &batch(*layout, events)?)?;
                }
            }
            FilesKind::Hive(hive) => {
                for events in events.chunk_by(|a, b| a.at.div_euclid(DAY) == b.at.div_euclid(DAY)) {
                    let day = events.first().map_or(0, |event| event.at.div_euclid(DAY));
                    for events in events.chunks(BATCH) {
                        hive.write(path, day, &batch(Layout::FlatParquet, events)?)?;
                    }
                }
            }
            FilesKind::Ndjson(lines, _) => {
                lines.write((world, plan), number, events).map_err(|error| unwritable(path, error))?;
            }
        }
        Ok(())
    }

    /// Moves what is written to its place; returns the files and their bytes.
    pub(super) fn commit(self) -> Result<(Vec<PathBuf>, u64)> {
        let path = self.path;
        let files = match self.kind {
            FilesKind::Parquet(_, file, staged) => {
                file.finish(&path)?;
                staged.commit()?;
                vec![path]
            }
            FilesKind::Ndjson(lines, staged) => {
                lines.finish().map_err(|error| unwritable(&path, error))?;
                staged.commit()?;
                vec![path]
            }
            FilesKind::Hive(hive) => hive.commit(&path)?,
        };
        let bytes = files.iter().filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum();
        Ok((files, bytes))
    }
}

struct ParquetFile(ArrowWriter<BufWriter<File>>);

impl ParquetFile {
    fn create(path: &Path, file: File, layout: Layout, config: &Config) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(config.row_group_rows))
            .build();
        // As other programs write: no Arrow schema beside that of Parquet.
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let schema: SchemaRef = columns::schema(layout).map_err(|error| unwritable(path, error))?;
        let writer = BufWriter::with_capacity(1 << 20, file);
        let writer = ArrowWriter::try_new_with_options(writer, schema, options);
        writer.map(Self).map_err(|error| unwritable(path, error))
    }

    fn write(&mut self, path: &Path, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch).map_err(|error| unwritable(path, error))
    }

    fn finish(self, path: &Path) -> Result<()> {
        let mut writer = self.0.into_inner().map_err(|error| unwritable(path, error))?;
        writer.flush().map_err(|error| unwritable(path, error))
    }
}

/// A file a day, in a folder that is made beside its place.
struct Hive {
    config: Config,
    folder: TempDir,
    current: Option<(i64, ParquetFile)>,
    days: Vec<String>,
}

impl Hive {
    fn create(config: &Config) -> Result<Self> {
        let out = &config.out;
        let failed = |error| unwritable(out, error);
        if out.exists() && !out.is_dir() {
            return Err(Error::new(Kind::Output, format!("{}: found a file, expected a folder", out.display())));
        }
        if out.is_dir() && !config.force && fs::read_dir(out).map_err(failed)?.next().is_some() {
            let error = Error::new(Kind::Output, format!("{}: the folder exists and is not empty", out.display()));
            return Err(error.with_help("add --force to replace the days in it"));
        }
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !parent.is_dir() {
            let error = format!("{}: the folder {} does not exist", out.display(), parent.display());
            return Err(Error::new(Kind::Output, error).with_help("create the folder first"));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".egret-").suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        let folder = builder.tempdir_in(parent).map_err(failed)?;
        Ok(Self { config: config.clone(), folder, current: None, days: Vec::new() })
    }

    fn write(&mut self, path: &Path, day: i64, batch: &RecordBatch) -> Result<()> {
        if self.current.as_ref().is_none_or(|(current, _)| *current != day) {
            self.finish_day(path)?;
            let mut name = "date=".to_owned();
            document::push_date(&mut name, day);
            let folder = self.folder.path().join(&name);
            fs::create_dir(&folder).map_err(|error| unwritable(path, error))?;
            let file = File::create(folder.join(PART)).map_err(|error| unwritable(path, error))?;
            self.days.push(name);
            self.current = Some((day, ParquetFile::create(path, file, Layout::FlatParquet, &self.config)?));
        }
        match &mut self.current {
            Some((_, file)) => file.write(path, batch),
            None => Ok(()),
        }
    }

    fn finish_day(&mut self, path: &Path) -> Result<()> {
        self.current.take().map_or(Ok(()), |(_, file)| file.finish(path))
    }

    fn commit(mut self, path: &Path) -> Result<Vec<PathBuf>> {
        self.finish_day(path)?;
        self.place(path).map_err(|error| unwritable(path, error))?;
        Ok(self.days.iter().map(|day| path.join(day).join(PART)).collect())
    }

    /// Moves the days to their place: all at once where there is nothing, else file by file.
    fn place(&self, path: &Path) -> io::Result<()> {
        if !path.exists() {
            fs::rename(self.folder.path(), path)?;
            return Ok(());
        }
        for day in &self.days {
            fs::create_dir_all(path.join(day))?;
            fs::rename(self.folder.path().join(day).join(PART), path.join(day).join(PART))?;
        }
        // Days of an earlier run would be taken for days of this one.
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name();
            let day = name.to_str().unwrap_or("");
            let part = entry.path().join(PART);
            if day.starts_with("date=") && !self.days.iter().any(|ours| ours == day) && part.is_file() {
                fs::remove_file(part)?;
                // Stays where others keep files in it.
                let _ = fs::remove_dir(entry.path());
            }
        }
        Ok(())
    }
}

const PART: &str = "part-0.parquet";

/// JSON documents, compressed as the ending of the path says.
struct Lines {
    document: Document,
    documents: document::Writer,
    buffer: String,
    out: Compressed,
}

enum Compressed {
    Not(File),
    Gzip(GzEncoder<File>),
    Zstd(zstd::Encoder<'static, File>),
}

impl Lines {
    fn new(path: &Path, file: File, document: Document) -> Result<Self> {
        let out = match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => Compressed::Gzip(GzEncoder::new(file, flate2::Compression::default())),
            Some("zst") => {
                let encoder = zstd::Encoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL);
                Compressed::Zstd(encoder.map_err(|error| unwritable(path, error))?)
            }
            _ => Compressed::Not(file),
        };
        Ok(Self { document, documents: document::Writer::default(), buffer: String::new(), out })
    }

    fn write(&mut self, about: (&World, &Plan), number: u64, events: &[Event]) -> io::Result<()> {
        for (number, event) in (number..).zip(events) {
            self.documents.push(&mut self.buffer, about, self.document, number, event);
            if self.buffer.len() >= 1 << 20 {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = self.buffer.as_bytes();
        match &mut self.out {
            Compressed::Not(out) => out.write_all(bytes)?,
            Compressed::Gzip(out) => out.write_all(bytes)?,
            Compressed::Zstd(out) => out.write_all(bytes)?,
        }
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        match self.out {
            Compressed::Not(_) => Ok(()),
            Compressed::Gzip(out) => out.finish().map(drop),
            Compressed::Zstd(out) => out.finish().map(drop),
        }
    }
}

/// The list of planted cases.
pub(super) struct List {
    path: PathBuf,
    staged: Option<(Staged, String)>,
}

impl List {
    /// The list, to be written once the events are; one with the same cases may be there already.
    pub(super) fn prepare(path: PathBuf, cases: &[Case], force: bool) -> Result<Self> {
        let text = csv(cases);
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            return Ok(Self { path, staged: None });
        }
        let staged = Staged::create(&path, force)?;
        Ok(Self { path, staged: Some((staged, text)) })
    }

    pub(super) fn commit(self) -> Result<PathBuf> {
        if let Some((staged, text)) = self.staged {
            staged.writer()?.write_all(text.as_bytes()).map_err(|error| unwritable(&self.path, error))?;
            staged.commit()?;
        }
        Ok(self.path)
    }
}

fn csv(cases: &[Case]) -> String {
    let mut out = "kind,label,execution,process.executable,agent.id,host.name,events,cc\n".to_owned();
    for case in cases {
        let mut at = String::new();
        document::push_instant(&mut at, case.execution.timestamp_millis());
        let cc = case.cc.map(|cc| cc.to_string()).unwrap_or_default();
        let fields = [
            case.kind.to_string(),
            case.label.to_owned(),
            at,
            case.executable.clone(),
            case.agents.join(" "),
            case.hosts.join(" "),
            case.events.to_string(),
            cc,
        ];
        out.push_str(&fields.join(","));
        out.push('\n');
    }
    out
}

fn unwritable(path: &Path, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Output, format!("{}: cannot be written: {cause}", path.display())).with_source(cause)
}
